"""Layers around others whose kernel they normalize."""

from __future__ import annotations

from typing import Any

import numpy as np
from flax import linen as nn, nnx

from nnspec.backends import Array
from nnspec.errors import PortError
from nnspec.layers.base import Layer
from nnspec.layers.weight_normalization import SpectralNorm, WeightNorm
from nnspec.porting.assembly import Assembly, Value
from nnspec_jax.porting.convert import Context, Layout, NoConversionError, convert


def _inner(module: Any, context: Context, x: Value) -> tuple[Layer, dict[str, Array]]:
    """The layer within, and its variables, as its own conversion says."""
    inner = module.layer_instance
    apart = Assembly()
    shape = context.shapes[x]
    value = apart.input("x", shape[1:])
    alone = Context(apart, name="inner", origin=context.origin, shapes={value: shape}, anchor=value)
    made = convert(inner, alone, value)
    call = apart.made(made) if isinstance(made, Value) else None
    if call is None or call.inputs != (value,) or not {"kernel"} <= set(call.variables) <= {"kernel", "bias"}:
        raise PortError(f"{context.origin} normalizes something else than one kernel, which nnspec cannot express")
    return call.layer, {f"layer/{name}": array for name, array in call.variables.items()}


@convert.register(nnx.WeightNorm)
@convert.register(nn.WeightNorm)
def weight_norm(module: Any, context: Context, x: Value) -> Value:
    if context.layouts.get(x, Layout()) != Layout():
        raise NoConversionError("the batch is not the first axis")
    layer, own = _inner(module, context, x)
    axes = (
        module.feature_axes
        if module.feature_axes is None or isinstance(module.feature_axes, int)
        else tuple(module.feature_axes)
    )
    if axes == ():
        axes = None
    scales = _scales(module)
    if scales.keys() - {"kernel"}:
        raise PortError(f"{context.origin} normalizes {', '.join(sorted(scales))}: nnspec normalizes kernels alone")
    made = WeightNorm(layer, feature_axes=axes, use_scale=bool(module.use_scale), epsilon=float(module.epsilon))
    if module.use_scale:
        own["scale"] = scales["kernel"]
    return context.call(made, x, variables=own)


def _scales(module: Any) -> dict[str, Array]:
    """The scales by the name of the variable that they belong to."""
    if isinstance(module, nn.Module):
        held = module.variables["params"]
        return {name.split("/")[-2]: np.asarray(x) for name, x in held.items() if name.endswith("/scale")}
    return {path[-1]: np.asarray(x) for path, x in (module.scales or {}).items()}


@convert.register(nnx.SpectralNorm)
@convert.register(nn.SpectralNorm)
def spectral_norm(module: Any, context: Context, x: Value, update_stats: bool | None = None) -> Value:
    if context.layouts.get(x, Layout()) != Layout():
        raise NoConversionError("the batch is not the first axis")
    layer, own = _inner(module, context, x)
    if module.n_steps < 1:
        return context.call(layer, x, variables={name.removeprefix("layer/"): array for name, array in own.items()})
    u, sigma = _statistics(module)
    if context.initial:
        sigma = _sigma(own["layer/kernel"], u, module.n_steps, float(module.epsilon)).astype(sigma.dtype)
    context.note(
        "Spectral norms of the original take further steps in inference, too; here inference divides by a σ that is "
        "stored, now that of these steps."
    )
    made = SpectralNorm(layer, n_steps=module.n_steps, epsilon=float(module.epsilon), stored_sigma=True)
    return context.call(made, x, variables={**own, "u": u.reshape(-1), "sigma": sigma.reshape(())})


def _sigma(kernel: Array, u: Array, steps: int, epsilon: float) -> Array:
    """What Flax divides by in inference."""
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
    right = u.reshape(-1).astype(np.float64)
    for _ in range(steps):
        left = matrix @ right
        left = left / np.sqrt((left * left).sum() + epsilon)
        right = left @ matrix
        right = right / np.sqrt((right * right).sum() + epsilon)
    return np.asarray(left @ matrix @ right)


def _statistics(module: Any) -> tuple[Array, Array]:
    if isinstance(module, nn.Module):
        held = module.variables[module.collection_name]
        return tuple(  # type: ignore[return-value]
            np.asarray(next(x for name, x in held.items() if name.endswith(f"kernel/{which}")))
            for which in ("u", "sigma")
        )
    found = {path[-1]: np.asarray(x[...]) for path, x in module.batch_stats.items() if path[-2] == "kernel"}
    return found["u"], found["sigma"]
