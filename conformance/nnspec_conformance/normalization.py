"""Cases of the normalization layers."""

from __future__ import annotations

from nnspec.layers.normalization import (
    BatchNorm,
    BatchRenorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
    UnitNorm,
)
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

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
    Case(BatchNorm(axis=1, momentum=0.9), (3, 4)),
    Case(BatchNorm(axis=-2, use_running_average=True), (3, 4)),
    Case(BatchRenorm(momentum=0.8), (5,)),
    # Clipped at both ends: a small batch's deviation and a far one's mean.
    Case(BatchRenorm(momentum=0.9, r_max=1.5, d_max=0.3, epsilon=1e-3), (2, 3), scale=0.2),
    Case(BatchRenorm(momentum=0.5, r_max=1.2, d_max=2.0, use_scale=False), (4,), scale=20.0, offset=50.0),
    Case(BatchRenorm(axis=1, momentum=0.0, use_bias=False, scale_init={"normal": 0.3}), (3, 4)),
    Case(BatchRenorm(momentum=1.0, bias_init="normal"), (2, 3), offset=1e3, id="large mean"),
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
    Case(LayerNorm(axes=1), (3, 2, 4)),
    Case(LayerNorm(axes=(-1, 1)), (3, 2, 4)),
    Case(RMSNorm(), (8,), extremes=True),
    Case(RMSNorm(epsilon=0.5), (2, 3, 5)),
    Case(RMSNorm(use_scale=False), (8,), scale=1e-3, id="mean square near epsilon"),
    Case(RMSNorm(scale_init={"normal": 0.3}), (8,), offset=1e3, id="large mean"),
    Case(RMSNorm(axes=(3, 1)), (3, 2, 4)),
    Case(GroupNorm(2), (3, 6), extremes=True),
    Case(GroupNorm(group_size=2, epsilon=0.5), (6,)),
    Case(GroupNorm(3, scale_init={"normal": 0.3}, bias_init="normal"), (2, 3, 6), offset=1e3, id="large mean"),
    Case(GroupNorm(1, use_scale=False, use_bias=False), (2, 4)),
    Case(InstanceNorm(), (5, 3), extremes=True),
    Case(InstanceNorm(epsilon=0.5, scale_init={"normal": 0.3}, bias_init="normal"), (2, 3, 4)),
    Case(InstanceNorm(use_scale=False, use_bias=False), (5, 3), scale=1e-3, id="variance near epsilon"),
    Case(UnitNorm(), (5,)),
    Case(UnitNorm(epsilon=1e-3), (5,), extremes=True),
    Case(UnitNorm((1, 3)), (3, 2, 4)),
    Case(UnitNorm(1, epsilon=1e3), (3, 2), id="norms below epsilon"),
]
EXAMPLES = [
    Example(
        UnitNorm(epsilon=5.0),
        (((3.0, 4.0), (0.0, 0.0)),),
        id="norms of epsilon and of zero",
        output=((0.6, 0.8), (0.0, 0.0)),
        cotangents=((1.0, 2.0), (1.0, 2.0)),
        gradients=(((0.2, 0.4), (0.2, 0.4)),),
    ),
]
