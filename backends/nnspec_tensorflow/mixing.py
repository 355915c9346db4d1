"""Mixing of examples within a compiled step; see :mod:`nnspec.mixing`."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

from nnspec import mixing as specs
from nnspec.losses import Loss
from nnspec.random import stream_of
from nnspec_tensorflow.random import words
from nnspec_tensorflow.realize import missing
from nnspec_tensorflow.startup import tf
from nnspec_tensorflow.tokens import masked

Tensor = Any
Tensors = dict[str, Any]


def mixed(
    spec: specs.Mixing, loss: Loss, batch: Tensors, classes: int, seed: Tensor, step: Tensor, wide: Any
) -> Tensors:
    """A batch of training with each example mixed with the one before it, as :func:`nnspec.reference.mixing.mixed`.

    ``wide``: the dtype of targets.
    """
    inputs = {name: x for name, x in batch.items() if name not in ("targets", "weights")}
    own = spec.chosen(inputs)
    count = spec.words(*(x.shape.as_list() for x in own.values()))
    rows = next(iter(own.values())).shape[0]
    drawn = words(seed, stream_of("data", "mixing"), step, rows * count, tf.constant(0, tf.uint64))
    made, share = mix(spec, own, tf.reshape(drawn, [rows, count]), wide)
    targets = batch["targets"]
    if isinstance(spec, specs.MaskedLM):
        return {**batch, **made, "targets": tf.where(share, targets, tf.constant(spec.label(loss), targets.dtype))}
    if loss.targets == "labels" and targets.dtype.is_integer:
        targets = tf.one_hot(targets, classes, dtype=wide)
    made["targets"] = _combined(targets, share)
    if "weights" in batch:
        made["weights"] = _combined(batch["weights"], share)
    return made


@singledispatch
def mix(spec: Any, inputs: Tensors, drawn: Tensor, wide: Any) -> tuple[Tensors, Tensor]:
    """The inputs, and in the dtype ``wide`` the share of each example that it keeps, or which positions the loss is to
    count.

    ``drawn``: words, (examples, ``spec.words``).

    Raises:
        BackendError: there is no realization of this class.
    """
    raise missing(spec)


@mix.register
def _masked_lm(spec: specs.MaskedLM, inputs: Tensors, drawn: Tensor, wide: Any) -> tuple[Tensors, Tensor]:
    ((name, x),) = inputs.items()
    y, chosen = masked(spec.masking, x, drawn)
    return {name: y}, chosen


@mix.register
def _mix_up(spec: specs.MixUp, inputs: Tensors, drawn: Tensor, wide: Any) -> tuple[Tensors, Tensor]:
    share = tf.gather(tf.constant(spec.shares(), wide), _top(drawn[:, 0]))
    return {name: tf.cast(_combined(x, share), x.dtype) for name, x in inputs.items()}, share


@mix.register
def _cut_mix(spec: specs.CutMix, inputs: Tensors, drawn: Tensor, wide: Any) -> tuple[Tensors, Tensor]:
    ((name, x),) = inputs.items()
    rows = x.shape[0]
    sizes = spec.sizes(x.shape.as_list())
    half = tf.gather(tf.constant(spec.halves(sizes)), _top(drawn[:, 0]))
    sixteen = tf.constant(16, tf.uint32)
    product = tf.bitwise.right_shift(drawn[:, 1:], sixteen) * tf.constant(sizes, tf.uint32)
    center = tf.cast(tf.bitwise.right_shift(product, sixteen), tf.int32)
    inside = tf.ones(x.shape[:-1], tf.bool)
    for axis, size in enumerate(sizes):
        place = tf.range(size)[None]
        low, high = (edge[:, axis, None] for edge in (center - half, center + half))
        own = (place >= low) & (place < high)
        inside &= tf.reshape(own, [rows, *(size if a == axis else 1 for a in range(len(sizes)))])
    left = tf.reduce_sum(tf.cast(~inside, tf.int32), list(range(1, len(sizes) + 1)))
    share = tf.cast(left, wide) / tf.constant(math.prod(sizes), wide)
    return {name: tf.where(inside[..., None], tf.roll(x, 1, 0), x)}, share


def _top(drawn: Tensor) -> Tensor:
    return tf.cast(tf.bitwise.right_shift(drawn, tf.constant(32 - specs.BITS, tf.uint32)), tf.int32)


def _combined(x: Tensor, share: Tensor) -> Tensor:
    """λ·xᵢ + (1 − λ)·xᵢ₋₁, in the share's dtype."""
    kept = tf.reshape(share, [-1, *[1] * (x.shape.rank - 1)])
    return kept * tf.cast(x, share.dtype) + (1 - kept) * tf.cast(tf.roll(x, 1, 0), share.dtype)
