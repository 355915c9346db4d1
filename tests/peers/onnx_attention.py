"""ONNX's attention and its sums of products in the vocabulary of nnspec."""

from __future__ import annotations

from collections import Counter

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.onnx_call import Call, need, one
from tests.peers.subjects import network


def attention(call: Call) -> list[Array]:
    """The first output alone. Heads stand before positions there, or within the features."""
    need(call.input(4) is None and call.input(5) is None, "keys and values of the steps before")
    need(call.input(6) is None, "lengths of sequences")
    heads = call.get("q_num_heads", 0), call.get("kv_num_heads", 0), call.get("kv_num_heads", 0)
    flat = call.x.ndim == 3
    q, k, v = (
        x.reshape(*x.shape[:2], count, x.shape[2] // count) if flat else x.swapaxes(1, 2)
        for x, count in zip(call.inputs[:3], heads, strict=True)
    )
    inputs = {"q": q, "k": k, "v": v}
    causal, mask = bool(call.get("is_causal", 0)), call.input(3)
    if mask is not None:
        boolean = mask.dtype == np.bool_
        missing = [(0, 0)] * (mask.ndim - 1) + [(0, k.shape[1] - mask.shape[-1])]
        mask = np.pad(mask, missing, constant_values=False if boolean else -np.inf)
        inputs["m"] = np.broadcast_to(mask, (len(q), q.shape[2], q.shape[1], k.shape[1]))
    scale = call.get("scale", None)
    layer = nn.DotProductAttention(
        None if scale is None else one(scale),
        causal=causal,
        window=window(call.get("left_window_size", -1), call.get("right_window_size", -1), causal),
        mask=mask is not None and mask.dtype == np.bool_,
        attention_bias=mask is not None and mask.dtype != np.bool_,
        soft_cap=one(call.get("softcap", 0.0)) or None,
    )
    given = {name: nn.Input(x.shape[1:], "bool" if x.dtype == np.bool_ else "float") for name, x in inputs.items()}
    model = nn.Model(given, [nn.Node("y", layer, tuple(inputs))], "y")
    y = call.subject.forward(model, inputs, {})[0]
    return [y.reshape(*y.shape[:2], -1) if flat else y.swapaxes(1, 2)]


def window(left: int, right: int, causal: bool) -> int | None:
    """The window of both sides, or of the past where there is no other one; −1 is no end."""
    if causal:
        return left + 1 if left >= 0 else None
    need(left == right, "a window with an end of its own on each side")
    return left + 1 if left >= 0 else None


def einsum(call: Call) -> list[Array]:
    """With an axis of size 1 in front of all."""
    terms, arrow, result = call.attributes["equation"].replace(" ", "").partition("->")
    if not arrow:
        counts = Counter(terms.replace(",", ""))
        result = "".join(sorted(letter for letter in counts if counts[letter] == 1 and letter != "."))
    operands = terms.split(",")
    need(all(len(set(term) - {"."}) == len(term.replace(".", "")) for term in operands), "diagonals")
    equation = f"{','.join(f'Z{term}' for term in operands)}->Z{result}"
    inputs = {f"x{i}": x[None] for i, x in enumerate(call.inputs)}
    model = network({name: x.shape[1:] for name, x in inputs.items()}, [("y", nn.Einsum(equation), list(inputs))])
    return [call.subject.forward(model, inputs, {})[0][0]]
