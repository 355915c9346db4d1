"""What stands for functions of Keras and TensorFlow while code of layers runs on symbolic tensors.

Keras's own functions refuse there what they take of tensors, and TensorFlow's refuse symbolic tensors as such. Outside
of a trace nothing is exchanged, and what is given no symbolic tensor is computed as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from string import ascii_lowercase
from typing import Any

import numpy as np

from nnspec.errors import PortError
from nnspec_tensorflow.startup import keras, tf

ops = keras.ops
_NP = keras.src.ops.numpy


@contextmanager
def as_when_it_runs() -> Iterator[None]:
    """Within, code of layers gets of symbolic tensors what it gets of tensors when it runs."""
    before = [(place, name, vars(place).get(name)) for place, name, _ in _STAND_INS]
    for place, name, make in _STAND_INS:
        setattr(place, name, make(getattr(place, name)))
    try:
        yield
    finally:
        for place, name, own in before:
            if own is None:
                delattr(place, name)
            else:
                setattr(place, name, own)


def _node(node: Any) -> Callable[..., Any]:
    """A layer may give None beside its tensors, as one that has no cache does."""

    def made(operation: Any, call_args: Any = None, call_kwargs: Any = None, outputs: Any = None) -> Any:
        tensors = [x for x in keras.tree.flatten(outputs) if x is not None]
        return node(operation=operation, call_args=call_args, call_kwargs=call_kwargs, outputs=tensors)

    return made


def _ndim(_: Any) -> Callable[..., Any]:
    """How many axes there are is a number."""
    return lambda self, x: len(x.shape)


def _einsum(call: Any) -> Callable[..., Any]:
    """Equations in small letters: of others Keras does not know the shapes."""

    def called(self: Any, *operands: Any, **kwargs: Any) -> Any:
        equation = self.subscripts
        free = iter(letter for letter in ascii_lowercase if letter not in equation)
        small = {letter: next(free) for letter in dict.fromkeys(equation) if letter.isupper()}
        self.subscripts = "".join(small.get(letter, letter) for letter in equation)
        return call(self, *operands, **kwargs)

    return called


def _gather(function: Any) -> Callable[..., Any]:
    """``tf.gather``."""

    def gathered(
        params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0, name: Any = None
    ) -> Any:
        if not any(isinstance(x, keras.KerasTensor) for x in (params, indices)):
            return function(params, indices, validate_indices, axis, batch_dims, name)
        rank = len(params.shape)
        place = (batch_dims if axis is None else int(axis)) % rank
        if not batch_dims:
            return ops.take(params, indices, axis=place)
        if batch_dims == place == rank - 1 and len(indices.shape) == rank:
            return ops.take_along_axis(params, indices, axis=place)
        raise PortError(f"tf.gather with {batch_dims} batch axes along the axis {place} has no counterpart")

    return gathered


def _resize(function: Any) -> Callable[..., Any]:
    """``tf.compat.v1.image.resize`` with the middles of corners where they were: weighted sums along both axes."""

    def resized(
        images: Any, size: Any, method: Any = "bilinear", align_corners: bool = False, *args: Any, **kwargs: Any
    ) -> Any:
        if not isinstance(images, keras.KerasTensor):
            return function(images, size, method, align_corners, *args, **kwargs)
        if method not in ("bilinear", tf.compat.v1.image.ResizeMethod.BILINEAR) or not align_corners or args or kwargs:
            raise PortError("tf.compat.v1.image.resize has a counterpart for bilinear with align_corners alone")
        rows, columns = (_between(n, int(m)) for n, m in zip(images.shape[1:3], size, strict=True))
        return ops.einsum("qw,bpwc->bpqc", columns, ops.einsum("ph,bhwc->bpwc", rows, images))

    return resized


def _between(size: int, new: int) -> Any:
    """What each of so many new elements is made of, evenly from the first old one to the last."""
    places = np.arange(new) * ((size - 1) / max(new - 1, 1))
    lower = np.minimum(places.astype(int), size - 1)
    share = places - lower
    weights = np.zeros((new, size), np.float32)
    weights[np.arange(new), lower] += 1 - share
    weights[np.arange(new), np.minimum(lower + 1, size - 1)] += share
    return ops.convert_to_tensor(weights)


_STAND_INS: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
    (keras.src.layers.layer, "Node", _node),
    (_NP.Ndim, "symbolic_call", _ndim),
    (_NP.Einsum, "symbolic_call", _einsum),
    (tf, "gather", _gather),
    (tf.compat.v1.image, "resize", _resize),
)
