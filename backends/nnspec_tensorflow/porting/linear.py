"""Linear layers."""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.activation import applied, within
from nnspec_tensorflow.porting.convert import Context, convert
from nnspec_tensorflow.startup import keras


@convert.register(keras.layers.Dense)
def dense(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    if len(layer.kernel.shape) != 2:
        raise context.error(f"its kernel has the shape {list(layer.kernel.shape)}, not one of two axes")
    spec = nnspec.Dense(layer.units, within(layer.activation), layer.bias is not None)
    variables = {"kernel": layer.kernel} if layer.bias is None else {"kernel": layer.kernel, "bias": layer.bias}
    return applied(context, layer.activation, context.call(spec, inputs, variables=variables))


@convert.register(keras.layers.EinsumDense)
def einsum_dense(layer: Any, context: Context, inputs: Value, training: bool | None = None) -> Value:
    spec = einsum_spec(layer)
    return applied(context, layer.activation, context.call(spec, inputs, variables=einsum_variables(layer)))


def einsum_spec(layer: Any) -> nnspec.EinsumDense:
    """An ``EinsumDense`` of the spec."""
    return nnspec.EinsumDense(
        layer.equation.replace(" ", ""), tuple(layer.kernel.shape), layer.bias_axes or None, within(layer.activation)
    )


def einsum_variables(layer: Any) -> dict[str, Any]:
    """Its variables: Keras's bias has an axis of size 1 for each letter that is not among its own."""
    if layer.bias is None:
        return {"kernel": layer.kernel}
    return {"kernel": layer.kernel, "bias": _squeezed(layer.bias)}


def _squeezed(bias: Any) -> Any:
    import numpy as np

    array = np.asarray(bias)
    return array.reshape(tuple(size for size in array.shape if size != 1) or (1,))
