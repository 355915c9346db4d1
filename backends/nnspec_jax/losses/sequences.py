"""Losses of sequences."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from nnspec.errors import ShapeError
from nnspec.layers.base import show
from nnspec.losses import sequences as specs
from nnspec_jax.losses.base import PerPosition, realizing


@realizing(specs.CTC)
def _ctc(spec: specs.CTC) -> PerPosition:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        spec.positions(x.shape)
        _check(spec, x, targets)
        logs, counts = jax.nn.log_softmax(x, axis=-1), targets[:, 0] if spec.step_counts else None
        losses = -_alignments(logs, spec.class_ids(targets), counts, spec.blank)
        return jnp.where(jnp.isposinf(losses), 0.0, losses) if spec.zero_infinity else losses

    return per_position


def _check(spec: specs.CTC, x: jax.Array, targets: jax.Array) -> None:
    """Refuse targets that are no sequences of class ids, one for each example.

    Raises:
        ShapeError: what they are instead.
    """
    integral = jnp.issubdtype(targets.dtype, jnp.integer)
    if not integral or targets.ndim != 2 or targets.shape[1] < spec.step_counts:
        raise ShapeError(f"CTC takes rows of class ids (integers), got {targets.dtype} of shape {show(targets.shape)}")
    if targets.shape[0] != x.shape[0]:
        raise ShapeError(f"{targets.shape[0]} sequences of class ids for {x.shape[0]} examples")


def _alignments(logs: jax.Array, ids: jax.Array, counts: jax.Array | None, blank: int) -> jax.Array:
    """ln Σ of the probabilities of all alignments of each sequence: the forward recursion over the sequence with blanks
    between and around its ids, of which no place after its end can come back before it."""
    batch, length = ids.shape
    extended = jnp.full((batch, 2 * length + 1), blank, ids.dtype).at[:, 1::2].set(ids)
    skips = jnp.zeros(extended.shape, bool).at[:, 3::2].set(ids[:, 1:] != ids[:, :-1])
    emitted = jnp.moveaxis(jnp.take_along_axis(logs, extended[:, None, :], axis=2), 1, 0)
    never = jnp.full((batch, 2), -jnp.inf, logs.dtype)

    def step(alpha: jax.Array, given: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        emission, k = given
        padded = jnp.concatenate([never, alpha], axis=1)
        come = _log_sum(alpha, padded[:, 1:-1], jnp.where(skips, padded[:, :-2], -jnp.inf)) + emission
        return come if counts is None else jnp.where((k < counts)[:, None], come, alpha), None

    start = jnp.full(extended.shape, -jnp.inf, logs.dtype).at[:, 0].set(0.0)
    alpha, _ = jax.lax.scan(step, start, (emitted, jnp.arange(emitted.shape[0])))
    last = 2 * jnp.sum(jnp.cumprod(ids != blank, axis=1), axis=1, keepdims=True)
    whole = jnp.take_along_axis(alpha, last, axis=1)
    without_blank = jnp.where(last > 0, jnp.take_along_axis(alpha, jnp.maximum(last - 1, 0), axis=1), -jnp.inf)
    return _log_sum(whole, without_blank)[:, 0]


def _log_sum(*logs: jax.Array) -> jax.Array:
    """ln Σ e^x, elementwise; of nothing but −∞ it is −∞ with derivative 0."""
    largest = logs[0]
    for x in logs[1:]:
        largest = jnp.maximum(largest, x)
    largest = jax.lax.stop_gradient(jnp.where(largest == -jnp.inf, 0.0, largest))
    total = sum((jnp.exp(x - largest) for x in logs[1:]), jnp.exp(logs[0] - largest))
    nothing = total == 0
    return jnp.where(nothing, -jnp.inf, largest + jnp.log(jnp.where(nothing, 1.0, total)))
