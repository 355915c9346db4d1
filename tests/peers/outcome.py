"""What became of one case of a peer's, and the counts over many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "in part", "failed", "not expressible", "no values"]


class NotExpressible(Exception):
    """The case asks for something that the vocabulary does not have; the message says what."""


class NoValues(Exception):
    """The case is about the peer's own objects (serialization, symbolic shapes, error messages), not about values."""


@dataclass(frozen=True)
class Outcome:
    """One case on one subject.

    Attributes:
        operator: the peer's name of what the case is about.
        case: the peer's name of the case.
        status: "in part" where values were right up to a point from which on the case is not expressible; "no values"
            where the case says nothing about computed values; such cases are not counted.
        reason: what the vocabulary lacks, or how the case failed.
        error: the largest difference, over the largest expected magnitude of its tensor.
    """

    operator: str
    case: str
    status: Status
    reason: str = ""
    error: float = 0.0


@dataclass(frozen=True)
class Count:
    """The cases of one operator on one subject.

    Attributes:
        tried: how many have values to compare.
        reasons: why cases are not expressible, or not from some point on, each with how many.
        error: the largest relative error among those that passed.
    """

    operator: str
    tried: int
    passed: int
    in_part: int
    failed: int
    reasons: dict[str, int]
    error: float


def counted(outcomes: Iterable[Outcome]) -> list[Count]:
    """A count for each operator, in the order in which they come."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.operator, []).append(outcome)
    return [_count(operator, found) for operator, found in groups.items()]


def _count(operator: str, outcomes: list[Outcome]) -> Count:
    tried = [o for o in outcomes if o.status != "no values"]
    return Count(
        operator,
        len(tried),
        sum(o.status == "passed" for o in tried),
        sum(o.status == "in part" for o in tried),
        sum(o.status == "failed" for o in tried),
        dict(Counter(o.reason for o in tried if o.reason and o.status != "failed")),
        max((o.error for o in tried if o.status in ("passed", "in part")), default=0.0),
    )


def failures(outcomes: Iterable[Outcome]) -> str:
    """The failed cases with their reasons, one a line; empty where all is well."""
    return "\n".join(f"{o.operator} {o.case}: {o.reason}" for o in outcomes if o.status == "failed")
