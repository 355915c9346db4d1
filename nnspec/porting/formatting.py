"""Lines laid out as ``ruff format`` would: at most 88 characters, arguments below each other where they do not fit."""

from __future__ import annotations

from collections.abc import Iterator

WIDTH = 88
_OPENING, _CLOSING = "([{", ")]}"


def laid_out(statement: str, indent: int = 0) -> list[str]:
    """The lines of a statement that is written in one."""
    margin = " " * indent
    if len(margin + statement) <= WIDTH:
        return [margin + statement]
    opening = _bracket(statement, WIDTH - indent)
    if opening is None:
        return [margin + statement]
    closing = _matching(statement, opening)
    head, body, tail = statement[: opening + 1], statement[opening + 1 : closing], statement[closing:]
    if not body:
        return [margin + statement]
    inner = " " * (indent + 4)
    one_line = inner + body
    lines = [margin + head]
    parts = list(_split(body, ","))
    if len(one_line) <= WIDTH:
        lines.append(one_line)
    elif len(parts) > 1:
        for part in parts:
            lines += laid_out(f"{part},", indent + 4)
    elif (comprehension := _comprehension(body)) is not None:
        for part in comprehension:
            lines += laid_out(part, indent + 4)
    else:
        terms = list(_terms(body))
        if len(terms) > 1:
            for term in terms:
                lines += laid_out(term, indent + 4)
        else:
            lines += laid_out(body, indent + 4)
    lines.append(margin + tail)
    return lines


def _bracket(text: str, room: int) -> int | None:
    """Where a bracket of the statement opens that is within no other: the last one in a line of so many characters."""
    found, depth = None, 0
    for i, char in _code(text):
        if char in _OPENING:
            if depth == 0 and _matching(text, i) > i + 1 and (found is None or i < room):
                found = i
            depth += 1
        elif char in _CLOSING:
            depth -= 1
    return found


def _matching(text: str, opening: int) -> int:
    depth = 0
    for i, char in _code(text):
        if i < opening:
            continue
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0:
            return i
    raise AssertionError(f"an unclosed bracket: {text}")


def _code(text: str) -> Iterator[tuple[int, str]]:
    """The characters that stand in no literal."""
    quoted = False
    for i, char in enumerate(text):
        if char == '"' and (i == 0 or text[i - 1] != "\\"):
            quoted = not quoted
        elif not quoted:
            yield i, char


def _split(text: str, by: str) -> Iterator[str]:
    """The parts between separators that stand in no bracket and in no lambda's parameters."""
    start = depth = 0
    for i, char in _code(text):
        depth += (char in _OPENING) - (char in _CLOSING)
        if char == by and depth == 0 and not _in_lambda(text[start:i]):
            yield text[start:i].strip()
            start = i + 1
    rest = text[start:].strip()
    if rest:
        yield rest


def _in_lambda(text: str) -> bool:
    return "lambda " in text and ":" not in text.rsplit("lambda ", 1)[1]


def _comprehension(text: str) -> list[str] | None:
    depth = 0
    for i, char in _code(text):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0 and text.startswith(" for ", i):
            return [text[:i], text[i + 1 :]]
    return None


def _terms(text: str) -> Iterator[str]:
    """An expression cut before its outermost sums."""
    start = depth = 0
    for i, char in _code(text):
        depth += (char in _OPENING) - (char in _CLOSING)
        if depth == 0 and i > start and text[i : i + 3] in (" + ", " - "):
            yield text[start:i].strip()
            start = i + 1
    yield text[start:].strip()


def paragraphs(text: str, indent: int = 0, width: int = WIDTH) -> list[str]:
    """Prose broken into lines."""
    lines: list[str] = []
    for line in text.split("\n"):
        current = " " * indent
        for word in line.split():
            longer = f"{current}{'' if current.strip() == '' else ' '}{word}"
            if len(longer) > width and current.strip():
                lines.append(current.rstrip())
                longer = " " * indent + word
            current = longer
        lines.append(current.rstrip())
    return lines


def docstring(text: str, indent: int) -> list[str]:
    """A docstring, in one line where it fits."""
    margin = " " * indent
    whole = f'{margin}"""{text}"""'
    if "\n" not in text and len(whole) <= WIDTH:
        return [whole]
    lines = paragraphs(text, indent, WIDTH - 3)  # the quotes stand before the first
    lines[0] = f'{margin}"""{lines[0].strip()}'
    return [*lines, f'{margin}"""']
