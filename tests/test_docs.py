"""The documentation says what is so: the reference is current, links lead somewhere, what it tells to type works."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from nnspec import backends

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
pytestmark = pytest.mark.usefixtures("root")


def generator(root: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("nnspec_docs_generate", root / "docs/generate.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def blocks(page: Path, language: str) -> list[str]:
    """The contents of a page's code blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and Python-Markdown make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower())).strip("-") for title in titles}


def test_reference_is_current(root: Path) -> None:
    assert (root / "docs/reference.md").read_text(encoding="utf-8") == generator(root).render(), (
        "run python docs/generate.py"
    )


def test_reference_shows_what_a_docstring_says(root: Path) -> None:
    """A literal expectation of one class: formula, first field first, bounds in words, link to what a field holds."""
    page = (root / "docs/reference.md").read_text(encoding="utf-8")
    dense = page[page.index("### Dense") : page.index("### Dropout")]
    assert "```text\ny = activation(x · kernel + bias)\n```" in dense
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", dense, re.MULTILINE)
    assert rows[0] == ("features", "integer > 0", "required")
    assert ("kernel_init", "[initializer](#initializers)", "`glorot_uniform`") in rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"(https?|mailto):", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(linked), f"there is no heading for {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        pytest.skip("it names files of earlier versions too")
    named = re.findall(
        r"\b(?:nnspec|backends|conformance|examples|docs|tests)/[\w/.]+\.(?:py|yaml|md)\b", page.read_text()
    )
    for name in named:
        assert (ROOT / name).exists(), f"there is no {name}"


def shell_lines() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in blocks(page, "(?:sh|console)"):
            for line in block.splitlines():
                command = line.removeprefix("$ ")
                if command == line and block.startswith("$ "):
                    continue  # the output of a command
                for part in re.split(r"&&|\|", command.split(" #")[0]):
                    yield page.name, part.strip()


@pytest.mark.parametrize("command", sorted({part for _, part in shell_lines() if part.startswith("nnspec ")}))
def test_commands_exist(command: str) -> None:
    """Every nnspec command of the documentation exists, with the options it is shown with."""
    words = command.split()
    name = words[1] if not words[1].startswith("-") else None
    done = subprocess.run(
        [sys.executable, "-c", "from nnspec.cli.main import main; main()", *([name] if name else []), "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
    )
    assert done.returncode == 0, done.stderr
    for option in re.findall(r"(?<=\s)--?[a-z][\w-]*", command):
        assert option in done.stdout, f"nnspec {name or ''} has no {option}"


def test_extras_exist(root: Path) -> None:
    known = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = {extra for found in re.findall(r"(?:nnspec|\.)\[([\w,-]+)\]", text) for extra in found.split(",")}
    assert {"jax", "tensorflow", "all", "test"} <= named
    assert named <= set(known)


def test_spec_files_in_the_documentation_can_be_read(tmp_path: Path) -> None:
    from nnspec.experiment import load_experiment

    found = 0
    for page in PAGES:
        for block in blocks(page, "yaml"):
            if not block.lstrip().startswith("nnspec: 1"):
                continue
            found += 1
            path = tmp_path / "spec.yaml"
            path.write_text(block, encoding="utf-8")
            assert load_experiment(path).model.nodes
    assert found >= 2


@pytest.mark.parametrize("page", ["README.md", "docs/backends.md"])
def test_python_in_the_documentation_runs(root: Path, tmp_path: Path, page: str) -> None:
    """The Python blocks of a page, one after the other, as a reader would paste them."""
    if len(backends.installed()) < 2:
        pytest.skip("the examples use both backends")
    program = "\n".join(block for block in blocks(root / page, "python") if not block.startswith("REQUIRES"))
    assert "import nnspec" in program
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


WORKED_EXAMPLE = """
import numpy as np
import nnspec as nn
from nnspec import backends
from nnspec.reference import model as reference
from nnspec_conformance.normalization import CASES

layer = nn.RMSNorm(epsilon=0.25)
model = nn.Sequential([layer], nn.Input((3,)))
x, scale = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, -4.0]]), np.array([0.5, 2.0, -1.5])
by_hand = x / np.sqrt((x**2).sum(-1, keepdims=True) / 3 + 0.25) * scale
variables = {"rms_norm/scale": scale}
assert np.allclose(reference.run(model, variables, {"input": x}).outputs["rms_norm"], by_hand, rtol=1e-15, atol=0)
for name in backends.installed():
    net = backends.backend(name).build(model, dtype="float64")
    net.assign(variables)
    assert np.allclose(net.forward({"input": x})["rms_norm"], by_hand, rtol=1e-14, atol=0), name
    print(name, "agrees")
assert len([case for case in CASES if isinstance(case.spec, nn.RMSNorm)]) == 3
"""


def test_the_worked_example_works(root: Path, tmp_path: Path) -> None:
    """CONTRIBUTING's layer, added to a copy of the five files as the text says, computes its formula everywhere."""
    for wing in ("nnspec", "backends", "conformance"):
        shutil.copytree(root / wing, tmp_path / wing, ignore=shutil.ignore_patterns("__pycache__"))
    added = blocks(root / "CONTRIBUTING.md", "python")
    assert len(added) == 5
    for block in added:
        name, _, code = block.removeprefix("# ").partition("\n")
        path = tmp_path / name
        path.write_text(
            path.read_text(encoding="utf-8").replace(" LayerNorm\n", " LayerNorm, RMSNorm\n", 1) + f"\n\n{code}",
            encoding="utf-8",
        )
    table = tmp_path / "nnspec/vocabulary.py"
    listed = table.read_text().replace('"LayerNorm": "LayerNorm"', '"LayerNorm": "LayerNorm", "RMSNorm": "RMSNorm"', 1)
    table.write_text(listed)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WORKED_EXAMPLE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((".", "backends", "conformance"))},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name} agrees" for name in backends.installed()]
