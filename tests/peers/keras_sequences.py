"""Stand-ins for Keras's convolutions, pools and recurrent layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from nnspec.layers.base import Layer
from tests.peers.driver import Namespace
from tests.peers.keras_layers import KerasLayer
from tests.peers.outcome import NoValues
from tests.peers.subjects import Subject

FORMATS = {None: -1, "channels_last": -1, "channels_first": 1}


class GlobalPool:
    """Pooling over all positions, whose axes Keras keeps on demand."""

    def __init__(self, subject: Subject, spec: Layer, data_format: str | None, keepdims: bool) -> None:
        self.axis, self.keepdims = FORMATS[data_format], keepdims
        self._layer = KerasLayer(subject, spec, axis=self.axis)

    def __call__(self, x: Any, mask: Any = None) -> Array:
        y = self._layer(x, mask=mask)
        ones = (1,) * (np.ndim(x) - 2)
        kept = (len(y), *ones, y.shape[-1]) if self.axis == -1 else (*y.shape, *ones)
        return y.reshape(kept) if self.keepdims else y


class Recurrent:
    """A recurrent layer of ours with variables of constants: gates that are all alike have no order.

    Keras's layers return states and keep them between calls on demand; ours are given them, and give them.
    """

    def __init__(
        self,
        subject: Subject,
        spec: Any,
        constants: dict[str, float],
        *,
        forget: float | None = None,
        return_state: bool = False,
        stateful: bool = False,
        zero_output_for_mask: bool = False,
    ) -> None:
        self.subject, self.spec, self.constants, self.forget = subject, spec, constants, forget
        self.return_state, self.stateful, self.zeros = return_state, stateful, zero_output_for_mask
        self.state: Array | None = None

    def reset_state(self) -> None:
        self.state = None

    def __call__(self, sequence: Any, initial_state: Any = None, mask: Any = None) -> Any:
        start = self.state if initial_state is None else _side_by_side(initial_state)
        whole = self.return_state or self.stateful
        options = {"return_state": True} if whole and isinstance(self.spec, nn.LSTM) else {}
        if mask is not None:
            options |= {"mask": True, "zero_output_for_mask": self.zeros}
        spec = dataclasses.replace(self.spec, initial_state=start is not None, **options)
        inputs = {"x": np.asarray(sequence)}
        inputs |= {} if start is None else {"start": start}
        inputs |= {} if mask is None else {"mask": np.asarray(mask)}
        y = self.subject.forward(_of_one(spec, inputs), inputs, self._variables(inputs["x"].shape))[0]
        if not whole:
            return y
        self.state = state = y[:, -1] if spec.return_sequences else y
        outputs = y[..., : spec.features]
        return (outputs, *np.split(state, spec.states, axis=-1)) if self.return_state else outputs

    def _variables(self, shape: tuple[int, ...]) -> dict[str, Array]:
        params = self.spec.params(shape)
        values = {name: np.full(p.shape, self.constants[name], np.float32) for name, p in params.items()}
        if self.forget is not None and "bias" in values:
            np.split(values["bias"], 4)[1][:] = self.forget  # the second gate, in both orders
        return {f"y/{name}": value for name, value in values.items()}

    def __getattr__(self, name: str) -> Any:
        raise NoValues(name)


def _of_one(spec: Layer, inputs: dict[str, Array]) -> nn.Model:
    """A model of one node, on inputs of floats and masks."""
    given = {name: nn.Input(x.shape[1:], "bool" if x.dtype == bool else "float") for name, x in inputs.items()}
    return nn.Model(given, (nn.Node("y", spec, tuple(given)),), ("y",))


def _side_by_side(states: Any) -> Array:
    parts = states if isinstance(states, list | tuple) else [states]
    return np.concatenate([np.asarray(part) for part in parts], axis=-1)


def layers(subject: Subject) -> dict[str, Any]:
    """The global ``layers`` of Keras's tests of these layers."""
    found: dict[str, Any] = {
        "GlobalAveragePooling": _global(subject, nn.GlobalAvgPool()),
        "GlobalMaxPooling": _global(subject, nn.GlobalMaxPool()),
    }
    found = {f"{name}{rank}D": made for name, made in found.items() for rank in (1, 2, 3)}
    for rank in (1, 2, 3):
        found[f"Conv{rank}D"] = _conv(subject, rank)
        found[f"MaxPooling{rank}D"] = _pool(subject, nn.MaxPool, rank)
        found[f"AveragePooling{rank}D"] = _pool(subject, nn.AvgPool, rank)
    found |= {layer.__name__: _recurrent(subject, layer) for layer in (nn.SimpleRNN, nn.LSTM, nn.GRU)}
    return {"layers": Namespace(**found)}


def _sizes(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _conv(subject: Subject, rank: int) -> Any:
    def conv(
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        **options: Any,
    ) -> KerasLayer:
        spec = nn.Conv(
            filters,
            _sizes(kernel_size, rank),
            strides=_sizes(strides, rank),
            padding=padding,
            dilation=_sizes(dilation_rate, rank),
            groups=groups,
        )
        return KerasLayer(subject, spec, axis=FORMATS[data_format])

    return conv


def _pool(subject: Subject, layer: type[nn.MaxPool] | type[nn.AvgPool], rank: int) -> Any:
    def pool(pool_size: Any, strides: Any = None, padding: Any = "valid", data_format: str | None = None) -> KerasLayer:
        spec = layer(_sizes(pool_size, rank), None if strides is None else _sizes(strides, rank), padding)
        return KerasLayer(subject, spec, axis=FORMATS[data_format])

    return pool


def _global(subject: Subject, spec: Layer) -> Any:
    def pool(data_format: str | None = None, keepdims: bool = False) -> GlobalPool:
        return GlobalPool(subject, spec, data_format, keepdims)

    return pool


def _recurrent(subject: Subject, layer: Any) -> Any:
    def recurrent(
        units: int,
        *,
        kernel_initializer: Any = None,
        recurrent_initializer: Any = None,
        bias_initializer: Any = None,
        go_backwards: bool = False,
        stateful: bool = False,
        return_state: bool = False,
        unit_forget_bias: bool = True,
        unroll: bool = False,
        implementation: int = 2,
        zero_output_for_mask: bool = False,
        **options: bool,
    ) -> Recurrent:
        """Unrolling and implementations are how Keras computes, and say nothing about values."""
        spec = layer(units, reverse=go_backwards, **options)
        bias = bias_initializer.value
        constants = {"kernel": kernel_initializer.value, "recurrent_kernel": recurrent_initializer.value}
        forget = 1.0 if layer is nn.LSTM and unit_forget_bias else None
        return Recurrent(
            subject,
            spec,
            constants | {"bias": bias, "recurrent_bias": bias},
            forget=forget,
            return_state=return_state,
            stateful=stateful,
            zero_output_for_mask=zero_output_for_mask,
        )

    return recurrent
