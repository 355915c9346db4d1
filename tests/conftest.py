"""What every test gets: an environment of its own, and a reason instead of a failure where a framework is missing."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# Both frameworks may share one GPU, and neither may take all of it. Read when a framework starts, hence set here.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# Pictures are written to files, on machines without a display.
os.environ.setdefault("MPLBACKEND", "agg")
# What the person who runs the tests has chosen for themselves must not change a result.
os.environ.pop("NNSPEC_BACKEND", None)
os.environ.pop("KERAS_BACKEND", None)
# Nor leave a program behind, or find one.
os.environ["NNSPEC_CACHE_DIR"] = ""

from nnspec import backends
from nnspec_conformance import plugin

ROOT = Path(__file__).resolve().parent.parent

# Compilation makes the first example of a property slow, so that a deadline would only measure the compiler. Examples
# are the same in every run: a failure in one place can be repeated in another.
settings.register_profile("nnspec", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "nnspec"))


def missing(name: str) -> str | None:
    """Why the tests of a backend cannot run here, or None if they can."""
    packages = backends.missing_packages(name)
    if not packages:
        return None
    return f"the {name} backend needs {', '.join(packages)}: {backends.INSTALL[name]}"


# What trains, evaluates and reports does so on any backend: these tests are asked of one of them by turns, and of the
# other with -m slow.
_BY_TURNS = re.compile(r"tests/(?:training/|test_cli\.py|test_examples\.py)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Several processes: as the suite distributes its tests; a file stays whole: its tests share what they compile."""
    scheduling: Any = plugin.pytest_xdist_make_scheduler(config, log)
    if scheduling is not None:
        scope = scheduling._split_scope
        scheduling._split_scope = lambda nodeid: _file(nodeid) if nodeid.startswith("tests/") else scope(nodeid)
    return scheduling


def _file(nodeid: str) -> str:
    """A test's file, or a backend's share of it where each of them has trained what is asked."""
    name = nodeid.partition("::")[0]
    trained = re.search(r"\[(jax|tensorflow)\]$", nodeid) if name.endswith("test_cli.py") else None
    return name + (trained[0] if trained else "")


@pytest.hookimpl(tryfirst=True)  # before tests are left out by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _take_turns([item for item in items if _BY_TURNS.match(item.nodeid) and not item.get_closest_marker("slow")])
    for item in items:
        for name in ("jax", "tensorflow"):
            reason = missing(name) if item.get_closest_marker(name) else None
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


def _take_turns(items: list[pytest.Item]) -> None:
    """Of tests that are the same but for the backend, leave one to those that take long."""
    alike: dict[str, list[pytest.Item]] = {}
    for item in items:
        alike.setdefault(re.sub(r"(?<=[\[-])(jax|tensorflow)(?=[\]-])", "", item.nodeid), []).append(item)
    for name, same in alike.items():
        taking = zlib.crc32(name.encode()) % len(same)
        for item in (item for number, item in enumerate(same) if number != taking):
            item.add_marker(pytest.mark.slow)


def _start(item: pytest.Item, name: str) -> None:
    """Let the generators of a test's file start from a name."""
    for key, value in vars(getattr(item, "module", None) or object).items():
        if isinstance(value, np.random.Generator):
            seed = zlib.crc32(f"{name} {key}".encode())
            value.bit_generator.state = type(value.bit_generator)(seed).state


@pytest.fixture(autouse=True)
def _numbers_of_its_own(request: pytest.FixtureRequest) -> None:
    """A test's random numbers do not depend on which tests ran before it, in this process or in another."""
    _start(request.node, request.node.nodeid)


def pytest_runtest_setup(item: pytest.Item) -> None:
    # What tests of a file share is made before the first of them, whichever that is.
    _start(item, item.nodeid.partition("::")[0])
    if item.get_closest_marker("gpu"):
        # A backend that cannot list its devices must fail here and not skip.
        devices = [device for name in backends.installed() for device in backends.backend(name).devices()]
        if not any(device.startswith("gpu") for device in devices):
            pytest.skip("no GPU that an installed backend can use")


@pytest.fixture(params=["jax", "tensorflow"])
def backend(request: pytest.FixtureRequest) -> backends.Backend:
    """Each backend in turn; skipped where its framework is not installed."""
    reason = missing(request.param)
    if reason:
        pytest.skip(reason)
    return backends.backend(request.param)


@pytest.fixture
def both_backends() -> list[backends.Backend]:
    """The two backends, for tests that compare them; skipped unless both are installed."""
    for name in ("jax", "tensorflow"):
        reason = missing(name)
        if reason:
            pytest.skip(reason)
    return [backends.backend("jax"), backends.backend("tensorflow")]


@pytest.fixture
def root() -> Path:
    """The repository, for tests of its files; skipped where only the tests were copied."""
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("the repository is not around the tests")
    return ROOT
