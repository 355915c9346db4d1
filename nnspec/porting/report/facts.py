"""The facts of a port, as data: what every report is made from."""

from __future__ import annotations

import dataclasses
import datetime
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nnspec
from nnspec.files import write_atomically
from nnspec.porting.verification import Verification

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Report:
    """One port.

    Attributes:
        source: what was ported.
        to: the format it was written in.
        out: what was written, or would have been.
        started: when it began, as an ISO 8601 time with its zone.
        checks: "import" and "export", what was compared, and "optimizer import" and "optimizer export".
        bits: how the variables that were read back differ from what they were; None where it did not come to that.
        variables, bytes: how many variables the model has, and how large they are.
        notes: what the user should know, a sentence each.
    """

    source: str
    to: str
    out: str
    started: str
    seconds: float
    checks: Mapping[str, Verification]
    bits: tuple[str, ...] | None = None
    variables: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = ()
    nnspec: str = nnspec.__version__
    python: str = dataclasses.field(default_factory=platform.python_version)
    platform: str = dataclasses.field(default_factory=platform.platform)

    @property
    def passed(self) -> bool:
        """Whether all that was compared is as it should be."""
        return all(check.passed for check in self.checks.values()) and not self.bits

    @property
    def verdict(self) -> str:
        """A sentence: that the port is verified, or what is wrong with it first."""
        for name, check in self.checks.items():
            if not check.passed:
                beside = f"{check.subject} beside {check.net}"
                does = "does not update as" if name in OPTIMIZER else "does not compute what"
                return f"{_whose(name)} {does} the other side does ({beside}): {check.message()}"
        if self.bits:
            more = f" (and {len(self.bits) - 1} more)" if len(self.bits) > 1 else ""
            return f"variables changed on their way: {self.bits[0]}{more}"
        equal = ", variables are equal bit for bit" if self.bits is not None else ""
        if not self.checks:
            return f"nothing was compared{equal}"
        models = [name for name in self.checks if name not in OPTIMIZER]
        checked = " and ".join(map(_whose, models))
        agree = "agrees" if len(models) == 1 else "agree"
        also = ", and the optimizer updates as it did" if len(models) < len(self.checks) else ""
        return f"verified: {checked} {agree} with the spec at every node that was compared{also}{equal}"

    def to_json(self) -> dict[str, Any]:
        """Plain data. Infinite and undefined numbers are texts."""
        plain: dict[str, Any] = finite(
            {
                "nnspec_port": FORMAT,
                "passed": self.passed,
                "verdict": self.verdict,
                "source": self.source,
                "to": self.to,
                "out": self.out,
                "started": self.started,
                "seconds": round(self.seconds, 3),
                "variables": self.variables,
                "bytes": self.bytes,
                "checks": {name: check.to_json() for name, check in self.checks.items()},
                "bits": None if self.bits is None else list(self.bits),
                "notes": list(self.notes),
                "nnspec": self.nnspec,
                "python": self.python,
                "platform": self.platform,
            }
        )
        return plain


# The checks that are of updates.
OPTIMIZER = ("optimizer import", "optimizer export")


def _whose(check: str) -> str:
    """What a check looked at."""
    what = "what was read" if check.endswith("import") else "what was written"
    return f"the optimizer of {what}" if check in OPTIMIZER else what


def here() -> str:
    """The time, as reports write it."""
    return datetime.datetime.now(datetime.UTC).astimezone().isoformat(timespec="seconds")


def finite(value: Any) -> Any:
    """Data as JSON holds it: infinite and undefined numbers as texts."""
    if isinstance(value, dict):
        return {str(key): finite(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [finite(held) for held in value]
    return str(value) if isinstance(value, float) and not abs(value) < float("inf") else value


def write(report: Report, path: Path) -> None:
    """The facts as JSON, whole or not at all."""
    write_atomically(path, json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n")
