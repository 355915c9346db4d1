"""The pytest plug-in: the suite's tests with pytest's own selection, processes and reports.

``pytest --pyargs nnspec_conformance --backend jax`` runs what ``nnspec conformance --backend jax`` runs.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nnspec_conformance.outcome import Outcome
    from nnspec_conformance.run import Plan
    from nnspec_conformance.suite import Item

PACKAGE = "nnspec_conformance"
REPORTS = ("report", "json", "markdown")
_plan = pytest.StashKey["Plan"]()
_work = pytest.StashKey[Any]()  # what settles tests: a Bench or an Attendant


def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Take part only where the suite is run, so that the options are no one else's concern."""
    if not _runs(args):
        return
    group = parser.getgroup("nnspec", "nnspec conformance")
    for name, text in {
        "backend": "a backend to test, or several with commas (default: all that are installed)",
        "dtype": "float types, with commas (default: float64,float32)",
    }.items():
        group.addoption(f"--{name}", action="append", default=None, dest=f"{PACKAGE}_{name}", help=text)
    group.addoption("--device", dest=f"{PACKAGE}_device", help="where nets are built, as gpu:0")
    extents = group.addoption
    extents("--quick", action="store_true", dest=f"{PACKAGE}_quick", help="a subset: float64, the main checks")
    extents("--all", action="store_true", dest=f"{PACKAGE}_all", help="ask sampled checks of every case, too")
    for name in REPORTS:
        group.addoption(f"--{name}", dest=f"{PACKAGE}_{name}", metavar="FILE", help=f"write the suite's {name} there")


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


def pytest_configure(config: pytest.Config) -> None:
    """Refuse backends, dtypes and files that cannot be used before anything is collected."""
    config.addinivalue_line("markers", "slow: of the suite's tests those in lower precision, but for one of each class")
    names = ("backend", "dtype", "device", *REPORTS)
    if any(_option(config, name) for name in names):
        plan(config)
        _reports(config).check()


def plan(config: pytest.Config) -> Plan:
    """What is tested.

    Raises:
        pytest.UsageError: a backend that is not installed, an unknown dtype, or no such device.
    """
    if _plan not in config.stash:
        from nnspec.errors import NNSpecError
        from nnspec_conformance import session

        extent = "quick" if _option(config, "quick") else "all" if _option(config, "all") else "standard"
        try:
            config.stash[_plan] = session.plan(
                session.names(_option(config, "backend")),
                session.dtypes(_option(config, "dtype")),
                extent=extent,  # type: ignore[arg-type]
                device=_option(config, "device"),
            )
        except NNSpecError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[_plan]


def settled(session: pytest.Session, item: Item) -> Outcome:
    """What becomes of a test.

    A few tests are run in this process, where a debugger finds them. Many are run in one that is replaced from time to
    time, since programs that TensorFlow has compiled are never freed.
    """
    stash = session.config.stash
    if _work not in stash:
        from nnspec_conformance import processes
        from nnspec_conformance.run import Bench

        specs: list[Any] = [item.callspec for item in session.items if hasattr(item, "callspec")]
        items: list[Item] = [spec.params["item"] for spec in specs if "item" in spec.params]
        made = plan(session.config)
        if len(items) > processes.LIFETIME:
            stash[_work] = processes.Attendant(made, items)
        else:
            stash[_work] = Bench(made.device, items)
    outcome: Outcome = stash[_work].settle(item)
    return outcome


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before a test of something else: free what the suite's tests hold, a process and its memory."""
    if "item" not in getattr(item, "fixturenames", ()):
        _close(item.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the process that ran the tests."""
    _close(session.config)


def _close(config: pytest.Config) -> None:
    if _work in config.stash:
        config.stash[_work].close()


def _option(config: pytest.Config, name: str) -> Any:
    return config.getoption(f"{PACKAGE}_{name}", default=None)


def _reports(config: pytest.Config) -> Any:
    from nnspec_conformance.session import Reports

    paths = {name: Path(_option(config, name)) if _option(config, name) else None for name in REPORTS}
    return Reports(html=paths["report"], json=paths["json"], markdown=paths["markdown"])


def keep(node: pytest.Item, outcome: Outcome) -> None:
    """Leave an outcome with its test, where reports (also of other processes) find it."""
    from nnspec_conformance import facts

    # As text, which pytest-xdist can send.
    node.user_properties.append((PACKAGE, facts.encode(outcome)))


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_started] = time()


_started = pytest.StashKey[float]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How near each family came to its limits, and the reports that were asked for."""
    from nnspec_conformance import facts, session, summary

    reports = [report for group in terminalreporter.stats.values() for report in group]
    found = [
        facts.decode(value)
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == PACKAGE
    ]
    if not found:
        return
    made = session.facts(plan(config), found, started=config.stash[_started])
    terminalreporter.section("conformance")
    for line in summary.lines(made):
        terminalreporter.write_line(line)
    _reports(config).write(made)
