"""YAML 1.2 by PyYAML's parser: plain data with the line of every value, and back.

PyYAML reads YAML 1.1, where ``1e-3`` is a string, ``010`` is 8, ``12:30`` is 750, ``no`` is false and the last of two
equal keys wins. Only its parser is used here: scalars are resolved by the core schema of YAML 1.2, keys are unique
strings, tags are refused, and aliases may not blow a small file up.

Source: YAML 1.2.2, section 10.3.2 (core schema).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from nnspec.errors import SpecError

MAX_DEPTH = 100
# Nodes that aliases may add to those written out.
MAX_EXPANSION = 100_000

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
MAX_DIGITS = 400


@dataclass
class Place:
    """The line on which a value begins, the places of what it holds, and how many nodes it is when written out."""

    line: int
    children: dict[str | int, Place] = field(default_factory=dict)
    size: int = 1


def load(text: str, source: str) -> tuple[Any, Place]:
    """The content of a YAML text and its places.

    Raises:
        SpecError: with ``source:line``.
    """
    return _Builder(text, source).document()


class _Builder:
    """Builds plain data from the parser's events; ``line`` is that of the event in hand."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.line = 1
        self.anchors: dict[str, tuple[Any, Place]] = {}
        self.written = 0
        self.events = self._parse(text)

    def _parse(self, text: str) -> Iterator[Any]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            event: Any
            for event in yaml.parse(text, Loader=loader):
                self.line = event.start_mark.line + 1
                yield event
        except yaml.MarkedYAMLError as error:
            if error.problem_mark is not None:
                self.line = error.problem_mark.line + 1
            self.refuse(f"not valid YAML: {' '.join(filter(None, (error.context, error.problem)))}")
        except yaml.reader.ReaderError as error:
            self.line = text.count("\n", 0, error.position) + 1
            self.refuse(f"not valid YAML: the character {chr(error.character)!r} is not allowed")
        except UnicodeEncodeError as error:
            self.line = text.count("\n", 0, error.start) + 1
            self.refuse("not valid YAML: half of a surrogate pair is not a character")
        except RecursionError:  # the parser in Python, where libyaml is missing
            self.refuse(f"nested more than {MAX_DEPTH} levels deep")

    def refuse(self, reason: str, line: int | None = None) -> NoReturn:
        raise SpecError(reason, (), f"{self.source}:{line or self.line}")

    def refuse_tag(self, tag: str) -> NoReturn:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self.refuse(f"tags make objects and are not read in spec files, got {shown}: write plain values")

    def document(self) -> tuple[Any, Place]:
        next(self.events)  # stream start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            self.refuse("the file is empty", 1)
        built = self.value(next(self.events), 0)
        next(self.events)  # document end
        if not isinstance(next(self.events), yaml.StreamEndEvent):
            self.refuse("a second document begins here ('---'); a spec file holds one")
        return built

    def value(self, event: Any, depth: int) -> tuple[Any, Place]:
        if depth > MAX_DEPTH:
            self.refuse(f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                self.refuse(f"the alias *{event.anchor} refers to no earlier, complete value")
            return self.anchors[event.anchor]
        if event.tag is not None:
            self.refuse_tag(event.tag)
        self.written += 1
        place = Place(self.line)
        made: Any
        if isinstance(event, yaml.ScalarEvent):
            made = event.value if event.style else self.plain(event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            made = []
            while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
                child, child_place = self.value(item, depth + 1)
                self.add(place, len(made), child_place)
                made.append(child)
        else:
            made = {}
            while not isinstance(item := next(self.events), yaml.MappingEndEvent):
                key, line = self.key(item, made, place), self.line
                child, child_place = self.value(next(self.events), depth + 1)
                # A mapping's value belongs to the line of its key.
                child_place = Place(line, child_place.children, child_place.size)
                self.add(place, key, child_place)
                made[key] = child
        if event.anchor is not None:
            self.anchors[event.anchor] = (made, place)
        return made, place

    def add(self, place: Place, key: str | int, child: Place) -> None:
        place.children[key] = child
        place.size += child.size
        if place.size > self.written + MAX_EXPANSION:
            self.refuse(f"its aliases (*) stand for more than {MAX_EXPANSION:,} values")

    def key(self, event: Any, made: dict[str, Any], place: Place) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse("keys are words, got a list, a mapping or an alias")
        if event.tag is not None:
            self.refuse_tag(event.tag)
        key = event.value if event.style else self.plain(event.value)
        if key == "<<" and not event.style:
            self.refuse("merge keys ('<<') are not part of YAML 1.2: write the fields out")
        if not isinstance(key, str):
            self.refuse(f"keys are words, got {event.value or 'nothing'}")
        if key in made:
            self.refuse(f"the key {key!r} is given twice, first on line {place.children[key].line}")
        return key

    def plain(self, text: str) -> Any:
        """The value of an unquoted scalar by YAML 1.2's core schema."""
        if _NULL.fullmatch(text):
            return None
        if _TRUE.fullmatch(text):
            return True
        if _FALSE.fullmatch(text):
            return False
        if _LEADING_ZERO.fullmatch(text):
            sign, digits = ("-" if text[0] == "-" else ""), text.lstrip("+-0") or "0"
            if digits.isdecimal() and not set(digits) & {"8", "9"} and len(digits) > 1:
                old, octal = int(sign + digits, 8), f" or 0o{digits}" * (not sign)
                new = f"{sign}{digits}"
                self.refuse(f"{text} is ambiguous ({old} in YAML 1.1, {new} in YAML 1.2): write {new}{octal}")
            self.refuse(f"{text} begins with a zero: write {sign}{digits}")
        if _INT.fullmatch(text):
            if len(text) > MAX_DIGITS:
                self.refuse(f"a number of {len(text)} digits is out of range")
            return int(text, 0)
        if _FLOAT.fullmatch(text):
            value = float(text)
            if math.isinf(value):
                self.refuse(f"{text[:60]} is out of the range of floats")
            return value
        if _NOT_FINITE.fullmatch(text):
            self.refuse(f"numbers are finite in spec files, got {text}")
        return text


def dump(data: Any) -> str:
    """Plain data as YAML, the innermost lists and mappings in one line; it reads back equal, in YAML 1.1 too."""
    return str(yaml.serialize(_node(data, top=True), Dumper=_Dumper, allow_unicode=True, width=110))


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)  # list items are indented below their key


def _node(value: Any, *, top: bool = False, item: bool = False) -> yaml.Node:
    """``value`` as a node: short mappings and lists of scalars in one line, a layer in a list as ``- Dense: 10``."""
    if isinstance(value, dict):
        flow = not top and not (item and len(value) == 1) and _fits_a_line(value)
        pairs = [(_scalar(key), _node(v)) for key, v in value.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=flow or not value)
    if isinstance(value, list | tuple):
        return yaml.SequenceNode("tag:yaml.org,2002:seq", [_node(v, item=True) for v in value], flow_style=_flat(value))
    return _scalar(value)


def _flat(value: Any) -> bool:
    """Whether a list holds scalars only."""
    return not any(isinstance(v, dict | list | tuple) for v in value)


def _fits_a_line(value: Any) -> bool:
    waiting, length = [value], 0
    while waiting and length <= 80:
        current = waiting.pop()
        if isinstance(current, dict):
            waiting.extend(current.values())
            length += sum(len(name) + 4 for name in current)
        elif isinstance(current, list | tuple):
            if not _flat(current):
                return False
            waiting.extend(current)
            length += 2 * len(current)
        elif isinstance(current, str) and _style(current) == "|":
            return False
        else:
            length += len(str(current))
    return length <= 80


def _scalar(value: Any) -> yaml.ScalarNode:
    if value is None or isinstance(value, bool):
        kind, text = ("null" if value is None else "bool"), json.dumps(value)
    elif isinstance(value, int):
        kind, text = "int", str(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise SpecError(f"numbers are finite in spec files, got {value}")
        text = repr(float(value))
        mantissa, e, exponent = text.partition("e")
        kind, text = "float", text if "." in mantissa or not e else f"{mantissa}.0e{exponent}"
    elif isinstance(value, str):
        return yaml.ScalarNode("tag:yaml.org,2002:str", value, style=_style(value))
    else:
        raise SpecError(f"{type(value).__name__} cannot be written to a spec file")
    return yaml.ScalarNode(f"tag:yaml.org,2002:{kind}", text)


def _style(text: str) -> str | None:
    """How a string is written: as it is, quoted where it would be read as something else, lines as lines."""
    if text.isprintable():
        return "'" if _reads_as_other(text) else None
    return "|" if text.strip("\n") and text.replace("\n", "").isprintable() else '"'


def _reads_as_other(text: str) -> bool:
    """Whether an unquoted ``text`` would be read as something else than a string."""
    patterns = (_NULL, _TRUE, _FALSE, _LEADING_ZERO, _INT, _FLOAT, _NOT_FINITE)
    return text == "<<" or any(pattern.fullmatch(text) for pattern in patterns)
