"""What pydantic finds wrong with a spec, in the words of a spec file."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from nnspec.errors import SpecError, did_you_mean

_EXPECTED = {
    "int_type": "expected an integer",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "string_type": "expected a text",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping",
    "missing": "expected one more",
    "string_pattern_mismatch": "expected a name (letters, digits and '_', not starting with a digit)",
    "finite_number": "expected a finite number",
}
_BRANCH = re.compile(
    r"(?:int|float|str|bool|none|literal|constrained-\w+|(?:tuple|list|dict|function-\w+)\[.*)$|.*\[key\]$"
)


def explain(cls: type[Any], error: ValidationError) -> SpecError:
    """The first of pydantic's findings about a spec's fields as one SpecError, in the words of the spec."""
    fields = [f for f in dataclasses.fields(cls) if f.init]
    named = [f.name for f in fields if f.kw_only]
    return _explain(cls.__name__, [f.name for f in fields if not f.kw_only], named, error)


def explain_call(name: str, parameters: Collection[inspect.Parameter], error: ValidationError) -> SpecError:
    """The same for the arguments of a function, which are written as fields are."""
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    return _explain(name, [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY], named, error)


def _explain(what: str, names: Sequence[str], others: Sequence[str], error: ValidationError) -> SpecError:
    """``names`` are those that can be given by position, ``others`` those that cannot."""
    findings = error.errors(include_url=False)
    finding = next((f for f in findings if f["type"].startswith("unexpected")), findings[0])
    path = [*_named(finding["loc"][:1], names), *finding["loc"][1:]]
    cause = finding.get("ctx", {}).get("error")
    if isinstance(cause, SpecError):
        return cause.under(*path)
    known = [*names, *others]
    wrong: str | int | None = None
    match finding["type"]:
        case "unexpected_keyword_argument":
            wrong = path.pop()
            reason = f"{what} has no field {wrong!r}{did_you_mean(wrong, known)} (fields: {', '.join(known)})"
        case "missing" | "missing_argument" if isinstance(path[-1], str):
            reason = f"{what} needs the field {path.pop()!r}"
        case "unexpected_positional_argument":
            reason = f"{what} takes {len(names)} positional values ({', '.join(names)})"
            path = []
        case "value_error":
            reason = str(cause)
        case _:
            path, findings = _deepest([f for f in findings if f["loc"][:1] == finding["loc"][:1]])
            path = [*_named(path[:1], names), *path[1:]]
            value = findings[0]["input"]
            expected = " or ".join(dict.fromkeys(_reason(f) for f in findings)).replace(" or expected ", " or ")
            reason = f"{expected}, got {shown(value)}"
            if findings[0]["type"] == "bool_type" and str(value).lower() in ("yes", "no", "on", "off"):
                reason += " (YAML 1.2 has true and false)"
    return SpecError(reason, path, key=wrong)


def _named(start: Sequence[int | str], names: Sequence[str]) -> list[int | str]:
    """The field's name for the position of an argument."""
    return [names[p] if isinstance(p, int) and p < len(names) else p for p in start]


def _deepest(findings: list[Any]) -> tuple[list[int | str], list[Any]]:
    """Of the branches of a union that failed, those that came furthest, and the place that they reached."""
    paths = []
    for found in findings:
        # Branches leave their own names in the location ("int", "tuple[str, ...]").
        first, *rest = found["loc"]
        paths.append([first, *(p for p in rest if isinstance(p, int) or not _BRANCH.match(p))])
    furthest = max(paths, key=len)
    return furthest, [found for found, path in zip(findings, paths, strict=True) if path == furthest]


def _reason(finding: Any) -> str:
    """What was expected, in the words of a spec file."""
    message: str = finding["msg"]
    return _EXPECTED.get(finding["type"], message[0].lower() + message[1:])


def shown(value: object) -> str:
    """A value of a file in a message."""
    text = repr(_lists(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lists(value: Any) -> Any:
    """Tuples as the lists that they are in a file."""
    if isinstance(value, Mapping):
        return {name: _lists(held) for name, held in value.items()}
    return [_lists(held) for held in value] if type(value) in (list, tuple) else value
