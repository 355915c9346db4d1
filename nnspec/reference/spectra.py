"""Spectra of signals: sums over the samples of each frame, as the formula has them."""

from __future__ import annotations

import numpy as np

from nnspec.layers.spectra import MelSpectrogram, STFTSpectrogram
from nnspec.reference.base import Array, Scope, apply


def _framed(spec: STFTSpectrogram | MelSpectrogram, x: Array) -> Array:
    """The samples of each frame, (batch, frames, channels, samples), of signals (batch, samples, channels)."""
    around = ((0, 0), spec.pads(x.shape[1]), (0, 0))
    padded = np.pad(x, around, "reflect") if spec.padding == "centered" else np.pad(x, around)
    return np.lib.stride_tricks.sliding_window_view(padded, spec.reach, axis=1)[:, :: spec.step]


def _transformed(spec: STFTSpectrogram | MelSpectrogram, x: Array) -> tuple[Array, Array]:
    """Real and imaginary parts, each (batch, frames, channels, frequencies)."""
    samples, frequencies = np.arange(spec.reach)[:, None], np.arange(spec.bins)
    turns = samples * frequencies % spec.points  # of spec.points: the angle is small, hence exact
    angles = 2 * np.pi * turns / spec.points
    sine = np.where(2 * turns % spec.points == 0, 0.0, np.sin(angles))
    taps, framed = spec.taps()[:, None], _framed(spec, x)
    a, b = (framed @ (taps * wave).astype(x.dtype) for wave in (np.cos(angles), sine))
    return a, 0 - b


@apply.register(STFTSpectrogram)
def stft_spectrogram(spec: STFTSpectrogram, scope: Scope, x: Array) -> Array:
    y = _shown(spec, *_transformed(spec, x))
    if spec.expand_dims:
        return y.swapaxes(2, 3)
    return y.reshape(*y.shape[:2], -1)


def _shown(spec: STFTSpectrogram, a: Array, b: Array) -> Array:
    """What the mode says of a and b."""
    if spec.mode in ("real", "imag"):
        return a if spec.mode == "real" else b
    if spec.mode == "stft":
        return np.concatenate([a, b], axis=-1)
    if spec.mode == "angle":
        angle: Array = np.where((a == 0) & (b == 0), 0, np.arctan2(b, a)).astype(a.dtype)
        return angle
    power: Array = a * a + b * b
    if spec.mode == "psd":
        mirrored = 2 * np.arange(spec.bins) % spec.points != 0
        power *= np.where(mirrored, 2, 1).astype(power.dtype)
        return power
    magnitude: Array = np.sqrt(np.maximum(power, power.dtype.type(spec.epsilon)))
    return np.log(magnitude) if spec.mode == "log" else magnitude


@apply.register(MelSpectrogram)
def mel_spectrogram(spec: MelSpectrogram, scope: Scope, x: Array) -> Array:
    a, b = (part[:, :, 0] for part in _transformed(spec, x[..., None]))
    kind = x.dtype.type
    powers: Array = np.power(a * a + b * b, kind(spec.power / 2)) @ spec.filters().astype(x.dtype)
    if not spec.power_to_db:
        return powers
    reference = max(spec.ref_power, spec.min_power)
    y: Array = kind(10) * np.log10(np.maximum(powers, kind(spec.min_power)) / kind(reference))
    if spec.top_db is None:
        return y
    largest = y.max(None if spec.over_batch else (1, 2), keepdims=True)
    return np.asarray(np.maximum(y, largest - kind(spec.top_db)))
