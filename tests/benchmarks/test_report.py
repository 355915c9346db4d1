"""What the reports say of a run, with the ratios worked out by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import document, facts as kept, page, report
from tests.benchmarks.fakes import facts, result


def test_ratio_is_taken_within_each_round() -> None:
    """Steps per second 1000, 500, 1000 against 500, 500, 250: ratios 2, 1, 4."""
    found = report.ratio(result("nnspec-jax", [0.1, 0.2, 0.1]), result("jax", [0.2, 0.2, 0.4]))
    assert (found.middle, found.low, found.high) == pytest.approx((2.0, 1.0, 4.0))
    assert str(found) == "2.00× (1.00–4.00)"


def test_table() -> None:
    head, *rows = report.table(facts(), "mlp", "float32")
    assert head[3:5] == ["nnspec on JAX is faster by", "nnspec on TensorFlow is faster by"]
    assert [row[0] for row in rows] == [
        "nnspec on JAX",
        "nnspec on TensorFlow",
        "JAX, `jax.jit` loop on pure state",
        "Keras on TensorFlow, `jit_compile=False` (only)",
    ]
    assert rows[0] == [
        *("nnspec on JAX", "1000", "1 (1–2)", "", "0.50× (0.40–1.00)"),
        # 0.5 + 2.0 s after the import; 3.6 s in all; 1000 · 0.4 of 400 GFLOP/s.
        *("2.50 s", "3.6 s", "500 MB", "100.0%"),
    ]
    assert rows[3][3] == "5.00× (4.00–5.00)"


def test_summary() -> None:
    _, row = report.summary(facts(), "float32")
    assert row == [
        "mlp",
        "2.00× (1.00–4.00), jax",
        "2.50× (2.00–4.00), keras-tensorflow",
        "2.00× (1.00–4.00), jax",
        "2.00× (1.00–2.50)" + ", nnspec-tensorflow",
    ]


def test_starts() -> None:
    _, row = report.starts(facts(), "float32")
    assert row[:3] == ["mlp", "2.50 s, 2.50 s (jax)", "500 MB, 500 MB"]


def test_markdown_loses_nothing() -> None:
    text = report.markdown(facts())
    assert "PyTorch, eager: failed, torch: ended with status 1: Traceback <b>" in text
    assert "PyTorch, `torch.compile`: skipped, needs a C++ compiler" in text
    assert "Abacus 3000, 2 cores" in text
    assert "GFLOP/s: jax 300, torch 400; memory copies at 12.5 GB/s" in text
    assert "an MLP; training at batch 128, 0.4 GFLOP a step." in text


def test_without_nnspec() -> None:
    """Peers alone can be measured, too."""
    run = facts()
    run.results = [r for r in run.results if not r.contender.startswith("nnspec")]
    assert report.summary(run, "float32")[1] == ["mlp", "", "", "", ""]
    assert len(report.table(run, "mlp", "float32")) == 3


def test_page() -> None:
    pytest.importorskip("matplotlib")
    text = page.render(facts())
    assert text.count("<svg") == 1
    assert "http://" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
    assert "<script" not in text
    assert "5.00× (4.00–5.00)" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    assert used <= set(ids)
    assert page.render(facts()) == text


def test_facts_come_back(tmp_path: Path) -> None:
    written = facts()
    written.write(tmp_path / "facts.json")
    assert kept.read(tmp_path / "facts.json") == written


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"format": 99}', '{"format": 1, "results": []}'])
def test_facts_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"facts\.json"):
        kept.read(path)


PAGE = """\
# Title
<!-- some.json: mlp float32 -->
old
<!-- end -->
by hand
<!-- other.json: mlp float32 -->
not measured yet
<!-- end -->
"""


def test_document(tmp_path: Path) -> None:
    """A part is made anew, and the page around it stays; so does a part whose facts are not there."""
    facts().write(tmp_path / "some.json")
    made = document.rendered(PAGE, tmp_path)
    assert "old" not in made
    assert "| nnspec on JAX | 1000 |" in made
    assert made.startswith("# Title\n<!-- some.json: mlp float32 -->\n")
    assert made.endswith(PAGE[PAGE.index("by hand") :])
    assert document.rendered(made, tmp_path) == made


def test_document_with_a_part_that_is_none(tmp_path: Path) -> None:
    facts().write(tmp_path / "some.json")
    with pytest.raises(ValueError, match=r"no part 'cnn float32'; it has: conditions, .*mlp float32"):
        document.rendered(PAGE.replace("mlp", "cnn"), tmp_path)


def test_performance_page_is_current(root: Path) -> None:
    text = document.PAGE.read_text(encoding="utf-8")
    assert document.PART.search(text)
    assert document.rendered(text) == text, "run python -m benchmarks --write"


# Mean and standard deviation of the first loss over random initial values, data and dropout masks: twelve networks each
# (four of gpt) in PyTorch.
FIRST_LOSS = {
    "mlp": (2.798, 0.075),
    "mlp32": (2.790, 0.127),
    "cnn": (2.361, 0.032),
    "lstm": (0.693, 0.001),
    "transformer": (0.899, 0.188),
    "resnet": (2.540, 0.204),
    "gpt": (7.101, 0.019),
}
RESULTS = sorted(document.RESULTS.glob("*.json"))


@pytest.mark.parametrize("path", RESULTS or [None], ids=lambda path: path.stem if path else "none")
def test_published_contenders_did_the_same(path: Path | None) -> None:
    """Parameters are equal, and the first loss is what chance allows: four standard deviations."""
    if path is None:
        pytest.skip("no results are published")
    run = kept.read(path)
    for workload in run.workloads:
        for dtype in run.settings["dtypes"]:
            found = report.measured(run, workload, dtype)
            assert len({result.parameters for result in found}) == 1, workload
            for one in found:
                if one.loss is not None:
                    mean, deviation = FIRST_LOSS[workload]
                    assert abs(one.loss - mean) <= 4 * deviation, (workload, one.contender, one.loss)
