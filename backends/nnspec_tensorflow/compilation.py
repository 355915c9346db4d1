"""Compilation by XLA, one trace per signature."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nnspec_tensorflow.startup import tf


def concrete(function: Callable[..., Any], *arguments: Any) -> Any:
    """A function, traced for arguments like these (tensors or ``TensorSpec``) and compiled by XLA when first called."""
    # Behind a lambda: keyword arguments of a partial would join the signature.
    traced = tf.function(lambda *inner: function(*inner), jit_compile=True, autograph=False)
    return traced.get_concrete_function(*arguments)


class Compiled:
    """A function of (nested) tensors, compiled by XLA for each combination of shapes and dtypes it meets.

    A ``tf.function`` that is called with many shapes prints warnings; concrete functions, kept here, do not.

    Args:
        function: takes and returns tensors; its variables exist before the first call.

    Attributes:
        seconds: how long the first calls of all signatures took, in which it is traced and compiled.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.seconds = 0.0
        self._function = function
        self._made: dict[Any, Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        key = tuple((tuple(t.shape), t.dtype) for t in tf.nest.flatten(arguments))
        made = self._made.get(key)
        if made is not None:
            return made(*arguments)
        began = time.perf_counter()
        made = self._made[key] = concrete(self._function, *arguments)
        result = made(*arguments)
        self.seconds += time.perf_counter() - began
        return result

    @property
    def traces(self) -> int:
        """How many signatures the function was compiled for so far."""
        return len(self._made)
