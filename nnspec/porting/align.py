"""Which nodes of two models stand for each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from nnspec.calls import Call
from nnspec.vocabulary import node_name, tag_of

# Names of a class begin alike in all frameworks: BatchNorm, batch_normalization.
_ALIKE = 4


def aligned(a: Sequence[Call], b: Sequence[Call]) -> tuple[list[tuple[Call, Call]], tuple[str, ...], tuple[str, ...]]:
    """Pairs of calls in the order of the first model, and the paths of those in each that have no counterpart.

    Calls of one name with equal classes and shapes are pairs: all of them where every call of one model has such a
    namesake, else those whose names say more than a class and a number. Of the others, the longest sequence of calls
    with equal classes and shapes that stands in both models in the same order; then namesakes; then as before, by the
    class alone.
    """
    there = {call.path: call for call in b}
    namesakes = {c.path: there[c.path] for c in a if c.path in there and _looks(c) == _looks(there[c.path])}
    every = len(namesakes) == min(len(a), len(b))
    pairs = {call.path: namesakes[call.path] for call in a if call.path in namesakes and (every or _telling(call))}
    _match(a, b, pairs, _looks)
    taken = {call.path for call in pairs.values()}
    pairs |= {path: other for path, other in namesakes.items() if path not in pairs and other.path not in taken}
    _match(a, b, pairs, _kind)
    taken = {call.path for call in pairs.values()}
    return (
        [(call, pairs[call.path]) for call in a if call.path in pairs],
        tuple(call.path for call in a if call.path not in pairs),
        tuple(call.path for call in b if call.path not in taken),
    )


def _match(a: Sequence[Call], b: Sequence[Call], pairs: dict[str, Call], looks: Callable[[Call], Hashable]) -> None:
    """Add pairs of those that are in none yet, by a longest common subsequence of their looks."""
    taken = {call.path for call in pairs.values()}
    left = [call for call in a if call.path not in pairs]
    right = [call for call in b if call.path not in taken]
    found = common(list(map(looks, left)), list(map(looks, right)))
    pairs.update({left[i].path: right[j] for i, j in found})


def _telling(call: Call) -> bool:
    """Whether a name is someone's own: not dense_1, conv2d_3 or BatchNorm_0, which count what there is."""
    own = re.sub(r"[^a-z]", "", call.path.rpartition("/")[2].lower())
    return not own.startswith(re.sub(r"[^a-z]", "", node_name(type(call.layer)))[:_ALIKE])


def common(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[int, int]]:
    """The places of a longest common subsequence, rising in both."""
    start, end = 0, 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    numbers: dict[Hashable, int] = {}
    x, y = (
        np.array([numbers.setdefault(word, len(numbers)) for word in words[start : len(words) - end]], np.int64)
        for words in (a, b)
    )
    # lengths[i, j] is that of the longest common subsequence of x[i:] and y[j:].
    lengths = np.zeros((len(x) + 1, len(y) + 1), np.int32)
    for i in range(len(x) - 1, -1, -1):
        best = np.maximum(lengths[i + 1, :-1], np.where(y == x[i], lengths[i + 1, 1:] + 1, 0))
        lengths[i, :-1] = np.maximum.accumulate(best[::-1])[::-1]
    found = [(i, i) for i in range(start)]
    i = j = 0
    while i < len(x) and j < len(y):
        if x[i] == y[j] and lengths[i, j] == lengths[i + 1, j + 1] + 1:
            found.append((start + i, start + j))
            i, j = i + 1, j + 1
        elif lengths[i + 1, j] >= lengths[i, j + 1]:
            i += 1
        else:
            j += 1
    return found + [(len(a) - end + k, len(b) - end + k) for k in range(end)]


def _looks(call: Call) -> Hashable:
    shapes = tuple(sorted((name, param.shape) for name, param in call.params.items()))
    return (*_kind(call), call.shapes, call.output, shapes)


def _kind(call: Call) -> tuple[str, int]:
    return tag_of(type(call.layer)), len(call.inputs)
