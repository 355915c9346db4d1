"""Initializers: how a variable's first values are drawn.

All draw on the host, in float64, from Philox words of the stream (variable, "init"), so that every backend starts from
the same bits; see docs/randomness.md for the mapping of words to numbers.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

from nnspec.errors import SpecError
from nnspec.spec import AnyInitializer, NonNegativeFloat, PositiveFloat, PositiveInt, Probability, Spec, spec


@spec
class Initializer(Spec):
    """Base of all initializers."""

    kind: ClassVar[str] = "initializer"


@spec
class Zeros(Initializer):
    """w = 0."""


@spec
class Ones(Initializer):
    """w = 1."""


@spec
class Constant(Initializer):
    """w = value."""

    value: float


@spec
class ForgetBias(Initializer):
    """w = value for the forget gate, 0 elsewhere: the second quarter of the last axis, as in the bias of an LSTM.

    Source: Gers et al. 2000; Jozefowicz et al. 2015.
    """

    value: float = 1.0


@spec
class Normal(Initializer):
    """w ~ N(mean, stddev²)."""

    stddev: NonNegativeFloat = 0.01
    mean: float = 0.0


@spec
class Uniform(Initializer):
    """w ~ U(minimum, maximum)."""

    minimum: float = -0.05
    maximum: float = 0.05

    def __post_init__(self) -> None:
        if self.minimum > self.maximum:
            raise SpecError(f"minimum {self.minimum} is above maximum {self.maximum}", ("minimum",))


@spec
class TruncatedNormal(Initializer):
    """w = mean + stddev · z, z ~ N(0, 1) given lower ≤ z ≤ upper. The standard deviation of w is below ``stddev``."""

    stddev: NonNegativeFloat = 0.01
    mean: float = 0.0
    lower: float = -2.0
    upper: float = 2.0

    def __post_init__(self) -> None:
        if self.lower >= self.upper:
            raise SpecError(f"lower {self.lower} is not below upper {self.upper}", ("lower",))


@spec
class VarianceScaling(Initializer):
    """w with variance scale/n, n = fan_in, fan_out, their mean or their geometric mean.

    distribution "uniform": U(−√(3s), √(3s)) with s = scale/n; "normal": N(0, s); "truncated_normal": z ~ N(0, 1) cut at
    ±2, times √s / 0.87962566103423978, whose standard deviation is √s.

    Fans: kernels are (*window, in, out): fan_in = in·Πwindow, fan_out = out·Πwindow; vectors have both fans = size.
    A gain of PyTorch's (``calculate_gain``: 5/3 for tanh, √2 for ReLU, 3/4 for SELU) is √scale.
    Source: He et al. 2015, arXiv:1502.01852; Glorot & Bengio 2010.
    """

    scale: PositiveFloat = 1.0
    mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"] = "fan_in"
    distribution: Literal["truncated_normal", "normal", "uniform"] = "truncated_normal"


@spec
class _Scaled(Initializer):
    """Base of the named variance scalings."""

    def scaling(self) -> VarianceScaling:
        """The variance scaling that the name stands for."""
        raise NotImplementedError


@spec
class _Fixed(_Scaled):
    """Base of those without options."""

    fixed: ClassVar[VarianceScaling]

    def scaling(self) -> VarianceScaling:
        return self.fixed


@spec
class GlorotUniform(_Fixed):
    """U(−√(6/(fan_in+fan_out)), +√(…)). Source: Glorot & Bengio 2010."""

    fixed: ClassVar[VarianceScaling] = VarianceScaling(1.0, "fan_avg", "uniform")


@spec
class GlorotNormal(_Fixed):
    """Truncated normal of variance 2/(fan_in+fan_out). Source: Glorot & Bengio 2010."""

    fixed: ClassVar[VarianceScaling] = VarianceScaling(1.0, "fan_avg", "truncated_normal")


@spec
class _He(_Scaled):
    """Base of He's, whose gain depends on the slope of the activation below 0."""

    distribution: ClassVar[Literal["truncated_normal", "uniform"]]

    mode: Literal["fan_in", "fan_out"] = "fan_in"
    negative_slope: NonNegativeFloat = 0.0

    def scaling(self) -> VarianceScaling:
        return VarianceScaling(2 / (1 + self.negative_slope**2), self.mode, self.distribution)


@spec
class HeUniform(_He):
    """U(−√(3s), √(3s)) with s = 2/((1 + negative_slope²) · n), n = fan_in or fan_out.

    fan_in keeps the variance of outputs, fan_out that of gradients.
    Source: He et al. 2015, arXiv:1502.01852, eq. 10, 14 and 15.
    """

    distribution: ClassVar[Literal["truncated_normal", "uniform"]] = "uniform"


@spec
class HeNormal(_He):
    """Truncated normal of variance 2/((1 + negative_slope²) · n), n = fan_in or fan_out.

    fan_in keeps the variance of outputs, fan_out that of gradients.
    Source: He et al. 2015, arXiv:1502.01852, eq. 10, 14 and 15.
    """

    distribution: ClassVar[Literal["truncated_normal", "uniform"]] = "truncated_normal"


@spec
class LecunUniform(_Fixed):
    """U(−√(3/fan_in), +√(3/fan_in)). Source: LeCun et al. 1998, Efficient BackProp."""

    fixed: ClassVar[VarianceScaling] = VarianceScaling(1.0, "fan_in", "uniform")


@spec
class LecunNormal(_Fixed):
    """Truncated normal of variance 1/fan_in. Source: LeCun et al. 1998, Efficient BackProp."""

    fixed: ClassVar[VarianceScaling] = VarianceScaling(1.0, "fan_in", "truncated_normal")


@spec
class Orthogonal(Initializer):
    """A random (semi-)orthogonal matrix times ``gain``: the kernel flattened to (Π of all axes but the last, last).

    Q of the QR decomposition of a standard normal matrix (of its transpose if it is wide), with the signs of R's
    diagonal, hence Haar-distributed. Source: Saxe et al. 2014, arXiv:1312.6120; Mezzadri 2007.
    """

    gain: PositiveFloat = 1.0


@spec
class DeltaOrthogonal(Initializer):
    """A random matrix (in, out) with orthonormal rows times ``gain`` in the middle of the window, 0 elsewhere.

    For kernels (*window, in, out) with in ≤ out: what the convolution keeps is the norm of its input. The middle of an
    axis of k taps is its tap ⌊(k − 1)/2⌋; the matrix is drawn as by ``orthogonal``.
    Source: Xiao et al. 2018, arXiv:1806.05393.
    """

    gain: PositiveFloat = 1.0


@spec
class Sparse(Initializer):
    """w ~ N(0, stddev²) with ⌈sparsity · fan_in⌉ of the weights into each unit set to 0, chosen at random.

    A kernel (of two axes or more) is flattened to (Π of all axes but the last, last), and those are the weights of a
    column: all units have equally many inputs. PyTorch's ``sparse_`` counts the other way, zeros among the weights from
    each input.
    Source: Martens 2010, section 5.
    """

    sparsity: Probability
    stddev: NonNegativeFloat = 0.01


@spec
class DepthScaled(Initializer):
    """w = v/√depth with v drawn by ``initializer``.

    For the last kernels of residual branches, of which ``depth`` are added up: their sum keeps its variance.
    Source: Radford et al. 2019 (GPT-2), section 2.3.
    """

    initializer: AnyInitializer
    depth: PositiveInt


@spec
class IdentityInit(Initializer):
    """The identity matrix times ``gain``, for variables of two axes (ones on the main diagonal if not square)."""

    gain: float = dataclasses.field(default=1.0)
