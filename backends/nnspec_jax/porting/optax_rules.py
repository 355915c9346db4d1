"""Chains of Optax's transformations in the spec's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnspec.errors import PortError, SpecError
from nnspec.optimizers import Clip
from nnspec.schedules import Schedule
from nnspec_jax.porting.optax_chains import OTHERS, RULES, Found
from nnspec_jax.porting.optax_parts import REMEDY, Part, made_by, schedule


@dataclass(frozen=True)
class Rule:
    """What a chain is.

    Attributes:
        chain: the optimizer of the spec with its slots, without the decay that stands beside it.
        clip: what happens to gradients first.
        decay: weight decay.
        mask: which parameters decay, as Optax was told; None for all.
        rounds: what Optax computes in float32, a sentence.
    """

    chain: Found
    clip: Clip | None
    decay: float
    mask: Any
    rounds: str = ""


def rule(parts: Sequence[Part]) -> Rule:
    """The optimizer that a chain of transformations is.

    Raises:
        PortError: the spec has none like it.
    """
    waiting = [part for part in parts if not _is_nothing(part)]
    clip, waiting = _clip(waiting)
    at = next((i for i, part in enumerate(waiting) if part.name in ("scale", "scale_by_schedule")), None)
    if at is None:
        raise PortError(f"the chain {_shown(parts)} has no learning rate: {REMEDY}")
    rate, sign = _rate(waiting[at])
    before, after = waiting[:at], waiting[at + 1 :]
    if after and after[-1].name == "scale" and float(after[-1].options["step_size"]) == -1:
        after, late = after[:-1], -1
    else:
        late = 1
    if sign * late != -1:
        raise PortError(f"the chain {_shown(parts)} goes up the gradient: {REMEDY}")
    decay, mask, before = _decay(before)
    if not decay and after and after[-1].name == "add_decayed_weights":
        decay, mask = -late * _late_decay(after[-1], rate), after[-1].mask
        after = after[:-1]
        if not after and late == 1:
            decay, after = 0.0, [waiting[-1]]  # of no rule that there is
    for part in (*before, *after):
        if part.mask is not None:
            raise PortError(f"optax.masked around {part.name}: {REMEDY}")
    names = (tuple(part.name for part in before), tuple(part.name for part in after))
    convert = RULES.get(names)
    if convert is None:
        for name in (*names[0], *names[1]):
            if name in OTHERS:
                raise PortError(f"the chain {_shown(parts)}: {OTHERS[name]}: {REMEDY}")
        raise PortError(f"the chain {_shown(parts)} is none that nnspec knows: {REMEDY}")
    try:
        found = convert(rate, -sign, [*before, *after])
    except (SpecError, KeyError) as error:
        raise PortError(f"the chain {_shown(parts)}: {error}: {REMEDY}") from error
    rounds = "Optax's schedules are in float32" if isinstance(rate, Schedule) else found.rounds
    return Rule(found, clip, decay, mask, rounds)


def _shown(parts: Sequence[Part]) -> str:
    return " · ".join(part.name for part in parts)


def _is_nothing(part: Part) -> bool:
    return part.name == "add_decayed_weights" and _number(part.options["weight_decay"]) == 0


def _number(value: Any) -> float:
    if callable(value):
        raise PortError(f"a weight decay that changes: {REMEDY}")
    return float(value)


def _clip(parts: list[Part]) -> tuple[Clip | None, list[Part]]:
    if parts and parts[0].name == "clip_by_global_norm":
        return Clip(global_norm=float(parts[0].options["max_norm"])), parts[1:]
    if parts and parts[0].name == "clip":
        return Clip(value=float(parts[0].options["max_delta"])), parts[1:]
    return None, parts


def _rate(part: Part) -> tuple[Schedule | float, int]:
    """The learning rate, and the sign that it gives."""
    if part.name == "scale":
        step = float(part.options["step_size"])
        return abs(step), -1 if step <= 0 else 1
    function = part.options["step_size_fn"]
    if made_by(function) == "scale_by_learning_rate":
        held = dict(zip(function.__code__.co_freevars, (c.cell_contents for c in function.__closure__), strict=True))
        return schedule(held["learning_rate"]), int(held["m"])
    return schedule(function), 1


def _decay(parts: list[Part]) -> tuple[float, Any, list[Part]]:
    """Decay right before the learning rate, or before a trust ratio; and the parts without it."""
    for at in (len(parts) - 1, len(parts) - 2):
        if at >= 0 and parts[at].name == "add_decayed_weights":
            if at == len(parts) - 2 and parts[-1].name != "scale_by_trust_ratio":
                continue
            part = parts[at]
            return _number(part.options["weight_decay"]), part.mask, parts[:at] + parts[at + 1 :]
    return 0.0, None, parts


def _late_decay(part: Part, rate: Schedule | float) -> float:
    """Decay behind the learning rate, which holds it: the number over the learning rate."""
    if isinstance(rate, Schedule) or not rate:
        raise PortError(f"weight decay beside a schedule: {REMEDY}")
    return _number(part.options["weight_decay"]) / rate
