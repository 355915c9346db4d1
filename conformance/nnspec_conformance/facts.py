"""The facts of a run of the suite, as data: written as JSON, and what every report is made from."""

from __future__ import annotations

import dataclasses
import json
import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nnspec
from nnspec.backends import Backend
from nnspec.errors import FileError
from nnspec.files import write_atomically
from nnspec_conformance.deviations import Deviation
from nnspec_conformance.outcome import Outcome
from nnspec_conformance.result import Figure

FORMAT = 1


@dataclass(frozen=True)
class Place:
    """Where tests ran: a backend with the versions of what computes, and its devices."""

    backend: str
    versions: Mapping[str, str]
    devices: tuple[str, ...]
    device: str | None = None

    def __str__(self) -> str:
        versions = ", ".join(f"{package} {version}" for package, version in self.versions.items())
        return f"{self.backend}: {versions}; on {self.device or ', '.join(self.devices)}"


@dataclass(frozen=True)
class Facts:
    """A run of the suite.

    Attributes:
        command: the command line that repeats it.
        started: when it began, as an ISO 8601 time with its zone.
        compilations: functions that were compiled, by backend.
        cases: by case, its data as a case file holds it.
        selection: what was chosen (dtypes, expression, "quick", "all", "standard").
    """

    command: str
    started: str
    seconds: float
    places: tuple[Place, ...]
    outcomes: tuple[Outcome, ...]
    compilations: Mapping[str, int] = field(default_factory=dict)
    cases: Mapping[str, Any] = field(default_factory=dict)
    selection: Mapping[str, Any] = field(default_factory=dict)
    nnspec: str = nnspec.__version__
    python: str = field(default_factory=platform.python_version)
    platform: str = field(default_factory=platform.platform)

    @property
    def passed(self) -> bool:
        """Whether every test passed, is a declared deviation, or is not implemented."""
        return all(outcome.good for outcome in self.outcomes)


def place(backend: Backend, device: str | None = None) -> Place:
    """Where a backend computes."""
    return Place(backend.name, dict(backend.versions()), tuple(backend.devices()), device)


def write(facts: Facts, path: Path) -> None:
    """The facts as JSON, whole or not at all. Infinite and undefined numbers are written as strings."""
    data = {"nnspec_conformance": FORMAT, **_finite(dataclasses.asdict(facts))}
    data["outcomes"] = [{"id": o.id, **made} for o, made in zip(facts.outcomes, data["outcomes"], strict=True)]
    write_atomically(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def encode(outcome: Outcome) -> str:
    """An outcome as a line of JSON."""
    return json.dumps(_finite({"id": outcome.id, **dataclasses.asdict(outcome)}))


def decode(text: str) -> Outcome:
    """The outcome of such a line."""
    return _outcome(json.loads(text))


def read(path: Path) -> Facts:
    """Facts from JSON.

    Raises:
        FileError: the file cannot be read, is no such file, or is of a newer format.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version = data.pop("nnspec_conformance")
        if version != FORMAT:
            raise FileError(f"{path}: written in format {version}, and this nnspec reads {FORMAT}: upgrade nnspec")
        outcomes = tuple(_outcome(made) for made in data.pop("outcomes"))
        places = tuple(Place(p["backend"], p["versions"], tuple(p["devices"]), p["device"]) for p in data.pop("places"))
        return Facts(**data, outcomes=outcomes, places=places)
    except FileError:
        raise
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise FileError(f"{path}: no facts of a conformance run: {error!r}") from None


def _outcome(data: dict[str, Any]) -> Outcome:
    data.pop("id")
    figures = tuple(_figure(figure) for figure in data.pop("figures"))
    declared = data.pop("deviation")
    deviation = None if declared is None else Deviation(**{**declared, "dtypes": tuple(declared["dtypes"])})
    numbers: dict[str, Any] = {name: float(data.pop(name)) for name in ("ulp", "nearness", "equal", "seconds")}
    classes = tuple(data.pop("classes"))
    return Outcome(**data, **numbers, classes=classes, figures=figures, deviation=deviation)


def _figure(data: dict[str, Any]) -> Figure:
    made: dict[str, Any] = {n: value if n in ("what", "where") else float(value) for n, value in data.items()}
    return Figure(**made)


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_finite(part) for part in value]
    return value
