"""Layers that flip, cut out and erase parts of images."""

from __future__ import annotations

import numpy as np

from nnspec.layers.base import Layer
from nnspec.layers.geometry import CenterCrop, Cutout, RandomCrop, RandomErasing, RandomFlip
from nnspec.reference.augmentation import Draws
from nnspec.reference.base import Array, Scope, apply


@apply.register(RandomFlip)
def random_flip(spec: RandomFlip, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    draws = Draws(spec, scope, len(x))
    for axis, word in spec.decisions().items():
        x = np.where(draws.happens(word, spec.probability), np.flip(x, axis), x)
    return x


@apply.register(CenterCrop)
def center_crop(spec: CenterCrop, scope: Scope, x: Array) -> Array:
    return _through(spec.central(x.shape), scope, x)


def _through(layers: tuple[Layer, ...], scope: Scope, x: Array) -> Array:
    for layer in layers:
        x = apply(layer, scope, x)
    return x


@apply.register(RandomCrop)
def random_crop(spec: RandomCrop, scope: Scope, x: Array) -> Array:
    z = apply(spec.pad(), scope, x)
    if not scope.training or not spec.fits(z.shape):
        return _through(spec.central(z.shape), scope, z)
    draws = Draws(spec, scope, len(x))
    top, left = draws.whole(0, z.shape[1] - spec.height + 1), draws.whole(1, z.shape[2] - spec.width + 1)
    rows, columns = top[..., 0] + np.arange(spec.height)[:, None], left[..., 0] + np.arange(spec.width)
    window: Array = z[np.arange(len(z))[:, None, None], rows, columns]
    return window


@apply.register(RandomErasing)
def random_erasing(spec: RandomErasing, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    draws = Draws(spec, scope, len(x))
    sizes = [np.sqrt(draws.uniform(1 + i, *spec.shares())) * n for i, n in enumerate(x.shape[1:3])]
    starts = [draws.uniform(3 + i, 0, 1) * (n - sizes[i]) for i, n in enumerate(x.shape[1:3])]
    fill = np.broadcast_to(np.array(spec.fill_value, x.dtype), x.shape)
    if spec.noise:
        fill = fill + spec.noise * scope.normals(x.shape).astype(x.dtype)
    if spec.value_range is not None:
        fill = np.clip(fill, *spec.value_range)
    erased = draws.happens(0, spec.probability) & _within(x.shape, starts, sizes)
    return np.where(erased, fill, x)


@apply.register(Cutout)
def cutout(spec: Cutout, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    draws = Draws(spec, scope, len(x))
    starts = [draws.whole(1 + i, x.shape[1 + i]) - side // 2 for i, side in enumerate(spec.sides())]
    erased = draws.happens(0, spec.probability) & _within(x.shape, starts, spec.sides())
    return np.where(erased, np.array(spec.fill_value, x.dtype), x)


def _within(shape: tuple[int, ...], starts: list[Array], sizes: list[Array] | tuple[int, ...]) -> Array:
    """Where images have their rectangles."""
    p, q = np.arange(shape[1])[:, None, None], np.arange(shape[2])[:, None]
    (top, left), (height, width) = starts, sizes
    inside: Array = (top <= p) & (p < top + height) & (left <= q) & (q < left + width)
    return inside
