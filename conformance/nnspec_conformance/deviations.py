"""Deviations: what is known to fail, as reviewed data. Strict: one that passes, or that fits nothing, is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Deviation:
    """One case that fails one check on one backend.

    Attributes:
        backend, check, case: their names.
        dtypes: in which it fails.
        kind: "ours" to fix, "upstream" in the framework, or "nature" where no one can do better.
        reason: what differs, and why.
        link: where it is discussed.
    """

    backend: str
    check: str
    case: str
    dtypes: tuple[str, ...]
    kind: Literal["ours", "upstream", "nature"]
    reason: str
    link: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason} ({self.link})"


DEVIATIONS: tuple[Deviation, ...] = ()


def find(backend: str, dtype: str, check: str, case: str) -> Deviation | None:
    """The deviation that is declared for this, if there is one."""
    wanted = (backend, check, case)
    return next((d for d in DEVIATIONS if (d.backend, d.check, d.case) == wanted and dtype in d.dtypes), None)
