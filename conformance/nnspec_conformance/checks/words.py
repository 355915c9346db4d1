"""Are the random bits that the framework computes Philox's, bit for bit?"""

from __future__ import annotations

from nnspec import random as reference
from nnspec_conformance.random import WordsCase
from nnspec_conformance.result import Figure, exact
from nnspec_conformance.subject import Subject


def words(subject: Subject, case: WordsCase) -> list[Figure]:
    """The words of a case."""
    got = subject.backend.words(case.seed, case.stream, case.step, case.count, case.start)
    want = reference.words(case.seed, case.stream, case.step, case.count, case.start)
    return [exact("words", got, want)]
