"""Cases of spectra: every mode, windows, paddings, frames that overlap and such that leave samples out.

A magnitude has a kink where it is 0, which random inputs keep away from by the names of their cases.
"""

from __future__ import annotations

from nnspec.layers.spectra import MelSpectrogram, STFTSpectrogram
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

_WEIGHTS = (0.3, -1.0, 2.0)
CASES = [
    Case(STFTSpectrogram(frame_length=7, fft_length=7), (10, 1), offset=5.0, id="logarithms"),
    Case(STFTSpectrogram("magnitude", 6, 5, 10, periodic=True, padding="same"), (13, 1), id="bands"),
    Case(STFTSpectrogram("psd", 5, 2, 7, "hamming", scaling="spectrum", expand_dims=True), (11, 2)),
    Case(STFTSpectrogram("stft", 6, 3, 9, "blackman", scaling=None, padding="centered"), (10, 2)),
    Case(STFTSpectrogram("real", 3, 4, window=_WEIGHTS), (12, 1)),
    Case(STFTSpectrogram("imag", 4, 1, window=None, padding="same"), (5, 1)),
    Case(STFTSpectrogram("angle", 4, 3, scaling="spectrum"), (10, 1), id="two frames"),
    Case(STFTSpectrogram(frame_length=4, epsilon=0.1), (9, 1), scale=0.5),
    Case(MelSpectrogram(8, 4, num_mel_bins=3), (13,), id="two frames"),
    Case(
        MelSpectrogram(8, 3, 6, "hamming", False, "valid", 100.0, 3, 0.0, 40.0, "slaney", "hertz", "slaney", 1.0),
        (15,),
    ),
    Case(MelSpectrogram(9, 4, 6, padding="same", power=0.7, num_mel_bins=4, power_to_db=False), (14,)),
    Case(MelSpectrogram(8, 4, num_mel_bins=4, top_db=6.0, min_power=0.05, ref_power=3.0), (13,), id="small powers"),
    Case(MelSpectrogram(8, 4, num_mel_bins=4, top_db=6.0, over_batch=True), (9,), id="small powers"),
    Case(MelSpectrogram(8, 4, num_mel_bins=2, top_db=None, window=(0.3, 1.0, -0.5), frame_length=3), (9,)),
]

EXAMPLES = [
    Example(
        STFTSpectrogram("angle", 4, window=None),
        ((((-1.0,), (-1.0,), (-1.0,), (-1.0,)), ((0.0,), (1.0,), (0.0,), (0.0,)), ((0.0,), (0.0,), (0.0,), (0.0,))),),
        id="on the negative axis, and of nothing",
        output=(
            ((3.141592653589793, 0.0, 0.0),),
            ((0.0, -1.5707963267948966, 3.141592653589793),),
            ((0.0, 0.0, 0.0),),
        ),
    ),
    Example(
        STFTSpectrogram("magnitude", 2, window=None, epsilon=4.0),
        ((((1.0,), (1.0,)), ((2.0,), (1.0,))),),
        id="the gradient at the smallest square",
        output=(((2.0, 2.0),), ((3.0, 2.0),)),
        cotangents=(((1.0, 2.0),), ((1.0, 2.0),)),
        gradients=((((0.0,), (0.0,)), ((1.0,), (1.0,))),),
    ),
    Example(
        STFTSpectrogram("psd", 4, window=None),
        ((((1.0,), (2.0,), (3.0,), (5.0,)),),),
        id="frequencies that have no mirror image",
        output=(((121.0, 26.0, 9.0),),),
    ),
]
