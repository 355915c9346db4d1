"""Files of variables: every layout and dtype comes back, and nothing else is opened."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from nnspec import variables
from nnspec.errors import FileError

_BASE = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)
LAYOUTS: dict[str, Any] = {
    "transposed": _BASE[0].T,
    "axes moved": np.moveaxis(_BASE, 0, -1),
    "reversed": _BASE[::-1, :, ::-1],
    "strided": _BASE[::2, 1::3],
    "column-major": np.asfortranarray(_BASE),
    "broadcast": np.broadcast_to(_BASE[0, 0], (3, 5)),
    "big-endian": _BASE.astype(">f4"),
    "0-d": np.array(2.5),
    "0-d view": _BASE[1, 2, 3, ...],
    "empty": np.zeros((0, 3), np.float64),
    "bfloat16": _BASE.astype(ml_dtypes.bfloat16),
    "bfloat16 transposed": _BASE[0].astype(ml_dtypes.bfloat16).T,
    "float16 reversed": _BASE[0, 0].astype(np.float16)[::-1],
    "bool strided": (_BASE > 0)[:, ::2],
    "uint32": np.array([2**32 - 1, 7], np.uint32),
    "int64": np.array(-(2**63)),
    "uint64": np.array(2**64 - 1, np.uint64),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_come_back(tmp_path: Path, layout: str) -> None:
    value = LAYOUTS[layout]
    expected = np.array(value.tolist(), value.dtype.newbyteorder("=")).reshape(value.shape)
    variables.save(tmp_path / "v.safetensors", {"dense/kernel": value, "other": np.arange(3)}, {"epoch": "7"})
    found, metadata = variables.load(tmp_path / "v.safetensors")
    assert list(found) == ["dense/kernel", "other"]
    assert metadata == {"epoch": "7"}
    read = found["dense/kernel"]
    assert read.dtype == expected.dtype and read.shape == value.shape
    assert read.tobytes() == expected.tobytes()
    assert read.flags.writeable


@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int32, np.bool_]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0),
    ),
    st.data(),
)
def test_any_view_comes_back(array: np.ndarray[Any, Any], data: st.DataObject) -> None:
    view = array.transpose(data.draw(st.permutations(range(array.ndim))))
    if view.ndim:
        view = view[data.draw(hnp.basic_indices(view.shape, allow_newaxis=True, allow_ellipsis=True))]
    read = variables.loads(variables.dumps({"v": view}), "memory")[0]["v"]
    np.testing.assert_array_equal(read, view, strict=True)


def test_the_format_is_safetensors(tmp_path: Path) -> None:
    """By hand from the format's description: header length, JSON header, the numbers in row-major order."""
    variables.save(tmp_path / "v", {"w": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32).T})
    raw = (tmp_path / "v").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    assert header["__metadata__"] == {"nnspec": "1"}
    assert header["w"] == {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    assert raw[8 + size :] == np.array([1.0, 3.0, 2.0, 4.0], "<f4").tobytes()


def _file(header: object, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


_GOOD = variables.dumps({"w": np.arange(9.0)})
BAD = {
    "empty": (b"", "damaged"),
    "text": (b"nnspec: 1\nmodel: []\n", "damaged"),
    "cut off": (_GOOD[:-3], "damaged, cut off"),
    "cut in the header": (_GOOD[:20], "damaged, cut off"),
    "too long": (_GOOD + b"\0", "damaged"),
    "huge header": (b"\xff" * 8 + b"{}", "damaged"),
    "pickle": (pickle.dumps({"w": 1}), "is a pickle, which nnspec does not open"),
    "zip": (b"PK\x03\x04rest", "zip archive"),
    "shape too large": (
        _file({"w": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, b"\0" * 4),
        "damaged",
    ),
    "no version": (_file({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4), "not written by"),
    "newer": (_file({"__metadata__": {"nnspec": "9"}}), "of format 9; this is nnspec .* upgrade"),
    "float8": (
        _file(
            {
                "__metadata__": {"nnspec": "1"},
                "w": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]},
            },
            b"\0" * 4,
        ),
        "unknown dtype F8_E4M3",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_other_files_are_refused(tmp_path: Path, kind: str) -> None:
    content, message = BAD[kind]
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(FileError, match=message) as caught:
        variables.load(tmp_path / "v")
    assert str(tmp_path / "v") in str(caught.value)


def test_no_file_and_a_directory(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no file"):
        variables.load(tmp_path / "v")
    with pytest.raises(FileError, match="directory"):
        variables.load(tmp_path)


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([1j]), np.array([None]), np.array(0, "M8[s]")])
def test_other_dtypes_are_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(FileError, match="dense/kernel is of dtype"):
        variables.save(tmp_path / "v", {"dense/kernel": value})
    assert os.listdir(tmp_path) == []


def test_a_header_whose_length_looks_like_another_kind_of_file_is_read(tmp_path: Path) -> None:
    """Headers are padded to multiples of 8: one of them is 128 bytes longer than a multiple of 256."""
    path = tmp_path / "v.safetensors"
    firsts = set()
    for length in range(1, 280):
        name = "w" * length
        variables.save(path, {name: np.arange(3.0)})
        firsts.add(path.read_bytes()[:1])
        assert variables.load(path)[0][name].tolist() == [0, 1, 2]
    assert b"\x80" in firsts, "as a pickle begins"
