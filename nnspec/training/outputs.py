"""Outputs: what the targets and the sample weights of each are fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, ShapeError
from nnspec.layers.base import Shape
from nnspec.losses.base import ignored_label
from nnspec.training.raw import Target
from nnspec.training.targets import Place, cast, check_finite, encode, fit
from nnspec.vocabulary import tag_of

Array = NDArray[Any]


def sizes(shape: Shape) -> tuple[int, ...]:
    """The shape of one example's output."""
    known = tuple(size for size in shape[1:] if size is not None)
    if len(known) != len(shape) - 1 or not known:
        raise ShapeError(f"the model's output has the shape {list(shape[1:])}, whose sizes are not all known")
    return known


@dataclass(frozen=True)
class Output:
    """What targets and weights of an output are fitted to: its losses and its shape without the batch."""

    losses: tuple[Any, ...]
    shape: tuple[int, ...]
    one_hot: bool
    dtype: str

    def targets(
        self, given: Mapping[str, Target], places: Mapping[str, Place]
    ) -> tuple[dict[str, Array], tuple[Any, ...] | None]:
        """The targets of each split as the losses take them, and what ids in them stand for."""
        first = self.losses[0]
        ids = first.targets != "values" or self.one_hot
        # Ids of groups are any; those of classes stand for outputs.
        classes_at_most = self.shape[-1] if first.targets == "labels" or self.one_hot else None
        ignored = None if self.one_hot else ignored_label(first, np.dtype(np.int32 if ids else np.float64))
        values, classes = _encoded(given, places, ids=ids, outputs=classes_at_most, ignored=ignored)
        found = {name: self._fitted(array, places[name]) for name, array in values.items()}
        if classes is None and classes_at_most is not None and values["train"].dtype.kind in "iub":
            classes = tuple(range(classes_at_most))
        return found, classes

    def _fitted(self, values: Array, place: Place) -> Array:
        """Targets that all losses of the output take."""
        options: dict[str, Any] = {"output": self.shape, "one_hot": self.one_hot, "dtype": wide(self.dtype)}
        made = [fit(values, loss=loss, place=place, **options) for loss in self.losses]
        for loss, other in zip(self.losses[1:], made[1:], strict=True):
            if other.shape != made[0].shape or other.dtype != made[0].dtype:
                names = f"{tag_of(type(self.losses[0]))} and {tag_of(type(loss))}"
                remedy = ": set one_hot: true" if not self.one_hot and values.dtype.kind in "iub" else ""
                raise DataError(f"{names} take other targets, of shapes {made[0].shape} and {other.shape}{remedy}")
        return made[0]

    def weights(self, weights: Array, place: Place) -> Array:
        """Sample weights: finite, not negative, not all 0, one per example or per position."""
        if weights.dtype.kind not in "iubf":
            raise DataError(f"weights are numbers, got dtype {weights.dtype}")
        check_finite(weights, "weight", place)
        for loss in self.losses:
            positions = loss.positions((None, *self.shape))[1:]
            if weights.shape[1:] != positions[: weights.ndim - 1]:
                shape = list(weights.shape[1:])
                raise ShapeError(
                    f"weights weigh an example or a position of the outputs {list(self.shape)}, got shape {shape} per "
                    f"row: the positions of {tag_of(type(loss))} are {list(positions)}"
                )
        if (weights < 0).any():
            row = int(np.argwhere(weights < 0)[0][0])
            raise DataError(f"{place(row)}: weights are at least 0, got {weights[row]}")
        if not weights.any():
            raise DataError("all weights are 0")
        return cast(weights, wide(self.dtype), "weight", place)


def _encoded(
    given: Mapping[str, Target],
    places: Mapping[str, Place],
    *,
    ids: bool,
    outputs: int | None,
    ignored: int | None,
) -> tuple[dict[str, Array], tuple[Any, ...] | None]:
    """Names of classes become ids, the validation's by the training's classes; what is ignored is no class."""
    train = given["train"]
    if not train.labels:
        return {name: target.values for name, target in given.items()}, train.classes
    ids_of_training, classes = encode(train.values, None, places["train"], ignored)
    if not ids and len(classes) != 2:
        raise DataError(f"the targets are {len(classes)} classes ({_listed(classes)}): for classes set one_hot: true")
    if outputs is not None and len(classes) > outputs:
        raise DataError(f"the target has {len(classes)} classes ({_listed(classes)}), the model has {outputs} outputs")
    known = None if ids and outputs is None else classes  # groups are those of their own batch
    others = {name: target.values for name, target in given.items() if name != "train"}
    made = {name: encode(values, known, places[name], ignored)[0] for name, values in others.items()}
    return {"train": ids_of_training, **made}, classes


def _listed(classes: tuple[Any, ...]) -> str:
    return ", ".join(map(str, classes[:5])) + (", ..." if len(classes) > 5 else "")


def wide(dtype: str) -> Any:
    """The dtype of targets and weights: losses are computed in float32 at least."""
    return np.float64 if dtype == "float64" else np.float32
