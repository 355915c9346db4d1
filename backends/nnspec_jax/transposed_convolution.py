"""Transposed convolution.

Flax's layer has neither groups nor padding at the end of the output. XLA's convolution has all of it: over an input
with zeros between its elements, by a flipped kernel. Where each group has one channel, XLA for CPUs would multiply all
channels by a kernel that is mostly zeros, so that products are written out there, as for ``Conv``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from itertools import product

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.activation import Identity
from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.layers.window import extent
from nnspec_jax.realize import HIGHEST, Context, build, widened


class SpecConvTranspose(nnx.Module):
    """A transposed convolution followed by an activation, rounded once, at the end."""

    def __init__(self, spec: ConvTranspose, activation: Callable[[jax.Array], jax.Array], context: Context) -> None:
        self.spec = spec
        self.activation = activation
        shapes = {name: param.shape for name, param in spec.params(*context.shapes).items()}
        self.kernel = nnx.Param(jnp.zeros(shapes["kernel"], context.dtype))
        self.bias = nnx.Param(jnp.zeros(shapes["bias"], context.dtype)) if spec.use_bias else None

    def __call__(self, inputs: jax.Array) -> jax.Array:
        x, spec = widened(inputs), self.spec
        transposed = _depthwise if 1 < spec.groups == x.shape[-1] else _transposed
        y = transposed(spec, x, self.kernel[...].astype(x.dtype))
        if self.bias is not None:
            y += self.bias[...].astype(x.dtype)
        return self.activation(y).astype(inputs.dtype)


def _transposed(spec: ConvTranspose, x: jax.Array, kernel: jax.Array) -> jax.Array:
    rank = len(spec.kernel_size)
    around = [
        # As many zeros as let the window's last element, which is the flipped kernel's first, meet every element.
        (reach - 1 - before, stride - 1 + more + before)
        for reach, before, stride, more in zip(
            extent(spec.kernel_size, spec.dilations), spec.before, spec.stride, spec.beyond, strict=True
        )
    ]
    letters = "DHW"[3 - rank :]
    y = jax.lax.conv_general_dilated(
        x,
        jnp.flip(kernel, range(rank)),
        (1,) * rank,
        [(max(low, 0), max(high, 0)) for low, high in around],
        lhs_dilation=spec.stride,
        rhs_dilation=spec.dilations,
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=spec.groups,
        precision=HIGHEST,
    )
    # Not by negative padding: XLA for CPUs (jaxlib 0.10.2) gets the kernel's gradient wrong there in float32.
    cut = [(min(low, 0), min(high, 0), 0) for low, high in around]
    return jax.lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *cut, (0, 0, 0)])


def _depthwise(spec: ConvTranspose, x: jax.Array, kernel: jax.Array) -> jax.Array:
    sizes = spec.linear(x.shape)
    x = jnp.repeat(x, spec.features // x.shape[-1], -1)

    def put(place: tuple[int, ...]) -> jax.Array:
        """The products of one place in the window, where they belong."""
        margins = [(0, 0, 0)]
        for axis, (at, dilation, stride) in enumerate(zip(place, spec.dilations, spec.stride, strict=True), 1):
            first = at * dilation - spec.before[axis - 1]
            size = sizes[axis]
            assert size is not None
            margins.append((first, size - first - (x.shape[axis] - 1) * stride - 1, stride - 1))
        return jax.lax.pad(x * kernel[(*place, 0)], jnp.zeros((), x.dtype), [*margins, (0, 0, 0)])

    return reduce(operator.add, map(put, product(*map(range, spec.kernel_size))))


@build.register
def conv_transpose(spec: ConvTranspose, context: Context) -> SpecConvTranspose:
    linear = spec.linear(*context.shapes)
    activation = build(spec.activation or Identity(), replace(context, shapes=(linear,)))
    return SpecConvTranspose(spec, activation, context)
