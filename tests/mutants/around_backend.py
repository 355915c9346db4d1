"""Mistakes planted in a backend: around the one that is installed, without a word about its framework."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnspec.backends import Backend
from nnspec.layers.activation import GELU, LeakyReLU
from nnspec.layers.dropout import Dropout
from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec.losses import SoftmaxCrossEntropy as _CE  # noqa: N814
from nnspec.model import Model
from nnspec.optimizers import AdamW, RMSProp
from nnspec.schedules import CosineDecay
from nnspec.spec import Spec
from tests.mutants.mutant import ANY, Mutant


class Around:
    """Another object, except for what a subclass changes."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Realizing(Around):
    """A backend that realizes another spec in place of those of one class."""

    def __init__(self, inner: Any, cls: type[Any], change: Callable[[Any], Any]) -> None:
        super().__init__(inner)
        self._cls, self._change = cls, change

    def _changed(self, spec: Any) -> Any:
        if isinstance(spec, Model):
            nodes = tuple(dataclasses.replace(node, layer=self._changed(node.layer)) for node in spec.nodes)
            return Model(spec.inputs, nodes, spec.outputs)
        return self._change(spec) if isinstance(spec, Spec) and type(spec) is self._cls else spec

    def build(self, model: Model, variables: Any = None, **options: Any) -> Any:
        return self.inner.build(self._changed(model), variables, **options)

    def loss(self, spec: Any, *given: Any, **options: Any) -> Any:
        return self.inner.loss(self._changed(spec), *given, **options)

    def optimize(self, spec: Any, *given: Any, **options: Any) -> Any:
        return self.inner.optimize(self._changed(spec), *given, **options)

    def schedule(self, spec: Any, *given: Any, **options: Any) -> Any:
        return self.inner.schedule(self._changed(spec), *given, **options)


class IgnoresWeights(Around):
    def loss(self, spec: Any, outputs: Any, targets: Any, weights: Any = None, **options: Any) -> Any:
        return self.inner.loss(spec, outputs, targets, None, **options)


class LateSchedule(Around):
    def schedule(self, spec: Any, steps: Any, **options: Any) -> Any:
        return self.inner.schedule(spec, steps + 1, **options)


class NoClip(Around):
    def optimize(self, *given: Any, clip: Any = None, **options: Any) -> Any:
        return self.inner.optimize(*given, **options)

    def engine(self, net: Any, *, clip: Any = None, **options: Any) -> Any:
        return self.inner.engine(net, **options)


class StartIgnored(Around):
    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> Any:
        return self.inner.words(seed, stream, step, count)


class LowCounterWord(Around):
    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> Any:
        return self.inner.words(seed, stream, step, count, start % 2**34)


class WithNet(Around):
    """A backend whose nets are wrapped."""

    net: Callable[[Any], Any]

    def build(self, *given: Any, **options: Any) -> Any:
        return type(self).net(self.inner.build(*given, **options))


class SameMask(Around):
    def forward(self, inputs: Any, *, training: bool = False, compiled: bool = True) -> Any:
        outputs = self.inner.forward(inputs, training=training, compiled=compiled)
        if training:
            self.inner.assign({"random/step": self.inner.variables()["random/step"] - np.uint32(1)})
        return outputs


class Float32Within(Around):
    def forward(self, inputs: Any, **options: Any) -> Any:
        given = {n: x.astype(np.float32).astype(x.dtype) if x.dtype.kind == "f" else x for n, x in inputs.items()}
        return self.inner.forward(given, **options)


class LeakyState(Around):
    def gradients(self, inputs: Any, *given: Any, training: bool = False, compiled: bool = True) -> Any:
        found = self.inner.gradients(inputs, *given, training=training, compiled=compiled)
        if training:
            self.inner.forward(inputs, training=True)
        return found


class HalfAssigned(Around):
    def assign(self, variables: Any) -> None:
        for name, value in variables.items():
            self.inner.assign({name: value})


class HalfAtZero(Around):
    """ReLU's derivative at 0 as JAX's ``maximum(x, 0)`` has it: one half."""

    def gradients(self, inputs: Any, cotangents: Any, **options: Any) -> Any:
        found = self.inner.gradients(inputs, cotangents, **options)
        ((name, x),) = inputs.items()
        ((_, given),) = cotangents.items()
        return dataclasses.replace(found, inputs={name: np.where(x == 0, given / 2, found.inputs[name])})


class TieToTheFirst(Around):
    """The gradient of a maximum at ties goes to the first input, as TensorFlow's does."""

    def gradients(self, inputs: Any, cotangents: Any, **options: Any) -> Any:
        found = self.inner.gradients(inputs, cotangents, **options)
        (first, x1), (second, x2) = inputs.items()
        tie = x1 == x2
        one = np.where(tie, 2 * found.inputs[first], found.inputs[first])
        other = np.where(tie, 0, found.inputs[second])
        return dataclasses.replace(found, inputs={first: one, second: other})


class WithEngine(Around):
    """A backend whose engines are wrapped."""

    wrapper: Callable[[Any], Any]

    def engine(self, *given: Any, **options: Any) -> Any:
        return type(self).wrapper(self.inner.engine(*given, **options))


class NextBatch(Around):
    def train(self, order: Any, start: int, stop: int) -> None:
        self.inner.train(np.roll(order, -1, axis=0), start, stop)


class ForgetsTheStep(Around):
    def train(self, order: Any, start: int, stop: int) -> None:
        self.inner.train(order, start, stop)
        self.inner.assign({"optimizer/step": np.array(0, np.int64)})


class TrainsWhileEvaluating(Around):
    def evaluate(self, split: str, batch_size: int) -> Any:
        found = self.inner.evaluate(split, batch_size)
        self.inner.assign({"random/step": self.inner.variables()["random/step"] + np.uint32(1)})
        return found


def _engine(wrapper: Any) -> Callable[[Any], Any]:
    return type(f"With{wrapper.__name__}", (WithEngine,), {"wrapper": wrapper})


def _net(wrapper: Any) -> Callable[[Any], Any]:
    return type(f"With{wrapper.__name__}", (WithNet,), {"net": wrapper})


def _realizing(cls: type[Any], **fields: Any) -> Callable[[Any], Any]:
    def change(spec: Any) -> Any:
        return dataclasses.replace(spec, **{n: v(spec) if callable(v) else v for n, v in fields.items()})

    return lambda inner: Realizing(inner, cls, change)


def _around(name: str, guilty: str, wrong: Callable[[Any], Any], *checks: str, **options: Any) -> Mutant:
    """A mutant around any backend; what it changes is in the name."""

    @contextmanager
    def planted(backend: Backend) -> Iterator[Any]:
        yield wrong(backend)

    return Mutant(name, guilty, ANY, "nnspec.backends", "around the protocol", planted, checks, **options)


MUTANTS = [
    _around("GELU by tanh", "GELU", _realizing(GELU, approximate=lambda s: not s.approximate), "forward"),
    _around("slope .2", "LeakyReLU", _realizing(LeakyReLU, negative_slope=0.2), "forward", "kinks"),
    _around("epsilon of another framework", "LayerNorm", _realizing(LayerNorm, epsilon=1e-5), "forward"),
    _around("momentum inverted", "BatchNorm", _realizing(BatchNorm, momentum=lambda s: 1 - s.momentum), "state"),
    _around("keeps the rate", "Dropout", _realizing(Dropout, rate=lambda s: min(1 - s.rate, 0.99)), "masks", "forward"),
    _around("smoothing ignored", _CE.__name__, _realizing(_CE, label_smoothing=0.0), "loss"),
    _around("sum over count of weights", _CE.__name__, _realizing(_CE, reduction="weighted_mean"), "loss"),
    _around("decay of biases", "AdamW", _realizing(AdamW, decay="all"), "optimizer"),
    _around(
        "epsilon on the other side",
        "RMSProp",
        _realizing(RMSProp, epsilon_in_root=lambda s: not s.epsilon_in_root),
        "optimizer",
    ),
    _around(
        "decay one step long",
        "CosineDecay",
        _realizing(CosineDecay, decay_steps=lambda s: s.decay_steps + 1),
        "schedule",
    ),
    _around("weights ignored", "weights", IgnoresWeights, "loss"),
    _around("schedule one step late", "Decay", LateSchedule, "schedule"),
    _around("no clipping", "clip", NoClip, "optimizer"),
    _around("start ignored", "start", StartIgnored, "words"),
    _around("high counter word ignored", "block 2**32", LowCounterWord, "words"),
    _around("the same mask at every step", "Dropout", _net(SameMask), "state"),
    _around("float32 within float64", "Dense", _net(Float32Within), "forward"),
    _around("gradients update statistics", "BatchNorm", _net(LeakyState), "gradients"),
    _around("half an assignment", "BatchNorm", _net(HalfAssigned), "transfer"),
    _around("tie to the first", "Maximum", _net(TieToTheFirst), "kinks"),
    _around("half at zero", "ReLU", _net(HalfAtZero), "kinks"),
    _around("the next update's batch", "everything on", _engine(NextBatch), "training", dtype="float32"),
    _around("no clipping in training", "everything on", NoClip, "training", dtype="float32"),
    _around(
        "the step of the schedule is forgotten", "everything on", _engine(ForgetsTheStep), "training", dtype="float32"
    ),
    _around("evaluation changes the state", "everything on", _engine(TrainsWhileEvaluating), "evaluation"),
]
