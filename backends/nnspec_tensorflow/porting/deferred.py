"""Layers built before their variables are, or without them.

So that a file cannot have more memory taken than it holds numbers, and that a model's structure takes none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nnspec.errors import FileError
from nnspec_tensorflow.startup import keras

_WAITING = "uninitialized_variables"


class Allowance:
    """How many numbers the variables of a model may have.

    Args:
        place: the file, for errors.
        numbers: how many the file holds.
    """

    # States of recurrent layers and of random ones are in no .h5 file.
    SPARE = 1 << 20

    def __init__(self, place: str, numbers: int) -> None:
        self.place = place
        self.numbers = numbers

    def check(self, layer: Any, inputs: Any) -> None:
        """Before a layer is called: a Normalization makes arrays at once.

        Raises:
            FileError: they would be larger than all that the file holds.
        """
        if not isinstance(layer, keras.layers.Normalization):
            return
        for tensor in keras.tree.flatten(inputs):
            shape = getattr(tensor, "shape", ())
            axes = layer.axis if isinstance(layer.axis, tuple | list) else (layer.axis,)
            sizes = [shape[axis] or 0 for axis in axes if isinstance(axis, int) and -len(shape) <= axis < len(shape)]
            self.demand(math.prod(sizes), f"layer {layer.name!r}")

    def demand(self, numbers: int, what: str) -> None:
        """Raise :class:`FileError` for more numbers than there are."""
        if numbers > self.numbers + self.SPARE:
            raise FileError(
                f"{self.place}: damaged: {what} has {numbers} numbers by its config, and the file holds {self.numbers}"
            )


@contextmanager
def deferred(allowance: Allowance) -> Iterator[None]:
    """Within it, layers are built and called symbolically; their variables are made at the end, of NaN.

    Keras has this for models that are made inside of a stateless scope. Initializers are not run: values follow, and
    what no value follows for is seen by it.

    Raises:
        FileError: the variables would have more numbers than the file. None was made then.
    """
    before = len(_waiting())
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
        made = _waiting()[before:]
        allowance.demand(sum(math.prod(v.shape) for v in made), "the model")
        for variable in made:
            if "float" in str(variable.dtype):
                variable._initializer = keras.initializers.Constant(math.nan)
    except BaseException:
        del _waiting()[before:]
        raise
    with keras.StatelessScope():  # at its end, Keras makes what waits
        pass


@contextmanager
def unheld() -> Iterator[None]:
    """Within it, layers are built and called symbolically, and their variables never get values."""
    before = len(_waiting())
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        del _waiting()[before:]


def _waiting() -> list[Any]:
    found: list[Any] = keras.src.backend.common.global_state.get_global_attribute(_WAITING, [], set_to_default=True)
    return found
