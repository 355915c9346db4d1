"""Linear layers."""

from __future__ import annotations

from typing import Any

from nnspec.layers.linear import Bilinear, Dense, DenseGeneral, EinsumDense
from nnspec_jax.porting.export.written import Argument, Layout, Made, Place, Written, own, written


def activated(layer: Any, place: Place, made: Written) -> Written:
    """A layer followed by its activation."""
    return made if layer.activation is None else made.followed(written(layer.activation, place))


def biased(layer: Any, *names: str) -> dict[str, Layout]:
    """Kernels, and a bias where the layer has one."""
    return own(*names, *(["bias"] if layer.use_bias else []))


@written.register
def dense(layer: Dense, place: Place) -> Written:
    arguments = (
        Argument("in_features", place.features, positional=True),
        Argument("out_features", layer.features, positional=True),
        Argument("use_bias", layer.use_bias, True),
    )
    made = Written("{self}({0})", Made("nnx.Linear", arguments), biased(layer, "kernel"), heavy=True)
    return activated(layer, place, made)


@written.register
def dense_general(layer: DenseGeneral, place: Place) -> Written:
    rank = len(place.shapes[0])
    axes = layer.axes if isinstance(layer.axes, tuple) else (layer.axes,)
    front = tuple(sorted(axis % rank for axis in axes))
    sizes = tuple(place.shapes[0][axis] for axis in front)
    last = front == tuple(range(rank - len(front), rank))
    axis: Any = tuple(axis - rank for axis in front) if last else front
    arguments = (
        Argument("in_features", sizes[0] if len(sizes) == 1 else sizes, positional=True),
        Argument("out_features", layer.features, positional=True),
        Argument("axis", axis[0] if len(axis) == 1 else axis, -1),
        Argument("use_bias", layer.use_bias, True),
    )
    made = Written("{self}({0})", Made("nnx.LinearGeneral", arguments), biased(layer, "kernel"), heavy=True)
    return activated(layer, place, made)


@written.register
def einsum_dense(layer: EinsumDense, place: Place) -> Written:
    params = layer.params(*place.shapes)
    bias = layer.biases(place.shapes[0])
    arguments = (
        Argument("equation", str(layer.spelled(place.shapes[0])), positional=True),
        Argument("kernel_shape", params["kernel"].shape, positional=True),
        Argument("bias_shape", None if bias is None else params["bias"].shape, None),
        Argument("broadcast", None if bias is None or bias == params["bias"].shape else bias, None),
    )
    layouts = own(*params)
    made = Written("{self}({0})", Made("EinsumDense", arguments), layouts, ("EinsumDense",), heavy=True)
    return activated(layer, place, made)


@written.register
def bilinear(layer: Bilinear, place: Place) -> Written:
    params = layer.params(*place.shapes)
    arguments = (
        Argument("kernel_shape", params["kernel"].shape, positional=True),
        Argument("use_bias", layer.use_bias, True),
    )
    return Written("{self}({0}, {1})", Made("Bilinear", arguments), own(*params), ("Bilinear",), heavy=True)
