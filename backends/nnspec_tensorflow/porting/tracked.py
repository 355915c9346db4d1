"""What is known of a model's values and variables while it is read, beside their shapes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from nnspec.backends import Array
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Assembly, Value

# How many examples a batch has while code is traced: code computes with the number (None · 4 is an error), makes masks
# and tokens of so many examples, and all of these are met again by it. A prime that nothing else is likely to be.
EXAMPLES = 61


def per_example(sizes: Iterable[Any]) -> list[Any]:
    """Sizes of a shape as code has made them, with None for the batch."""
    return [None if size == EXAMPLES else size for size in sizes]


@dataclass(frozen=True)
class View:
    """How a Keras tensor lies in a value of the graph, whose first axis is the batch in any case.

    Attributes:
        axis: which axis of the tensor is the batch; None where it has none, being the same for all examples.
        factor: how many elements of each example stand along that axis, as after a reshape to (-1, features): the
            value's second axis, unless it is one.
    """

    axis: int | None = 0
    factor: int = 1

    def laid(self, tensor: Array, batch: int) -> Array:
        """Keras's tensor as it lies in the graph, for so many examples."""
        if self.axis is None:
            return np.broadcast_to(tensor, (batch, *tensor.shape))
        front = np.moveaxis(tensor, self.axis, 0)
        return front if self.factor == 1 else front.reshape(batch, self.factor, *front.shape[1:])


@dataclass(frozen=True)
class Use:
    """An operation that has a variable for its layer's own, and how to compute it of the variable's value instead.

    Attributes:
        value: what it gives.
        layer: the layer that has the variable.
        otherwise: the layer that takes it as an input, with its inputs; None where there is none.
    """

    value: Value
    layer: Layer
    otherwise: tuple[Layer, tuple[Value, ...]] | None


@dataclass
class Tracked:
    """What is known of a model's values and variables. Keras variables are known by their ``id``.

    Attributes:
        views: how a value lies, where it is not as Keras has it: the batch in front, by itself.
        holders: the layer that has a variable for its own, and its owner.
        parameters: the value that a variable is by itself, in the graph or in reserve.
        free: variables whose value is in use.
        uses: operations that have a variable for their layer's own.
    """

    views: dict[Value, View] = field(default_factory=dict)
    holders: dict[int, tuple[Layer, Hashable | None]] = field(default_factory=dict)
    parameters: dict[int, Value] = field(default_factory=dict)
    free: set[int] = field(default_factory=set)
    uses: dict[int, list[Use]] = field(default_factory=dict)


_TRACKED: WeakKeyDictionary[Assembly, Tracked] = WeakKeyDictionary()


def tracked(assembly: Assembly) -> Tracked:
    """What is known of the model that is being assembled."""
    return _TRACKED.setdefault(assembly, Tracked())
