"""ONNX's convolutions, pools and table look-ups in the vocabulary of nnspec: channels second there, last here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.onnx_call import Call, Operator, need
from tests.peers.outcome import NotExpressible
from tests.peers.subjects import network

Pads = tuple[tuple[int, int], ...]
NAMES: dict[str, Literal["same", "valid"]] = {"SAME_UPPER": "same", "VALID": "valid"}


@dataclass(frozen=True)
class Window:
    """A window as ONNX describes it, and what it covers of one input.

    Attributes:
        given: the padding that the node asks for, before and after each axis.
        reached: the padding that windows reach into. The end may lie inside of the input (less than 0), or with
            ``ceil_mode`` beyond the padding that was given.
        same: what "same" pads here: an odd element at the end.
    """

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    given: Pads
    reached: Pads
    same: Pads


def window(call: Call, sizes: tuple[int, ...]) -> Window:
    """The window of a call whose input has channels second."""
    rank, shape = len(sizes), call.x.shape[2:]
    strides = tuple(call.get("strides", [1] * rank))
    dilations = tuple(call.get("dilations", [1] * rank))
    reach = [(size - 1) * step + 1 for size, step in zip(sizes, dilations, strict=True)]
    axes = list(zip(shape, strides, reach, strict=True))
    totals = [max((-(-n // stride) - 1) * stride + extent - n, 0) for n, stride, extent in axes]
    same = tuple((total // 2, total - total // 2) for total in totals)
    auto = call.get("auto_pad", "NOTSET")
    explicit = tuple(call.get("pads", [0] * 2 * rank))
    given = {
        "NOTSET": tuple(zip(explicit[:rank], explicit[rank:], strict=True)),
        "VALID": ((0, 0),) * rank,
        "SAME_UPPER": same,
        "SAME_LOWER": tuple((after, before) for before, after in same),
    }[auto]
    reached = []
    for (n, stride, extent), (before, after) in zip(axes, given, strict=True):
        room = before + n + after - extent
        last = -(-room // stride) if call.get("ceil_mode", 0) else room // stride
        if last * stride >= before + n:  # no window starts in the padding at the end
            last -= 1
        reached.append((before, last * stride + extent - n - before))
    return Window(sizes, strides, dilations, given, tuple(reached), same)


def named(window: Window) -> Literal["same", "valid"] | None:
    """Which padding of ours reaches as far, or None."""
    reached = tuple((before, max(after, 0)) for before, after in window.reached)
    if not any(map(any, reached)):
        return "valid"
    return "same" if reached == window.same else None


def conv(call: Call) -> list[Array]:
    kernel, bias = call.inputs[1], call.input(2)
    found = window(call, kernel.shape[2:])
    layer = nn.Conv(
        kernel.shape[0],
        found.sizes,
        strides=found.strides,
        padding=NAMES.get(call.get("auto_pad", ""), found.given),
        dilation=found.dilations,
        groups=call.get("group", 1),
        use_bias=bias is not None,
    )
    # ONNX: (features, in/groups, *sizes); ours: (*sizes, in/groups, features).
    variables = {"kernel": np.moveaxis(kernel, (1, 0), (-2, -1))} | ({} if bias is None else {"bias": bias})
    return [channels_last(call, layer, variables)]


def max_pool(call: Call) -> list[Array]:
    """The maxima alone: their indices have no counterpart."""
    sizes, strides, padding = _pool(call)
    return [channels_last(call, nn.MaxPool(sizes, strides, padding))]


def avg_pool(call: Call) -> list[Array]:
    sizes, strides, padding = _pool(call)
    include = bool(call.get("count_include_pad", 0))
    found = window(call, sizes)
    beyond = any(r[1] > g[1] for r, g in zip(found.reached, found.given, strict=True))
    need(not (include and beyond), "windows over the padding's end, where it does not count")
    return [channels_last(call, nn.AvgPool(sizes, strides, padding, count_include_pad=include))]


def _pool(call: Call) -> tuple[tuple[int, ...], tuple[int, ...], Literal["same", "valid"]]:
    found = window(call, tuple(call.attributes["kernel_shape"]))
    need(set(found.dilations) == {1}, "a dilated window")
    padding = named(found)
    if padding is None:
        lower = call.get("auto_pad", "") == "SAME_LOWER"
        raise NotExpressible("odd padding in front" if lower else "padding of a pool other than none and same")
    return found.sizes, found.strides, padding


def global_pool(layer: nn.Layer) -> Operator:
    """Pooling over all positions, whose axes ONNX keeps."""

    def operator(call: Call) -> list[Array]:
        y = channels_last(call, layer)
        return [y.reshape(y.shape + (1,) * (call.x.ndim - 2))]

    return operator


def channels_last(call: Call, layer: nn.Layer, variables: dict[str, Any] | None = None) -> Array:
    """A layer of channels last applied to channels second."""
    x = np.moveaxis(call.x, 1, -1)
    given = {f"y/{name}": value for name, value in (variables or {}).items()}
    y = call.subject.forward(network({"x": x.shape[1:]}, [("y", layer, ["x"])]), {"x": x}, given)[0]
    return np.moveaxis(y, -1, 1)  # of two axes, batch and channels, none moves
