"""Layers that shift, turn, stretch and distort images at random."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from nnspec.layers.augmentation import bounds
from nnspec.layers.warping import (
    RandomElasticTransform,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
    _Warp,
)
from nnspec.reference.augmentation import Draws
from nnspec.reference.base import Array, Scope, apply, missing

Places = tuple[Array, Array]


@apply.register(RandomTranslation)
@apply.register(RandomRotation)
@apply.register(RandomZoom)
@apply.register(RandomShear)
@apply.register(RandomPerspective)
@apply.register(RandomElasticTransform)
def warp(spec: _Warp, scope: Scope, x: Array) -> Array:
    if not scope.training:
        return x
    p, q = np.arange(x.shape[1], dtype=np.float64)[:, None, None], np.arange(x.shape[2], dtype=np.float64)[:, None]
    draws = Draws(spec, scope, len(x))
    y = sampled(spec, x, *places(spec, p, q, draws))
    return y if spec.chance() == 1 else np.where(draws.happens(0, spec.chance()), y, x)


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


@places.register
def seen_aside(spec: RandomPerspective, p: Array, q: Array, draws: Draws) -> Places:
    height, width = max(len(p) - 1, 1), max(len(q) - 1, 1)
    corners = []
    for n, (u, v) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        a, b = (draws.uniform(word, *spec.moves()) for word in (1 + 2 * n, 2 + 2 * n))
        inward = spec.corners == "inward"
        corners.append((u + (1 - 2 * u) * a, v + (1 - 2 * v) * b) if inward else (u + u * a, v + v * b))
    m = projection(*corners)
    a, b, k = (m[i] * (p / height) + m[i + 1] * (q / width) + m[i + 2] for i in (0, 3, 6))
    k = np.where(k == 0, np.finfo(np.float64).tiny, k)
    return np.clip(height * (a / k), -(2**20), 2**20), np.clip(width * (b / k), -(2**20), 2**20)


def projection(first: Places, right: Places, down: Places, last: Places) -> tuple[Array, ...]:
    """The matrix, row by row, of the projective map that takes these corners to those of the unit square.

    The inverse, but for a factor, of the map of the square to them (Heckbert 1989, *Fundamentals of texture mapping*).
    """
    (p0, q0), (p1, q1), (p2, q2), (p3, q3) = first, right, down, last
    (dp1, dq1), (dp2, dq2) = (p2 - p3, q2 - q3), (p1 - p3, q1 - q3)
    dp, dq = p0 - p2 + p3 - p1, q0 - q2 + q3 - q1
    whole = dp1 * dq2 - dq1 * dp2
    g, h = (dp * dq2 - dq * dp2) / whole, (dp1 * dq - dq1 * dp) / whole
    a, b, c = p2 - p0 + g * p2, p1 - p0 + h * p1, p0
    d, e, f = q2 - q0 + g * q2, q1 - q0 + h * q1, q0
    return (
        *(e - f * h, c * h - b, b * f - c * e),
        *(f * g - d, a - c * g, c * d - a * f),
        *(d * h - e * g, b * g - a * h, a * e - b * d),
    )


@places.register
def distorted(spec: RandomElasticTransform, p: Array, q: Array, draws: Draws) -> Places:
    alpha, sigma, reach = spec.units(len(p), len(q))
    f, z = draws.uniform(1, *spec.strengths()), draws.normals((len(p), len(q), 2))
    rows, columns = (_blurring(sigma * f[:, 0], reach, n) for n in (len(p), len(q)))
    moved = alpha * f * (sigma * f) * np.einsum("bik,bklc,bjl->bijc", rows, z, columns)
    return p + moved[..., :1], q + moved[..., 1:]


def _blurring(sigma: Array, reach: int, n: int) -> Array:
    """For each image the matrix (n, n) of a Gaussian kernel of this width, (batch, 1, 1), that ends at 3⌊sigma⌋."""

    def kernel(i: Array) -> Array:
        return np.where(abs(i) <= 3 * np.floor(sigma), np.exp(-0.5 * (i / np.where(sigma > 0, sigma, 1)) ** 2), 0)

    at = np.arange(n)
    blurring: Array = kernel(at[:, None] - at) / kernel(np.arange(-reach, reach + 1)).sum(-1, keepdims=True)
    return blurring


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
