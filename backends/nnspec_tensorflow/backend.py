"""The TensorFlow backend: what the entry point names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Array, Arrays, Engine, FloatType, Net
from nnspec.errors import BackendError, did_you_mean
from nnspec.initializers import Initializer
from nnspec.lacking import demand
from nnspec.losses import Loss, Losses
from nnspec.metrics import Metric, Metrics, Sums
from nnspec.mixing import Mixing
from nnspec.model import Model
from nnspec.optimizers import Clip, OptimizerBase, demand_kernels, demand_value, slot_name
from nnspec.penalties import Constraint, Penalty
from nnspec.random import key_of
from nnspec.schedules import Schedule
from nnspec_tensorflow import losses, metrics, mixing as mixings, optimizers, schedules
from nnspec_tensorflow.activation import apply
from nnspec_tensorflow.arrays import as_targets, cast, check_class_ids, to_host
from nnspec_tensorflow.compilation import Compiled
from nnspec_tensorflow.engine import TensorFlowEngine
from nnspec_tensorflow.net import TensorFlowNet
from nnspec_tensorflow.objective import Objective
from nnspec_tensorflow.penalties import constrained, penalty
from nnspec_tensorflow.random import words
from nnspec_tensorflow.realize import build
from nnspec_tensorflow.startup import keras, tf


class TensorFlowBackend:
    """Keras 3 on TensorFlow, compiled by XLA. See :class:`nnspec.backends.Backend` for its methods."""

    name: ClassVar[str] = "tensorflow"

    def versions(self) -> dict[str, str]:
        return {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": version("numpy")}

    def devices(self) -> list[str]:
        # The default device first.
        return [_name(device) for kind in ("GPU", "CPU") for device in tf.config.list_logical_devices(kind)]

    def lacks(self, cls: type[Any]) -> bool:
        # Initial weights are drawn on the host, for every backend alike; nested models are built node by node, and
        # losses of several outputs one by one.
        if issubclass(cls, Initializer | Model | Clip | Losses | Penalty | Constraint):
            return False
        functions = (apply, build, losses.loss, metrics.metric, metrics.sums, schedules.rate, optimizers.advance)
        return all(cls not in function.registry for function in (*functions, mixings.mix))

    def realize(self, spec: Any, *, dtype: FloatType = "float32") -> Any:
        demand(self, spec)
        if isinstance(spec, Loss):
            return losses.SpecLoss(spec, dtype)
        if isinstance(spec, Losses):
            return Objective(spec, {}, tuple(spec.losses), dtype)
        if isinstance(spec, Metric):
            return metrics.SpecMetric(spec, dtype)
        if isinstance(spec, Schedule):
            return schedules.SpecSchedule(spec, dtype)
        if spec.kind == "optimizer":
            return optimizers.SpecOptimizer(spec)
        if isinstance(spec, Clip):
            return partial(optimizers.clipped, spec)
        if isinstance(spec, Penalty):
            return partial(penalty, spec)
        if isinstance(spec, Constraint):
            return partial(constrained, spec)
        raise BackendError(f"{type(spec).__name__} is realized within a model: build one")

    def build(
        self,
        model: Model,
        variables: Arrays | None = None,
        *,
        dtype: FloatType = "float32",
        seed: int = 0,
        device: str | None = None,
    ) -> Net:
        where = None if device is None else self._device(device)
        demand(self, model)
        if variables is None:
            from nnspec.reference.model import initial_variables  # brings SciPy

            variables = initial_variables(model, seed, dtype)
        start = {"random/seed": key_of(seed), "random/step": np.zeros((), np.uint32)}
        return TensorFlowNet(model, {**start, **variables}, dtype, where)

    def _device(self, name: str) -> str:
        devices = self.devices()
        found = name if ":" in name else f"{name}:0"
        if found not in devices:
            hint = did_you_mean(name, devices)
            listed = ", ".join(devices)
            raise BackendError(f"the tensorflow backend has no device {name!r}{hint} (devices: {listed})")
        return f"/{found.upper()}"

    def engine(
        self,
        net: Net,
        *,
        loss: Loss | Losses,
        optimizer: OptimizerBase,
        metrics: Metrics = (),
        clip: Clip | None = None,
        penalties: Sequence[Penalty] = (),
        constraints: Sequence[Constraint] = (),
        mixing: Mixing | None = None,
    ) -> Engine:
        if not isinstance(net, TensorFlowNet):
            raise BackendError(f"the tensorflow backend trains its own nets, got one of {net.backend}")
        demand(self, loss, optimizer, metrics, mixing, *penalties, *constraints)
        return TensorFlowEngine(net, loss, optimizer, metrics, clip, penalties, constraints, mixing)

    def loss(
        self, spec: Loss, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> tuple[Array, Array]:
        check_class_ids(spec, np.asarray(targets), outputs.shape[-1] if outputs.ndim else None)
        value, gradient = _compiled_loss(spec, dtype)(_batch(outputs, targets, weights, dtype))
        return np.array(value.numpy()), gradient.numpy()

    def metric(
        self, spec: Metric, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> Sums:
        spec.shapes(outputs.shape)
        check_class_ids(spec, np.asarray(targets), outputs.shape[-1] if outputs.ndim else None)
        found = _compiled_metric(spec, dtype)(_batch(outputs, targets, weights, dtype))
        return tuple(x.item() if x.ndim == 0 else x for x in (x.numpy().astype(np.float64) for x in found))

    def schedule(self, spec: Schedule, steps: NDArray[np.int64], *, dtype: FloatType) -> Array:
        rates: Array = Compiled(schedules.SpecSchedule(spec, dtype))(tf.constant(np.asarray(steps, np.int64))).numpy()
        return rates

    def optimize(
        self,
        spec: OptimizerBase,
        parameters: Arrays,
        gradients: Arrays,
        *,
        clip: Clip | None = None,
        decayed: frozenset[str] | None = None,
        dtype: FloatType,
    ) -> dict[str, Array]:
        demand_kernels(spec, parameters, decayed)
        demand_value(spec, None)
        variables = {
            name: keras.Variable(cast(np.asarray(x), dtype), dtype=dtype, name=f"parameter_{i}")
            for i, (name, x) in enumerate(parameters.items())
        }
        kernels = [name in (decayed or ()) for name in variables]
        optimizer = optimizers.SpecOptimizer(spec, clip, kernels, names=list(variables))
        optimizer.build(list(variables.values()))
        state = dict(variables)
        for slot, held in optimizer.slots.items():
            found = {name: x for name, x in zip(variables, held, strict=True) if x is not None}
            state |= {slot_name(name, slot): variable for name, variable in found.items()}
        state |= {slot_name("", slot): variable for slot, variable in optimizer.shared.items()}

        def update(given: dict[str, Any]) -> dict[str, Any]:
            optimizer.apply([given[name] for name in variables], list(variables.values()))
            return {name: tf.identity(variable.value) for name, variable in state.items()}

        run = Compiled(update)
        given = {name: cast(np.asarray(gradients[name]), dtype) for name in variables}
        updates = len(next(iter(given.values())))
        steps = [to_host(run({name: tf.constant(g[k]) for name, g in given.items()})) for k in range(updates)]
        return {name: np.stack([step[name] for step in steps]) for name in state}

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
        first, offset = divmod(start, 4)
        scalar = tf.constant(step & 0xFFFFFFFF, tf.uint32), tf.constant(first, tf.uint64)
        drawn: NDArray[np.uint32] = _compiled_words(stream, offset + count)(tf.constant(key_of(seed)), *scalar).numpy()
        return drawn[offset:]


@cache
def _compiled_loss(spec: Loss, dtype: FloatType) -> Compiled:
    loss = losses.SpecLoss(spec, dtype)

    def value_and_gradient(batch: dict[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(batch["outputs"])
            value = loss(batch["targets"], batch["outputs"], batch.get("weights"))
        return value, tape.gradient(value, batch["outputs"])

    return Compiled(value_and_gradient)


@cache
def _compiled_metric(spec: Metric, dtype: FloatType) -> Compiled:
    metric = metrics.SpecMetric(spec, dtype)
    return Compiled(lambda batch: metric.sums(batch["targets"], batch["outputs"], batch.get("weights")))


@cache
def _compiled_words(stream: int, count: int) -> Compiled:
    return Compiled(lambda key, step, first: words(key, stream, step, count, first))


def _batch(outputs: Array, targets: Array, weights: Array | None, dtype: FloatType) -> dict[str, Any]:
    """Outputs in the dtype, targets and weights in the one that losses are computed in."""
    others = {"targets": targets} if weights is None else {"targets": targets, "weights": weights}
    given = {name: as_targets(name, np.asarray(x), dtype) for name, x in others.items()}
    return {name: tf.constant(x) for name, x in {"outputs": cast(np.asarray(outputs), dtype), **given}.items()}


def _name(device: Any) -> str:
    """``/device:GPU:0`` as ``gpu:0``."""
    return device.name.removeprefix("/device:").lower()
