"""Operations of single elements."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nnspec.errors import PortError
from nnspec.stablehlo.module import Operation
from nnspec_jax.porting.hlo.evaluate import Run, computed_in, is_splat, rule
from nnspec_jax.porting.hlo.module import numpy_dtype
from nnspec_jax.stablehlo.elementwise import CALLS, COMPARISONS, FUNCTIONS, ROUNDINGS

_FUNCTIONS: dict[str, Any] = {
    **FUNCTIONS,
    "chlo.acos": jnp.arccos,
    "chlo.acosh": jnp.arccosh,
    "chlo.asin": jnp.arcsin,
    "chlo.asinh": jnp.arcsinh,
    "chlo.atan": jnp.arctan,
    "chlo.atanh": jnp.arctanh,
    "chlo.cosh": jnp.cosh,
    "chlo.digamma": lax.digamma,
    "chlo.erf": lax.erf,
    "chlo.erf_inv": lax.erf_inv,
    "chlo.erfc": lax.erfc,
    "chlo.lgamma": lax.lgamma,
    "chlo.sinh": jnp.sinh,
    "chlo.square": lax.square,
    "chlo.tan": lax.tan,
}


def _register(name: str, function: Any) -> None:
    @rule(name, elementwise=True)
    def apply(run: Run, operation: Operation, *given: Any) -> Any:
        return function(*given)


for _name, _function in _FUNCTIONS.items():
    _register(_name, _function)


@rule(*ROUNDINGS, elementwise=True)
def rounded(run: Run, operation: Operation, x: Any) -> Any:
    return lax.round(x, ROUNDINGS[operation.name])


@rule("compare", elementwise=True)
def compare(run: Run, operation: Operation, x: Any, y: Any) -> Any:
    return COMPARISONS[operation.attributes["comparison_direction"]](x, y)


@rule("multiply", elementwise=True)
def multiply(run: Run, operation: Operation, x: Any, y: Any) -> Any:
    return lax.square(x) if x is y and not isinstance(x, np.ndarray) else lax.mul(x, y)


@rule("clamp")
def clamp(run: Run, operation: Operation, low: Any, x: Any, high: Any) -> Any:
    ends = [one.reshape(-1)[0] if isinstance(one, np.ndarray) and is_splat(one) else one for one in (low, high)]
    return lax.clamp(ends[0], x, ends[1])


@rule("select")
def select(run: Run, operation: Operation, condition: Any, x: Any, y: Any) -> Any:
    shape = operation.types[0].shape
    splats = all(isinstance(one, np.ndarray) and one.size and is_splat(one) for one in (x, y))
    if splats and (x.reshape(-1)[0], y.reshape(-1)[0]) == (1, 0) and np.shape(condition) == shape:
        return lax.convert_element_type(condition, x.dtype)
    if np.shape(condition) == () and shape:
        condition = lax.broadcast(condition, shape)
    return lax.select(condition, x, y)


@rule("convert", elementwise=True)
def convert(run: Run, operation: Operation, x: Any) -> Any:
    to = run.dtype(operation.types[0])
    if np.dtype(x.dtype) == to:
        return x
    return lax.ne(x, np.zeros((), x.dtype)) if to == np.bool_ else lax.convert_element_type(x, to)


@rule("constant")
def constant(run: Run, operation: Operation) -> Any:
    value = operation.attributes["value"]
    to = computed_in(value.dtype)
    if value.dtype == to:
        return value
    if value.size and not any(value.strides):
        return np.broadcast_to(value.reshape(-1)[0].astype(to), value.shape)
    return value.astype(to)


@rule("reduce_precision", "optimization_barrier", "mhlo.copy")
def same(run: Run, operation: Operation, *given: Any) -> Any:
    return list(given)


@rule("bitcast_convert")
def bitcast(run: Run, operation: Operation, x: Any) -> Any:
    to = numpy_dtype(operation.types[0].dtype)
    if np.dtype(x.dtype).kind == "f" or to.kind == "f":
        raise PortError(f"{run.where(operation)}: the bits of floats as whole numbers have no counterpart")
    return lax.bitcast_convert_type(x, to)


@rule("batch_norm_inference")
def batch_norm(run: Run, operation: Operation, x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> Any:
    axis = operation.attributes["feature_index"]
    shape = [size if i == axis else 1 for i, size in enumerate(x.shape)]
    one = [jnp.reshape(jnp.asarray(p), shape) for p in (scale, offset, mean, variance)]
    epsilon = np.asarray(operation.attributes["epsilon"], x.dtype)
    return (x - one[2]) * (lax.rsqrt(one[3] + epsilon) * one[0]) + one[1]


@rule("custom_call")
def custom(run: Run, operation: Operation, *given: Any) -> Any:
    name = operation.attributes["call_target_name"]
    if name in ("Sharding", "mhlo.sharding", "annotate_device_placement"):
        return list(given)
    if name in ("mhlo.topk", "chlo.top_k", "TopK"):
        return top_k(run, operation, *given)
    if name not in CALLS:
        raise PortError(
            f"{run.where(operation)} is a function of its compiler's own, which has no counterpart in nnspec"
        )
    return CALLS[name](*given)


@rule("chlo.top_k")
def top_k(run: Run, operation: Operation, x: Any) -> Any:
    k = operation.types[0].shape[-1]
    return list(jax.lax.top_k(x, k))
