"""Optimizers as one ``torch.optim.Optimizer``, and clipping."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from nnspec import optimizers as specs
from nnspec.errors import SpecError
from nnspec_torch.realize import clipped, missing
from nnspec_torch.schedules import rate

Slots = dict[str, Tensor]


@singledispatch
def advance(spec: Any, w: Tensor, g: Tensor, decay: Any, slots: Slots, t: int, eta: float) -> tuple[Tensor, Slots]:
    """One parameter and its slots after update t = 1, 2, …; ``decay`` is weight_decay · w where it applies, else 0."""
    raise missing(spec)


@advance.register(specs.SGD)
def _sgd(spec: specs.SGD, w: Tensor, g: Tensor, decay: Any, slots: Slots, t: int, eta: float) -> tuple[Tensor, Slots]:
    return w - eta * (g + decay), {}


@advance.register(specs.Momentum)
def _momentum(
    spec: specs.Momentum, w: Tensor, g: Tensor, decay: Any, slots: Slots, t: int, eta: float
) -> tuple[Tensor, Slots]:
    if spec.learning_rate_in_velocity:
        v = spec.momentum * slots["velocity"] - eta * g
        return w + v - eta * decay, {"velocity": v}
    v = spec.momentum * slots["velocity"] + g
    return w - eta * (v + decay), {"velocity": v}


@advance.register(specs.AdamW)
@advance.register(specs.Adam)
def _adam(spec: specs.Adam, w: Tensor, g: Tensor, decay: Any, slots: Slots, t: int, eta: float) -> tuple[Tensor, Slots]:
    m = spec.b1 * slots["m"] + (1 - spec.b1) * g
    v = spec.b2 * slots["v"] + (1 - spec.b2) * g.square()
    c1, c2 = 1 - spec.b1**t, 1 - spec.b2**t
    if spec.epsilon_mode == "hat":
        return w - eta * ((c2**0.5 / c1) * m / (v.sqrt() + spec.epsilon) + decay), {"m": m, "v": v}
    return w - eta * ((m / c1) / ((v / c2).sqrt() + spec.epsilon) + decay), {"m": m, "v": v}


@advance.register(specs.RMSProp)
def _rmsprop(
    spec: specs.RMSProp, w: Tensor, g: Tensor, decay: Any, slots: Slots, t: int, eta: float
) -> tuple[Tensor, Slots]:
    new = {"v": spec.rho * slots["v"] + (1 - spec.rho) * g.square()}
    power = new["v"]
    if spec.centered:
        new["mean"] = spec.rho * slots["mean"] + (1 - spec.rho) * g
        power = (power - new["mean"].square()).clamp(min=0)
    d = g / ((power + spec.epsilon).sqrt() if spec.epsilon_in_root else power.sqrt() + spec.epsilon)
    if not spec.momentum:
        return w - eta * (d + decay), new
    in_velocity = spec.learning_rate_in_velocity
    new["velocity"] = spec.momentum * slots["velocity"] + (eta * d if in_velocity else d)
    return w - (new["velocity"] if in_velocity else eta * new["velocity"]) - eta * decay, new


def global_norm(gradients: Mapping[str, Tensor]) -> Tensor:
    """√ΣΣg² of all gradients together."""
    return torch.stack([g.square().sum() for g in gradients.values()]).sum().sqrt()


def clip(spec: specs.Clip | None, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradients after clipping; those that are short enough stay bit for bit."""
    if spec is None:
        return dict(gradients)
    if spec.value is not None:
        return {name: clipped(g, -spec.value, spec.value) for name, g in gradients.items()}
    bound = spec.norm or spec.global_norm
    norm = {name: global_norm({name: g} if spec.norm else gradients) for name, g in gradients.items()}
    return {name: torch.where(norm[name] <= bound, g, g / norm[name] * bound) for name, g in gradients.items()}


class SpecOptimizer(torch.optim.Optimizer):
    """An optimizer of the spec on named parameters, with clipping; ``variables`` is its state by canonical name.

    Raises:
        SpecError: ``decay: kernels`` without the names of the kernels, ``decayed``.
    """

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        spec: specs.Optimizer,
        clip: specs.Clip | None = None,
        decayed: frozenset[str] | None = None,
    ) -> None:
        if spec.weight_decay and spec.decay == "kernels" and decayed is None:
            raise SpecError("decay: kernels needs the names of the kernels")
        super().__init__(list(parameters.values()), {})
        self.parameters, self.spec, self.clip = parameters, spec, clip
        self.decayed = parameters if spec.decay == "all" else decayed or frozenset()
        self.variables = {
            "optimizer/step": torch.zeros((), dtype=torch.int64),
            "optimizer/learning_rate_scale": torch.ones((), dtype=torch.float64),
        }
        for name, w in parameters.items():
            self.state[w] = {slot: torch.full_like(w, start) for slot, start in spec.slots().items()}
            self.variables |= {f"optimizer/{name}/{slot}": x for slot, x in self.state[w].items()}

    @property
    def learning_rate(self) -> float:
        """The rate of the next update."""
        step, scale = self.variables["optimizer/step"], self.variables["optimizer/learning_rate_scale"]
        return float(rate(self.spec.learning_rate, step, float(scale)))

    def step(self, closure: Any = None) -> None:
        """One update with the gradients in ``.grad``, as PyTorch's optimizers do it."""
        self.update({name: torch.zeros_like(w) if w.grad is None else w.grad for name, w in self.parameters.items()})

    @torch.no_grad()
    def update(self, gradients: Mapping[str, Tensor]) -> None:
        """One update with these gradients."""
        eta, t = self.learning_rate, int(self.variables["optimizer/step"]) + 1
        for name, g in clip(self.clip, gradients).items():
            w = self.parameters[name]
            decay = self.spec.weight_decay * w if name in self.decayed else 0.0
            stepped, slots = advance(self.spec, w, g, decay, self.state[w], t, eta)
            w.copy_(stepped)
            for slot, value in slots.items():
                self.state[w][slot].copy_(value)
        self.variables["optimizer/step"].add_(1)
