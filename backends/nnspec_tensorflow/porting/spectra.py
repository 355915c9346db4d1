"""Spectrograms."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting import channels
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras

_NAMED = ("hann", "hamming", "blackman")


def _window(layer: Any, context: Context) -> Any:
    """A window by its name, or as numbers."""
    window = layer.window
    if window is None or (isinstance(window, str) and window in _NAMED):
        return window
    if isinstance(window, str) or (isinstance(window, tuple | list) and isinstance(window[0], str)):
        raise context.error(f"window={window!r} has no name here: give its numbers, as scipy.signal.get_window does")
    return tuple(np.asarray(window, np.float64).tolist())


@convert.register(keras.layers.STFTSpectrogram)
@channels.either
def stft_spectrogram(layer: Any, context: Context, inputs: Value) -> Value:
    if layer._fft_length % 2:
        raise context.error(f"fft_length={layer._fft_length}: an odd one is one point less in Keras; use an even one")
    for part in ("real", "imag"):
        kernel = getattr(layer, f"{part}_kernel", None)
        if kernel is None:
            continue
        waves = keras.initializers.STFT(part, layer.window, layer.scaling, layer.periodic)
        if not np.array_equal(kernel, waves(kernel.shape, kernel.dtype)):
            raise context.error("its waves were trained, and are those of a Fourier transform in nnspec: use a Conv1D")
        if kernel.trainable and layer.trainable:
            context.note("trains its waves in Keras, which are fixed here.")
    spec = nnspec.STFTSpectrogram(
        mode=layer.mode,
        frame_length=int(layer.frame_length),
        frame_step=int(layer._frame_step),
        fft_length=int(layer._fft_length),
        window=_window(layer, context),
        periodic=bool(layer.periodic),
        scaling=layer.scaling,
        padding=layer.padding,
        expand_dims=bool(layer.expand_dims),
        epsilon=float(keras.backend.epsilon()),
    )
    return context.call(spec, inputs)


@convert.register(keras.layers.MelSpectrogram)
def mel_spectrogram(layer: Any, context: Context, inputs: Value) -> Value:
    if len(context.shapes[inputs]) != 2:
        raise context.error(f"takes sounds of the shape (batch, samples), and is given {context.shapes[inputs]}")
    spec = nnspec.MelSpectrogram(
        fft_length=int(layer.fft_length),
        frame_step=int(layer.sequence_stride),
        # Without a window Keras weighs all samples of the transform.
        frame_length=int(layer.fft_length if layer.window is None else layer.sequence_length),
        window=_window(layer, context),
        sampling_rate=float(layer.sampling_rate),
        num_mel_bins=int(layer.num_mel_bins),
        min_freq=float(layer.min_freq),
        max_freq=float(layer.max_freq),
        power=float(layer.mag_exp),
        power_to_db=bool(layer.power_to_db),
        top_db=float(layer.top_db),
        over_batch=True,
        min_power=float(layer.min_power),
        ref_power=abs(float(layer.ref_power)),
    )
    if layer.power_to_db:
        context.note(
            "cuts what is top_db below the loudest of the whole batch: a sound's values depend on those beside it."
        )
    bands = context.call(spec, inputs, part="frames")
    return context.call(nnspec.Permute((2, 1)), bands)
