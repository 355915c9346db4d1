"""Layers that change images at random in training, on bits computed inside the compiled step."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from nnspec.layers.augmentation import Augmentation
from nnspec.random import threshold
from nnspec.spec import dump, parse
from nnspec_tensorflow.compilation import island
from nnspec_tensorflow.dropout import DrawingLayer
from nnspec_tensorflow.random import normals, words
from nnspec_tensorflow.realize import Context, missing, serializable, sizes, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


class Draws:
    """The random numbers of one call, by their place among those of an example; tensors are (batch, 1, 1, 1).

    Args:
        drawn: uint32 (batch, count).
        noise: key, stream and step of standard normal numbers, where the layer takes such.
    """

    def __init__(self, drawn: Tensor, noise: tuple[Tensor, int, Tensor] | None = None) -> None:
        self._words = drawn
        self._noise = noise

    def _word(self, place: int) -> Tensor:
        return self._words[:, place, None, None, None]

    def after(self, count: int) -> Draws:
        """The numbers after the first ``count``, for the next of several changes."""
        return Draws(self._words[:, count:], self._noise)

    def happens(self, place: int, probability: float) -> Tensor:
        """A decision of this probability."""
        word, limit = self._word(place), threshold(probability)
        if limit == 2**32:  # one more than a word can hold
            return tf.ones_like(word, tf.bool)
        return word < tf.constant(limit, tf.uint32)

    def whole(self, place: int, count: int) -> Tensor:
        """An integer from 0 to count − 1, int32."""
        product = tf.cast(self._word(place), tf.uint64) * tf.constant(count, tf.uint64)
        return tf.cast(tf.bitwise.right_shift(product, tf.constant(32, tf.uint64)), tf.int32)

    def uniform(self, place: int, lower: float, upper: float, dtype: Any) -> Tensor:
        """A number between these, computed in float64."""
        k = tf.cast(tf.bitwise.right_shift(self._word(place), tf.constant(9, tf.uint32)), tf.float64)
        low, width, half, step = (tf.constant(c, tf.float64) for c in (lower, upper - lower, 0.5, 2.0**-23))
        return tf.cast(low + width * ((k + half) * step), dtype)

    def normals(self, like: Tensor) -> Tensor:
        """Standard normal numbers of the shape and in the dtype of this tensor."""
        assert self._noise is not None, "the layer's class names no noise among its random streams"
        return normals(like, *self._noise)


@singledispatch
def augmented(spec: Any, x: Tensor, draws: Draws) -> Tensor:
    """What a layer makes of images in training, computed in float32 at least. Families register their classes.

    Raises:
        BackendError: there is nothing for this class.
    """
    raise missing(spec)


@singledispatch
def in_inference(spec: Any, x: Tensor) -> Tensor:
    """What a layer makes of images in inference: itself, unless its class says otherwise."""
    return x


@serializable
class SpecAugmentation(DrawingLayer):
    """An augmentation of images whose numbers come from the model's seed and step.

    Args:
        spec: the layer of the spec, or its short form.
        place, calls: see :class:`DrawingLayer`.
    """

    def __init__(self, spec: Any, place: str, calls: int = 1, **options: Any) -> None:
        super().__init__(place, calls, **options)
        self.spec: Augmentation = parse("layer", spec)

    def call(self, x: Tensor, training: bool | None = None, use: int = 0) -> Tensor:
        wide = tf.cast(x, working(x.dtype.name))
        if not training:
            return tf.cast(in_inference(self.spec, wide), x.dtype)
        streams = {purpose: self.draw(purpose, use) for purpose in self.spec.random}
        key, _, step = streams["augmentation"]

        def changed(x: Tensor, key: Tensor, step: Tensor) -> Tensor:
            inside = {purpose: (key, stream, step) for purpose, (_, stream, _) in streams.items()}
            batch, count = sizes(x)[0], self.spec.draws()
            drawn = words(*inside["augmentation"], tf.cast(batch * count, tf.int64), tf.constant(0, tf.uint64))
            return augmented(self.spec, x, Draws(tf.reshape(drawn, (batch, count)), inside.get("noise")))

        return tf.cast(island(changed)(wide, key, step), x.dtype)

    def compute_output_spec(self, x: Any, training: bool | None = None, use: int = 0) -> Any:
        return keras.KerasTensor(self.spec.output_shape(tuple(x.shape)), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


def augmentation(spec: Augmentation, context: Context) -> SpecAugmentation:
    """What ``build`` gives for an augmentation, under which families register their classes."""
    return SpecAugmentation(spec, context.path, context.calls, **context.options)
