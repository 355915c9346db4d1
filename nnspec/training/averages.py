"""What is evaluated in place of the parameters that are trained, for optimizers that average them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays, Engine
from nnspec.reference.base import floats, rounded


def averages(optimizer: Any, variables: Arrays) -> dict[str, Array]:
    """The parameters that are evaluated in place of an engine's own, by name; none for most optimizers."""
    if not optimizer.averages:
        return {}
    slots: dict[str, dict[str, Array]] = {}
    for name, value in variables.items():
        if name.startswith("optimizer/") and name.count("/") > 1:
            parameter, slot = name.removeprefix("optimizer/").rsplit("/", 1)
            slots.setdefault(parameter, {})[slot] = floats(value)
    step, found = int(variables["optimizer/step"]), {}
    for name, held in slots.items():
        w = np.asarray(variables[name])
        found[name] = rounded(optimizer.of(name).evaluated(floats(w), held, step), w.dtype)
    return found


def outcome(optimizer: Any, engine: Engine) -> dict[str, Array]:
    """The state of an engine with what is evaluated in the place of its parameters."""
    variables = engine.variables()
    return {**variables, **averages(optimizer, variables)}


@contextmanager
def averaged(optimizer: Any, engine: Engine) -> Iterator[None]:
    """The engine with what is evaluated in the place of its parameters, and then with those again."""
    variables = engine.variables() if optimizer.averages else {}
    found = averages(optimizer, variables)
    if found:
        engine.assign(found)
    try:
        yield
    finally:
        if found:
            engine.assign({name: variables[name] for name in found})
