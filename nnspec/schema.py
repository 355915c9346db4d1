"""The JSON Schema of spec files, made from the vocabulary, so that editors complete and check them.

It accepts what the reader accepts, but for what a schema cannot say: shapes that fit, fields that exclude each other,
and whole numbers written as 10.0.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from nnspec import models, outside, vocabulary
from nnspec.document import FORMAT
from nnspec.experiment import EarlyStopping, Experiment, Training
from nnspec.layers.base import NAME
from nnspec.model import Model
from nnspec.optimizers import Clip
from nnspec.penalties import Constraint, Penalty
from nnspec.source import SKLEARN, Data

Schema = dict[str, Any]
_BARE = {
    "clip": Clip,
    "constraint": Constraint,
    "data": Data,
    "early_stopping": EarlyStopping,
    "penalty": Penalty,
    "training": Training,
}


def schema() -> Schema:
    """The JSON Schema (draft 2020-12) of spec files, with the words of other packages.

    Raises:
        SpecError: another package's words cannot be used.
    """
    outside.demand_sound()
    fields = _fields(Experiment)
    for name, one in (("penalties", "penalty"), ("constraints", "constraint")):
        fields["properties"][name] = {"anyOf": [fields["properties"][name], {"$ref": f"#/$defs/{one}"}]}
    definitions: Schema = {kind: _kind(kind) for kind in vocabulary.KINDS}
    definitions |= {name: _bare(cls) for name, cls in _BARE.items()}
    definitions["data"]["anyOf"][0]["properties"]["sklearn"] = {"enum": [*SKLEARN, None]}
    definitions |= _model()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nnspec spec file",
        "type": "object",
        "properties": {
            "nnspec": {"const": FORMAT, "description": "The version of the format."},
            **fields["properties"],
        },
        "required": ["nnspec", "model"],
        "anyOf": [{"required": ["loss"]}, {"maxProperties": 2}],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _kind(kind: str) -> Schema:
    """Everything that may be written where a ``kind`` is expected: a bare name, or a name with its value or fields."""
    bare, full = [], {}
    for tag in vocabulary.tags(kind):
        cls = vocabulary.find(kind, tag)
        assert cls is not None
        full[tag] = {"$ref": "#/$defs/model"} if issubclass(cls, Model) else _behind_a_name(cls)
        if not issubclass(cls, Model) and not _fields(cls).get("required"):
            bare.append(tag)
    named = {
        "type": "object",
        "properties": full,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"anyOf": [{"enum": bare}, named] if bare else [named]}


def _behind_a_name(named: Callable[..., Any]) -> Schema:
    """What stands behind the name of a class or a builder: nothing, the value of its first field, or its fields."""
    fields = _fields(named)
    forms = [{k: v for k, v in fields.items() if k != "description"}]
    first = _first(named)
    if first is not None and set(fields.get("required", ())) <= {first}:
        forms.append({"allOf": [fields["properties"][first], {"not": {"type": "object"}}]})
    if not fields.get("required"):
        forms.append({"type": "null"})
    return {"description": fields["description"], "anyOf": forms}


def _bare(cls: type[Any]) -> Schema:
    """A class that stands where no other can, hence without its name."""
    made = _behind_a_name(cls)
    made["anyOf"] = [form for form in made["anyOf"] if form != {"type": "null"}]
    return made


def _first(named: Callable[..., Any]) -> str | None:
    if not isinstance(named, type):
        return next(iter(inspect.signature(named).parameters))
    return next((f.name for f in dataclasses.fields(named) if f.init and not f.kw_only), None)


def _fields(named: Callable[..., Any]) -> Schema:
    """The object of a class's fields or a builder's arguments, with references to what they hold."""
    made: Schema = _referring(TypeAdapter(inspect.unwrap(named)).json_schema())
    return {
        "description": inspect.cleandoc(named.__doc__ or ""),
        "type": "object",
        "properties": {
            name: {k: v for k, v in field.items() if k != "title"} for name, field in made["properties"].items()
        },
        "additionalProperties": False,
        **({"required": made["required"]} if "required" in made else {}),
    }


def _referring(part: Any) -> Any:
    if isinstance(part, dict):
        made = {name: _referring(held) for name, held in part.items() if name != "$definition"}
        return made | ({"$ref": f"#/$defs/{part['$definition']}"} if "$definition" in part else {})
    return [_referring(held) for held in part] if isinstance(part, list) else part


def _model() -> Schema:
    """Models and their inputs, which have a notation of their own."""
    name = {"type": "string", "pattern": f"^{NAME}$"}
    names = {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]}
    size = {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "null"}]}
    shape = {"anyOf": [{"type": "array", "items": size}, {"type": "null"}]}
    inputs = {"dtype": {"enum": ["float", "int32", "bool"]}, "shape": shape}
    node = {
        "type": "object",
        "properties": {
            "layer": {"$ref": "#/$defs/layer"},
            "shares": {**name, "description": "An earlier node whose layer, hence whose variables, is used again."},
            "inputs": names,
            "input": names,
        },
        "oneOf": [{"required": ["layer"]}, {"required": ["shares"], "not": {"required": ["layer"]}}],
        "additionalProperties": False,
    }
    chain = {"type": "array", "items": {"$ref": "#/$defs/layer"}, "minItems": 1}
    builders = {tag: _behind_a_name(models.load(tag)) for tag in models.BUILDERS}
    label = {"anyOf": [name, {"type": "null"}]}
    return {
        "input": {
            "description": "A shape without the batch axis, such as [64]; null for an axis of any length.",
            "anyOf": [
                shape,
                {"type": "integer", "exclusiveMinimum": 0},
                {"type": "object", "properties": inputs, "additionalProperties": False},
            ],
        },
        "builder": {
            "description": inspect.cleandoc(models.__doc__ or ""),
            "anyOf": [
                {"enum": [tag for tag, made in builders.items() if {"type": "null"} in made["anyOf"]]},
                *(
                    {
                        "type": "object",
                        "properties": {tag: made, "name": label},
                        "required": [tag],
                        "additionalProperties": False,
                    }
                    for tag, made in builders.items()
                ),
            ],
        },
        "model": {
            "description": inspect.cleandoc(Model.__doc__ or ""),
            "anyOf": [
                {"$ref": "#/$defs/builder"},
                chain,
                {
                    "type": "object",
                    "properties": {"input": {"$ref": "#/$defs/input"}, "layers": chain, "name": label},
                    "required": ["layers"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {
                        "inputs": {
                            "type": "object",
                            "propertyNames": name,
                            "additionalProperties": {"$ref": "#/$defs/input"},
                            "minProperties": 1,
                        },
                        "input": {"$ref": "#/$defs/input"},
                        "nodes": {"type": "object", "propertyNames": name, "additionalProperties": node},
                        "outputs": names,
                        "output": names,
                        "name": label,
                    },
                    "required": ["nodes"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {
                        "layer": {"$ref": "#/$defs/layer"},
                        "merge": {"enum": ["concat", "sum", "mul", "ave"]},
                        "backward": {"anyOf": [{"$ref": "#/$defs/layer"}, {"type": "null"}]},
                        "name": label,
                    },
                    "required": ["layer"],
                    "additionalProperties": False,
                },
            ],
        },
    }
