"""The support matrix counts what the facts say, and the published page holds every class and every deviation."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from nnspec import vocabulary
from nnspec_conformance import deviations, facts as kept
from nnspec_conformance.report import markdown, matrix
from tests.conformance.report_facts import DEVIATION, chosen, facts, named, outcome, planted


@pytest.fixture
def generator(root: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("nnspec_docs_generate", root / "docs/generate.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_matrix_counts_by_class() -> None:
    items = chosen(lambda item: item.family == "normalization" and item.backend == "jax")
    lacking = dataclasses.replace(named(items, "jax-float32-normalization-forward-LayerNorm"), status="not implemented")
    every = [o for o in (named(items, item.id) for item in items) if "BatchNorm" in o.classes and o.dtype == "float32"]
    changed = (
        dataclasses.replace(named(items, "jax-float64-normalization-forward-LayerNorm"), status="failed"),
        dataclasses.replace(
            named(items, "jax-float64-normalization-gradients-LayerNorm"), status="deviation", deviation=DEVIATION
        ),
        lacking,
        *(dataclasses.replace(o, status="not implemented") for o in every),
    )
    run = facts(items, *changed)
    page = matrix.render(run, [DEVIATION])

    def cells(name: str) -> list[str]:
        found = re.search(rf"^\| \[{name}\]\(reference\.md#{name.lower()}\) \| (.*) \|$", page, re.MULTILINE)
        assert found is not None
        return found.group(1).split(" | ")

    tests = [o for o in run.outcomes if "LayerNorm" in o.classes]
    first, second = (sum(o.dtype == dtype for o in tests) for dtype in ("float64", "float32"))
    assert cells("LayerNorm") == [f"✕ 1, △ 1, ✓ {first - 2}", f"✓ {second - 1}"]
    assert cells("BatchNorm")[1] == "–"
    assert cells("Dense") == ["", ""]
    assert (
        "| jax | float64 | gradients | `LayerNorm` | upstream | rounds &lt;twice&gt; (<https://example.org/17>) |"
        in page
    )


def test_the_matrix_places_initializers_models_and_classes_of_others() -> None:
    drawn = outcome("GlorotNormal-scale", family="initializers", check="initial", status="passed", classes=("Dense",))
    whole = outcome("residual", family="model", status="passed", classes=("Add", "Dense"))
    other = outcome("Snake", status="passed", classes=("Snake",))
    page = matrix.render(facts([], drawn, whole, other))
    for name, count in (("GlorotNormal", 1), ("Model", 1), ("Dense", 2), ("Add", 1)):
        assert re.search(rf"^\| \[{name}\]\S* \| ✓ {count} \|$", page, re.MULTILINE), name
    assert "### Of other packages" in page
    assert "| `Snake` | ✓ 1 |" in page
    assert "None is declared." in page


def test_the_page_is_made_from_a_run(generator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``python docs/generate.py --facts FILE`` writes this page alone, with what is declared and what the run met."""
    run = planted()
    kept.write(run, tmp_path / "facts.json")
    monkeypatch.setattr(deviations, "DEVIATIONS", (dataclasses.replace(DEVIATION, case="BatchNorm"), DEVIATION))
    monkeypatch.setattr(generator, "MATRIX", tmp_path / "matrix.md")
    monkeypatch.setattr(generator, "TARGET", tmp_path / "none" / "reference.md")
    monkeypatch.setattr("sys.argv", ["generate.py", "--facts", str(tmp_path / "facts.json")])
    generator.main()
    page = (tmp_path / "matrix.md").read_text(encoding="utf-8")
    assert page == matrix.render(run, deviations.DEVIATIONS)
    assert page.count("| jax | float64 | gradients | `") == 2


def test_the_published_page_holds_every_class_and_every_deviation(root: Path) -> None:
    page = (root / "docs/support-matrix.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[(\w+)\]\(reference\.md#\w+\) \|(.*)\|$", page, re.MULTILINE))
    assert set(vocabulary.class_names()) <= set(rows), (
        "run nnspec conformance --json FILE, docs/generate.py --facts FILE"
    )
    untested = [name for name, rest in rows.items() if not re.search(r"[✓△]", rest)]
    assert not untested
    for entry in deviations.DEVIATIONS:
        row = [entry.backend, ", ".join(entry.dtypes), entry.check, markdown.code(entry.case), entry.kind]
        assert f"| {' | '.join(row)} |" in page
    assert "✕" not in page.partition("## Deviations")[0].partition("### Layers")[2]
