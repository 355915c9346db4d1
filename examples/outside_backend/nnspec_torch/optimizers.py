"""Optimizers as one ``torch.optim.Optimizer``. Each class makes of a gradient, its slots, the number t = 1, 2, … of the
update and the rate η what is taken off the parameter (weight decay aside), and the new slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import nnspec
from nnspec.optimizers import Optimizer
from nnspec_torch.realize import apply, clipped

Tensors = Mapping[str, Any]
Step = tuple[Tensor, dict[str, Tensor]]

apply.register(nnspec.SGD, lambda spec, g, slots, t, eta: (eta * g, {}))


@apply.register(nnspec.Momentum)
def _momentum(spec: nnspec.Momentum, g: Tensor, slots: Tensors, t: int, eta: float) -> Step:
    v = spec.momentum * slots["velocity"] + (-eta * g if spec.learning_rate_in_velocity else g)
    return -v if spec.learning_rate_in_velocity else eta * v, {"velocity": v}


@apply.register(nnspec.AdamW)
@apply.register(nnspec.Adam)
def _adam(spec: nnspec.Adam, g: Tensor, slots: Tensors, t: int, eta: float) -> Step:
    m = spec.b1 * slots["m"] + (1 - spec.b1) * g
    v = spec.b2 * slots["v"] + (1 - spec.b2) * g.square()
    c1, c2 = 1 - spec.b1**t, 1 - spec.b2**t
    if spec.epsilon_mode == "hat":
        return eta * ((c2**0.5 / c1) * m / (v.sqrt() + spec.epsilon)), {"m": m, "v": v}
    return eta * ((m / c1) / ((v / c2).sqrt() + spec.epsilon)), {"m": m, "v": v}


def global_norm(gradients: Tensors) -> Tensor:
    """√ΣΣg² of all gradients together."""
    return torch.stack([g.square().sum() for g in gradients.values()]).sum().sqrt()


def clip(spec: nnspec.Clip, gradients: Tensors) -> Tensors:
    """The gradients after clipping; those that are short enough stay bit for bit."""
    if spec.value is not None:
        return {name: clipped(g, -spec.value, spec.value) for name, g in gradients.items()}
    bound = spec.norm or spec.global_norm or 0.0
    norm = {name: global_norm({name: g} if spec.norm else gradients) for name, g in gradients.items()}
    return {name: torch.where(norm[name] <= bound, g, g / norm[name] * bound) for name, g in gradients.items()}


class SpecOptimizer(torch.optim.Optimizer):
    """An optimizer of the spec on named parameters, with clipping; ``variables`` is its state by canonical name."""

    def __init__(
        self, parameters: Tensors, spec: Optimizer, clip: nnspec.Clip | None = None, decayed: Any = None
    ) -> None:
        if spec.weight_decay and spec.decay == "kernels" and decayed is None:
            raise nnspec.SpecError("decay: kernels needs the names of the kernels")
        super().__init__(list(parameters.values()), {})
        self.parameters, self.spec, self.clip = parameters, spec, clip
        self.decayed = parameters if spec.decay == "all" else decayed or ()
        self.counter = torch.zeros((), dtype=torch.int64)
        self.scale = torch.ones((), dtype=torch.float64)
        self.variables = {"optimizer/step": self.counter, "optimizer/learning_rate_scale": self.scale}
        for name, w in parameters.items():
            self.state[w] = {slot: torch.full_like(w, start) for slot, start in spec.slots().items()}
            self.variables |= {f"optimizer/{name}/{slot}": x for slot, x in self.state[w].items()}

    @property
    def learning_rate(self) -> float:
        """The rate of the next update."""
        scale = [self.scale] if isinstance(self.spec.learning_rate, nnspec.ReduceOnPlateau) else []
        return float(apply(self.spec.learning_rate, self.counter.double(), *scale))

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update with the gradients in ``.grad``."""
        eta, gradients = self.learning_rate, {name: w.grad for name, w in self.parameters.items()}
        self.counter.add_(1)
        for name, g in (clip(self.clip, gradients) if self.clip else gradients).items():
            w = self.parameters[name]
            taken, slots = apply(self.spec, g, self.state[w], int(self.counter), eta)
            w.sub_(taken + eta * self.spec.weight_decay * w if name in self.decayed else taken)
            for slot, value in slots.items():
                self.state[w][slot].copy_(value)
