# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx


class SeparableConv(nnx.Module):
    """A convolution of each channel by itself, then one of single positions."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: tuple[int, ...],
        *,
        depth_multiplier: int = 1,
        strides: int | Sequence[int] = 1,
        padding: str | Sequence[tuple[int, int]] = "SAME",
        kernel_dilation: int | Sequence[int] = 1,
        use_bias: bool = True,
        rngs: nnx.Rngs,
    ) -> None:
        self.depthwise = nnx.Conv(
            in_features,
            in_features * depth_multiplier,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            kernel_dilation=kernel_dilation,
            feature_group_count=in_features,
            use_bias=False,
            rngs=rngs,
        )
        self.pointwise = nnx.Linear(
            in_features * depth_multiplier, out_features, use_bias=use_bias, rngs=rngs
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.pointwise(self.depthwise(x))


class ConvTranspose(nnx.Module):
    """A transposed convolution in groups, or one that is cut at its ends.

    ``padding`` says how many zeros stand around the input once its elements are
    ``strides`` apart; negative numbers cut the result.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: tuple[int, ...],
        *,
        strides: Sequence[int] | None = None,
        padding: Sequence[tuple[int, int]],
        kernel_dilation: Sequence[int] | None = None,
        feature_group_count: int = 1,
        use_bias: bool = True,
        rngs: nnx.Rngs,
    ) -> None:
        init = nnx.initializers.lecun_normal()
        shape = (*kernel_size, in_features // feature_group_count, out_features)
        self.kernel = nnx.Param(init(rngs.params(), shape))
        self.bias = nnx.Param(jnp.zeros((out_features,))) if use_bias else None
        self.strides = strides
        self.padding = padding
        self.kernel_dilation = kernel_dilation
        self.feature_group_count = feature_group_count

    def __call__(self, x: jax.Array) -> jax.Array:
        axes = "DHW"[5 - x.ndim :]
        y = jax.lax.conv_general_dilated(
            x,
            self.kernel[...],
            (1,) * len(axes),
            [(max(low, 0), max(high, 0)) for low, high in self.padding],
            lhs_dilation=self.strides,
            rhs_dilation=self.kernel_dilation,
            dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
            feature_group_count=self.feature_group_count,
        )
        cut = [(min(low, 0), min(high, 0), 0) for low, high in self.padding]
        y = jax.lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *cut, (0, 0, 0)])
        return y if self.bias is None else y + self.bias[...]
