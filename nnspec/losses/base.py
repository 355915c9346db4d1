"""What all losses have: a reduction, and the shapes of what they take and give."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nnspec.errors import ShapeError
from nnspec.layers.base import Shape
from nnspec.spec import Spec, spec

if TYPE_CHECKING:
    import numpy as np

Reduction = Literal["mean", "weighted_mean", "sum"]


def of_classes(field: str, numbers: tuple[float, ...], classes: int | None) -> tuple[float, ...]:
    """A number for each class.

    Raises:
        ShapeError: there are more or fewer classes.
    """
    if len(numbers) != classes:
        raise ShapeError(f"{field} holds {len(numbers)} numbers, for {classes} classes")
    return numbers


def ignored_label(spec: Loss, dtype: np.dtype[Any]) -> int | None:
    """The label that the loss ignores among targets of this dtype; None where no target can be it."""
    label: int | None = getattr(spec, "ignore_label", None)
    if label is None or (spec.targets == "labels" and dtype.kind not in "iu"):
        return None
    if dtype.kind == "b":
        return bool(label) if label in (0, 1) else None
    if dtype.kind in "iu":
        held = 2 ** (8 * dtype.itemsize)
        least = 0 if dtype.kind == "u" else -held // 2
        return label if least <= label < least + held else None
    return label


@spec
class Loss(Spec):
    """Base of all losses."""

    kind: ClassVar[str] = "loss"
    # What the targets are: "labels" (class ids or one distribution per position), "values" (numbers, in the shape that
    # target_shape tells), "groups" (an id per position, of any number of groups), or "sequences" (a row of class ids
    # per example).
    targets: ClassVar[str] = "values"
    # How many of the outputs' last axes make one value: 1 for losses of classes, which stand along the last.
    axes: ClassVar[int] = 0
    # The least and the largest target that means something, whatever the options.
    bounds: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    # What is wrong with an only output per position, and the remedy; "" if nothing is.
    alone: ClassVar[str] = ""
    reduction: Reduction = dataclasses.field(default="mean", kw_only=True)

    def positions(self, outputs: Shape) -> Shape:
        """The shape of the losses before the reduction, for outputs of this shape."""
        return outputs[: len(outputs) - self.axes]

    def target_shape(self, outputs: Shape) -> Shape:
        """The shape of targets that are values or distributions, for outputs of this shape."""
        return outputs

    def class_ids(self, targets: Any) -> Any:
        """What of targets that are integers are class ids; None if none of them are."""
        return targets if self.targets == "labels" else None

    def target_bounds(self) -> tuple[float, float]:
        """The least and the largest target that means something."""
        return self.bounds

    def pools(self) -> bool:
        """Whether examples are summed up before the loss is made of them: their weights belong into these sums, too."""
        return False

    def links(self) -> tuple[str, ...]:
        """The activations that make outputs of logits: first the one that the loss itself applies, if it takes logits.

        A loss without ``from_probabilities`` applies none: it takes what they give.
        """
        return ()

    def choices(self) -> tuple[float, ...] | None:
        """The only targets that mean something, where these are a few; else None."""
        return None

    def result(self, total: float, count: float) -> float:
        """The reduced loss from Σ w·l and its count: positions, Σ w, or anything for a sum."""
        if self.reduction == "sum":
            return total
        return total / count if count else math.nan
