"""A mutant: a mistake as people make them, whose fault it is, and how it is planted for a while."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nnspec.backends import Backend, FloatType

REFERENCE, ANY = "the reference", "any backend"
_HOMES = {"nnspec": REFERENCE, "nnspec_jax": "jax", "nnspec_tensorflow": "tensorflow"}


@dataclass(frozen=True)
class Mutant:
    """A mistake and who must find it.

    Attributes:
        name: the mistake in a few words.
        guilty: the class whose meaning is broken; the case that finds it must be named after it. Where the mistake is
            in what belongs to no class (random bits, the loop of updates), words that stand in the case's name.
        where: the reference, a backend by name, or around any backend.
        place, change: what is changed, for the table.
        planted: within it, the backend that it gives has the mistake.
        checks: the checks that could find it, in this order.
        dtype: where it shows.
        hint: cases with these words in their names are asked first.
        raises: whether the backend may also refuse to run.
        edit: the change in the text, where that is what it is.
    """

    name: str
    guilty: str
    where: str
    place: str
    change: str
    planted: Callable[[Backend], AbstractContextManager[Backend]]
    checks: tuple[str, ...]
    dtype: FloatType = "float64"
    hint: str = ""
    raises: bool = False
    edit: Edit | None = None

    @property
    def id(self) -> str:
        dtype = "" if self.dtype == "float64" else f", {self.dtype}"
        return f"{self.where}: {self.guilty}: {self.name}{dtype}"


def planting(module: str, *checks: str, **usual: Any) -> Callable[..., Mutant]:
    """What makes mutants out of changes in the text of a module, looked for by these checks unless others are named."""

    def plant(guilty: str, name: str, old: str, new: str, *by: str, **options: Any) -> Mutant:
        edit = Edit(module, old, new)
        where = _HOMES[module.partition(".")[0]]
        return Mutant(
            name, guilty, where, module, edit.change, edit.planted, by or checks, edit=edit, **{**usual, **options}
        )

    return plant


@dataclass(frozen=True)
class Edit:
    """A change in the text of one function of a module, made in the running process.

    The changed module is compiled, not run: the code of the one function that differs replaces that of the function in
    the process, wherever that is registered, wrapped or referred to.
    """

    module: str
    old: str
    new: str

    @property
    def change(self) -> str:
        return f"`{_line(self.old)}` → `{_line(self.new)}`"

    @contextmanager
    def planted(self, backend: Backend) -> Iterator[Backend]:
        """The mistake within the block, and nothing remembered of what was compiled with or without it."""
        code = self.code()
        found = _functions(self.module).get(_place(code), [])
        assert found, f"{self.module} holds no function {code.co_qualname}"
        right = [function.__code__ for function in found]
        _forget_compiled()
        for function in found:
            function.__code__ = code
        try:
            yield backend
        finally:
            for function, own in zip(found, right, strict=True):
                function.__code__ = own
            _forget_compiled()

    def code(self) -> types.CodeType:
        """The code of the changed function.

        Raises:
            AssertionError: the text stands in the module not at all or more than once, or not within one function.
        """
        path, text = _source(self.module)
        count = text.count(self.old)
        assert count == 1, f"{self.old!r} stands {count} times in {self.module}"
        assert self.old.count("\n") == self.new.count("\n"), f"{self.old!r}: the change moves the lines after it"
        pair = (compile(t, path, "exec", dont_inherit=True) for t in (text, text.replace(self.old, self.new)))
        changed = list(_changed(*pair))
        assert len(changed) == 1, f"{self.old!r} changes {[code.co_qualname for code in changed]} in {self.module}"
        return changed[0]


def _line(text: str) -> str:
    return " ".join(text.split())


@cache
def _source(module: str) -> tuple[str, str]:
    """The path and the text of a module, which is not imported for it."""
    found = importlib.util.find_spec(module)
    assert found is not None and found.origin is not None, f"no module {module}"
    return found.origin, Path(found.origin).read_text(encoding="utf-8")


def _changed(old: types.CodeType, new: types.CodeType) -> Iterator[types.CodeType]:
    """The outermost functions that differ between two versions of a module or a class body."""
    pairs = [
        (a, b)
        for a, b in zip(old.co_consts, new.co_consts, strict=False)
        if isinstance(a, types.CodeType) and isinstance(b, types.CodeType) and a != b
    ]
    for a, b in pairs:
        if b.co_flags & 0x0002:  # CO_NEWLOCALS: a function, not the body of a class
            yield b
        else:
            yield from _changed(a, b)


def _place(code: types.CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


@cache
def _functions(module: str) -> dict[tuple[str, int], list[types.FunctionType]]:
    """All functions of a module by place, lambdas within calls included."""
    loaded = importlib.import_module(module)
    found: dict[tuple[str, int], list[types.FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and thing.__globals__ is loaded.__dict__:
            found.setdefault(_place(thing.__code__), []).append(thing)
    return found


def _forget_compiled() -> None:
    """Empty the caches of compiled functions that the adapters keep for the whole process."""
    homes = ("nnspec_jax.backend", "nnspec_jax.random", "nnspec_tensorflow.backend", "nnspec_tensorflow.random")
    for name in homes:
        for kept in vars(sys.modules.get(name, types.ModuleType(""))).values():
            for clear in ("cache_clear", "clear_cache"):  # of functools.cache, and of jax.jit
                if callable(getattr(kept, clear, None)) and not isinstance(kept, type):
                    getattr(kept, clear)()
