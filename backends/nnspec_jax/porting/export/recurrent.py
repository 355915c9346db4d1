"""Recurrent layers: small classes, since Flax's cells have other biases and a state of a fixed dtype."""

from __future__ import annotations

from typing import Any

from nnspec.layers.activation import Sigmoid, Tanh
from nnspec.layers.convolutional_recurrent import ConvLSTM
from nnspec.layers.recurrent import GRU, LSTM, MGU, SimpleRNN
from nnspec_jax.porting.export.convolution import one
from nnspec_jax.porting.export.written import Argument, Made, Place, Raw, Written, callable_of, own, written


def _function(activation: Any, usual: type[Any], name: str, place: Place) -> tuple[Argument, tuple[str, ...]]:
    """An activation as an argument, and what it needs."""
    default = Raw(f"nnx.{'tanh' if usual is Tanh else 'sigmoid'}")
    if activation is None:
        return Argument(name, Raw("lambda x: x"), default), ()
    made = written(activation, place)
    value = default if activation == usual() else Raw(callable_of(made.call))
    return Argument(name, value, default), made.snippets


@written.register(SimpleRNN)
@written.register(LSTM)
@written.register(GRU)
@written.register(MGU)
@written.register(ConvLSTM)
def recurrent(layer: Any, place: Place) -> Written:
    kind = type(layer).__name__
    activation, needed = _function(layer.activation, Tanh, "activation", place)
    functions = [activation]
    if hasattr(layer, "recurrent_activation"):
        gate, more = _function(layer.recurrent_activation, Sigmoid, "recurrent_activation", place)
        functions.append(gate)
        needed += more
    arguments = (
        Argument("in_features", place.features, positional=True),
        Argument("features", layer.features, positional=True),
        *_own(layer),
        *functions,
        Argument("use_bias", layer.use_bias, True),
        Argument("return_sequences", layer.return_sequences, False),
        Argument("reverse", layer.reverse, False),
        *((Argument("return_state", layer.return_state, False),) if hasattr(layer, "return_state") else ()),
        Argument("zero_output_for_mask", layer.zero_output_for_mask, False),
        Argument("recurrent_dropout_rate", layer.recurrent_dropout_rate, 0.0),
    )
    given = "{0}" + ", {1}" * layer.initial_state
    if layer.mask:
        given += f", mask={{{1 + layer.initial_state}}}"
    params = layer.params(*place.shapes)
    return Written(f"{{self}}({given})", Made(kind, arguments), own(*params), (kind, *needed), heavy=True)


def _own(layer: Any) -> tuple[Argument, ...]:
    """What one kind alone is told."""
    if isinstance(layer, SimpleRNN):
        return (Argument("residual", layer.residual, False),)
    if isinstance(layer, GRU):
        recurrent_bias = layer.recurrent_bias if layer.recurrent_biases or layer.recurrent_bias == "none" else "full"
        return (
            Argument("reset_after", layer.reset_after, True),
            Argument("recurrent_bias", recurrent_bias, "full"),
        )
    if isinstance(layer, MGU):
        return (Argument("reset_gate", layer.reset_gate, True),)
    if isinstance(layer, ConvLSTM):
        padding = layer.padding.upper() if isinstance(layer.padding, str) else layer.padding
        return (
            Argument("kernel_size", layer.kernel_size),
            Argument("strides", one(layer.of_input.stride), 1),
            Argument("padding", padding, "SAME"),
        )
    return ()
