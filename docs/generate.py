"""Writes docs/reference.md from the docstrings and fields of the vocabulary's classes.

``python docs/generate.py`` writes it, ``python docs/generate.py --check`` exits with status 1 if it is out of date.
``python docs/generate.py --facts FILE`` writes docs/support-matrix.md instead, from the JSON that a full run of
``nnspec conformance --json FILE`` left.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

from nnspec import models, vocabulary
from nnspec.experiment import Data, EarlyStopping, Experiment, Training
from nnspec.optimizers import Clip
from nnspec.penalties import Constraint, Penalty
from nnspec.spec import dump

TARGET = Path(__file__).with_name("reference.md")
MATRIX = Path(__file__).with_name("support-matrix.md")
HEAD = """\
# Reference

<!-- Made from the docstrings by `python docs/generate.py`: change those, not this file. -->

Every class of the vocabulary, with its name in spec files, its fields and its exact meaning. In a spec file a bare name
takes all defaults, a single value sets the first field, anything else is a mapping of fields
([spec files](spec-files.md)); in Python all classes are attributes of `nnspec`. What holds for all of them is in
[conventions](conventions.md).

"""
# "Losses" is the name of a class.
PLURALS = {"loss": "Loss functions"}
# What a spec file holds beside the vocabulary.
EXPERIMENT = (Experiment, Data, Training, EarlyStopping, Clip, Penalty, Constraint)


def render() -> str:
    """The whole page."""
    kinds = [kind for kind in vocabulary.KINDS if vocabulary.class_names(kind)]
    contents = "\n".join(f"* [{_plural(kind)}](#{_section(kind)}): {_links(kind)}" for kind in kinds)
    names = ", ".join(_link(cls.__name__) for cls in EXPERIMENT)
    contents += f"\n* [Experiments](#experiments): {names}\n"
    experiments = f"\n## Experiments\n{''.join(map(_class, EXPERIMENT))}"
    contents += f"* [Models](#models): {', '.join(map(_link, models.BUILDERS))}\n"
    built = f"\n## Models\n\n{_docstring(models.__doc__)}\n{''.join(map(_builder, models.BUILDERS))}"
    return f"{HEAD}{contents}{''.join(map(_kind, kinds))}{experiments}{built}"


def _plural(kind: str) -> str:
    return PLURALS.get(kind, f"{kind.capitalize()}s")


def _section(kind: str) -> str:
    """The anchor of a kind's section."""
    return _plural(kind).lower().replace(" ", "-")


def _links(kind: str) -> str:
    return ", ".join(map(_link, vocabulary.class_names(kind)))


def _kind(kind: str) -> str:
    classes = [vocabulary.load(name) for name in vocabulary.class_names(kind)]
    modules = list(dict.fromkeys(cls.__module__ for cls in classes))
    text = f"\n## {_plural(kind)}\n"
    for folder in dict.fromkeys(module.rpartition(".")[0] for module in modules):
        rules = inspect.cleandoc(importlib.import_module(folder).__doc__ or "")
        if "\n\n" in rules:  # more than a title
            text += f"\n{_docstring(rules)}\n"
    for module in modules:
        rules = inspect.cleandoc(importlib.import_module(module).__doc__ or "")
        if "\n\n" in rules:  # more than a title
            text += f"\n{_docstring(rules)}\n"
        text += "".join(_class(cls) for cls in classes if cls.__module__ == module)
    return text


def _class(cls: type[Any]) -> str:
    tag = vocabulary.tag_of(cls)
    written = "" if tag == cls.__name__ else f"\nIn spec files: `{tag}`.\n"
    fields = [field for field in dataclasses.fields(cls) if field.init and field.name != "name"]
    text, meanings = _attributes(inspect.cleandoc(cls.__doc__ or ""), {field.name for field in fields})
    # Those that may be given by position first: the very first is what a single value in a file sets.
    fields.sort(key=lambda field: bool(field.kw_only))
    rows = "".join(_field(cls, field, meanings) for field in fields)
    head = (
        "| Field | Value | Default | Meaning |\n|---|---|---|---|"
        if meanings
        else "| Field | Value | Default |\n|---|---|---|"
    )
    table = f"\n{head}\n{rows}" if rows else ""
    return f"\n### {cls.__name__}\n{written}\n{_docstring(text)}\n{table}"


def _builder(name: str) -> str:
    function = inspect.unwrap(models.load(name))
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    text, meanings = _attributes(inspect.cleandoc(function.__doc__ or ""), set(parameters))
    rows = "".join(
        f"| `{p.name}` | {_values(hints[p.name])} | {'required' if p.default is p.empty else _code(p.default)} "
        f"| {meanings[p.name]} |\n"
        for p in parameters.values()
    )
    return f"\n### {name}\n\n{_docstring(text)}\n\n| Field | Value | Default | Meaning |\n|---|---|---|---|\n{rows}"


def _attributes(text: str, names: set[str]) -> tuple[str, dict[str, str]]:
    """A docstring without the list of its attributes and its section "Raises", and the meaning of each attribute."""
    kept: list[str] = []
    meanings: dict[str, str] = {}
    for block in text.split("\n\n"):
        listed = inspect.cleandoc(re.sub(r"^(?:Attributes|Args):\n", "", block))
        entries = [e.partition(": ") for e in re.split(r"\n(?=\S)", listed)]
        if all(name in names for name, _, _ in entries):
            meanings |= {name: _prose(" ".join(meaning.split())) for name, _, meaning in entries}
        elif not block.startswith("Raises:"):
            kept.append(block)
    return "\n\n".join(kept), meanings


def _field(cls: type[Any], field: dataclasses.Field[Any], meanings: dict[str, str]) -> str:
    hint = typing.get_type_hints(cls, include_extras=True)[field.name]
    if field.default is not dataclasses.MISSING:
        default = _code(field.default)
    elif field.default_factory is not dataclasses.MISSING:
        default = _code(field.default_factory())
    else:
        default = "required"
    meaning = f" {meanings.get(field.name, '')} |" if meanings else ""
    return f"| `{field.name}` | {_values(hint)} | {default} |{meaning}\n"


def _code(value: Any) -> str:
    short = dump(value)
    text = short if isinstance(short, str) else re.sub(r"e([+-])0", r"e\1", json.dumps(short))
    return f"`{text}`"


# -- types in words ---------------------------------------------------------------------------------------------------

WORDS = {int: "integer", float: "number", bool: "true or false", str: "text", types.NoneType: "null", Any: "see above"}
SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def _values(hint: Any) -> str:
    """What a field takes: ``Annotated[int, Field(gt=0)]`` is "integer > 0"."""
    if hint in WORDS:
        return WORDS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        for metadata in arguments[1:]:
            if hasattr(metadata, "json_schema"):
                return _schema(metadata.json_schema)
        bounds = [bound for m in arguments[1:] for bound in getattr(m, "metadata", ())]
        limits = [f"{sign} {getattr(b, name)}" for b in bounds for name, sign in SIGNS.items() if hasattr(b, name)]
        return " ".join([_values(arguments[0]), " and ".join(limits)]).strip()
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_values, arguments))
    if origin is dict:
        return f"mapping of names to: {_values(arguments[1])}"
    if origin is tuple:
        return f"list of: {_values(arguments[0])}"
    raise TypeError(f"no words for {hint}")


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _schema(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_schema, schema["anyOf"]))
    kind = schema.get("$definition")
    if kind is not None:
        anchor = _section(kind) if kind in vocabulary.KINDS else kind.replace("_", "")
        return f"[{kind.replace('_', ' ')}](#{anchor})"
    if schema["type"] == "array":
        return f"list of: {_schema(schema['items'])}"
    if schema["type"] == "object":
        return f"mapping of names to: {_schema(schema['additionalProperties'])}"
    minimum = f" ≥ {schema['minimum']}" if "minimum" in schema else ""
    return f"{schema['type']}{minimum}"


# -- docstrings in Markdown -------------------------------------------------------------------------------------------

FORMULA = re.compile(r"^\s*[^\s=←]{1,14} *(=|←|~) ")


def _docstring(text: str | None) -> str:
    """A docstring as Markdown: formulas and indented blocks verbatim, prose with its code marked."""
    blocks = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(map(_block, blocks))


def _block(block: str) -> str:
    lines = block.splitlines()
    formula = all(FORMULA.match(line) for line in lines)
    if all(line.startswith("    ") for line in lines):
        return f"```{'text' if formula else 'yaml'}\n{inspect.cleandoc(block)}\n```"
    if formula and (len(lines) > 1 or not re.search(r"[.`;]", block)):
        return "```text\n{}\n```".format(block.replace("``", ""))
    return "\n".join(map(_prose, re.sub(r"::$", ":", block).splitlines()))


def _prose(line: str) -> str:
    line = re.sub(r":(?:class|mod|func|meth):``?([^`]+)``?|``([^`]+)``", lambda m: f"`{m[1] or m[2]}`", line)
    line = re.sub(r"docs/(\w+\.md)", r"[\1](\1)", line)
    bullet, rest = re.fullmatch(r"(\* )?(.*)", line).groups(default="")  # type: ignore[union-attr]
    parts = rest.split("`")
    # Outside of code a star is a star; a `_` or `<` inside a word means nothing to Markdown.
    parts[::2] = [part.replace("*", "\\*") for part in parts[::2]]
    return bullet + "`".join(parts)


def support_matrix(facts: Path) -> str:
    """The page on what the suite found, with all deviations that are declared for the backends of that run."""
    from nnspec_conformance import deviations, facts as kept  # here alone: the reference needs no suite
    from nnspec_conformance.report import matrix

    run = kept.read(facts)
    declared = dict.fromkeys(entry for place in run.places for entry in deviations.declared(place.backend))
    return matrix.render(run, declared)


def main() -> None:
    if sys.argv[1:2] == ["--facts"] and len(sys.argv) == 3:
        MATRIX.write_text(support_matrix(Path(sys.argv[2])), encoding="utf-8")
        return
    page = render()
    if "--check" in sys.argv[1:]:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != page:
            raise SystemExit(f"{TARGET.name} is out of date: run python docs/generate.py")
        return
    TARGET.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
