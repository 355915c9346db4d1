"""Layers that shift, turn, stretch and distort images at random."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnspec.layers.augmentation import bounds
from nnspec.layers.warping import RandomRotation, RandomShear, RandomTranslation, RandomZoom, _Warp
from nnspec.reference.augmentation import Draws
from nnspec.reference.base import Array, Scope, apply, missing

Places = tuple[Array, Array]


@apply.register(RandomTranslation)
@apply.register(RandomRotation)
@apply.register(RandomZoom)
@apply.register(RandomShear)
def warp(spec: _Warp, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    p, q = np.arange(x.shape[1], dtype=np.float64)[:, None, None], np.arange(x.shape[2], dtype=np.float64)[:, None]
    s, t = places(spec, p, q, Draws(spec, scope, len(x)))
    return sampled(spec, x, s, t)


@functools.singledispatch
def places(spec: Any, p: Array, q: Array, draws: Draws) -> Places:
    """The row s and the column t, to be broadcast to (batch, height, width, 1), from which elements are read.

    p, (height, 1, 1), and q, (width, 1), are the rows and columns of the output.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


@places.register
def translated(spec: RandomTranslation, p: Array, q: Array, draws: Draws) -> Places:
    down = len(p) * draws.uniform(0, *bounds(spec.height_factor))
    right = len(q) * draws.uniform(1, *bounds(spec.width_factor))
    return p - down, q - right


@places.register
def rotated(spec: RandomRotation, p: Array, q: Array, draws: Draws) -> Places:
    (cp, cq), turns = middle(p, q), draws.uniform(0, *bounds(spec.factor))
    quarters = np.round(4 * turns)
    rest = 2 * np.pi * (turns - quarters / 4)
    cos, sin = np.cos(rest), np.sin(rest)
    for quarter in range(3):
        more = quarters % 4 > quarter
        cos, sin = np.where(more, -sin, cos), np.where(more, cos, sin)
    return cp + cos * (p - cp) + sin * (q - cq), cq - sin * (p - cp) + cos * (q - cq)


@places.register
def zoomed(spec: RandomZoom, p: Array, q: Array, draws: Draws) -> Places:
    (cp, cq), (rows, columns) = middle(p, q), spec.factors()
    return cp + draws.uniform(rows[0], *rows[1]) * (p - cp), cq + draws.uniform(columns[0], *columns[1]) * (q - cq)


@places.register
def sheared(spec: RandomShear, p: Array, q: Array, draws: Draws) -> Places:
    op, oq = middle(p, q) if spec.origin == "center" else (0.0, 0.0)
    sign = np.where(draws.happens(2, 0.5 if spec.mirrored else 0.0), -1.0, 1.0)
    across, down = (draws.uniform(word, *bounds(f)) for word, f in enumerate((spec.x_factor, spec.y_factor)))
    return p + sign * down * (q - oq), q + sign * across * (p - op)


def middle(p: Array, q: Array) -> tuple[float, float]:
    """The middle of an image with these rows and columns."""
    return (len(p) - 1) / 2, (len(q) - 1) / 2


def sampled(spec: _Warp, x: Array, s: Array, t: Array) -> Array:
    """Images read at rows s and columns t, which broadcast to (batch, height, width, 1)."""
    if spec.interpolation == "nearest":
        return _read(spec, x, np.floor(s + 0.5), np.floor(t + 0.5))
    i, j = np.floor(s), np.floor(t)
    f, g = (s - i).astype(x.dtype), (t - j).astype(x.dtype)
    upper = (1 - g) * _read(spec, x, i, j) + g * _read(spec, x, i, j + 1)
    lower = (1 - g) * _read(spec, x, i + 1, j) + g * _read(spec, x, i + 1, j + 1)
    y: Array = (1 - f) * upper + f * lower
    return y


def _read(spec: _Warp, x: Array, rows: Array, columns: Array) -> Array:
    """The elements in whole rows and columns, those beyond the image by the fill mode."""
    i, j = (_inside(spec.fill_mode, k, n)[..., 0] for k, n in zip((rows, columns), x.shape[1:3], strict=True))
    found = x[np.arange(len(x))[:, None, None], i, j]
    if spec.fill_mode != "constant":
        return found
    seen = (rows >= 0) & (rows < x.shape[1]) & (columns >= 0) & (columns < x.shape[2])
    return np.where(seen, found, x.dtype.type(spec.fill_value))


def _inside(mode: str, place: Array, n: int) -> Array:
    """Which of n elements a place, perhaps beyond them, shows."""
    k = place.astype(np.int64)
    if mode == "wrap":
        return k % n
    if mode == "reflect":
        k %= 2 * n
        return np.minimum(k, 2 * n - 1 - k)
    return np.clip(k, 0, n - 1)
