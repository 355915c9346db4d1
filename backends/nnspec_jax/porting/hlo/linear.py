"""Products of arrays and convolutions."""

from __future__ import annotations

from typing import Any

from jax import lax

from nnspec.errors import PortError
from nnspec.stablehlo.module import Operation
from nnspec_jax.porting.hlo.evaluate import Run, rule
from nnspec_jax.stablehlo.dimensions import convolution_numbers, windows


@rule("dot_general")
def dot_general(run: Run, operation: Operation, x: Any, y: Any) -> Any:
    n = operation.attributes["dot_dimension_numbers"]
    summed = (n["lhs_contracting_dimensions"], n["rhs_contracting_dimensions"])
    paired = (n["lhs_batching_dimensions"], n["rhs_batching_dimensions"])
    return lax.dot_general(x, y, (summed, paired), preferred_element_type=run.dtype(operation.types[0]))


@rule("dot")
def dot(run: Run, operation: Operation, x: Any, y: Any) -> Any:
    numbers = (((x.ndim - 1,), (0,)), ((), ()))
    return lax.dot_general(x, y, numbers, preferred_element_type=run.dtype(operation.types[0]))


@rule("convolution")
def convolution(run: Run, operation: Operation, x: Any, kernel: Any) -> Any:
    a = operation.attributes
    n = a["dimension_numbers"]
    turned = [
        axis for axis, on in zip(n["kernel_spatial_dimensions"], a.get("window_reversal") or (), strict=False) if on
    ]
    if turned:
        kernel = lax.rev(kernel, turned)
    if a["batch_group_count"] != 1:
        raise PortError(f"{run.where(operation)}: a convolution that groups examples of the batch has no counterpart")
    count = len(n["input_spatial_dimensions"])
    return lax.conv_general_dilated(
        x,
        kernel,
        *windows(a, count, "window_strides", "lhs_dilation", "rhs_dilation"),
        convolution_numbers(n),
        a["feature_group_count"],
        preferred_element_type=run.dtype(operation.types[0]),
    )
