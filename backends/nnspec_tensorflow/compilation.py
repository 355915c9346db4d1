"""Compilation, one trace per signature: by XLA as a whole, but for models that convolve on CPUs.

XLA's convolutions for CPUs are many times slower than TensorFlow's own kernels: a step of a small convolutional network
takes 384 ms where those take 62 ms. A model that convolves is therefore a graph of kernels there. What is made of
many small operations (random masks, pooling, activations, the optimizer) is compiled by XLA by itself: an island.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

from nnspec.model import Model
from nnspec_tensorflow.startup import tf

# Operations: gradients of convolutions.
_GRADIENTS = ("Conv2DBackprop", "Conv3DBackprop")
# Whether what is traced now is a graph of kernels.
_kernels: ContextVar[bool] = ContextVar("kernels", default=False)


def compiles_well(model: Model, device: str | None) -> bool:
    """Whether a model is faster as one program of XLA than as a graph of TensorFlow's kernels."""
    on_cpu = "CPU" in device.upper() if device else not tf.config.list_logical_devices("GPU")
    return not on_cpu or not model.convolves


def by_kernels() -> bool:
    """Whether what is traced now becomes a graph of kernels."""
    return _kernels.get()


def island(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors, compiled by XLA by itself where the graph around it is not, else as it is."""
    return tf.function(_within(function, False), jit_compile=True, autograph=False) if _kernels.get() else function


def one_by_one(gradients: Sequence[Any]) -> None:
    """Have the convolutions' part in these tensors computed one after the other, where they are a graph of kernels.

    Each of these kernels works on all cores. Those for the input and for the kernel of one layer depend on each other
    in nothing, and both at once take 23 ms where they take 17 ms in turn (26×26×32 to 64 channels, batch 128, 2 cores).
    """
    if not _kernels.get():
        return
    needed, found = [tensor.op for tensor in gradients], set()
    while needed:
        op = needed.pop()
        if op not in found:
            found.add(op)
            needed += [tensor.op for tensor in op.inputs]
    # In the order in which they were made, so that no circle arises. The gradient for the model's input is made, too,
    # but not needed: what waited for it would have it computed.
    heavy = [op for op in gradients[0].graph.get_operations() if op in found and op.type.startswith(_GRADIENTS)]
    for before, after in pairwise(heavy):
        # TensorFlow has no public way to order operations that are there already, and these are made by its tape.
        after._add_control_input(before)


def _within(function: Callable[..., Any], kernels: bool) -> Callable[..., Any]:
    # A function of positional arguments alone: keyword arguments of a partial would join the signature.
    def traced(*inner: Any) -> Any:
        token = _kernels.set(kernels)
        try:
            return function(*inner)
        finally:
            _kernels.reset(token)

    return traced


def concrete(function: Callable[..., Any], *arguments: Any, xla: bool = True) -> Any:
    """A function, traced for arguments like these (tensors or ``TensorSpec``).

    With ``xla`` it is compiled as a whole when it is first called, else it is a graph of kernels and islands.
    """
    traced = tf.function(_within(function, not xla), jit_compile=xla, autograph=False)
    return traced.get_concrete_function(*arguments)


def flat(made: Any) -> Callable[..., Any]:
    """A concrete function that takes its tensors one by one and gives a list, for callers who know that they fit.

    TensorFlow binds the arguments of a call to a signature and looks for tapes that record it, which takes longer than
    a small network: without that, a call takes 0.11 ms where it took 0.21 ms.
    """
    inner, captured = made.inference_fn, made.captured_inputs

    def call(*tensors: Any) -> Any:
        return inner.call_flat(*tensors, *captured)

    return call


class Compiled:
    """A function of (nested) tensors, compiled for each combination of shapes and dtypes it meets.

    A ``tf.function`` that is called with many shapes prints warnings; concrete functions, kept here, do not.

    Args:
        function: takes and returns tensors; its variables exist before the first call.
        idle: makes of the arguments such that compute nothing, for a first call that is compiled and timed alone.
        xla: whether XLA compiles it as a whole.

    Attributes:
        seconds: how long the first calls of all signatures took, in which it is traced and compiled.
    """

    def __init__(
        self, function: Callable[..., Any], idle: Callable[..., tuple[Any, ...]] | None = None, *, xla: bool = True
    ) -> None:
        self.seconds = 0.0
        self._xla = xla
        self._idle = idle
        self._function = function
        self._made: dict[Any, Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        key = tuple((tuple(t.shape), t.dtype) for t in tf.nest.flatten(arguments))
        made = self._made.get(key)
        if made is not None:
            return made(*arguments)
        began = time.perf_counter()
        made = self._made[key] = self._make(arguments)
        result = made(*(arguments if self._idle is None else self._idle(*arguments)))
        self.seconds += time.perf_counter() - began
        return result if self._idle is None else made(*arguments)

    def _make(self, arguments: tuple[Any, ...]) -> Any:
        return concrete(self._function, *arguments, xla=self._xla)

    @property
    def traces(self) -> int:
        """How many signatures the function was compiled for so far."""
        return len(self._made)


class CompiledFlat(Compiled):
    """A function of tensors, given one by one, that returns a list of them: called with less ado (see :func:`flat`)."""

    def _make(self, arguments: tuple[Any, ...]) -> Any:
        return flat(super()._make(arguments))
