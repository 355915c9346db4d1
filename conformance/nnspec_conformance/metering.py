"""Counts what a backend is asked to compile, without a word about its framework."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import count
from typing import Any

import numpy as np

from nnspec.backends import Backend, Engine, Net

# Nets and engines are told apart by numbers: an id may come again once its object is gone.
_NUMBERS = count()


class _Around:
    """Another object, except for what a subclass changes."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Metered(_Around):
    """A backend that counts the functions it has to compile, and builds its nets on a device.

    A compiled function is a net's method with a mode and the shapes and dtypes of its arguments, an engine's method
    with a batch's shape, or a function of the backend with a spec and the shapes of its arguments.

    Attributes:
        compilations: how many different ones were asked for.
    """

    def __init__(self, backend: Backend, device: str | None = None) -> None:
        super().__init__(backend)
        self.device = device
        self._seen: set[Hashable] = set()

    @property
    def compilations(self) -> int:
        return len(self._seen)

    def build(self, model: Any, variables: Any = None, **options: Any) -> Net:
        """The net of the backend, on the device."""
        net = self.inner.build(model, variables, **{"device": self.device, **options})
        return _Net(net, self)

    def engine(self, net: Any, **options: Any) -> Engine:
        """The engine of the backend."""
        return _Engine(self.inner.engine(net.inner, **options), self)

    def saw(self, *key: Hashable) -> None:
        """Remember a function that is compiled where it was not before."""
        self._seen.add(key)

    def loss(self, spec: Any, *given: Any, **options: Any) -> Any:
        """The backend's loss."""
        self.saw("loss", repr(spec), _shapes(given), str(options))
        return self.inner.loss(spec, *given, **options)

    def metric(self, spec: Any, *given: Any, **options: Any) -> Any:
        """The backend's metric."""
        self.saw("metric", repr(spec), _shapes(given), str(options))
        return self.inner.metric(spec, *given, **options)

    def schedule(self, spec: Any, steps: Any, **options: Any) -> Any:
        """The backend's schedule."""
        self.saw("schedule", repr(spec), _shapes(steps), str(options))
        return self.inner.schedule(spec, steps, **options)

    def optimize(self, spec: Any, parameters: Any, gradients: Any, **options: Any) -> Any:
        """The backend's trajectory of updates."""
        self.saw("optimize", repr(spec), _shapes(gradients), str(options))
        return self.inner.optimize(spec, parameters, gradients, **options)

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> Any:
        """The backend's random words."""
        self.saw("words", count)
        return self.inner.words(seed, stream, step, count, start)


class _Net(_Around):
    def __init__(self, inner: Net, meter: Metered) -> None:
        super().__init__(inner)
        self._meter, self._number = meter, next(_NUMBERS)

    def forward(self, inputs: Any, *, training: bool = False, compiled: bool = True) -> Any:
        if compiled:
            self._meter.saw(self._number, "forward", training, _shapes(inputs))
        return self.inner.forward(inputs, training=training, compiled=compiled)

    def gradients(self, inputs: Any, cotangents: Any, *, training: bool = False, compiled: bool = True) -> Any:
        if compiled:
            self._meter.saw(self._number, "gradients", training, _shapes(inputs))
        return self.inner.gradients(inputs, cotangents, training=training, compiled=compiled)

    def nodes(self, inputs: Any, *, training: bool = False) -> Any:
        self._meter.saw(self._number, "nodes", training, _shapes(inputs))
        return self.inner.nodes(inputs, training=training)

    def masks(self, inputs: Any) -> Any:
        self._meter.saw(self._number, "masks", _shapes(inputs))
        return self.inner.masks(inputs)


class _Engine(_Around):
    def __init__(self, inner: Engine, meter: Metered) -> None:
        super().__init__(inner)
        self._meter, self._number = meter, next(_NUMBERS)

    def train(self, order: Any, start: int, stop: int) -> None:
        self._meter.saw(self._number, "train", _shapes(order))
        self.inner.train(order, start, stop)

    def evaluate(self, split: str, batch_size: int) -> Any:
        self._meter.saw(self._number, "evaluate", split, batch_size)
        return self.inner.evaluate(split, batch_size)

    def loss_gradients(self, split: str, rows: Any) -> Any:
        self._meter.saw(self._number, "loss_gradients", split, _shapes(rows))
        return self.inner.loss_gradients(split, rows)


def _shapes(value: Any) -> Hashable:
    """Shapes and dtypes, which decide whether something is compiled again."""
    if isinstance(value, Mapping):
        return tuple((name, _shapes(part)) for name, part in sorted(value.items()))
    if isinstance(value, tuple | list):
        return tuple(_shapes(part) for part in value)
    if value is None:
        return None
    return (np.shape(value), str(getattr(value, "dtype", type(value).__name__)))
