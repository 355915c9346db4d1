"""Overrides of a spec file from the command line: ``path=value``."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Sequence
from typing import Any

from nnspec import document, models, vocabulary
from nnspec.errors import SpecError, did_you_mean, format_path

_PART = re.compile(r"([^.\[\]]+)|\[(-?[0-9]+)\]")
# Fields that hold one class only, hence without its name.
_BARE = ("data", "training", "clip", "early_stopping")
_PATH = re.compile(r"[^.\[\]]+(?:\.[^.\[\]]+|\[-?[0-9]+\])*")


def apply_overrides(data: Any, overrides: Sequence[str]) -> Any:
    """The content of a spec file with overrides applied in order; ``data`` is left as it is.

    Raises:
        SpecError: not of the form ``path=value``, or there is no such place; the source is ``--set ...``.
    """
    for override in overrides:
        data = apply_override(data, override)
    return data


def apply_override(data: Any, override: str) -> Any:
    """``data`` with one ``path=value`` set.

    The value is a YAML scalar or flow collection. The path follows the file; bare names and single values open on the
    way (``optimizer: AdamW`` and ``optimizer.AdamW.b1=0.95``), a name of the vocabulary may be left out
    (``optimizer.b1=0.95``), and fields that the file leaves to their defaults are added.
    """
    source = f"--set {override}"
    path, equals, text = override.partition("=")
    if not equals or not _PATH.fullmatch(path.strip()):
        example = "training.epochs=5 or model.layers[0].Dense.features=64"
        raise SpecError(f"expected path=value, such as {example}", (), source)
    parts = [name or int(index) for name, index in _PART.findall(path.strip())]
    try:
        value = document.loads(text, source).data if text.strip() else None
        return _set(data, parts, value, ())
    except SpecError as error:
        error.source = source
        raise


def _set(data: Any, parts: Sequence[str | int], value: Any, done: tuple[str | int, ...]) -> Any:
    """A copy of ``data`` in which the place at ``parts`` holds ``value``; ``done`` leads to ``data``."""
    if not parts:
        return value
    part, rest = parts[0], parts[1:]
    if isinstance(part, int):
        if not isinstance(data, list):
            raise SpecError(f"[{part}] is asked for, but this is not a list", done)
        if not -len(data) <= part < len(data):
            raise SpecError(f"there is no [{part}]: the list has {len(data)} items", done)
        items = list(data)
        items[part] = _set(data[part], rest, value, (*done, part))
        return items
    if isinstance(data, list) and not (done and isinstance(done[-1], str) and _fields(done[-1])):
        raise SpecError(f"{part!r} is asked for, but this is a list: choose an item, {format_path((*done, 0))}", done)
    opened = _open(data, part, done)
    tag = _tag(opened, done)
    if tag is not None and part != tag and part in _fields(tag):
        return _set(opened, (tag, *parts), value, done)
    return {**opened, part: _set(opened.get(part), rest, value, (*done, part))}


def _open(data: Any, part: str, done: tuple[str | int, ...]) -> dict[str, Any]:
    """``data`` as the mapping in which ``part`` can be looked up: bare names and single values are written out."""
    if isinstance(data, dict):
        tag = _tag(data, done)
        if tag is not None and part not in (tag, *_fields(tag)):
            hint = did_you_mean(part, [tag, *_fields(tag)])
            raise SpecError(f"the file has {tag} here, not {part!r}{hint}", done)
        return data
    if data is None:
        return {}
    last = done[-1] if done else None
    if isinstance(last, str) and _fields(last):  # the single value behind a name: its first field
        return {_fields(last)[0]: data}
    if isinstance(data, str) and (data == part or part in _fields(data)):
        return {data: None}
    if isinstance(data, str) and _is_name(data):
        raise SpecError(f"the file has {data} here, not {part!r}{did_you_mean(part, [data, *_fields(data)])}", done)
    raise SpecError(f"there is nothing below {data!r}, so no {part!r}", done)


def _tag(data: dict[str, Any], done: tuple[str | int, ...]) -> str | None:
    """The name in the vocabulary that a mapping stands for (``AdamW`` in ``{AdamW: {b1: 0.95}}``), if it is one."""
    last = done[-1] if done else None
    behind_a_name = isinstance(last, str) and (last in _BARE or _is_name(last))
    tag = next(iter(data), None)
    return tag if len(data) == 1 and tag is not None and _fields(tag) and not behind_a_name else None


def _is_name(tag: str) -> bool:
    return tag in models.BUILDERS or any(tag in vocabulary.tags(kind) for kind in vocabulary.KINDS)


def _fields(tag: str) -> list[str]:
    """The fields of the classes written as ``tag``, first field first; empty if it names none (or a model).

    Those of a builder are its arguments.
    """
    if tag in models.BUILDERS:
        return list(inspect.signature(models.load(tag)).parameters)
    found: dict[str, None] = {}
    for kind in vocabulary.KINDS:
        cls = vocabulary.find(kind, tag) if tag in vocabulary.tags(kind) else None
        if cls is not None and not hasattr(cls, "from_file"):
            fields = sorted((bool(f.kw_only), i, f.name) for i, f in enumerate(dataclasses.fields(cls)) if f.init)
            found.update(dict.fromkeys(name for _, _, name in fields))
    return list(found)
