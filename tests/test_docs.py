"""The documentation says what is so: the reference is current, links lead somewhere, what it tells to type works."""

from __future__ import annotations

import importlib.util
import os
import re
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
    dense = page.partition("\n### Dense\n")[2].partition("\n### ")[0]
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


def test_the_worked_example_is_the_real_one(root: Path) -> None:
    """CONTRIBUTING's layer stands in the five files as the guide shows it, and each wing's file is shown."""
    shown = {}
    for block in blocks(root / "CONTRIBUTING.md", "python"):
        name, _, code = block.removeprefix("# ").partition("\n")
        assert code.strip() in (root / name).read_text(encoding="utf-8"), f"{name} does not hold what the guide shows"
        shown[name] = code
    wings = ("nnspec/layers", "nnspec/reference", "backends/nnspec_jax", "backends/nnspec_tensorflow")
    assert set(shown) == {f"{wing}/normalization.py" for wing in (*wings, "conformance/nnspec_conformance")}
    assert all("RMSNorm" in code for code in shown.values())
