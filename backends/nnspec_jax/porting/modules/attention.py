"""Attention in several heads."""

from __future__ import annotations

from typing import Any

import numpy as np
from flax import linen as nn, nnx

from nnspec.backends import Array
from nnspec.layers.attention import MultiHeadAttention
from nnspec.logic import AsType
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, NoConversionError, convert
from nnspec_jax.porting.modules.linear import _usual_product as usual_product
from nnspec_jax.porting.modules.variables import variables

_PROJECTIONS = ("query", "key", "value", "out")


@convert.register(nnx.MultiHeadAttention)
@convert.register(nn.MultiHeadDotProductAttention)
def attention(
    module: Any,
    context: Context,
    inputs_q: Value,
    inputs_k: Value | None = None,
    inputs_v: Value | None = None,
    *,
    inputs_kv: Value | None = None,
    mask: Any = None,
    deterministic: bool | None = None,
    is_causal: bool = False,
    decode: bool | None = None,
    **other: Any,
) -> Value:
    function: Any = module.attention_fn
    if function is not nnx.dot_product_attention and function is not nn.dot_product_attention:
        raise NoConversionError("a function of the user's own")
    if module.normalize_qk or (module.decode if decode is None else decode):
        raise NoConversionError("norms of queries and keys, or decoding")
    for name in ("qk_attn_weights_einsum_cls", "attn_weights_value_einsum_cls", "qkv_dot_general", "out_dot_general"):
        if getattr(module, name, None) is not None:
            raise NoConversionError("products of the user's own")
    usual_product(module)
    k = inputs_kv if inputs_k is None else inputs_k
    k = inputs_q if k is None else k
    v = k if inputs_v is None else inputs_v
    sequences: list[Any] = [inputs_q] if k == v == inputs_q else [inputs_q, k] if k == v else [inputs_q, k, v]
    if any(not isinstance(x, Value) or len(context.shapes[x]) != 3 for x in sequences):
        raise NoConversionError("sequences with further axes")
    causal, masks = _mask(context, mask)
    x = context.shapes[inputs_q]
    qkv, out = module.qkv_features or x[-1], module.out_features or x[-1]
    heads = module.num_heads
    silent = module.deterministic if deterministic is None else deterministic
    layer = MultiHeadAttention(
        heads,
        head_features=qkv // heads,
        out_features=out,
        use_bias=bool(module.use_bias),
        causal=causal or is_causal,
        mask=bool(masks),
        dropout_rate=0.0 if silent else float(module.dropout_rate),
        broadcast_dropout=bool(module.broadcast_dropout),
        num_kv_heads=_kv_heads(module),
    )
    own = {f"{name}/{key}": array for name in _PROJECTIONS for key, array in _projection(module, name).items()}
    return context.call(layer, *sequences, *masks, variables=own)


def _kv_heads(module: Any) -> int | None:
    shared = getattr(module, "num_kv_heads", None)
    return None if shared in (None, module.num_heads) else int(shared)


def _projection(module: Any, name: str) -> dict[str, Array]:
    if isinstance(module, nn.Module):
        return {key: np.asarray(array) for key, array in module.variables["params"][name].items()}
    return variables(getattr(module, name), "kernel", "bias")


def _mask(context: Context, mask: Any) -> tuple[bool, list[Value]]:
    """Whether a mask is that of causal attention, and the mask as an input where it says more."""
    if mask is None:
        return False, []
    if not isinstance(mask, Value):
        visible = np.asarray(mask) != 0
        if visible.ndim != 4 or visible.shape[0] != 1:
            raise NoConversionError("a mask with other axes than (batch, heads, queries, keys)")
        if visible.all():
            return False, []
        triangle = np.tril(np.ones(visible.shape[-2:], bool))
        if np.array_equal(visible, np.broadcast_to(triangle, visible.shape)):
            return True, []
        value = context.constant(visible[0])
        return False, [value]
    if len(context.shapes[mask]) != 4:
        raise NoConversionError("a mask with other axes than (batch, heads, queries, keys)")
    context.note("Where a mask hides all keys from a query, Flax gives it the mean of all values, and nnspec zeros.")
    if context.dtypes.get(mask, "float") != "bool":
        mask = context.call(AsType("bool"), mask, part="mask")
    return False, [mask]
