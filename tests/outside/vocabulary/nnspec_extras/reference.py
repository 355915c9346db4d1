"""The meaning of this package's words, in NumPy, for any float type."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.reference.base import Array, Scope, apply
from nnspec.reference.losses import elementwise, loss
from nnspec.reference.optimizers import Arrays, advance
from nnspec_extras.layers import Hat, PowerNorm
from nnspec_extras.losses import Expectile
from nnspec_extras.optimizers import Signum


@apply.register(PowerNorm)
def power_norm(spec: PowerNorm, scope: Scope, x: Array) -> Array:
    power: Any = scope["power"]
    if scope.training:
        batch = np.square(x).mean(tuple(range(x.ndim - 1)))
        scope.update("power", spec.momentum * power + (1 - spec.momentum) * batch)
        power = batch
    y: Array = x / np.sqrt(power + spec.epsilon) * scope["scale"]
    return y


@apply.register(Hat)
def hat(spec: Hat, scope: Scope, x: Array) -> Array:
    y: Array = np.maximum(np.minimum(x, 2 * spec.peak - x), 0)
    return y


@loss.register(Expectile)
def expectile(spec: Expectile, x: Array, targets: Array) -> Array:
    e = elementwise(x, targets) - x
    return np.where(e >= 0, spec.tau, 1 - spec.tau).astype(x.dtype) * np.square(e)


@advance.register(Signum)
def signum(
    spec: Signum, w: Array, g: Array, decay: Array, slots: Arrays, t: int, eta: float
) -> tuple[Array, dict[str, Array]]:
    average = spec.momentum * slots["average"] + (1 - spec.momentum) * g
    return w - eta * (np.sign(average) + decay), {"average": average}
