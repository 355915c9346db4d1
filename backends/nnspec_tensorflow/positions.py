"""Positions. Waves are computed in float64 and rounded: ahead of time where the length is known, else in the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositionBias,
    RotaryPositions,
    SinusoidalPositions,
)
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.embedding import rows
from nnspec_tensorflow.realize import Context, build, serializable, sizes, working
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


def places(length: Any, start: Tensor | None) -> Tensor:
    """The positions of so many elements: (length,), or (batch, length) where each example has its own."""
    return tf.range(length) if start is None else start[:, None] + tf.range(length)


def _waves(frequencies: Any, x: Tensor, start: Tensor | None) -> tuple[Tensor, Tensor]:
    """Sines and cosines (positions, pairs), or (batch, positions, pairs), for a tensor (batch, positions, ...)."""
    if x.shape[1] is not None and start is None:
        angles = np.arange(x.shape[1])[:, None] * frequencies
        return tf.constant(np.sin(angles), x.dtype), tf.constant(np.cos(angles), x.dtype)
    angles = tf.cast(places(sizes(x)[1], start), tf.float64)[..., None] * tf.constant(frequencies, tf.float64)
    return tf.cast(tf.sin(angles), x.dtype), tf.cast(tf.cos(angles), x.dtype)


def _placed(table: Tensor, x: Tensor, add: bool) -> Tensor:
    """A vector for each position, added to x or in its place."""
    return x + table if add else tf.broadcast_to(table, tf.shape(x))


@serializable
class PositionTable(keras.layers.Layer):
    """A learned vector for each position.

    Args:
        spec: the layer of the spec, or its short form.
    """

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: LearnedPositions = parse("layer", spec)

    def build(self, input_shape: Any) -> None:
        features = (input_shape[0] if self.spec.offset else input_shape)[-1]
        shape = (self.spec.max_length, features)
        self.embedding = self.add_weight(name="embedding", shape=shape, initializer="zeros")

    def call(self, inputs: Any) -> Tensor:
        given, start = inputs if self.spec.offset else (inputs, None)
        x = tf.cast(given, working(given.dtype.name))
        table, length = tf.cast(self.embedding, x.dtype), sizes(x)[1]
        if start is None and x.shape[1] is not None and x.shape[1] <= self.spec.max_length:
            table = table[:length]
        else:
            position = places(length, start)
            known = (position >= 0) & (position < self.spec.max_length)
            found = rows(table, tf.where(known, position, 0))
            table = tf.where(known[..., None], found, constant(float("nan"), found))
        return tf.cast(_placed(table, x, self.spec.add), self.compute_dtype)

    def compute_output_spec(self, inputs: Any) -> Any:
        given = inputs[0] if self.spec.offset else inputs
        return keras.KerasTensor(given.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


@build.register
def learned_positions(spec: LearnedPositions, context: Context) -> keras.layers.Layer:
    return PositionTable(spec, **context.options)


@formula.register
def sinusoidal_positions(spec: SinusoidalPositions, x: Tensor, start: Tensor | None = None) -> Tensor:
    waves = _waves(spec.frequencies(x.shape[2]), x, start)
    table = tf.stack(waves, -1 if spec.pairs == "interleaved" else -2)
    return _placed(tf.reshape(table, (*sizes(waves[0])[:-1], x.shape[2])), x, spec.add)


@formula.register
def rotated(spec: RotaryPositions, x: Tensor, start: Tensor | None = None) -> Tensor:
    """(batch, positions, ..., features) of float32 at least, rotated by position."""
    between = (1,) * (x.shape.rank - 3)
    waves = _waves(spec.frequencies(x.shape[-1]), x, start)
    sin, cos = (tf.reshape(wave, (*sizes(wave)[:-1], *between, wave.shape[-1])) for wave in waves)
    count = spec.rotated(x.shape[-1])
    axis, split = (-1, (count // 2, 2)) if spec.pairs == "interleaved" else (-2, (2, count // 2))
    a, b = tf.unstack(tf.reshape(x[..., :count], (*sizes(x)[:-1], *split)), axis=axis)
    turned = tf.stack([a * cos - b * sin, b * cos + a * sin], axis)
    turned = tf.reshape(turned, (*sizes(x)[:-1], count))
    return turned if count == x.shape[-1] else tf.concat([turned, x[..., count:]], -1)


@build.register(SinusoidalPositions)
@build.register(RotaryPositions)
def by_waves(spec: SinusoidalPositions | RotaryPositions, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@serializable
class PairBias(keras.layers.Layer):
    """A number in each head for each pair of positions, of one sequence or of two.

    Args:
        spec: the layer of the spec, or its short form.
    """

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: RelativePositionBias | ALiBi = parse("layer", spec)

    def build(self, input_shape: Any) -> None:
        for name, param in self.spec.params().items():
            setattr(self, name, self.add_weight(name=name, shape=param.shape, initializer="zeros"))

    def call(self, inputs: Any) -> Tensor:
        given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        start = given.pop() if self.spec.offset else None
        offset = tf.range(sizes(given[-1])[1]) - places(sizes(given[0])[1], start)[..., None]
        if start is None:  # the same for all examples
            offset = offset[None]
        bias = self._bias(offset, working(self.compute_dtype))
        wide = tf.broadcast_to(bias, (sizes(given[0])[0], *sizes(bias)[1:]))
        return tf.cast(wide, self.compute_dtype)

    def _bias(self, offset: Tensor, dtype: Any) -> Tensor:
        """(batch, heads, queries, keys) for j − i, (batch, queries, keys)."""
        if isinstance(self.spec, ALiBi):
            slopes = tf.constant(self.spec.slopes(), dtype)
            return -slopes[:, None, None] * tf.cast(tf.abs(offset), dtype)[:, None]
        most = self.spec.max_distance
        by_distance = rows(tf.cast(self.embedding, dtype), tf.constant(self.spec.buckets()))
        return tf.transpose(rows(by_distance, tf.clip_by_value(offset, -most, most) + most), (0, 3, 1, 2))

    def compute_output_spec(self, inputs: Any) -> Any:
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        return keras.KerasTensor(self.spec.output_shape(*(tuple(x.shape) for x in given)), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


@build.register(RelativePositionBias)
@build.register(ALiBi)
def pair_bias(spec: RelativePositionBias | ALiBi, context: Context) -> keras.layers.Layer:
    return PairBias(spec, **context.options)
