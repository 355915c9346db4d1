"""Which elements of which Keras variables the parameters and statistics of a port are made of.

Conversions only rearrange: they reshape, transpose, reorder gates. So the model is converted once more with each
variable holding the numbers of its elements, and what comes out says where every element of the port's variables comes
from, and how gradients by Keras's variables are gradients by the port's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays
from nnspec_tensorflow.porting.computing import variables_of
from nnspec_tensorflow.startup import keras, tf


@dataclass(frozen=True)
class Origins:
    """The origin of a port's variables.

    Attributes:
        variables: Keras's variables by number.
        _places: canonical name -> which elements of all variables, flat, one after the other, it consists of.
    """

    variables: dict[str, Any]
    _places: dict[str, NDArray[Any]]

    @classmethod
    def of(cls, model: Any, again: Callable[[], Arrays], variables: Arrays) -> Origins:
        """Find them.

        Args:
            model: the Keras model.
            again: converts it anew, and gives the port's variables.
            variables: those of the port.
        """
        own = {str(i): variable for i, variable in enumerate(variables_of(model))}
        sizes = [int(np.prod(variable.shape)) for variable in own.values()]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        dtype = np.int32 if starts[-1] < 2**31 else np.int64
        scope = keras.StatelessScope()
        for start, size, variable in zip(starts, sizes, own.values(), strict=False):
            numbers = np.arange(start, start + size, dtype=dtype).reshape(variable.shape)
            scope.state_mapping[id(variable)] = tf.constant(numbers)
        with scope:
            numbered = again()
        flat = _flat(np.asarray(variable.value) for variable in own.values())
        places = {}
        for name, numbers in numbered.items():
            whole = numbers.dtype.kind in "iu" and numbers.size and 0 <= numbers.min() <= numbers.max() < starts[-1]
            if whole and np.array_equal(flat[numbers], variables[name]):
                places[name] = numbers
        return cls(own, places)

    def canonical(self, values: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """Arrays for the port's variables, made of arrays for Keras's; without those that are made of none."""
        flat = _flat(np.asarray(values[name]) for name in self.variables)
        return {name: flat[self._places[name]] for name in names if name in self._places}


def _flat(arrays: Iterable[Array]) -> Array:
    parts = [array.reshape(-1) for array in arrays]
    return np.concatenate(parts) if parts else np.zeros(0)
