"""Reductions along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nnspec import reductions as specs
from nnspec.layers.base import Operation
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.pooling import first_maximum
from nnspec_tensorflow.realize import Context, build, sizes, traced_sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register(specs.LogSumExp)
@build.register(specs.Max)
@build.register(specs.Mean)
@build.register(specs.Min)
@build.register(specs.Prod)
@build.register(specs.Std)
@build.register(specs.Sum)
@build.register(specs.Var)
@build.register(specs.VectorNorm)
def reduction(spec: Operation, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def total(spec: specs.Sum, x: Tensor) -> Tensor:
    return tf.reduce_sum(x, spec.axes(x.shape), spec.keepdims)


@formula.register
def mean(spec: specs.Mean, x: Tensor) -> Tensor:
    return tf.reduce_mean(x, spec.axes(x.shape), spec.keepdims)


@formula.register
def prod(spec: specs.Prod, x: Tensor) -> Tensor:
    return tf.reduce_prod(x, spec.axes(x.shape), spec.keepdims)


@formula.register
def log_sum_exp(spec: specs.LogSumExp, x: Tensor) -> Tensor:
    return tf.reduce_logsumexp(x, spec.axes(x.shape), spec.keepdims)


@formula.register
def maximum(spec: specs.Max, x: Tensor) -> Tensor:
    return _maximum(spec, x)


@formula.register
def minimum(spec: specs.Min, x: Tensor) -> Tensor:
    return -_maximum(spec, -x)


def _maximum(spec: specs.Max | specs.Min | specs.VectorNorm, x: Tensor) -> Tensor:
    """The maximum whose gradient goes to the first of equal elements: they become one axis, in row-major order."""
    axes, shape = spec.axes(x.shape), sizes(x)
    kept = [i for i in range(len(shape)) if i not in axes]
    row = tf.reshape(tf.transpose(x, (*kept, *axes)), (*(shape[i] for i in kept), math.prod(shape[i] for i in axes)))
    y = first_maximum(row)
    return tf.reshape(y, [1 if i in axes else size for i, size in enumerate(shape)]) if spec.keepdims else y


def _variance(spec: specs.Var | specs.Std, x: Tensor) -> Tensor:
    axes = spec.axes(x.shape)
    squares = tf.square(x - tf.reduce_mean(x, axes, True))
    count = math.prod(traced_sizes(spec, x, axes)) - spec.correction
    return tf.reduce_sum(squares, axes, spec.keepdims) / constant(count, x)


@formula.register
def var(spec: specs.Var, x: Tensor) -> Tensor:
    return _variance(spec, x)


def _root(squared: Tensor, root: Callable[[Tensor], Tensor]) -> Tensor:
    """A root whose derivative at 0 is 0 instead of infinite."""
    zero = squared == 0
    return tf.where(zero, tf.zeros_like(squared), root(tf.where(zero, tf.ones_like(squared), squared)))


@formula.register
def std(spec: specs.Std, x: Tensor) -> Tensor:
    return _root(_variance(spec, x), tf.sqrt)


@formula.register
def vector_norm(spec: specs.VectorNorm, x: Tensor) -> Tensor:
    order = spec.ord
    if order == "inf":
        return _maximum(spec, tf.abs(x))
    if order == 1:
        return tf.reduce_sum(tf.abs(x), spec.axes(x.shape), spec.keepdims)
    if order == 2:
        return _root(tf.reduce_sum(tf.square(x), spec.axes(x.shape), spec.keepdims), tf.sqrt)
    total = tf.reduce_sum(tf.pow(tf.abs(x), constant(order, x)), spec.axes(x.shape), spec.keepdims)
    return _root(total, lambda total: tf.pow(total, constant(1 / order, x)))
