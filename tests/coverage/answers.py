"""What becomes of a peer's class: the classes of nnspec that express it, or why none do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """The answer for one class.

    Attributes:
        classes: nnspec's classes that express it; none where it cannot be expressed yet.
        how: with which options, fields in backquotes.
        lacking: options that cannot be expressed, or why the class cannot be.
        joint: what stands between several classes.
    """

    classes: tuple[str, ...] = ()
    how: str = ""
    lacking: str = ""
    joint: str = " + "

    @property
    def mapped(self) -> bool:
        return bool(self.classes)


def to(*classes: str, how: str = "", lacking: str = "") -> Answer:
    """It is this class, or nodes of these together."""
    return Answer(classes, how, lacking)


def one_of(*classes: str, how: str = "", lacking: str = "") -> Answer:
    """It is one of these classes, depending on its options."""
    return Answer(classes, how, lacking, " or ")


def none(why: str) -> Answer:
    """It cannot be expressed yet."""
    return Answer(lacking=why)


def axes(count: int) -> str:
    return f"{count} axis" if count == 1 else f"{count} axes"
