"""ONNX's short-time Fourier transform in the vocabulary of nnspec."""

from __future__ import annotations

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.onnx_call import Call, need
from tests.peers.subjects import network


def stft(call: Call) -> list[Array]:
    """Of real signals (batch, samples, 1), the frequencies up to the middle one."""
    need(call.x.ndim == 2 or call.x.shape[-1] == 1, "complex signals")
    need(bool(call.get("onesided", 1)), "frequencies above half the sampling rate")
    window, length = call.input(2), call.input(3)
    size = int(length) if window is None else len(window)
    weights = None if window is None else tuple(np.asarray(window, np.float64).tolist())
    layer = nn.STFTSpectrogram(
        "stft", size, int(call.inputs[1]), size, weights, scaling=None, padding="valid", expand_dims=True
    )
    x = call.x.reshape(*call.x.shape[:2], 1)
    y = call.subject.forward(network({"x": x.shape[1:]}, [("y", layer, ["x"])]), {"x": x}, {})[0][..., 0]
    return [np.stack(np.split(y, 2, axis=-1), axis=-1)]
