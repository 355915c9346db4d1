"""What Flax lacks, taken out of the files of ``snippets/`` with all that it needs itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources


@cache
def _definitions() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Each class and function by name: its source, and the names of others that it mentions."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for file in sorted(resources.files("nnspec_jax.porting.export.snippets").iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".py") or file.name == "__init__.py":
            continue
        text = file.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                source = ast.get_source_segment(text, node)
                assert source is not None
                mentioned = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
                found[node.name] = source, mentioned
    order = list(found)
    return {
        name: (source, tuple(other for other in order if other in mentioned and other != name))
        for name, (source, mentioned) in found.items()
    }


def with_needed(names: Iterable[str]) -> tuple[str, ...]:
    """The names of these classes and functions, each after those that it needs."""
    definitions = _definitions()

    def needed(name: str) -> Iterator[str]:
        for other in definitions[name][1]:
            yield from needed(other)
        yield name

    return tuple(dict.fromkeys(other for name in sorted(set(names)) for other in needed(name)))


def sources(names: Iterable[str]) -> list[str]:
    """The source of these classes and functions, each after what it needs."""
    definitions = _definitions()
    return [definitions[name][0] for name in with_needed(names)]


def names() -> tuple[str, ...]:
    """All that there is."""
    return tuple(_definitions())
