"""Variables that are values by themselves."""

from __future__ import annotations

import numpy as np

from nnspec.layers.parameter import Parameter
from nnspec.reference.base import Array, Scope, apply


@apply.register(Parameter)
def parameter(spec: Parameter, scope: Scope, x: Array) -> Array:
    return np.broadcast_to(scope["value"], (len(x), *spec.shape))
