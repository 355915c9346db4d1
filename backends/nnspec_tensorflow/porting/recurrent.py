"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.activation import recurrent as gate
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.porting.frame import conversion
from nnspec_tensorflow.startup import keras

_of = keras.layers
_CELLS = (_of.SimpleRNNCell, _of.LSTMCell, _of.GRUCell)


def _gates_first(array: Any) -> Any:
    """Keras's gates z, r, n of a GRU in the spec's order r, z, n, along the last axis."""
    z, r, n = np.split(np.asarray(array), 3, axis=-1)
    return np.concatenate([r, z, n], axis=-1)


def _cell(cell: Any, context: Context) -> tuple[Any, dict[str, Any]]:
    """The spec's layer of a cell, on a sequence, and its variables.

    Raises:
        PortError: it is none of Keras's cells.
    """
    if isinstance(cell, _CELLS) and type(cell) not in _CELLS:
        raise context.error(f"its cell {type(cell).__name__} is one of its own: write the steps out in a layer's call")
    activation = gate(context, getattr(cell, "activation", None), "activation")
    if isinstance(cell, _of.SimpleRNNCell):
        made: Any = nnspec.SimpleRNN(cell.units, activation, cell.use_bias)
        variables = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel}
        return made, {**variables, "bias": cell.bias} if cell.use_bias else variables
    gates = gate(context, getattr(cell, "recurrent_activation", None), "recurrent_activation")
    if isinstance(cell, _of.LSTMCell):
        made = nnspec.LSTM(cell.units, activation, gates, cell.use_bias)
        variables = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel}
        return made, {**variables, "bias": cell.bias} if cell.use_bias else variables
    if isinstance(cell, _of.GRUCell):
        made = nnspec.GRU(cell.units, activation, gates, cell.use_bias, cell.reset_after)
        variables = {"kernel": _gates_first(cell.kernel), "recurrent_kernel": _gates_first(cell.recurrent_kernel)}
        if cell.use_bias and cell.reset_after:
            variables["bias"], variables["recurrent_bias"] = _gates_first(cell.bias)
        elif cell.use_bias:
            variables["bias"] = _gates_first(cell.bias)
        return made, variables
    if type(cell).__name__ == "ConvLSTMCell" and type(cell).__module__.startswith("keras."):
        return _conv_cell(cell, context, activation, gates)
    raise context.error(f"its cell {type(cell).__name__} is one of its own: write the steps out in a layer's call")


def _conv_cell(cell: Any, context: Context, activation: Any, gates: Any) -> tuple[Any, dict[str, Any]]:
    if set(cell.dilation_rate) != {1}:
        raise context.error(f"dilation_rate={tuple(cell.dilation_rate)} has no counterpart in the spec's ConvLSTM")
    if cell.data_format != "channels_last":
        raise context.error("data_format='channels_first' is not ported for ConvLSTM: put its channels last")
    made = nnspec.ConvLSTM(
        cell.filters,
        tuple(cell.kernel_size),
        tuple(cell.strides),
        cell.padding,
        activation,
        gates,
        cell.use_bias,
    )
    variables = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel}
    return made, {**variables, "bias": cell.bias} if cell.use_bias else variables


class _Sequence:
    """One recurrent layer of a model, whose cells are taken one after the other."""

    def __init__(self, layer: Any, context: Context, mask: Value | None, training: bool | None, part: str) -> None:
        if getattr(layer, "stateful", False):
            raise context.error("stateful=True keeps states between calls: give it initial_state, and return_state")
        self.layer, self.context, self.training, self.prefix = layer, context, training, part
        self.mask = mask
        self.zeros = bool(getattr(layer, "zero_output_for_mask", False))

    def part(self, name: str) -> str:
        """The name of a part: ``forward_state``."""
        return f"{self.prefix}_{name}" if self.prefix else name

    def call(self, spec: Any, *inputs: Value, name: str, variables: Any = None) -> Value:
        return self.context.call(spec, *inputs, part=self.part(name), variables=variables)

    def run(self, x: Value, states: Sequence[Any] | None, last: str | None) -> list[Value]:
        """The output, and the final states if the layer returns them.

        Args:
            x: the sequence.
            states: the initial states, flat.
            last: the name of the part that gives the output, or None for the layer's own.
        """
        cell = self.layer.cell
        cells = cell.cells if isinstance(cell, _of.StackedRNNCells) else [cell]
        given = list(states or [])
        final: list[Value] = []
        for i, one in enumerate(cells):
            spec, variables = _cell(one, self.context)
            x = self._dropped(one, x, i if len(cells) > 1 else None)
            own = [given.pop(0) for _ in range(spec.states)] if given else []
            outermost = i == len(cells) - 1
            name = last if outermost else self.part(f"cell_{i}")
            reverse = bool(self.layer.go_backwards) and i == 0
            x, ends = self._layer(one, replace(spec, reverse=reverse), variables, x, own, name, outermost, i)
            final += ends
        if given:
            raise self.context.error(f"is given {len(given)} initial states more than it has")
        return [x, *final] if self.layer.return_state else [x]

    def _dropped(self, cell: Any, x: Value, number: int | None) -> Value:
        """The input with what ``dropout`` drops of it, by one mask for all steps."""
        dropped = float(getattr(cell, "dropout", 0.0) or 0.0)
        recurrent = float(getattr(cell, "recurrent_dropout", 0.0) or 0.0)
        if self.training and (dropped or recurrent):
            raise self.context.error("is called with training=True: a port drops nothing in inference")
        if recurrent and getattr(cell, "dropout_mask_count", 1) > 1:
            self.context.note("drops by a mask for each gate in Keras, and by one for all of them here.")
        if not dropped or self.training is False:
            return x
        name = "dropout" if number is None else f"dropout_{number}"
        return self.call(nnspec.Dropout(dropped, (1,)), x, name=name)

    def _layer(
        self,
        cell: Any,
        spec: Any,
        variables: Any,
        x: Value,
        states: list[Value],
        name: str | None,
        outermost: bool,
        i: int,
    ) -> tuple[Value, list[Value]]:
        """The output and the final states of one cell over the sequence."""
        context, layer = self.context, self.layer
        sequences = bool(layer.return_sequences) or not outermost
        ends = bool(layer.return_state)
        mask = self.mask
        if mask is not None and layer.go_backwards and i > 0:  # the cell before has turned the sequence
            mask = self.call(nnspec.Slice(step=-1, axis=1), mask, name="turned_mask")
        late = mask is not None and (bool(states) or (ends and self.zeros))  # zeros are put in afterwards
        recurrent = 0.0 if self.training is False else float(getattr(cell, "recurrent_dropout", 0.0) or 0.0)
        whole = spec.states == 2 and ends
        spec = replace(
            spec,
            return_sequences=sequences,
            initial_state=bool(states),
            mask=mask is not None,
            zero_output_for_mask=bool(mask is not None and self.zeros and outermost and not late),
            recurrent_dropout_rate=recurrent,
            **({"return_state": True} if whole else {}),
        )
        inputs = [x]
        if states:
            both = len(states) > 1
            inputs.append(self.call(nnspec.Concat(), *states, name="initial_state") if both else states[0])
        if mask is not None:
            inputs.append(mask)
        split = whole or late or (ends and sequences)
        node = self.part("steps" if len(self.layer_cells) < 2 else f"steps_{i}") if split else name
        y = context.call(spec, *inputs, variables=variables, part=node)
        finals = self._finals(spec, y, sequences, whole) if ends else []
        if whole:
            y = self._half(y, 0, spec, name if not late else self.part("output"))
        elif split and not late and node != name:
            y = context.call(nnspec.Identity(), y, part=name)
        if late:
            y = self._with_zeros(y, mask, sequences, bool(layer.go_backwards) and i == 0, outermost, name)
        return y, finals

    @property
    def layer_cells(self) -> list[Any]:
        """The cells of the layer."""
        cell = self.layer.cell
        return list(cell.cells) if isinstance(cell, _of.StackedRNNCells) else [cell]

    def _half(self, y: Value, which: int, spec: Any, name: str | None) -> Value:
        size = spec.features
        return self.context.call(nnspec.Slice(which * size, (which + 1) * size), y, part=name)

    def _finals(self, spec: Any, y: Value, sequences: bool, whole: bool) -> list[Value]:
        """The states after the last step that is taken."""
        last = y
        if sequences:
            last = self.call(nnspec.Slice(-1, axis=1), y, name="last")
            last = self.call(nnspec.Squeeze(1), last, name="last_step")
        if not whole:
            return [last]
        return [self._half(last, which, spec, self.part(f"state_{letter}")) for which, letter in enumerate("hc")]

    def _with_zeros(
        self, y: Value, mask: Value | None, sequences: bool, turned: bool, outermost: bool, name: str | None
    ) -> Value:
        """Keras's output of masked steps: 0 before the first that is not masked, or of all of them."""
        assert mask is not None
        seen = self.call(nnspec.AsType("float"), mask, name="seen")
        if turned:
            seen = self.call(nnspec.Slice(step=-1, axis=1), seen, name="seen_turned")
        if not sequences:
            part = nnspec.Slice(-1, axis=1) if self.zeros and outermost else nnspec.Max(1, keepdims=True)
            seen = self.call(part, seen, name="seen_at_last")  # (batch, 1)
        elif not (self.zeros and outermost):
            seen = self.call(nnspec.CumulativeMax(1), seen, name="seen_so_far")
        for _ in range(len(self.context.shapes[y]) - len(self.context.shapes[seen])):
            seen = self.call(nnspec.ExpandDims(-1), seen, name="seen_wide")
        return self.context.call(nnspec.Multiply(), y, seen, part=name)


def recurrent(
    layer: Any,
    context: Context,
    sequences: Any,
    initial_state: Any = None,
    mask: Any = None,
    training: bool | None = None,
) -> list[Value]:
    if isinstance(sequences, list):  # Keras takes the states in a list with the sequence, too
        sequences, *initial_state = sequences
    mask = mask[0] if isinstance(mask, list) else mask
    states = None if initial_state is None else keras.tree.flatten(initial_state)
    return _Sequence(layer, context, mask, training, "").run(sequences, states, None)


for _kind in ("SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"):
    convert.register(getattr(_of, _kind), recurrent)


@convert.register(_of.SimpleRNNCell)
@convert.register(_of.LSTMCell)
@convert.register(_of.GRUCell)
def cell(layer: Any, context: Context, inputs: Value, states: Any, training: bool | None = None) -> list[Value]:
    """A cell as a sequence of one step."""
    if (layer.dropout or layer.recurrent_dropout) and training is not False:
        raise context.error("drops by masks that it keeps between steps: use it in an RNN")
    spec, variables = _cell(layer, context)
    own = keras.tree.flatten(states)
    state = context.call(nnspec.Concat(), *own, part="state") if len(own) > 1 else own[0]
    x = context.call(nnspec.ExpandDims(1), inputs, part="step")
    if spec.states == 1:
        y = context.call(replace(spec, initial_state=True), x, state, variables=variables)
        return [y, y]
    y = context.call(replace(spec, initial_state=True, return_state=True), x, state, variables=variables)
    size = spec.features
    h, c = (context.call(nnspec.Slice(i * size, (i + 1) * size), y, part=part) for i, part in enumerate("hc"))
    return [h, h, c]


@convert.register(_of.Bidirectional)
def bidirectional(
    layer: Any,
    context: Context,
    sequences: Any,
    initial_state: Any = None,
    mask: Any = None,
    training: bool | None = None,
) -> list[Value]:
    if isinstance(sequences, list):
        sequences, *initial_state = sequences
    mask = mask[0] if isinstance(mask, list) else mask
    states = [] if initial_state is None else keras.tree.flatten(initial_state)
    half = len(states) // 2
    both = []
    for name, inner, own in (
        ("forward", layer.forward_layer, states[:half]),
        ("backward", layer.backward_layer, states[half:]),
    ):
        if conversion(inner) is None or not isinstance(getattr(inner, "cell", None), keras.Layer):
            raise context.error(f"its {name} layer {type(inner).__name__} is none of Keras's recurrent layers")
        both.append(_Sequence(inner, context, mask, training, name).run(sequences, own or None, name))
    (y, *ends), (back, *back_ends) = both
    if layer.return_sequences:
        back = context.call(nnspec.Slice(step=-1, axis=1), back, part="turned")
    outputs = _merged(layer.merge_mode, context, y, back)
    return [*outputs, *ends, *back_ends]


def _merged(mode: str | None, context: Context, y: Value, back: Value) -> list[Value]:
    if mode is None:
        return [y, back]
    if mode == "ave":
        total = context.call(nnspec.Add(), y, back, part="sum")
        return [context.call(nnspec.Rescaling(0.5), total)]
    merges = {"concat": nnspec.Concat(), "sum": nnspec.Add(), "mul": nnspec.Multiply()}
    return [context.call(merges[mode], y, back)]
