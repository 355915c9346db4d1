"""Layers that shift, turn, stretch and distort images at random.

Keras's own compute in float32, on an operation that XLA does not have. Where elements are read from is computed in
float64 here, and they are gathered in the dtype of the images.
"""

from __future__ import annotations

import math
import sys
from functools import singledispatch
from typing import Any

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
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.augmentation import Draws, augmentation, augmented
from nnspec_tensorflow.realize import build, missing, sizes
from nnspec_tensorflow.startup import tf

Tensor = Any
Places = tuple[Tensor, Tensor]

for cls in (
    *(RandomElasticTransform, RandomPerspective),
    *(RandomRotation, RandomShear, RandomTranslation, RandomZoom),
):
    build.register(cls, augmentation)


@augmented.register
def warp(spec: _Warp, x: Tensor, draws: Draws) -> Tensor:
    p = tf.range(x.shape[1], dtype=tf.float64)[:, None, None]
    q = tf.range(x.shape[2], dtype=tf.float64)[:, None]
    y = _sampled(spec, x, *places(spec, p, q, draws))
    return y if spec.chance() == 1 else tf.where(draws.happens(0, spec.chance()), y, x)


def _sampled(spec: _Warp, x: Tensor, s: Tensor, t: Tensor) -> Tensor:
    """Images read at rows s and columns t, which broadcast to (batch, height, width, 1)."""
    if spec.interpolation == "nearest":
        return _read(spec, x, *(_whole(place + constant(0.5, place)) for place in (s, t)))
    i, j, one = _whole(s), _whole(t), constant(1, x)
    f, g = tf.cast(s - tf.floor(s), x.dtype), tf.cast(t - tf.floor(t), x.dtype)
    upper = (one - g) * _read(spec, x, i, j) + g * _read(spec, x, i, j + 1)
    lower = (one - g) * _read(spec, x, i + 1, j) + g * _read(spec, x, i + 1, j + 1)
    return (one - f) * upper + f * lower


def _whole(place: Tensor) -> Tensor:
    """The whole numbers below."""
    return tf.cast(tf.floor(place), tf.int32)


def _read(spec: _Warp, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The elements in whole rows and columns, those beyond the image by the fill mode."""
    batch, height, width, channels = sizes(x)
    i, j = _inside(spec.fill_mode, rows, height), _inside(spec.fill_mode, columns, width)
    flat = tf.reshape(tf.broadcast_to(width * i + j, (batch, height, width, 1)), (batch, height * width))
    found = tf.gather(tf.reshape(x, (batch, height * width, channels)), flat, batch_dims=1)
    found = tf.reshape(found, (batch, height, width, channels))
    if spec.fill_mode != "constant":
        return found
    seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return tf.where(seen, found, constant(spec.fill_value, x))


def _inside(mode: str, place: Tensor, n: int) -> Tensor:
    """Which of n elements a place, perhaps beyond them, shows."""
    if mode == "wrap":
        return place % n
    if mode == "reflect":
        place %= 2 * n
        return tf.minimum(place, 2 * n - 1 - place)
    return tf.clip_by_value(place, 0, n - 1)


@singledispatch
def places(spec: Any, p: Tensor, q: Tensor, draws: Draws) -> Places:
    """The row s and the column t, to be broadcast to (batch, height, width, 1), from which elements are read.

    p, (height, 1, 1), and q, (width, 1), are the rows and columns of the output; all is float64.

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


@places.register
def translated(spec: RandomTranslation, p: Tensor, q: Tensor, draws: Draws) -> Places:
    down = constant(p.shape[0], p) * draws.uniform(0, *bounds(spec.height_factor), tf.float64)
    right = constant(q.shape[0], q) * draws.uniform(1, *bounds(spec.width_factor), tf.float64)
    return p - down, q - right


@places.register
def rotated(spec: RandomRotation, p: Tensor, q: Tensor, draws: Draws) -> Places:
    (cp, cq), turns = middle(p, q), draws.uniform(0, *bounds(spec.factor), tf.float64)
    four = constant(4, turns)
    quarters = tf.round(four * turns)
    rest = constant(2 * math.pi, turns) * (turns - quarters / four)
    cos, sin = tf.cos(rest), tf.sin(rest)
    for quarter in range(3):
        more = tf.math.floormod(quarters, four) > constant(quarter, quarters)
        cos, sin = tf.where(more, -sin, cos), tf.where(more, cos, sin)
    return cp + cos * (p - cp) + sin * (q - cq), cq - sin * (p - cp) + cos * (q - cq)


@places.register
def zoomed(spec: RandomZoom, p: Tensor, q: Tensor, draws: Draws) -> Places:
    (cp, cq), ((row, high), (column, wide)) = middle(p, q), spec.factors()
    down, across = draws.uniform(row, *high, tf.float64), draws.uniform(column, *wide, tf.float64)
    return cp + down * (p - cp), cq + across * (q - cq)


@places.register
def sheared(spec: RandomShear, p: Tensor, q: Tensor, draws: Draws) -> Places:
    op, oq = middle(p, q) if spec.origin == "center" else (constant(0, p), constant(0, q))
    across, down = (draws.uniform(i, *bounds(f), tf.float64) for i, f in enumerate((spec.x_factor, spec.y_factor)))
    if spec.mirrored:
        sign = tf.where(draws.happens(2, 0.5), constant(-1, p), constant(1, p))
        across, down = sign * across, sign * down
    return p + down * (q - oq), q + across * (p - op)


@places.register
def seen_aside(spec: RandomPerspective, p: Tensor, q: Tensor, draws: Draws) -> Places:
    height, width = (constant(max(n.shape[0] - 1, 1), p) for n in (p, q))
    corners = []
    for n, (u, v) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        a, b = (draws.uniform(word, *spec.moves(), tf.float64) for word in (1 + 2 * n, 2 + 2 * n))
        x, y = (1 - 2 * u, 1 - 2 * v) if spec.corners == "inward" else (u, v)
        corners.append((constant(u, p) + constant(x, p) * a, constant(v, p) + constant(y, p) * b))
    m = _projection(*corners)
    a, b, k = (m[i] * (p / height) + m[i + 1] * (q / width) + m[i + 2] for i in (0, 3, 6))
    k = tf.where(k == 0, constant(sys.float_info.min, p), k)
    low, high = constant(-(2.0**20), p), constant(2.0**20, p)
    return tf.clip_by_value(height * (a / k), low, high), tf.clip_by_value(width * (b / k), low, high)


def _projection(first: Places, right: Places, down: Places, last: Places) -> tuple[Tensor, ...]:
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
def distorted(spec: RandomElasticTransform, p: Tensor, q: Tensor, draws: Draws) -> Places:
    height, width = p.shape[0], q.shape[0]
    alpha, sigma, reach = spec.units(height, width)
    f = draws.uniform(1, *spec.strengths(), tf.float64)
    z = draws.normals(tf.zeros((sizes(f)[0], height, width, 2), tf.float64))
    alphas, sigmas = constant(alpha, f) * f, constant(sigma, f) * f
    rows, columns = (_blurring(sigmas[:, 0], reach, n) for n in (height, width))
    moved = alphas * sigmas * tf.einsum("bik,bklc,bjl->bijc", rows, z, columns)
    return p + moved[..., :1], q + moved[..., 1:]


def _blurring(sigma: Tensor, reach: int, n: int) -> Tensor:
    """For each image the matrix (n, n) of a Gaussian kernel of this width, (batch, 1, 1), that ends at 3⌊sigma⌋."""

    def kernel(i: Tensor) -> Tensor:
        inside = tf.abs(i) <= constant(3, i) * tf.floor(sigma)
        width = tf.where(sigma > 0, sigma, tf.ones_like(sigma))
        return tf.where(inside, tf.exp(constant(-0.5, i) * tf.square(i / width)), constant(0, i))

    at, around = tf.range(n, dtype=tf.float64), tf.range(-reach, reach + 1, dtype=tf.float64)
    return kernel(at[:, None] - at) / tf.reduce_sum(kernel(around), -1, keepdims=True)


def middle(p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
    """The middle of an image with these rows and columns."""
    return constant((p.shape[0] - 1) / 2, p), constant((q.shape[0] - 1) / 2, q)
