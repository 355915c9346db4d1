"""Norms: always with a variance of two passes, since E[x²] − E[x]² cancels where the mean is large."""

from __future__ import annotations

from typing import Any

from nnspec.layers.normalization import BatchNorm, BatchRenorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm, UnitNorm
from nnspec_jax.porting.export.written import Argument, Layout, Made, Place, Written, call, own, written

_TWO_PASSES = Argument("use_fast_variance", False, True)


def _layouts(layer: Any, *names: str) -> dict[str, Layout]:
    given = [name for name in ("scale", "bias") if getattr(layer, f"use_{name}", False)]
    return own(*given, *names)


def _affine(layer: Any, epsilon: float) -> tuple[Argument, ...]:
    bias = () if isinstance(layer, RMSNorm) else (Argument("use_bias", layer.use_bias, True),)
    return (Argument("epsilon", layer.epsilon, epsilon), *bias, Argument("use_scale", layer.use_scale, True))


@written.register
def batch_norm(layer: BatchNorm, place: Place) -> Written:
    (features,) = layer.params(*place.shapes)["mean"].shape
    arguments = (
        Argument("num_features", features, positional=True),
        Argument("axis", _from_the_end(layer.axis, place), -1),
        Argument("momentum", layer.momentum, 0.99),
        *_affine(layer, 1e-5),
        _TWO_PASSES,
    )
    frozen = ", use_running_average=True" if layer.use_running_average else ""
    return Written(f"{{self}}({{0}}{frozen})", Made("nnx.BatchNorm", arguments), _layouts(layer, "mean", "var"))


def _from_the_end(axis: int, place: Place) -> int:
    """An axis as -1 where it is the last one."""
    return -1 if axis % len(place.shapes[0]) == len(place.shapes[0]) - 1 else axis


@written.register
def batch_renorm(layer: BatchRenorm, place: Place) -> Written:
    (features,) = layer.params(*place.shapes)["mean"].shape
    arguments = (
        Argument("num_features", features, positional=True),
        Argument("axis", _from_the_end(layer.axis, place), -1),
        Argument("momentum", layer.momentum, 0.99),
        *_affine(layer, 1e-5),
        Argument("r_max", layer.r_max, 3.0),
        Argument("d_max", layer.d_max, 5.0),
    )
    made = Made("BatchRenorm", arguments, rngs=False)
    return Written("{self}({0})", made, _layouts(layer, "mean", "stddev"), ("BatchRenorm",))


def _over_axes(kind: str, layer: LayerNorm | RMSNorm, place: Place) -> Written:
    rank = len(place.shapes[0])
    given = layer.axes if isinstance(layer.axes, tuple) else (layer.axes,)
    axes = tuple(sorted(axis % rank for axis in given))
    sizes = tuple(place.shapes[0][axis] for axis in axes)
    if len(axes) == 1:
        axis = _from_the_end(axes[0], place)
        arguments = (
            Argument("num_features", sizes[0], positional=True),
            *_affine(layer, 1e-6),
            Argument("reduction_axes", axis, -1),
            Argument("feature_axes", axis, -1),
            *((_TWO_PASSES,) if kind == "LayerNorm" else ()),
        )
        return Written("{self}({0})", Made(f"nnx.{kind}", arguments), _layouts(layer))
    arguments = (
        Argument("shape", sizes, positional=True),
        Argument("axes", axes, positional=True),
        Argument("centered", kind == "LayerNorm", True),
        Argument("epsilon", layer.epsilon, 1e-6),
        Argument("use_scale", layer.use_scale, True),
        Argument("use_bias", bool(getattr(layer, "use_bias", False)), True),
    )
    return Written("{self}({0})", Made("NormOverAxes", arguments, rngs=False), _layouts(layer), ("NormOverAxes",))


@written.register
def layer_norm(layer: LayerNorm, place: Place) -> Written:
    return _over_axes("LayerNorm", layer, place)


@written.register
def rms_norm(layer: RMSNorm, place: Place) -> Written:
    return _over_axes("RMSNorm", layer, place)


@written.register
def group_norm(layer: GroupNorm, place: Place) -> Written:
    arguments = (
        Argument("num_features", place.features, positional=True),
        Argument("num_groups", layer.groups(place.shapes[0]), 32),
        *_affine(layer, 1e-6),
        _TWO_PASSES,
    )
    return Written("{self}({0})", Made("nnx.GroupNorm", arguments), _layouts(layer))


@written.register
def instance_norm(layer: InstanceNorm, place: Place) -> Written:
    arguments = (Argument("num_features", place.features, positional=True), *_affine(layer, 1e-6), _TWO_PASSES)
    return Written("{self}({0})", Made("nnx.InstanceNorm", arguments), _layouts(layer))


@written.register
def unit_norm(layer: UnitNorm, place: Place) -> Written:
    options = {"axis": (layer.axes, -1), "epsilon": (layer.epsilon, 1e-12)}
    return Written(call("unit_norm", **options), snippets=("unit_norm",))
