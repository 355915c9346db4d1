"""The package's front door: what ``import nnspec as nn`` offers, at run time and to type checkers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nnspec as nn
from nnspec import vocabulary


def _typed_names() -> set[str]:
    """The names that the TYPE_CHECKING block imports."""
    tree = ast.parse(Path(nn.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_type_checkers_see_what_there_is_at_run_time() -> None:
    assert _typed_names() == {"models", "porting", *nn._LAZY, *vocabulary.class_names()}


@pytest.mark.parametrize("name", sorted(_typed_names()))
def test_every_name_can_be_had(name: str) -> None:
    assert getattr(nn, name).__name__ == (f"nnspec.{name}" if name in ("models", "porting") else name)
    assert name in dir(nn)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="Denes"):
        nn.Denes  # noqa: B018
