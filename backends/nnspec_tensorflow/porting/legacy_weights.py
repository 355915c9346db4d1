"""Weights as Keras 1, Theano and cuDNN laid them out, in the layout of Keras 3.

Theano convolves where TensorFlow correlates, so that its kernels are flipped; Keras 1 kept a kernel for each gate, and
filters first for images whose channels come first; cuDNN keeps its kernels transposed, with two biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnspec.backends import Array
from nnspec_tensorflow.porting.legacy import Version
from nnspec_tensorflow.startup import keras

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv2DTranspose,
    keras.layers.ConvLSTM2D,
)
# Of the kernels i, c, f, o of Keras 1 the places in i, f, c, o; those of a GRU are in order.
_GATES = {12: (0, 6, 3, 9), 9: (0, 3, 6)}


def count(layer: Any, variables: Sequence[Any], version: Version) -> int:
    """How many arrays a file of Keras 1 may have for these variables of a layer: one for each gate."""
    if version.major < 2 and isinstance(layer, keras.layers.LSTMCell):
        return 12
    if version.major < 2 and isinstance(layer, keras.layers.GRUCell):
        return 9
    return len(variables)


def converted(layer: Any, arrays: Sequence[Array], version: Version, backend: str | None) -> list[Array]:
    """The arrays of a layer in the layout of Keras 3."""
    found = list(arrays)
    gated = isinstance(layer, keras.layers.LSTMCell | keras.layers.GRUCell)
    if gated and len(found) in _GATES:
        order = _GATES[len(found)]
        found = [np.concatenate([found[place + part] for place in order], axis=-1) for part in range(3)]
    elif gated and len(found) == 3 and version.major < 3:
        found = _from_cudnn(layer, found)
    if version.major < 2 and found:
        found[0] = _of_keras1(layer, found[0])
    if version.major < 3 and backend == "theano" and isinstance(layer, _CONVOLUTIONS):
        found[0] = np.flip(found[0], tuple(range(found[0].ndim - 2)))
    return found


def _of_keras1(layer: Any, kernel: Array) -> Array:
    if isinstance(layer, keras.layers.Conv1D) and kernel.ndim == 4:
        window = layer.kernel_size[0]
        if kernel.shape[:2] != (window, 1) or kernel.shape[3] != layer.filters:
            kernel = kernel.transpose(2, 3, 1, 0)
        return kernel[:, 0]
    first = getattr(layer, "data_format", None) == "channels_first"
    if isinstance(layer, keras.layers.SeparableConv2D) or not first:
        return kernel
    if isinstance(layer, keras.layers.Conv2D) and kernel.ndim == 4:
        return kernel.transpose(2, 3, 1, 0)
    if isinstance(layer, keras.layers.Conv3D) and kernel.ndim == 5:
        return kernel.transpose(2, 3, 4, 1, 0)
    return kernel


def _from_cudnn(layer: Any, arrays: list[Array]) -> list[Array]:
    kernel, recurrent, bias = arrays
    gates = 4 if isinstance(layer, keras.layers.LSTMCell) else 3
    if bias.ndim != 1 or kernel.ndim != 2 or recurrent.ndim != 2 or bias.size != 2 * gates * recurrent.shape[0]:
        return arrays
    kernel = np.hstack([k.T.reshape(k.shape, order="F") for k in np.hsplit(kernel, gates)])
    recurrent = np.hstack([k.T for k in np.hsplit(recurrent, gates)])
    both = bias.reshape(2, -1)
    return [kernel, recurrent, both.sum(0) if gates == 4 else both]
