"""The format of records: what stands in the manifest and in the files of a family (docs/conformance-record.md).

Every class here is a mapping in JSON, its fields are the keys. Reading is strict: an unknown key, a missing one or a
value of another type is an error.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from nnspec.backends import FloatType
from nnspec.errors import FileError

FORMAT = 1
VERSION = "nnspec_record"
MANIFEST = "manifest.json"
# Stands in a directory from the first file of a recording until its manifest is written.
UNFINISHED = "unfinished.json"
FILE_NAME = r"^[a-z][a-z0-9_]*-(float64|float32|bfloat16|float16)\.(json|safetensors)$"

Rule = Literal["absolute", "exact", "ulp"]
Kind = Literal["model", "loss", "metric", "schedule", "optimizer", "words", "training"]
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_Size = Annotated[int, Field(ge=0)]
_Word = Annotated[int, Field(ge=0, lt=2**64)]
_Limit = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, config=_STRICT)
class Answer:
    """One tensor that was given in answer, and how near another answer has to come.

    Attributes:
        check: the check of the suite that it belongs to.
        of: what it is: "outputs", "state", "gradients", "masks", "nodes", "initial", "loss", …
        name: the output, variable, node or total.
        value: the name of the recorded tensor.
        rule: "absolute": max|got − value| ≤ limit; "ulp": |got − value| ≤ limit × the spacing of floats at each
            element of ``value``; "exact": equal bit for bit, dtype included.
        point: where: inputs, variables and cotangents of that name.
        training: whether in training mode.
        truth, truth_limit: what the float64 reference gives, where it gives one, by the same rule.
    """

    check: str
    of: str
    name: str
    value: str
    rule: Rule
    limit: _Limit = 0.0
    point: str = ""
    training: bool = False
    truth: str | None = None
    truth_limit: _Limit = 0.0


@dataclass(frozen=True, config=_STRICT)
class Entry:
    """A case: what is asked, and the answers.

    Attributes:
        case: its name.
        kind: what a backend is asked to do.
        specs: the specs of the question in the short form of spec files: "model", "loss", "metrics", …
        options: its other numbers: "seed", "updates", …
        points: the names of the points that the case has tensors for.
        source: the case as a case file holds it, for who has nnspec.
        answers: by check.
    """

    case: str
    kind: Kind
    specs: dict[str, Any]
    options: dict[str, int | float | list[str] | None]
    points: list[str]
    source: dict[str, Any]
    answers: list[Answer]


@dataclass(frozen=True, config=_STRICT)
class Stream:
    """Where the random streams stand at a point."""

    seed: _Word
    step: Annotated[int, Field(ge=0, lt=2**32)]


@dataclass(frozen=True, config=_STRICT)
class Page:
    """The cases of a family in one dtype, in the order of their numbers in the names of tensors.

    Attributes:
        random: by point, the same for all cases, so that several can be asked in one model.
    """

    family: str
    dtype: FloatType
    random: dict[str, Stream]
    cases: list[Entry]


@dataclass(frozen=True, config=_STRICT)
class File:
    """A file of a record: its length and what its content hashes to."""

    bytes: _Size
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, config=_STRICT)
class Listed:
    """A family in one dtype: its two files and what is in them."""

    family: str
    dtype: FloatType
    questions: Annotated[str, Field(pattern=FILE_NAME)]
    tensors: Annotated[str, Field(pattern=FILE_NAME)]
    cases: list[str]
    answers: _Size


@dataclass(frozen=True, config=_STRICT)
class LeftOut:
    """A question whose answer was not recorded, and why."""

    dtype: FloatType
    family: str
    check: str
    case: str
    status: str
    message: str


@dataclass(frozen=True, config=_STRICT)
class Manifest:
    """What a record holds, who answered, and where."""

    nnspec: str
    started: str
    backend: str
    versions: dict[str, str]
    devices: list[str]
    device: str | None
    python: str
    platform: str
    dtypes: list[FloatType]
    families: list[Listed]
    files: dict[Annotated[str, Field(pattern=FILE_NAME)], File]
    left_out: list[LeftOut]


def dumps(value: Manifest | Page) -> str:
    """A manifest or a page as JSON, with the version of the format; fields at their defaults are left out."""
    return json.dumps({VERSION: FORMAT, **_plain(value)}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def loads(kind: type[Any], content: bytes, source: str) -> Any:
    """A manifest or a page from JSON.

    Raises:
        FileError: not JSON, of a newer format, or not as the format says; one line that names the file and the place.
    """
    from nnspec import __version__

    try:
        data = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileError(f"{source} is damaged, cut off, or not JSON ({error})") from None
    if not isinstance(data, dict) or VERSION not in data:
        raise FileError(f"{source} is no part of a record: it has no {VERSION!r}")
    version = data.pop(VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise FileError(f"{source}: the format version is a whole number from 1, got {str(version)[:40]!r}")
    if version > FORMAT:
        known = f"this is nnspec {__version__}, which reads up to {FORMAT}"
        raise FileError(f"{source} is of format {version}; {known}: upgrade nnspec")
    try:
        # As JSON: strict classes are not made from mappings of Python.
        return TypeAdapter(kind).validate_json(json.dumps(data))
    except (ValidationError, RecursionError) as error:
        raise FileError(f"{source} is no valid part of a record: {_first(error)}") from None


def _first(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part)[:60] for part in found["loc"])
    return " ".join((f"{place}: {found['msg']}" if place else str(found["msg"])).split())


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {f.name: (getattr(value, f.name), f.default) for f in dataclasses.fields(value)}
        return {name: _plain(held) for name, (held, default) in fields.items() if held != default}
    if isinstance(value, dict):
        return {name: _plain(held) for name, held in value.items()}
    return [_plain(held) for held in value] if isinstance(value, list) else value
