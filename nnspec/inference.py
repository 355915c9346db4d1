"""Inference at one batch shape: what servers call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.layers.base import show

if TYPE_CHECKING:
    from nnspec.backends import Array, Arrays, Net
    from nnspec.model import Model

# How many rows; the whole shape of the only input, with the batch axis; or the whole shapes by input.
BatchShape = int | Sequence[int] | Mapping[str, Sequence[int]]


class Inference:
    """A net's forward pass in inference mode at one batch shape, as :meth:`nnspec.backends.Net.compiled` makes it.

    Call it with the inputs by name, NumPy arrays or the framework's own; it gives the outputs by node name, as NumPy
    arrays of their own memory, with the net's variables as they are at the time of the call. It changes no state and
    may be called from several threads.

    A batch of fewer rows is filled up with copies of its last row, and the outputs are cut. In inference the layers of
    the vocabulary keep rows apart: what a row's outputs are does not depend on the rows around it, to the last bit.
    Programs compiled for other batch shapes may sum in another order, so outputs may differ from theirs by rounding.

    This class computes by ``net.forward``, which fits every backend. A backend that compiles derives its own from it,
    with :meth:`run`.

    Attributes:
        net: the net that computes.
        shapes: the inputs' whole shapes by name.
        batch_size: the number of rows that it computes at once.

    Args:
        net: the net.
        shape: the number of rows, where the model's inputs have no free axes; or the whole shape of the only input,
            ``(32, 128)``; or the whole shapes by input, ``{"x": (32, 128), "mask": (32, 128)}``.

    Raises:
        SpecError: an unknown or a missing input.
        ShapeError: a shape that does not fit the model, or a free axis without a size.
    """

    def __init__(self, net: Net, shape: BatchShape) -> None:
        self.net = net
        self.shapes = batch_shapes(net.model, shape)
        self.batch_size = next(iter(self.shapes.values()))[0]

    def __call__(self, inputs: Arrays) -> dict[str, Array]:
        """The outputs by node name.

        Args:
            inputs: by name, 1 to ``batch_size`` rows of the shapes that this was compiled for.

        Raises:
            SpecError: an unknown or a missing name.
            ShapeError: a shape or a dtype that does not fit.
        """
        given = {name: np.asarray(x) for name, x in inputs.items()}
        rows = self._rows(given)
        missing = self.batch_size - rows
        if not missing:
            return self.run(given)
        # Copies of a row rather than zeros: nothing is computed that the batch itself does not ask for.
        filled = {name: np.concatenate([x, np.repeat(x[-1:], missing, axis=0)]) for name, x in given.items()}
        return {name: output[:rows].copy() for name, output in self.run(filled).items()}

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """The outputs of a full batch."""
        return self.net.forward(inputs)

    def on_device(self, inputs: Arrays) -> dict[str, Any]:
        """The outputs of a full batch as the framework's own arrays, which can be given to the next call.

        Raises:
            SpecError: an unknown or a missing name.
            ShapeError: a shape or a dtype that does not fit, or fewer rows.
        """
        self._full(inputs)
        return self.run(inputs)

    def to_host(self, arrays: Mapping[str, Any]) -> dict[str, Array]:
        """Arrays of :meth:`on_device` as NumPy arrays of their own memory."""
        return {name: np.array(x) for name, x in arrays.items()}

    def _full(self, inputs: Mapping[str, Any]) -> None:
        if self._rows(inputs) < self.batch_size:
            raise ShapeError(f"a full batch of {self.batch_size} rows is needed")

    def _rows(self, given: Mapping[str, Any]) -> int:
        """How many rows the inputs have."""
        for name in given:
            if name not in self.shapes:
                raise SpecError(f"the model has no input {name!r}{did_you_mean(name, self.shapes)}")
        counts: dict[str, int] = {}
        for name, shape in self.shapes.items():
            if name not in given:
                raise SpecError(f"the input {name!r} is missing")
            size = tuple(np.shape(given[name]))
            if len(size) != len(shape) or size[1:] != shape[1:] or not 1 <= size[0] <= shape[0]:
                fewer = "" if shape[0] == 1 else " or fewer rows"
                raise ShapeError(f"compiled for the shape {show(shape)}{fewer}, got {show(size)}", (name,))
            counts[name] = size[0]
        first, rows_of_first = next(iter(counts.items()))
        for name, count in counts.items():
            if count != rows_of_first:
                raise ShapeError(f"a batch of {count}, but the input {first!r} has one of {rows_of_first}", (name,))
        return rows_of_first


def batch_shapes(model: Model, shape: BatchShape) -> dict[str, tuple[int, ...]]:
    """The whole shapes of a model's inputs by name, in the model's order. See :class:`Inference`."""
    if isinstance(shape, Mapping):
        for name in shape:
            if name not in model.inputs:
                raise SpecError(f"the model has no input {name!r}{did_you_mean(name, model.inputs)}")
        for name in model.inputs:
            if name not in shape:
                raise SpecError(f"the shape of the input {name!r} is missing")
        found = {name: tuple(int(size) for size in shape[name]) for name in model.inputs}
    elif isinstance(shape, Sequence):
        if len(model.inputs) != 1:
            raise SpecError(f"give the shapes by name: the model has the inputs {', '.join(model.inputs)}")
        found = {name: tuple(int(size) for size in shape) for name in model.inputs}
    else:
        found = {name: (int(shape), *_sizes(name, declared.shape)) for name, declared in model.inputs.items()}
    _check(model, found)
    return found


def _sizes(name: str, declared: tuple[int | None, ...] | None) -> list[int]:
    sizes = [size for size in declared or () if size is not None]
    if declared is None or len(sizes) < len(declared):
        known = "unknown" if declared is None else show((None, *declared))
        raise ShapeError(f"a batch size is not enough, the shape is {known}: give the whole shape", (name,))
    return sizes


def _check(model: Model, shapes: Mapping[str, tuple[int, ...]]) -> None:
    first, *_ = shapes
    for name, shape in shapes.items():
        if not shape or min(shape) < 1:
            raise ShapeError(f"expected a batch size and the sizes of all axes, from 1 up, got {show(shape)}", (name,))
        if shape[0] != shapes[first][0]:
            raise ShapeError(f"a batch of {shape[0]}, but the input {first!r} has one of {shapes[first][0]}", (name,))
    model.infer(*((None, *shape[1:]) for shape in shapes.values()))


class Exact:
    """Whether inputs can be handed to a compiled program as they are.

    Args:
        shapes: whole shapes by name.
        dtypes: the dtypes that the program takes, by name.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], dtypes: Mapping[str, Any]) -> None:
        self._expected = tuple((name, shape, np.dtype(dtypes[name])) for name, shape in shapes.items())

    def __call__(self, inputs: Arrays) -> list[Any] | None:
        """The inputs in the program's order, or None if anything has to be checked or changed."""
        if len(inputs) != len(self._expected):
            return None
        found = []
        for name, shape, dtype in self._expected:
            x: Any = inputs.get(name)
            if getattr(x, "shape", None) != shape or x.dtype != dtype:
                return None
            found.append(x)
        return found
