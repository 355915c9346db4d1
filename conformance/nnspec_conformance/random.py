"""Cases of the random generator: words at places where an implementation may go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class WordsCase:
    """Some words of a draw."""

    name: str
    count: int
    start: int = 0
    seed: int = 7
    stream: int = 0x89ABCDEF
    step: int = 3

    @property
    def classes(self) -> set[type[Any]]:
        return set()


CASES = [
    WordsCase("first word", 1),
    WordsCase("odd length", 4097),
    WordsCase("unaligned start", 1001, start=3),
    WordsCase("no word", 0),
    WordsCase("a million", 1_000_000),
    WordsCase("seed above 2**32", 10, seed=2**63 + 5),
    WordsCase("largest seed, stream and step", 10, seed=2**64 - 1, stream=2**32 - 1, step=2**32 - 1),
    WordsCase("zero seed, stream and step", 10, seed=0, stream=0, step=0),
    WordsCase("across word 2**32", 21, start=2**32 - 10),
    WordsCase("across block 2**32", 23, start=2**34 - 11),
    WordsCase("far beyond block 2**32", 9, start=2**40 + 1),
]
