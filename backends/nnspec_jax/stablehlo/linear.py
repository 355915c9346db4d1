"""Products, convolutions, transforms and the solution of equations."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from nnspec.stablehlo.module import Operation
from nnspec_jax.realize import HIGHEST
from nnspec_jax.stablehlo.dimensions import convolution_numbers, windows
from nnspec_jax.stablehlo.evaluate import Run, rule


@rule("dot_general")
def dot_general(run: Run, operation: Operation, x: Any, y: Any) -> Any:
    n = operation.attributes["dot_dimension_numbers"]
    numbers = (
        (n["lhs_contracting_dimensions"], n["rhs_contracting_dimensions"]),
        (n["lhs_batching_dimensions"], n["rhs_batching_dimensions"]),
    )
    return lax.dot_general(x, y, numbers, precision=HIGHEST, preferred_element_type=run.dtype(operation.types[0]))


@rule("dot")
def dot(run: Run, operation: Operation, x: Any, y: Any) -> Any:
    return lax.dot(x, y, precision=HIGHEST, preferred_element_type=run.dtype(operation.types[0]))


@rule("convolution")
def convolution(run: Run, operation: Operation, x: Any, kernel: Any) -> Any:
    a, n = operation.attributes, operation.attributes["dimension_numbers"]
    spatial = n["kernel_spatial_dimensions"]
    count = len(spatial)
    turned = [axis for axis, turns in zip(spatial, a.get("window_reversal") or (False,) * count, strict=True) if turns]
    return lax.conv_general_dilated(
        x,
        lax.rev(kernel, turned),
        *windows(a, count, "window_strides", "lhs_dilation", "rhs_dilation"),
        convolution_numbers(n),
        a["feature_group_count"],
        a["batch_group_count"],
        HIGHEST,
        run.dtype(operation.types[0]),
    )


@rule("fft")
def fft(run: Run, operation: Operation, x: Any) -> Any:
    a = operation.attributes
    return lax.fft(x, a["fft_type"], a["fft_length"])


@rule("cholesky")
def cholesky(run: Run, operation: Operation, x: Any) -> Any:
    """The factor; the other triangle is whatever it was, as nothing is said of it."""
    if operation.attributes.get("lower", False):
        return lax.linalg.cholesky(x, symmetrize_input=False)
    return jnp.conj(
        jnp.swapaxes(lax.linalg.cholesky(jnp.conj(jnp.swapaxes(x, -1, -2)), symmetrize_input=False), -1, -2)
    )


@rule("triangular_solve")
def triangular_solve(run: Run, operation: Operation, a: Any, b: Any) -> Any:
    given = operation.attributes
    turned = given.get("transpose_a", "NO_TRANSPOSE")
    return lax.linalg.triangular_solve(
        a,
        b,
        left_side=given["left_side"],
        lower=given["lower"],
        transpose_a=turned != "NO_TRANSPOSE",
        conjugate_a=turned == "ADJOINT",
        unit_diagonal=given["unit_diagonal"],
    )
