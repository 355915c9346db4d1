"""What StableHLO's attributes say of axes and windows, in JAX's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jax import lax

Numbers = Mapping[str, Any]


def gather_numbers(n: Numbers) -> lax.GatherDimensionNumbers:
    return lax.GatherDimensionNumbers(
        n["offset_dims"],
        n["collapsed_slice_dims"],
        n["start_index_map"],
        n["operand_batching_dims"],
        n["start_indices_batching_dims"],
    )


def scatter_numbers(n: Numbers) -> lax.ScatterDimensionNumbers:
    return lax.ScatterDimensionNumbers(
        n["update_window_dims"],
        n["inserted_window_dims"],
        n["scattered_dims_to_operand_dims"],
        n["input_batching_dims"],
        n["scatter_indices_batching_dims"],
    )


def convolution_numbers(n: Numbers) -> lax.ConvDimensionNumbers:
    return lax.ConvDimensionNumbers(
        (n["input_batch_dimension"], n["input_feature_dimension"], *n["input_spatial_dimensions"]),
        (n["kernel_output_feature_dimension"], n["kernel_input_feature_dimension"], *n["kernel_spatial_dimensions"]),
        (n["output_batch_dimension"], n["output_feature_dimension"], *n["output_spatial_dimensions"]),
    )


def windows(a: Numbers, count: int, strides: str, inner: str, outer: str) -> tuple[Any, ...]:
    """Strides, padding and the two dilations of windows along so many axes: 1 and 0 where they are not given."""
    ones, padding = (1,) * count, a.get("padding")
    return (
        a.get(strides) or ones,
        [(int(low), int(high)) for low, high in padding] if padding is not None else [(0, 0)] * count,
        a.get(inner) or ones,
        a.get(outer) or ones,
    )
