"""Mistakes in comparisons, order, ids, running sums and rearrangements: in the reference and in both adapters."""

from __future__ import annotations

from tests.mutants.mutant import planting

_logic = planting("nnspec.reference.logic", "forward", "kinks")
_sorting = planting("nnspec.reference.sorting", "forward", "kinks")
_indexing = planting("nnspec.reference.indexing", "forward", "kinks")
_cumulative = planting("nnspec.reference.cumulative", "forward")
_arrangement = planting("nnspec.reference.arrangement", "forward")
_contraction = planting("nnspec.reference.contraction", "forward")
_jax_logic = planting("nnspec_jax.logic", "forward", "kinks")
_jax_sorting = planting("nnspec_jax.sorting", "forward", "kinks")
_jax_indexing = planting("nnspec_jax.indexing", "forward", "kinks", raises=True)
_jax_cumulative = planting("nnspec_jax.cumulative", "forward", "kinks")
_jax_arrangement = planting("nnspec_jax.arrangement", "forward")
_jax_contraction = planting("nnspec_jax.contraction", "forward")
_tf_logic = planting("nnspec_tensorflow.logic", "forward", "kinks")
_tf_sorting = planting("nnspec_tensorflow.sorting", "forward", "kinks")
_tf_indexing = planting("nnspec_tensorflow.indexing", "forward", "kinks", raises=True)
_tf_cumulative = planting("nnspec_tensorflow.cumulative", "forward", "kinks")
_tf_arrangement = planting("nnspec_tensorflow.arrangement", "forward")

MUTANTS = [
    _logic("Equal", "the opposite", "np.equal(", "np.not_equal("),
    _logic(
        "NotEqual",
        "NaN is equal to itself",
        "np.not_equal(*_pair(spec, scope, inputs))",
        "np.less(*_pair(spec, scope, inputs)) | np.greater(*_pair(spec, scope, inputs))",
        "NaN",
    ),
    _logic("Less", "or equal", "np.less(", "np.less_equal("),
    _logic("LessEqual", "not greater, as NaN is", "np.less_equal(", "~np.greater(", "NaN"),
    _logic("Greater", "or equal", "np.greater(", "np.greater_equal("),
    _logic("GreaterEqual", "not equal", "np.greater_equal(", "np.greater("),
    _logic("LogicalAnd", "of two inputs alone", "reduce(np.logical_and, inputs)", "reduce(np.logical_and, inputs[:2])"),
    _logic("LogicalOr", "exclusive", "reduce(np.logical_or, inputs)", "reduce(np.logical_xor, inputs)", hint="three"),
    _logic("LogicalXor", "inclusive", "return np.logical_xor(", "return np.logical_or("),
    _logic("LogicalNot", "unchanged", "np.logical_not(x)", "np.logical_and(x, x)"),
    _logic("Where", "exchanged", "np.where(condition, x1, x2)", "np.where(condition, x2, x1)"),
    _logic("AsType", "rounded down", "np.trunc(np.nan_to_num(", "np.floor(np.nan_to_num("),
    _logic("IsNaN", "of infinity", "np.isnan(x)", "np.isinf(x)", "NaN"),
    _logic("IsInf", "or NaN", "np.isinf(x)", "~np.isfinite(x)", "NaN"),
    _logic("IsFinite", "or NaN", "np.isfinite(x)", "~np.isinf(x)", "NaN"),
    _jax_logic(
        "AsType",
        "NaN is the largest",
        "jnp.where(x > 0, bounds.max, 0)",
        "jnp.where(x > 0, bounds.max, bounds.max)",
        "kinks",
    ),
    _jax_logic(
        "Less", "another number", "jnp.asarray(value, x.dtype)", "jnp.asarray(value + 1, x.dtype)", hint="value"
    ),
    _tf_logic("AsType", "NaN is the smallest", "tf.where(x > 0, high, 0)", "tf.where(x > 0, high, low)", "kinks"),
    _tf_logic(
        "GreaterEqual",
        "the number left out",
        "constant(spec.value if x.dtype.is_floating else int(spec.value), x)",
        "tf.ones_like(x)",
        hint="value",
    ),
    _sorting("ArgMax", "the last of equal ones", 'if spec.ties == "first":', 'if spec.ties == "last":', hint="last"),
    _sorting("ArgMin", "the largest of int32", "return ~x if", "return x if", hint="int32"),
    _sorting(
        "Sort",
        "not falling",
        "_order(x, spec.axis, spec.descending), spec.axis)",
        "_order(x, spec.axis, False), spec.axis)",
    ),
    _sorting(
        "ArgSort",
        "the ranks",
        "    return _order(x, spec.axis, spec.descending)\n",
        "    return np.argsort(_order(x, spec.axis, spec.descending), spec.axis).astype(np.int32)\n",
    ),
    _sorting("TopK", "one further", "range(spec.k)", "range(1, spec.k + 1)"),
    _jax_sorting(
        "ArgSort", "turned around, ties too", "_falling(x) if descending else x, axis", "x, axis", hint="descending"
    ),
    _jax_sorting("TopK", "the smallest", "order(x, spec.axis, spec.largest), 0", "order(x, spec.axis, False), 0"),
    _tf_sorting("Sort", "NaN in front", "if x.dtype.is_floating:  # NaN", "if False:  # NaN", "NaN", hint="descending"),
    _tf_indexing(
        "ArgSort", "−0 before 0", "tf.where(x == 0, tf.zeros_like(x), x), kind", "x, kind", "kinks", hint="zeros"
    ),
    _tf_sorting(
        "ArgMax", "NaN anywhere", "return _extreme(spec, ranked(x))", "return _extreme(spec, x)", "kinks", "NaN"
    ),
    _indexing("Take", "NaN for negative ids", "np.where(ids < 0, ids + size, ids)", "np.where(ids < 0, ids, ids)"),
    _indexing(
        "TakeAlongAxis",
        "the first for ids beyond the end",
        "np.where(known, np.take_along_axis(",
        "np.where(True, np.take_along_axis(",
    ),
    _indexing("OneHot", "ids modulo the classes", "x[..., None] ==", "x[..., None] % spec.num_classes =="),
    _indexing(
        "SegmentSum",
        "each element once",
        "np.add.at(y, (batch, ids[known]), x[batch, places])",
        "y[batch, ids[known]] = x[batch, places]",
    ),
    _indexing(
        "SegmentMean",
        "of one more",
        "np.maximum(_segments(spec, ids).sum(-1), 1)",
        "(_segments(spec, ids).sum(-1) + 1)",
    ),
    _indexing(
        "SegmentMax",
        "0 where there is none",
        "x[:, None], x.dtype.type(-np.inf)).max(2, initial=-np.inf)",
        "x[:, None], x.dtype.type(-np.inf)).max(2, initial=0.0)",
    ),
    _jax_indexing(
        "Take",
        "JAX's own beyond the end",
        "_or_nothing(known.reshape(len(ids)",
        "_or_nothing(jnp.ones_like(known).reshape(len(ids)",
    ),
    _jax_indexing(
        "SegmentMax",
        "ties shared",
        "first = _reduced(spec, jax.ops.segment_min, ",
        "first = _reduced(spec, jax.ops.segment_max, -",
    ),
    _tf_indexing(
        "SegmentMean", "of all elements", "tf.maximum(count, tf.ones_like(count))", "constant(float(x.shape[1]), x)"
    ),
    _tf_indexing(
        "SegmentSum",
        "ids beyond the end in the last",
        "(ids < spec.num_segments), ids, spec.num_segments)",
        "(ids < spec.num_segments), ids, spec.num_segments - 1)",
    ),
    _tf_indexing(
        "TakeAlongAxis",
        "along the last axis",
        "along_axis(x, found, spec.axis))",
        "along_axis(x, found, -1))",
        hint="axis",
    ),
    _cumulative("CumulativeSum", "inclusive", "if spec.exclusive:", "if False:", hint="exclusive"),
    _jax_cumulative(
        "CumulativeMax",
        "ties shared",
        "jax.lax.associative_scan(earlier_maximum, x, axis=axis)",
        "jax.lax.associative_scan(jnp.maximum, x, axis=axis)",
        "kinks",
    ),
    _jax_cumulative(
        "CumulativeSum",
        "not turned back",
        "return jnp.flip(y, axis) if spec.reverse else y",
        "return y",
        hint="reverse",
    ),
    _tf_cumulative("CumulativeProd", "the sum", "operator.mul, 1.0", "operator.add, 1.0"),
    _tf_cumulative(
        "CumulativeMin",
        "the last of equal ones",
        "-_running(spec, -x, earlier_maximum",
        "-_running(spec, -x, lambda a, b: tf.where(a > b, a, b)",
        "kinks",
    ),
    _arrangement("Flip", "all axes", "np.flip(x, spec.axes(x.shape))", "np.flip(x, range(1, x.ndim))", hint="axis"),
    _arrangement("Roll", "the other way", "np.roll(x, spec.shift", "np.roll(x, -spec.shift"),
    _arrangement("Tile", "each element by itself", "np.tile(x, (1, *spec.repeats))", "x.repeat(spec.repeats[-1], -1)"),
    _arrangement(
        "BroadcastTo",
        "zeros behind the first",
        "np.broadcast_to(x, (len(x), *spec.shape))",
        "np.broadcast_to(x, (len(x), *spec.shape)) * 0",
    ),
    _arrangement("Tril", "without the diagonal", "np.tril(x, spec.k)", "np.tril(x, spec.k - 1)"),
    _arrangement("Triu", "below", "np.triu(x, spec.k)", "np.triu(x, -spec.k)", hint="k"),
    _arrangement(
        "Diagonal",
        "on the other side",
        "return np.diagonal(x, spec.offset, -2, -1)\n",
        "return np.diagonal(x, spec.offset, -1, -2)\n",
        hint="offset",
        raises=True,
    ),
    _arrangement("Trace", "the mean", ".sum(-1)", ".mean(-1)"),
    _jax_arrangement(
        "Tile", "of the batch", "jnp.tile(x, (1, *spec.repeats))", "jnp.tile(x[:1], (x.shape[0], *spec.repeats))"
    ),
    _jax_arrangement(
        "Diagonal",
        "the main one",
        "lambda x: jnp.diagonal(x, spec.offset, -2, -1)\n\n",
        "lambda x: jnp.diagonal(x, 0, -2, -1)\n\n",
        hint="offset",
        raises=True,
    ),
    _tf_arrangement("Tril", "without the diagonal", "_above(x) <= spec.k", "_above(x) < spec.k"),
    _tf_arrangement(
        "Flip", "the last axis alone", "tf.reverse(x, spec.axes(x.shape))", "tf.reverse(x, [x.shape.rank - 1])"
    ),
    _contraction("Outer", "the sum", "x1[..., None] * x2", "x1[..., None] + x2"),
    _jax_contraction("Outer", "in float32", "widened(x1)[..., None] *", "x1.astype('float32')[..., None] *"),
]
