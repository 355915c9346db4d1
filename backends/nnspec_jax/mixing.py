"""Mixing of examples within a compiled step; see :mod:`nnspec.mixing`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec import mixing as specs
from nnspec.losses import Loss
from nnspec.random import stream_of
from nnspec_jax.random import words
from nnspec_jax.realize import build
from nnspec_jax.tokens import masked

Arrays = dict[str, jax.Array]
# Inputs, (examples, words) and a dtype -> the inputs, and in that dtype the share of each example that it keeps, or
# which positions the loss is to count.
Mix = Callable[[Arrays, jax.Array, Any], tuple[Arrays, jax.Array]]


def mixed(spec: specs.Mixing, loss: Loss, batch: Arrays, classes: int, variables: Arrays, wide: Any) -> Arrays:
    """A batch of training with each example mixed with the one before it, as :func:`nnspec.reference.mixing.mixed`.

    ``variables``: those that hold the seed and the step. ``wide``: the dtype of targets.
    """
    inputs = {name: x for name, x in batch.items() if name not in ("targets", "weights")}
    own = spec.chosen(inputs)
    shapes = [x.shape for x in own.values()]
    rows = shapes[0][0]
    stream, step = stream_of("data", "mixing"), variables["random/step"]
    drawn = words(variables["random/seed"], stream, step, rows * spec.words(*shapes))
    mix: Mix = build(spec)
    made, share = mix(own, drawn.reshape(rows, -1), wide)
    targets = batch["targets"]
    if isinstance(spec, specs.MaskedLM):
        return {**batch, **made, "targets": jnp.where(share, targets, jnp.asarray(spec.label(loss), targets.dtype))}
    if loss.targets == "labels" and jnp.issubdtype(targets.dtype, jnp.integer):
        targets = jax.nn.one_hot(targets, classes, dtype=wide)
    made["targets"] = _combined(targets, share)
    if "weights" in batch:
        made["weights"] = _combined(batch["weights"], share)
    return made


@build.register
def masked_lm(spec: specs.MaskedLM) -> Mix:
    def mix(inputs: Arrays, drawn: jax.Array, wide: Any) -> tuple[Arrays, jax.Array]:
        ((name, x),) = inputs.items()
        y, chosen = masked(spec.masking, x, drawn)
        return {name: y}, chosen

    return mix


@build.register
def mix_up(spec: specs.MixUp) -> Mix:
    def mix(inputs: Arrays, drawn: jax.Array, wide: Any) -> tuple[Arrays, jax.Array]:
        share = jnp.asarray(spec.shares(), wide)[_top(drawn[:, 0])]
        return {name: _combined(x, share).astype(x.dtype) for name, x in inputs.items()}, share

    return mix


@build.register
def cut_mix(spec: specs.CutMix) -> Mix:
    def mix(inputs: Arrays, drawn: jax.Array, wide: Any) -> tuple[Arrays, jax.Array]:
        ((name, x),) = inputs.items()
        sizes = spec.sizes(x.shape)
        half = jnp.asarray(spec.halves(sizes))[_top(drawn[:, 0])]
        center = ((drawn[:, 1:] >> np.uint32(16)) * np.array(sizes, np.uint32) >> np.uint32(16)).astype(jnp.int32)
        inside = jnp.ones(x.shape[:-1], bool)
        for axis, size in enumerate(sizes):
            place = jax.lax.broadcasted_iota(jnp.int32, (len(x), size), 1)
            low, high = (edge[:, axis, None] for edge in (center - half, center + half))
            own = (place >= low) & (place < high)
            inside &= own.reshape(len(x), *(size if a == axis else 1 for a in range(len(sizes))))
        left = (~inside).sum(tuple(range(1, inside.ndim))).astype(wide)
        return {name: jnp.where(inside[..., None], jnp.roll(x, 1, 0), x)}, left / math.prod(sizes)

    return mix


def _top(drawn: jax.Array) -> jax.Array:
    return (drawn >> np.uint32(32 - specs.BITS)).astype(jnp.int32)


def _combined(x: jax.Array, share: jax.Array) -> jax.Array:
    """λ·xᵢ + (1 − λ)·xᵢ₋₁, in the share's dtype."""
    kept = share.reshape(-1, *[1] * (x.ndim - 1))
    return kept * x.astype(share.dtype) + (1 - kept) * jnp.roll(x, 1, 0).astype(share.dtype)
