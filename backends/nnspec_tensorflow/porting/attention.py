"""Attention layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context, NoConversionError, convert
from nnspec_tensorflow.porting.linear import einsum_spec, einsum_variables
from nnspec_tensorflow.startup import keras

_PARTS = ("query", "key", "value", "out")


def _boolean(context: Context, mask: Value, part: str) -> Value:
    return mask if context.dtypes[mask] == "bool" else context.call(nnspec.NotEqual(0.0), mask, part=part)


def _joined(context: Context, masks: list[Value]) -> Value | None:
    """Masks of one rank that all have to be true."""
    if len(masks) < 2:
        return masks[0] if masks else None
    return context.call(nnspec.LogicalAnd(), *masks, part="mask")


def _hiding(
    context: Context, queries: Value | None, keys: list[Value | None], given: Value | None, dot: bool = False
) -> Value | None:
    """One mask (batch, [heads,] queries, keys) of masks of queries, of keys, and of both."""
    found = []
    if queries is not None:
        q = _boolean(context, queries, "query_mask")
        found.append(context.call(nnspec.ExpandDims(2), q, part="query_mask"))
    for i, mask in enumerate(mask for mask in keys if mask is not None):
        k = _boolean(context, mask, f"key_mask_{i}")
        found.append(context.call(nnspec.ExpandDims(1), k, part=f"key_mask_{i}"))
    if given is not None:
        both = _boolean(context, given, "attention_mask")
        rank = len(context.shapes[both])
        if rank == 4:
            found = [context.call(nnspec.ExpandDims(1), mask, part="mask_of_heads") for mask in found]
        elif rank == 2:
            both = context.call(nnspec.ExpandDims(1), both, part="attention_mask")
        found.append(both)
    return _joined(context, found)


def _variables(layer: Any) -> dict[str, Any]:
    """The variables of the projections, which Keras's layers hold as ``EinsumDense``."""
    made = {}
    for part, dense in zip(_PARTS, _projections(layer), strict=True):
        made[f"{part}/kernel"] = dense.kernel
        if dense.bias is not None:
            made[f"{part}/bias"] = np.asarray(dense.bias)
    return made


def _projections(layer: Any) -> tuple[Any, Any, Any, Any]:
    return layer._query_dense, layer._key_dense, layer._value_dense, layer._output_dense


def _projected(
    layer: Any,
    spec: nnspec.MultiHeadAttention,
    context: Context,
    query: Value,
    value: Value,
    key: Value | None,
    masks: tuple[Value | None, list[Value | None], Value | None],
    scored: bool,
    training: bool | None,
) -> Value | list[Value]:
    """Attention with projections, and its scores, if they are asked for."""
    if any(len(context.shapes[x]) != 3 for x in (query, value)) or getattr(layer, "_use_gate", False):
        raise NoConversionError(layer.name)
    if training and spec.dropout_rate:
        raise context.error("is called with training=True: a port drops nothing in inference; leave the mode open")
    if training is False:
        spec = replace(spec, dropout_rate=0.0)
    inputs = [query] if key is None and value == query else [query, value]
    if key is not None and key != value:
        inputs = [query, key, value]
    mask = _hiding(context, *masks)
    plain = bool(layer_dropout(layer)) or scored
    if mask is not None and not plain:
        return _decomposed(layer, spec, context, (query, value if key is None else key, value), mask)
    if mask is not None:
        inputs.append(mask)
        spec = replace(spec, mask=True)
    y = context.call(spec, *inputs, variables=_variables(layer))
    if not scored:
        return y
    shown = replace(spec, returns="scores", dropout_rate=0.0)
    return [y, context.call(shown, *inputs, variables=_variables(layer), owner=(context.owner, None), part="scores")]


def layer_dropout(layer: Any) -> float:
    """The rate at which an attention layer drops."""
    return float(layer._dropout if hasattr(layer, "_dropout") else layer.dropout)


def _decomposed(
    layer: Any, spec: nnspec.MultiHeadAttention, context: Context, inputs: tuple[Value, Value, Value], mask: Value
) -> Value:
    """Attention in its parts: where all keys are hidden from a query, Keras gives it the mean of all values.

    (It does where its fused kernel runs, which is without dropout and scores; else it gives 0, as the spec has it.)
    """
    *projections, out = _projections(layer)
    q, k, v = (
        context.call(einsum_spec(dense), x, variables=einsum_variables(dense), part=part)
        for dense, x, part in zip(projections, inputs, _PARTS[:3], strict=True)
    )
    queries, keys = context.shapes[q][1], context.shapes[k][1]
    if spec.causal or spec.window is not None:
        mask = _with_positions(context, spec, mask, queries, keys)
    scale = spec.head_features and float(spec.head_features) ** -0.5
    attended = context.call(nnspec.DotProductAttention(scale, mask=True), q, k, v, mask, part="attention")
    seen = context.call(nnspec.AsType("float"), mask, part="visible")
    anything = context.call(nnspec.Max(-1, keepdims=True), seen, part="any_visible")  # (batch, [heads,] queries, 1)
    if len(context.shapes[mask]) == 4:
        anything = context.call(nnspec.Permute((2, 1, 3)), anything, part="any_visible_last")
    else:
        anything = context.call(nnspec.ExpandDims(-1), anything, part="any_visible_last")
    nothing = context.call(nnspec.Rescaling(-1.0, 1.0), anything, part="none_visible")
    mean = context.call(nnspec.Mean(1, keepdims=True), v, part="mean_value")
    if spec.num_kv_heads not in (None, spec.num_heads):
        repeats = spec.num_heads // (spec.num_kv_heads or 1)
        mean = context.call(nnspec.Upsample((1, repeats)), mean, part="mean_value_of_heads")
    filled = context.call(nnspec.Multiply(), nothing, mean, part="fill")
    y = context.call(nnspec.Add(), attended, filled, part="filled")
    return context.call(einsum_spec(out), y, variables=einsum_variables(out))


def _with_positions(
    context: Context, spec: nnspec.MultiHeadAttention, mask: Value, queries: int | None, keys: int | None
) -> Value:
    """A mask that also hides what is later, or outside of a window."""
    if queries is None or keys is None:
        raise context.error("hides by positions and by a mask, which is ported for sequences of known length")
    seen = context.call(nnspec.AsType("float"), mask, part="visible_to")
    shape: Any = context.shapes[mask]
    if shape[-2] != queries or shape[-1] != keys:
        wide = (*shape[1:-2], queries, keys)
        seen = context.call(nnspec.BroadcastTo(wide), seen, part="visible_wide")
    if spec.causal:
        seen = context.call(nnspec.Tril(), seen, part="visible_before")
    if spec.window is not None:
        seen = context.call(nnspec.Tril(spec.window - 1), seen, part="visible_ahead")
        seen = context.call(nnspec.Triu(1 - spec.window), seen, part="visible_within")
    return context.call(nnspec.Greater(0.0), seen, part="mask_by_position")


@convert.register(keras.layers.MultiHeadAttention)
def multi_head_attention(
    layer: Any,
    context: Context,
    query: Value,
    value: Value,
    key: Value | None = None,
    query_mask: Value | None = None,
    value_mask: Value | None = None,
    key_mask: Value | None = None,
    attention_mask: Value | None = None,
    return_attention_scores: bool = False,
    training: bool | None = None,
    use_causal_mask: bool = False,
) -> Any:
    rank = len(context.shapes[query])
    own = layer._output_shape
    if tuple(layer._attention_axes or (1,)) != (1,) or rank != 3 or (own is not None and len(own) > 1):
        raise NoConversionError(layer.name)
    spec = nnspec.MultiHeadAttention(
        layer.num_heads,
        layer.key_dim,
        None if own is None else int(own[0]),
        layer.use_bias,
        bool(use_causal_mask),
        dropout_rate=layer_dropout(layer),
        value_features=None if layer.value_dim == layer.key_dim else layer.value_dim,
        window=layer._sliding_window,
    )
    masks = (query_mask, [value_mask, key_mask], attention_mask)
    return _projected(layer, spec, context, query, value, key, masks, return_attention_scores, training)


@convert.register(keras.layers.GroupQueryAttention)
def grouped_query_attention(
    layer: Any,
    context: Context,
    query: Value,
    value: Value,
    key: Value | None = None,
    query_mask: Value | None = None,
    value_mask: Value | None = None,
    key_mask: Value | None = None,
    attention_mask: Value | None = None,
    return_attention_scores: bool = False,
    training: bool | None = None,
    use_causal_mask: bool = False,
) -> Any:
    if layer.use_gate:
        raise NoConversionError(layer.name)
    spec = nnspec.MultiHeadAttention(
        layer.num_query_heads,
        layer.head_dim,
        None,
        layer.use_bias,
        bool(use_causal_mask),
        dropout_rate=layer_dropout(layer),
        num_kv_heads=layer.num_key_value_heads,
        window=layer.sliding_window,
    )
    masks = (query_mask, [value_mask, key_mask], attention_mask)
    return _projected(layer, spec, context, query, value, key, masks, return_attention_scores, training)


def _of_given(
    layer: Any,
    context: Context,
    inputs: list[Value],
    spec: Any,
    variables: dict[str, Any],
    mask: Any,
    scored: bool,
    training: bool | None,
) -> Any:
    """Attention without projections; Keras's third input is the key."""
    q, v, *rest = inputs
    sequences = [q, rest[0], v] if rest and rest[0] != v else [q, v]
    if training and layer.dropout:
        raise context.error("is called with training=True: a port drops nothing in inference; leave the mode open")
    spec = replace(spec, dropout_rate=0.0 if training is False else float(layer.dropout))
    of_queries, of_keys = (*(mask or ()), None, None)[:2]
    hidden = _hiding(context, of_queries, [of_keys], None)
    y = context.call(
        replace(spec, mask=hidden is not None), *sequences, *([hidden] if hidden else []), variables=variables
    )
    if not scored:
        return y
    keys_alone = _hiding(context, None, [of_keys], None)
    shown = replace(spec, returns="scores", dropout_rate=0.0, mask=keys_alone is not None)
    given = [*sequences, *([keys_alone] if keys_alone else [])]
    owner = (context.owner, None) if variables else None
    return [y, context.call(shown, *given, variables=variables, owner=owner, part="scores")]


@convert.register(keras.layers.Attention)
def attention(
    layer: Any,
    context: Context,
    inputs: list[Value],
    mask: Any = None,
    training: bool | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Any:
    spec = nnspec.DotProductAttention(1.0, layer.score_mode, layer.use_scale, causal=bool(use_causal_mask))
    variables = {}
    if layer.scale is not None:
        variables["scale"] = np.reshape(np.asarray(layer.scale), (1,))
    if layer.concat_score_weight is not None:
        variables["weight"] = np.reshape(np.asarray(layer.concat_score_weight), (1,))
    return _of_given(layer, context, inputs, spec, variables, mask, return_attention_scores, training)


@convert.register(keras.layers.AdditiveAttention)
def additive_attention(
    layer: Any,
    context: Context,
    inputs: list[Value],
    mask: Any = None,
    training: bool | None = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Any:
    spec = nnspec.AdditiveAttention(layer.use_scale, causal=bool(use_causal_mask))
    variables = {} if layer.scale is None else {"scale": layer.scale}
    return _of_given(layer, context, inputs, spec, variables, mask, return_attention_scores, training)
