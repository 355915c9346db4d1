"""ONNX's operators that compare, choose, order and accumulate in the vocabulary of nnspec.

Their inputs may be integers and booleans. Integers of any width are int32 here, and come back in their own type.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.onnx_call import Call, Operator, need
from tests.peers.subjects import Subject

Nodes = Sequence[tuple[str, nn.Layer, Sequence[str]]]


def given(x: Any) -> Array:
    """An array as a value between nodes: integers in int32."""
    array = np.asarray(x)
    if array.dtype.kind not in "iu":
        return array
    limits = np.iinfo(np.int32)
    need(not array.size or (array.min() >= limits.min and array.max() <= limits.max), "integers beyond int32")
    return array.astype(np.int32)


def run(subject: Subject, nodes: Nodes, *inputs: Any, like: int = 0) -> Array:
    """The output of nodes on arrays without a batch axis, which are named x0, x1, …; integers as input ``like``."""
    arrays = {f"x{i}": given(x)[None] for i, x in enumerate(inputs)}
    need(all(x.size for x in arrays.values()), "tensors without elements")
    kinds: dict[str, Any] = {"b": "bool", "i": "int32"}
    declared = {name: nn.Input(x.shape[1:], kinds.get(x.dtype.kind, "float")) for name, x in arrays.items()}
    model = nn.Model(declared, [nn.Node(name, layer, tuple(names)) for name, layer, names in nodes], nodes[-1][0])
    y = subject.forward(model, arrays, {})[0][0]
    wanted = np.asarray(inputs[like]).dtype
    return y.astype(wanted) if y.dtype == np.int32 and wanted.kind in "iu" else y


def place(call: Call, default: int = 0, rank: int | None = None) -> int:
    """The operator's axis behind the batch axis."""
    return int(call.get("axis", default)) % (rank or call.x.ndim) + 1


def broadcast(make: Callable[[Call], nn.Layer]) -> Operator:
    """One operation of all inputs, those of lower rank with axes of size 1 in front."""

    def operator(call: Call) -> list[Array]:
        rank = max(np.ndim(x) for x in call.inputs)
        arrays = [np.reshape(x, (1,) * (rank - np.ndim(x)) + np.shape(x)) for x in call.inputs]
        need(all(x.dtype.kind != "O" and x.dtype.kind != "U" for x in arrays), "texts")
        return [run(call.subject, [("y", make(call), [f"x{i}" for i in range(len(arrays))])], *arrays, like=-1)]

    return operator


def single(make: Callable[[Call], nn.Layer]) -> Operator:
    """One operation of the first input."""
    return lambda call: [run(call.subject, [("y", make(call), ["x0"])], call.x)]


def is_inf(call: Call) -> nn.Layer:
    both = call.get("detect_negative", 1) and call.get("detect_positive", 1)
    need(bool(both), "infinity of one sign alone")
    return nn.IsInf()


def remainder(call: Call) -> nn.Layer:
    need(call.x.dtype.kind == "f" or str(call.x.dtype) == "bfloat16", "arithmetic on integers")
    return nn.Remainder("dividend" if call.get("fmod", 0) else "divisor")


def extreme(cls: type[nn.ArgMax | nn.ArgMin]) -> Operator:
    def operator(call: Call) -> list[Array]:
        ties: Any = "last" if call.get("select_last_index", 0) else "first"
        found = run(call.subject, [("y", cls(place(call), bool(call.get("keepdims", 1)), ties), ["x0"])], call.x)
        return [found.astype(np.int64)]

    return operator


def hardmax(call: Call) -> list[Array]:
    axis = place(call, -1)
    nodes: Nodes = [("first", nn.ArgMax(axis), ["x0"]), ("y", nn.OneHot(call.x.shape[axis - 1], axis), ["first"])]
    return [run(call.subject, nodes, call.x)]


def top_k(call: Call) -> list[Array]:
    axis, k = place(call, -1), int(call.inputs[1].reshape(()))
    largest = bool(call.get("largest", 1))
    values, indices = (
        run(call.subject, [("y", nn.TopK(k, axis, largest, output), ["x0"])], call.x)  # type: ignore[arg-type]
        for output in ("values", "indices")
    )
    return [values, indices.astype(np.int64)]


def one_hot(call: Call) -> list[Array]:
    ids, depth, (off, on) = call.inputs[0], int(np.reshape(call.inputs[1], ())), call.inputs[2]
    need(bool(np.all(ids >= 0)), "negative ids, which are no class here")
    axis = place(call, -1, ids.ndim + 1)
    nodes: Nodes = [("hot", nn.OneHot(depth, axis), ["x0"])]
    if on.dtype.kind in "iu":  # rows of integers are chosen by booleans
        chosen = run(call.subject, [*nodes, ("y", nn.AsType("bool"), ["hot"])], ids.astype(np.int64))
        return [np.where(chosen, on, off)]
    hot = run(call.subject, nodes, ids.astype(np.int64))
    return [(hot * (on - off) + off).astype(on.dtype)]


def gather(call: Call) -> list[Array]:
    x, ids = call.inputs
    return [run(call.subject, [("y", nn.Take(axis=place(call)), ["x0", "x1"])], x, ids)]


def gather_elements(call: Call) -> list[Array]:
    x, ids = call.inputs
    axis = place(call)
    for i, size in enumerate(ids.shape):  # ids may be of fewer places, along other axes too
        x = x if i == axis - 1 else np.take(x, range(size), i)
    return [run(call.subject, [("y", nn.TakeAlongAxis(axis), ["x0", "x1"])], x, ids)]


def tensor_scatter(call: Call) -> list[Array]:
    """Into a cache, from places of its own in each example."""
    need(call.get("mode", "linear") == "linear", "a circle")
    x, update, *start = call.inputs
    at = start[0] if start else np.zeros(len(x), np.int64)
    arrays = {"x": x, "update": update, "at": at.astype(np.int32)}
    declared = {name: nn.Input(a.shape[1:], "int32" if name == "at" else "float") for name, a in arrays.items()}
    layer = nn.UpdateSlice(int(call.get("axis", -2)) % x.ndim)
    model = nn.Model(declared, [nn.Node("y", layer, tuple(arrays))], "y")
    return [call.subject.forward(model, arrays, {})[0]]


def cumulative(cls: type[nn.CumulativeSum | nn.CumulativeProd]) -> Operator:
    def operator(call: Call) -> list[Array]:
        need(call.x.dtype.kind == "f", "arithmetic on integers")
        axis = int(np.reshape(call.inputs[1], ())) % call.x.ndim + 1
        layer = cls(axis, bool(call.get("exclusive", 0)), bool(call.get("reverse", 0)))
        return [run(call.subject, [("y", layer, ["x0"])], call.x)]

    return operator


def tile(call: Call) -> list[Array]:
    return [run(call.subject, [("y", nn.Tile(tuple(map(int, call.inputs[1]))), ["x0"])], call.x)]


def expand(call: Call) -> list[Array]:
    shape = np.broadcast_shapes(call.x.shape, tuple(map(int, call.inputs[1])))
    x = call.x.reshape((1,) * (len(shape) - call.x.ndim) + call.x.shape)
    return [run(call.subject, [("y", nn.BroadcastTo(tuple(map(int, shape))), ["x0"])], x)]


def triangle(call: Call) -> list[Array]:
    need(call.x.size > 0, "tensors without elements")
    k = 0 if call.input(1) is None else int(call.inputs[1])
    return [run(call.subject, [("y", nn.Triu(k) if call.get("upper", 1) else nn.Tril(k), ["x0"])], call.x)]


def einsum(call: Call) -> list[Array]:
    """An equation with a letter more, which is the batch's."""
    equation = call.attributes["equation"].replace(" ", "")
    need("..." not in equation, "axes that have no letter")
    inputs, arrow, output = equation.partition("->")
    parts = inputs.split(",")
    need(all(len(set(part)) == len(part) for part in parts), "a letter twice in one input")
    if not arrow:
        output = "".join(sorted(c for c in set(inputs) - {","} if inputs.count(c) == 1))
    batch = next(letter for letter in string.ascii_letters if letter not in equation)
    layer = nn.Einsum(f"{','.join(batch + part for part in parts)}->{batch}{output}")
    return [run(call.subject, [("y", layer, [f"x{i}" for i in range(len(parts))])], *call.inputs)]


def split(call: Call) -> list[Array]:
    axis = place(call)
    size, count = call.x.shape[axis - 1], call.outputs
    sizes = call.input(1)
    if sizes is None:
        each = math.ceil(size / count)
        sizes = [each] * (count - 1) + [size - each * (count - 1)]
    need(min(map(int, sizes)) > 0, "tensors without elements")
    ends = np.cumsum(sizes).tolist()
    return [
        run(call.subject, [("y", nn.Slice(end - int(n), end, axis=axis), ["x0"])], call.x)
        for n, end in zip(sizes, ends, strict=True)
    ]


# Operators whose first input may be integers or booleans.
OF_ANY_TYPE: dict[str, Operator] = {
    "And": broadcast(lambda call: nn.LogicalAnd()),
    "ArgMax": extreme(nn.ArgMax),
    "ArgMin": extreme(nn.ArgMin),
    "CumProd": cumulative(nn.CumulativeProd),
    "CumSum": cumulative(nn.CumulativeSum),
    "Equal": broadcast(lambda call: nn.Equal()),
    "Expand": expand,
    "Gather": gather,
    "GatherElements": gather_elements,
    "TensorScatter": tensor_scatter,
    "Greater": broadcast(lambda call: nn.Greater()),
    "GreaterOrEqual": broadcast(lambda call: nn.GreaterEqual()),
    "Less": broadcast(lambda call: nn.Less()),
    "LessOrEqual": broadcast(lambda call: nn.LessEqual()),
    "Mod": broadcast(remainder),
    "Not": single(lambda call: nn.LogicalNot()),
    "OneHot": one_hot,
    "Or": broadcast(lambda call: nn.LogicalOr()),
    "Split": split,
    "Tile": tile,
    "TopK": top_k,
    "Trilu": triangle,
    "Where": broadcast(lambda call: nn.Where()),
    "Xor": broadcast(lambda call: nn.LogicalXor()),
}
OF_FLOATS: dict[str, Operator] = {
    "Einsum": einsum,
    "Hardmax": hardmax,
    "IsInf": single(is_inf),
    "IsNaN": single(lambda call: nn.IsNaN()),
}
