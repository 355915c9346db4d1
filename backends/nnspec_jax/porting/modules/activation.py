"""Activations with a parameter, and functions that modules are given."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn, nnx

from nnspec.layers import activation as layers
from nnspec.layers.base import Activation
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, NoConversionError, convert
from nnspec_jax.porting.marker import POINTWISE
from nnspec_jax.porting.modules.variables import variable

POINTWISE.update((nnx.PReLU, nn.PReLU))
_FUNCTIONS: dict[Any, type[Activation]] = {
    jax.nn.sigmoid: layers.Sigmoid,
    jax.nn.hard_sigmoid: layers.HardSigmoid,
    jax.nn.hard_tanh: layers.HardTanh,
    jax.nn.relu: layers.ReLU,
    jax.nn.relu6: layers.ReLU6,
    jax.nn.silu: layers.Silu,
    jax.nn.softplus: layers.Softplus,
    jax.nn.soft_sign: layers.SoftSign,
    jax.nn.elu: layers.ELU,
    jax.nn.selu: layers.SELU,
    jnp.tanh: layers.Tanh,
    jax.lax.tanh: layers.Tanh,
}


def activation_of(function: Any) -> Activation:
    """The spec of a function that a module applies.

    Raises:
        NoConversionError: it is none of JAX's.
    """
    try:
        return _FUNCTIONS[function]()
    except (KeyError, TypeError) as error:
        raise NoConversionError(f"the function {function}") from error


@convert.register(nnx.PReLU)
@convert.register(nn.PReLU)
def prelu(module: nnx.PReLU | nn.PReLU, context: Context, inputs: Value) -> Value:
    slope = variable(module, "negative_slope").reshape(1)
    return context.call(layers.PReLU(shared=True), inputs, variables={"slope": slope})
