"""Compiled functions caught at their first call, before anything is computed: what they are and what they are given.

So every function that a backend compiles can be lowered for other devices, whatever it is called there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

import nnspec as nn
from nnspec.backends import FloatType
from nnspec_conformance.case import Case, joined


@dataclass(eq=False)
class Captured(Exception):
    """A call of a compiled function.

    Attributes:
        function: the Python function within.
        options: those of ``jax.jit`` or ``tf.function``.
        given, named: its arguments.
    """

    function: Callable[..., Any]
    options: dict[str, Any]
    given: tuple[Any, ...]
    named: dict[str, Any]


class Catcher:
    """Within :func:`catching`: functions that are made are compiled as ever until :meth:`call` is used."""

    def __init__(self) -> None:
        self.armed = False

    def call(self, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Captured:
        """The first compiled call that ``run(*args)`` makes, which is not carried out."""
        self.armed = True
        try:
            run(*args, **kwargs)
        except Captured as found:
            return found
        finally:
            self.armed = False
        raise AssertionError(f"{run} has called nothing compiled")


@contextmanager
def catching(backend: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catcher]:
    """Watches what is made within by ``jax.jit`` or ``tf.function``."""
    catcher = Catcher()
    with monkeypatch.context() as patch:
        (_jax if backend == "jax" else _tensorflow)(patch, catcher)
        yield catcher


def passes(backend: str, cases: list[Case], dtype: FloatType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    """A training pass with all gradients; an inference pass where there is nothing to differentiate."""
    with catching(backend, monkeypatch) as catcher:
        for group in ([c for c in cases if c.differentiable], [c for c in cases if not c.differentiable]):
            if not group:
                continue
            net = nn.backend(backend).build(joined(group), dtype=dtype)
            points = [case.point(dtype) for case in group]
            inputs = {name: x for point in points for name, x in point.inputs.items()}
            cotangents = {name: x for point in points for name, x in point.cotangents.items()}
            if group[0].differentiable:
                yield catcher.call(net.gradients, inputs, cotangents, training=True)
            else:
                yield catcher.call(net.forward, inputs)


class _Function:
    def __init__(self, made: Any, catch: Callable[..., None], through: str = "") -> None:
        self._made, self._catch, self._through = made, catch, through

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._catch(*args, **kwargs)
        return self._made(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._made, name)
        if name != self._through:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._catch(*args, **kwargs)
            return found(*args, **kwargs)

        return call


def _patched(catcher: Catcher, make: Callable[..., Any], through: str) -> Callable[..., Any]:
    def making(function: Any = None, **options: Any) -> Any:
        if function is None:
            return lambda function: making(function, **options)

        def catch(*args: Any, **kwargs: Any) -> None:
            if catcher.armed:
                raise Captured(function, options, args, kwargs)

        return _Function(make(function, **options), catch, through)

    return making


def _jax(patch: pytest.MonkeyPatch, catcher: Catcher) -> None:
    import jax

    patch.setattr(jax, "jit", _patched(catcher, jax.jit, "lower"))


def _tensorflow(patch: pytest.MonkeyPatch, catcher: Catcher) -> None:
    from nnspec_tensorflow.startup import tf

    patch.setattr(tf, "function", _patched(catcher, tf.function, "get_concrete_function"))
