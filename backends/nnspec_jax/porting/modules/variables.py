"""A module's variables by name, whichever of Flax's two kinds it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import linen as nn

from nnspec.backends import Array


def variable(module: Any, name: str, collection: str = "params") -> Array:
    """A variable of a module of NNX, or of a bound linen module."""
    if isinstance(module, nn.Module):
        return np.asarray(module.variables[collection][name])
    return np.asarray(getattr(module, name)[...])


def variables(module: Any, *names: str, collection: str = "params") -> dict[str, Array]:
    """Those of these variables that a module has, by name."""
    if isinstance(module, nn.Module):
        held: Mapping[str, Any] = module.variables.get(collection, {})
        return {name: np.asarray(held[name]) for name in names if name in held}
    found = {name: getattr(module, name, None) for name in names}
    return {name: np.asarray(value[...]) for name, value in found.items() if value is not None}
