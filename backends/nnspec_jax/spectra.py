"""Spectra of signals, by JAX's fast Fourier transform."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.layers.spectra import MelSpectrogram, STFTSpectrogram
from nnspec_jax.pooling import first_maximum
from nnspec_jax.realize import HIGHEST, Context, build, rounded_once

Function = Callable[[jax.Array], jax.Array]


def _transformed(spec: STFTSpectrogram | MelSpectrogram, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Real and imaginary parts, each (..., frames, frequencies), of signals (..., samples)."""
    size = x.shape[-1]
    before, after = spec.pads(size)
    count = (before + size + after - spec.reach) // spec.step + 1
    place = spec.step * np.arange(count)[:, None] + np.arange(spec.reach) - before
    if spec.padding == "centered":  # mirrored at both ends
        framed = x[..., (size - 1) - np.abs((size - 1) - np.abs(place))]
    else:
        within = (place >= 0) & (place < size)
        framed = jnp.where(within, x[..., np.where(within, place, 0)], 0)
    found = jnp.fft.rfft(framed * jnp.asarray(spec.taps(), x.dtype), spec.points)
    # A fast transform does not multiply by 0, and would miss some NaN.
    undefined = jnp.isnan(framed).any(-1, keepdims=True)
    a = jnp.where(undefined, jnp.nan, found.real)
    # Elsewhere rounding would leave something, of any sign: an angle of −π for π. The difference is 0, or NaN.
    own = 2 * np.arange(spec.bins) % spec.points != 0
    return a, jnp.where(own, jnp.where(undefined, jnp.nan, found.imag), a - a)


def _root(power: jax.Array, exponent: float) -> jax.Array:
    """A power of the squares whose derivative at 0 is 0."""
    if exponent == 1:
        return power
    zero = power == 0
    return jnp.where(zero, 0, jnp.where(zero, 1, power) ** exponent)


def _at_least(x: jax.Array, lowest: float) -> jax.Array:
    """max(x, lowest) with the derivative 0 at that bound."""
    bound = jnp.asarray(lowest, x.dtype)
    return jnp.where(x <= bound, bound, x)


@build.register
def stft_spectrogram(spec: STFTSpectrogram, context: Context) -> Function:
    def spectrogram(x: jax.Array) -> jax.Array:
        y = _shown(spec, *_transformed(spec, x.swapaxes(1, 2)))  # (batch, channels, frames, frequencies)
        if spec.expand_dims:
            return y.transpose(0, 2, 3, 1)
        return y.swapaxes(1, 2).reshape(y.shape[0], y.shape[2], -1)

    return rounded_once(spectrogram)


def _shown(spec: STFTSpectrogram, a: jax.Array, b: jax.Array) -> jax.Array:
    """What the mode says of a and b."""
    if spec.mode in ("real", "imag"):
        return a if spec.mode == "real" else b
    if spec.mode == "stft":
        return jnp.concatenate([a, b], -1)
    if spec.mode == "angle":
        nowhere = (a == 0) & (b == 0)
        return jnp.where(nowhere, 0, jnp.atan2(b, jnp.where(nowhere, 1, a)))
    power = a * a + b * b
    if spec.mode == "psd":
        mirrored = 2 * np.arange(spec.bins) % spec.points != 0
        return power * jnp.asarray(np.where(mirrored, 2, 1), power.dtype)
    square = _at_least(power, spec.epsilon)
    return jnp.log(square) / 2 if spec.mode == "log" else jnp.sqrt(square)


@build.register
def mel_spectrogram(spec: MelSpectrogram, context: Context) -> Function:
    def spectrogram(x: jax.Array) -> jax.Array:
        a, b = _transformed(spec, x)
        powers = _root(a * a + b * b, spec.power / 2)
        y = jnp.matmul(powers, jnp.asarray(spec.filters(), x.dtype), precision=HIGHEST)
        return _decibels(spec, y) if spec.power_to_db else y

    return rounded_once(spectrogram)


def _decibels(spec: MelSpectrogram, powers: jax.Array) -> jax.Array:
    reference = max(spec.ref_power, spec.min_power)
    y = 10 * jnp.log10(_at_least(powers, spec.min_power) / jnp.asarray(reference, powers.dtype))
    if spec.top_db is None:
        return y
    bound = first_maximum(y.reshape(1 if spec.over_batch else y.shape[0], -1), 1)[:, None, None] - spec.top_db
    return jnp.where(y >= bound, y, bound)
