"""Spectra of signals, by TensorFlow's fast Fourier transform.

Keras convolves signals with waves in its STFTSpectrogram, which its own window rounds to float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.base import Layer
from nnspec.layers.spectra import MelSpectrogram, STFTSpectrogram
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.pooling import first_maximum
from nnspec_tensorflow.realize import Context, build, sizes
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any


@build.register(MelSpectrogram)
@build.register(STFTSpectrogram)
def spectrogram(spec: Layer, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


def _transformed(spec: STFTSpectrogram | MelSpectrogram, x: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts, each (..., frames, frequencies), of signals (..., samples)."""
    size = sizes(x)[-1]
    before, after = _pads(spec, size)
    count = (before + size + after - spec.reach) // spec.step + 1
    place = spec.step * tf.range(count)[:, None] + tf.range(spec.reach) - before
    if spec.padding == "centered":  # mirrored at both ends
        framed = tf.gather(x, (size - 1) - tf.abs((size - 1) - tf.abs(place)), axis=-1)
    else:
        within = (place >= 0) & (place < size)
        framed = tf.gather(x, tf.where(within, place, 0), axis=-1)
        framed = tf.where(within, framed, tf.zeros_like(framed))
    behind = [[0, 0]] * (framed.shape.rank - 1) + [[0, spec.points - spec.reach]]
    found = tf.signal.rfft(tf.pad(framed * tf.constant(spec.taps(), x.dtype), behind))
    # A fast transform does not multiply by 0, and would miss some NaN.
    undefined = tf.reduce_any(tf.math.is_nan(framed), -1, keepdims=True)
    nan = constant(float("nan"), x)
    a, b = (tf.where(undefined, nan, part) for part in (tf.math.real(found), tf.math.imag(found)))
    # Elsewhere rounding would leave something, of any sign: an angle of −π for π. The difference is 0, or NaN.
    own = 2 * np.arange(spec.bins) % spec.points != 0
    return a, tf.where(own, b, a - a)


def _pads(spec: STFTSpectrogram | MelSpectrogram, size: Any) -> tuple[Any, Any]:
    """The spec's, also for a size that is known only when it is computed."""
    if isinstance(size, int) or spec.padding != "same":
        return spec.pads(size)
    total = tf.maximum((-(-size // spec.step) - 1) * spec.step + spec.length - size, 0)
    return total // 2, total - total // 2


def _root(power: Tensor, exponent: float) -> Tensor:
    """A power of the squares whose derivative at 0 is 0."""
    if exponent == 1:
        return power
    zero = power == 0
    root = tf.pow(tf.where(zero, tf.ones_like(power), power), constant(exponent, power))
    return tf.where(zero, tf.zeros_like(power), root)


def _at_least(x: Tensor, lowest: float) -> Tensor:
    """max(x, lowest) with the derivative 0 at that bound."""
    bound = constant(lowest, x)
    return tf.where(x <= bound, bound, x)


@formula.register
def stft_spectrogram(spec: STFTSpectrogram, x: Tensor) -> Tensor:
    y = _shown(spec, *_transformed(spec, tf.transpose(x, (0, 2, 1))))  # (batch, channels, frames, frequencies)
    if spec.expand_dims:
        return tf.transpose(y, (0, 2, 3, 1))
    batch, channels, frames, frequencies = sizes(y)
    return tf.reshape(tf.transpose(y, (0, 2, 1, 3)), (batch, frames, channels * frequencies))


def _shown(spec: STFTSpectrogram, a: Tensor, b: Tensor) -> Tensor:
    """What the mode says of a and b."""
    if spec.mode in ("real", "imag"):
        return a if spec.mode == "real" else b
    if spec.mode == "stft":
        return tf.concat([a, b], -1)
    if spec.mode == "angle":
        nowhere = (a == 0) & (b == 0)
        return tf.where(nowhere, tf.zeros_like(a), tf.atan2(b, tf.where(nowhere, tf.ones_like(a), a)))
    power = a * a + b * b
    if spec.mode == "psd":
        mirrored = 2 * np.arange(spec.bins) % spec.points != 0
        return power * tf.constant(np.where(mirrored, 2, 1), power.dtype)
    square = _at_least(power, spec.epsilon)
    return tf.math.log(square) / 2 if spec.mode == "log" else tf.sqrt(square)


@formula.register
def mel_spectrogram(spec: MelSpectrogram, x: Tensor) -> Tensor:
    a, b = _transformed(spec, x)
    powers = _root(a * a + b * b, spec.power / 2)
    y = tf.tensordot(powers, tf.constant(spec.filters(), x.dtype), 1)
    return _decibels(spec, y) if spec.power_to_db else y


def _decibels(spec: MelSpectrogram, powers: Tensor) -> Tensor:
    reference = max(spec.ref_power, spec.min_power)
    ratio = _at_least(powers, spec.min_power) / constant(reference, powers)
    y = tf.math.log(ratio) * constant(10 / np.log(10), powers)
    if spec.top_db is None:
        return y
    largest = first_maximum(tf.reshape(y, (1 if spec.over_batch else sizes(y)[0], -1)))[:, None, None]
    bound = largest - constant(spec.top_db, y)
    return tf.where(y >= bound, y, bound)
