"""Linear layers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn, nnx

from nnspec.errors import SpecError
from nnspec.layers.linear import Dense, DenseGeneral, EinsumDense
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Layout, NoConversionError, convert
from nnspec_jax.porting.marker import POINTWISE
from nnspec_jax.porting.modules.variables import variables

POINTWISE.update((nnx.Linear, nnx.LinearGeneral, nn.Dense, nn.DenseGeneral))


def _usual_product(module: Any) -> None:
    """Refuse a module whose product is the user's own function."""
    own = getattr(module, "dot_general", None)
    if own not in (None, jax.lax.dot_general) or getattr(module, "dot_general_cls", None) is not None:
        raise NoConversionError("a product of the user's own")


@convert.register(nnx.Linear)
@convert.register(nn.Dense)
def dense(module: nnx.Linear | nn.Dense, context: Context, inputs: Value, out_sharding: Any = None) -> Value:
    _usual_product(module)
    features = module.features if isinstance(module, nn.Dense) else module.out_features
    layer = Dense(features, use_bias=bool(module.use_bias))
    return context.call(layer, inputs, variables=variables(module, "kernel", "bias"))


@convert.register(nnx.LinearGeneral)
@convert.register(nn.DenseGeneral)
def dense_general(
    module: nnx.LinearGeneral | nn.DenseGeneral, context: Context, inputs: Value, out_sharding: Any = None
) -> Value:
    _usual_product(module)
    if dict(module.batch_axis) if isinstance(module, nnx.LinearGeneral) else tuple(module.batch_dims):
        raise NoConversionError("a kernel for each example")
    features = module.features if isinstance(module, nn.DenseGeneral) else module.out_features
    features = (features,) if isinstance(features, int) else tuple(features)
    axes = (module.axis,) if isinstance(module.axis, int) else tuple(module.axis)
    if any(axis >= 0 for axis in axes):
        if context.layouts.get(inputs, Layout()) != Layout():
            raise NoConversionError("axes counted from one that is not the first here")
        rank = len(context.shapes[inputs])
        axes = tuple(axis - rank if axis >= 0 else axis for axis in axes)
    own = variables(module, "kernel", "bias")
    use_bias = bool(module.use_bias)
    if axes == (-1,) and len(features) == 1:
        return context.call(Dense(features[0], use_bias=use_bias), inputs, variables=own)
    axes = tuple(sorted(axes))  # Flax's kernel, too, has them in the input's order
    layer = DenseGeneral(features, axes=axes if len(axes) > 1 else axes[0], use_bias=use_bias)
    return context.call(layer, inputs, variables=own)


@convert.register(nnx.Einsum)
@convert.register(nn.Einsum)
def einsum(
    module: nnx.Einsum | nn.Einsum,
    context: Context,
    inputs: Value,
    einsum_str: str | None = None,
    out_sharding: Any = None,
) -> Value:
    if isinstance(module, nnx.Einsum) and module.einsum_op is not jnp.einsum:
        raise NoConversionError("a product of the user's own")
    if context.layouts.get(inputs, Layout()) != Layout():
        raise NoConversionError("the batch is not the first axis")
    own_shape = module.kernel_shape if isinstance(module, nnx.Einsum) else module.shape
    equation = (einsum_str or module.einsum_str).replace(" ", "")
    terms, result = equation.split("->")
    kernel = terms.split(",")[1]
    own = variables(module, "kernel", "bias")
    letters = "".join(letter for letter in result if letter in kernel and letter != ".") if "bias" in own else None
    try:
        layer = EinsumDense(equation, tuple(own_shape), bias_axes=letters)
        if letters:
            sizes = dict(zip(kernel, own_shape, strict=True))
            own["bias"] = own["bias"].reshape([sizes[letter] for letter in letters])
        return context.call(layer, inputs, variables=own)
    except SpecError as error:
        raise NoConversionError(str(error)) from error
