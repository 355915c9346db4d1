"""Spotify's Basic Pitch as its users would write it in Keras 3, with the weights of the package's SavedModel.

The package's own function (Bittner et al. 2022, arXiv:2203.09893) is for Keras 2, and has one convolution more than the
model whose weights it ships. What is fixed, filters of a constant-Q transform, comes from the package's own code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

HOP, SAMPLES, RATE, LOWEST = 256, 43844, 22050, 27.5
BINS, PER_OCTAVE, FREQUENCIES = 309, 36, 264
HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 7)


def build(keras: Any, nnaudio: Any, weights: Path) -> Any:
    """The model up to its three sigmoids: contours, notes, onsets.

    Args:
        keras: Keras 3.
        nnaudio: the package's module of that name.
        weights: the prefix of the SavedModel's variables.
    """
    layers, ops = keras.layers, keras.ops
    given = keras.Input((SAMPLES, 1), name="audio")
    x = _transform(keras, nnaudio, given)
    decibels = 10 * ops.log(ops.square(x) + 1e-10) / np.log(10.0)
    above = decibels - ops.min(decibels, (1, 2), keepdims=True)
    x = ops.expand_dims(above / ops.max(above, (1, 2), keepdims=True), -1)
    x = layers.BatchNormalization(name="weights_0")(x)
    x = _harmonics(ops, x)

    def conv(features: int, window: tuple[int, int], index: int, strides: tuple[int, int] = (1, 1)) -> Any:
        return layers.Conv2D(features, window, strides, "same", name=f"weights_{index}")

    y = layers.BatchNormalization(name="weights_2")(conv(8, (3, 39), 1)(x))
    contours = conv(1, (5, 5), 3)(layers.ReLU()(y))
    y = layers.ReLU()(conv(32, (7, 7), 4, (1, 3))(ops.sigmoid(contours)))
    notes = conv(1, (7, 3), 7)(y)
    y = layers.ReLU()(layers.BatchNormalization(name="weights_6")(conv(32, (5, 5), 5, (1, 3))(x)))
    onsets = conv(1, (3, 3), 8)(layers.Concatenate()([ops.sigmoid(notes), y]))
    model = keras.Model(given, [contours, notes, onsets])
    _load(model, weights)
    return model


def _transform(keras: Any, nnaudio: Any, x: Any) -> Any:
    """Magnitudes of the constant-Q transform: the same filters in each octave, of the sound at half the rate."""
    octaves = -(-BINS // PER_OCTAVE)
    quality = 1 / (2 ** (1 / PER_OCTAVE) - 1)
    top = LOWEST * 2 ** (octaves - 1) * 2 ** ((BINS % PER_OCTAVE - 1) / PER_OCTAVE)
    lowest = top / 2 ** (1 - 1 / PER_OCTAVE)
    filters, width, _, _ = nnaudio.create_cqt_kernels(quality, RATE, lowest, PER_OCTAVE, PER_OCTAVE, topbin_check=False)
    parts = np.concatenate([filters.real, filters.imag]).astype("float32").T[:, None, :]
    half = np.asarray(nnaudio.create_lowpass_filter(0.5, 256, 0.001), "float32")[:, None, None]
    found, real, imaginary = [], [], []
    for octave in range(octaves):
        if octave:
            x = keras.layers.ZeroPadding1D((127, 127))(x)
            x = _fixed(keras, half, 2, f"halved_{octave}")(x)
        padded = keras.ops.pad(x, [[0, 0], [width // 2, width // 2], [0, 0]], "reflect")
        found.append(_fixed(keras, parts, HOP // 2**octave, f"octave_{octave}")(padded))
    for y in reversed(found):
        real.append(y[:, :, :PER_OCTAVE])
        imaginary.append(y[:, :, PER_OCTAVE:])
    lengths = np.ceil(quality * RATE / (LOWEST * 2.0 ** (np.arange(BINS) / PER_OCTAVE)))
    scale = np.sqrt(lengths).astype("float32")
    a = keras.ops.concatenate(real, -1)[:, :, -BINS:] * scale
    b = keras.ops.concatenate(imaginary, -1)[:, :, -BINS:] * scale
    return keras.ops.sqrt(keras.ops.square(a) + keras.ops.square(b))


def _fixed(keras: Any, kernel: Any, stride: int, name: str) -> Any:
    """A convolution that is not trained."""
    return keras.layers.Conv1D(
        kernel.shape[-1],
        kernel.shape[0],
        stride,
        use_bias=False,
        trainable=False,
        name=name,
        kernel_initializer=lambda shape, dtype=None: keras.ops.convert_to_tensor(kernel, dtype),
    )


def _harmonics(ops: Any, x: Any) -> Any:
    """The spectrum beside itself, moved so that a pitch's harmonics lie on each other."""
    moved = []
    for harmonic in HARMONICS:
        shift = round(PER_OCTAVE * float(np.log2(harmonic)))
        if shift > 0:
            moved.append(ops.pad(x[:, :, shift:], [[0, 0], [0, 0], [0, shift], [0, 0]]))
        elif shift < 0:
            moved.append(ops.pad(x[:, :, :shift], [[0, 0], [0, 0], [-shift, 0], [0, 0]]))
        else:
            moved.append(x)
    return ops.concatenate(moved, -1)[:, :, :FREQUENCIES]


def _load(model: Any, weights: Path) -> None:
    import tensorflow as tf

    kept = tf.train.load_checkpoint(str(weights))
    for layer in model.layers:
        if layer.name.startswith("weights_"):
            place = f"layer_with_weights-{layer.name.rpartition('_')[2]}"
            names = [variable.path.rpartition("/")[2] for variable in layer.weights]
            layer.set_weights([kept.get_tensor(f"{place}/{name}/.ATTRIBUTES/VARIABLE_VALUE") for name in names])
