"""Equations of Einstein's summation: ``bij,bjk->bik`` multiplies, and sums over letters that the result lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Shape, show

_TERM = re.compile(r"[a-zA-Z]*(\.\.\.)?[a-zA-Z]*")
_LETTERS = "ZYXWVUTSRQPONMLKJIHGFEDCBA"


@dataclass(frozen=True)
class Equation:
    """An equation that holds together.

    Attributes:
        operands: the letters of each, "..." for axes that all have that say so.
        result: those of the result.
    """

    operands: tuple[str, ...]
    result: str

    @classmethod
    def read(cls, text: str) -> Equation:
        """The equation that a text is.

        Raises:
            SpecError: it is none, or asks for more than products and sums.
        """
        left, arrow, result = text.replace(" ", "").partition("->")
        operands = tuple(left.split(","))
        if not arrow or not all(_TERM.fullmatch(term) for term in (*operands, result)):
            raise SpecError(f"expected an equation such as 'abc,cd->abd', got {text!r}", ("equation",))
        for term in (*operands, result):
            letters = term.replace("...", "")
            if len(set(letters)) < len(letters):
                raise SpecError(f"the letters of an operand differ, got {term!r} in {text!r}", ("equation",))
        unknown = set(result) - set("".join(operands))
        if unknown:
            raise SpecError(f"no operand has {''.join(sorted(unknown))!r} of the result in {text!r}", ("equation",))
        return cls(operands, result)

    def __str__(self) -> str:
        return f"{','.join(self.operands)}->{self.result}"

    def spelled(self, *ranks: int) -> Equation:
        """The equation with letters for all axes, for operands of so many of them.

        "..." where the batch would stand is one axis at least; elsewhere it may be none.

        Raises:
            ShapeError: an operand has another number of axes.
        """
        counts = set()
        for term, rank in zip(self.operands, ranks, strict=True):
            named = len(term.replace("...", ""))
            if "..." in term:
                counts.add(rank - named)
            least = named + term.startswith("...")
            if (rank < least) if "..." in term else (rank != least):
                more = " or more" if "..." in term else ""
                raise ShapeError(f"the equation {self} asks for {least} axes{more} in {term!r}, got {rank}")
        if len(counts) > 1:
            raise ShapeError(f"the equation {self} asks for as many axes in each '...'")
        free = [letter for letter in _LETTERS if letter not in str(self)]
        dots = "".join(free[: counts.pop() if counts else 0])
        return Equation(tuple(term.replace("...", dots) for term in self.operands), self.result.replace("...", dots))

    def sizes(self, *shapes: Shape) -> dict[str, int | None]:
        """The size of each letter, of an equation that is spelled out.

        Raises:
            ShapeError: a letter has two sizes.
        """
        found: dict[str, int | None] = {}
        for term, shape in zip(self.operands, shapes, strict=True):
            for letter, size in zip(term, shape, strict=True):
                known = found.get(letter)
                if None not in (known, size) and known != size:
                    shown = " and ".join(map(show, shapes))
                    raise ShapeError(f"the equation {self} cannot join {letter!r} of sizes {known} and {size}: {shown}")
                found[letter] = size if known is None else known
        return found

    @property
    def letters(self) -> str:
        """All of them, each once."""
        return "".join(dict.fromkeys("".join(self.operands)))
