"""Layers that drop elements or add noise at random in training: Keras draws other masks than nnspec."""

from __future__ import annotations

from typing import Any

from nnspec.layers.dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GaussianSample,
    SpatialDropout,
    StochasticDepth,
)
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


def _rate(spec: Any, context: Context) -> float:
    return 0.0 if context.quiet else float(spec.rate)


def _noise_shape(spec: Any, context: Context) -> tuple[int | None, ...] | None:
    """Keras's word for axes that share the mask."""
    shape = context.shapes[0]
    shared = {axis % len(shape) for axis in spec.shared(len(shape))}
    return tuple(1 if axis in shared else None for axis in range(len(shape))) if shared else None


@native.register(Dropout)
@native.register(StochasticDepth)
def dropout(spec: Dropout | SpatialDropout | StochasticDepth, context: Context, x: Tensor) -> Tensor:
    noise = _noise_shape(spec, context)
    return context.own(keras.layers.Dropout, _rate(spec, context), noise_shape=noise, seed=None)(x)


@native.register
def spatial_dropout(spec: SpatialDropout, context: Context, x: Tensor) -> Tensor:
    axes = len(context.shapes[0]) - 2
    if axes > 3:
        return dropout(spec, context, x)
    kind = getattr(keras.layers, f"SpatialDropout{axes}D")
    options = {} if axes == 1 else {"data_format": "channels_last"}
    return context.own(kind, _rate(spec, context), seed=None, **options)(x)


@native.register
def alpha_dropout(spec: AlphaDropout, context: Context, x: Tensor) -> Tensor:
    noise = _noise_shape(spec, context)
    return context.own(keras.layers.AlphaDropout, _rate(spec, context), noise_shape=noise, seed=None)(x)


@native.register
def gaussian_noise(spec: GaussianNoise, context: Context, x: Tensor) -> Tensor:
    if spec.stddev <= 1:
        return context.own(keras.layers.GaussianNoise, 0.0 if context.quiet else float(spec.stddev), seed=None)(x)
    return keras.ops.add(x, keras.ops.multiply(_noise(context, x), spec.stddev))  # Keras's goes up to 1


def _noise(context: Context, like: Tensor) -> Tensor:
    """Standard normal noise in training, and 0 in inference."""
    layer = context.own(keras.layers.GaussianNoise, 0.0 if context.quiet else 1.0, seed=None, part="noise")
    return layer(keras.ops.zeros_like(like))


@native.register
def gaussian_dropout(spec: GaussianDropout, context: Context, x: Tensor) -> Tensor:
    return context.own(keras.layers.GaussianDropout, _rate(spec, context), seed=None)(x)


@native.register
def gaussian_sample(spec: GaussianSample, context: Context, x: Tensor) -> Tensor:
    ops, half = keras.ops, (context.shapes[0][-1] or 0) // 2
    mean, log_variance = x[..., :half], x[..., half:]
    return ops.add(mean, ops.multiply(ops.exp(ops.multiply(log_variance, 0.5)), _noise(context, mean)))
