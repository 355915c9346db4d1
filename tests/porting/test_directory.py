"""nnspec's own directories: written and read back, in several files, and what is wrong with those of others."""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import nnspec
from nnspec.errors import FileError
from nnspec.experiment import load_model
from nnspec.model import Sequential
from nnspec.porting.directory import DirectoryExporter, DirectoryImporter
from nnspec.porting.formats import Exporter, Importer, Reading
from nnspec.porting.port import OptimizerState, Port
from nnspec.porting.shards import read_file, read_shards, write_shards
from nnspec.porting.verify import same_bits
from tests.porting.subjects import random_variables

MODEL = Sequential([{"Dense": 6}, "BatchNorm", "tanh", {"Dense": 3}], (4,))
ARRAYS: dict[str, Any] = {
    "a/float64": np.random.default_rng(0).standard_normal((3, 5)),
    "b/transposed": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    "c/reversed": np.arange(7, dtype=np.int32)[::-1],
    "d/bfloat16": np.arange(5).astype(ml_dtypes.bfloat16),
    "e/float16": np.arange(6, dtype=np.float16).reshape(2, 3),
    "f/bool": np.array([True, False, True]),
    "g/scalar": np.float32(2.5),
    "h/none": np.zeros((0, 3), np.float32),
    "i/uint8": np.arange(3, dtype=np.uint8),
    "j/int64": np.array(7),
}


def port(**options: Any) -> Port:
    return Port(MODEL, random_variables(MODEL), {"dense": "block.fc (nnx.Linear)"}, notes=("a note",), **options)


def test_the_protocols() -> None:
    assert isinstance(DirectoryExporter(), Exporter) and isinstance(DirectoryImporter(), Importer)


@pytest.mark.parametrize("limit", [10**9, 40], ids=["one file", "several"])
def test_arrays_of_all_kinds_come_back_bit_for_bit(tmp_path: Path, limit: int) -> None:
    files = write_shards(tmp_path, ARRAYS, shard_bytes=limit)
    assert same_bits({name: np.asarray(v) for name, v in ARRAYS.items()}, read_shards(tmp_path)) == []
    assert (len(files) > 1) == (limit == 40)
    outside = {}
    for file in files:
        outside.update(load_file(file))  # the library's own reader
    assert all(np.array_equal(outside[name], value) for name, value in ARRAYS.items())


def test_files_are_named_as_hugging_face_names_them(tmp_path: Path) -> None:
    arrays = {name: np.full(4, i, np.float32) for i, name in enumerate("abcde")}
    files = write_shards(tmp_path, arrays, shard_bytes=32)
    assert [file.name for file in files] == [f"variables-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    index = json.loads((tmp_path / "variables.safetensors.index.json").read_text())
    assert index["metadata"] == {"total_size": 80}
    assert index["weight_map"]["c"] == "variables-00002-of-00003.safetensors"
    assert all(len(load_file(file)) <= 2 for file in files)


def test_every_array_lies_at_a_multiple_of_its_size(tmp_path: Path) -> None:
    (file,) = write_shards(tmp_path, ARRAYS)
    data = file.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    assert header.pop("__metadata__") == {"nnspec": "1"}
    for name, held in header.items():
        assert (8 + size + held["data_offsets"][0]) % np.asarray(ARRAYS[name]).itemsize == 0, name


def test_memory_stays_small(tmp_path: Path) -> None:
    """Writing what is mapped and reading it back takes no copy of the whole."""
    arrays = {f"v{i}": np.ones((512, 1024), np.float32) for i in range(16)}  # 32 MB
    write_shards(tmp_path, arrays)
    (tmp_path / "again").mkdir()
    mapped = read_shards(tmp_path)
    del arrays
    tracemalloc.start()
    write_shards(tmp_path / "again", mapped)
    back = read_shards(tmp_path / "again")
    assert same_bits(mapped, back) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


def test_a_directory(tmp_path: Path) -> None:
    given = port()
    DirectoryExporter(shard_bytes=100).write(given, tmp_path / "out")
    importer = DirectoryImporter()
    assert importer.reads(tmp_path / "out") and not importer.reads(tmp_path)
    found = importer.from_file(tmp_path / "out", Reading())
    assert found.model == given.model and found.origin == given.origin and found.notes == given.notes
    assert same_bits(given.variables, found.variables) == []
    assert same_bits(given.variables, DirectoryExporter().variables(tmp_path / "out", given)) == []
    assert load_model(tmp_path / "out" / "spec.yaml")[0] == MODEL


def test_another_dtype(tmp_path: Path) -> None:
    given = port()
    DirectoryExporter().write(given, tmp_path / "out", dtype="bfloat16")
    back = DirectoryExporter().variables(tmp_path / "out", given)
    assert same_bits({n: v.astype(ml_dtypes.bfloat16) for n, v in given.variables.items()}, back) == []


def test_the_optimizer_goes_along(tmp_path: Path) -> None:
    state = {"optimizer/dense/kernel/m": np.full((4, 6), 0.5, np.float32), "optimizer/step": np.array(7)}
    given = port(optimizer=OptimizerState(nnspec.AdamW(0.01, weight_decay=0.1), state))
    DirectoryExporter().write(given, tmp_path / "out")
    found = DirectoryImporter().from_file(tmp_path / "out", Reading()).optimizer
    assert found is not None and found.optimizer == nnspec.AdamW(0.01, weight_decay=0.1)
    assert same_bits(state, found.variables) == []


def test_spec_files_and_models(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("nnspec: 1\nmodel: {input: [4], layers: [{Dense: 6}, BatchNorm, tanh, {Dense: 3}]}\n")
    importer = DirectoryImporter()
    assert importer.reads(spec) and importer.knows(MODEL) and not importer.knows(spec)
    drawn = importer.from_file(spec, Reading())
    assert drawn.model == MODEL and "initial ones of seed 0" in drawn.notes[0]
    save_file(random_variables(MODEL), tmp_path / "weights.safetensors")
    for found in (
        importer.from_file(spec, Reading(weights=tmp_path / "weights.safetensors")),
        importer.from_object(MODEL, Reading(weights=tmp_path / "weights.safetensors")),
    ):
        assert same_bits(random_variables(MODEL), found.variables) == []


@pytest.mark.jax
def test_run_directories(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "nnspec: 1\nmodel: {layers: [{Dense: 6}, relu, {Dense: 10}]}\nloss: SoftmaxCrossEntropy\n"
        "data: {sklearn: digits, standardize: true}\ntraining: {epochs: 1, batch_size: 512}\n"
    )
    run = nnspec.train(spec, backend="jax", out=tmp_path / "run", progress=False)
    found = DirectoryImporter().from_file(tmp_path / "run", Reading())
    assert found.model == run.experiment.model and "inputs were standardized in training" in found.notes[0]
    trained = run.net.variables()
    assert same_bits({name: trained[name] for name in found.model.params()}, found.variables) == []
    last = tmp_path / "run" / "checkpoints" / "last.safetensors"
    resumed = DirectoryImporter().from_file(tmp_path / "run", Reading(weights=last)).optimizer
    assert resumed is not None and "optimizer/step" in resumed.variables


def write(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"{", b""),
        (b"[1, 2]", b""),
        ({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 8),
        ({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}}, b"\0" * 8),
        ({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}, b"\0" * 8),
        ({"a": {"dtype": "X9", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8),
        ({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, b"\0" * 8),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}, b"\0" * 8),
    ],
)
def test_files_that_are_none(tmp_path: Path, header: Any, data: bytes) -> None:
    with pytest.raises(FileError, match=r"bad\.safetensors is damaged"):
        read_file(write(tmp_path / "bad.safetensors", header, data))


def test_other_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no file"):
        read_file(tmp_path / "none.safetensors")
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04\x95" + b"x" * 100)
    with pytest.raises(FileError, match="damaged"):
        read_file(tmp_path / "pickle.safetensors")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"a": "../elsewhere.safetensors"}, "files stand beside the index"),
        ({"a": "/etc/passwd"}, "files stand beside the index"),
        ({"a": "missing.safetensors"}, "there is no file"),
        ({"a": 7}, "is not an index"),
        ({"a": "one.safetensors", "b": "one.safetensors"}, "does not hold it"),
    ],
)
def test_indices_that_are_wrong(tmp_path: Path, where: Any, message: str) -> None:
    save_file({"a": np.ones(2)}, tmp_path / "one.safetensors")
    (tmp_path / "variables.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    with pytest.raises(FileError, match=message):
        read_shards(tmp_path)


def test_variables_that_do_not_fit(tmp_path: Path) -> None:
    held = random_variables(MODEL)
    importer = DirectoryImporter()
    for change, message in (
        ({"dense/bias": np.zeros(7, np.float32)}, r"'dense/bias' has shape \[7\] instead of \[6\]"),
        ({"dense/extra": np.zeros(7, np.float32)}, "the model has no variable 'dense/extra'"),
    ):
        save_file({**held, **change}, tmp_path / "w.safetensors")
        with pytest.raises(FileError, match=message):
            importer.from_object(MODEL, Reading(weights=tmp_path / "w.safetensors"))
    save_file({n: v for n, v in held.items() if n != "dense/bias"}, tmp_path / "w.safetensors")
    with pytest.raises(FileError, match="lacks the variable 'dense/bias'"):
        importer.from_object(MODEL, Reading(weights=tmp_path / "w.safetensors"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/spec.yaml").write_text("nnspec: 1\nmodel: {input: [4], layers: [{Dense: 6}]}\n")
    with pytest.raises(FileError, match="holds no variables"):
        importer.from_file(tmp_path / "empty", Reading())
