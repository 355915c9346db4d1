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
        _LAYER,
        "scale 1/d",
        "scores / np.sqrt(scores.dtype.type(q.shape[-1]))",
        "scores / scores.dtype.type(q.shape[-1])",
        hint="head_features=3",
    ),
    _reference(_LAYER, "no scale", "scores / np.sqrt(scores.dtype.type(q.shape[-1]))", "scores"),
    _reference(
        _LAYER,
        "the scale of all heads",
        "scores.dtype.type(q.shape[-1])",
        "scores.dtype.type(q.shape[-1] * q.shape[-2])",
    ),
    _reference(
        _LAYER,
        "softmax over the queries",
        "_softmax(scores, _visible(spec, bias, mask, scores.shape, start))",
        "_softmax(scores.swapaxes(-1, -2), _visible(spec, bias, mask, scores.shape, start)).swapaxes(-1, -2)",
        hint="num_heads=1",
    ),
    _reference(_LAYER, "the future is seen, and the past is not", "(distance <= 0)", "(distance >= 0)", hint="causal"),
    _reference(_LAYER, "a position does not see itself", "(distance <= 0)", "(distance < 0)", hint="causal"),
    _reference(
        _LAYER,
        "the last query sees all keys",
        "(distance <= 0)",
        "(distance <= shape[-1] - shape[-2])",
        hint="causal=True-cross",
    ),
    _reference(
        _LAYER, "values of x", '_heads(scope, "value", n)', '_heads(scope, "value", x)', hint="cross", raises=True
    ),
    _reference(_LAYER, "a window of one more", "< spec.window", "<= spec.window", hint="window"),
    _reference(
        _LAYER,
        "heads that share a key are every other one",
        "np.repeat(x, heads // x.shape[2], axis=2)",
        "np.tile(x, (1, 1, heads // x.shape[2], 1))",
        hint="num_kv_heads=2",
    ),
    _reference(
        _LAYER,
        "keys alone are rotated",
        'q = _rotated(spec, _heads(scope, "query", x), start)',
        'q = _heads(scope, "query", x)',
        hint="rotary",
    ),
    _reference(
        "DotProductAttention",
        "the factor after the hyperbolic tangent",
        "np.tanh(factor * _sums(q, k))",
        "(factor * np.tanh(_sums(q, k)))",
        hint="concat",
    ),
    _reference(
        "AdditiveAttention",
        "the factor within the hyperbolic tangent",
        "waves = np.tanh(_sums(q, k))",
        "waves = np.tanh(_sums(q, k) * (scope['scale'] if spec.use_scale else 1))",
    ),
    _reference("masked attention", "mask of the wrong sign", "else visible & mask", "else visible & ~mask"),
    _reference(
        "masked attention",
        "the same weight for all keys where all are masked",
        "return softmax",
        "return np.where(visible.any(-1, keepdims=True), softmax, 1 / scores.shape[-1])",
    ),
    _reference(
        _LAYER, "weights not scaled by the dropout", "weights / (1 - spec.dropout_rate)", "weights", hint="dropout_rate"
    ),
    _jax(_LAYER, "scale 1/d", "jnp.sqrt(jnp.asarray(q.shape[-1], q.dtype))", "jnp.asarray(q.shape[-1], q.dtype)"),
    _jax(
        _LAYER,
        "scale in float32",
        "jnp.sqrt(jnp.asarray(q.shape[-1], q.dtype))",
        "jnp.sqrt(jnp.asarray(q.shape[-1], jnp.float32)).astype(q.dtype)",
        hint="head_features=3",
    ),
    _jax(
        _LAYER,
        "softmax in float32, as Flax takes it",
        "_softmax(scores, _visible",
        "_softmax(scores.astype(jnp.float32), _visible",
    ),
    _jax(_LAYER, "the future is seen, and the past is not", "[keys <= queries]", "[keys >= queries]", hint="causal"),
    _jax(
        _LAYER,
        "keys and values exchanged",
        "self._heads(*sequences, self.query, self.key, self.value)",
        "self._heads(*sequences, self.query, self.value, self.key)",
    ),
    _jax(
        _LAYER,
        "keys and values of another sequence exchanged",
        "self._heads(sequences[1], self.key, self.value)",
        "self._heads(sequences[1], self.value, self.key)",
        hint="cross",
    ),
    _jax(
        _LAYER,
        "heads that share a key are every other one",
        "y = multiply(x.reshape(batch, groups, heads // groups * positions, features), shared)",
        "y = multiply(x, jnp.tile(shared, (1, heads // groups, 1, 1)))",
        hint="num_kv_heads=2",
    ),
    _jax(_LAYER, "a window to one side", "jnp.abs(keys - queries) <", "keys - queries <", hint="window"),
    _jax(_LAYER, "the bias left out", "scores = scores + bias", "pass", hint="attention_bias"),
    _jax(
        "DotProductAttention",
        "the learned number left out",
        "return learned * _in_groups",
        "return _in_groups",
        hint="use_scale",
    ),
    _jax(
        "AdditiveAttention",
        "the mean of the hyperbolic tangents",
        "(learned * jnp.tanh(_sums(q, k))).sum(-1)",
        "(learned * jnp.tanh(_sums(q, k))).mean(-1)",
    ),
    _jax(
        _LAYER,
        "biases in another order than kernels",
        "biases = zip(layers, kernels, strict=True)",
        "biases = zip(layers[::-1], kernels, strict=True)",
    ),
    _jax(
        _LAYER,
        "heads and their features exchanged",
        "part.reshape(*x.shape[:-1], *kernel.shape[1:])",
        "part.reshape(*x.shape[:-1], *kernel.shape[:0:-1]).swapaxes(-1, -2)",
        hint="num_heads=2",
    ),
    _jax("masked attention", "mask of the wrong sign", "parts.append(mask)", "parts.append(~mask)"),
    _jax(
        "masked attention",
        "NaN where everything is masked",
        "jnp.where(visible.any(-1, keepdims=True), total, 1.0)",
        "total",
    ),
    _jax(
        "masked attention",
        "the same weight for all keys where all are masked",
        "return _softmax(scores, _visible(spec, bias, mask, scores.shape, start))",
        "return jax.nn.softmax(jnp.where(_visible(spec, bias, mask, scores.shape, start), scores, -1e30))",
    ),
    _jax(
        _LAYER,
        "weights not scaled by the dropout",
        "weights / (1.0 - spec.dropout_rate), 0.0)",
        "weights, 0.0)",
        hint="dropout_rate",
    ),
    _jax(
        _LAYER,
        "one mask for all heads",
        "keep_mask(spec.dropout_rate, spec.mask_of_dropout(weights.shape))",
        "keep_mask(spec.dropout_rate, (weights.shape[0], 1, *weights.shape[2:]))",
        "masks",
        "forward",
        hint="dropout_rate",
    ),
    _jax(
        _LAYER,
        "drops in inference",
        "heads = _attended(spec, weights, v, None if self.deterministic else keep_mask)",
        "heads = _attended(spec, weights, v, keep_mask)",
        hint="dropout_rate",
    ),
    _jax(
        _LAYER,
        "no gradient through the scores",
        "_softmax(scores, _visible",
        "_softmax(jax.lax.stop_gradient(scores), _visible",
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
        "return _softmax(scores, _visible(",
        "return _softmax(tf.cast(tf.cast(scores, tf.float32), scores.dtype), _visible(",
    ),
    _tensorflow(
        _LAYER,
        "the future is seen, and the past is not",
        "parts.append(keys <= queries)",
        "parts.append(keys >= queries)",
        hint="causal",
    ),
    _tensorflow(
        _LAYER,
        "heads that share a key are every other one",
        "tf.broadcast_to(x[:, :, :, None], (batch, positions, count, heads // count, d))",
        "tf.broadcast_to(x[:, :, None], (batch, positions, heads // count, count, d))",
        hint="num_kv_heads=2",
    ),
    _tensorflow(
        _LAYER,
        "a mask for each head",
        "x[:1, :1] if self.specs[use].broadcast_dropout else x",
        "x[:1] if self.specs[use].broadcast_dropout else x",
        "masks",
        "forward",
        hint="broadcast_dropout",
    ),
    _tensorflow(
        _LAYER,
        "values made of the keys' sequence",
        "for x, name in zip(sequences, names, strict=True)]",
        "for x, name in zip([*sequences[:2], sequences[1]], names, strict=True)]",
        hint="two sequences",
        raises=True,
    ),
    _tensorflow(
        "DotProductAttention",
        "always scaled",
        "return q / tf.sqrt(constant(q.shape[-1], q)) if scale is None else q * constant(scale, q)",
        "return q / tf.sqrt(constant(q.shape[-1], q)) * constant(1 if scale is None else scale, q)",
        hint="scale=0.4",
    ),
    _tensorflow(
        "AdditiveAttention",
        "products of hyperbolic tangents",
        "tf.reduce_sum(learned * tf.tanh(_sums(q, k)), -1)",
        "tf.reduce_sum(learned * tf.tanh(q[:, :, 0, None] * k[:, None, :, 0])[:, None], -1)",
    ),
    _tensorflow(
        _LAYER,
        "values before keys, as Keras takes them",
        'self._heads(*sequences, "query", "key", "value")',
        'self._heads(*sequences, "query", "value", "key")',
    ),
    _tensorflow(
        _LAYER,
        "values of another sequence before its keys",
        'self._heads(sequences[1], "key", "value")',
        'self._heads(sequences[1], "value", "key")',
        hint="cross",
    ),
    _tensorflow(
        _LAYER,
        "the first bias for all projections",
        "[self._bias(name, kernel) for name, kernel",
        "[self._bias(names[0], kernel) for name, kernel",
    ),
    _tensorflow(
        "masked attention",
        "mask of the wrong sign",
        "parts.append(mask)",
        "parts.append(~mask)",
    ),
    _tensorflow(
        "masked attention",
        "NaN where everything is masked",
        "tf.where(tf.reduce_any(visible, axis=-1, keepdims=True), total, tf.ones_like(total))",
        "total",
    ),
    _tensorflow(
        _LAYER, "drops in inference", "if drops and self.rate_of(use)", "if self.rate_of(use)", hint="dropout_rate"
    ),
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
