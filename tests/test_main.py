"""The entry of the command line: which commands there are, how errors end, what other distributions add."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import nnspec as nn
from nnspec.backends import registered
from nnspec.cli.main import COMMANDS, GROUP, main, run

SPEC = "nnspec: 1\nmodel: {input: [4], layers: [{Dense: 3}]}\nloss: SoftmaxCrossEntropy\n"


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "spec.yaml").write_text(SPEC)
    return str(tmp_path / "spec.yaml")


def test_the_list_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    for name, line in COMMANDS.items():
        assert any(name in row.split()[:1] and line[:30] in row for row in printed.splitlines()), name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"Usage: nnspec {command}" in printed and "Example" in printed


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"nnspec {nn.__version__}\n"


def test_errors_take_a_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["summary", str(tmp_path / "missing.yaml")])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.err == f"error: there is no file {tmp_path / 'missing.yaml'}\n" and printed.out == ""


@pytest.mark.parametrize("arguments", [["--debug", "summary", "missing.yaml"], ["summary", "missing.yaml", "--debug"]])
def test_debug_shows_where_an_error_is_from(arguments: list[str]) -> None:
    with pytest.raises(nn.FileError, match="there is no file"):
        run(arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sumary"], "No such command 'sumary'"),
        (["summary"], "Missing argument"),
        (["summary", "a", "b"], "unexpected extra argument"),
        (["summary", "a", "--batch-size", "many"], "--batch-size"),
        (["summary", "a", "--batch-size", "0"], "--batch-size"),
        (["summary", "a", "--bach-size", "3"], "No such option"),
    ],
)
def test_misuse_is_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert message in capsys.readouterr().err


def test_mistakes_of_ours_are_not_hidden(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import nnspec.summary

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(nnspec.summary, "summarize", broken)
    with pytest.raises(ZeroDivisionError):
        run(["summary", spec])


def test_an_interrupt_ends_with_130(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import nnspec.summary

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nnspec.summary, "summarize", interrupted)
    assert run(["summary", spec]) == 130


@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
def test_a_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m nnspec schema | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout == "{\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's")
def test_output_that_finds_the_disk_full(spec: str) -> None:
    for arguments in (["schema"], ["summary", spec], ["summary", spec, "--json"]):
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "nnspec", *arguments]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (2, "error: cannot write the output: the disk is full\n")


def test_a_signal_from_outside(tmp_path: Path) -> None:
    """Ctrl-C in the midst of a command: 130, and no traceback."""
    program = (
        "import signal, sys, time, nnspec.summary as s\n"
        # As a terminal's shell starts it; one in the background passes on that SIGINT is ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "s.summarize = lambda *a: (print('ready', flush=True), time.sleep(30))\n"
        "from nnspec.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    (tmp_path / "spec.yaml").write_text(SPEC)
    command = [sys.executable, "-c", program, "summary", str(tmp_path / "spec.yaml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and "Traceback" not in err


# -- commands of others -----------------------------------------------------------------------------------------------


def _adding(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    real = metadata.entry_points

    def entry_points(**wanted: Any) -> Any:
        return list(points) if wanted.get("group") == GROUP else real(**wanted)

    monkeypatch.setattr(metadata, "entry_points", entry_points)


def test_commands_of_other_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "greeting_of_others.py").write_text(
        '"""Say hello."""\nimport typer\nloaded = print("loaded")\n'
        'def hello(name: str, often: int = 1) -> None:\n    """Say hello to someone."""\n'
        '    typer.echo(f"hello {name}" * often)\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = EntryPoint("summary", "greeting_of_others:hello", GROUP)
    _adding(monkeypatch, EntryPoint("hello", "greeting_of_others:hello", GROUP), mine)
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    # Listed without being loaded; and nobody takes the place of one of nnspec's own.
    assert "hello" in printed and "Say hello." in printed and "loaded" not in printed
    assert printed.count("summary") == 1
    assert run(["hello", "you", "--often", "2"]) == 0
    assert capsys.readouterr().out == "loaded\nhello youhello you\n"


def test_a_command_that_cannot_be_found_is_listed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _adding(monkeypatch, EntryPoint("lost", "no_such_package.module:command", GROUP))
    assert run(["--help"]) == 0
    assert "lost" in capsys.readouterr().out


# -- small commands ---------------------------------------------------------------------------------------------------


def test_backends(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backends", "--json"]) == 0
    found = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert sorted(found) == registered()
    for entry in found.values():
        assert entry["installed"] == (not entry["missing"]) == (entry["install"] is None)
        if entry["installed"]:
            assert all(metadata.version(package) == number for package, number in entry["versions"].items())
    assert run(["backends"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in registered())


def test_how_to_install_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from nnspec import backends

    monkeypatch.setattr(backends, "missing_packages", lambda name: ["jax"] if name == "jax" else [])
    assert run(["backends"]) == 0
    rows = capsys.readouterr().out.splitlines()
    start = next(i for i, row in enumerate(rows) if row.startswith("jax"))
    assert "not installed" in rows[start] and "pip install 'nnspec[jax]'" in rows[start + 1]


def test_schema_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert run(["schema", "--out", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == printed
    assert run(["schema", "--out", str(tmp_path)]) == 2
    assert "it is a directory" in capsys.readouterr().err


def test_python_m(spec: str) -> None:
    command = [sys.executable, "-m", "nnspec", "summary", spec]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Dense(features=3)" in done.stdout
