"""Records that are damaged, forged or of another time: one line that names the file, and nothing else happens."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnspec import variables
from nnspec.errors import FileError
from nnspec_conformance import record

KEPT = Path(__file__).parent / "data/record-1"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the record that later versions must be able to read."""
    return Path(shutil.copytree(KEPT, tmp_path / "record"))


def everything(directory: Path) -> int:
    """Read all there is; how many tests were found."""
    found = record.items(record.read(directory), "jax")
    for item in found:
        _ = item.held.tensors  # type: ignore[attr-defined]
    return len(found)


def refusal(directory: Path) -> str:
    """The line with which a record is refused."""
    with pytest.raises(FileError) as caught:
        everything(directory)
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    data = json.loads(path.read_text())
    path.write_text(json.dumps(change(data) or data))


def forge(directory: Path, name: str, content: bytes) -> None:
    """Replace a file of the record and what the manifest says of it."""
    (directory / name).write_bytes(content)
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    edit(directory / "manifest.json", lambda m: m["files"].update({name: entry}))


def forge_page(directory: Path, change: Callable[[Any], Any], name: str = "linear-float64.json") -> None:
    data = json.loads((directory / name).read_text())
    forge(directory, name, json.dumps(change(data) or data).encode())


def forge_tensors(directory: Path, change: Callable[[dict[str, Any]], None], name: str) -> None:
    tensors, _ = variables.load(directory / name)
    change(tensors)
    forge(directory, name, variables.dumps(tensors))


def test_kept_record_is_read(directory: Path) -> None:
    found = record.read(directory)
    assert found.manifest.backend == "tensorflow" and found.manifest.dtypes == ["float64", "float32"]
    ids = [item.id for item in record.items(found, "jax")]
    assert len(ids) == 20 == everything(directory)
    assert "jax-float64-dropout-recorded masks-Dropout-rate=0.3" in ids
    assert "jax-float32-optimizers-recorded optimizer-SGD-learning_rate=0.1-clip value 0.8" in ids


def test_tests_are_chosen_by_dtype_and_id(directory: Path) -> None:
    found = record.read(directory)
    assert {item.dtype for item in record.items(found, "jax", ["float32"])} == {"float32"}
    assert [i.check.name for i in record.items(found, "jax", matches=lambda name: "words" in name)] == [
        "recorded words"
    ]
    with pytest.raises(FileError, match="holds no answers in float16: it holds float64, float32"):
        record.items(found, "jax", ["float16"])


def test_no_record(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == f"there is no directory {tmp_path / 'none'}"
    assert refusal(tmp_path) == f"{tmp_path} holds no record: there is no manifest.json"


def test_an_interrupted_recording_is_recognized(directory: Path) -> None:
    (directory / "manifest.json").unlink()
    (directory / "unfinished.json").write_text('{"nnspec_record": 1}')
    assert "was interrupted before its end: record again" in refusal(directory)


@pytest.mark.parametrize("name", ["manifest.json", "linear-float64.json"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b'{"nnspec_record": 1, ', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no part of a record"),
        (b"{}", "no part of a record"),
        (b'{"nnspec_record": true}', "a whole number from 1, got 'True'"),
        (b'{"nnspec_record": 0}', "a whole number from 1, got '0'"),
        (b'{"nnspec_record": 2}', "is of format 2; this is nnspec"),
        (b'{"nnspec_record": 1}', "no valid part of a record"),
    ],
)
def test_json_that_is_no_part_of_a_record(directory: Path, name: str, content: bytes, said: str) -> None:
    if name == "manifest.json":
        (directory / name).write_bytes(content)
    else:
        forge(directory, name, content)
    message = refusal(directory)
    assert name in message and said in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.pop("backend"), "backend: Field required"),
        (lambda m: m.update(more=1), "more: Unexpected keyword argument"),
        (lambda m: m.update(backend=1), "backend: Input should be a valid string"),
        (
            lambda m: m["families"][0].update(answers=-1),
            "families.0.answers: Input should be greater than or equal to 0",
        ),
        (lambda m: m["families"][0].update(dtype="float128"), "families.0.dtype"),
        (lambda m: m["files"]["linear-float64.json"].update(bytes="1"), "bytes: Input should be a valid integer"),
        (lambda m: m["files"]["linear-float64.json"].update(sha256="0"), "sha256: String should match pattern"),
        (lambda m: m["files"].pop("linear-float64.json"), "linear-float64.json stands in no list of files"),
        (
            lambda m: m["families"][0].update(questions="dropout-float64.json"),
            "is about dropout in float64, not linear",
        ),
    ],
)
def test_manifest_with_a_mistake(directory: Path, change: Callable[[Any], Any], said: str) -> None:
    edit(directory / "manifest.json", lambda m: change(m) and None)
    assert said in refusal(directory)


@pytest.mark.parametrize(
    "name", ["../secret-float64.json", "/etc/passwd", "a/b-float64.json", "..", "x-float64.json\n"]
)
def test_names_lead_nowhere_else(directory: Path, name: str) -> None:
    (directory.parent / "secret-float64.json").write_text("{}")
    edit(directory / "manifest.json", lambda m: m["families"][0].update(questions=name))
    assert "String should match pattern" in refusal(directory)
    shutil.copy(KEPT / "manifest.json", directory)
    edit(directory / "manifest.json", lambda m: m["files"].update({name: m["files"].popitem()[1]}))
    assert "String should match pattern" in refusal(directory)


def test_links_are_not_followed(directory: Path) -> None:
    outside = directory.parent / "elsewhere.json"
    shutil.move(directory / "linear-float64.json", outside)
    (directory / "linear-float64.json").symlink_to(outside)
    assert "is a link" in refusal(directory)


def test_only_plain_files_are_opened(directory: Path) -> None:
    (directory / "linear-float64.json").unlink()
    assert "there is no file" in refusal(directory)
    os.mkfifo(directory / "linear-float64.json")  # would never end
    assert "there is no file" in refusal(directory)


@pytest.mark.parametrize("name", ["linear-float64.json", "linear-float64.safetensors"])
def test_content_is_what_was_recorded(directory: Path, name: str) -> None:
    content = (directory / name).read_bytes()
    for changed, said in (
        (content[:-1], f"has {len(content) - 1} bytes, and the manifest says {len(content)}"),
        (content + b" ", "it was cut or changed"),
        (bytes([content[0] ^ 1]) + content[1:], "its SHA-256 is not the manifest's"),
    ):
        (directory / name).write_bytes(changed)
        message = refusal(directory)
        assert name in message and said in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p["cases"][0]["answers"][0].update(limit=float("nan")), "limit: Input should be a finite number"),
        (lambda p: p["cases"][0]["answers"][0].update(limit=-1.0), "limit: Input should be greater than or equal to 0"),
        (lambda p: p["cases"][0]["answers"][0].update(rule="close"), "rule: Input should be"),
        (lambda p: p["cases"][0]["answers"][0].update(value="0/none"), "holds no tensor '0/none' of this case"),
        (lambda p: p["cases"][0]["answers"][0].update(value="7/none"), "holds no tensor '7/none' of this case"),
        (lambda p: p["cases"][0]["answers"][0].update(point="nowhere"), "the unknown point 'nowhere'"),
        (lambda p: p["cases"][0]["points"].append("kinks"), "the random streams of the point 'kinks' are missing"),
        (lambda p: p["cases"][0].update(kind="run"), "kind: Input should be"),
        (lambda p: p["cases"][0]["specs"].update(code="print()"), "unknown spec 'code'"),
        (lambda p: p["cases"][0]["specs"].clear(), "the spec 'model' is missing"),
        (lambda p: p["cases"][0]["specs"].update(model="relu"), "the model is a ReLU"),
        (lambda p: p["cases"][0]["specs"].update(model={"os.system": "ls"}), "unknown layer 'os.system'"),
        (lambda p: p["cases"][0]["specs"].update(model=7), "model: expected a layer"),
        (lambda p: p["cases"].clear(), "holds other cases than manifest.json says"),
    ],
)
def test_page_with_a_mistake(directory: Path, change: Callable[[Any], Any], said: str) -> None:
    forge_page(directory, lambda p: change(p) and None)
    message = refusal(directory)
    assert "linear-float64" in message and said in message


def test_a_model_is_not_larger_than_its_tensors(directory: Path) -> None:
    def grow(page: Any) -> None:
        (node,) = page["cases"][0]["specs"]["model"]["Model"]["nodes"].values()
        node["layer"]["Dense"]["features"] = 10**9

    forge_page(directory, grow)
    assert "more than 20,000,000 parameters" in refusal(directory)


def test_words_are_as_many_as_recorded(directory: Path) -> None:
    forge_page(directory, lambda p: p["cases"][0]["options"].update(count=10**7), "random-float64.json")
    assert "the words are not as many as the option 'count' says" in refusal(directory)
    forge_page(directory, lambda p: p["cases"][0]["options"].update(count=10**12), "random-float64.json")
    assert "count is a whole number from 0 up to 20000000" in refusal(directory)


@pytest.mark.parametrize("name", ["linear-float64", "training-float64"])
def test_variables_are_those_of_the_model(directory: Path, name: str) -> None:
    def cut(tensors: dict[str, Any]) -> None:
        kernel = next(n for n in tensors if ("/variables/" in n or "/start/" in n) and n.endswith("kernel"))
        tensors[kernel] = tensors[kernel][:-1]

    forge_tensors(directory, cut, f"{name}.safetensors")
    assert "kernel' is" in refusal(directory)


def test_every_tensor_belongs_to_a_case(directory: Path) -> None:
    forge_tensors(directory, lambda t: t.update({"9/more": np.ones(2)}), "linear-float64.safetensors")
    assert "the tensor '9/more' belongs to no case" in refusal(directory)


def test_inputs_are_those_of_the_model(directory: Path) -> None:
    def rename(tensors: dict[str, Any]) -> None:
        name = next(n for n in tensors if "/inputs/" in n)
        tensors[f"{name}_2"] = tensors.pop(name)

    forge_tensors(directory, rename, "linear-float64.safetensors")
    assert "the inputs of the point 'draw 0' are not the model's" in refusal(directory)


def test_pickles_are_not_opened(directory: Path) -> None:
    forge(directory, "linear-float64.safetensors", pickle.dumps({"0/x": np.ones(3)}))
    assert "is a pickle, which nnspec does not open" in refusal(directory)


def test_damaged_tensors_with_a_right_hash(directory: Path) -> None:
    content = (directory / "linear-float64.safetensors").read_bytes()
    forge(directory, "linear-float64.safetensors", content[: len(content) // 2])
    assert "is damaged, cut off" in refusal(directory)
