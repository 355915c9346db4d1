"""Attention and norms as operations."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.broadcasting import reshaped
from nnspec_tensorflow.porting.operations.elementwise import add, multiply, unary
from nnspec_tensorflow.porting.operations.logic import brought
from nnspec_tensorflow.porting.operations.operand import BATCH, number, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import done, plain, read
from nnspec_tensorflow.startup import keras

_NN = keras.src.ops.nn


@operation(_NN.DotProductAttention)
def dot_product_attention(
    op: Any, context: Context, query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None
) -> Value:
    factor = None if scale is None else number(scale)
    if scale is not None and (factor is None or factor <= 0):
        raise refusal(context, "a scale of attention that is computed, or not positive", "multiply the queries by it")
    given = [plain(context, x).value for x in (query, key, value)]
    if bias is not None:
        given.append(_scores(context, brought(context, bias, "float", "bias_float"), "bias"))
    shown = None
    if mask is not None:
        hidden = _scores(context, brought(context, mask, "bool", "mask_bool"), "mask")
        if context.shapes[hidden][-1] == 1 != context.shapes[given[1]][1] and bias is None and not op.is_causal:
            shown = hidden
        else:
            given.append(hidden)
    cap = op.attn_logits_soft_cap
    layer = nnspec.DotProductAttention(
        scale=None if factor is None else float(factor),
        causal=bool(op.is_causal),
        attention_bias=bias is not None,
        mask=mask is not None and shown is None,
        soft_cap=None if cap is None else float(cap),
    )
    if shown is None:
        return done(context, layer, *given, view=BATCH)
    return _of_queries(context, shown, done(context, layer, *given, view=BATCH, part="shown"), given[2])


def _of_queries(context: Context, shown: Value, attended: Value, values: Value) -> Value:
    """Attention under a mask of queries, not of keys: Keras gives a query that sees none the mean of all values."""
    heads = context.shapes[attended][2], context.shapes[values][2]
    if heads[0] != heads[1]:
        raise refusal(context, "a mask of queries where several heads share their keys", "mask the result")
    mean = done(context, nnspec.Mean(1, keepdims=True), values, view=BATCH, part="mean")
    kept = done(context, nnspec.Permute((2, 1, 3)), shown, view=BATCH, part="mask_of_queries")
    return done(context, nnspec.Where(), kept, attended, mean, view=BATCH)


def _scores(context: Context, x: Any, part: str) -> Value:
    """What goes to scores, (batch, heads, queries, keys), with as many axes."""
    operand = read(context, x)
    if operand.view.factor > 1 or operand.view.axis not in (None, operand.rank - 4):
        raise refusal(context, f"a {part} of attention whose batch is not in front", "transpose it before")
    shape = [1] * (4 - operand.rank) + list(operand.shape)
    if operand.view.axis is None and shape[0] != 1:
        raise refusal(context, f"a {part} of attention for a batch of fixed size")
    return reshaped(context, operand.value, shape[1:], view=BATCH, part=part)


@operation(_NN.RMSNorm)
def rms_norm(op: Any, context: Context, x: Any, scale: Any = None) -> Any:
    operand = read(context, x)
    axes = op.axis if isinstance(op.axis, list | tuple) else [op.axis]
    layer = nnspec.RMSNorm(_epsilon(op), use_scale=False, axes=operand.places(axes))
    return _scaled_and_shifted(context, layer, x, scale, None)


@operation(_NN.LayerNorm)
def layer_norm(op: Any, context: Context, x: Any, gamma: Any = None, beta: Any = None) -> Any:
    operand = read(context, x)
    if op.rms_scaling:
        raise refusal(context, "rms_scaling", "use ops.rms_normalization")
    axes = op.axis if isinstance(op.axis, list | tuple) else [op.axis]
    if [operand.axis(axis) for axis in axes] != [operand.rank - 1] and (gamma is not None or beta is not None):
        raise refusal(context, "a layer norm with a scale along other axes than the last", "multiply by it yourself")
    layer = nnspec.LayerNorm(_epsilon(op), use_scale=False, use_bias=False, axes=operand.places(axes))
    return _scaled_and_shifted(context, layer, x, gamma, beta)


def _epsilon(op: Any) -> float:
    return float(keras.config.epsilon() if op.epsilon is None else op.epsilon)


def _scaled_and_shifted(context: Context, layer: Layer, x: Any, scale: Any, shift: Any) -> Any:
    alone = scale is None and shift is None
    value: Any = unary(context, layer, x, part=None if alone else "normalized")
    if scale is not None:
        value = multiply(None, context, value, scale)
    return value if shift is None else add(None, context, value, shift)
