"""Operations: of Python where it has them, else of jax.numpy."""

from __future__ import annotations

from typing import Any

from nnspec import cumulative, elementwise, indexing, logic, ops, reductions, sorting
from nnspec.contraction import Outer
from nnspec.layers.base import Operation
from nnspec_jax.porting.export.rearrangement import index, text_of
from nnspec_jax.porting.export.written import Place, Written, call, expression, written

_UNARY: dict[type[Operation], str] = {
    elementwise.Abs: "jnp.abs({0})",
    elementwise.Exp: "jnp.exp({0})",
    elementwise.Log: "jnp.log({0})",
    elementwise.Sqrt: "jnp.sqrt({0})",
    elementwise.Square: "jnp.square({0})",
    elementwise.Sin: "jnp.sin({0})",
    elementwise.Cos: "jnp.cos({0})",
    elementwise.Negative: "-{0}",
    elementwise.Sign: "jnp.sign({0})",
    elementwise.Floor: "jnp.floor({0})",
    elementwise.Ceil: "jnp.ceil({0})",
    elementwise.Round: "jnp.round({0})",
    elementwise.Trunc: "jnp.trunc({0})",
    elementwise.Reciprocal: "jnp.reciprocal({0})",
    elementwise.Rsqrt: "jax.lax.rsqrt({0})",
    elementwise.Expm1: "jnp.expm1({0})",
    elementwise.Log1p: "jnp.log1p({0})",
    elementwise.Log2: "jnp.log2({0})",
    elementwise.Log10: "jnp.log10({0})",
    elementwise.Tan: "jnp.tan({0})",
    elementwise.Asin: "jnp.asin({0})",
    elementwise.Acos: "jnp.acos({0})",
    elementwise.Atan: "jnp.atan({0})",
    elementwise.Sinh: "jnp.sinh({0})",
    elementwise.Cosh: "jnp.cosh({0})",
    elementwise.Asinh: "jnp.asinh({0})",
    elementwise.Acosh: "jnp.acosh({0})",
    elementwise.Atanh: "jnp.atanh({0})",
    elementwise.Erf: "jax.lax.erf({0})",
    logic.IsNaN: "jnp.isnan({0})",
    logic.IsInf: "jnp.isinf({0})",
    logic.IsFinite: "jnp.isfinite({0})",
    logic.LogicalNot: "~{0}",
}
_BINARY: dict[type[Operation], str] = {
    ops.Subtract: "{0} - {1}",
    ops.Divide: "{0} / {1}",
    elementwise.Power: "jnp.power({0}, {1})",
    elementwise.Atan2: "jnp.atan2({0}, {1})",
    elementwise.LogAddExp: "jnp.logaddexp({0}, {1})",
    elementwise.FloorDivide: "{0} // {1}",
    logic.LogicalXor: "{0} ^ {1}",
    logic.Where: "jnp.where({0}, {1}, {2})",
    ops.Maximum: "jnp.maximum({0}, {1})",
    ops.Minimum: "jnp.minimum({0}, {1})",
}
_JOINED: dict[type[Operation], str] = {
    ops.Add: " + ",
    ops.Multiply: " * ",
    ops.Matmul: " @ ",
    logic.LogicalAnd: " & ",
    logic.LogicalOr: " | ",
}
_COMPARED: dict[type[Operation], str] = {
    logic.Equal: "==",
    logic.NotEqual: "!=",
    logic.Less: "<",
    logic.LessEqual: "<=",
    logic.Greater: ">",
    logic.GreaterEqual: ">=",
}


def _table(layer: Operation, place: Place) -> Written:
    return Written({**_UNARY, **_BINARY}[type(layer)])


for _cls in (*_UNARY, *_BINARY):
    written.register(_cls, _table)


def _joined(layer: Operation, place: Place) -> Written:
    return Written(_JOINED[type(layer)].join(f"{{{i}}}" for i in range(len(place.shapes))))


for _cls in _JOINED:
    written.register(_cls, _joined)


def _compared(layer: Any, place: Place) -> Written:
    other = "{1}" if layer.value is None else expression(layer.value)
    return Written(f"{{0}} {_COMPARED[type(layer)]} {other}")


for _cls in _COMPARED:
    written.register(_cls, _compared)


def _inputs(place: Place) -> str:
    return ", ".join(f"{{{i}}}" for i in range(len(place.shapes)))


@written.register
def remainder(layer: elementwise.Remainder, place: Place) -> Written:
    return Written("jnp.fmod({0}, {1})" if layer.sign == "dividend" else "{0} % {1}")


@written.register
def clamp(layer: elementwise.Clamp, place: Place) -> Written:
    return Written(call("jnp.clip", min=(layer.lower, None), max=(layer.upper, None)))


@written.register
def concat(layer: ops.Concat, place: Place) -> Written:
    return Written(f"jnp.concatenate([{_inputs(place)}], axis={layer.axis})")


@written.register
def stack(layer: ops.Stack, place: Place) -> Written:
    return Written(f"jnp.stack([{_inputs(place)}], axis={layer.axis})")


@written.register
def einsum(layer: ops.Einsum, place: Place) -> Written:
    return Written(f"jnp.einsum({expression(str(layer.spelled(*place.shapes)))}, {_inputs(place)})")


@written.register
def outer(layer: Outer, place: Place) -> Written:
    return Written("{0}[..., None] * {1}[..., None, :]")


@written.register
def sliced(layer: ops.Slice, place: Place) -> Written:
    rank = len(place.shapes[0])
    return Written(index(rank, layer.axis % rank, layer.start, layer.stop, layer.step))


@written.register
def expand_dims(layer: ops.ExpandDims, place: Place) -> Written:
    return Written(call("jnp.expand_dims", axis=(layer.axis, None)))


@written.register
def squeeze(layer: ops.Squeeze, place: Place) -> Written:
    return Written(call("jnp.squeeze", axis=(layer.axis, None)))


@written.register
def as_type(layer: logic.AsType, place: Place) -> Written:
    if layer.dtype == "bool":
        return Written("{0} != 0")
    return Written("{0}.astype(float)" if layer.dtype == "float" else "{0}.astype(jnp.int32)")


_REDUCED: dict[type[Operation], str] = {
    reductions.Sum: "jnp.sum",
    reductions.Mean: "jnp.mean",
    reductions.Prod: "jnp.prod",
    reductions.Max: "jnp.max",
    reductions.Min: "jnp.min",
    reductions.LogSumExp: "nnx.logsumexp",
}


def _along(layer: Any, place: Place) -> dict[str, tuple[Any, Any]]:
    axes = layer.axes(place.shapes[0])
    return {"axis": (axes[0] if len(axes) == 1 else axes, None), "keepdims": (layer.keepdims, False)}


def _reduced(layer: Any, place: Place) -> Written:
    return Written(call(_REDUCED[type(layer)], **_along(layer, place)))


for _cls in _REDUCED:
    written.register(_cls, _reduced)


@written.register(reductions.Var)
@written.register(reductions.Std)
def moment(layer: reductions.Var | reductions.Std, place: Place) -> Written:
    correction: Any = int(layer.correction) if float(layer.correction).is_integer() else layer.correction
    function = "jnp.var" if isinstance(layer, reductions.Var) else "jnp.std"
    return Written(call(function, **_along(layer, place), ddof=(correction, 0)))


@written.register
def vector_norm(layer: reductions.VectorNorm, place: Place) -> Written:
    along = _along(layer, place)
    if layer.ord == "inf":
        return Written(call("jnp.max", **along).replace("{0}", "jnp.abs({0})"))
    if layer.ord == 1:
        return Written(call("jnp.sum", **along).replace("{0}", "jnp.abs({0})"))
    if layer.ord == 2:
        return Written(f"jnp.sqrt({call('jnp.sum', **along).replace('{0}', 'jnp.square({0})')})")
    total = call("jnp.sum", **along).replace("{0}", f"jnp.abs({{0}}) ** {layer.ord!r}")
    return Written(f"{total} ** (1 / {layer.ord!r})")


_CUMULATIVE: dict[type[Operation], tuple[str, float]] = {
    cumulative.CumulativeSum: ("cumsum", 0.0),
    cumulative.CumulativeProd: ("cumprod", 1.0),
    cumulative.CumulativeMax: ("cummax", float("-inf")),
    cumulative.CumulativeMin: ("cummin", float("inf")),
}


def _running(layer: Any, place: Place) -> Written:
    name, start = _CUMULATIVE[type(layer)]
    axis = layer.place(place.shapes[0])
    text = f"jax.lax.{name}({{0}}, axis={axis}{', reverse=True' * layer.reverse})"
    if not layer.exclusive:
        return Written(text)
    options = {"axis": (axis, None), "start": (start, None), "reverse": (layer.reverse, False)}
    text = call("exclusive", **options).replace("exclusive({0}", f"exclusive(jax.lax.{name}, {{0}}")
    return Written(text, snippets=("exclusive",))


for _cls in _CUMULATIVE:
    written.register(_cls, _running)


@written.register
def take(layer: indexing.Take, place: Place) -> Written:
    axis = layer.axis % len(place.shapes[0])
    if layer.indices is not None:
        return Written(f"jnp.take({{0}}, jnp.array({text_of(layer.indices)}), axis={layer.axis})")
    return Written(f"jax.vmap(lambda x, ids: jnp.take(x, ids, axis={axis - 1}))({{0}}, {{1}})")


@written.register
def take_along_axis(layer: indexing.TakeAlongAxis, place: Place) -> Written:
    return Written(f"jnp.take_along_axis({{0}}, {{1}}, axis={layer.axis})")


@written.register
def one_hot(layer: indexing.OneHot, place: Place) -> Written:
    return Written(call("nnx.one_hot", layer.num_classes, axis=(layer.axis, -1)))


@written.register
def update_slice(layer: indexing.UpdateSlice, place: Place) -> Written:
    axis = layer.axis % len(place.shapes[0])
    return Written(f"update_slice({{0}}, {{1}}, {{2}}, axis={axis})", snippets=("update_slice",))


@written.register(indexing.SegmentSum)
@written.register(indexing.SegmentMean)
@written.register(indexing.SegmentMax)
def segments(layer: Any, place: Place) -> Written:
    kind = {"SegmentSum": "segment_sum", "SegmentMean": "segment_mean", "SegmentMax": "segment_max"}
    name = kind[type(layer).__name__]
    return Written(f"{name}({{0}}, {{1}}, {layer.num_segments})", snippets=(name,))


@written.register(sorting.ArgMax)
@written.register(sorting.ArgMin)
def extreme(layer: sorting.ArgMax | sorting.ArgMin, place: Place) -> Written:
    function = "jnp.argmax" if isinstance(layer, sorting.ArgMax) else "jnp.argmin"
    options = {"axis": (layer.axis, None), "keepdims": (layer.keepdims, False)}
    if layer.ties == "last":
        size = place.shapes[0][layer.axis]
        last = "{0}.shape[" + str(layer.axis) + "] - 1" if size is None else str(size - 1)
        flipped = call(function, **options).replace("{0}", f"jnp.flip({{0}}, {layer.axis})")
        return Written(f"({last} - {flipped}).astype(jnp.int32)")
    return Written(f"{call(function, **options)}.astype(jnp.int32)")


def _descending(layer: Any) -> dict[str, tuple[Any, Any]]:
    return {"axis": (layer.axis, -1), "descending": (layer.descending, False)}


@written.register
def sort(layer: sorting.Sort, place: Place) -> Written:
    return Written(call("jnp.sort", **_descending(layer)))


@written.register
def arg_sort(layer: sorting.ArgSort, place: Place) -> Written:
    return Written(f"{call('jnp.argsort', **_descending(layer))}.astype(jnp.int32)")


@written.register
def top_k(layer: sorting.TopK, place: Place) -> Written:
    rank = len(place.shapes[0])
    axis = layer.axis % rank
    values = layer.output == "values"
    if axis == rank - 1 and layer.largest:
        return Written(f"jax.lax.top_k({{0}}, {layer.k})[{0 if values else 1}]")
    options = {"axis": (layer.axis, -1), "descending": (layer.largest, False)}
    ordered = call("jnp.sort" if values else "jnp.argsort", **options)
    cut = index(rank, axis, None, layer.k).replace("{0}", ordered)
    return Written(cut if values else f"{cut}.astype(jnp.int32)")
