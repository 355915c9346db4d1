"""Deviations are strict: an incomplete one, one that fits no test, and one that passes after all are errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nnspec import backends
from nnspec.errors import NNSpecError, UnsupportedError
from nnspec_conformance import deviations, suite
from nnspec_conformance.deviations import Deviation
from nnspec_conformance.outcome import settle
from nnspec_conformance.result import Figure

CASE = "LayerNorm"
LINK = "https://example.org/17"


def entry(**changed: Any) -> Deviation:
    made = {
        "backend": "jax",
        "check": "forward",
        "case": CASE,
        "dtypes": ("float32",),
        "kind": "upstream",
        "reason": "rounds twice",
        "link": LINK,
    }
    return Deviation(**{**made, **changed})


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put entries in the place of the suite's own."""
    return lambda *entries: monkeypatch.setattr(deviations, "DEVIATIONS", entries)


Package = Callable[[str, str], None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Install a package of someone else's: its module ``deviations`` and its entry points."""
    names: list[str] = []

    def install(code: str, points: str, name: str = "someone") -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text('REQUIRES = ("framework_of_no_one",)\n')
        (tmp_path / name / "deviations.py").write_text(code)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)
        names.append(name)
        clear()

    def clear() -> None:
        deviations._points.cache_clear()
        deviations._listed.cache_clear()
        backends._entry_points.cache_clear()

    monkeypatch.syspath_prepend(str(tmp_path))
    yield install
    for module in [m for m in sys.modules if m.split(".")[0] in names]:
        del sys.modules[module]
    clear()


DECLARES = f"""
from nnspec_conformance.deviations import Deviation

DEVIATIONS = (Deviation("{{backend}}", "forward", "{{case}}", ("float64",), "nature", "a unit of its own", "{LINK}"),)
"""
POINTS = """[nnspec.backends]
mine = someone.backend:Mine

[nnspec.deviations]
{name} = someone.deviations:DEVIATIONS
"""


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"backend": ""}, "backend is a text"),
        ({"check": " "}, "check is a text"),
        ({"case": ""}, "case is a text"),
        ({"reason": ""}, "reason is a text"),
        ({"link": ""}, "link is a text"),
        ({"link": "issue 17"}, "link begins with https://"),
        ({"link": "javascript:alert(1)"}, "link begins with https://"),
        ({"kind": "theirs"}, "kind is one of ours, upstream, nature"),
        ({"dtypes": ()}, "dtypes is a tuple of at least one"),
        ({"dtypes": "float32"}, "dtypes is a tuple of at least one"),
        ({"dtypes": ("float31",)}, "dtypes are of float64, float32"),
    ],
)
def test_an_incomplete_entry_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(NNSpecError, match=message) as raised:
        entry(**changed)
    assert "deviation of" in str(raised.value)


def test_one_is_found_by_backend_dtype_check_and_case(declare: Callable[..., None]) -> None:
    one = entry(dtypes=("float32", "bfloat16"))
    declare(one)
    assert deviations.find("jax", "float32", "forward", CASE) is one
    assert deviations.find("jax", "bfloat16", "forward", CASE) is one
    assert deviations.find("jax", "float64", "forward", CASE) is None
    assert deviations.find("tensorflow", "float32", "forward", CASE) is None
    assert deviations.find("jax", "float32", "gradients", CASE) is None
    assert deviations.find("jax", "float32", "forward", "BatchNorm") is None
    assert deviations.find("jax~tensorflow", "float32", "forward", CASE) is None


def test_one_of_a_pair_is_found_in_either_order_and_of_neither_alone(declare: Callable[..., None]) -> None:
    pair = entry(backend="jax~tensorflow", check="agreement", dtypes=("float64",))
    declare(pair)
    assert deviations.find("tensorflow~jax", "float64", "agreement", CASE) is pair
    assert deviations.find("jax~tensorflow", "float64", "agreement", CASE) is pair
    assert deviations.find("jax", "float64", "agreement", CASE) is None
    assert deviations.declared("tensorflow") == (pair,)
    assert deviations.problems("jax") == []


@pytest.mark.parametrize(
    "changed",
    [{"case": "LayerNorn"}, {"check": "foreward"}, {"dtypes": ("float64",), "check": "uncompiled"}],
    ids=["case", "check", "dtype in which the check is not asked"],
)
def test_one_that_fits_no_test_is_a_problem(declare: Callable[..., None], changed: dict[str, Any]) -> None:
    declare(entry(), entry(**changed))
    found = deviations.problems("jax")
    assert len(found) == 1
    assert found[0].endswith("of nnspec fits no test")
    assert all(str(part) in found[0] for part in changed.values() if isinstance(part, str))
    assert deviations.problems("tensorflow") == []


def test_the_same_twice_is_a_problem(declare: Callable[..., None]) -> None:
    declare(entry(), entry(dtypes=("float64", "float32"), kind="ours"))
    assert deviations.problems("jax") == [f"the deviation jax-float32-forward-{CASE} of nnspec is declared twice"]


def test_the_ones_that_are_declared_have_no_problems() -> None:
    for name in backends.registered():
        assert deviations.problems(name) == []
    known = set(backends.registered())
    assert all(one.backends <= known for one in deviations.DEVIATIONS)


class Lacking:
    """A backend under test that has nothing but a list of what it lacks."""

    def __init__(self, *lacking: str) -> None:
        self.lacking = list(lacking)

    def lacks(self, classes: Any) -> list[str]:
        return self.lacking


def outcome_of(found: float | Callable[..., Any], *lacking: str) -> Any:
    """What becomes of a case whose error is given, or of one asked by a function."""
    case = next(case for name, case in suite.cases() if name == "normalization" and case.name == CASE)
    asked = found if callable(found) else lambda subject, case: [Figure("y", found, 1.0)]
    check = suite.Check("forward", asked, ())
    item = suite.Item(("jax",), "float32", check, "normalization", case)
    return settle(item, lambda name, dtype: Lacking(*lacking))  # type: ignore[arg-type,return-value]


def test_one_that_fails_lets_the_suite_pass_and_one_that_passes_does_not(declare: Callable[..., None]) -> None:
    assert (outcome_of(0.5).status, outcome_of(2.0).status) == ("passed", "failed")
    declare(entry())
    failing, passing = outcome_of(2.0), outcome_of(0.5)
    assert (failing.status, failing.good, failing.deviation) == ("deviation", True, entry())
    assert (passing.status, passing.good) == ("stale", False)
    assert "rounds twice" in passing.message


def test_one_of_what_a_backend_lacks_can_never_fail_as_declared(declare: Callable[..., None]) -> None:
    assert outcome_of(2.0, "LayerNorm").status == "not implemented"
    declare(entry())
    found = outcome_of(2.0, "LayerNorm")
    assert (found.status, found.good) == ("stale", False)
    assert "not implemented by jax: LayerNorm" in found.message


def test_an_option_that_a_backend_refuses_is_not_implemented(declare: Callable[..., None]) -> None:
    def refuse(subject: Any, case: Any) -> list[Figure]:
        raise UnsupportedError("the jax backend has no realization of LayerNorm with axes")

    found = outcome_of(refuse)
    assert (found.status, found.good) == ("not implemented", True)
    assert "LayerNorm with axes" in found.message
    declare(entry())
    assert outcome_of(refuse).status == "stale"


def test_a_package_declares_those_of_its_own_backend(package: Package) -> None:
    package(DECLARES.format(backend="mine", case=CASE), POINTS.format(name="mine"))
    found = deviations.find("mine", "float64", "forward", CASE)
    assert found is not None
    assert found.reason == "a unit of its own"
    assert deviations.problems("mine") == []
    assert deviations.find("jax", "float64", "forward", CASE) is None


def test_one_of_a_package_that_fits_no_test_is_a_problem(package: Package) -> None:
    package(DECLARES.format(backend="mine", case="NoSuchCase"), POINTS.format(name="mine"))
    assert deviations.problems("mine") == ["the deviation mine-float64-forward-NoSuchCase of someone fits no test"]


def test_a_package_may_not_speak_of_the_backend_of_another(package: Package) -> None:
    package(DECLARES.format(backend="jax", case=CASE), POINTS.format(name="jax"))
    assert deviations.problems("jax") == [
        f"the deviation jax-float64-forward-{CASE} of someone is about neither its own backend nor its own vocabulary"
    ]
    assert deviations.problems("mine") == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise RuntimeError('not today')", r"cannot be loaded: RuntimeError: not today"),
        ("", r"cannot be loaded: AttributeError"),
        ("DEVIATIONS = ['a']", r"leads to no tuple"),
        (DECLARES.format(backend="jax", case=CASE), r"declares a deviation of 'jax', which is another backend"),
    ],
    ids=["raises", "missing", "of another type", "of another backend"],
)
def test_a_list_that_cannot_be_used_is_named_and_harms_no_other_backend(
    package: Package, code: str, message: str
) -> None:
    package(code, POINTS.format(name="mine"))
    for ask in (deviations.problems, deviations.declared, lambda name: deviations.find(name, "float64", "forward", "")):
        with pytest.raises(NNSpecError, match=r"entry point mine = 'someone.deviations:DEVIATIONS'.*" + message):
            ask("mine")
    assert deviations.problems("jax") == []
