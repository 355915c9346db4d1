"""Recurrent layers: Keras's, whose GRU has the gates z, r, n where ours are r, z, n, and both biases in one weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.backends import Array
from nnspec.layers.recurrence import Recurrence
from nnspec.layers.recurrent import GRU, LSTM, MGU, SimpleRNN
from nnspec_tensorflow.porting.export.activation import inner
from nnspec_tensorflow.porting.export.convert import Apart, Context, Tensor, native
from nnspec_tensorflow.startup import keras

_PLAIN = {
    "kernel_initializer": "zeros",
    "recurrent_initializer": "zeros",
    "bias_initializer": "zeros",
    "kernel_regularizer": None,
    "recurrent_regularizer": None,
    "bias_regularizer": None,
    "kernel_constraint": None,
    "recurrent_constraint": None,
    "bias_constraint": None,
    "dropout": 0.0,
    "seed": None,
    "stateful": False,
}


def options_of(spec: Any, context: Context) -> dict[str, Any]:
    """What all of Keras's recurrent layers are made with."""
    made = {
        **_PLAIN,
        "activation": inner(spec, "activation", context),
        "use_bias": spec.use_bias,
        "return_sequences": spec.return_sequences,
        "go_backwards": spec.reverse,
        "zero_output_for_mask": spec.zero_output_for_mask,
        "recurrent_dropout": 0.0 if context.quiet else float(spec.recurrent_dropout_rate),
        "return_state": keeps_state(spec),
    }
    if hasattr(spec, "recurrent_activation"):
        made["recurrent_activation"] = inner(spec, "recurrent_activation", context)
    if spec.recurrent_dropout_rate:
        context.note("Keras draws a dropout mask of the state for each gate where it computes gates apart")
    return made


def keeps_state(spec: Any) -> bool:
    """Whether the node is made of the layer's last states: they are not reset where steps are masked."""
    return bool(spec.returns_state or (spec.mask and spec.initial_state and not spec.return_sequences))


def through_time(spec: Any, context: Context, layer: Any, inputs: tuple[Tensor, ...]) -> Tensor | Apart:
    """The value of a recurrent node, of its Keras layer called on the sequence, the state and the mask."""
    ops, width = keras.ops, spec.features
    x, start, mask = Recurrence.apart(spec, inputs)
    given: dict[str, Any] = {}
    if start is not None:
        given["initial_state"] = [start[..., i * width : (i + 1) * width] for i in range(spec.states)]
    if mask is not None:
        given["mask"] = mask
    result = layer(x, **given)
    if spec.returns_state and spec.return_sequences:
        after, *states = result
        return Apart(_unmasked(after, start, mask, spec), ops.concatenate(states, axis=-1), context.path)
    if keeps_state(spec):
        _, *states = result
        return ops.concatenate(states, axis=-1) if spec.returns_state and len(states) > 1 else states[0]
    return _unmasked(result, start, mask, spec)


def _unmasked(result: Tensor, start: Tensor | None, mask: Tensor | None, spec: Any) -> Tensor:
    """What a layer gives, without the mask, which Keras would hand on to the layers behind."""
    ops = keras.ops
    if mask is None:
        return result
    if start is None or spec.zero_output_for_mask:
        return ops.copy(result)
    # Until a step counts, the output is the initial state, for which Keras has 0.
    order = ops.flip(mask, axis=1) if spec.reverse else mask
    begun = ops.greater(ops.cumsum(ops.cast(order, "int32"), axis=1), 0)
    for _ in range(len(result.shape) - len(begun.shape)):
        begun = ops.expand_dims(begun, -1)
    return ops.where(begun, ops.copy(result), ops.expand_dims(start[..., : spec.features], 1))


@native.register
def simple_rnn(spec: SimpleRNN, context: Context, *inputs: Tensor) -> Tensor:
    if spec.residual:
        context.refuse(spec, "residual", "stock Keras has no cell that adds the state before the activation")
    layer = context.layer(keras.layers.SimpleRNN, spec.features, unroll=False, **options_of(spec, context))
    y = through_time(spec, context, layer, inputs)
    for name in ("kernel", "recurrent_kernel", "bias"):
        context.hold(name, layer, f"cell.{name}")
    return y


@native.register
def lstm(spec: LSTM, context: Context, *inputs: Tensor) -> Tensor:
    layer = context.layer(
        keras.layers.LSTM,
        spec.features,
        unit_forget_bias=False,  # the bias comes with the file
        unroll=False,
        use_cudnn="auto",
        **options_of(spec, context),
    )
    y = through_time(spec, context, layer, inputs)
    for name in ("kernel", "recurrent_kernel", "bias"):
        context.hold(name, layer, f"cell.{name}")
    return y


@native.register
def gru(spec: GRU, context: Context, *inputs: Tensor) -> Tensor:
    layer = context.layer(
        keras.layers.GRU,
        spec.features,
        reset_after=spec.reset_after,
        unroll=False,
        use_cudnn="auto",
        **options_of(spec, context),
    )
    y = through_time(spec, context, layer, inputs)
    for name in ("kernel", "recurrent_kernel"):
        context.hold(name, layer, f"cell.{name}", write=_written, read=exchanged)
    if not (spec.use_bias and spec.reset_after):
        context.hold("bias", layer, "cell.bias", write=_written, read=exchanged)
        return y
    context.hold("bias", layer, "cell.bias", write=_row(0), read=lambda weight: exchanged(weight[0]))
    if spec.recurrent_bias == "full":
        context.hold("recurrent_bias", layer, "cell.bias", write=_row(1), read=lambda weight: exchanged(weight[1]))
    else:
        context.note(
            f"recurrent_bias={spec.recurrent_bias!r}: Keras's GRU has a recurrent bias for each gate, which is 0 where "
            "there is none here, and which training would move"
        )
    if spec.recurrent_bias == "candidate":
        width = spec.features
        context.hold("recurrent_bias", layer, "cell.bias", write=_candidate, read=lambda weight: weight[1, 2 * width :])
    return y


@native.register
def mgu(spec: MGU, context: Context, *inputs: Tensor) -> Tensor:
    context.refuse(spec, "the cell", "stock Keras has no recurrent layer with one gate")


def exchanged(gates: Array) -> Array:
    """The first two of three gates in the last axis exchanged: r, z, n and z, r, n."""
    r, z, n = np.split(gates, 3, axis=-1)
    return np.concatenate([z, r, n], axis=-1)


def _written(weight: Array, variable: Array) -> Array:
    return exchanged(variable)


def _row(index: int) -> Any:
    def write(weight: Array, variable: Array) -> Array:
        changed = np.array(weight)
        changed[index] = exchanged(variable)
        return changed

    return write


def _candidate(weight: Array, variable: Array) -> Array:
    changed = np.array(weight)
    changed[1, -len(variable) :] = variable
    return changed
