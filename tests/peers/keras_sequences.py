"""Stand-ins for Keras's convolutions, pools and recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from nnspec.layers.base import Layer
from tests.peers.driver import Namespace
from tests.peers.keras_layers import KerasLayer
from tests.peers.outcome import NotExpressible, NoValues
from tests.peers.subjects import Subject, network

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
    """A recurrent layer of ours with variables of constants: gates that are all alike have no order."""

    def __init__(self, subject: Subject, spec: Layer, constants: dict[str, float], forget: float | None = None) -> None:
        self.subject, self.spec, self.constants, self.forget = subject, spec, constants, forget

    def __call__(self, sequence: Any, initial_state: Any = None, mask: Any = None) -> Array:
        if mask is not None:
            raise NotExpressible("masks of positions")
        if initial_state is not None:
            raise NotExpressible("initial states other than 0")
        params = self.spec.params(np.shape(sequence))
        values = {name: np.full(p.shape, self.constants[name], np.float32) for name, p in params.items()}
        if self.forget is not None and "bias" in values:
            np.split(values["bias"], 4)[1][:] = self.forget  # the second gate, in both orders
        model = network({"x": np.shape(sequence)[1:]}, [("y", self.spec, ["x"])])
        return self.subject.forward(model, {"x": sequence}, {f"y/{n}": v for n, v in values.items()})[0]

    def __getattr__(self, name: str) -> Any:
        raise NoValues(name)


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
        if stateful:
            raise NotExpressible("states that are kept between calls")
        if return_state:
            raise NotExpressible("states as outputs")
        spec = layer(units, reverse=go_backwards, **options)
        bias = bias_initializer.value
        constants = {"kernel": kernel_initializer.value, "recurrent_kernel": recurrent_initializer.value}
        forget = 1.0 if layer is nn.LSTM and unit_forget_bias else None
        return Recurrent(subject, spec, constants | {"bias": bias, "recurrent_bias": bias}, forget)

    return recurrent
