"""Which elements of which Keras variables the parameters and statistics of a port are made of.

Conversions only rearrange: they reshape, transpose, reorder gates. So the model is converted once more with each
variable holding the numbers of its elements, and what comes out says where every element of the port's variables comes
from, and how gradients by Keras's variables are gradients by the port's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays
from nnspec_tensorflow.porting.computing import variables_of
from nnspec_tensorflow.startup import keras, tf


@dataclass(frozen=True)
class _Place:
    """Where a port's variable lies among Keras's.

    Attributes:
        first, last: the variables that its elements are in, by number.
        shape: of the port's.
        elements: which of theirs, flat, one after the other; None for all in the same order.
    """

    first: int
    last: int
    shape: tuple[int, ...]
    elements: NDArray[Any] | None

    @classmethod
    def of(cls, numbers: NDArray[Any], starts: NDArray[np.int64]) -> _Place:
        """Of the numbers of its elements, where each variable's numbers begin somewhere."""
        first, last = (int(np.searchsorted(starts, n, "right")) - 1 for n in (numbers.min(), numbers.max()))
        begin, end = starts[first], starts[last + 1]
        flat = numbers.reshape(-1)
        if flat.size == end - begin and np.array_equal(flat, np.arange(begin, end, dtype=flat.dtype)):
            return cls(first, last, numbers.shape, None)
        return cls(first, last, numbers.shape, flat - flat.dtype.type(begin))

    def gather(self, array: Callable[[int], Array]) -> Array:
        """The port's array, of those by the number of Keras's variable."""
        parts = [array(i).reshape(-1) for i in range(self.first, self.last + 1)]
        flat = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return (flat if self.elements is None else flat[self.elements]).reshape(self.shape)


@dataclass(frozen=True)
class Origins:
    """The origin of a port's variables.

    Attributes:
        variables: Keras's variables by number.
        _places: where the port's lie among them, by canonical name.
    """

    variables: dict[str, Any]
    _places: dict[str, _Place]

    @classmethod
    def of(cls, model: Any, again: Callable[[], Arrays], variables: Arrays) -> Origins:
        """Find them.

        Args:
            model: the Keras model.
            again: converts it anew, and gives the port's variables.
            variables: those of the port.
        """
        own = variables_of(model)
        starts = np.cumsum([0, *(math.prod(variable.shape) for variable in own)], dtype=np.int64)
        dtype = np.int32 if starts[-1] < 2**31 else np.int64
        scope = keras.StatelessScope()
        for start, end, variable in zip(starts, starts[1:], own, strict=False):
            numbers = np.arange(start, end, dtype=dtype).reshape(variable.shape)
            scope.state_mapping[id(variable)] = tf.constant(numbers)
        with scope:
            numbered = again()
        places = {}
        for name, numbers in numbered.items():
            whole = numbers.dtype.kind in "iu" and numbers.size and 0 <= numbers.min() <= numbers.max() < starts[-1]
            if whole:
                place = _Place.of(numbers, starts)
                if np.array_equal(place.gather(lambda i: np.asarray(own[i].value)), variables[name]):
                    places[name] = place
        return cls({str(i): variable for i, variable in enumerate(own)}, places)

    def canonical(self, values: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """Arrays for the port's variables, made of arrays for Keras's; without those that are made of none."""

        def array(i: int) -> Array:
            return np.asarray(values[str(i)])

        return {name: self._places[name].gather(array) for name in names if name in self._places}
