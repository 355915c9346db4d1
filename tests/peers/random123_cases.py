"""Random123's known answers for Philox4x32-10.

Source: ``kat_vectors`` of https://github.com/DEShawResearch/random123, the three lines "philox4x32 10".
"""

from __future__ import annotations

import numpy as np

from tests.peers.outcome import Outcome
from tests.peers.subjects import Subject

OPERATOR = "philox4x32-10"
# counter, key, answer
VECTORS = (
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
)


def operators() -> list[str]:
    return [OPERATOR]


def judge(operator: str, subject: Subject) -> list[Outcome]:
    """The words of a block: counter = (block low, block high, step, stream), key = (seed low, seed high)."""
    outcomes = []
    for counter, key, answer in VECTORS:
        low, high, step, stream = (int(word, 16) for word in counter.split())
        seed = sum(int(word, 16) << (32 * i) for i, word in enumerate(key.split()))
        got = subject.words(seed, stream, step, 4, start=4 * (low | high << 32))
        right = [f"{word:08x}" for word in np.asarray(got).tolist()] == answer.split()
        reason = "" if right else f"{[f'{word:08x}' for word in got.tolist()]} instead of {answer}"
        outcomes.append(Outcome(operator, counter, "passed" if right else "failed", reason))
    return outcomes


def without_counterpart() -> list[str]:
    """The other generators of the file."""
    return ["philox2x32", "philox2x64", "philox4x64", "threefry2x32", "threefry4x32", "threefry2x64", "threefry4x64"]
