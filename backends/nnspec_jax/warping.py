"""Layers that shift, turn, stretch and distort images at random.

Where elements are read from is computed in float64, hence within ``jax.enable_x64``; what is read, in the dtype of the
images.
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp

from nnspec.lacking import missing
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
from nnspec_jax.augmentation import Draws, augmentation, augmented
from nnspec_jax.realize import build

Places = tuple[jax.Array, jax.Array]

for cls in (
    *(RandomElasticTransform, RandomPerspective),
    *(RandomRotation, RandomShear, RandomTranslation, RandomZoom),
):
    build.register(cls, augmentation)


@augmented.register
def warp(spec: _Warp, x: jax.Array, draws: Draws) -> jax.Array:
    with jax.enable_x64(True):
        p = jnp.arange(x.shape[1], dtype=jnp.float64)[:, None, None]
        q = jnp.arange(x.shape[2], dtype=jnp.float64)[:, None]
        s, t = places(spec, p, q, draws)
        if spec.interpolation == "nearest":
            s, t = s + 0.5, t + 0.5
        i, j = _whole(s), _whole(t)
        f, g = (s - jnp.floor(s)).astype(x.dtype), (t - jnp.floor(t)).astype(x.dtype)
    y = _read(spec, x, i, j) if spec.interpolation == "nearest" else _between(spec, x, i, j, f, g)
    return y if spec.chance() == 1 else jnp.where(draws.happens(0, spec.chance()), y, x)


def _between(spec: _Warp, x: jax.Array, i: jax.Array, j: jax.Array, f: jax.Array, g: jax.Array) -> jax.Array:
    """What lies at f and g on the way from the rows i and the columns j to the next."""
    upper = (1 - g) * _read(spec, x, i, j) + g * _read(spec, x, i, j + 1)
    lower = (1 - g) * _read(spec, x, i + 1, j) + g * _read(spec, x, i + 1, j + 1)
    return (1 - f) * upper + f * lower


def _whole(place: jax.Array) -> jax.Array:
    """The whole numbers below."""
    return jnp.floor(place).astype(jnp.int32)


def _read(spec: _Warp, x: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """The elements in whole rows and columns, those beyond the image by the fill mode."""
    batch, height, width, channels = x.shape
    i, j = _inside(spec.fill_mode, rows, height), _inside(spec.fill_mode, columns, width)
    flat = jnp.broadcast_to(width * i + j, (batch, height, width, 1)).reshape(batch, -1)
    found = jax.vmap(lambda image, at: image.at[at].get(mode="promise_in_bounds"))(x.reshape(batch, -1, channels), flat)
    found = found.reshape(x.shape)
    if spec.fill_mode != "constant":
        return found
    seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return jnp.where(seen, found, jnp.asarray(spec.fill_value, x.dtype))


def _inside(mode: str, place: jax.Array, n: int) -> jax.Array:
    """Which of n elements a place, perhaps beyond them, shows."""
    if mode == "wrap":
        return jnp.mod(place, n)
    if mode == "reflect":
        place = jnp.mod(place, 2 * n)
        return jnp.minimum(place, 2 * n - 1 - place)
    return jnp.clip(place, 0, n - 1)


@singledispatch
def places(spec: Any, p: jax.Array, q: jax.Array, draws: Draws) -> Places:
    """The row s and the column t, to be broadcast to (batch, height, width, 1), from which elements are read.

    p, (height, 1, 1), and q, (width, 1), are the rows and columns of the output; all is float64.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing("jax", type(spec))


@places.register
def translated(spec: RandomTranslation, p: jax.Array, q: jax.Array, draws: Draws) -> Places:
    down = len(p) * draws.uniform(0, *bounds(spec.height_factor), jnp.float64)
    right = len(q) * draws.uniform(1, *bounds(spec.width_factor), jnp.float64)
    return p - down, q - right


@places.register
def rotated(spec: RandomRotation, p: jax.Array, q: jax.Array, draws: Draws) -> Places:
    (cp, cq), turns = middle(p, q), draws.uniform(0, *bounds(spec.factor), jnp.float64)
    quarters = jnp.round(4 * turns)
    rest = 2 * math.pi * (turns - quarters / 4)
    cos, sin = jnp.cos(rest), jnp.sin(rest)
    for quarter in range(3):
        more = jnp.mod(quarters, 4) > quarter
        cos, sin = jnp.where(more, -sin, cos), jnp.where(more, cos, sin)
    return cp + cos * (p - cp) + sin * (q - cq), cq - sin * (p - cp) + cos * (q - cq)


@places.register
def zoomed(spec: RandomZoom, p: jax.Array, q: jax.Array, draws: Draws) -> Places:
    (cp, cq), ((row, high), (column, wide)) = middle(p, q), spec.factors()
    down, across = draws.uniform(row, *high, jnp.float64), draws.uniform(column, *wide, jnp.float64)
    return cp + down * (p - cp), cq + across * (q - cq)


@places.register
def sheared(spec: RandomShear, p: jax.Array, q: jax.Array, draws: Draws) -> Places:
    op, oq = middle(p, q) if spec.origin == "center" else (0.0, 0.0)
    across, down = (draws.uniform(i, *bounds(f), jnp.float64) for i, f in enumerate((spec.x_factor, spec.y_factor)))
    if spec.mirrored:
        sign = jnp.where(draws.happens(2, 0.5), -1.0, 1.0)
        across, down = sign * across, sign * down
    return p + down * (q - oq), q + across * (p - op)


@places.register
def seen_aside(spec: RandomPerspective, p: jax.Array, q: jax.Array, draws: Draws) -> Places:
    height, width = max(len(p) - 1, 1), max(len(q) - 1, 1)
    corners = []
    for n, (u, v) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        a, b = (draws.uniform(word, *spec.moves(), jnp.float64) for word in (1 + 2 * n, 2 + 2 * n))
        inward = spec.corners == "inward"
        corners.append((u + (1 - 2 * u) * a, v + (1 - 2 * v) * b) if inward else (u + u * a, v + v * b))
    m = _projection(*corners)
    a, b, k = (m[i] * (p / height) + m[i + 1] * (q / width) + m[i + 2] for i in (0, 3, 6))
    k = jnp.where(k == 0, jnp.finfo(jnp.float64).tiny, k)
    return jnp.clip(height * (a / k), -(2.0**20), 2.0**20), jnp.clip(width * (b / k), -(2.0**20), 2.0**20)


def _projection(first: Places, right: Places, down: Places, last: Places) -> tuple[jax.Array, ...]:
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
def distorted(spec: RandomElasticTransform, p: jax.Array, q: jax.Array, draws: Draws) -> Places:
    alpha, sigma, reach = spec.units(len(p), len(q))
    f = draws.uniform(1, *spec.strengths(), jnp.float64)
    z = draws.normals((len(f), len(p), len(q), 2), jnp.float64)
    rows, columns = (_blurring(sigma * f[:, 0], reach, n) for n in (len(p), len(q)))
    moved = alpha * f * (sigma * f) * jnp.einsum("bik,bklc,bjl->bijc", rows, z, columns)
    return p + moved[..., :1], q + moved[..., 1:]


def _blurring(sigma: jax.Array, reach: int, n: int) -> jax.Array:
    """For each image the matrix (n, n) of a Gaussian kernel of this width, (batch, 1, 1), that ends at 3⌊sigma⌋."""

    def kernel(i: jax.Array) -> jax.Array:
        return jnp.where(abs(i) <= 3 * jnp.floor(sigma), jnp.exp(-0.5 * (i / jnp.where(sigma > 0, sigma, 1)) ** 2), 0)

    at = jnp.arange(n, dtype=jnp.float64)
    return kernel(at[:, None] - at) / kernel(jnp.arange(-reach, reach + 1.0)).sum(-1, keepdims=True)


def middle(p: jax.Array, q: jax.Array) -> tuple[float, float]:
    """The middle of an image with these rows and columns."""
    return (len(p) - 1) / 2, (len(q) - 1) / 2
