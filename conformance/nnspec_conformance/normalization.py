"""Cases of the normalization layers."""

from __future__ import annotations

from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec_conformance.case import Case

CASES = [
    Case(BatchNorm(), (5,), extremes=True),
    Case(BatchNorm(momentum=0.9, epsilon=1e-3), (5,)),
    Case(BatchNorm(use_scale=False), (5,)),
    Case(BatchNorm(use_bias=False), (5,)),
    Case(BatchNorm(use_scale=False, use_bias=False), (5,)),
    Case(BatchNorm(momentum=0.0), (5,)),
    Case(BatchNorm(momentum=1.0), (5,)),
    Case(BatchNorm(momentum=0.5), (2, 3, 4), id="rank 4"),
    Case(BatchNorm(epsilon=0.5), (5,)),
    Case(BatchNorm(momentum=0.9), (5,), offset=1e3, id="large mean"),
    Case(BatchNorm(momentum=0.9, epsilon=1e-4), (5,), scale=1e-2, id="variance near epsilon"),
    Case(BatchNorm(scale_init={"normal": 0.3}, bias_init="normal"), (5,)),
    Case(LayerNorm(), (8,), extremes=True),
    Case(LayerNorm(epsilon=1e-3), (8,)),
    Case(LayerNorm(use_scale=False), (2, 3, 5)),
    Case(LayerNorm(use_bias=False), (3, 8)),
    Case(LayerNorm(use_scale=False, use_bias=False), (8,)),
    Case(LayerNorm(epsilon=0.5), (8,)),
    Case(LayerNorm(), (8,), offset=1e3, id="large mean"),
    Case(LayerNorm(), (8,), scale=1e-3, id="variance near epsilon"),
    Case(LayerNorm(), (3,), id="three features"),
    Case(LayerNorm(scale_init={"normal": 0.3}, bias_init={"constant": 0.2}), (8,)),
]
