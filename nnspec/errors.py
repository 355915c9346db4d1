"""Errors that name the place, what is wrong and what would be right.

Every error a user can cause derives from :class:`NNSpecError`; the command line prints it in a few lines and exits
with status 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, Self


class NNSpecError(Exception):
    """Base of all errors caused by what the user gave (a spec, data, a file, an environment)."""

    # What the command line exits with.
    exit_status = 2


class SpecError(NNSpecError, ValueError):
    """A spec that means nothing: unknown names, wrong types, values out of range.

    ``path`` leads to the place (``("model", "layers", 3, "features")``), ``reason`` says what is wrong there and
    what would be right, ``source`` is the file and line where they are known. ``key`` is the key below ``path`` at
    fault, where there is one that should not be: its line is meant.
    """

    def __init__(
        self, reason: str, path: Sequence[str | int] = (), source: str | None = None, key: str | int | None = None
    ) -> None:
        self.reason = reason
        self.path = tuple(path)
        self.source = source
        self.key = key
        super().__init__(reason)

    def under(self, *prefix: str | int) -> Self:
        """The same error seen from further out: ``prefix`` is put before its path."""
        return type(self)(self.reason, (*prefix, *self.path), self.source, self.key)

    @property
    def place(self) -> tuple[str | int, ...]:
        """The path of what is at fault."""
        return self.path if self.key is None else (*self.path, self.key)

    def __str__(self) -> str:
        place = format_path(self.path)
        text = f"{place}: {self.reason}" if place else self.reason
        return f"{self.source}: {text}" if self.source else text


class ShapeError(SpecError):
    """Shapes or dtypes that do not fit together, named by node."""


class DataError(NNSpecError, ValueError):
    """Data that cannot be used: NaN, labels out of range, a missing column."""


class FileError(NNSpecError, OSError):
    """A file that is missing, unreadable, not writable or of another kind than expected."""


class PortError(NNSpecError, ValueError):
    """A model that cannot be ported as it is: something without a counterpart, named by its layer or node."""


class VerificationError(NNSpecError, AssertionError):
    """A port that does not compute what its original does. ``report`` names the first node that parts."""

    exit_status = 1

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class BackendError(NNSpecError, RuntimeError):
    """A backend that is not installed, cannot be loaded, or lacks a realization."""


class UnsupportedError(BackendError):
    """What a backend does not realize: a class, or a class with one of its options.

    The conformance suite counts a test in which a backend raises it as not implemented.
    """


def format_path(path: Sequence[str | int]) -> str:
    """``("model", "layers", 3, "features")`` as ``model.layers[3].features``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``"; did you mean 'relu'?"`` for a near miss, else an empty string.

    First comes a name that differs in case and underscores alone, then one that the wrong one only adds to (BatchNorm
    for BatchNormalization, ConvTranspose for Conv2DTranspose), then the one that looks most alike.
    """
    names = list(known)
    lowered = {n.lower().replace("_", ""): n for n in names}
    wrong = str(name).lower().replace("_", "")
    begun = max((n for n in lowered if n == wrong or _adds_to(wrong, n)), key=len, default="")
    close = [lowered[begun]] if begun else difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def _adds_to(wrong: str, name: str) -> bool:
    """Whether a name begins as the wrong one does, by four letters, and goes on in it with letters left out."""
    rest = iter(wrong)
    return len(name) > 3 and wrong.startswith(name[:4]) and all(letter in rest for letter in name)
