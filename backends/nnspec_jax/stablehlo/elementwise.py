"""Operations of single elements."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nnspec.stablehlo.module import FLOATS, Operation, numpy_dtype
from nnspec_jax.stablehlo.evaluate import RULES, Run, rule

# StableHLO's operations that JAX has under other names.
FUNCTIONS: dict[str, Any] = {
    "abs": lax.abs,
    "add": lax.add,
    "atan2": lax.atan2,
    "cbrt": lax.cbrt,
    "ceil": lax.ceil,
    "cosine": lax.cos,
    "count_leading_zeros": lax.clz,
    "divide": lax.div,
    "exponential": lax.exp,
    "exponential_minus_one": lax.expm1,
    "floor": lax.floor,
    "is_finite": lax.is_finite,
    "log": lax.log,
    "log_plus_one": lax.log1p,
    "logistic": lax.logistic,
    "maximum": lax.max,
    "minimum": lax.min,
    "negate": lax.neg,
    "not": lax.bitwise_not,
    "or": lax.bitwise_or,
    "and": lax.bitwise_and,
    "xor": lax.bitwise_xor,
    "popcnt": lax.population_count,
    "power": lax.pow,
    "remainder": lax.rem,
    "rsqrt": lax.rsqrt,
    "shift_left": lax.shift_left,
    "shift_right_arithmetic": lax.shift_right_arithmetic,
    "shift_right_logical": lax.shift_right_logical,
    "sign": lax.sign,
    "sine": lax.sin,
    "sqrt": lax.sqrt,
    "subtract": lax.sub,
    "tan": lax.tan,
    "tanh": lax.tanh,
}
# What StableHLO lacks, as it is called in its place.
CALLS: dict[str, Any] = {
    "mhlo.acos": jnp.arccos,
    "mhlo.acosh": jnp.arccosh,
    "mhlo.asin": jnp.arcsin,
    "mhlo.asinh": jnp.arcsinh,
    "mhlo.atanh": jnp.arctanh,
    "mhlo.cosh": jnp.cosh,
    "mhlo.erf": lax.erf,
    "mhlo.sinh": jnp.sinh,
    "mhlo.tan": lax.tan,
}
COMPARISONS = {"EQ": lax.eq, "NE": lax.ne, "GE": lax.ge, "GT": lax.gt, "LE": lax.le, "LT": lax.lt}
ROUNDINGS = {
    "round_nearest_afz": lax.RoundingMethod.AWAY_FROM_ZERO,
    "round_nearest_even": lax.RoundingMethod.TO_NEAREST_EVEN,
}


def _register(name: str, function: Any) -> None:
    RULES[name] = lambda run, operation, *given: function(*given)


for _name, _function in {**FUNCTIONS, "multiply": lax.mul, "complex": lax.complex}.items():
    _register(_name, _function)


@rule(*ROUNDINGS)
def rounded(run: Run, operation: Operation, x: Any) -> Any:
    return lax.round(x, ROUNDINGS[operation.name])


@rule("real", "imag")
def part(run: Run, operation: Operation, x: Any) -> Any:
    if not jnp.iscomplexobj(x):
        return x if operation.name == "real" else jnp.zeros_like(x)
    return lax.real(x) if operation.name == "real" else lax.imag(x)


@rule("compare")
def compare(run: Run, operation: Operation, x: Any, y: Any) -> Any:
    direction = operation.attributes["comparison_direction"]
    if operation.attributes.get("compare_type") == "TOTALORDER":
        x, y = ordered(x), ordered(y)
    return COMPARISONS[direction](x, y)


def ordered(x: Any) -> Any:
    """Whole numbers in the total order of floats: −NaN, −∞, …, −0, 0, …, ∞, NaN (IEEE 754, totalOrder)."""
    bits = lax.bitcast_convert_type(x, np.dtype(f"int{x.dtype.itemsize * 8}"))
    largest = np.array(np.iinfo(bits.dtype).max, bits.dtype)
    return jnp.where(bits < 0, bits ^ largest, bits)


@rule("clamp")
def clamp(run: Run, operation: Operation, low: Any, x: Any, high: Any) -> Any:
    return lax.clamp(low, x, high)


@rule("select")
def select(run: Run, operation: Operation, condition: Any, x: Any, y: Any) -> Any:
    return lax.select(condition if condition.shape == x.shape else lax.broadcast(condition, x.shape), x, y)


@rule("convert")
def convert(run: Run, operation: Operation, x: Any) -> Any:
    to = run.dtype(operation.types[0])
    if to == np.bool_:
        return lax.ne(x, np.zeros((), x.dtype))
    return lax.convert_element_type(lax.real(x) if jnp.iscomplexobj(x) and to.kind != "c" else x, to)


@rule("reduce_precision")
def reduce_precision(run: Run, operation: Operation, x: Any) -> Any:
    return lax.reduce_precision(x, operation.attributes["exponent_bits"], operation.attributes["mantissa_bits"])


@rule("constant")
def constant(run: Run, operation: Operation) -> Any:
    with np.errstate(over="ignore"):  # what is too large for float32 is infinite there
        return jnp.asarray(np.asarray(operation.attributes["value"]).astype(run.dtype(operation.types[0])))


@rule("bitcast_convert")
def bitcast(run: Run, operation: Operation, x: Any) -> Any:
    """The bits of a float are those of the type that the program names."""
    (of,) = operation.types
    source = run.declared(operation.operands[0])
    y = lax.bitcast_convert_type(x.astype(numpy_dtype(source.dtype)), numpy_dtype(of.dtype))
    return y.astype(run.dtype(of)) if of.dtype in FLOATS else y


@rule("batch_norm_inference")
def batch_norm(run: Run, operation: Operation, x: Any, scale: Any, offset: Any, mean: Any, variance: Any) -> Any:
    axis = operation.attributes["feature_index"]
    shape = [size if i == axis else 1 for i, size in enumerate(x.shape)]
    scale, offset, mean, variance = (jnp.reshape(p, shape) for p in (scale, offset, mean, variance))
    epsilon = np.asarray(operation.attributes["epsilon"], x.dtype)
    return (x - mean) / lax.sqrt(variance + epsilon) * scale + offset


@rule("custom_call")
def custom(run: Run, operation: Operation, *given: Any) -> Any:
    name = operation.attributes["call_target_name"]
    if name == "mhlo.topk":
        return list(jax.lax.top_k(given[0], operation.types[0].shape[-1]))
    return CALLS[name](*given)
