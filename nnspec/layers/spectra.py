"""Spectra of signals, frame by frame: the short-time Fourier transform, and its powers on the mel scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Layer, Shape, show
from nnspec.layers.window import pads
from nnspec.spec import NonNegativeFloat, PositiveFloat, PositiveInt, spec

if TYPE_CHECKING:  # where it computes, it imports NumPy: no part of what a command that reads specs needs
    import numpy as np
    from numpy.typing import NDArray

    _Floats = NDArray[np.float64]

# By its name, or as one number for each sample of a frame; none weighs all alike.
WindowFunction = Literal["hann", "hamming", "blackman"] | Annotated[tuple[float, ...], Field(min_length=1)] | None
FramePadding = Literal["valid", "same", "centered"]
# a₀ − a₁ cos φ + a₂ cos 2φ
_COSINES = {"hann": (0.5, 0.5, 0.0), "hamming": (0.54, 0.46, 0.0), "blackman": (0.42, 0.5, 0.08)}


class Framing:
    """What cuts signals into frames has beside its fields: how long, how far apart, and what weighs their samples."""

    window: WindowFunction
    periodic: bool
    padding: FramePadding

    def _check(self) -> None:
        if self.points < self.length:
            raise SpecError(
                f"expected at least the {self.length} samples of a frame, got {self.points}", ("fft_length",)
            )
        if isinstance(self.window, tuple) and len(self.window) != self.length:
            raise SpecError(
                f"expected {self.length} numbers, one for each sample of a frame, got {len(self.window)}", ("window",)
            )

    @property
    def length(self) -> int:
        """How many samples the window weighs."""
        raise NotImplementedError

    @property
    def step(self) -> int:
        """How many samples further on the next frame begins."""
        raise NotImplementedError

    @property
    def points(self) -> int:
        """Of how many points the Fourier transform is; behind those of a frame they are 0."""
        raise NotImplementedError

    @property
    def bins(self) -> int:
        """How many frequencies there are, from 0 to half the sampling rate."""
        return self.points // 2 + 1

    @property
    def reach(self) -> int:
        """How many samples a frame covers: with ``centered``, those of the transform, the window in their middle."""
        return self.points if self.padding == "centered" else self.length

    def pads(self, size: int) -> tuple[int, int]:
        """How many samples frames reach beyond the start and the end of a signal."""
        if self.padding == "centered":
            return (self.points // 2, self.points // 2)
        (found,) = pads(self.padding, (size,), (self.length,), (self.step,), (1,))
        return found

    def count(self, size: int | None, shape: Shape) -> int | None:
        """How many frames a signal has.

        Raises:
            ShapeError: none, or it is too short to be reflected.
        """
        if size is None:
            return None
        before, after = self.pads(size)
        what = type(self).__name__
        if self.padding == "centered" and size <= before:
            raise ShapeError(f"{what} reflects {before} samples at each end, for input {show(shape)}")
        if size < 1 or before + size + after < self.reach:
            raise ShapeError(f"{what}'s frames have {self.reach} samples, for input {show(shape)}")
        return (before + size + after - self.reach) // self.step + 1

    def taps(self) -> _Floats:
        """What each sample of a frame is multiplied by, in float64."""
        import numpy as np

        n = self.length
        if self.window is None:
            weights = np.ones(n)
        elif isinstance(self.window, tuple):
            weights = np.array(self.window)
        else:
            a0, a1, a2 = _COSINES[self.window]
            angles = 2 * np.pi * np.arange(n) / max(n if self.periodic else n - 1, 1)
            weights = a0 - a1 * np.cos(angles) + a2 * np.cos(2 * angles) if n > 1 else np.ones(1)
        before = (self.reach - n) // 2
        return np.pad(weights, (before, self.reach - n - before))

    def _cost(self, frames: int) -> int:
        """Operations of the transforms of so many frames."""
        return frames * (self.length + math.ceil(2.5 * self.points * math.log2(max(self.points, 2))))


@spec
class STFTSpectrogram(Framing, Layer):
    """The short-time Fourier transform: the spectrum of each frame of a signal.

    X[k, f] = Σ_t w_t · x[k · frame_step + t] · e^(−2πi · f · t / fft_length) / c,   f = 0, …, ⌊fft_length/2⌋

    for the samples t = 0, …, frame_length − 1 of frame k. c is √Σ w² with ``scaling: density``, Σ |w| with
    ``spectrum``, 1 with none, or without a window. Of X = a + ib the layer gives

    * ``real``, ``imag``: a, or b; ``stft``: a of all frequencies, then b.
    * ``psd``: p = (a² + b²) · 2, without the 2 for f = 0 and f = fft_length/2, which have no mirror image.
    * ``magnitude``: m = √max(a² + b², epsilon); ``log``: ln m. Their gradient is 0 where a² + b² ≤ epsilon.
    * ``angle``: that of (a, b) in (−π, π], 0 with gradient 0 where both are 0.

    b is 0 exactly where it cannot be anything else, for f = 0 and f = fft_length/2. A NaN makes its frames NaN.

    ``hann`` is w_t = ½ − ½ cos(2πt/n), ``hamming`` 0.54 − 0.46 cos(2πt/n), ``blackman`` 0.42 − 0.5 cos(2πt/n)
    + 0.08 cos(4πt/n), with n = frame_length − 1, or frame_length if ``periodic``.

    Frames begin at the signal's first sample and lie within it (``valid``), or zeros stand before and after it as
    around a convolution (``same``). With ``centered`` frame k has its middle at sample k · frame_step, and the signal
    is mirrored at its ends; the window stands in the middle of fft_length samples, from which t counts.

    Shapes: x (batch, samples, channels); y (batch, frames, channels · frequencies), all frequencies of a channel beside
    each other, or (batch, frames, frequencies, channels) with ``expand_dims``.
    Source: Allen 1977, *Short term spectral analysis, synthesis, and modification by discrete Fourier transform*;
    ``keras.layers.STFTSpectrogram``, whose transform has one point less where fft_length is odd.

    Attributes:
        mode: what the layer gives.
        frame_length: how many samples a frame has.
        frame_step: from the start of one frame to the next; half its length if left out.
        fft_length: points of the transform, at least frame_length; if left out, the next power of 2.
        window: its name, or a number for each sample; null for none.
        periodic: whether the window named is one period of its formula, as it is done for spectra, or symmetric.
        scaling: what the spectrum is divided by.
        padding: where frames lie.
        expand_dims: whether frequencies and channels have axes of their own, as images have.
        epsilon: the smallest square of magnitudes.
    """

    mode: Literal["log", "magnitude", "psd", "real", "imag", "angle", "stft"] = "log"
    frame_length: PositiveInt = 256
    frame_step: PositiveInt | None = None
    fft_length: PositiveInt | None = None
    window: WindowFunction = "hann"
    periodic: bool = False
    scaling: Literal["density", "spectrum"] | None = "density"
    padding: FramePadding = "valid"
    expand_dims: bool = False
    epsilon: PositiveFloat = 1e-7

    def __post_init__(self) -> None:
        self._check()

    @property
    def length(self) -> int:
        return self.frame_length

    @property
    def step(self) -> int:
        return self.frame_step or max(self.frame_length // 2, 1)

    @property
    def points(self) -> int:
        return self.fft_length or 1 << (self.frame_length - 1).bit_length()

    def taps(self) -> _Floats:
        import numpy as np

        weights = super().taps()
        if self.scaling is None or self.window is None:
            return weights
        whole = np.sqrt(np.sum(weights**2)) if self.scaling == "density" else np.sum(np.abs(weights))
        return np.asarray(weights / whole)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 3:
            raise ShapeError(f"STFTSpectrogram needs inputs of 3 axes (batch, samples and channels), got {show(shape)}")
        frames, channels = self.count(shape[1], shape), shape[2]
        frequencies = self.bins * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (shape[0], frames, frequencies, channels)
        return (shape[0], frames, None if channels is None else channels * frequencies)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        batch, size, channels = shapes[0]
        frames = batch * channels * (self.count(size, shapes[0]) or 0)
        return self._cost(frames) + 4 * frames * self.bins


@spec
class MelSpectrogram(Framing, Layer):
    """The powers of each frame of a signal in bands that are as wide as hearing tells them apart.

    S[k, m] = Σ_f |X[k, f]|^power · F[f, m], with X as STFTSpectrogram's without scaling, and triangles F:
    from 0 at edge e_m up to 1 at e_(m+1) and down to 0 at e_(m+2), where the num_mel_bins + 2 edges are at equal
    distances on the mel scale from ``min_freq`` to ``max_freq``.

    * ``htk``: mel(h) = 1127 · ln(1 + h/700) for h Hertz; ``slaney``: 3h/200 up to 1000 Hz, from there on
      15 + 27 · ln(h/1000)/ln 6.4.
    * The sides of triangles are straight in mel (HTK, TensorFlow, Keras), or with ``sides: hertz`` in Hertz (librosa,
      torchaudio).
    * With ``norm: slaney`` each triangle is multiplied by 2/(e_(m+2) − e_m), in Hertz.

    With ``power_to_db`` y = max(d, max d − top_db) of d = 10 · log₁₀(max(S, min_power)/max(ref_power, min_power)),
    else y = S. The largest d is that of all frames and bands of an example, or with ``over_batch`` of the whole batch,
    as in Keras; without ``top_db`` nothing is cut off. Where d is at or below its bound, the gradient is that of the
    bound: 0 for min_power, the gradient of the largest d (of the first of equals) for top_db. Where X is 0, |X|^power
    has the gradient 0.

    Shapes: x (batch, samples); y (batch, frames, num_mel_bins), the bands last, as features are (Keras has them before
    the frames).
    Source: Davis & Mermelstein 1980, *Comparison of parametric representations for monosyllabic word recognition*; the
    HTK book (Young et al.); Slaney 1998, *Auditory toolbox*; ``keras.layers.MelSpectrogram``.

    Attributes:
        fft_length: points of the transform.
        frame_step: from the middle of one frame to the next.
        frame_length: samples that the window weighs; fft_length if left out.
        window: its name, or a number for each sample; null for none.
        periodic: whether the window named is one period of its formula, or symmetric.
        padding: where frames lie, as in STFTSpectrogram.
        sampling_rate: samples per second.
        num_mel_bins: how many bands there are.
        min_freq: where the first band begins, in Hertz.
        max_freq: where the last band ends; half the sampling rate if left out.
        mel_scale: the formula of the scale.
        sides: where the sides of triangles are straight.
        norm: whether wide bands are made lower.
        power: of magnitudes: 2 for powers, 1 for themselves.
        power_to_db: whether the result is in decibels.
        top_db: how far below the largest of them the others reach; null for any.
        over_batch: whether the largest is that of the whole batch.
        min_power: what smaller powers count as.
        ref_power: the power of 0 decibels.
    """

    fft_length: PositiveInt = 2048
    frame_step: PositiveInt = 512
    frame_length: PositiveInt | None = None
    window: WindowFunction = "hann"
    periodic: bool = True
    padding: FramePadding = "centered"
    sampling_rate: PositiveFloat = 16000.0
    num_mel_bins: PositiveInt = 128
    min_freq: NonNegativeFloat = 20.0
    max_freq: PositiveFloat | None = None
    mel_scale: Literal["htk", "slaney"] = "htk"
    sides: Literal["mel", "hertz"] = "mel"
    norm: Literal["slaney"] | None = None
    power: PositiveFloat = 2.0
    power_to_db: bool = True
    top_db: NonNegativeFloat | None = 80.0
    over_batch: bool = False
    min_power: PositiveFloat = 1e-10
    ref_power: PositiveFloat = 1.0

    def __post_init__(self) -> None:
        self._check()
        if self.min_freq >= self.highest:
            raise SpecError(
                f"expected less than the {self.highest:g} Hz of max_freq, got {self.min_freq:g}", ("min_freq",)
            )

    @property
    def length(self) -> int:
        return self.frame_length or self.fft_length

    @property
    def step(self) -> int:
        return self.frame_step

    @property
    def points(self) -> int:
        return self.fft_length

    @property
    def highest(self) -> float:
        """Where the last band ends, in Hertz."""
        return self.sampling_rate / 2 if self.max_freq is None else self.max_freq

    def edges(self) -> tuple[_Floats, _Floats]:
        """Where bands begin, have their peaks and end: in mel, and in Hertz."""
        import numpy as np

        lowest, highest = (self._mel(np.float64(hertz)) for hertz in (self.min_freq, self.highest))
        mel = np.linspace(lowest, highest, self.num_mel_bins + 2)
        return mel, _from_htk(mel) if self.mel_scale == "htk" else _from_slaney(mel)

    def _mel(self, hertz: Any) -> Any:
        return _htk(hertz) if self.mel_scale == "htk" else _slaney(hertz)

    def filters(self) -> _Floats:
        """The triangles, (frequencies, bands), in float64."""
        import numpy as np

        mel, hertz = self.edges()
        places = np.arange(self.bins) * self.sampling_rate / self.points
        along, corners = (self._mel(places), mel) if self.sides == "mel" else (places, hertz)
        rising = (along[:, None] - corners[:-2]) / np.diff(corners)[:-1]
        falling = (corners[2:] - along[:, None]) / np.diff(corners)[1:]
        triangles: _Floats = np.maximum(0, np.minimum(rising, falling))
        return triangles * 2 / (hertz[2:] - hertz[:-2]) if self.norm == "slaney" else triangles

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 2:
            raise ShapeError(f"MelSpectrogram needs inputs of 2 axes (batch and samples), got {show(shape)}")
        return (shape[0], self.count(shape[1], shape), self.num_mel_bins)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        batch, size = shapes[0]
        frames = batch * (self.count(size, shapes[0]) or 0)
        return self._cost(frames) + frames * (4 * self.bins + (2 * self.bins - 1) * self.num_mel_bins)


def _htk(hertz: Any) -> Any:
    import numpy as np

    return 1127 * np.log1p(hertz / 700)


def _from_htk(mel: Any) -> Any:
    import numpy as np

    return 700 * np.expm1(mel / 1127)


# Slaney's scale is linear up to 1000 Hz, the mel 15, and logarithmic from there on.
_LOG_STEP = math.log(6.4) / 27


def _slaney(hertz: Any) -> Any:
    import numpy as np

    return np.where(hertz < 1000, 3 * hertz / 200, 15 + np.log(np.maximum(hertz, 1000) / 1000) / _LOG_STEP)


def _from_slaney(mel: Any) -> Any:
    import numpy as np

    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(_LOG_STEP * (mel - 15)))
