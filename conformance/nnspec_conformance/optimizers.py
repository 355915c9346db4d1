"""Cases of the optimizers and of clipping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, Literal

import numpy as np

from nnspec.optimizers import SGD, AdaGrad, Adam, AdamW, Clip, Momentum, Nesterov, OptimizerBase, RMSProp
from nnspec.schedules import CosineRestarts, ExponentialDecay, ReduceOnPlateau, Warmup, WarmupCosine
from nnspec.spec import Spec, changed_fields
from nnspec_conformance.case import describe
from nnspec_conformance.draws import Array, generator, rounded, signed

UPDATES = 100
# Powers of ten of tiny and huge gradients, where not ±12. In float16 (6e-5 to 65504) the squares of both are out of
# range: slots that hold squares become 0 and infinite.
MAGNITUDES = {"float16": (-4.0, 3.3)}

# Elements of gradients that are not finite, by parameter and update.
OVERFLOWS = {
    **{("plain/kernel", 3): np.inf, ("other/bias", 4): np.nan, ("other/kernel", 11): -np.inf},
    **{("plain/bias", 40): np.inf, ("plain/bias", 41): np.nan, ("other/kernel", 41): np.inf},
}


def classes_within(held: Any) -> Iterator[type[Any]]:
    """The class of a spec and of all that it holds: a schedule, and the schedule within that, losses by output."""
    if isinstance(held, Spec):
        yield type(held)
        for field in fields(held):
            yield from classes_within(getattr(held, field.name))
    elif isinstance(held, tuple | Mapping):
        for part in held.values() if isinstance(held, Mapping) else held:
            yield from classes_within(part)


@dataclass(frozen=True, eq=False)
class OptimizerCase:
    """An optimizer on given gradients, with a learning rate that changes at every step.

    Attributes:
        clip: clipping before it.
        gradients: "kinds" has a parameter for each kind of gradient (plain, zero, mostly zero, huge, tiny, of all
            magnitudes); "clipped" has gradients that are now above, now below the bound of ``clip``, and zero once;
            "overflowing" has some with an element that is not finite.
        shape: that of the kernel of each kind; biases have three elements.
    """

    spec: OptimizerBase
    _: KW_ONLY
    clip: Clip | None = None
    gradients: Literal["kinds", "clipped", "overflowing"] = "kinds"
    shape: tuple[int, ...] = (4, 3)
    id: str = ""

    @property
    def name(self) -> str:
        clip = "" if self.clip is None else "clip " + "".join(f"{k} {v}" for k, v in changed_fields(self.clip).items())
        return describe(self.spec, "-".join(part for part in (clip, self.id) if part))

    @property
    def classes(self) -> set[type[Any]]:
        return set(classes_within(self.spec))

    @property
    def kinds(self) -> tuple[str, ...]:
        return ("plain", "zero", "sparse", "huge", "tiny", "wide") if self.gradients == "kinds" else ("plain", "other")

    @property
    def decayed(self) -> frozenset[str]:
        """The names that decay applies to where it is restricted to kernels."""
        return frozenset(f"{kind}/kernel" for kind in self.kinds)

    def draw(self, dtype: str) -> tuple[dict[str, Array], dict[str, Array]]:
        """Parameters by name, and their gradients with the updates as the first axis, rounded to ``dtype``."""
        parameters, gradients = {}, {}
        for kind in self.kinds:
            for part, shape in (("kernel", self.shape), ("bias", (3,))):
                name = f"{kind}/{part}"
                rng = generator(self.name, name)
                parameters[name] = rounded(signed(rng, shape) * (1e-3 if kind == "tiny" else 1.0), dtype)
                gradients[name] = rounded(self._gradient(kind, rng, (UPDATES, *shape), dtype), dtype)
        if self.gradients == "overflowing":
            for (name, update), value in OVERFLOWS.items():
                gradients[name][update].flat[1] = value
        return parameters, gradients

    def _gradient(self, kind: str, rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
        values = signed(rng, shape)
        low, high = MAGNITUDES.get(dtype, (-12, 12))
        if self.gradients == "clipped":
            # One magnitude per update for all parameters, from a tenth to ten times, and none at all at update 7.
            size = 10.0 ** generator("magnitudes").uniform(-1, 1, UPDATES)
            size[7] = 0.0
            return values * size.reshape(-1, *[1] * (len(shape) - 1))
        match kind:
            case "zero":
                return np.zeros(shape)
            case "sparse":
                return np.where(rng.random(shape) < 0.15, values, 0.0)
            case "huge":
                return values * float(10.0**high)
            case "tiny":
                return values * float(10.0**low)
            case "wide":
                return values * 10.0 ** rng.uniform(low, 3, shape)
        return values


FALLING = ExponentialDecay(0.05, 40, 0.5)
CYCLE = WarmupCosine(0.02, 10, 90, start=0.001, end=0.0005)
RESTARTS = CosineRestarts(0.03, 13, end=0.002)

CASES = [
    OptimizerCase(SGD(FALLING)),
    OptimizerCase(SGD(CYCLE, weight_decay=0.1)),
    OptimizerCase(SGD(0.05, weight_decay=0.1, decay="kernels"), id="constant rate"),
    OptimizerCase(Momentum(FALLING)),
    OptimizerCase(Momentum(CYCLE, 0.5, weight_decay=0.05, decay="kernels")),
    OptimizerCase(Momentum(RESTARTS, learning_rate_in_velocity=True, weight_decay=0.05)),
    OptimizerCase(Momentum(RESTARTS, 0.0)),
    OptimizerCase(Nesterov(FALLING)),
    OptimizerCase(Nesterov(CYCLE, 0.7, weight_decay=0.05)),
    OptimizerCase(Nesterov(RESTARTS, learning_rate_in_velocity=True, weight_decay=0.05, decay="kernels")),
    OptimizerCase(Adam(FALLING)),
    OptimizerCase(Adam(CYCLE, 0.8, 0.95, 1e-3)),
    OptimizerCase(Adam(CYCLE, epsilon_mode="hat")),
    OptimizerCase(Adam(RESTARTS, epsilon=1e-7, epsilon_mode="hat", weight_decay=0.05, decay="kernels")),
    OptimizerCase(Adam(Warmup(FALLING, 5), b1=0.0)),
    OptimizerCase(Adam(FALLING, b2=0.0)),
    OptimizerCase(Adam(ReduceOnPlateau(FALLING, minimum=0.03)), id="plateau"),
    OptimizerCase(Adam(CYCLE, b2=0.9, amsgrad="raw")),
    OptimizerCase(Adam(RESTARTS, b2=0.9, epsilon_mode="hat", amsgrad="raw", weight_decay=0.05)),
    OptimizerCase(Adam(FALLING, b2=0.9, amsgrad="corrected")),
    OptimizerCase(AdamW(CYCLE)),
    OptimizerCase(AdamW(FALLING, weight_decay=0.1)),
    OptimizerCase(AdamW(RESTARTS, weight_decay=0.1, decay="kernels")),
    OptimizerCase(AdaGrad(FALLING)),
    OptimizerCase(AdamW(CYCLE, 0.8, 0.95, 1e-3, "hat", "raw")),
    OptimizerCase(AdaGrad(CYCLE, 1e-3, 0.0, weight_decay=0.05, decay="kernels")),
    OptimizerCase(RMSProp(FALLING)),
    OptimizerCase(RMSProp(CYCLE, 0.95, epsilon_in_root=False)),
    OptimizerCase(RMSProp(CYCLE, 0.8, centered=True)),
    OptimizerCase(RMSProp(RESTARTS, momentum=0.8, weight_decay=0.05)),
    OptimizerCase(RMSProp(RESTARTS, momentum=0.8, learning_rate_in_velocity=True, weight_decay=0.05, decay="kernels")),
    OptimizerCase(RMSProp(FALLING, 0.7, 1e-3, centered=True, momentum=0.5, epsilon_in_root=False)),
    OptimizerCase(SGD(FALLING), clip=Clip(global_norm=3.3), gradients="clipped"),
    OptimizerCase(SGD(FALLING), clip=Clip(norm=2.1), gradients="clipped"),
    OptimizerCase(SGD(FALLING), clip=Clip(value=0.8), gradients="clipped"),
    OptimizerCase(AdamW(CYCLE, weight_decay=0.1), clip=Clip(global_norm=1.0), gradients="clipped"),
    OptimizerCase(Adam(CYCLE), clip=Clip(norm=1.0)),
    OptimizerCase(Momentum(CYCLE), clip=Clip(value=0.5)),
]
