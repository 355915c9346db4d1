"""Chains of Optax's transformations in the spec's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nnspec import adaptive, optimizers as specs
from nnspec.errors import PortError, SpecError
from nnspec.optimizers import Clip, Optimizer
from nnspec.schedules import Schedule
from nnspec_jax.porting.optax_parts import REMEDY, Part, made_by, schedule

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """What a chain is.

    Attributes:
        optimizer: of the spec, without decay.
        clip: what happens to gradients first.
        decay: weight decay.
        mask: which parameters decay, as Optax was told; None for all.
        slots: slot of the spec -> the tree that holds it, and what it is multiplied by.
        per_tensor: whether an update depends on where one tensor ends.
        rounds: what Optax computes in float32, a sentence.
    """

    optimizer: Optimizer
    clip: Clip | None
    decay: float
    mask: Any
    slots: Mapping[str, tuple[Any, int]] = field(default_factory=dict)
    per_tensor: bool = False
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
        decay, mask = _late_decay(after[-1], rate), after[-1].mask
        after = after[:-1]
        if not after:
            decay, after = 0.0, [waiting[-1]]  # of no rule that there is
    for part in (*before, *after):
        if part.mask is not None:
            raise PortError(f"optax.masked around {part.name}: {REMEDY}")
    names = (tuple(part.name for part in before), tuple(part.name for part in after))
    convert = _RULES.get(names)
    if convert is None:
        raise PortError(f"the chain {_shown(parts)} is none that nnspec knows: {REMEDY}")
    try:
        made, slots, per_tensor = convert(rate, -sign, [*before, *after])
    except (SpecError, KeyError) as error:
        raise PortError(f"the chain {_shown(parts)}: {error}: {REMEDY}") from error
    rounds = "Optax's schedules are in float32" if isinstance(rate, Schedule) else ""
    return Rule(made, clip, decay, mask, slots, per_tensor, rounds)


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
    """Decay beside the velocity: minus the learning rate times the decay."""
    if isinstance(rate, Schedule) or not rate:
        raise PortError(f"weight decay beside a schedule: {REMEDY}")
    return -_number(part.options["weight_decay"]) / rate


# -- one function for each chain --------------------------------------------------------------------------------------

Found = tuple[Optimizer, dict[str, tuple[Any, int]], bool]


def _fields(part: Part, **slots: str) -> dict[str, tuple[Any, int]]:
    return {slot: (getattr(part.state, name), 1) for slot, name in slots.items() if hasattr(part.state, name)}


def _need(part: Part, **expected: Any) -> None:
    for name, value in expected.items():
        if name in part.options and part.options[name] != value:
            raise SpecError(f"{part.name} with {name}={part.options[name]!r}")


def _sgd(rate: Any, sign: int, parts: list[Part]) -> Found:
    return specs.SGD(rate), {}, False


def _trace(rate: Any, sign: int, parts: list[Part], late: bool = False) -> Found:
    (part,) = parts
    kind = specs.Nesterov if part.options["nesterov"] else specs.Momentum
    made = kind(rate, float(part.options["decay"]), learning_rate_in_velocity=late)
    return made, _fields(part, velocity="trace"), False


def _adam(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    _need(part, eps_root=0.0, mu_dtype=None)
    o = part.options
    b1, b2, epsilon = float(o["b1"]), float(o["b2"]), float(o["eps"])
    slots = _fields(part, m="mu", v="nu")
    if o["nesterov"]:
        return adaptive.NAdam(rate, b1, b2, epsilon=epsilon, momentum_decay=None), slots, False
    return specs.Adam(rate, b1, b2, epsilon), slots, False


def _amsgrad(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    _need(part, eps_root=0.0, mu_dtype=None, bias_correction_mu=True, bias_correction_nu=True)
    o = part.options
    made = specs.Adam(rate, float(o["b1"]), float(o["b2"]), float(o["eps"]), amsgrad="corrected")
    return made, _fields(part, m="mu", v="nu", v_max="nu_max"), False


def _moments(kind: Any, **fixed: Any) -> Callable[[Any, int, list[Part]], Found]:
    def convert(rate: Any, sign: int, parts: list[Part]) -> Found:
        (part,) = parts
        _need(part, nesterov=False, **{} if kind is adaptive.AdaBelief else {"eps_root": 0.0})
        o = part.options
        more = {"epsilon_root": float(o["eps_root"])} if kind is adaptive.AdaBelief else {}
        if kind is adaptive.Yogi:
            more = {"initial_accumulator": float(o["initial_accumulator_value"])}
        made = kind(rate, float(o["b1"]), float(o["b2"]), epsilon=float(o["eps"]), **more, **fixed)
        return made, _fields(part, m="mu", v="nu"), False

    return convert


def _radam(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    held = part.options["_radam_update"]
    inner = dict(zip(held.__code__.co_freevars, (c.cell_contents for c in held.__closure__), strict=True))
    if inner["eps_root"] or part.options["nesterov"]:
        raise SpecError("scale_by_radam with eps_root or nesterov")
    o = part.options
    made = adaptive.RAdam(
        rate, float(o["b1"]), float(o["b2"]), epsilon=float(inner["eps"]), threshold=float(o["threshold"])
    )
    return made, _fields(part, m="mu", v="nu"), False


def _lion(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    _need(part, mu_dtype=None, mode="hard")
    return adaptive.Lion(rate, float(part.options["b1"]), float(part.options["b2"])), _fields(part, m="mu"), False


def _adagrad(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    made = specs.AdaGrad(rate, float(part.options["eps"]), float(part.options["initial_accumulator_value"]))
    return made, _fields(part, accumulator="sum_of_squares"), False


def _adadelta(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    made = adaptive.AdaDelta(rate, float(part.options["rho"]), float(part.options["eps"]))
    return made, _fields(part, gradient_square="e_g", update_square="e_x"), False


def _rms(rate: Any, sign: int, parts: list[Part], late: bool = False) -> Found:
    scale, *traces = parts
    _need(scale, bias_correction=False)
    for trace in traces:
        _need(trace, nesterov=False)
    o, centered = scale.options, scale.name == "scale_by_stddev"
    made = specs.RMSProp(
        rate,
        float(o["decay"]),
        float(o["eps"]),
        centered=centered,
        momentum=float(traces[0].options["decay"]) if traces else 0.0,
        epsilon_in_root=bool(o["eps_in_sqrt"]),
        learning_rate_in_velocity=late,
    )
    slots = _fields(scale, v="nu", mean="mu") if centered else _fields(scale, v="nu")
    if traces:
        # The spec's velocity is subtracted; Optax's has the sign that the learning rate has given it.
        slots["velocity"] = (traces[0].state.trace, -sign if late else 1)
    return made, slots, False


def _lamb(rate: Any, sign: int, parts: list[Part]) -> Found:
    part, ratio = parts
    _need(part, eps_root=0.0, mu_dtype=None, nesterov=False)
    _need(ratio, eps=0.0, min_norm=0.0, trust_coefficient=1.0)
    o = part.options
    made = adaptive.LAMB(rate, float(o["b1"]), float(o["b2"]), epsilon=float(o["eps"]), decay_in_ratio=True)
    return made, _fields(part, m="mu", v="nu"), True


def _late(convert: Any) -> Any:
    return lambda rate, sign, parts: convert(rate, sign, parts, late=True)


_RULES: dict[tuple[tuple[str, ...], tuple[str, ...]], Callable[[Any, int, list[Part]], Found]] = {
    ((), ()): _sgd,
    (("trace",), ()): _trace,
    ((), ("trace",)): _late(_trace),
    (("scale_by_adam",), ()): _adam,
    (("scale_by_amsgrad",), ()): _amsgrad,
    (("scale_by_adamax",), ()): _moments(adaptive.Adamax, epsilon_in_maximum=True),
    (("scale_by_radam",), ()): _radam,
    (("scale_by_belief",), ()): _moments(adaptive.AdaBelief),
    (("scale_by_yogi",), ()): _moments(adaptive.Yogi),
    (("scale_by_lion",), ()): _lion,
    (("scale_by_rss",), ()): _adagrad,
    (("scale_by_adadelta",), ()): _adadelta,
    (("scale_by_adam", "scale_by_trust_ratio"), ()): _lamb,
    **{((name,), ()): _rms for name in ("scale_by_rms", "scale_by_stddev")},
    **{((name, "trace"), ()): _rms for name in ("scale_by_rms", "scale_by_stddev")},
    **{((name,), ("trace",)): _late(_rms) for name in ("scale_by_rms", "scale_by_stddev")},
}
