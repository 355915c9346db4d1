"""Names of nodes and variables as attributes of Flax modules, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flax import nnx

# Names under which a layer would hide a method of nnx.Dict (a node may well be called "keys"), or be taken for one of
# the switches that train() and eval() set wherever they find them.
_RESERVED = frozenset(dir(nnx.Dict)) | {"deterministic", "use_running_average"}


def _is_reserved(name: str) -> bool:
    return any(name.startswith(word) and not name[len(word) :].strip("_") for word in _RESERVED)


def attribute(name: str) -> str:
    """The name of a node in ``layers``, or of a variable that its user names.

    That is its own, or with one more "_" at the end where Flax needs the name itself.
    """
    return f"{name}_" if _is_reserved(name) else name


def canonical(path: Sequence[Any]) -> str:
    """The canonical name of the variable at a path of Flax's: ``("layers", "dense", "kernel")`` is ``dense/kernel``."""
    if len(path) == 1:
        return f"random/{path[0]}"
    names, rest = [], list(path)
    while rest[0] == "layers":
        _, name, *rest = rest
        names.append(_own(name))
    return "/".join([*names, *map(_own, rest)])


def _own(attribute: str) -> str:
    """The name that an attribute stands for."""
    return attribute[:-1] if attribute.endswith("_") and _is_reserved(attribute[:-1]) else attribute
