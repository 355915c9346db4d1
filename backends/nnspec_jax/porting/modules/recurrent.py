"""Recurrent layers: an RNN of one of Flax's cells is a layer of its own; any other one is written out, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from flax import linen as nn, nnx

from nnspec.arrangement import Flip
from nnspec.backends import Array
from nnspec.layers.recurrent import GRU, LSTM, MGU, SimpleRNN
from nnspec.ops import Concat, Slice, Squeeze
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, NoConversionError, convert
from nnspec_jax.porting.modules.activation import activation_of

_LSTM = (nnx.LSTMCell, nnx.OptimizedLSTMCell, nn.LSTMCell, nn.OptimizedLSTMCell)


def _kernels(cell: Any, *names: str) -> dict[str, Any]:
    """The variables of a cell's projections, side by side."""
    found: dict[str, list[Array]] = {}
    for name in names:
        if isinstance(cell, nn.Module):
            held = cell.variables["params"][name]
        else:
            own = getattr(cell, name)
            held = {key: getattr(own, key) for key in ("kernel", "bias") if getattr(own, key) is not None}
        for key, array in held.items():
            found.setdefault(key, []).append(np.asarray(array[...]))
    return {key: np.concatenate(arrays, -1) for key, arrays in found.items()}


def _lstm(cell: Any) -> tuple[Any, dict[str, Any], dict[str, Array]]:
    if isinstance(cell, nnx.OptimizedLSTMCell):
        x, h = _kernels(cell, "dense_i"), _kernels(cell, "dense_h")
    else:
        forget = "if_" if isinstance(cell, nnx.LSTMCell) else "if"
        x, h = _kernels(cell, "ii", forget, "ig", "io"), _kernels(cell, "hi", "hf", "hg", "ho")
    own = {"kernel": x["kernel"], "recurrent_kernel": h["kernel"], "bias": h["bias"]}
    return LSTM, {"recurrent_activation": activation_of(cell.gate_fn)}, own


def _gru(cell: Any) -> tuple[Any, dict[str, Any], dict[str, Array]]:
    options: dict[str, Any] = {"recurrent_activation": activation_of(cell.gate_fn), "recurrent_bias": "none"}
    if isinstance(cell, nnx.GRUCell):
        x, h = _kernels(cell, "dense_i"), _kernels(cell, "dense_h")
    else:
        x, h = _kernels(cell, "ir", "iz", "in"), _kernels(cell, "hr", "hz", "hn")
    own = {"kernel": x["kernel"], "recurrent_kernel": h["kernel"], "bias": x["bias"]}
    if "bias" in h:
        own["recurrent_bias"], options["recurrent_bias"] = h["bias"], "candidate"
    return GRU, options, own


def _mgu(cell: Any) -> tuple[Any, dict[str, Any], dict[str, Array]]:
    x, h = _kernels(cell, "if", "in"), _kernels(cell, "hf", "hn")
    forget, bias = np.split(x["bias"], 2)
    own = {"kernel": x["kernel"], "recurrent_kernel": h["kernel"], "forget_bias": forget, "bias": bias}
    if "bias" in h:
        own["recurrent_bias"] = h["bias"]
    return MGU, {"recurrent_activation": activation_of(cell.gate_fn), "reset_gate": bool(cell.reset_gate)}, own


def _simple(cell: Any) -> tuple[Any, dict[str, Any], dict[str, Array]]:
    names = ("dense_i", "dense_h") if isinstance(cell, nnx.SimpleCell) else ("i", "h")
    x, h = (_kernels(cell, name) for name in names)
    own = {"kernel": x["kernel"], "recurrent_kernel": h["kernel"], "bias": x["bias"]}
    return SimpleRNN, {"residual": bool(cell.residual)}, own


_CELLS = {
    **dict.fromkeys(_LSTM, _lstm),
    **dict.fromkeys((nnx.GRUCell, nn.GRUCell), _gru),
    nn.MGUCell: _mgu,
    **dict.fromkeys((nnx.SimpleCell, nn.SimpleCell), _simple),
}


@convert.register(nnx.RNN)
@convert.register(nn.RNN)
def rnn(
    module: Any,
    context: Context,
    inputs: Value,
    *,
    initial_carry: Any = None,
    seq_lengths: Any = None,
    return_carry: bool | None = None,
    time_major: bool | None = None,
    reverse: bool | None = None,
    keep_order: bool | None = None,
) -> Any:
    made = _CELLS.get(type(module.cell))
    major = module.time_major if time_major is None else time_major
    if made is None or major or seq_lengths is not None or len(context.shapes[inputs]) != 3:
        raise NoConversionError("a cell of the user's own, time first, or lengths")
    cls, options, own = made(module.cell)
    features = own["recurrent_kernel"].shape[0]
    backwards = bool(module.reverse if reverse is None else reverse)
    options |= {"activation": activation_of(module.cell.activation_fn), "reverse": backwards}
    starts = _start(context, initial_carry)
    options |= {"initial_state": bool(starts)}
    carries = bool(module.return_carry if return_carry is None else return_carry)
    lstm = cls is LSTM
    # Flax's results in order: (c, h), or h, where the carry is returned, then the outputs.
    count = (2 if lstm else 1) * carries
    asked = context.asked[: count + 1] or (True,) * (count + 1)
    sequences = asked[-1]
    if lstm and any(asked[:-1]):
        options["return_state"] = True
    layer = cls(features, return_sequences=sequences, **options)
    y = context.call(layer, inputs, *starts, variables=own)
    last = y
    if sequences and any(asked[:-1]):
        cut = context.call(Slice(-1, None, axis=1), y, part="last_step")
        last = context.call(Squeeze(axis=1), cut, part="last")
    carry: Any = last
    if lstm and carries and options.get("return_state"):
        h = context.call(Slice(0, features), last, part="h")
        carry = (context.call(Slice(features, 2 * features), last, part="c"), h)
        if sequences:
            y = context.call(Slice(0, features), y, part="outputs")
    elif lstm and carries:
        carry = (last, last)
    if backwards and sequences and bool(module.keep_order if keep_order is None else keep_order):
        y = context.call(Flip(1), y, part="outputs_in_order")
    return (carry, y) if carries else y


def _start(context: Context, carry: Any) -> list[Value]:
    """The state that an RNN starts from, as an input; none where it is zeros."""
    if carry is None:
        return []
    parts = list(carry) if isinstance(carry, tuple | list) else [carry]
    if all(not isinstance(part, Value) and not np.any(part) for part in parts):
        return []
    values = [part if isinstance(part, Value) else None for part in parts]
    given = [value for value in values if value is not None]
    if len(given) != len(parts):
        raise NoConversionError("a state of which a part is a constant")
    if len(given) == 1:
        return given
    c, h = given
    return [context.call(Concat(axis=-1), h, c, part="state")]
