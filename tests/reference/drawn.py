"""What a layer that changes images draws, made of its words as docs/randomness.md says, image by image in Python."""

from __future__ import annotations

from fractions import Fraction

from nnspec import random


def words(batch: int, count: int, *, seed: int, step: int = 0, purpose: str = "augmentation") -> list[list[int]]:
    """The words of a model's ``node``, for each image."""
    drawn = random.words(seed, random.stream_of("node", purpose, 0), step, batch * count)
    return [[int(word) for word in row] for row in drawn.reshape(batch, count)]


def happens(word: int, probability: float) -> bool:
    return word < probability * 2**32


def whole(word: int, count: int) -> int:
    return word * count // 2**32


def uniform(word: int, lower: float, upper: float) -> float:
    """Computed exactly, and rounded once."""
    u = (Fraction(word >> 9) + Fraction(1, 2)) / 2**23
    return float(Fraction(lower) + (Fraction(upper) - Fraction(lower)) * u)
