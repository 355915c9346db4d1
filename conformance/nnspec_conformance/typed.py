"""Fields of case files by their type hints: plain data as numbers, tuples, literals, mappings and specs."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from nnspec.errors import SpecError, did_you_mean
from nnspec.spec import Spec, parse

Path = tuple[str | int, ...]
_NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def read_value(hint: Any, value: Any, path: Path = ()) -> Any:
    """``value`` as a field of the type ``hint``.

    Raises:
        SpecError: it is something else; the path begins with ``path``.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _read_union(args, value, path)
    if origin is Literal:
        if value in args and isinstance(value, str):
            return value
        raise SpecError(f"expected one of {', '.join(map(repr, args))}, got {value!r}{did_you_mean(value, args)}", path)
    if origin is tuple:
        return _read_tuple(args, value, path)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise SpecError(f"expected a mapping, got {value!r}", path)
        return {name: read_value(args[1], held, (*path, name)) for name, held in value.items()}
    if isinstance(hint, type) and issubclass(hint, Spec):
        return _read_spec(hint, value, path)
    return _read_scalar(hint, value, path)


def _read_union(hints: tuple[Any, ...], value: Any, path: Path) -> Any:
    """The first of the types that fits; where none does, what the last of them says."""
    if value is None and type(None) in hints:
        return None
    *others, last = [hint for hint in hints if hint is not type(None)]
    for hint in others:
        try:
            return read_value(hint, value, path)
        except SpecError:
            continue
    return read_value(last, value, path)


def _read_tuple(hints: tuple[Any, ...], value: Any, path: Path) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise SpecError(f"expected a list, got {value!r}", path)
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise SpecError(f"expected {len(hints)} values, got {len(value)}", path)
    return tuple(read_value(hint, held, (*path, i)) for i, (hint, held) in enumerate(zip(hints, value, strict=True)))


def _read_spec(cls: type[Any], value: Any, path: Path) -> Any:
    try:
        if cls.kind:
            made = parse(cls.kind, value)
        elif not isinstance(value, Mapping):
            raise SpecError(f"expected the fields of {cls.__name__}, got {value!r}")
        else:  # classes that stand without their name: Clip
            made = cls(**{str(name): held for name, held in value.items()})
    except SpecError as error:
        raise error.under(*path) from None
    if not isinstance(made, cls):
        raise SpecError(f"expected a {cls.__name__}, got {type(made).__name__}", path)
    return made


def _read_scalar(hint: Any, value: Any, path: Path) -> Any:
    if hint is Any and isinstance(value, list | tuple):
        return tuple(read_value(Any, held, (*path, i)) for i, held in enumerate(value))
    if hint in (Any, float) and isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        bool: isinstance(value, bool),
        str: isinstance(value, str),
        int: number and isinstance(value, int),
        float: number,
        Any: number or isinstance(value, bool),
    }
    if not fits.get(hint, False):
        what = "a number" if hint is Any else {"str": "a text", "bool": "true or false"}.get(hint.__name__, "a number")
        raise SpecError(f"expected {what}, got {value!r}", path)
    return float(value) if hint is float else value
