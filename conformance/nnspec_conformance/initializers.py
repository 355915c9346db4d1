"""Cases of the initializers: the first kernel and bias of a layer, by seed."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

from nnspec.initializers import (
    Constant,
    DeltaOrthogonal,
    DepthScaled,
    ForgetBias,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    IdentityInit,
    Initializer,
    LecunNormal,
    LecunUniform,
    Normal,
    Ones,
    Orthogonal,
    Sparse,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from nnspec.layers.convolution import Conv
from nnspec.layers.linear import Dense
from nnspec_conformance.case import Case, describe

# What draws no vectors, or not the same for them.
_OF_KERNELS = (DeltaOrthogonal, IdentityInit, Orthogonal, Sparse)


@dataclass(frozen=True, eq=False)
class InitializerCase:
    """An initializer of a kernel of this shape (and of the bias, where it takes vectors)."""

    spec: Initializer
    shape: tuple[int, ...] = (7, 5)
    _: KW_ONLY
    seed: int = 3
    id: str = ""

    @property
    def name(self) -> str:
        return describe(self.spec, self.id)

    @property
    def classes(self) -> set[type[Any]]:
        return {Dense} if len(self.shape) == 2 else {Conv}

    @cached_property
    def case(self) -> Case:
        """A layer that is drawn by it."""
        bias = "zeros" if isinstance(self.spec, _OF_KERNELS) else self.spec
        *window, inputs, features = self.shape
        if not window:
            return Case(Dense(features, kernel_init=self.spec, bias_init=bias), (inputs,), id=self.id)
        layer = Conv(features, tuple(window), kernel_init=self.spec, bias_init=bias)
        return Case(layer, (*(k + 1 for k in window), inputs), id=self.id)


CASES = [
    InitializerCase(Zeros()),
    InitializerCase(Ones()),
    InitializerCase(Constant(-0.3)),
    InitializerCase(ForgetBias(), (7, 8)),
    InitializerCase(ForgetBias(-0.5), (4, 4)),
    InitializerCase(Normal()),
    InitializerCase(Normal(2.0, -1.0)),
    InitializerCase(Uniform()),
    InitializerCase(Uniform(0.5, 1.5)),
    InitializerCase(TruncatedNormal()),
    InitializerCase(TruncatedNormal(0.5, 1.0, -1.0, 3.0)),
    InitializerCase(TruncatedNormal(lower=4.0, upper=5.0), id="far tail"),
    InitializerCase(HeNormal()),
    InitializerCase(HeNormal("fan_out", 0.2), (3, 7, 5)),
    InitializerCase(HeUniform()),
    InitializerCase(HeUniform("fan_out", 0.1)),
    InitializerCase(GlorotNormal()),
    InitializerCase(GlorotUniform()),
    InitializerCase(LecunNormal()),
    InitializerCase(LecunUniform()),
    InitializerCase(VarianceScaling()),
    InitializerCase(VarianceScaling(0.5, "fan_out", "normal")),
    InitializerCase(VarianceScaling(3.0, "fan_geo_avg", "uniform")),
    InitializerCase(VarianceScaling(1.5, "fan_avg", "truncated_normal")),
    InitializerCase(Orthogonal(), (6, 6)),
    InitializerCase(Orthogonal(2.0), (4, 9), id="wide"),
    InitializerCase(Orthogonal(), (9, 4), id="tall"),
    InitializerCase(DeltaOrthogonal(), (3, 4, 2, 5)),
    InitializerCase(DeltaOrthogonal(0.5), (5, 4, 4)),
    InitializerCase(Sparse(0.6), (8, 5)),
    InitializerCase(Sparse(0.25, 2.0), (3, 3, 4)),
    InitializerCase(DepthScaled(HeNormal(), 12)),
    InitializerCase(DepthScaled(Constant(0.3), 3)),
    InitializerCase(IdentityInit(), (5, 5)),
    InitializerCase(IdentityInit(0.5), (3, 6)),
    InitializerCase(HeNormal(), (65, 33), seed=2**63 + 12345, id="seed above 2**63"),
]
