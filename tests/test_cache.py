"""Compiled programs on disk: where, for whom, how many, and that they compute the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nnspec_jax
from nnspec.cli.cache import keep_programs, machine, prune

SPEC = """\
nnspec: 1
model: {layers: [{Dense: 16}, BatchNorm, gelu, {Dense: 10}]}
loss: SoftmaxCrossEntropy
metrics: [accuracy]
data: {sklearn: digits, validation_split: 0.1}
training: {epochs: 1, batch_size: 128}
"""


def test_where_programs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keep_programs({}) == tmp_path / ".cache/nnspec/programs"
    assert keep_programs({"XDG_CACHE_HOME": str(tmp_path / "xdg")}) == tmp_path / "xdg/nnspec/programs"
    chosen = {"NNSPEC_CACHE_DIR": str(tmp_path / "mine")}
    assert keep_programs(chosen) == tmp_path / "mine"
    assert (tmp_path / "mine").stat().st_mode & 0o077 == 0  # what is run from there is nobody else's to write
    assert machine() in chosen["JAX_COMPILATION_CACHE_DIR"] and "TF_XLA_FLAGS" not in chosen
    nowhere = {"NNSPEC_CACHE_DIR": ""}
    assert keep_programs(nowhere) is None and nowhere == {"NNSPEC_CACHE_DIR": ""}


def test_a_place_that_cannot_be_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environ = {"NNSPEC_CACHE_DIR": str(tmp_path / "file" / "below")}
    assert keep_programs(environ) is None and len(environ) == 1


def test_what_the_user_has_chosen_stands() -> None:
    found = nnspec_jax.cache_environment("/here", {})
    assert found == {"JAX_COMPILATION_CACHE_DIR": "/here", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1"}
    assert nnspec_jax.cache_environment("/here", {"JAX_COMPILATION_CACHE_DIR": ""}) == {}
    own = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "3"}
    assert nnspec_jax.cache_environment("/here", own) == {"JAX_COMPILATION_CACHE_DIR": "/here"}


def test_what_was_not_used_for_the_longest_time_goes(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "old", "older", "oldest"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "program").write_bytes(bytes(100))
        os.utime(tmp_path / name / "program", (1e9 - age, 1e9 - age))
    os.utime(tmp_path / "oldest" / "program", (1e9 + 1, 1e9 - 3))  # written first, read last
    prune(tmp_path, 400)
    assert len(list(tmp_path.rglob("program"))) == 4
    prune(tmp_path, 250)
    assert {file.parent.name for file in tmp_path.rglob("program")} == {"new", "oldest"}


def run(place: Path, cache: Path) -> list[dict[str, Any]]:
    """A training run in a process of its own; its history."""
    out = place / f"run{len(list(place.iterdir()))}"
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "nnspec",
        "train",
        "spec.yaml",
        "--backend",
        "jax",
        "--out",
        str(out),
    ]
    environ = {**os.environ, "NNSPEC_CACHE_DIR": str(cache)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1, f"the cache is not to be heard of: {done.stderr}"
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.jax
def test_the_second_run_finds_the_programs_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    cache = tmp_path / "cache"
    (first,) = run(tmp_path, cache)
    kept = {file: file.stat().st_size for file in cache.rglob("*") if file.is_file() and "atime" not in file.name}
    assert kept and all(machine() in str(file) for file in kept)
    (second,) = run(tmp_path, cache)
    assert {f: f.stat().st_size for f in cache.rglob("*") if f.is_file() and "atime" not in f.name} == kept
    clocks = ("seconds", "compile_seconds", "examples_per_second")
    assert {n: x for n, x in second.items() if n not in clocks} == {n: x for n, x in first.items() if n not in clocks}
