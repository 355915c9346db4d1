"""Losses of sequences."""

from __future__ import annotations

import math

from nnspec.errors import ShapeError
from nnspec.layers.base import show
from nnspec.losses import sequences as specs
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.losses.base import Tensor, loss
from nnspec_tensorflow.startup import tf


@loss.register
def _ctc(spec: specs.CTC, x: Tensor, targets: Tensor) -> Tensor:
    spec.positions(tuple(x.shape))
    _check(spec, x, targets)
    targets = tf.cast(targets, tf.int32)
    counts = targets[:, 0] if spec.step_counts else None
    losses = -_alignments(tf.nn.log_softmax(x, axis=-1), spec.class_ids(targets), counts, spec.blank)
    return tf.where(losses == constant(math.inf, x), tf.zeros_like(losses), losses) if spec.zero_infinity else losses


def _check(spec: specs.CTC, x: Tensor, targets: Tensor) -> None:
    """Refuse targets that are no sequences of class ids, one for each example.

    Raises:
        ShapeError: what they are instead.
    """
    shape = tuple(targets.shape)
    if not targets.dtype.is_integer or len(shape) != 2 or shape[1] < spec.step_counts:
        raise ShapeError(f"CTC takes rows of class ids (integers), got {targets.dtype.name} of shape {show(shape)}")
    if not targets.shape[:1].is_compatible_with(x.shape[:1]):
        raise ShapeError(f"{shape[0]} sequences of class ids for {x.shape[0]} examples")


def _alignments(logs: Tensor, ids: Tensor, counts: Tensor | None, blank: int) -> Tensor:
    """ln Σ of the probabilities of all alignments of each sequence: the forward recursion over the sequence with blanks
    between and around its ids, of which no place after its end can come back before it."""
    never, batch, places = constant(-math.inf, logs), tf.shape(ids)[0], 2 * ids.shape[1] + 1
    extended = tf.reshape(tf.stack([tf.fill(tf.shape(ids), blank), ids], axis=2), (batch, places - 1))
    extended = tf.concat([extended, tf.fill((batch, 1), blank)], axis=1)
    skips = (extended[:, 2:] != extended[:, :-2]) & (extended[:, 2:] != blank)
    skips = tf.pad(skips, [[0, 0], [min(2, places), 0]])
    steps = logs.shape[1]
    emitted = tf.transpose(tf.gather(logs, extended, axis=2, batch_dims=1), (1, 0, 2))
    # Read from an array, whose gradient is one too: that of a slice would be as large as all steps in each of them.
    array = tf.TensorArray(logs.dtype, size=steps, element_shape=emitted.shape[1:]).unstack(emitted)

    def step(k: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
        padded = tf.pad(alpha, [[0, 0], [2, 0]], constant_values=-math.inf)
        come = _log_sum(alpha, padded[:, 1:-1], tf.where(skips, padded[:, :-2], never)) + array.read(k)
        return k + 1, come if counts is None else tf.where((k < counts)[:, None], come, alpha)

    first = tf.one_hot(tf.zeros_like(extended[:, 0]), places, on_value=True, off_value=False)
    start = tf.where(first, tf.zeros_like(emitted[0]), never)
    _, alpha = tf.while_loop(
        lambda k, _: k < steps, step, (tf.constant(0), start), parallel_iterations=1, maximum_iterations=steps
    )
    last = 2 * tf.reduce_sum(tf.math.cumprod(tf.cast(ids != blank, tf.int32), axis=1), axis=1, keepdims=True)
    whole = _at(alpha, last)
    return _log_sum(whole, tf.where(last[:, 0] > 0, _at(alpha, last - 1), never))


def _at(rows: Tensor, places: Tensor) -> Tensor:
    """The element of each row at its place, −∞ before the first."""
    there = tf.range(rows.shape[1])[None] == places
    kept = tf.reduce_sum(tf.where(there, rows, tf.zeros_like(rows)), axis=1)
    return tf.where(places[:, 0] < 0, constant(-math.inf, rows), kept)


def _log_sum(*logs: Tensor) -> Tensor:
    """ln Σ e^x, elementwise; of nothing but −∞ it is −∞ with derivative 0."""
    never = constant(-math.inf, logs[0])
    largest = logs[0]
    for x in logs[1:]:
        largest = tf.maximum(largest, x)
    largest = tf.stop_gradient(tf.where(largest == never, tf.zeros_like(largest), largest))
    total = tf.add_n([tf.exp(x - largest) for x in logs])
    nothing = total == 0
    return tf.where(nothing, never, largest + tf.math.log(tf.where(nothing, tf.ones_like(total), total)))
