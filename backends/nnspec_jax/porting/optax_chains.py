"""What each chain of Optax's transformations is in the spec: the optimizer, and where its slots lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nnspec import adaptive, factored, optimizers as specs
from nnspec.errors import SpecError
from nnspec.optimizers import Optimizer
from nnspec_jax.porting.optax_parts import Part, held_by, made_by

# No tensor has as many axes.
_AXES = 8


@dataclass(frozen=True)
class Found:
    """What a chain is, without what stands around its learning rate.

    Attributes:
        optimizer: of the spec; with decay where a transformation holds that itself.
        slots: slot of the spec -> the tree that holds it, like that of the parameters, and what it is multiplied by.
        tensors: slot -> the tree that holds it for each parameter as a whole, in a shape of its own.
        per_tensor: whether an update depends on where one tensor ends.
        in_order: whether it depends on a tensor's shape, too.
        rounds: what Optax computes in float32, a sentence.
    """

    optimizer: Optimizer
    slots: Mapping[str, tuple[Any, int]] = field(default_factory=dict)
    tensors: Mapping[str, Any] = field(default_factory=dict)
    per_tensor: bool = False
    in_order: bool = False
    rounds: str = ""


def _fields(part: Part, **slots: str) -> dict[str, tuple[Any, int]]:
    return {slot: (getattr(part.state, name), 1) for slot, name in slots.items() if hasattr(part.state, name)}


def _need(part: Part, **expected: Any) -> None:
    for name, value in expected.items():
        if name in part.options and part.options[name] != value:
            raise SpecError(f"{part.name} with {name}={part.options[name]!r}")


def _sgd(rate: Any, sign: int, parts: list[Part]) -> Found:
    return Found(specs.SGD(rate))


def _trace(rate: Any, sign: int, parts: list[Part], late: bool = False) -> Found:
    (part,) = parts
    kind = specs.Nesterov if part.options["nesterov"] else specs.Momentum
    made = kind(rate, float(part.options["decay"]), learning_rate_in_velocity=late)
    return Found(made, _fields(part, velocity="trace"))


def _adam(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    _need(part, eps_root=0.0, mu_dtype=None)
    o = part.options
    b1, b2, epsilon = float(o["b1"]), float(o["b2"]), float(o["eps"])
    slots = _fields(part, m="mu", v="nu")
    if o["nesterov"]:
        return Found(adaptive.NAdam(rate, b1, b2, epsilon=epsilon, momentum_decay=None), slots)
    return Found(specs.Adam(rate, b1, b2, epsilon), slots)


def _amsgrad(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    _need(part, eps_root=0.0, mu_dtype=None, bias_correction_mu=True, bias_correction_nu=True)
    o = part.options
    made = specs.Adam(rate, float(o["b1"]), float(o["b2"]), float(o["eps"]), amsgrad="corrected")
    return Found(made, _fields(part, m="mu", v="nu", v_max="nu_max"))


def _moments(kind: Any, **fixed: Any) -> Callable[[Any, int, list[Part]], Found]:
    def convert(rate: Any, sign: int, parts: list[Part]) -> Found:
        (part,) = parts
        _need(part, nesterov=False, **{} if kind is adaptive.AdaBelief else {"eps_root": 0.0})
        o = part.options
        more = {"epsilon_root": float(o["eps_root"])} if kind is adaptive.AdaBelief else {}
        if kind is adaptive.Yogi:
            more = {"initial_accumulator": float(o["initial_accumulator_value"])}
        made = kind(rate, float(o["b1"]), float(o["b2"]), epsilon=float(o["eps"]), **more, **fixed)
        return Found(made, _fields(part, m="mu", v="nu"))

    return convert


def _radam(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    inner = held_by(part.options["_radam_update"])
    if inner["eps_root"] or part.options["nesterov"]:
        raise SpecError("scale_by_radam with eps_root or nesterov")
    o = part.options
    made = adaptive.RAdam(
        rate, float(o["b1"]), float(o["b2"]), epsilon=float(inner["eps"]), threshold=float(o["threshold"])
    )
    return Found(made, _fields(part, m="mu", v="nu"))


def _lion(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    _need(part, mu_dtype=None, mode="hard")
    return Found(adaptive.Lion(rate, float(part.options["b1"]), float(part.options["b2"])), _fields(part, m="mu"))


def _adagrad(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    made = specs.AdaGrad(rate, float(part.options["eps"]), float(part.options["initial_accumulator_value"]))
    return Found(made, _fields(part, accumulator="sum_of_squares"))


def _adadelta(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    made = adaptive.AdaDelta(rate, float(part.options["rho"]), float(part.options["eps"]))
    return Found(made, _fields(part, gradient_square="e_g", update_square="e_x"))


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
    return Found(made, slots)


def _lamb(rate: Any, sign: int, parts: list[Part]) -> Found:
    part, ratio = parts
    _need(part, eps_root=0.0, mu_dtype=None, nesterov=False)
    _need(ratio, eps=0.0, min_norm=0.0, trust_coefficient=1.0)
    o = part.options
    made = adaptive.LAMB(rate, float(o["b1"]), float(o["b2"]), epsilon=float(o["eps"]), decay_in_ratio=True)
    return Found(made, _fields(part, m="mu", v="nu"), per_tensor=True)


def _lars(rate: Any, sign: int, parts: list[Part]) -> Found:
    scale, trace = parts
    _need(scale, min_norm=0.0)
    _need(trace, nesterov=False)
    o = scale.options
    made = adaptive.LARS(
        rate,
        momentum=float(trace.options["decay"]),
        trust_coefficient=float(o["trust_coefficient"]),
        epsilon=float(o["eps"]),
        joint_norm=True,
    )
    return Found(made, {"velocity": (trace.state.trace, -sign)}, per_tensor=True)


def _adan(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    b1, b2, b3, epsilon, root = (float(part.options[name]) for name in ("b1", "b2", "b3", "eps", "eps_root"))
    made = adaptive.Adan(rate, b1, b2, b3=b3, epsilon=epsilon, epsilon_root=root, factor="1 - b2")
    return Found(made, _fields(part, m="m", difference="v", v="n", gradient="g"))


def _novograd(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    inner = held_by(part.options["update_mu"], part.options["update_nu"])
    o = {**part.options, **inner, **held_by(inner["mu_addition"])}
    if o["eps_root"] or o["mu_dtype"] is not None:
        raise SpecError("scale_by_novograd with eps_root or mu_dtype")
    made = adaptive.NovoGrad(
        rate, float(o["b1"]), float(o["b2"]), epsilon=float(o["eps"]), weight_decay=float(o["weight_decay"])
    )
    return Found(made, _fields(part, m="mu"), {"v": part.state.nu}, per_tensor=True)


def _sm3(rate: Any, sign: int, parts: list[Part]) -> Found:
    (part,) = parts
    if held_by(part.options["_new_accum"])["b2"] != 1:
        raise SpecError("scale_by_sm3 with b2")
    made = factored.SM3(rate, momentum=float(part.options["b1"]), epsilon=float(part.options["eps"]))
    sums = {f"accumulator_{axis}": part.state.mu for axis in range(_AXES)}
    return Found(made, _fields(part, m="nu"), sums, per_tensor=True, in_order=True)


def _adafactor(rate: Any, sign: int, parts: list[Part]) -> Found:
    part, *others = parts
    _need(part, factored=True, step_offset=0)
    if made_by(part.options["decay_rate_fn"]) != "_decay_rate_pow":
        raise SpecError("scale_by_factored_rms with a decay_rate_fn of its own")
    o = part.options
    options = {each.name: each.options for each in others}
    clip, scale = (options.get(name) for name in ("clip_by_block_rms", "scale_by_param_block_rms"))
    made = factored.Adafactor(
        rate,
        decay_rate=float(o["decay_rate"]),
        epsilon=float(o["epsilon"]),
        epsilon_scale=1e-3 if scale is None else float(scale["min_scale"]),
        clip_threshold=None if clip is None else float(clip["threshold"]),
        relative_step=False,
        scale_parameter=scale is not None,
        axes="largest",
        min_size_to_factor=int(o["min_dim_size_to_factor"]),
    )
    tensors = {"row": part.state.v_row, "column": part.state.v_col, "v": part.state.v}
    rounds = "Optax's decay rate of Adafactor is in float32"
    return Found(made, {}, tensors, per_tensor=True, in_order=True, rounds=rounds)


def _late(convert: Any) -> Any:
    return lambda rate, sign, parts: convert(rate, sign, parts, late=True)


RULES: dict[tuple[tuple[str, ...], tuple[str, ...]], Callable[[Any, int, list[Part]], Found]] = {
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
    (("scale_by_trust_ratio",), ("trace",)): _lars,
    (("scale_by_adan",), ()): _adan,
    (("scale_by_novograd",), ()): _novograd,
    (("scale_by_sm3",), ()): _sm3,
    **{
        (("scale_by_factored_rms", *clip), scale): _adafactor
        for clip in ((), ("clip_by_block_rms",))
        for scale in ((), ("scale_by_param_block_rms",))
    },
    **{((name,), ()): _rms for name in ("scale_by_rms", "scale_by_stddev")},
    **{((name, "trace"), ()): _rms for name in ("scale_by_rms", "scale_by_stddev")},
    **{((name,), ("trace",)): _late(_rms) for name in ("scale_by_rms", "scale_by_stddev")},
}
# Transformations whose formula is another one than the spec's of that name.
OTHERS = {
    "scale_by_rprop": "Optax's Rprop takes each step one update late, the spec's takes it at once",
    "scale_by_muon": "Optax's Muon averages gradients and corrects for the start, the spec's adds them up",
}
