"""The pytest plug-in: options, one subject per backend and dtype, and a summary of how near the backends come."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nnspec.backends import FloatType
    from nnspec_conformance.result import Result
    from nnspec_conformance.subject import Subject

DTYPES = ("float64", "float32")
PACKAGE = "nnspec_conformance"
_chosen = pytest.StashKey["tuple[list[str], list[FloatType]]"]()


def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Take part only where the suite is run, so that the options are no one else's concern."""
    if _runs(args):
        group = parser.getgroup("nnspec", "nnspec conformance")
        _option(group, "backend", "a backend to test, or several with commas (default: all that are installed)")
        _option(group, "dtype", f"float types, with commas (default: {','.join(DTYPES)})")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where the suite runs in several processes, keep each family in one of them, unless another way was chosen."""
    if config.getoption("dist") == "load" and _runs(config.args):
        scheduling = import_module("xdist.scheduler").LoadScopeScheduling(config, log)
        scheduling._split_scope = _scope  # made to be overridden
        return scheduling
    return None


def _scope(nodeid: str) -> str:
    """What stays together: the tests of a family, which share what is compiled; every other test is on its own."""
    found = re.search(r"test_conformance\[[\w~]+-[a-z]+\d+-(\w+)-", nodeid)
    return found.group(1) if found else nodeid


def _runs(args: list[str]) -> bool:
    """Whether the suite is among what is run: by its package's name, or by a folder."""
    return any("conformance" in arg for arg in args)


def _option(group: Any, name: str, text: str) -> None:
    group.addoption(f"--{name}", action="append", default=None, dest=f"{PACKAGE}_{name}", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse backends and dtypes that cannot be tested before anything is collected."""
    if _listed(config, "backend") or _listed(config, "dtype"):
        chosen(config)


def chosen(config: pytest.Config) -> tuple[list[str], list[FloatType]]:
    """The backends and dtypes that are tested.

    Raises:
        pytest.UsageError: a backend that is not installed, or an unknown dtype.
    """
    if _chosen not in config.stash:
        config.stash[_chosen] = _choose(config)
    return config.stash[_chosen]


def _choose(config: pytest.Config) -> tuple[list[str], list[FloatType]]:
    from nnspec.backends import backend, installed
    from nnspec.errors import BackendError

    names, dtypes = _listed(config, "backend"), _listed(config, "dtype")
    try:
        for name in set(names) - set(installed()):  # what is installed is imported when it is first tested
            backend(name)
    except BackendError as error:
        raise pytest.UsageError(str(error)) from None
    unknown = [dtype for dtype in dtypes if dtype not in DTYPES]
    if unknown:
        raise pytest.UsageError(f"--dtype {unknown[0]}: the suite knows {', '.join(DTYPES)}")
    return names or installed(), dtypes or list(DTYPES)


def _listed(config: pytest.Config, option: str) -> list[Any]:
    given = config.getoption(f"{PACKAGE}_{option}", default=None) or []
    return list(dict.fromkeys(part for text in given for part in text.split(",") if part))


_subjects: dict[tuple[str, str], Subject] = {}


def subject(name: str, dtype: FloatType) -> Subject:
    """The one subject of a backend and dtype in this process."""
    from nnspec.backends import backend
    from nnspec_conformance import suite

    key = (name, dtype)
    if key not in _subjects:
        _subjects[key] = suite.subject(backend(name), dtype)
    return _subjects[key]


def record(node: pytest.Item, family: str, result: Result) -> None:
    """Leave the figures of a result with the test, where reports (also of other processes) find them."""
    worst = max((figure.ulp for figure in result.figures), default=0.0)
    equal = sum(figure.equal for figure in result.figures) / max(len(result.figures), 1)
    # As Python's own floats, which pytest-xdist can send.
    figures = {"nearness": float(result.nearness), "ulp": float(worst), "equal": float(equal)}
    places = [_place(name) for name in result.backend.split("~")]
    node.user_properties.append(
        (PACKAGE, {"family": family, "backend": result.backend, "dtype": result.dtype, "places": places, **figures})
    )


@cache
def _place(name: str) -> str:
    """A backend with its versions and devices."""
    from nnspec.backends import backend

    one = backend(name)
    versions = ", ".join(f"{package} {version}" for package, version in one.versions().items())
    return f"{name}: {versions}; on {', '.join(one.devices())}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How near each family came to its limits, and how many bits were the same."""
    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for reports in terminalreporter.stats.values():
        for report in (r for r in reports if getattr(r, "when", None) == "call"):
            for name, value in report.user_properties:
                if name == PACKAGE:
                    rows.setdefault((value["backend"], value["dtype"], value["family"]), []).append(value)
    if not rows:
        return
    terminalreporter.section("conformance")
    for place in sorted({place for values in rows.values() for value in values for place in value["places"]}):
        terminalreporter.write_line(place)
    terminalreporter.write_line(
        f"{'backend':24} {'dtype':8} {'family':14} {'tests':>5}  nearest to its limit  bit-equal"
    )
    for (backend, dtype, family), values in sorted(rows.items()):
        nearness, equal = max(v["nearness"] for v in values), sum(v["equal"] for v in values) / len(values)
        shown = f"{backend:24} {dtype:8} {family:14} {len(values):5}  {nearness:20.1%}  {equal:9.0%}"
        terminalreporter.write_line(shown)
