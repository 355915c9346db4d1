"""Whole numbers made of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.layers.lookup import Discretization
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


@native.register
def discretization(spec: Discretization, context: Context, x: Tensor) -> Tensor:
    bins: Any = np.array(spec.whole, np.int32) if "int" in x.dtype else context.constant(spec.bin_boundaries)
    return keras.ops.cast(keras.ops.digitize(x, bins), "int32")
