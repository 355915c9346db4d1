"""Sums of products, and what comes from linear algebra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.arrangement import padded, padded_shape
from nnspec.reference.stablehlo.evaluate import Call, checked_axes, rule
from nnspec.reference.stablehlo.reductions import windows


@rule("dot_general")
def dot_general(call: Call, x: Array, y: Array) -> Array:
    """Σ x · y over the contracting axes, for each place along the batching axes, computed in the result's type.

    The result has the batching axes, then the others of x, then those of y.
    """
    numbers: Mapping[str, Any] = call.attribute("dot_dimension_numbers")
    sides = []
    for name, array in (("lhs", x), ("rhs", y)):
        batch, contract = numbers[f"{name}_batching_dimensions"], numbers[f"{name}_contracting_dimensions"]
        checked_axes(f"the axes of {name}", (*batch, *contract), array.ndim)
        free = tuple(axis for axis in range(array.ndim) if axis not in (*batch, *contract))
        sides.append(tuple(tuple(array.shape[axis] for axis in axes) for axes in (batch, free, contract)))
        moved = array.astype(call.dtype).transpose((*batch, *free, *contract))
        x, y = (moved, y) if name == "lhs" else (x, moved)
    (batch, rows, contract), (other, columns, summed) = sides
    if batch != other or contract != summed:
        raise SpecError(f"sizes of {batch} and {contract} meet those of {other} and {summed}")
    n = int(np.prod(contract))
    left = x.reshape(int(np.prod(batch)), int(np.prod(rows)), n)
    right = y.reshape(int(np.prod(batch)), int(np.prod(columns)), n)
    return (left @ right.swapaxes(1, 2)).reshape((*batch, *rows, *columns))


@rule("dot")
def dot(call: Call, x: Array, y: Array) -> Array:
    """Σ x · y over the last axis of x and the first of y, of vectors and matrices, computed in the result's type."""
    if not 1 <= x.ndim <= 2 or not 1 <= y.ndim <= 2 or x.shape[-1] != y.shape[0]:
        raise SpecError(f"there is no product of {call.given[0]} and {call.given[1]}")
    return np.asarray(x.astype(call.dtype) @ y.astype(call.dtype))


@rule("convolution")
def convolution(call: Call, x: Array, kernel: Array) -> Array:
    """y[n, o, p] = Σ_{c, k} x̃[n, c, p · window_strides + k · rhs_dilation] · kernel[o, c, k].

    x̃ is x with lhs_dilation − 1 zeros between its elements, and padding around them. The kernel is turned over along
    the axes of window_reversal. With groups of features each has its own part of x's features and of the kernel's
    outputs; with groups of the batch its own part of the examples and of the outputs.
    """
    numbers: Mapping[str, Any] = call.attribute("dimension_numbers")
    count = x.ndim - 2
    order = {
        name: checked_axes(
            f"the axes of the {name}",
            (numbers[f"{name}_{first}_dimension"], numbers[f"{name}_{second}_dimension"], *numbers[spatial]),
            count + 2,
        )
        for name, first, second, spatial in (
            ("input", "batch", "feature", "input_spatial_dimensions"),
            ("kernel", "output_feature", "input_feature", "kernel_spatial_dimensions"),
            ("output", "batch", "feature", "output_spatial_dimensions"),
        )
    }
    stride, inner, dilation = (
        call.numbers(name, count, 1) for name in ("window_strides", "lhs_dilation", "rhs_dilation")
    )
    reversal = call.numbers("window_reversal", count, 0)
    padding = call.pairs("padding", count)
    if any(one < 1 for one in (*stride, *inner, *dilation)):
        raise SpecError("expected strides and dilations from 1 up")
    low, high = (0, 0, *(before for before, _ in padding)), (0, 0, *(after for _, after in padding))
    between = (0, 0, *(one - 1 for one in inner))
    x = x.astype(call.dtype).transpose(order["input"])
    kernel = kernel.astype(call.dtype).transpose(order["kernel"])
    kernel = np.flip(kernel, tuple(axis + 2 for axis, turned in enumerate(reversal) if turned))
    padded_shape(x.shape, low, high, between)
    x = padded(x, 0, low, high, between)
    of_features, of_batch = call.number("feature_group_count", 1), call.number("batch_group_count", 1)
    groups = max(of_features, of_batch)
    if min(of_features, of_batch) != 1 or kernel.shape[0] % groups or x.shape[0] % of_batch or x.shape[1] % of_features:
        raise SpecError(f"{of_features} groups of features and {of_batch} of the batch do not fit {call.given}")
    if kernel.shape[1] * of_features != x.shape[1]:
        raise SpecError(f"a kernel of {kernel.shape[1]} features for {x.shape[1] // of_features}")
    sizes = windows(x.shape[2:], kernel.shape[2:], stride, dilation)
    parts = np.split(x, groups, 1 if of_features > 1 else 0)
    y = np.concatenate(
        [
            _convolved(part, weights, sizes, stride, dilation)
            for part, weights in zip(parts, np.split(kernel, groups), strict=True)
        ],
        axis=1,
    )
    return y.transpose(np.argsort(order["output"]))


def _convolved(x: Array, kernel: Array, sizes: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Array:
    """x (n, c, *sizes before), kernel (o, c, *window) -> (n, o, *sizes)."""
    y = np.zeros((len(x), len(kernel), *sizes), x.dtype)
    for k in np.ndindex(*kernel.shape[2:]):
        at = tuple(
            slice(offset * d, offset * d + (size - 1) * s + 1 if size else 0, s)
            for offset, d, s, size in zip(k, dilation, stride, sizes, strict=True)
        )
        part = np.tensordot(kernel[(slice(None), slice(None), *k)], x[(slice(None), slice(None), *at)], (1, 1))
        y += part.swapaxes(0, 1)
    return y


@rule("fft")
def fft(call: Call, x: Array) -> Array:
    """The discrete Fourier transform over the last axes, as many as ``fft_length`` has; inverses are divided by n.

    The transform of real numbers has the first n // 2 + 1 elements of the last axis; its inverse takes those.
    """
    kind, length = call.attribute("fft_type"), call.numbers("fft_length")
    axes = range(x.ndim - len(length), x.ndim)
    if not 1 <= len(length) <= min(3, x.ndim):
        raise SpecError(f"fft_length is {list(length)}: expected one to three of {x.ndim} axes")
    own = [x.shape[axis] for axis in axes]
    expected = [*length[:-1], length[-1] // 2 + 1 if kind == "IRFFT" else length[-1]]
    if own != expected:
        raise SpecError(f"fft_length is {list(length)}: the last axes are {own}")
    if (x.dtype.kind == "c") != (kind != "RFFT"):
        raise SpecError(f"there is no {kind} of {call.given[0]}")
    transform: dict[str, Any] = {"FFT": np.fft.fftn, "IFFT": np.fft.ifftn, "RFFT": np.fft.rfftn, "IRFFT": np.fft.irfftn}
    if kind not in transform:
        raise SpecError(f"fft_type is {kind!r}: expected one of {', '.join(transform)}")
    y: Array = transform[kind](x, length, list(axes))
    return y.astype(call.dtype, copy=False)


@rule("cholesky")
def cholesky(call: Call, a: Array) -> Array:
    """Triangular L with L Lᴴ = a, or U with Uᴴ U = a where ``lower`` is false; that triangle of a is read.

    NaN where a matrix has none, as XLA has it; zeros in the other triangle.
    """
    lower = bool(call.attribute("lower", False))
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise SpecError(f"{call.given[0]} is not of square matrices")
    y = np.empty_like(a)
    for at in np.ndindex(a.shape[:-2]):
        matrix = a[at] if lower else a[at].conj().T
        try:
            factor = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            factor = np.full_like(matrix, np.nan)
        y[at] = factor if lower else factor.conj().T
    return y


@rule("triangular_solve")
def triangular_solve(call: Call, a: Array, b: Array) -> Array:
    """x with op(a) x = b, or x op(a) = b where ``left_side`` is false.

    op(a) is a, aᵀ or aᴴ. Of a the triangle of ``lower`` is read, with ones on its diagonal where ``unit_diagonal``.
    """
    left, lower, unit = (bool(call.attribute(name)) for name in ("left_side", "lower", "unit_diagonal"))
    turned = call.attribute("transpose_a")
    if turned not in ("NO_TRANSPOSE", "TRANSPOSE", "ADJOINT"):
        raise SpecError(f"transpose_a is {turned!r}: expected NO_TRANSPOSE, TRANSPOSE or ADJOINT")
    if a.ndim < 2 or a.ndim != b.ndim or a.shape[-1] != a.shape[-2] or a.shape[:-2] != b.shape[:-2]:
        raise SpecError(f"expected square matrices and right sides, got {call.given[0]} and {call.given[1]}")
    if b.shape[-2 if left else -1] != a.shape[-1]:
        raise SpecError(f"equations of {call.given[0]} have no right sides of {call.given[1]}")
    # x op(a) = b is op(a)ᵀ xᵀ = bᵀ.
    if not left:
        b = b.swapaxes(-1, -2)
    if (turned != "NO_TRANSPOSE") == left:
        a, lower = a.swapaxes(-1, -2), not lower
    if turned == "ADJOINT":
        a = a.conj()
    x, n = np.zeros_like(b), a.shape[-1]
    for i in range(n) if lower else reversed(range(n)):
        known = slice(0, i) if lower else slice(i + 1, n)
        rest = b[..., i, :] - np.einsum("...j,...jk->...k", a[..., i, known], x[..., known, :])
        x[..., i, :] = rest if unit else rest / a[..., i, i, None]
    return x if left else x.swapaxes(-1, -2)


@rule("batch_norm_inference")
def batch_norm_inference(call: Call, x: Array, scale: Array, offset: Array, mean: Array, variance: Array) -> Array:
    """(x − mean) / √(variance + epsilon) · scale + offset, with a number of each for a place along an axis."""
    axis = checked_axes("feature_index", (call.number("feature_index"),), x.ndim)[0]
    epsilon = x.dtype.type(call.attribute("epsilon"))
    for of in call.given[1:]:
        if of.shape != (x.shape[axis],):
            raise SpecError(f"expected {x.shape[axis]} numbers for the axis {axis}, got {of}")
    shape = [-1 if d == axis else 1 for d in range(x.ndim)]
    scale, offset, mean, variance = (one.reshape(shape) for one in (scale, offset, mean, variance))
    return np.asarray((x - mean) / np.sqrt(variance + epsilon) * scale + offset)
