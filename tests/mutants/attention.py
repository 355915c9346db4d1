"""Mistakes in attention, in the reference and in the backends."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.attention", "forward")
_jax = planting("nnspec_jax.attention", "forward", "gradients")
_tensorflow = planting("nnspec_tensorflow.attention", "forward", "gradients")
_jax_model = planting("nnspec_jax.model", "masks", "forward")
_random = planting("nnspec_tensorflow.dropout", "masks", "forward")

_LAYER = "MultiHeadAttention"

MUTANTS = [
    _reference(
        _LAYER, "scale 1/d", "np.sqrt(q.dtype.type(q.shape[-1]))", "q.dtype.type(q.shape[-1])", hint="head_features=3"
    ),
    _reference(_LAYER, "no scale", " / np.sqrt(q.dtype.type(q.shape[-1]))", ""),
    _reference(
        _LAYER,
        "the scale of all heads",
        "np.sqrt(q.dtype.type(q.shape[-1]))",
        "np.sqrt(q.dtype.type(q.shape[-1] * spec.num_heads))",
    ),
    _reference(
        _LAYER,
        "softmax over the queries",
        "weights = _softmax(scores, _visible(spec, mask, scores.shape))",
        "weights = _softmax(scores.swapaxes(-1, -2), _visible(spec, mask, scores.shape)).swapaxes(-1, -2)",
        hint="num_heads=1",
    ),
    _reference(
        _LAYER,
        "the future is seen, and the past is not",
        "np.arange(shape[-1]) <= np.arange(shape[-2])[:, None]",
        "np.arange(shape[-1]) >= np.arange(shape[-2])[:, None]",
        hint="causal",
    ),
    _reference(
        _LAYER,
        "a position does not see itself",
        "np.arange(shape[-1]) <= np",
        "np.arange(shape[-1]) < np",
        hint="causal",
    ),
    _reference(
        _LAYER,
        "the last query sees all keys",
        "<= np.arange(shape[-2])[:, None]",
        "<= np.arange(shape[-2])[:, None] + shape[-1] - shape[-2]",
        hint="causal=True-cross",
    ),
    _reference(
        _LAYER, "values of x", '_heads(scope, "value", m)', '_heads(scope, "value", x)', hint="cross", raises=True
    ),
    _reference("masked attention", "mask of the wrong sign", "visible & mask.reshape", "visible & ~mask.reshape"),
    _reference(
        "masked attention",
        "the same weight for all keys where all are masked",
        "return softmax",
        "return np.where(visible.any(-1, keepdims=True), softmax, 1 / scores.shape[-1])",
    ),
    _reference(
        _LAYER, "weights not scaled by the dropout", "weights / (1 - spec.dropout_rate)", "weights", hint="dropout_rate"
    ),
    _jax(_LAYER, "scale 1/d", "jnp.sqrt(jnp.asarray(self.head_dim, q.dtype))", "jnp.asarray(self.head_dim, q.dtype)"),
    _jax(
        _LAYER,
        "scale in float32",
        "jnp.sqrt(jnp.asarray(self.head_dim, q.dtype))",
        "jnp.sqrt(jnp.asarray(self.head_dim, jnp.float32)).astype(q.dtype)",
        hint="head_features=3",
    ),
    _jax(
        _LAYER,
        "softmax in float32, as Flax takes it",
        "_softmax(scores, self",
        "_softmax(scores.astype(jnp.float32), self",
    ),
    _jax(
        _LAYER,
        "the future is seen, and the past is not",
        "jnp.arange(shape[-1]) <= jnp",
        "jnp.arange(shape[-1]) >= jnp",
        hint="causal",
    ),
    _jax(
        _LAYER,
        "keys and values exchanged",
        "self._heads(x, self.query, self.key, self.value)",
        "self._heads(x, self.query, self.value, self.key)",
    ),
    _jax(
        _LAYER,
        "keys and values of another sequence exchanged",
        "self._heads(memory, self.key, self.value)",
        "self._heads(memory, self.value, self.key)",
        hint="cross",
    ),
    _jax(
        _LAYER,
        "biases in another order than kernels",
        "widened(layer.bias[...]).reshape(-1) for layer in layers",
        "widened(layer.bias[...]).reshape(-1) for layer in layers[::-1]",
    ),
    _jax(
        _LAYER,
        "heads and their features exchanged",
        "part.reshape(*x.shape[:-1], self.num_heads, self.head_dim)",
        "part.reshape(*x.shape[:-1], self.head_dim, self.num_heads).swapaxes(-1, -2)",
        hint="num_heads=2",
    ),
    _jax("masked attention", "mask of the wrong sign", "mask = mask.reshape", "mask = ~mask.reshape"),
    _jax(
        "masked attention",
        "NaN where everything is masked",
        "jnp.where(visible.any(-1, keepdims=True), total, 1.0)",
        "total",
    ),
    _jax(
        "masked attention",
        "the same weight for all keys where all are masked",
        "weights = _softmax(scores, self._visible(mask, scores.shape))",
        "weights = jax.nn.softmax(jnp.where(self._visible(mask, scores.shape), scores, -1e30))",
    ),
    _jax(
        _LAYER,
        "weights not scaled by the dropout",
        "weights / (1.0 - self.rate), 0.0)",
        "weights, 0.0)",
        hint="dropout_rate",
    ),
    _jax(
        _LAYER,
        "one mask for all heads",
        "keep_mask(self.rate, weights.shape)",
        "keep_mask(self.rate, (weights.shape[0], 1, *weights.shape[2:]))",
        "masks",
        "forward",
        hint="dropout_rate",
    ),
    _jax(
        _LAYER,
        "drops in inference",
        "self.rate > 0.0 and not self.deterministic",
        "self.rate > 0.0",
        hint="dropout_rate",
    ),
    _jax(
        _LAYER,
        "no gradient through the scores",
        "weights = _softmax(scores, self",
        "weights = _softmax(jax.lax.stop_gradient(scores), self",
        "gradients",
    ),
    _jax(_LAYER, "no gradient of the keys", "dq, k) + by_k", "dq, k)", "gradients"),
    _jax(
        _LAYER,
        "the keys' gradient of the keys",
        '"bhdq,bhdk->bhqk", turned(q), turned(dk)',
        '"bhdq,bhdk->bhqk", turned(k), turned(dk)',
        "gradients",
        hint="num_heads=1",
    ),
    _jax(
        _LAYER,
        "the values' gradient of the transposed weights",
        '"bhkd,bhqk->bhdq", dv, weights)',
        '"bhkd,bhqk->bhdq", dv, jnp.swapaxes(weights, 2, 3))',
        "gradients",
        hint="num_heads=1",
    ),
    _tensorflow(_LAYER, "scale 1/d", "tf.sqrt(constant(q.shape[-1], q))", "constant(q.shape[-1], q)"),
    _tensorflow(
        _LAYER,
        "softmax in float32",
        "weights = _softmax(scores, self._visible(mask, scores))",
        "weights = tf.cast(_softmax(tf.cast(scores, tf.float32), self._visible(mask, scores)), scores.dtype)",
    ),
    _tensorflow(
        _LAYER,
        "the future is seen, and the past is not",
        "tf.range(keys) <= tf.range(queries)",
        "tf.range(keys) >= tf.range(queries)",
        hint="causal",
    ),
    _tensorflow(
        _LAYER,
        "values before keys, as Keras takes them",
        'self._heads(x, "query", "key", "value")',
        'self._heads(x, "query", "value", "key")',
    ),
    _tensorflow(
        _LAYER,
        "values of another sequence before its keys",
        'self._heads(memory, "key", "value")',
        'self._heads(memory, "value", "key")',
        hint="cross",
    ),
    _tensorflow(
        _LAYER,
        "the first bias for all projections",
        'self._wide(f"{name}/bias"), (-1,)) for name in names',
        'self._wide(f"{names[0]}/bias"), (-1,)) for name in names',
    ),
    _tensorflow(
        "masked attention",
        "mask of the wrong sign",
        "mask if visible is None else visible & mask",
        "~mask if visible is None else visible & ~mask",
    ),
    _tensorflow(
        "masked attention",
        "NaN where everything is masked",
        "tf.where(tf.reduce_any(visible, axis=-1, keepdims=True), total, tf.ones_like(total))",
        "total",
    ),
    _tensorflow(_LAYER, "drops in inference", "if training and self.rate > 0", "if self.rate > 0", hint="dropout_rate"),
    _tensorflow(
        _LAYER,
        "the output's bias left out",
        'y += self._wide("out/bias")',
        "pass",
    ),
    _random(
        "masked attention",
        "the same mask in every call",
        "call_number(self.calls, use))",
        "0)",
        "forward",
    ),
]
