"""The base of all specs: frozen, strictly validated dataclasses, their short form in files and back.

A spec is data. ``parse`` reads the short form of a spec file, ``dump`` writes it, and both are inverse to each other:

* a bare name takes all defaults (``gelu``),
* ``{Name: value}`` with a value that is not a mapping sets the first field (``Dense: 10``),
* ``{Name: {field: value, ...}}`` sets any fields.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic.dataclasses import dataclass as pydantic_dataclass

from nnspec import vocabulary
from nnspec.errors import SpecError, did_you_mean
from nnspec.explain import explain, shown as shown

CONFIG = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, validate_default=True)

PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
# A share of which the whole is excluded: dropout rates, decay factors, momenta.
Fraction = Annotated[float, Field(ge=0, lt=1)]
# How far probabilities stay from 0 and from 1.
Margin = Annotated[float, Field(gt=0, lt=0.5)]

_T = TypeVar("_T", bound="Spec")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def spec(cls: type[_T]) -> type[_T]:
    """Make a class a spec: a frozen pydantic dataclass whose errors are :class:`SpecError` with a path."""
    made = pydantic_dataclass(frozen=True, config=CONFIG)(cls)
    validated_init: Callable[..., None] = made.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            validated_init(self, *map(_tuples, args), **{name: _tuples(value) for name, value in kwargs.items()})
        except ValidationError as error:
            raise explain(made, error) from None
        except TypeError as error:
            raise SpecError(f"{made.__name__}: {error}") from None

    init.__wrapped__ = validated_init  # type: ignore[attr-defined]
    made.__init__ = init  # type: ignore[method-assign]
    return made  # type: ignore[return-value]


@dataclasses.dataclass(frozen=True)
class Spec:
    """Base of every class of the vocabulary."""

    kind: ClassVar[str] = ""


def parse(kind: str, value: Any) -> Any:
    """The spec that ``value`` (a spec already, or its short form in a file) stands for where a ``kind`` is expected.

    Raises:
        SpecError: unknown name, wrong form or wrong fields; the path is relative to ``value``.
    """
    if isinstance(value, Spec):
        if value.kind == kind or (kind == "layer" and value.kind in ("activation", "operation")):
            return value
        raise SpecError(f"expected {_article(kind)}, got the {value.kind or 'spec'} {type(value).__name__}")
    if isinstance(value, str):
        return _class(kind, value)()
    if isinstance(value, Mapping):
        if len(value) != 1:
            listed = ", ".join(map(str, value)) or "nothing"
            raise SpecError(f"expected {_article(kind)} as one name with its fields, got a mapping of {listed}")
        (tag, fields), *_ = value.items()
        cls = _class(kind, tag)
        return build(cls, fields, tag)
    raise SpecError(f"expected {_article(kind)}, got {shown(value)}")


def build(cls: Callable[..., Any], fields: Any, tag: str) -> Any:
    """``cls``, or what a builder makes, from what stands behind the name: nothing, a first value, or its fields."""
    from_file = getattr(cls, "from_file", None)  # classes with a notation of their own: Model
    try:
        if from_file is not None:
            return from_file(fields)
        if fields is None:
            return cls()
        if isinstance(fields, Mapping):
            for name in fields:
                if not isinstance(name, str):
                    raise SpecError(f"field names are words, got {shown(name)}")
            return cls(**fields)
        return cls(fields)
    except SpecError as error:
        raise error.under(tag) from None


def _class(kind: str, tag: Any) -> type[Any]:
    cls = vocabulary.find(kind, tag) if isinstance(tag, str) else None
    if cls is None:
        known = vocabulary.tags(kind)
        hint = did_you_mean(tag, known) or f" (known: {', '.join(known)})"
        raise SpecError(f"unknown {kind} {tag!r}{hint}{vocabulary.remarks()}")
    return cls


def _tuples(value: Any) -> Any:
    """Lists as the tuples that frozen specs hold."""
    if isinstance(value, Mapping):
        return {name: _tuples(held) for name, held in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def dump(value: Any) -> Any:
    """The short form of a spec (or of any field's value): plain strings, numbers, lists and mappings."""
    if isinstance(value, Spec):
        tag = vocabulary.tag_of(type(value))
        if hasattr(value, "to_file"):
            return {tag: value.to_file()}
        fields = changed_fields(value)
        if not value.kind:
            return fields
        if not fields:
            return tag
        first = next((f for f in dataclasses.fields(value) if f.init and not f.kw_only), None)
        needed = first is not None and first.default is first.default_factory is dataclasses.MISSING
        # A value alone says enough where it cannot be left out: {Dense: 10}, but {Huber: {delta: 2.0}}.
        if first is not None and needed and list(fields) == [first.name]:
            held = fields[first.name]
            if held is not None and not isinstance(held, dict):
                return {tag: held}
        return {tag: fields}
    if isinstance(value, Mapping):
        return {k: dump(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [dump(v) for v in value]
    return value


def changed_fields(value: Any) -> dict[str, Any]:
    """The fields that differ from their defaults, in their short form."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        if not field.init:
            continue
        current = getattr(value, field.name)
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        short = dump(current)
        if (
            default is dataclasses.MISSING
            or short != dump(default)
            or isinstance(short, bool) != isinstance(default, bool)
        ):
            changed[field.name] = short
    return changed


def demand_pattern(pattern: str, *place: str | int) -> None:
    """Refuse a pattern of names that is no regular expression.

    Raises:
        SpecError: with the place.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise SpecError(f"{pattern!r} is no regular expression: {error}", place) from None


def nested(cls: type[Any], *, optional: bool = False) -> BeforeValidator:
    """Reads a field that holds one class only, hence without its name: ``clip: {global_norm: 1.0}``."""

    def read(value: Any) -> Any:
        if isinstance(value, cls) or (optional and value is None):
            return value
        if isinstance(value, Mapping):
            for name in value:
                if not isinstance(name, str):
                    raise SpecError(f"field names are words, got {shown(name)}")
            return cls(**value)
        if isinstance(value, Spec) or value is None:
            raise SpecError(f"expected the fields of {cls.__name__}, got {shown(value)}")
        return cls(value)

    return BeforeValidator(read)


def written(name: str, *, optional: bool = False) -> WithJsonSchema:
    """How a field is written in a file, for the JSON Schema: as what ``$defs`` holds under ``name``.

    pydantic cannot follow references to definitions that are made elsewhere; ``nnspec.schema`` puts them in.
    """
    reference: dict[str, Any] = {"$definition": name}
    return WithJsonSchema({"anyOf": [reference, {"type": "null"}]} if optional else reference)


def _reader(kind: str) -> BeforeValidator:
    return BeforeValidator(lambda value: parse(kind, value))


def _optional_reader(kind: str) -> BeforeValidator:
    return BeforeValidator(lambda value: None if value is None else parse(kind, value))


# Fields that hold another spec; each also takes the short form of a file. ``Any`` keeps pydantic from looking into the
# value again: ``parse`` has validated it.
AnyLayer = Annotated[Any, _reader("layer"), written("layer")]
AnyActivation = Annotated[Any, _optional_reader("activation"), written("activation", optional=True)]
AnyInitializer = Annotated[Any, _reader("initializer"), written("initializer")]
AnyOptionalInitializer = Annotated[Any, _optional_reader("initializer"), written("initializer", optional=True)]
AnyLoss = Annotated[Any, _reader("loss"), written("loss")]
AnyMixing = Annotated[Any, _optional_reader("mixing"), written("mixing", optional=True)]
AnyOptimizer = Annotated[Any, _reader("optimizer"), written("optimizer")]
AnySchedule = Annotated[Any, _reader("schedule"), written("schedule")]


def _rate(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return parse("schedule", value) if not isinstance(value, bool) else _refuse(value)
    if not 0 <= value < float("inf"):
        _refuse(value)
    return float(value)


def _refuse(value: Any) -> Any:
    raise SpecError(f"expected a learning rate >= 0 or a schedule, got {shown(value)}")


# A number, or a schedule of the update step.
Rate = Annotated[
    Any,
    BeforeValidator(_rate),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"$definition": "schedule"}]}),
]
