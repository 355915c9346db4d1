"""Mistakes in attention's scores and caps, and in what computes sequences piece by piece."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.attention", "forward")
_positions = planting("nnspec.reference.positions", "forward")
_indexing = planting("nnspec.reference.indexing", "forward", "kinks")
_jax = planting("nnspec_jax.attention", "forward", "gradients")
_jax_positions = planting("nnspec_jax.positions", "forward")
_jax_indexing = planting("nnspec_jax.indexing", "forward", "kinks")
_jax_model = planting("nnspec_jax.model", "forward")
_tensorflow = planting("nnspec_tensorflow.attention", "forward", "gradients")
_tf_positions = planting("nnspec_tensorflow.positions", "forward")
_tf_indexing = planting("nnspec_tensorflow.indexing", "forward", "kinks")
_tf_model = planting("nnspec_tensorflow.model", "forward", "masks")

_LAYER = "MultiHeadAttention"

MUTANTS = [
    _reference(
        _LAYER,
        "a cap of scores and bias together",
        "cap * np.tanh(scores / cap)",
        "cap * np.tanh((scores + bias) / cap)",
        hint="soft_cap",
    ),
    _reference(
        _LAYER,
        "the cap outside the hyperbolic tangent alone",
        "cap * np.tanh(scores / cap)",
        "cap * np.tanh(scores)",
        hint="soft_cap",
    ),
    _reference(
        _LAYER,
        "values before keys in the cache",
        "np.concatenate([k, v], -1)",
        "np.concatenate([v, k], -1)",
        hint="keys",
    ),
    _reference(
        _LAYER,
        "queries of a piece rotated from 0",
        'q = _rotated(spec, _heads(scope, "query", x), start)',
        'q = _rotated(spec, _heads(scope, "query", x), None)',
        hint="rotary",
    ),
    _reference(
        _LAYER,
        "the future is seen in the cache",
        "places(shape[-2], start)[..., None]",
        "places(shape[-2], None if start is None else start + 1)[..., None]",
        hint="decode",
    ),
    _reference(
        _LAYER,
        "zeros beyond the end of the cache",
        "y, y.dtype.type(np.nan)",
        "y, y.dtype.type(0)",
        hint="beyond",
    ),
    _positions(
        "LearnedPositions",
        "positions that are not advanced",
        "start[:, None] + np.arange(length)",
        "0 * start[:, None] + np.arange(length)",
        hint="offset",
    ),
    _indexing(
        "UpdateSlice",
        "one place further",
        "there = (new + first >= 0)",
        "first = first + 1; there = (new + first >= 0)",
    ),
    _jax(_LAYER, "the cap of the bias", "scores = spec.soft_cap * jnp", "bias = spec.soft_cap * jnp", hint="soft_cap"),
    _jax(
        _LAYER,
        "keys rotated again when they are read",
        "k if spec.decode else _rotated(spec, k, start)",
        "_rotated(spec, k, None)",
        hint="rotary",
    ),
    _jax(
        _LAYER,
        "queries of a piece counted from 0",
        "queries = places(shape[-2], start)",
        "queries = places(shape[-2], 0 * start)",
        hint="decode",
    ),
    _jax(
        _LAYER,
        "the last position counts as beyond the end",
        "places(y.shape[-2], start) < length",
        "places(y.shape[-2], start) < length - 1",
        hint="decode",
    ),
    _jax(
        _LAYER,
        "NaN within the cache",
        "known.reshape(len(y)",
        "~known.reshape(len(y)",
        hint="decode",
    ),
    _jax_positions(
        "RotaryPositions",
        "angles in float32",
        "places(length, start).astype(jnp.float64)[..., None] * jnp.asarray(frequencies, jnp.float64)",
        "places(length, start).astype(jnp.float32)[..., None] * jnp.asarray(frequencies, jnp.float32)",
        hint="offset",
    ),
    _jax_indexing(
        "UpdateSlice",
        "negative places count from the end",
        "inside = (place >= 0) & (place < update.shape[axis])",
        "inside = (place % x.shape[axis]) < update.shape[axis]",
        hint="beyond",
    ),
    _jax_model(
        "scores of attention",
        "all nodes compute what the first does",
        '{"spec": node.layer} if node.layer.variants else {}',
        "{}",
        raises=True,
    ),
    _tensorflow(
        _LAYER,
        "a window of the piece, not of the cache",
        "parts.append(tf.abs(keys - queries) < spec.window)",
        "parts.append(tf.abs(keys - tf.range(tf.shape(scores)[-2])[:, None]) < spec.window)",
        hint="decode",
    ),
    _tensorflow(
        _LAYER,
        "values that overlap the keys",
        "wide[..., q.shape[-1] :]]",
        "wide[..., : wide.shape[-1] - q.shape[-1]]]",
        hint="decode",
    ),
    _tensorflow(
        "DotProductAttention", "a cap of twice the size", "scores = cap * tf.tanh", "scores = 2 * cap * tf.tanh"
    ),
    _tf_positions(
        "ALiBi",
        "keys counted from the queries' start",
        "places(sizes(given[0])[1], start)[..., None]",
        "places(sizes(given[0])[1], None if start is None else 0 * start)[..., None]",
        hint="offset",
    ),
    _tf_indexing(
        "UpdateSlice",
        "the last row for all that follows",
        "(place < sizes(update)[axis])",
        "(place < 2 * sizes(update)[axis])",
        raises=True,
    ),
    _tf_model(
        "scores of attention",
        "all nodes compute what the first does",
        "uses = tuple(node.layer for node in nodes)",
        "uses = (nodes[0].layer,) * len(nodes)",
        raises=True,
    ),
]
