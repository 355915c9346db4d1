"""Random changes of token ids in training, on bits computed inside the compiled step."""

from __future__ import annotations

import math
from typing import Any

from nnspec.layers.tokens import TokenDropout, TokenMasking
from nnspec.spec import dump, parse
from nnspec_tensorflow.compilation import island
from nnspec_tensorflow.dropout import DrawingLayer, RandomLayer
from nnspec_tensorflow.random import words
from nnspec_tensorflow.realize import Context, build, serializable, sizes
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def _below(words: Tensor, limit: int) -> Tensor:
    """Where words are below a number up to 2³², which is no uint32."""
    return tf.ones_like(words, tf.bool) if limit == 2**32 else words < tf.constant(limit, tf.uint32)


def _among(x: Tensor, ids: tuple[int, ...]) -> Tensor:
    return tf.reduce_any(x[..., None] == tf.constant(ids, tf.int32), -1)


@serializable
class SpecTokenMasking(DrawingLayer):
    """BERT's masking of ids.

    Args:
        spec: the layer of the spec, or its short form.
        place, calls: see :class:`DrawingLayer`.
    """

    def __init__(self, spec: Any, place: str, calls: int = 1, **options: Any) -> None:
        super().__init__(place, calls, **options)
        self.spec: TokenMasking = parse("layer", spec)

    def call(self, x: Tensor, training: bool | None = None, use: int = 0) -> Tensor:
        if training:
            key, stream, step = self.draw("augmentation", use)

            def changed(x: Tensor, key: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
                drawn = words(key, stream, step, 2 * tf.size(x, tf.int64), tf.constant(0, tf.uint64))
                return masked(self.spec, x, drawn)

            y, chosen = island(changed)(x, key, step)
        else:
            y, chosen = x, tf.zeros_like(x, tf.bool)
        if not self.spec.return_labels:
            return y
        return tf.stack([y, tf.where(chosen, x, self.spec.ignore_label)], -1)

    def compute_output_spec(self, x: Any, training: bool | None = None, use: int = 0) -> Any:
        return keras.KerasTensor(self.spec.output_shape(tuple(x.shape)), "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


def masked(spec: TokenMasking, x: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
    """The ids that training gives, and which of them were chosen, by two words for each."""
    drawn = tf.reshape(words, (*sizes(x), 2))
    hidden, changed, chosen = (_below(drawn[..., 0], limit) for limit in spec.limits)
    eligible = ~_among(x, spec.special_ids)
    chosen = chosen & eligible
    if spec.at_least_one and spec.rate:
        needed = _needed(drawn[..., 0], eligible, chosen)
        hidden, changed, chosen = hidden | needed, changed | needed, chosen | needed
    product = tf.cast(drawn[..., 1], tf.uint64) * tf.constant(spec.num_embeddings, tf.uint64)
    random = tf.cast(tf.bitwise.right_shift(product, tf.constant(32, tf.uint64)), tf.int32)
    return tf.where(chosen & changed, tf.where(hidden, spec.mask_id, random), x), chosen


def _needed(u: Tensor, eligible: Tensor, chosen: Tensor) -> Tensor:
    """The position of the smallest word of each example in which none is chosen."""
    batch, *places = sizes(u)
    shape = (batch, math.prod(places))
    flat = tf.reshape(tf.where(eligible, tf.cast(u, tf.int64), tf.constant(2**32 - 1, tf.int64)), shape)
    here = tf.range(shape[1]) == tf.argmin(flat, 1, tf.int32)[:, None]
    none = ~tf.reduce_any(tf.reshape(chosen, shape), 1, keepdims=True)
    return tf.reshape(here & none, tf.shape(u)) & eligible


@serializable
class SpecTokenDropout(RandomLayer):
    """Word dropout.

    Args:
        spec: the layer of the spec, or its short form.
        place, calls: see :class:`DrawingLayer`.
    """

    def __init__(self, spec: Any, place: str, calls: int = 1, **options: Any) -> None:
        self.spec: TokenDropout
        made = parse("layer", spec)
        options.pop("rate", None)  # stands in the spec
        super().__init__(made.rate, place, calls, **options)
        self.spec = made

    def call(self, x: Tensor, training: bool | None = None, use: int = 0) -> Tensor:
        spec = self.spec
        if not training or spec.rate == 0:
            return x
        kept = self.mask(self.like(x), use)
        if spec.num_embeddings is not None:
            known = (x >= 0) & (x < spec.num_embeddings)
            kept = tf.gather(kept, tf.where(known, x, 0), axis=1, batch_dims=1) | ~known
        return tf.where(kept | _among(x, spec.special_ids), x, spec.replacement)

    def like(self, x: Tensor, use: int = 0) -> Tensor:
        return tf.zeros(self.spec.mask_shape(tuple(sizes(x))), tf.int32)

    def compute_output_spec(self, x: Any, training: bool | None = None, use: int = 0) -> Any:
        return keras.KerasTensor(x.shape, "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


@build.register
def token_masking(spec: TokenMasking, context: Context) -> keras.layers.Layer:
    return SpecTokenMasking(spec, context.path, context.calls, **context.options)


@build.register
def token_dropout(spec: TokenDropout, context: Context) -> keras.layers.Layer:
    return SpecTokenDropout(spec, context.path, context.calls, **context.options)
