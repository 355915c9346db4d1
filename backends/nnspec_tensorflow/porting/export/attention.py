"""Attention: Keras's MultiHeadAttention where it means the same, else its parts, an EinsumDense for each projection.

Keras's layer has biases in all projections or in none, one scale, no positions and no groups; where a row is hidden as
a whole it gathers the mean of all values, unless it drops. Masks are therefore left to the parts.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.linear import PLAIN
from nnspec_tensorflow.porting.export.positions import counted, rotated
from nnspec_tensorflow.startup import keras

# What Keras takes for −∞ under a softmax.
_HIDDEN = -1e9
_STOCK = {"query": "query_dense", "key": "key_dense", "value": "value_dense", "out": "output_dense"}


@native.register
def multi_head_attention(spec: MultiHeadAttention, context: Context, *inputs: Tensor) -> Tensor:
    if all(use == spec for use in context.owner.uses) and _is_stock(spec):
        return _stock(spec, context, inputs)
    return _by_parts(spec, context, inputs)


def _is_stock(spec: MultiHeadAttention) -> bool:
    plain = (spec.scale, spec.rotary, spec.window, spec.soft_cap) == (None,) * 4
    plain = plain and not (spec.mask or spec.attention_bias or spec.decode or spec.broadcast_dropout)
    return (
        plain
        and spec.returns == "output"
        and isinstance(spec.use_bias, bool)
        and spec.num_kv_heads in (None, spec.num_heads)
    )


def _stock(spec: MultiHeadAttention, context: Context, inputs: tuple[Tensor, ...]) -> Tensor:
    _, _, d, out = spec.sizes(*context.shapes)
    context.rounds()  # the scale
    layer = context.layer(
        keras.layers.MultiHeadAttention,
        spec.num_heads,
        d,
        value_dim=spec.value_features or d,
        dropout=0.0 if context.quiet else float(spec.dropout_rate),
        use_bias=bool(spec.use_bias),
        output_shape=(out,),
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        use_gate=False,
        seed=None,
        **PLAIN,
    )
    x, m, n = inputs[0], inputs[min(1, len(inputs) - 1)], inputs[-1]
    y = layer(x, n, m, use_causal_mask=spec.causal)  # query, value, key
    for name, attribute in _STOCK.items():
        for weight in ("kernel", "bias"):
            context.hold(f"{name}/{weight}", layer, f"{attribute}.{weight}")
    return y


def _by_parts(spec: MultiHeadAttention, context: Context, inputs: tuple[Tensor, ...]) -> Tensor:
    ops, others, start = keras.ops, list(inputs), None
    if spec.decode:
        start = others.pop()
    mask = others.pop() if spec.mask else None
    bias = others.pop() if spec.attention_bias else None
    x = others[0]
    if spec.decode and spec.returns != "keys_values":
        d = context.owner.params["key/kernel"].shape[-1]
        k, v = others[1][..., :d], others[1][..., d:]
    else:
        m, n = others[min(1, len(others) - 1)], others[-1]
        k = _placed(spec, context, _projected(context, "key", m), start)
        v = None if spec.returns == "scores" else _projected(context, "value", n)
    if spec.returns == "keys_values":
        return ops.concatenate([k, v], axis=-1)
    q = _placed(spec, context, _projected(context, "query", x), start)
    scale = q.shape[-1] ** -0.5 if spec.scale is None else spec.scale
    scores = ops.einsum("bqhd,bkhd->bhqk", ops.multiply(q, scale), _for_all(spec.num_heads, k))
    weights = _weights(spec, scores, bias, mask, counted(q, start), counted(k))
    if spec.returns == "scores":
        return weights
    y = _gathered(spec, context, weights, _for_all(spec.num_heads, v))
    return _projected(context, "out", y)


def _placed(spec: MultiHeadAttention, context: Context, heads: Tensor, start: Tensor | None) -> Tensor:
    return heads if spec.rotary is None else rotated(spec.rotary, context, heads, start)


def _projected(context: Context, name: str, x: Tensor) -> Tensor:
    """A projection to or from heads: ``query/kernel`` is the kernel of the layer ``<node>_query``."""
    inwards, params = name != "out", context.owner.params
    equation, axes = ("abc,cde->abde", "de") if inwards else ("abcd,cde->abe", "e")
    kernel = params[f"{name}/kernel"].shape
    layer = context.layer(
        keras.layers.EinsumDense,
        equation,
        output_shape=(None, *(kernel[1:] if inwards else kernel[2:])),
        activation="linear",
        bias_axes=axes if f"{name}/bias" in params else None,
        part=name,
        **PLAIN,
    )
    y = layer(x)
    for weight in ("kernel", "bias"):
        context.hold(f"{name}/{weight}", layer, weight)
    return y


def _for_all(heads: int, x: Tensor) -> Tensor:
    """(batch, positions, heads, d) of fewer heads, each of which serves several."""
    return x if x.shape[2] == heads else keras.ops.repeat(x, heads // x.shape[2], axis=2)


def _weights(spec: Any, scores: Tensor, bias: Any, mask: Any, queries: Tensor, keys: Tensor) -> Tensor:
    """The weights of scores (batch, heads, queries, keys): 0 where something hides a key."""
    ops = keras.ops
    if spec.soft_cap is not None:
        scores = ops.multiply(ops.tanh(ops.divide(scores, spec.soft_cap)), spec.soft_cap)
    seen = []
    if bias is not None:
        bias = _wide(bias)
        scores = ops.add(scores, bias)
        seen.append(ops.logical_not(ops.isneginf(bias)))
    if mask is not None:
        seen.append(_wide(mask))
    if spec.causal or spec.window is not None:
        i = ops.expand_dims(ops.expand_dims(queries, 1), 3)
        j = ops.expand_dims(ops.expand_dims(keys, 1), 1)
        if spec.causal:
            seen.append(ops.less_equal(j, i))
        if spec.window is not None:
            seen.append(ops.less(ops.abs(ops.subtract(i, j)), spec.window))
    if not seen:
        return ops.softmax(scores, axis=-1)
    together = seen[0]
    for each in seen[1:]:
        together = ops.logical_and(together, each)
    weights = ops.softmax(ops.where(together, scores, _HIDDEN), axis=-1)
    return ops.where(together, weights, 0.0)


def _wide(x: Tensor) -> Tensor:
    """A mask or a bias with the axes (batch, heads, queries, keys)."""
    for _ in range(4 - len(x.shape)):
        x = keras.ops.expand_dims(x, 1)
    return x


def _gathered(spec: Any, context: Context, weights: Tensor, v: Tensor) -> Tensor:
    if spec.dropout_rate:
        noise = (1, 1, None, None) if spec.broadcast_dropout else None
        rate = 0.0 if context.quiet else float(spec.dropout_rate)
        weights = context.own(keras.layers.Dropout, rate, noise_shape=noise, seed=None, part="dropout")(weights)
    return keras.ops.einsum("bhqk,bkhd->bqhd", weights, v)


@native.register(DotProductAttention)
@native.register(AdditiveAttention)
def attention(spec: DotProductAttention | AdditiveAttention, context: Context, *inputs: Tensor) -> Tensor:
    ops, others = keras.ops, list(inputs)
    mask = others.pop() if spec.mask else None
    bias = others.pop() if spec.attention_bias else None
    flat = len(others[0].shape) == 3
    heads = [ops.expand_dims(x, 2) if flat else x for x in others]
    q, k, v = heads[0], heads[min(1, len(heads) - 1)], heads[-1]
    k, v = _for_all(q.shape[2], k), _for_all(q.shape[2], v)
    scores = _scores(spec, context, q, k, inputs[0])
    weights = _weights(spec, scores, bias, mask, counted(q), counted(k))
    if spec.returns == "scores":
        return ops.squeeze(weights, 1) if flat else weights
    y = _gathered(spec, context, weights, v)
    return ops.squeeze(y, 2) if flat else y


def _scores(spec: Any, context: Context, q: Tensor, k: Tensor, like: Tensor) -> Tensor:
    ops = keras.ops
    learned = context.variable("scale", like) if spec.use_scale else None
    if isinstance(spec, DotProductAttention) and spec.score_mode == "dot":
        scale = q.shape[-1] ** -0.5 if spec.scale is None else spec.scale
        scores = ops.einsum("bqhd,bkhd->bhqk", ops.multiply(q, scale), k)
        return scores if learned is None else ops.multiply(scores, learned)
    q, k = ops.transpose(q, (0, 2, 1, 3)), ops.transpose(k, (0, 2, 1, 3))
    sums = ops.add(ops.expand_dims(q, 3), ops.expand_dims(k, 2))
    if isinstance(spec, AdditiveAttention):
        bent = ops.tanh(sums)
        return ops.sum(bent if learned is None else ops.multiply(bent, learned), axis=-1)
    if spec.scale is not None:
        sums = ops.multiply(sums, spec.scale)
    if learned is not None:
        sums = ops.multiply(sums, learned)
    return ops.multiply(ops.sum(ops.tanh(sums), axis=-1), context.variable("weight", like))
