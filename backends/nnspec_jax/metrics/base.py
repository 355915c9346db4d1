"""What all metrics share: how their sums are made, and how they run over many batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.metrics import Metric as Spec, Sums
from nnspec_jax.losses import elementwise, is_class_ids
from nnspec_jax.losses.base import spread_over
from nnspec_jax.realize import build, widened

Metric = Callable[..., Sums]
# Running sums: for each accumulator (2, *shape), what it holds and what rounding has lost of it.
Running = tuple[jax.Array, ...]


def summing(*classes: Any) -> Callable[[Callable[..., Sums]], Any]:
    """Register the function (spec, outputs, targets, weights) to the sums of classes of metrics."""

    def register(sums: Callable[..., Sums]) -> Any:
        def make(spec: Any, *args: Any) -> Metric:
            def metric(outputs: jax.Array, targets: jax.Array, weights: jax.Array | None = None) -> Sums:
                return sums(spec, widened(outputs), targets, weights)

            return metric

        for cls in classes:
            build.register(cls, make)
        return sums

    return register


def labels(x: jax.Array, targets: jax.Array) -> jax.Array:
    """The target's class at every position: the id, or the first of the largest in a distribution."""
    return targets if is_class_ids(x, targets) else jnp.argmax(elementwise(x, targets), axis=-1)


def probabilities(spec: Any, x: jax.Array) -> jax.Array:
    """What a threshold is compared with."""
    return x if spec.from_probabilities else jax.nn.sigmoid(x)


def weights_of(weights: jax.Array | None, positions: tuple[int, ...], dtype: Any) -> jax.Array:
    """A weight for each position, 1 without weights."""
    spreading = jnp.ones((), dtype) if weights is None else spread_over(weights.astype(dtype), positions)
    return jnp.broadcast_to(spreading, positions)


def started(shapes: Sequence[tuple[int, ...]], dtype: Any) -> Running:
    """Running sums of nothing."""
    return tuple(jnp.zeros((2, *shape), dtype) for shape in shapes)


def added(spec: Spec | None, running: Running, batch: Sums) -> Running:
    """Running sums with those of a batch; without a metric they are plain sums.

    What rounding loses is kept (Knuth's two-sum), so that float32 lasts for long epochs.
    """
    steps = batch if spec is None else spec.increments(tuple(held[0] for held in running), batch)
    return tuple(_two_sum(held, step) for held, step in zip(running, steps, strict=True))


def _two_sum(held: jax.Array, step: jax.Array | float) -> jax.Array:
    x = jnp.asarray(step, held.dtype)
    old, lost = held
    new = old + x
    part = new - old
    error = (old - (new - part)) + (x - part)
    return jnp.stack([new, jnp.where(jnp.isfinite(new), lost + error, 0.0)])


def totals(running: dict[str, Running], names: Sequence[str]) -> dict[str, Sums]:
    """Running sums on the host: numbers, and arrays of float64."""
    host = {name: [np.asarray(x, np.float64).sum(0) for x in held] for name, held in jax.device_get(running).items()}
    return {name: tuple(x.item() if x.ndim == 0 else x for x in host[name]) for name in names}
