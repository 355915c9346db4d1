"""Compilers' own functions that stand for operations which StableHLO lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import erf

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.elementwise import total_order
from nnspec.reference.stablehlo.evaluate import Call, rule

_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "mhlo.acos": np.arccos,
    "mhlo.acosh": np.arccosh,
    "mhlo.asin": np.arcsin,
    "mhlo.asinh": np.arcsinh,
    "mhlo.atanh": np.arctanh,
    "mhlo.cosh": np.cosh,
    "mhlo.erf": erf,
    "mhlo.sinh": np.sinh,
    "mhlo.tan": np.tan,
}


@rule("custom_call")
def custom_call(call: Call, x: Array) -> Array | Sequence[Array]:
    target = call.attribute("call_target_name")
    if target == "mhlo.topk":
        return _largest(call, x)
    if target not in _FUNCTIONS:
        raise SpecError(f"the reference does not have the function {target!r}")
    return np.asarray(_FUNCTIONS[target](x))


def _largest(call: Call, x: Array) -> Sequence[Array]:
    """The k largest or smallest elements of the last axis, in order, and their places; of equal ones the first.

    NaN is larger than all others, and 0 than −0.
    """
    options = call.attribute("mhlo.attributes")
    k, largest = options["k"], options.get("largest", True)
    if not x.ndim or not 0 <= k <= x.shape[-1]:
        raise SpecError(f"{call.given[0]} has no {k} elements along its last axis")
    keys = total_order(x) if x.dtype.kind == "f" else x
    # Bits turned over put whole numbers in the opposite order, of any type.
    order = np.argsort(np.invert(keys) if largest else keys, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order.astype(call.computed(call.operation.types[1]))
