"""Layers that flip, cut out and erase parts of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnspec.layers.base import Layer
from nnspec.layers.geometry import CenterCrop, Cutout, RandomCrop, RandomErasing, RandomFlip
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.augmentation import Draws, augmentation, augmented, in_inference
from nnspec_tensorflow.realize import Context, build
from nnspec_tensorflow.startup import keras, tf
from nnspec_tensorflow.stateless import SpecFunction, formula

Tensor = Any

for cls in (Cutout, RandomCrop, RandomErasing, RandomFlip):
    build.register(cls, augmentation)


@augmented.register
def random_flip(spec: RandomFlip, x: Tensor, draws: Draws) -> Tensor:
    for axis, word in spec.decisions().items():
        x = tf.where(draws.happens(word, spec.probability), tf.reverse(x, [axis]), x)
    return x


@build.register
def crop_layer(spec: CenterCrop, context: Context) -> keras.layers.Layer:
    return SpecFunction(spec, **context.options)


@formula.register
def center_crop(spec: CenterCrop, x: Tensor) -> Tensor:
    return _through(spec.central(tuple(x.shape)), x)


def _through(layers: Sequence[Layer], x: Tensor) -> Tensor:
    for layer in layers:
        x = formula(layer, x)
    return x


@in_inference.register
def central_crop(spec: RandomCrop, x: Tensor) -> Tensor:
    padded = formula(spec.pad(), x)
    return _through(spec.central(tuple(padded.shape)), padded)


@augmented.register
def random_crop(spec: RandomCrop, x: Tensor, draws: Draws) -> Tensor:
    z = formula(spec.pad(), x)
    if not spec.fits(tuple(z.shape)):
        return _through(spec.central(tuple(z.shape)), z)
    for axis, (word, size) in enumerate(((0, spec.height), (1, spec.width)), 1):
        places = draws.whole(word, z.shape[axis] - size + 1)[:, :, 0, 0] + tf.range(size)
        z = tf.gather(z, places, axis=axis, batch_dims=1)
    return z


@augmented.register
def random_erasing(spec: RandomErasing, x: Tensor, draws: Draws) -> Tensor:
    shares = [draws.uniform(word, *spec.shares(), tf.float64) for word in (1, 2)]
    counts = [tf.constant(n, tf.float64) for n in x.shape[1:3]]
    sizes = [tf.sqrt(share) * n for share, n in zip(shares, counts, strict=True)]
    places = [draws.uniform(word, 0.0, 1.0, tf.float64) for word in (3, 4)]
    starts = [place * (n - size) for place, n, size in zip(places, counts, sizes, strict=True)]
    fill = tf.constant(spec.fill_value, x.dtype) + tf.zeros_like(x)
    if spec.noise:
        fill += constant(spec.noise, x) * draws.normals(x)
    if spec.value_range is not None:
        fill = tf.clip_by_value(fill, *(constant(bound, x) for bound in spec.value_range))
    return tf.where(draws.happens(0, spec.probability) & _within(x, starts, sizes), fill, x)


@augmented.register
def cutout(spec: Cutout, x: Tensor, draws: Draws) -> Tensor:
    starts = [draws.whole(1 + i, x.shape[1 + i]) - side // 2 for i, side in enumerate(spec.sides())]
    erased = draws.happens(0, spec.probability) & _within(x, starts, spec.sides())
    return tf.where(erased, tf.constant(spec.fill_value, x.dtype), x)


def _within(x: Tensor, starts: Sequence[Tensor], sizes: Sequence[Any]) -> Tensor:
    """Where images have their rectangles."""
    (top, left), (height, width) = starts, sizes
    p, q = tf.range(x.shape[1], dtype=top.dtype)[:, None, None], tf.range(x.shape[2], dtype=top.dtype)[:, None]
    return (top <= p) & (p < top + height) & (left <= q) & (q < left + width)
