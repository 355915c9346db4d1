"""Compilation by XLA, one trace per signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnspec_tensorflow.startup import tf


class Compiled:
    """A function of (nested) tensors, compiled by XLA for each combination of shapes and dtypes it meets.

    A ``tf.function`` that is called with many shapes prints warnings; concrete functions, kept here, do not.

    Args:
        function: takes and returns tensors; its variables exist before the first call.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._made: dict[Any, Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        key = tuple((tuple(t.shape), t.dtype) for t in tf.nest.flatten(arguments))
        made = self._made.get(key)
        if made is None:
            function = self._function  # behind a lambda: keyword arguments of a partial would join the signature
            traced = tf.function(lambda *inner: function(*inner), jit_compile=True, autograph=False)
            made = self._made[key] = traced.get_concrete_function(*arguments)
        return made(*arguments)

    @property
    def traces(self) -> int:
        """How many signatures the function was compiled for so far."""
        return len(self._made)
