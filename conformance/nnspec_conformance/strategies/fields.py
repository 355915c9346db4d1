"""Options of any class of the vocabulary, drawn from the types and bounds of its fields.

A class of another package, or of a later version, has a strategy by having fields. What the types cannot say, such as
ranges in which a number makes sense and fields that depend on each other, stands in ``RANGES`` of each family.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import TypeAdapter

from nnspec import vocabulary
from nnspec.errors import SpecError
from nnspec.losses import Losses
from nnspec.model import Model
from nnspec.spec import build

Hints = dict[str, SearchStrategy[Any]]
# Digits of the numbers that are drawn: enough to be no special value, few enough to be read.
_DIGITS = 3


def numbers(low: float, high: float, *special: float) -> SearchStrategy[float]:
    """Floats in [low, high], those named more often than by chance."""

    def short(value: float) -> float:
        return min(max(float(f"{value:.{_DIGITS}g}"), low), high)

    drawn = st.floats(low, high, allow_nan=False).map(short)
    return st.sampled_from(special) | drawn if special else drawn


def magnitudes(low: float, high: float) -> SearchStrategy[float]:
    """Powers of ten in [low, high], and numbers between them."""
    powers = [10.0**k for k in range(-12, 13) if low <= 10.0**k <= high]
    return st.sampled_from(powers[::-1]) | st.tuples(st.sampled_from(powers[:-1]), st.integers(11, 99)).map(
        lambda drawn: float(f"{drawn[0] * drawn[1] / 10:.2g}")
    )


def ordered(drawn: SearchStrategy[Any]) -> SearchStrategy[list[Any]]:
    """Two values, the smaller one first."""
    return st.tuples(drawn, drawn).map(sorted)


_FACTORS = ("brightness", "contrast", "saturation", "hue", "addition", "threshold")
# By kind and field name, for all classes of the kind.
RANGES: dict[str, Hints] = {
    "": {},
    "activation": {
        "alpha": numbers(0.1, 3, 1.0),
        "b": numbers(0.05, 5, 1.0) | st.just(0.0),
        "epsilon": magnitudes(1e-8, 1),
    },
    "layer": {
        "features": st.integers(1, 5),
        "epsilon": magnitudes(1e-8, 1),
        "momentum": numbers(0, 1, 0.9, 0.0, 1.0),
        **dict.fromkeys(("rate", "dropout_rate", "recurrent_dropout_rate"), numbers(0, 0.95, 0.5, 0.0)),
        "num_heads": st.integers(1, 3),
        **dict.fromkeys(("head_features", "out_features", "value_features", "num_kv_heads"), st.integers(1, 4)),
        "base": numbers(2, 1e4, 100.0),
        "max_length": st.integers(1, 6),
        "max_distance": st.integers(3, 9),
        "num_buckets": st.sampled_from([4, 6, 8]),
        **dict.fromkeys(("factor", *(f"{name}_factor" for name in _FACTORS)), numbers(0, 1) | ordered(numbers(0, 1))),
        "bits": st.integers(1, 8) | ordered(st.integers(1, 8)),
        "sigma": numbers(0.2, 3, 1.0) | ordered(numbers(0.2, 3)),
        "value_range": st.sampled_from([[0.0, 255.0], [0.0, 1.0], [-1.0, 1.0]]),
    },
    "operation": {},
    "initializer": {
        "lower": numbers(-3, 0.5, -1.0),
        "upper": numbers(0.6, 4, 1.0),
        "maximum": numbers(0.05, 2, 1.0),
        "negative_slope": numbers(0, 2, 0.0),
    },
    "loss": {
        "margin": numbers(0.05, 3, 1.0) | st.just(0.0),
        "temperature": numbers(0.1, 3, 1.0),
        "smooth": numbers(0.05, 3, 1.0),
        "gamma": numbers(0, 4, 2.0),
        "epsilon": numbers(1e-7, 0.3, 1e-3),
        "delta": numbers(0.1, 3, 1.0),
        "ignore_label": st.none() | st.integers(-3, 3),
    },
    "metric": {
        "k": st.integers(1, 6),
        "threshold": numbers(0.05, 0.95, 0.25),
        "epsilon": numbers(1e-7, 0.3, 1e-3),
        "beta": numbers(0.1, 4, 2.0),
        "num_thresholds": st.integers(2, 30),
        "class_id": st.integers(0, 2),
    },
    "optimizer": {
        "initial_scale": magnitudes(1e-2, 1e5),
        "learning_rate": numbers(1e-4, 0.2, 0.01),
        "epsilon": magnitudes(1e-8, 1),
        "weight_decay": numbers(0, 0.3, 0.1),
        "b1": numbers(0, 0.99, 0.5),
        "b2": numbers(0, 0.999, 0.9),
        "rho": numbers(0, 0.99, 0.5),
        "momentum": numbers(0, 0.99, 0.5),
        "initial_accumulator": numbers(0.01, 1, 0.5),
        "epsilon_root": magnitudes(1e-8, 1),
        "momentum_decay": st.none() | numbers(1e-3, 1, 1.0),
        "threshold": numbers(4, 9, 5.0),
        "trust_coefficient": numbers(1e-3, 1, 0.1),
        "b3": numbers(0, 0.999, 0.9),
        **dict.fromkeys(("alpha", "beta", "l1", "l2", "l2_shrinkage", "variance"), numbers(0, 1, 0.5)),
        "power": numbers(0, 1, 0.5),
        "decay_rate": numbers(0.1, 1, 0.8),
        "initial_step": numbers(1e-3, 1, 0.01),
        "min_step": magnitudes(1e-8, 1e-4),
        "max_step": numbers(1, 50, 2.0),
        "increase": numbers(1.05, 2, 1.5),
        "decrease": numbers(0.1, 0.95, 0.5),
        "min_norm": st.just(0.0) | magnitudes(1e-8, 1),
        "epsilon_scale": magnitudes(1e-4, 1),
        "clip_threshold": st.none() | numbers(0.1, 3, 1.0),
        "min_size_to_factor": st.integers(1, 5),
        # Those with which the iteration stays bounded.
        "coefficients": st.sampled_from([(3.4445, -4.775, 2.0315), (3.0, -3.2, 1.2), (1.5, -0.5, 0.0)]),
        "iterations": st.integers(1, 6),
        "exclude": st.sampled_from([(), ("^plain",), ("kernel", "zero")]),
        **dict.fromkeys(("adam_ratio", "rms"), numbers(0.05, 2, 0.5)),
        "adam_epsilon": magnitudes(1e-8, 1),
        "period": st.integers(1, 6),
        "max_rate": numbers(0.01, 2, 1.0),
        "minimum": numbers(-1, 1, 0.0),
    },
    "schedule": {
        **dict.fromkeys(("initial", "end", "start", "minimum", "value", "base"), numbers(0, 0.3, 0.1)),
        **dict.fromkeys(("decay_steps", "first_steps", "total_steps", "warmup_steps", "every"), st.integers(1, 60)),
        "peak": numbers(1e-3, 0.3, 0.1),
        "learning_rate": numbers(1e-3, 0.3, 0.1),
        "decay_rate": numbers(0.3, 1.1, 0.5),
        "factor": numbers(0.1, 1, 0.5),
        **dict.fromkeys(("power", "exponent"), numbers(0.3, 3, 2.0)),
        "stable_steps": st.integers(0, 30),
        **dict.fromkeys(("batch_size", "base_batch_size"), st.integers(1, 512)),
        "t_mul": st.integers(1, 3),
        "m_mul": numbers(0.3, 1.2, 0.5),
        "warmup_fraction": numbers(0, 0.95, 0.25),
        "div_factor": numbers(1, 100, 10.0),
        "final_div_factor": numbers(1, 1e4, 10.0),
    },
}


def classes(kind: str) -> list[type[Any]]:
    """The classes that may stand where a ``kind`` is expected, those of other packages included.

    Models are left out, and losses by output, whose names are those of a model.
    """
    found = {cls for tag in vocabulary.tags(kind) if (cls := vocabulary.find(kind, tag)) is not None}
    return sorted((cls for cls in found if not issubclass(cls, Model | Losses)), key=lambda cls: cls.__name__)


def options(cls: type[Any], hints: Hints | None = None, depth: int = 0) -> SearchStrategy[dict[str, Any]]:
    """Fields of a class as a spec file writes them: those it needs always, the others now and then."""
    form = _schema(cls)
    ranges = {**RANGES.get(cls.kind, {}), **(hints or {})}
    made = {
        name: ranges[name] if name in ranges else values(field, depth)
        for name, field in form["properties"].items()
        if name != "name"
    }
    needed = set(form.get("required", ()))
    return st.fixed_dictionaries(
        {name: value for name, value in made.items() if name in needed},
        optional={name: value for name, value in made.items() if name not in needed},
    )


@st.composite
def attempts(draw: st.DrawFn, cls: type[Any], hints: Hints | None = None, depth: int = 0) -> Any | None:
    """Specs of a class, or None for fields that exclude each other."""
    fields = draw(options(cls, hints, depth))
    try:
        return build(cls, fields, cls.__name__)
    except SpecError:
        return None


def specs(cls: type[Any], hints: Hints | None = None, depth: int = 0) -> SearchStrategy[Any]:
    """Specs of a class. Fields that exclude each other are drawn anew."""
    return attempts(cls, hints, depth).filter(lambda made: made is not None)


def of_kind(kind: str, depth: int = 0) -> SearchStrategy[Any]:
    """Specs of any class of a kind; within others only those that hold none of their own kind."""
    found = [cls for cls in classes(kind) if depth == 0 or kind not in _held(cls)]
    return st.sampled_from(found).flatmap(lambda cls: hinted(cls, depth))


def hinted(cls: type[Any], depth: int = 0) -> SearchStrategy[Any]:
    """Specs of a class with what its family knows about it."""
    from nnspec_conformance.strategies import initializers, optimizers, schedules

    known: dict[str, Any] = {**schedules.HINTS, **initializers.HINTS, **optimizers.HINTS}
    if cls.__name__ in known:
        return known[cls.__name__](depth)  # type: ignore[no-any-return]
    return specs(cls, depth=depth)


def values(form: dict[str, Any], depth: int = 0) -> SearchStrategy[Any]:
    """Values that a fragment of a class's JSON Schema accepts, in the ranges that networks use."""
    if "$definition" in form:
        return st.deferred(lambda: of_kind(form["$definition"], depth + 1))
    if "enum" in form:
        return st.sampled_from(form["enum"])
    if "const" in form:
        return st.just(form["const"])
    if "anyOf" in form:
        return st.one_of(*(values(part, depth) for part in form["anyOf"]))
    match form.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            low = max(form.get("minimum", -3), form.get("exclusiveMinimum", -4) + 1)
            return st.integers(low, min(low + 6, form.get("maximum", low + 6), form.get("exclusiveMaximum", 99) - 1))
        case "number":
            return _number(form)
        case "string":
            return st.sampled_from(["a", "loss", "val_loss"])
        case "array":
            if "prefixItems" in form:
                return st.tuples(*(values(part, depth) for part in form["prefixItems"])).map(list)
            low = form.get("minItems", 1)
            return st.lists(values(form["items"], depth), min_size=low, max_size=form.get("maxItems", low + 2))
    raise AssertionError(f"no strategy for {form}")


def _number(form: dict[str, Any]) -> SearchStrategy[float]:
    low, high = form.get("minimum", -2.0), form.get("maximum", 2.0)
    if "exclusiveMinimum" in form:
        low = form["exclusiveMinimum"] + 0.05
    if "exclusiveMaximum" in form:
        high = form["exclusiveMaximum"] - 0.05
    special = [value for value in (0.0, 0.5, 1.0, -1.0) if low <= value <= high]
    return numbers(float(low), float(high), *special)


_SCHEMAS: dict[type[Any], dict[str, Any]] = {}


def _schema(cls: type[Any]) -> dict[str, Any]:
    if cls not in _SCHEMAS:
        _SCHEMAS[cls] = TypeAdapter(cls).json_schema()
    return _SCHEMAS[cls]


def _held(cls: type[Any]) -> set[str]:
    """The kinds of spec that fields of a class hold."""
    found, waiting = set(), [_schema(cls)["properties"]]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            found.update([part["$definition"]] if "$definition" in part else [])
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return found
