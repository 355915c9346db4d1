"""Cases of the attention layers. Masks are of another dtype than sequences: cases with masks are whole models."""

from __future__ import annotations

from nnspec.layers.attention import MultiHeadAttention
from nnspec_conformance.case import Case

# The two inputs of cross-attention differ in length and in features.
CROSS = ((3, 4), (5, 6))

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
]
