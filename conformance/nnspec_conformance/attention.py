"""Cases of the attention layers. Masks are of another dtype than sequences: cases with masks are whole models."""

from __future__ import annotations

from nnspec.layers.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention
from nnspec.layers.positions import RotaryPositions
from nnspec_conformance.case import Case, DTypes

# The two inputs of cross-attention differ in length and in features.
CROSS = ((3, 4), (5, 6))

_PIECE: DTypes = ("float", "int32")
_CACHED: DTypes = ("float", "float", "int32")

CASES = [
    Case(MultiHeadAttention(2), (3, 4)),
    Case(MultiHeadAttention(1), (3, 4)),
    Case(MultiHeadAttention(2, head_features=3), (3, 4)),
    Case(MultiHeadAttention(2, out_features=5), (3, 4)),
    Case(MultiHeadAttention(2, use_bias=False), (3, 4)),
    Case(MultiHeadAttention(2, causal=True), (4, 4), scale=2.0),
    Case(MultiHeadAttention(2, dropout_rate=0.3), (3, 4)),
    Case(MultiHeadAttention(3, head_features=2, out_features=3, causal=True, dropout_rate=0.5), (4, 5)),
    Case(MultiHeadAttention(2), CROSS, id="cross"),
    Case(MultiHeadAttention(2, head_features=3, causal=True), CROSS, id="cross"),
    Case(MultiHeadAttention(2, dropout_rate=0.1), CROSS, id="cross"),
    Case(MultiHeadAttention(2), (1, 4), id="one position"),
    Case(MultiHeadAttention(1), (4, 3), scale=3.0, id="sharp"),
    Case(MultiHeadAttention(2, kernel_init="normal", bias_init={"constant": 0.2}), (3, 4)),
    Case(MultiHeadAttention(4, head_features=2, num_kv_heads=2, value_features=3), (3, 4)),
    Case(MultiHeadAttention(3, head_features=2, num_kv_heads=1, scale=0.3, dropout_rate=0.3), CROSS, id="cross"),
    Case(MultiHeadAttention(2, rotary=RotaryPositions(), window=2), (4, 4)),
    Case(
        MultiHeadAttention(2, head_features=4, num_kv_heads=1, rotary=RotaryPositions(pairs="halves", fraction=0.5)),
        CROSS,
        id="cross",
    ),
    Case(MultiHeadAttention(2, attention_bias=True), ((3, 4), (2, 3, 3)), id="of heads"),
    Case(MultiHeadAttention(2, attention_bias=True, causal=True), (*CROSS, (3, 5)), id="cross"),
    Case(MultiHeadAttention(2, broadcast_dropout=True, dropout_rate=0.4), (3, 4)),
    Case(MultiHeadAttention(2, use_bias=False), (*CROSS, (5, 3)), id="keys and values of two sequences"),
    Case(MultiHeadAttention(2, soft_cap=0.4, attention_bias=True), ((3, 4), (3, 3))),
    Case(MultiHeadAttention(2, returns="scores", causal=True), CROSS, id="cross"),
    Case(MultiHeadAttention(2, use_bias=("query", "value"), out_kernel_init="normal"), (3, 4)),
    Case(MultiHeadAttention(2, use_bias=("out",), out_bias_init={"constant": 0.2}), CROSS, id="cross"),
    Case(
        MultiHeadAttention(2, rotary=RotaryPositions(), causal=True, decode=True, returns="keys_values"),
        ((3, 4), ()),
        dtype=_PIECE,
        integers=(0, 60),
    ),
    Case(
        MultiHeadAttention(4, head_features=2, num_kv_heads=2, value_features=3, causal=True, window=3, decode=True),
        ((2, 4), (6, 2, 5), ()),
        dtype=_CACHED,
        integers=(0, 5),
    ),
    Case(
        MultiHeadAttention(2, rotary=RotaryPositions(), attention_bias=True, causal=True, decode=True),
        ((1, 4), (5, 2, 4), (1, 5), ()),
        dtype=("float", "float", "float", "int32"),
        integers=(0, 5),
    ),
    Case(
        MultiHeadAttention(2, causal=True, decode=True, returns="scores"),
        ((2, 4), (4, 2, 4), ()),
        dtype=_CACHED,
        integers=(1, 5),
        id="beyond the end",
    ),
    Case(DotProductAttention(), (3, 4)),
    Case(DotProductAttention(scale=0.4, use_scale=True, scale_init={"constant": 1.5}), ((3, 4), (5, 4))),
    Case(DotProductAttention(causal=True, window=2, dropout_rate=0.3), ((3, 4), (5, 4), (5, 2))),
    Case(DotProductAttention(attention_bias=True, dropout_rate=0.4, broadcast_dropout=True), ((3, 4), (1, 3))),
    Case(DotProductAttention(), ((3, 4, 2), (5, 2, 2), (5, 2, 3)), id="heads in groups"),
    Case(DotProductAttention(score_mode="concat", weight_init={"constant": 0.7}), ((3, 2), (4, 2))),
    Case(DotProductAttention(score_mode="concat", use_scale=True, scale=0.6), ((2, 4, 2), (3, 2, 2)), id="groups"),
    Case(DotProductAttention(soft_cap=0.5, returns="scores"), ((3, 4, 2), (5, 2, 2)), id="groups"),
    Case(DotProductAttention(returns="scores"), (3, 4)),
    Case(AdditiveAttention(), ((3, 4), (5, 4))),
    Case(AdditiveAttention(soft_cap=1.0, returns="scores"), ((3, 2), (4, 2))),
    Case(AdditiveAttention(use_scale=False, causal=True, dropout_rate=0.3), (3, 2)),
    Case(AdditiveAttention(scale_init={"normal": 0.3}, attention_bias=True), ((3, 2), (4, 2), (4, 3), (1, 4))),
    Case(AdditiveAttention(window=1, dropout_rate=0.2, broadcast_dropout=True), ((2, 2), (3, 2))),
]
