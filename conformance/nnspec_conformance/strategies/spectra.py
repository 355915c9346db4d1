"""What fits into the fields of layers that take signals."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnspec.layers.base import Shape
from nnspec.layers.spectra import MelSpectrogram, STFTSpectrogram
from nnspec_conformance.strategies.fields import Hints, magnitudes, numbers

_WINDOWS = st.sampled_from(["hann", "hamming", "blackman", None])
_PADDINGS = st.sampled_from(["valid", "same", "centered"])


def hints(cls: type[Any], shape: Shape) -> Hints:
    """For signals of this shape."""
    if cls not in (STFTSpectrogram, MelSpectrogram):
        return {}
    size = shape[1] or 1
    framed: Hints = {"frame_step": st.integers(1, 5), "window": _WINDOWS, "padding": _PADDINGS}
    if cls is STFTSpectrogram:
        longer = st.none() | st.integers(size, 2 * size)
        return {**framed, "frame_length": st.integers(1, size), "fft_length": longer}
    return {
        **framed,
        "fft_length": st.integers(2, max(size, 2)),
        "frame_length": st.none() | st.integers(1, 2),
        "sampling_rate": st.sampled_from([100.0, 1000.0, 16000.0]),
        "num_mel_bins": st.integers(1, 4),
        "min_freq": st.sampled_from([0.0, 20.0]),
        "max_freq": st.none() | st.just(45.0),
        "power": numbers(0.5, 3, 1.0),
        "top_db": st.none() | numbers(1, 80, 6.0),
        "min_power": magnitudes(1e-8, 1e-2),
        "ref_power": numbers(0.1, 5, 1.0),
    }
