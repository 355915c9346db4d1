"""Hypothesis strategies for specs as files write them, generated from the published JSON Schema.

What the schema accepts the reader must accept, so these strategies test the two against each other as well.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from nnspec.schema import schema


@cache
def definitions() -> dict[str, Any]:
    return schema()["$defs"]


def of_kind(kind: str, tag: str | None = None) -> st.SearchStrategy[Any]:
    """Specs of a kind, or of one class of it, in any of their written forms."""
    forms = definitions()[kind]["anyOf"]
    if tag is None:
        return _any_of(json.dumps(forms), 0)
    bare = [st.just(tag) for form in forms if tag in form.get("enum", ())]
    named = next(form["properties"][tag] for form in forms if "properties" in form)
    return st.one_of(*bare, _made(json.dumps(named), 0).map(lambda value: {tag: value}))


def models(depth: int = 0) -> st.SearchStrategy[Any]:
    """Models as files write them, chains and graphs, not all of which make sense."""
    return _made(json.dumps(definitions()["model"]), depth)


_NUMBERS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 1e-3, 1e-7, 3e5, 123.456, -0.75])
_WORDS = st.sampled_from(["a", "hidden", "x_1", "val_loss", "yes", "1e-3", "010", "null", "é"])
_NAMES = st.sampled_from(["a", "b", "c", "dense", "x_1"])


@cache
def _made(text: str, depth: int) -> st.SearchStrategy[Any]:
    """Values that a fragment of the schema accepts."""
    fragment = json.loads(text)
    if "$ref" in fragment:
        name = fragment["$ref"].removeprefix("#/$defs/")
        return st.deferred(lambda: _made(json.dumps(definitions()[name]), depth + 1))
    if "enum" in fragment:
        return st.sampled_from(fragment["enum"])
    if "const" in fragment:
        return st.just(fragment["const"])
    if "anyOf" in fragment:
        return _any_of(json.dumps(fragment["anyOf"]), depth)
    if "allOf" in fragment:  # a value that is no mapping
        return _made(json.dumps(fragment["allOf"][0]), depth).filter(lambda value: not isinstance(value, dict))
    match fragment.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            low = max(fragment.get("minimum", -3), fragment.get("exclusiveMinimum", -4) + 1)
            return st.integers(low, min(low + 5, fragment.get("maximum", low + 5)))
        case "number":
            return st.one_of(_NUMBERS, st.integers(0, 3)).filter(lambda value: _in_range(value, fragment))
        case "string":
            return _NAMES if "pattern" in fragment else _WORDS
        case "array":
            if "prefixItems" in fragment:
                return st.tuples(*(_made(json.dumps(item), depth) for item in fragment["prefixItems"])).map(list)
            items = _made(json.dumps(fragment["items"]), depth)
            return st.lists(items, min_size=fragment.get("minItems", 0), max_size=fragment.get("maxItems", 4))
        case "object":
            return _object(fragment, depth)
    raise AssertionError(f"no strategy for {fragment}")


def _in_range(value: float, fragment: dict[str, Any]) -> bool:
    return (
        fragment.get("minimum", value) <= value <= fragment.get("maximum", value)
        and value > fragment.get("exclusiveMinimum", value - 1)
        and value < fragment.get("exclusiveMaximum", value + 1)
    )


def _object(fragment: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    properties = fragment.get("properties", {})
    if fragment.get("maxProperties") == 1:  # a name with its value
        shallow = {tag: form for tag, form in properties.items() if depth < 3 or "$ref" not in form}
        return st.sampled_from(sorted(shallow)).flatmap(
            lambda tag: _made(json.dumps(shallow[tag]), depth + 1).map(lambda value: {tag: value})
        )
    if not properties and fragment.get("additionalProperties"):
        values = _made(json.dumps(fragment["additionalProperties"]), depth)
        return st.dictionaries(_NAMES, values, min_size=fragment.get("minProperties", 0), max_size=3)
    needed = set(fragment.get("required", ()))
    made = {name: _made(json.dumps(form), depth) for name, form in properties.items()}
    required = {name: form for name, form in made.items() if name in needed}
    return st.fixed_dictionaries(required, optional={n: f for n, f in made.items() if n not in needed})


@cache
def _any_of(text: str, depth: int) -> st.SearchStrategy[Any]:
    forms = json.loads(text)
    if depth > 3:  # specs in specs come to an end: bare names first
        flat = [form for form in forms if "$ref" not in form and form.get("type") != "object"]
        forms = flat or forms
    return st.one_of(*(_made(json.dumps(form), depth) for form in forms))
