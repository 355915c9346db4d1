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
from nnspec.layers.warping import RandomRotation, RandomShear, RandomTranslation, RandomZoom, _Warp
from nnspec_jax.augmentation import Draws, augmentation, augmented
from nnspec_jax.realize import build

Places = tuple[jax.Array, jax.Array]

for cls in (RandomRotation, RandomShear, RandomTranslation, RandomZoom):
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
    if spec.interpolation == "nearest":
        return _read(spec, x, i, j)
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


def middle(p: jax.Array, q: jax.Array) -> tuple[float, float]:
    """The middle of an image with these rows and columns."""
    return (len(p) - 1) / 2, (len(q) - 1) / 2
