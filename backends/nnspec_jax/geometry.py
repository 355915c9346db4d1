"""Layers that flip, cut out and erase parts of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.layers.base import Layer
from nnspec.layers.geometry import CenterCrop, Cutout, RandomCrop, RandomErasing, RandomFlip
from nnspec_jax.augmentation import Draws, augmentation, augmented, in_inference
from nnspec_jax.realize import Context, build, rounded_once

for cls in (Cutout, RandomCrop, RandomErasing, RandomFlip):
    build.register(cls, augmentation)


@augmented.register
def random_flip(spec: RandomFlip, x: jax.Array, draws: Draws) -> jax.Array:
    for axis, word in spec.decisions().items():
        x = jnp.where(draws.happens(word, spec.probability), jnp.flip(x, axis), x)
    return x


@build.register
def center_crop(spec: CenterCrop, context: Context) -> Callable[[jax.Array], jax.Array]:
    return rounded_once(lambda x: _through(spec.central(x.shape), x))


def _through(layers: Sequence[Layer], x: jax.Array) -> jax.Array:
    """What layers that need no context make of an array."""
    for layer in layers:
        x = build(layer, None)(x)
    return x


@in_inference.register
def central_crop(spec: RandomCrop, x: jax.Array) -> jax.Array:
    padded = _through([spec.pad()], x)
    return _through(spec.central(padded.shape), padded)


@augmented.register
def random_crop(spec: RandomCrop, x: jax.Array, draws: Draws) -> jax.Array:
    z = _through([spec.pad()], x)
    if not spec.fits(z.shape):
        return _through(spec.central(z.shape), z)
    _, rows, columns, channels = z.shape

    def cut(image: jax.Array, top: jax.Array, left: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (top, left, np.int32(0)), (spec.height, spec.width, channels))

    places = draws.whole(0, rows - spec.height + 1), draws.whole(1, columns - spec.width + 1)
    return jax.vmap(cut)(z, *(place.reshape(-1) for place in places))


@augmented.register
def random_erasing(spec: RandomErasing, x: jax.Array, draws: Draws) -> jax.Array:
    with jax.enable_x64(True):
        shares = [draws.uniform(word, *spec.shares(), jnp.float64) for word in (1, 2)]
        sizes = [jnp.sqrt(share) * n for share, n in zip(shares, x.shape[1:3], strict=True)]
        places = [draws.uniform(word, 0.0, 1.0, jnp.float64) for word in (3, 4)]
        starts = [place * (n - size) for place, n, size in zip(places, x.shape[1:3], sizes, strict=True)]
        within = _within(x.shape, starts, sizes)
    fill = jnp.asarray(spec.fill_value, x.dtype)
    if spec.noise:
        fill = fill + spec.noise * draws.normals(x.shape, x.dtype)
    if spec.value_range is not None:
        fill = jnp.clip(fill, *spec.value_range)
    return jnp.where(draws.happens(0, spec.probability) & within, fill, x)


@augmented.register
def cutout(spec: Cutout, x: jax.Array, draws: Draws) -> jax.Array:
    starts = [draws.whole(1 + i, x.shape[1 + i]) - side // 2 for i, side in enumerate(spec.sides())]
    erased = draws.happens(0, spec.probability) & _within(x.shape, starts, spec.sides())
    return jnp.where(erased, jnp.asarray(spec.fill_value, x.dtype), x)


def _within(shape: tuple[int, ...], starts: Sequence[Any], sizes: Sequence[Any]) -> jax.Array:
    """Where images have their rectangles."""
    p, q = np.arange(shape[1], dtype=np.int32)[:, None, None], np.arange(shape[2], dtype=np.int32)[:, None]
    (top, left), (height, width) = starts, sizes
    return (top <= p) & (p < top + height) & (left <= q) & (q < left + width)
