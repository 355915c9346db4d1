"""Normal random numbers that a model draws itself: noise of the spec, which is there in training alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.dropout import GaussianNoise
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, NoConversionError, call


@call("_normal")
def normal(context: Context, params: Any, key: Any) -> Value:
    """``jax.random.normal`` of one array for each example."""
    (made,) = params["jaxpr"].out_avals
    if not made.shape or made.shape[0] != context.batch:
        raise NoConversionError("numbers that are the same for all examples")
    zeros = context.constant(np.zeros(made.shape[1:], np.float32))
    context.layouts.pop(zeros, None)
    context.note(
        "Normal random numbers that the original draws in every call are drawn in training alone here, else 0."
    )
    return context.call(GaussianNoise(1.0), zeros)
