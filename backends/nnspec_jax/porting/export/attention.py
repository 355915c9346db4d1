"""Attention: ``nnx.MultiHeadAttention`` on a function that is exact in float64 and knows queries that see nothing."""

from __future__ import annotations

from typing import Any

from nnspec.layers.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention
from nnspec_jax.porting.export.embedding import rotation
from nnspec_jax.porting.export.written import Argument, Made, Place, Raw, Written, own, written


def _with_all_axes(at: int, place: Place) -> str:
    """A bias or a mask with the axes (batch, heads, queries, keys)."""
    behind = {2: "[:, None, None, :]", 3: "[:, None]", 4: ""}[len(place.shapes[at])]
    return f"{{{at}}}{behind}"


def _further(layer: Any, place: Place) -> tuple[list[str], list[str]]:
    """The sequences of a call, and its options: bias, mask, and what is hidden."""
    count = len(place.shapes) - layer.mask - layer.attention_bias
    sequences = [f"{{{i}}}" for i in range(count)]
    options = []
    if layer.attention_bias:
        options.append(f"bias={_with_all_axes(count, place)}")
    if layer.mask:
        options.append(f"mask={_with_all_axes(len(place.shapes) - 1, place)}")
    return sequences, options


def _changed(layer: Any) -> list[str]:
    """The options of ``attention`` that are set once for all calls."""
    given = [("window", layer.window), ("scale", layer.scale), ("soft_cap", layer.soft_cap)]
    return [f"{name}={value!r}" for name, value in given if value is not None]


@written.register
def multi_head_attention(layer: MultiHeadAttention, place: Place) -> Written:
    if layer.decode:
        raise place.refuse("MultiHeadAttention with decode", "port the model that was trained, before nnspec.decoding")
    x, memory, d, out = layer.sizes(*place.shapes)
    values = layer.sequences(*place.shapes)[2][-1]
    params = layer.params(*place.shapes)
    stock = (
        len(layer.biased) in (0, 4)
        and layer.value_features in (None, d)
        and values == memory
        and layer.rotary is None
        and not layer.attention_bias
        and layer.returns == "output"
        and not place.varied
    )
    sequences, options = _further(layer, place)
    if layer.causal:
        options.append("is_causal=True")
    if layer.returns == "scores":
        options.append("return_scores=True")
    changed = _changed(layer)
    # The short form of the function is enough where there is nothing but a mask.
    general = "general_attention" if changed or layer.attention_bias or layer.returns != "output" else "attention"
    function = f"partial({general}, {', '.join(changed)})" if changed else general
    common = (
        Argument("num_heads", layer.num_heads, positional=False),
        Argument("in_features", x),
        Argument("qkv_features", layer.num_heads * d, x),
        Argument("out_features", out, x),
        Argument("num_kv_heads", layer.num_kv_heads or layer.num_heads, layer.num_heads),
        Argument("in_kv_features", memory, x),
    )
    dropout = (
        Argument("dropout_rate", layer.dropout_rate, 0.0),
        Argument("broadcast_dropout", layer.broadcast_dropout, True if layer.dropout_rate else layer.broadcast_dropout),
    )
    arguments: tuple[Argument, ...]
    if stock:
        arguments = (
            *common,
            *dropout,
            Argument("use_bias", bool(layer.biased), True),
            Argument("attention_fn", Raw(function), None),
            Argument("decode", False, None),
        )
        made, needed = Made("nnx.MultiHeadAttention", arguments), (general,)
    else:
        rotate = None if layer.rotary is None else rotation(layer.rotary, d).replace("{0}", "x")
        bias: Any = bool(layer.biased) if len(layer.biased) in (0, 4) else tuple(layer.biased)
        arguments = (
            *common,
            Argument("in_value_features", values, memory),
            Argument("value_features", layer.value_features or d, d),
            *dropout,
            Argument("use_bias", bias, True),
            Argument("rotate", None if rotate is None else Raw(_lambda(rotate)), None),
            Argument("attention_fn", Raw(function), Raw("attention")),
        )
        made = Made("MultiHeadAttention", arguments)
        needed = ("MultiHeadAttention", general, *(("rotated",) if layer.rotary else ()))
    call = f"{{self}}({', '.join([*sequences, *options])})"
    return Written(call, made, own(*params), needed, heavy=True)


def _lambda(expression: str) -> str:
    return "rotated" if expression == "rotated(x)" else f"lambda x: {expression}"


@written.register
def dot_product_attention(layer: DotProductAttention, place: Place) -> Written:
    return _plain(layer, place, "DotProductAttention")


@written.register
def additive_attention(layer: AdditiveAttention, place: Place) -> Written:
    return _plain(layer, place, "AdditiveAttention")


def _plain(layer: Any, place: Place, kind: str) -> Written:
    params = layer.params(*place.shapes)
    sequences, options = _further(layer, place)
    if layer.returns == "scores":
        options.append("return_scores=True")
    arguments = [
        Argument("causal", layer.causal, False),
        Argument("window", layer.window, None),
        Argument("soft_cap", layer.soft_cap, None),
        Argument("dropout_rate", layer.dropout_rate, 0.0),
        Argument("broadcast_dropout", layer.broadcast_dropout, False),
    ]
    if isinstance(layer, DotProductAttention):
        arguments += [
            Argument("scale", layer.scale, None),
            Argument("use_scale", layer.use_scale, False),
            Argument("concat", layer.score_mode == "concat", False),
        ]
    else:
        arguments.append(Argument("features", place.features if layer.use_scale else None, None))
    call = f"{{self}}({', '.join([*sequences, *options])})"
    return Written(call, Made(kind, tuple(arguments)), own(*params), (kind,), heavy=True)
