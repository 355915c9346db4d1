"""Peers' own test methods, run with our objects in place of theirs.

The expected values, the inputs and the tolerances are the peer's, of the version that is installed. Only the names that
a test module imports are replaced: by stand-ins that take the peer's arguments and answer with what a subject computes.
"""

from __future__ import annotations

import importlib
import sys
import types
import unittest
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.peers.outcome import NotExpressible, NoValues, Outcome
from tests.peers.subjects import Subject

COMPARISONS = ("assert_allclose", "assert_almost_equal", "assert_array_equal")


@dataclass
class Watch:
    """How often a subject was asked, what was compared after that, and how near it came."""

    asked: int = 0
    compared: int = 0
    error: float = 0.0


class Watched:
    """A subject whose answers are counted."""

    def __init__(self, subject: Subject, watch: Watch) -> None:
        self._subject = subject
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._subject, name)
        if not callable(value):
            return value

        def asked(*args: Any, **kwargs: Any) -> Any:
            self._watch.asked += 1
            return value(*args, **kwargs)

        return asked


class Namespace:
    """A stand-in for a module of the peer's; what has no stand-in has no counterpart here."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        raise NoValues(name)


def judge(
    operator: str, module: str, cls: str, subject: Subject, stand_ins: Any, known: Mapping[str, str | None]
) -> list[Outcome]:
    """Every test method of a class of the peer's.

    Args:
        stand_ins: a function of the subject that gives the globals of the test module to replace.
        known: tests that stand-ins cannot serve, as Class.method: why they are not expressible, or None for those
            without values.
    """
    tests = loaded(module)
    found = getattr(tests, cls)
    outcomes = []
    for method in unittest.TestLoader().getTestCaseNames(found):
        name = f"{cls}.{method}"
        if name in known:
            reason = known[name]
            outcomes.append(Outcome(operator, name, "not expressible" if reason else "no values", reason or ""))
        else:
            outcomes.append(_judge(operator, tests, found, method, subject, stand_ins))
    return outcomes


def loaded(module: str) -> Any:
    """A test module of the peer's. Keras's import a helper from the root of its repository, which no wheel has."""
    if module in sys.modules:
        return sys.modules[module]
    root = types.ModuleType("conftest")
    root.skip_if_backend = lambda backend, reason: lambda test: test  # type: ignore[attr-defined]
    before = sys.modules.get("conftest")
    sys.modules["conftest"] = root
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    finally:
        del sys.modules["conftest"]
        if before is not None:
            sys.modules["conftest"] = before


def _judge(operator: str, tests: Any, cls: Any, method: str, subject: Subject, stand_ins: Any) -> Outcome:
    watch = Watch()
    name = f"{cls.__name__}.{method}"
    try:
        with driven(tests, cls, watch, stand_ins(Watched(subject, watch))):
            test = cls(method)
            test.setUp()
            getattr(test, method)()
    except NotExpressible as reason:
        status = "in part" if watch.compared else "not expressible"
        return Outcome(operator, name, status, str(reason), watch.error)
    except (NoValues, unittest.SkipTest, pytest.skip.Exception, pytest.fail.Exception):
        pass  # pytest.fail: pytest.raises found none of the peer's own errors
    except Exception as failure:
        reason = f"{type(failure).__name__}: {' '.join(str(failure).split())[:300]}"
        return Outcome(operator, name, "failed", reason)
    return Outcome(operator, name, "passed" if watch.compared else "no values", error=watch.error)


@contextmanager
def driven(tests: Any, cls: Any, watch: Watch, stand_ins: Mapping[str, Any]) -> Iterator[None]:
    """The test module with stand-ins, comparisons that are watched, and no state of the peer's switched."""
    state = np.random.get_state()
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(mock.patch.dict(tests.__dict__, stand_ins))
        for name in COMPARISONS:
            stack.enter_context(mock.patch.object(np.testing, name, _watched(getattr(np.testing, name), watch)))
        for name, replacement in _methods(cls).items():
            stack.enter_context(mock.patch.object(cls, name, replacement, create=True))
        np.random.seed(0)  # the peers' tests draw from NumPy's global generator
        try:
            yield
        finally:
            np.random.set_state(state)


def _methods(cls: Any) -> dict[str, Any]:
    """What test classes do beside comparing values."""
    replaced: dict[str, Any] = dict.fromkeys(("assertRaises", "assertRaisesRegex", "assertDType"), _no_values)
    if hasattr(cls, "run_layer_test"):  # Keras's
        replaced |= {"run_layer_test": _layer_test, "run_class_serialization_test": _no_values}
        if cls.setUp.__module__.startswith("keras"):  # it clears Keras's session and changes its tracebacks
            replaced["setUp"] = lambda self: None
    return replaced


def _no_values(*args: Any, **kwargs: Any) -> Any:
    raise NoValues


def _layer_test(
    self: Any,
    layer: Any,
    init_kwargs: Mapping[str, Any],
    input_data: Any = None,
    expected_output: Any = None,
    **others: Any,
) -> None:
    """What Keras's ``run_layer_test`` says about values."""
    if expected_output is not None:
        self.assertAllClose(layer(**init_kwargs)(input_data), expected_output)


def _watched(compare: Any, watch: Watch) -> Any:
    def watched(actual: Any, desired: Any, *args: Any, **kwargs: Any) -> Any:
        result = compare(actual, desired, *args, **kwargs)
        if watch.asked:
            watch.compared += 1
            watch.error = max(watch.error, _relative(actual, desired))
        return result

    return watched


def _relative(actual: Any, desired: Any) -> float:
    a, b = np.broadcast_arrays(np.asarray(actual, np.float64), np.asarray(desired, np.float64))
    finite = np.isfinite(b)
    scale = float(np.max(np.abs(b), initial=0.0, where=finite))
    difference = float(np.max(np.abs(a[finite] - b[finite]), initial=0.0))
    return difference / scale if scale else difference
