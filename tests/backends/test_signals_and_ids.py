"""Signals and sequences of ids of any length, within models that TensorFlow computes by kernels and without."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend
from nnspec.reference.model import run

RNG = np.random.default_rng(41)
SPECTRA: list[Any] = [
    nn.STFTSpectrogram(frame_length=7, frame_step=3, fft_length=9),
    nn.STFTSpectrogram("stft", 6, 4, padding="same", expand_dims=True),
    nn.STFTSpectrogram("psd", 5, 2, padding="centered"),
]


@pytest.mark.parametrize("layer", SPECTRA, ids=lambda layer: layer.padding)
def test_signals_of_any_length(backend: Backend, layer: Any) -> None:
    net = backend.build(nn.Sequential([nn.Conv(2, (3,)), layer], [None, 2]), dtype="float64")
    (output,) = net.model.outputs
    for size in (9, 23):
        inputs = {"input": RNG.normal(size=(2, size, 2))}
        expected = run(net.model, net.variables(), inputs).outputs[output]
        np.testing.assert_allclose(net.forward(inputs)[output], expected, rtol=1e-11, atol=1e-12)


def test_bands_of_signals_of_any_length(backend: Backend) -> None:
    net = backend.build(nn.Sequential([nn.MelSpectrogram(8, 4, num_mel_bins=3)], [None]), dtype="float64")
    for size in (6, 21):
        inputs = {"input": RNG.normal(size=(3, size))}
        expected = run(net.model, {}, inputs).outputs["mel_spectrogram"]
        np.testing.assert_allclose(net.forward(inputs)["mel_spectrogram"], expected, rtol=1e-11)


def test_sequences_of_ids_of_any_length(backend: Backend) -> None:
    """Ids that are masked, dropped, hashed, looked up and crossed, before a convolution."""
    ids = nn.symbol([None], "ids", "int32")
    masked = nn.TokenMasking(50, 3, 0.6, special_ids=(0,))(ids)
    dropped = nn.TokenDropout(0.4, 1, num_embeddings=50)(masked)
    known = nn.IntegerLookup(tuple(range(0, 50, 2)), 4, oov_method="hash", salt=3)(dropped)
    crossed = nn.HashedCrossing(40)(known, nn.Hashing(30)(dropped))
    y = nn.Conv(2, (3,), padding="same")(nn.Embedding(40, 3)(crossed))
    net = backend.build(nn.Model(inputs=ids, outputs=y), dtype="float64", seed=7)
    for length in (5, 12):
        inputs = {"ids": RNG.integers(0, 50, (3, length), dtype=np.int32)}
        for training in (False, True):
            variables = net.variables()
            options: dict[str, Any] = {"training": training, "seed": 7, "step": int(variables["random/step"])}
            expected = run(net.model, variables, inputs, **options).nodes
            found = net.nodes(inputs, training=training)
            for name in ("token_masking", "token_dropout", "integer_lookup", "hashing", "hashed_crossing"):
                np.testing.assert_array_equal(found[name], expected[name])
            np.testing.assert_allclose(found["conv"], expected["conv"], rtol=1e-12, atol=1e-14)
