"""ONNX's operators that reduce, move and resample in the vocabulary of nnspec, and its transposed convolution."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.onnx_call import Call, Operator, need, one
from tests.peers.onnx_windows import channels_last
from tests.peers.subjects import applied, network


def chained(call: Call, *layers: nn.Layer) -> list[Array]:
    """Layers one after the other, on an input that has no batch axis."""
    names = ["x", *(f"y{i}" for i in range(len(layers)))]
    nodes = [(name, layer, [before]) for before, name, layer in zip(names, names[1:], layers, strict=False)]
    return [call.subject.forward(network({"x": call.x.shape}, nodes), {"x": call.x[None]}, {})[0][0]]


def reduction(layer: Any, *, before: tuple[nn.Layer, ...] = (), after: tuple[nn.Layer, ...] = ()) -> Operator:
    """A reduction of what ``before`` gives."""

    def operator(call: Call) -> list[Array]:
        need(call.x.size > 0, "tensors without elements")
        given = call.get("axes", call.input(1))
        empty = given is None or np.size(given) == 0
        keep = bool(call.get("keepdims", 1))
        if empty and call.get("noop_with_empty_axes", 0):
            return chained(call, *before, *after, nn.Identity())
        axes = None if empty else tuple(int(axis) % call.x.ndim + 1 for axis in np.ravel(given))
        return chained(call, *before, layer(axes, keep), *after)

    return operator


def transpose(call: Call) -> list[Array]:
    order = call.get("perm", range(call.x.ndim)[::-1])
    return chained(call, nn.Permute(tuple(axis + 1 for axis in order)))


def slices(call: Call) -> list[Array]:
    starts, stops = call.inputs[1], call.inputs[2]
    axes = range(len(starts)) if call.input(3) is None else call.input(3)
    steps = [1] * len(starts) if call.input(4) is None else call.input(4)
    each = [
        nn.Slice(int(start), int(stop), int(step), int(axis) % call.x.ndim + 1)
        for start, stop, step, axis in zip(starts, stops, steps, axes, strict=True)
    ]
    lengths = [len(range(*slice(s.start, s.stop, s.step).indices(call.x.shape[s.axis - 1]))) for s in each]
    need(0 not in lengths, "tensors without elements")
    return chained(call, *each)


def pad(call: Call) -> list[Array]:
    """Every axis of ONNX's is one between batch and channels."""
    counts = [int(count) for count in call.inputs[1]]
    axes = range(call.x.ndim) if call.input(3) is None else [int(axis) % call.x.ndim for axis in call.input(3)]
    need(min(counts) >= 0, "negative padding")
    margins = [(0, 0)] * call.x.ndim
    for axis, before, after in zip(axes, counts[: len(axes)], counts[len(axes) :], strict=True):
        margins[axis] = (before, after)
    mode, value = call.get("mode", "constant"), call.input(2)
    options = {"value": float(value)} if value is not None and mode == "constant" else {}
    layer = nn.Pad(tuple(margins), mode, **options)
    return [applied(call.subject, layer, call.x[..., None])[..., 0]]


ORDERS: Any = {"DCR": "blocks_first", "CRD": "channels_first"}


def depth_to_space(call: Call) -> list[Array]:
    return [channels_last(call, nn.DepthToSpace(call.attributes["blocksize"], ORDERS[call.get("mode", "DCR")]))]


def space_to_depth(call: Call) -> list[Array]:
    return [channels_last(call, nn.SpaceToDepth(call.attributes["blocksize"], ORDERS[call.get("mode", "DCR")]))]


def power(call: Call) -> Call:
    """The call with exponents in the dtype of the base."""
    return dataclasses.replace(call, inputs=[call.x, np.asarray(call.inputs[1]).astype(call.x.dtype)])


def matmul_of_tensors(call: Call) -> list[Array]:
    """A product whose second factor has axes before its matrix; a factor of one axis is a row or a column."""
    x1, x2 = call.inputs
    shape = np.matmul(x1, x2).shape
    rows = x1.reshape(1, -1) if x1.ndim == 1 else x1
    columns = x2.reshape(-1, 1) if x2.ndim == 1 else x2
    rank = max(rows.ndim, columns.ndim)
    a, b = (x.reshape((1,) * (1 + rank - x.ndim) + x.shape) for x in (rows, columns))
    model = network({"a": a.shape[1:], "b": b.shape[1:]}, [("y", nn.Matmul(), ["a", "b"])])
    return [call.subject.forward(model, {"a": a, "b": b}, {})[0].reshape(shape)]


def conv_transpose(call: Call) -> list[Array]:
    weight, bias = call.inputs[1], call.input(2)
    window, groups, rank = weight.shape[2:], call.get("group", 1), weight.ndim - 2
    strides, dilation = call.get("strides", [1] * rank), call.get("dilations", [1] * rank)
    added, pads = call.get("output_padding", [0] * rank), call.get("pads", [0] * 2 * rank)
    margins = list(zip(pads[:rank], pads[rank:], strict=True))
    same = call.get("auto_pad", "NOTSET").startswith("SAME")
    sizes = [n * s for n, s in zip(call.x.shape[2:], strides, strict=True)] if same else call.get("output_shape", None)
    if sizes is not None:  # which takes the place of pads
        lost = [
            (n - 1) * s + more + (k - 1) * d + 1 - size
            for n, s, more, k, d, size in zip(call.x.shape[2:], strides, added, window, dilation, sizes, strict=True)
        ]
        upper = call.get("auto_pad", "") == "SAME_UPPER"
        added = [more + max(-total, 0) for more, total in zip(added, lost, strict=True)]
        halves = [(max(total, 0) // 2, -(-max(total, 0) // 2)) for total in lost]
        margins = halves if upper else [(after, before) for before, after in halves]
    layer = nn.ConvTranspose(
        weight.shape[1] * groups,
        window,
        tuple(strides),
        tuple(margins),
        tuple(added),
        tuple(dilation),
        groups,
        use_bias=bias is not None,
    )
    # ONNX: (in, features/groups, *sizes); ours: (*sizes, in/groups, features).
    parts = [np.moveaxis(part, (0, 1), (-2, -1)) for part in np.split(weight, groups)]
    variables = {"kernel": np.concatenate(parts, -1)} | ({} if bias is None else {"bias": bias})
    return [channels_last(call, layer, variables)]


def resize(call: Call) -> list[Array]:
    scales, sizes = call.input(2), call.input(3)
    need(call.get("keep_aspect_ratio_policy", "stretch") == "stretch", "sizes that keep the aspect ratio")
    shape = list(call.x.shape)
    axes = call.get("axes", list(range(call.x.ndim)))
    if sizes is None or not np.size(sizes):
        exact = [shape[axis] * one(scale) for axis, scale in zip(axes, scales, strict=True)]
        need(all(size == int(size) for size in exact), "scales that are not quotients of sizes")
        sizes = [int(size) for size in exact]
    for axis, size in zip(axes, sizes, strict=True):
        shape[axis] = int(size)
    need(shape[:2] == list(call.x.shape[:2]), "other axes than those behind the channels")
    coordinates, method = call.get("coordinate_transformation_mode", "half_pixel"), call.get("mode", "nearest")
    if coordinates == "pytorch_half_pixel" and 1 not in shape[2:]:
        coordinates = "half_pixel"
    need(coordinates in ("half_pixel", "align_corners"), "coordinates other than half_pixel and align_corners")
    if method == "nearest":
        _check_nearest(call, coordinates, shape)
        return [channels_last(call, nn.Resize(tuple(shape[2:]), "nearest"))]
    options: dict[str, Any] = {"a": one(call.get("cubic_coeff_a", -0.75))} if method == "cubic" else {}
    layer = nn.Resize(
        tuple(shape[2:]),
        method,
        bool(call.get("antialias", 0)),
        coordinates,
        edges="drop" if call.get("exclude_outside", 0) else "repeat",
        **options,
    )
    return [channels_last(call, layer)]


def _check_nearest(call: Call, coordinates: str, shape: list[int]) -> None:
    rounding = call.get("nearest_mode", "round_prefer_floor")
    need(coordinates == "half_pixel" and rounding.startswith("round"), "nearest of other coordinates or rounding")
    pairs = list(zip(call.x.shape[2:], shape[2:], strict=True))
    tied = any((2 * p + 1) * n % (2 * m) == 0 and n != m for n, m in pairs for p in range(m))
    need(rounding == "round_prefer_ceil" or not tied, "the first of two elements that are equally near")


REDUCTIONS: dict[str, Operator] = {
    "ReduceL1": reduction(nn.Sum, before=(nn.Abs(),)),
    "ReduceL2": reduction(nn.Sum, before=(nn.Square(),), after=(nn.Sqrt(),)),
    "ReduceLogSum": reduction(nn.Sum, after=(nn.Log(),)),
    "ReduceLogSumExp": reduction(nn.LogSumExp),
    "ReduceMax": reduction(nn.Max),
    "ReduceMean": reduction(nn.Mean),
    "ReduceMin": reduction(nn.Min),
    "ReduceProd": reduction(nn.Prod),
    "ReduceSum": reduction(nn.Sum),
    "ReduceSumSquare": reduction(nn.Sum, before=(nn.Square(),)),
}
