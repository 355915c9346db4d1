"""What became of one test: the facts that reports, the command and the pytest plug-in all show."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, get_args

from nnspec.errors import NNSpecError, UnsupportedError
from nnspec_conformance import deviations
from nnspec_conformance.deviations import Deviation
from nnspec_conformance.result import Figure

if TYPE_CHECKING:
    from nnspec_conformance.subject import Subject
    from nnspec_conformance.suite import Item

# passed; failed: a figure beyond its limit; error: the backend raised; deviation: fails as declared; stale: declared to
# fail, and passes; not implemented: the backend lacks a class that the case needs.
Status = Literal["passed", "failed", "error", "deviation", "stale", "not implemented"]
STATUSES: tuple[Status, ...] = get_args(Status)
GOOD: frozenset[Status] = frozenset({"passed", "deviation", "not implemented"})
# So many failing figures are kept, the worst first; a run of 24 updates has hundreds.
KEPT = 8


@dataclass(frozen=True)
class Outcome:
    """The facts of one test.

    Attributes:
        backend: the backend's name, or two joined by "~" where they are compared with each other.
        classes: the classes of the vocabulary that the case is about.
        figures: the worst figure first (the one nearest to its limit, or furthest beyond), then further failing ones.
        compared: how many tensors were compared.
        ulp, nearness: the largest error in ULP of its tensor's scale, and as a share of its limit.
        equal: the mean share of elements that were equal bit for bit.
        message: why it did not pass: failing figures, what the backend raised, what it lacks, or the deviation.
        seconds: how long it took; what tests share is counted to the first that asks for it.
    """

    backend: str
    dtype: str
    family: str
    check: str
    case: str
    status: Status
    classes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    compared: int = 0
    ulp: float = 0.0
    nearness: float = 0.0
    equal: float = 1.0
    message: str = ""
    deviation: Deviation | None = None
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return "-".join((self.backend, self.dtype, self.family, self.check, self.case))

    @property
    def good(self) -> bool:
        """Whether it lets the suite pass."""
        return self.status in GOOD

    @property
    def worst(self) -> Figure | None:
        return self.figures[0] if self.figures else None


def settle(item: Item, subject: Callable[[str, Any], Subject]) -> Outcome:
    """Run a test. Whatever a backend raises is an outcome, so that one case never hides the others."""
    made = _named(item)
    declared = deviations.find(item.backend, item.dtype, item.check.name, item.case.name)
    start = perf_counter()
    try:
        for name in item.backends:
            lacking = subject(name, item.dtype).lacks(item.case.classes)
            if lacking:
                return _lacking(made, f"not implemented by {name}: {', '.join(lacking)}", declared)
        result = item.run(subject)
    except UnsupportedError as error:  # a class that it has, with an option that it has not
        return _lacking(made, f"not implemented: {error}", declared)
    except Exception as error:
        status, message = _raised(error, declared)
        return Outcome(**made, status=status, message=message, deviation=declared, seconds=perf_counter() - start)
    status = _status(result.passed and bool(result.figures), declared)
    return Outcome(
        **made,
        status=status,
        figures=_kept(result.figures),
        compared=len(result.figures),
        ulp=max((f.ulp for f in result.figures), default=0.0),
        nearness=result.nearness,
        equal=sum(f.equal for f in result.figures) / max(len(result.figures), 1),
        message=_message(status, result, declared),
        deviation=declared,
        seconds=perf_counter() - start,
    )


def died(item: Item, status: int | None) -> Outcome:
    """The outcome of a test during which its process ended."""
    how = f"was ended by signal {-status}" if status is not None and status < 0 else f"ended with status {status}"
    return Outcome(**_named(item), status="error", message=f"the process that ran it {how}")


def _named(item: Item) -> dict[str, Any]:
    return {
        "backend": item.backend,
        "dtype": item.dtype,
        "family": item.family,
        "check": item.check.name,
        "case": item.case.name,
        "classes": tuple(sorted(cls.__name__ for cls in item.case.classes)),
    }


def _lacking(made: dict[str, Any], message: str, declared: Deviation | None) -> Outcome:
    if declared is None:
        return Outcome(**made, status="not implemented", message=message)
    message = f"{message}; but a deviation is declared, and it can never fail so: {declared}"
    return Outcome(**made, status="stale", message=message, deviation=declared)


def _status(passed: bool, declared: Deviation | None) -> Status:
    if declared is not None:
        return "stale" if passed else "deviation"
    return "passed" if passed else "failed"


def _raised(error: Exception, declared: Deviation | None) -> tuple[Status, str]:
    if declared is not None:
        return "deviation", str(declared)
    if isinstance(error, NNSpecError):
        return "error", f"{type(error).__name__}: {error}"
    lines = traceback.format_exception(error)
    return "error", "".join(lines[-4:]).rstrip()


def _message(status: Status, result: Any, declared: Deviation | None) -> str:
    match status:
        case "failed":
            return str(result.message()) if result.figures else "the check compared nothing"
        case "stale":
            return f"it passes, but a deviation is declared: {declared}"
        case "deviation":
            return str(declared)
    return ""


def _kept(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """The figure nearest to its limit (or furthest beyond it), then others that fail."""
    ordered = sorted(figures, key=lambda figure: figure.share, reverse=True)
    return (*ordered[:1], *(figure for figure in ordered[1:KEPT] if not figure.passed))
