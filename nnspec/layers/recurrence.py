"""What all layers that go through time have in common: masks, initial states, states as outputs, recurrent dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Shape, known, show

_Input = TypeVar("_Input")


class Recurrence:
    """Beside the fields of a layer; SimpleRNN's docstring says what these mean."""

    # How many arrays the state is, side by side in the last axis; the first is h.
    states: ClassVar[int] = 1
    return_sequences: bool
    initial_state: bool
    mask: bool
    zero_output_for_mask: bool
    recurrent_dropout_rate: float

    def check_masks(self) -> None:
        """Refuse zeros for masked steps where there is no mask, or where the state is the output."""
        if self.zero_output_for_mask and not self.mask:
            raise SpecError("there is no mask: set mask, too", ("zero_output_for_mask",))
        if self.zero_output_for_mask and self.returns_state:
            raise SpecError("masked steps keep the state, which is the output here", ("zero_output_for_mask",))

    @property
    def random(self) -> tuple[str, ...]:
        """The purposes of the random streams: none where nothing is dropped."""
        return ("dropout",) if self.recurrent_dropout_rate else ()

    @property
    def returns_state(self) -> bool:
        """Whether the output is the whole state where that is more than h."""
        return bool(getattr(self, "return_state", False))

    def takes(self) -> int:
        return 1 + self.initial_state + self.mask

    def apart(self, inputs: Sequence[_Input]) -> tuple[_Input, _Input | None, _Input | None]:
        """Of the inputs: x; the initial state, or None; the mask, or None."""
        x, *others = inputs
        mask = others.pop() if self.mask else None
        return x, others[0] if self.initial_state else None, mask

    def output_dtype(self, *dtypes: DType) -> DType:
        layer: Any = self
        if self.mask and dtypes[-1] != "bool":
            raise ShapeError(f"the last input of {type(self).__name__} with a mask is boolean, got {dtypes[-1]} input")
        return Layer.output_dtype(layer, *(dtypes[:-1] if self.mask else dtypes))

    def output_of(self, shapes: tuple[Shape, ...], h: Shape) -> Shape:
        """The output's shape, from that of h after one step.

        Raises:
            ShapeError: the initial state or the mask does not fit, or an activation changes the shape.
        """
        name = type(self).__name__
        for field in ("activation", "recurrent_activation"):
            activation = getattr(self, field, None)
            if activation is not None and activation.output_shape(h) != h:
                raise ShapeError(f"the {field} of {name} has to keep the shape {show(h)} of the state")
        x, state, mask = self.apart(shapes)
        whole = (*h[:-1], self.states * known(h[-1], "the last axis of the state"))
        if state is not None and not _agree(state, whole):
            raise ShapeError(f"the initial state of {name} has the shape {show(whole)}, got {show(state)}")
        if mask is not None and not _agree(mask, x[:2]):
            raise ShapeError(f"the mask of {name} has the shape {show(x[:2])}, as batch and time, got {show(mask)}")
        y = whole if self.returns_state else h
        return (y[0], x[1], *y[1:]) if self.return_sequences else y


def _agree(shape: Shape, expected: Shape) -> bool:
    """Whether two shapes are the same as far as they are known."""
    return len(shape) == len(expected) and all(None in (a, b) or a == b for a, b in zip(shape, expected, strict=True))
