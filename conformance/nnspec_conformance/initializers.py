"""Cases of the initializers: the first kernel and bias of a layer, by seed."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

from nnspec.initializers import (
    Constant,
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
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    Zeros,
)
from nnspec.layers.linear import Dense
from nnspec_conformance.case import Case, describe


@dataclass(frozen=True, eq=False)
class InitializerCase:
    """An initializer of a kernel of this shape (and of the bias, where it takes vectors)."""

    spec: Initializer
    shape: tuple[int, int] = (7, 5)
    _: KW_ONLY
    seed: int = 3
    id: str = ""

    @property
    def name(self) -> str:
        return describe(self.spec, self.id)

    @property
    def classes(self) -> set[type[Any]]:
        return {Dense}

    @cached_property
    def case(self) -> Case:
        """A layer that is drawn by it."""
        bias = "zeros" if isinstance(self.spec, IdentityInit | Orthogonal) else self.spec
        return Case(Dense(self.shape[1], kernel_init=self.spec, bias_init=bias), self.shape[:1], id=self.id)


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
    InitializerCase(HeUniform()),
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
    InitializerCase(IdentityInit(), (5, 5)),
    InitializerCase(IdentityInit(0.5), (3, 6)),
    InitializerCase(HeNormal(), (65, 33), seed=2**63 + 12345, id="seed above 2**63"),
]
