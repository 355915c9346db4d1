"""Products of vectors."""

from __future__ import annotations

from typing import Any

from nnspec.contraction import Outer
from nnspec.layers.base import Operation
from nnspec_tensorflow.realize import Context, build
from nnspec_tensorflow.startup import keras
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register(Outer)
def operation(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def outer(spec: Outer, x1: Tensor, x2: Tensor) -> Tensor:
    return x1[..., None] * x2[..., None, :]
