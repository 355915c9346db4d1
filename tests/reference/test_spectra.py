"""Spectra against SciPy, PyTorch, Keras's layers, TensorFlow's filters, and librosa's published edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

RNG = np.random.default_rng(9)
X = RNG.normal(size=(3, 61, 2))
signal = pytest.importorskip("scipy.signal", reason="SciPy is not installed")


@pytest.fixture
def startup() -> Any:
    return pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed")


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman"])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("length", [1, 2, 9, 16])
def test_windows(window: Any, periodic: bool, length: int) -> None:
    layer = nn.STFTSpectrogram(frame_length=length, window=window, periodic=periodic, scaling=None)
    np.testing.assert_allclose(layer.taps(), signal.get_window(window, length, periodic), atol=1e-15)


@pytest.mark.parametrize(("length", "step", "points"), [(8, 3, 8), (9, 9, 16), (7, 2, 9)])
def test_transform_against_scipy(length: int, step: int, points: int) -> None:
    frames = {"nperseg": length, "noverlap": length - step, "nfft": points, "window": ("kaiser", 3.0)}
    window = tuple(signal.get_window(("kaiser", 3.0), length).tolist())
    options: dict[str, Any] = {"frame_step": step, "fft_length": points, "window": window, "expand_dims": True}
    _, _, theirs = signal.stft(X, **frames, boundary=None, padded=False, axis=1)
    theirs = theirs.transpose(0, 3, 1, 2)  # (batch, frames, frequencies, channels)
    real, imag = (value(nn.STFTSpectrogram(m, length, scaling="spectrum", **options), X) for m in ("real", "imag"))
    np.testing.assert_allclose(real + 1j * imag, theirs, rtol=0, atol=1e-14)
    _, _, theirs = signal.spectrogram(X, **frames, detrend=False, axis=1)
    found = value(nn.STFTSpectrogram("psd", length, **options), X)
    np.testing.assert_allclose(found, theirs.transpose(0, 3, 1, 2), rtol=0, atol=1e-13)


def test_frames_that_leave_samples_out() -> None:
    layer, starts = nn.STFTSpectrogram("stft", 6, 8, 7, window=None), range(0, 56, 8)
    theirs = np.stack([np.fft.rfft(X[:, s : s + 6], 7, axis=1) for s in starts], 1).swapaxes(2, 3)
    expected = np.concatenate([theirs.real, theirs.imag], -1).reshape(3, len(starts), -1)
    np.testing.assert_allclose(value(layer, X), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("length", "step", "points"), [(8, 3, 8), (6, 5, 16), (7, 2, 12), (5, 4, 9)])
def test_centered_against_torch(length: int, step: int, points: int) -> None:
    torch = pytest.importorskip("torch")
    window = RNG.normal(size=length)
    x = torch.from_numpy(X[..., 0])
    theirs = torch.stft(x, points, step, length, torch.from_numpy(window), return_complex=True).numpy().swapaxes(1, 2)
    layer = nn.STFTSpectrogram("stft", length, step, points, tuple(window.tolist()), scaling=None, padding="centered")
    found = value(layer, X[..., :1])
    np.testing.assert_allclose(found, np.concatenate([theirs.real, theirs.imag], -1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", ["log", "magnitude", "psd", "real", "imag", "stft", "angle"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"frame_step": 3, "fft_length": 16, "window": "hamming", "scaling": "spectrum", "padding": "same"},
        {"frame_step": 8, "periodic": True, "scaling": None, "expand_dims": True},
        {"frame_step": 5, "window": None, "padding": "same", "expand_dims": True},
    ],
)
def test_transform_against_keras(startup: Any, mode: Any, options: dict[str, Any]) -> None:
    x = X.astype(np.float32)
    theirs = np.asarray(startup.keras.layers.STFTSpectrogram(mode, 8, **options)(x))
    found = value(nn.STFTSpectrogram(mode, 8, **options), x.astype(float))
    error = np.abs(theirs - found)
    if mode == "angle":  # which says little of numbers that are small, and is −π for π where rounding has a sign
        size = value(nn.STFTSpectrogram("magnitude", 8, **options), x.astype(float))
        error = np.abs(np.exp(1j * theirs) - np.exp(1j * found)) * size
    assert error.max() < 3e-5 * max(1.0, np.abs(found).max())
    assert nn.STFTSpectrogram(mode, 8, **options).output_shape(x.shape) == theirs.shape


def test_a_signal_that_is_nothing_or_constant() -> None:
    angles = value(nn.STFTSpectrogram("angle", 4), np.zeros((1, 9, 1)))
    assert (angles == 0).all()
    down = value(nn.STFTSpectrogram("angle", 4, window=None), -np.ones((1, 8, 1)))
    assert (down[..., 0] == np.pi).all()
    np.testing.assert_allclose(value(nn.STFTSpectrogram(), np.zeros((1, 256, 1))), np.log(1e-7) / 2)


def test_lengths() -> None:
    layer = nn.STFTSpectrogram(frame_length=5)
    assert (layer.length, layer.step, layer.points, layer.bins) == (5, 2, 8, 5)
    assert nn.STFTSpectrogram(frame_length=1).output_shape((None, 3, 2)) == (None, 3, 2)
    assert layer.output_shape((None, None, 3)) == (None, None, 15)
    assert nn.MelSpectrogram(8, 4).output_shape((None, 9)) == (None, 3, 128)


# -- the mel scale ----------------------------------------------------------------------------------------------------


def test_edges_that_librosa_publishes() -> None:
    """``librosa.mel_frequencies(n_mels=40)`` in librosa's documentation."""
    known = (
        "0. 85.317 170.635 255.952 341.269 426.586 511.904 597.221 682.538 767.855 853.173 938.49 1024.856 1119.114 "
        "1222.042 1334.436 1457.167 1591.187 1737.532 1897.337 2071.84 2262.393 2470.47 2697.686 2945.799 3216.731 "
        "3512.582 3835.643 4188.417 4573.636 4994.285 5453.621 5955.205 6502.92 7101.009 7754.107 8467.272 9246.028 "
        "10096.408 11025."
    )
    layer = nn.MelSpectrogram(sampling_rate=22050.0, num_mel_bins=38, min_freq=0.0, mel_scale="slaney")
    np.testing.assert_allclose(layer.edges()[1], np.array(known.split(), float), atol=6e-4)


def test_filters_as_librosa_makes_them() -> None:
    """``librosa.filters.mel`` by hand, triangle by triangle, in Hertz."""
    layer = nn.MelSpectrogram(
        64, sampling_rate=8000.0, num_mel_bins=6, min_freq=50.0, mel_scale="slaney", sides="hertz", norm="slaney"
    )
    (_, hertz), frequencies = layer.edges(), np.linspace(0, 4000, 33)
    expected = np.zeros((33, 6))
    for m in range(6):
        low, peak, high = hertz[m : m + 3]
        for i, f in enumerate(frequencies):
            rising, falling = (f - low) / (peak - low), (high - f) / (high - peak)
            expected[i, m] = max(0.0, min(rising, falling)) * 2.0 / (high - low)
    np.testing.assert_allclose(layer.filters(), expected, rtol=0, atol=1e-15)
    flat = nn.MelSpectrogram(64, sampling_rate=8000.0, num_mel_bins=6, mel_scale="slaney", sides="hertz")
    assert flat.filters().max() <= 1


def test_filters_against_tensorflow(startup: Any) -> None:
    theirs = startup.tf.signal.linear_to_mel_weight_matrix(20, 129, 8000, 125.0, 3800.0, startup.tf.float64).numpy()
    layer = nn.MelSpectrogram(256, sampling_rate=8000.0, num_mel_bins=20, min_freq=125.0, max_freq=3800.0)
    np.testing.assert_allclose(layer.filters(), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"frame_length": 24, "window": "hamming"}, {"sequence_length": 24, "window": "hamming"}),
        ({"power_to_db": False, "power": 1.5}, {"power_to_db": False, "mag_exp": 1.5}),
        ({"top_db": 10.0, "ref_power": 3.0, "min_power": 0.1}, {"top_db": 10.0, "ref_power": 3.0, "min_power": 0.1}),
        ({"window": None, "max_freq": 300.0}, {"window": None, "max_freq": 300.0}),
    ],
)
def test_mel_against_keras(startup: Any, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    x = RNG.normal(size=(2, 90)) * np.array([[1.0], [0.1]])
    common = {"fft_length": 32, "num_mel_bins": 5, "min_freq": 10.0}
    keras = startup.keras.layers.MelSpectrogram(sequence_stride=8, sampling_rate=1000, **common, **theirs)
    expected = np.asarray(keras(x)).swapaxes(1, 2)
    layer = nn.MelSpectrogram(frame_step=8, sampling_rate=1000.0, over_batch=True, **common, **ours)
    found = value(layer, x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_decibels_below_the_largest_of_each_example() -> None:
    x = RNG.normal(size=(3, 90)) * np.array([[1.0], [0.01], [0.0]])
    options: dict[str, Any] = {"num_mel_bins": 5, "sampling_rate": 1000.0}
    layer = nn.MelSpectrogram(32, 8, top_db=5.0, **options)
    found = value(layer, x)
    np.testing.assert_allclose(found.max((1, 2)) - found.min((1, 2)), [5, 5, 0], atol=1e-12)
    assert (found[2] == -100).all()
    for i in range(3):
        np.testing.assert_array_equal(found[i : i + 1], value(layer, x[i : i + 1]))
    whole = value(nn.MelSpectrogram(32, 8, top_db=5.0, over_batch=True, **options), x)
    np.testing.assert_allclose(whole[1:], whole.max() - 5, atol=1e-12)
    plain = value(nn.MelSpectrogram(32, 8, top_db=None, **options), x)
    powers = value(nn.MelSpectrogram(32, 8, power_to_db=False, **options), x)
    np.testing.assert_allclose(plain, 10 * np.log10(np.maximum(powers, 1e-10)), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "place", "reason"),
    [
        (lambda: nn.STFTSpectrogram(frame_length=8, fft_length=7), "fft_length", "at least the 8 samples .* got 7"),
        (lambda: nn.STFTSpectrogram(frame_length=3, window=(1.0, 2.0)), "window", "expected 3 numbers, .* got 2"),
        (lambda: nn.MelSpectrogram(8, frame_length=9), "fft_length", "at least the 9 samples"),
        (lambda: nn.MelSpectrogram(sampling_rate=40.0), "min_freq", "less than the 20 Hz of max_freq, got 20"),
    ],
)
def test_what_is_refused(make: Any, place: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason) as found:
        make()
    assert found.value.place[0] == place


@pytest.mark.parametrize(
    ("layer", "shape", "reason"),
    [
        (nn.STFTSpectrogram(), (None, 400), "needs inputs of 3 axes"),
        (nn.MelSpectrogram(), (None, 400, 1), "needs inputs of 2 axes"),
        (nn.STFTSpectrogram(), (None, 255, 1), "frames have 256 samples, for input"),
        (nn.MelSpectrogram(), (None, 1024), "reflects 1024 samples at each end, for input"),
    ],
)
def test_signals_that_are_too_short(layer: Any, shape: Any, reason: str) -> None:
    with pytest.raises(ShapeError, match=reason):
        layer.output_shape(shape)
