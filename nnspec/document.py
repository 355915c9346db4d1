"""Spec files: YAML 1.2 or JSON, read into plain data whose every place is known by line, and written back."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from nnspec import yaml12
from nnspec.errors import FileError, SpecError

FORMAT = 1
MAX_BYTES = 10_000_000


@dataclass(frozen=True)
class Document:
    """The content of a spec file.

    Attributes:
        data: mappings, lists, strings, numbers, booleans and None.
        source: the name of the file, for messages.
    """

    data: Any
    source: str
    _root: yaml12.Place | None = None

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """The line on which the value at ``path`` begins, or that of the innermost part of it that is in the file."""
        place = self._root
        if place is None:
            return None
        for part in path:
            if part not in place.children:
                break
            place = place.children[part]
        return place.line

    def locate(self, path: Sequence[str | int]) -> str:
        """``file:line`` of the value at ``path``, for messages."""
        line = self.line_of(path)
        return self.source if line is None else f"{self.source}:{line}"

    def check_format(self) -> None:
        """Refuse what is not a spec file of a format that this version reads.

        Raises:
            SpecError: no format version, or one that is unknown or newer.
        """
        from nnspec import __version__

        remedy = f"put 'nnspec: {FORMAT}' on the first line"
        if not isinstance(self.data, dict):
            raise SpecError(f"a spec file is a mapping, got {_kind(self.data)}: {remedy}", (), self.locate(()))
        if "nnspec" not in self.data:
            raise SpecError(f"the format version is missing: {remedy}", (), self.locate(()))
        version, place = self.data["nnspec"], self.locate(("nnspec",))
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise SpecError(f"the format version is a number, got {version!r}: write {FORMAT}", ("nnspec",), place)
        if version > FORMAT:
            known = f"this is nnspec {__version__}, which reads up to {FORMAT}"
            raise SpecError(f"this file is of format {version}; {known}: upgrade nnspec", (), place)


def read(path: str | os.PathLike[str]) -> Document:
    """The content of a YAML file, or of a JSON file if its name ends in ``.json``.

    Raises:
        FileError: missing, a directory, not readable, larger than 10 MB, or not UTF-8.
        SpecError: not YAML or JSON as nnspec reads them; with file and line.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise FileError(f"there is no file {name}") from None
    except IsADirectoryError:
        raise FileError(f"{name} is a directory, not a spec file") from None
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror}") from None
    except ValueError as error:  # a NUL in the name
        raise FileError(f"{name!r} cannot be read: {error}") from None
    if len(raw) > MAX_BYTES:
        raise FileError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB: that is not a spec file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FileError(f"{name}:{line}: not UTF-8 text (byte 0x{raw[error.start]:02x})") from None
    return loads(text, name)


def loads(text: str, source: str = "<text>") -> Document:
    """The content of a YAML text; JSON if ``source`` ends in ``.json``."""
    if source.endswith(".json"):
        return Document(_load_json(text, source), source, _json_places(text, source))
    data, place = yaml12.load(text, source)
    return Document(data, source, place)


def _load_json(text: str, source: str) -> Any:
    def refuse(reason: str) -> NoReturn:
        raise SpecError(reason, (), source)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key in made:
                refuse(f"the key {key!r} is given twice")
            made[key] = value
        return made

    def finite(literal: str) -> float:
        value = float(literal)
        return value if math.isfinite(value) else refuse(f"numbers are finite in spec files, got {literal[:60]}")

    def integer(literal: str) -> int:
        fits = len(literal) <= yaml12.MAX_DIGITS
        return int(literal) if fits else refuse(f"a number of {len(literal)} digits is out of range")

    try:
        made = json.loads(text, object_pairs_hook=unique, parse_float=finite, parse_int=integer, parse_constant=finite)
        level, depth = [made], 0
        while level:
            level, depth = [v for held in level for v in _held(held)], depth + 1
        if depth > yaml12.MAX_DEPTH + 1:
            raise RecursionError
    except json.JSONDecodeError as error:
        raise SpecError(f"not valid JSON: {error.msg}", (), f"{source}:{error.lineno}") from None
    except RecursionError:
        refuse(f"nested more than {yaml12.MAX_DEPTH} levels deep")
    return made


def _held(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _json_places(text: str, source: str) -> yaml12.Place | None:
    """Lines of a JSON text, read as the YAML that it nearly always is."""
    try:
        return yaml12.load(text, source)[1]
    except SpecError:
        return None


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), "a number")


def dumps(data: Any, source: str = "spec.yaml") -> str:
    """Plain data as YAML (as JSON if ``source`` ends in ``.json``) that reads back equal, in YAML 1.1 too."""
    if source.endswith(".json"):
        return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return yaml12.dump(data)
