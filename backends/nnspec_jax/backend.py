"""The JAX backend: what the entry point names."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
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
from nnspec_jax.arrays import as_targets, to_host
from nnspec_jax.engine import JaxEngine
from nnspec_jax.losses import check_class_ids
from nnspec_jax.net import JaxNet
from nnspec_jax.random import words
from nnspec_jax.realize import at_least_float32, build, realizes
from nnspec_jax.slots import get_slots
from nnspec_jax.wrappers import all_finite


class JaxBackend:
    """Flax NNX and Optax, compiled by XLA. See :class:`nnspec.backends.Backend` for its methods."""

    name: ClassVar[str] = "jax"

    def __init__(self) -> None:
        # JAX would take three quarters of a GPU's memory when it first looks for one, and leave too little for a
        # TensorFlow beside it. Where there is no TensorFlow, or the user has decided, nothing is changed.
        if importlib.util.find_spec("tensorflow") is not None:
            os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

    def versions(self) -> dict[str, str]:
        return {package: version(package) for package in ("jax", "jaxlib", "flax", "optax")}

    def devices(self) -> list[str]:
        return list(_devices())

    def lacks(self, cls: type[Any]) -> bool:
        # Initial weights are drawn on the host, for every backend alike.
        return not issubclass(cls, Initializer) and not realizes(cls)

    def realize(self, spec: Any, *, dtype: FloatType = "float32") -> Any:
        demand(self, spec)
        kind = jnp.dtype(dtype)
        if isinstance(spec, Schedule):
            return build(spec, at_least_float32(kind))
        return build(spec, kind) if spec.kind == "optimizer" else build(spec)

    def build(
        self,
        model: Model,
        variables: Arrays | None = None,
        *,
        dtype: FloatType = "float32",
        seed: int = 0,
        device: str | None = None,
    ) -> Net:
        where = None if device is None else _device(device)
        demand(self, model)
        if variables is None:
            from nnspec.reference.model import initial_variables  # brings SciPy

            variables = initial_variables(model, seed, jnp.dtype(dtype))
        start = {"random/seed": key_of(seed), "random/step": np.zeros((), np.uint32)}
        return JaxNet(model, {**start, **variables}, dtype, where)

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
        if not isinstance(net, JaxNet):
            raise BackendError(f"the jax backend trains its own nets, got one of {net.backend}")
        demand(self, loss, optimizer, metrics, mixing, *penalties, *constraints)
        return JaxEngine(net, loss, optimizer, metrics, clip, penalties, constraints, mixing)

    def loss(
        self, spec: Loss, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> tuple[Array, Array]:
        check_class_ids(spec, np.asarray(targets), outputs.shape[-1] if outputs.ndim else None)
        with jax.enable_x64(dtype == "float64"):
            value, gradient = _compiled_loss(spec)(*_batch(outputs, targets, weights, dtype))
            return np.array(value), np.array(gradient)

    def metric(
        self, spec: Metric, outputs: Array, targets: Array, weights: Array | None = None, *, dtype: FloatType
    ) -> Sums:
        spec.shapes(outputs.shape)
        with jax.enable_x64(dtype == "float64"):
            found = _compiled_metric(spec)(*_batch(outputs, targets, weights, dtype))
            return tuple(x.item() if x.ndim == 0 else x for x in (np.array(x, np.float64) for x in found))

    def schedule(self, spec: Schedule, steps: NDArray[np.int64], *, dtype: FloatType) -> Array:
        with jax.enable_x64(dtype == "float64"):
            rate = build(spec, at_least_float32(jnp.dtype(dtype)))
            return np.array(jax.jit(rate)(np.asarray(steps).astype(np.int32)))

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
        kind = jnp.dtype(dtype)
        clipping, update = optax.identity() if clip is None else build(clip), build(spec, kind, decayed)

        def advance(carry: Any, given: Any) -> Any:
            values, state = carry
            extra = {"made": all_finite(given)} if spec.leaves_out else {}
            given, _ = clipping.update(given, clipping.init(given))
            changes, state = update.update(given, state, values, **extra)
            values = optax.apply_updates(values, changes)
            slots = get_slots(spec, state)
            by_name = {slot_name(name, slot): x for slot, held in slots.items() for name, x in held.items()}
            return (values, state), {**values, **by_name}

        with jax.enable_x64(dtype == "float64"):
            start = {name: jnp.asarray(np.asarray(x).astype(kind)) for name, x in parameters.items()}
            given = {name: jnp.asarray(np.asarray(gradients[name]).astype(kind)) for name in parameters}
            run = jax.jit(lambda start, given: jax.lax.scan(advance, (start, update.init(start)), given)[1])
            return to_host(run(start, given))

    def words(self, seed: int, stream: int, step: int, count: int, start: int = 0) -> NDArray[np.uint32]:
        first, offset = divmod(start, 4)
        halves = np.uint32(first & 0xFFFFFFFF), np.uint32(first >> 32)
        drawn = _compiled_words(key_of(seed), np.uint32(stream), np.uint32(step & 0xFFFFFFFF), count, offset, halves)
        return np.array(drawn)


_compiled_words = jax.jit(words, static_argnums=(3, 4))


@cache
def _compiled_loss(spec: Loss) -> Any:
    return jax.jit(jax.value_and_grad(build(spec)))


@cache
def _compiled_metric(spec: Metric) -> Any:
    return jax.jit(build(spec))


def _batch(outputs: Array, targets: Array, weights: Array | None, dtype: FloatType) -> tuple[Any, ...]:
    """Outputs in the dtype, targets and weights in the one that losses are computed in."""
    wide = at_least_float32(jnp.dtype(dtype))
    others = {"targets": targets} if weights is None else {"targets": targets, "weights": weights}
    given = [as_targets(name, np.asarray(x), wide) for name, x in others.items()]
    return (np.asarray(outputs).astype(jnp.dtype(dtype)), *given)


def _devices() -> dict[str, Any]:
    """Devices by name, the default platform's first: ``gpu:0``, ``cpu:0``."""
    found = [*jax.local_devices(), *jax.local_devices(backend="cpu")]
    counts: dict[str, int] = {}
    named: dict[str, Any] = {}
    for device in found:
        if device not in named.values():
            number = counts[device.platform] = counts.get(device.platform, -1) + 1
            named[f"{device.platform}:{number}"] = device
    return named


def _device(name: str) -> Any:
    """The device of that name; "gpu" is "gpu:0".

    Raises:
        BackendError: there is none.
    """
    devices = _devices()
    found = devices.get(name if ":" in name else f"{name}:0")
    if found is None:
        listed = ", ".join(devices)
        raise BackendError(f"the jax backend has no device {name!r}{did_you_mean(name, devices)} (devices: {listed})")
    return found
