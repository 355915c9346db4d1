"""What peers' cases are run on: the NumPy reference, or a backend through its protocol, in one dtype."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import nnspec as nn
from nnspec import random
from nnspec.backends import Array, Arrays, Backend, Engine, FloatType, Net
from nnspec.losses import Loss
from nnspec.metrics import Metric, Sums
from nnspec.optimizers import Clip, Optimizer
from nnspec.penalties import Constraint, Penalty
from nnspec.reference import losses, metrics, model as models, optimizers, penalties, schedules
from nnspec.schedules import Schedule
from tests.peers.outcome import NotExpressible

# Where calling operations one by one costs next to nothing. JAX compiles each operation by itself then, for every
# shape, which takes longer than compiling the whole.
CHEAP_UNCOMPILED = frozenset({"tensorflow"})


class Subject(Protocol):
    """What a case can ask for. Arrays have a batch axis where the spec says so."""

    name: str
    dtype: FloatType

    def at(self, dtype: FloatType) -> Subject:
        """The same in another dtype."""

    def forward(
        self, model: nn.Model, inputs: Arrays, variables: Arrays, *, training: bool = False
    ) -> tuple[Array, dict[str, Array]]:
        """The output of a model that has one, and its variables afterwards."""

    def loss(self, spec: Loss, outputs: Array, targets: Array, weights: Array | None = None) -> tuple[Array, Array]:
        """The reduced loss, and its gradient with respect to the outputs."""

    def metric(self, spec: Metric, outputs: Array, targets: Array, weights: Array | None = None) -> Sums:
        """A batch's sums."""

    def schedule(self, spec: Schedule, steps: NDArray[np.int64]) -> Array:
        """Learning rates at these steps."""

    def optimize(
        self,
        spec: Optimizer,
        parameters: Arrays,
        gradients: Arrays,
        *,
        clip: Clip | None = None,
        decayed: frozenset[str] | None = None,
    ) -> dict[str, Array]:
        """Parameters and slots after each update, as :meth:`nnspec.backends.Backend.optimize`."""

    def penalty(self, spec: Penalty, w: Array) -> Array:
        """What is added to the loss for a matrix."""

    def constrained(self, spec: Constraint, w: Array) -> Array:
        """A matrix after an update that leaves it as it is."""

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
        """Random words, as :func:`nnspec.random.words`."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """The executable meaning in NumPy. Gradients of losses are central differences: it has none of its own."""

    dtype: FloatType = "float32"
    name: str = "reference"

    def at(self, dtype: FloatType) -> Reference:
        return dataclasses.replace(self, dtype=dtype)

    def forward(
        self, model: nn.Model, inputs: Arrays, variables: Arrays, *, training: bool = False
    ) -> tuple[Array, dict[str, Array]]:
        with np.errstate(all="ignore"):
            result = models.run(model, variables, inputs, training=training, dtype=_kind(self.dtype))
        return result.outputs[model.outputs[0]], {**variables, **result.updates}

    def loss(self, spec: Loss, outputs: Array, targets: Array, weights: Array | None = None) -> tuple[Array, Array]:
        given = outputs.astype(_kind(self.dtype))
        value = spec.result(*losses.value(spec, given, targets, weights))
        return np.asarray(value), _differences(spec, outputs.astype(np.float64), targets, weights)

    def metric(self, spec: Metric, outputs: Array, targets: Array, weights: Array | None = None) -> Sums:
        return metrics.value(spec, outputs.astype(_kind(self.dtype)), targets, weights)

    def schedule(self, spec: Schedule, steps: NDArray[np.int64]) -> Array:
        return schedules.value(spec, steps)

    def optimize(
        self,
        spec: Optimizer,
        parameters: Arrays,
        gradients: Arrays,
        *,
        clip: Clip | None = None,
        decayed: frozenset[str] | None = None,
    ) -> dict[str, Array]:
        values: Mapping[str, Array] = {name: np.asarray(w, _kind(self.dtype)) for name, w in parameters.items()}
        slots = optimizers.init(spec, values)
        history = []
        for step in range(len(next(iter(gradients.values())))):
            given: Arrays = {name: np.asarray(g[step], _kind(self.dtype)) for name, g in gradients.items()}
            given = given if clip is None else optimizers.clip(clip, given)
            values, slots = optimizers.update(spec, values, given, slots, step, decayed=decayed)
            history.append({**values, **{f"optimizer/{n}/{s}": v for n, by in slots.items() for s, v in by.items()}})
        return {name: np.stack([state[name] for state in history]) for name in history[0]}

    def penalty(self, spec: Penalty, w: Array) -> Array:
        kernel = {"y/kernel": w.astype(_kind(self.dtype))}
        return np.asarray(penalties.value([spec], _holding(w), kernel, {}))

    def constrained(self, spec: Constraint, w: Array) -> Array:
        kernel = {"y/kernel": w.astype(_kind(self.dtype))}
        return penalties.constrained([spec], _holding(w), kernel)["y/kernel"]

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
        return random.words(seed, stream, step, count, start)


@dataclasses.dataclass(frozen=True)
class Realized:
    """A backend, met through the protocol."""

    backend: Backend
    dtype: FloatType = "float32"
    compiled: bool = True

    @property
    def name(self) -> str:
        return self.backend.name

    def at(self, dtype: FloatType) -> Realized:
        return dataclasses.replace(self, dtype=dtype)

    def forward(
        self, model: nn.Model, inputs: Arrays, variables: Arrays, *, training: bool = False
    ) -> tuple[Array, dict[str, Array]]:
        net = _net(self.backend, model, self.dtype)
        net.assign({name: np.asarray(value).astype(_kind(self.dtype)) for name, value in variables.items()})
        kind = {
            name: _kind(self.dtype) if i.dtype == "float" else np.dtype(i.dtype) for name, i in model.inputs.items()
        }
        given = {name: np.asarray(x).astype(kind[name]) for name, x in inputs.items()}
        outputs = net.forward(given, training=training, compiled=self.compiled)
        return outputs[model.outputs[0]], {name: net.variables()[name] for name in variables}

    def loss(self, spec: Loss, outputs: Array, targets: Array, weights: Array | None = None) -> tuple[Array, Array]:
        return self.backend.loss(spec, outputs, targets, weights, dtype=self.dtype)

    def metric(self, spec: Metric, outputs: Array, targets: Array, weights: Array | None = None) -> Sums:
        return self.backend.metric(spec, outputs, targets, weights, dtype=self.dtype)

    def schedule(self, spec: Schedule, steps: NDArray[np.int64]) -> Array:
        return _rates(self.backend, spec, tuple(steps.tolist()), self.dtype)

    def optimize(
        self,
        spec: Optimizer,
        parameters: Arrays,
        gradients: Arrays,
        *,
        clip: Clip | None = None,
        decayed: frozenset[str] | None = None,
    ) -> dict[str, Array]:
        return self.backend.optimize(spec, parameters, gradients, clip=clip, decayed=decayed, dtype=self.dtype)

    def penalty(self, spec: Penalty, w: Array) -> Array:
        total, count = self._engine(w, penalties=[spec]).evaluate("train", 1)["penalty"]
        return np.asarray(total / count)

    def constrained(self, spec: Constraint, w: Array) -> Array:
        engine = self._engine(w, constraints=[spec])
        engine.train(np.zeros((1, 1), np.int32), 0, 1)
        return engine.variables()["y/kernel"]

    def _engine(self, w: Array, **held: Any) -> Engine:
        """Training of a layer whose kernel is this matrix, at the rate 0."""
        net = self.backend.build(_holding(w), {"y/kernel": w.astype(_kind(self.dtype))}, dtype=self.dtype)
        engine = self.backend.engine(net, loss=nn.MeanSquaredError(), optimizer=nn.SGD(0.0), **held)
        engine.load("train", {"x": np.ones((1, w.shape[0])), "targets": np.ones((1, w.shape[1]))})
        return engine

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
        return self.backend.words(seed, stream, step, count, start)


def realized(backend: Backend, dtype: FloatType = "float32", *, compiled: bool | None = None) -> Realized:
    """A backend as a subject, by default in the cheaper of the two ways to run a model once."""
    return Realized(backend, dtype, backend.name not in CHEAP_UNCOMPILED if compiled is None else compiled)


def network(shapes: Mapping[str, Sequence[int]], nodes: Sequence[tuple[str, nn.Layer, Sequence[str]]]) -> nn.Model:
    """A model of inputs of these shapes (without the batch axis) and named nodes, the last of which is the output."""
    inputs = {name: nn.Input(tuple(shape)) for name, shape in shapes.items()}
    return nn.Model(inputs, [nn.Node(name, layer, tuple(given)) for name, layer, given in nodes], nodes[-1][0])


def pointwise(subject: Subject, layer: nn.Layer, x: Array) -> Array:
    """An elementwise layer on an array of any shape, as a batch of numbers, padded so that one model serves many."""
    size = max(64, 1 << (x.size - 1).bit_length())
    column = np.ones((size, 1), x.dtype)
    column[: x.size, 0] = x.reshape(-1)
    y = subject.forward(network({"x": (1,)}, [("y", layer, ["x"])]), {"x": column}, {})[0]
    return y[: x.size, 0].reshape(x.shape)


def applied(
    subject: Subject, layer: nn.Layer, x: Array, variables: Mapping[str, Array] | None = None, *, training: bool = False
) -> Array:
    """A layer applied to an array that has no batch axis."""
    given = {f"y/{name}": value for name, value in (variables or {}).items()}
    model = network({"x": x.shape}, [("y", layer, ["x"])])
    return subject.forward(model, {"x": x[None]}, given, training=training)[0][0]


def unreduced(subject: Subject, spec: Loss, outputs: Array, targets: Array, positions: Sequence[int]) -> Array:
    """The loss of each position. The vocabulary reduces losses: a weight of 1 at a single position leaves that one."""
    one = dataclasses.replace(spec, reduction="sum")
    count = int(np.prod(positions, dtype=int))
    picks = np.eye(count, dtype=np.float32).reshape(count, *positions)
    return np.array([subject.loss(one, outputs, targets, pick)[0] for pick in picks]).reshape(positions)


def _holding(w: Array) -> nn.Model:
    """A model whose only variable is as large as this matrix."""
    if w.ndim != 2:
        raise NotExpressible(f"penalties of a tensor of {w.ndim} axes by itself")
    return network({"x": w.shape[:1]}, [("y", nn.Dense(w.shape[1], use_bias=False), ["x"])])


@cache
def _net(backend: Backend, model: nn.Model, dtype: FloatType) -> Net:
    return backend.build(model, dtype=dtype)


@cache
def _rates(backend: Backend, spec: Schedule, steps: tuple[int, ...], dtype: FloatType) -> Array:
    return backend.schedule(spec, np.array(steps, np.int64), dtype=dtype)


def _kind(dtype: FloatType) -> np.dtype[Any]:
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def _differences(spec: Loss, outputs: Array, targets: Array, weights: Array | None) -> Array:
    from nnspec.reference.derivative import gradient

    if outputs.size > 64:
        return np.full(outputs.shape, np.nan)
    return gradient(lambda x: spec.result(*losses.value(spec, x, targets, weights)), outputs, 1e-3)
