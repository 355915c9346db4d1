"""Which tests are meant: words with ``and``, ``or``, ``not`` and parentheses, as in ``-k "Dense and gradients"``."""

from __future__ import annotations

import re
from collections.abc import Callable

from nnspec.errors import NNSpecError

# Something in quotes (for words with spaces), a parenthesis, or anything else up to one of those.
_TOKEN = re.compile(r"""\s*("[^"]*"|'[^']*'|[()]|[^\s()'"]+)""")
Matcher = Callable[[str], bool]


def parse(text: str) -> Matcher:
    """A function that says whether a test's id matches: each word stands for "the id contains it", whatever its case.

    Raises:
        NNSpecError: the expression is none.
    """
    tokens = _tokens(text)
    matcher = _either(tokens, text)
    if tokens:
        raise _wrong(text, f"unexpected {tokens[0]!r}; words with spaces stand in quotes")
    return matcher


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _wrong(text, "a quote is not closed")
        found.append(match.group(1))
        at = match.end()
    return found


def _either(tokens: list[str], text: str) -> Matcher:
    parts = [_both(tokens, text)]
    while _next_is(tokens, "or"):
        parts.append(_both(tokens, text))
    return parts[0] if len(parts) == 1 else lambda name: any(part(name) for part in parts)


def _both(tokens: list[str], text: str) -> Matcher:
    parts = [_one(tokens, text)]
    while _next_is(tokens, "and"):
        parts.append(_one(tokens, text))
    return parts[0] if len(parts) == 1 else lambda name: all(part(name) for part in parts)


def _one(tokens: list[str], text: str) -> Matcher:
    if _next_is(tokens, "not"):
        inner = _one(tokens, text)
        return lambda name: not inner(name)
    if _next_is(tokens, "("):
        inner = _either(tokens, text)
        if not _next_is(tokens, ")"):
            raise _wrong(text, "a parenthesis is not closed")
        return inner
    if not tokens or tokens[0].lower() in ("and", "or", ")"):
        raise _wrong(text, "a word is missing" + (f" before {tokens[0]!r}" if tokens else " at the end"))
    word = tokens.pop(0)
    wanted = (word[1:-1] if word[0] in "\"'" else word).lower()
    return lambda name: wanted in name.lower()


def _next_is(tokens: list[str], word: str) -> bool:
    """Whether the next token is this word; it is taken then."""
    if tokens and tokens[0].lower() == word:
        tokens.pop(0)
        return True
    return False


def _wrong(text: str, why: str) -> NNSpecError:
    return NNSpecError(f'-k {text!r}: {why} (as in -k "LayerNorm and not (gradients or batches)")')
