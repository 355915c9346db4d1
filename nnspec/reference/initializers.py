"""Initializers: first values, drawn in float64 from the Philox words of the stream (variable, "init")."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from nnspec import initializers as specs
from nnspec.errors import ShapeError
from nnspec.random import stream_of, uniforms
from nnspec.reference.base import missing

Shape = tuple[int, ...]
Values = NDArray[np.float64]
# The standard deviation of a standard normal cut at ±2.
TRUNCATED_STDDEV = 0.87962566103423978


@functools.singledispatch
def draw(spec: Any, shape: Shape, seed: int, name: str) -> Values:
    """The first values of the variable ``name``.

    Raises:
        BackendError: the class is not registered.
        ShapeError: the initializer does not take variables of this shape.
    """
    raise missing(spec)


def fans(shape: Shape) -> tuple[int, int]:
    """(fan_in, fan_out) of a kernel (*window, in, out); both are the size for a vector, and 1 for a scalar."""
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    *window, inputs, outputs = shape
    return math.prod(window) * inputs, math.prod(window) * outputs


def _uniform(shape: Shape, seed: int, name: str) -> Values:
    """Numbers uniform on (0, 1), in row-major order."""
    return uniforms(seed, stream_of(name, "init"), 0, math.prod(shape)).reshape(shape)


def _normal(shape: Shape, seed: int, name: str) -> Values:
    z: Values = ndtri(_uniform(shape, seed, name))
    return z


def _truncated_normal(lower: float, upper: float, shape: Shape, seed: int, name: str) -> Values:
    """Standard normals given lower ≤ z ≤ upper."""
    if lower > 0:  # above 0 Φ is close to 1, where it can't be told apart: draw on the other side
        return -_truncated_normal(-upper, -lower, shape, seed, name)
    low, high = float(ndtr(lower)), float(ndtr(upper))
    z: Values = ndtri(low + (high - low) * _uniform(shape, seed, name))
    return np.clip(z, lower, upper)


@draw.register(specs.Zeros)
def _zeros(spec: specs.Zeros, shape: Shape, seed: int, name: str) -> Values:
    return np.zeros(shape)


@draw.register(specs.Ones)
def _ones(spec: specs.Ones, shape: Shape, seed: int, name: str) -> Values:
    return np.ones(shape)


@draw.register(specs.Constant)
def _constant(spec: specs.Constant, shape: Shape, seed: int, name: str) -> Values:
    return np.full(shape, float(spec.value))


@draw.register(specs.ForgetBias)
def _forget_bias(spec: specs.ForgetBias, shape: Shape, seed: int, name: str) -> Values:
    if not shape or shape[-1] % 4:
        raise ShapeError(f"forget_bias needs four gates side by side in the last axis, got shape {list(shape)}")
    w = np.zeros(shape)
    w[..., shape[-1] // 4 : shape[-1] // 2] = spec.value
    return w


@draw.register(specs.Normal)
def _draw_normal(spec: specs.Normal, shape: Shape, seed: int, name: str) -> Values:
    return spec.mean + spec.stddev * _normal(shape, seed, name)


@draw.register(specs.Uniform)
def _draw_uniform(spec: specs.Uniform, shape: Shape, seed: int, name: str) -> Values:
    return spec.minimum + (spec.maximum - spec.minimum) * _uniform(shape, seed, name)


@draw.register(specs.TruncatedNormal)
def _draw_truncated_normal(spec: specs.TruncatedNormal, shape: Shape, seed: int, name: str) -> Values:
    return spec.mean + spec.stddev * _truncated_normal(spec.lower, spec.upper, shape, seed, name)


@draw.register(specs.VarianceScaling)
def _variance_scaling(spec: specs.VarianceScaling, shape: Shape, seed: int, name: str) -> Values:
    fan_in, fan_out = fans(shape)
    n = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": math.sqrt(fan_in * fan_out),
    }[spec.mode]
    variance = spec.scale / n
    if spec.distribution == "uniform":
        limit = math.sqrt(3 * variance)
        return -limit + 2 * limit * _uniform(shape, seed, name)
    if spec.distribution == "normal":
        return math.sqrt(variance) * _normal(shape, seed, name)
    return math.sqrt(variance) / TRUNCATED_STDDEV * _truncated_normal(-2.0, 2.0, shape, seed, name)


@draw.register(specs._Scaled)
def _scaled(spec: specs._Scaled, shape: Shape, seed: int, name: str) -> Values:
    return draw(spec.scaling(), shape, seed, name)


@draw.register(specs.Orthogonal)
def _orthogonal(spec: specs.Orthogonal, shape: Shape, seed: int, name: str) -> Values:
    if not shape:
        raise ShapeError("orthogonal draws matrices: a variable without axes cannot be drawn")
    matrix = _normal(shape, seed, name).reshape(math.prod(shape[:-1]), shape[-1])
    wide = matrix.shape[0] < matrix.shape[1]
    q, r = np.linalg.qr(matrix.T if wide else matrix)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return spec.gain * np.ascontiguousarray(q.T if wide else q).reshape(shape)


@draw.register(specs.DeltaOrthogonal)
def _delta_orthogonal(spec: specs.DeltaOrthogonal, shape: Shape, seed: int, name: str) -> Values:
    if len(shape) < 3 or shape[-2] > shape[-1]:
        raise ShapeError(
            "delta_orthogonal draws kernels (*window, in, out) with at most as many inputs as outputs, "
            f"got shape {list(shape)}"
        )
    w = np.zeros(shape)
    w[tuple((k - 1) // 2 for k in shape[:-2])] = draw(specs.Orthogonal(spec.gain), shape[-2:], seed, name)
    return w


@draw.register(specs.Sparse)
def _sparse(spec: specs.Sparse, shape: Shape, seed: int, name: str) -> Values:
    if len(shape) < 2:
        raise ShapeError(
            "sparse draws kernels (..., out), whose units have several inputs each: one of fewer than 2 axes cannot be "
            f"drawn, got shape {list(shape)}"
        )
    # The first half of the numbers makes the values, the second the order in which weights are set to 0.
    drawn, order = _uniform((2, math.prod(shape[:-1]), shape[-1]), seed, name)
    w = spec.stddev * ndtri(drawn)
    zeros = math.ceil(spec.sparsity * w.shape[0])
    np.put_along_axis(w, np.argsort(order, axis=0, kind="stable")[:zeros], 0.0, axis=0)
    return np.asarray(w.reshape(shape))


@draw.register(specs.DepthScaled)
def _depth_scaled(spec: specs.DepthScaled, shape: Shape, seed: int, name: str) -> Values:
    return draw(spec.initializer, shape, seed, name) / math.sqrt(spec.depth)


@draw.register(specs.IdentityInit)
def _identity(spec: specs.IdentityInit, shape: Shape, seed: int, name: str) -> Values:
    if len(shape) != 2:
        raise ShapeError(f"identity draws variables of 2 axes, got shape {list(shape)}")
    return spec.gain * np.eye(*shape)
