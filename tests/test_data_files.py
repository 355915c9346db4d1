"""Data from scikit-learn and from files: read as they are named, refused with file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.preprocessing import OneHotEncoder

import nnspec as nn
from nnspec.errors import DataError, FileError, NNSpecError, ShapeError
from nnspec.experiment import SKLEARN, Data
from nnspec.random import permutation
from nnspec.training.data import load, read_inputs
from nnspec.training.raw import from_sklearn
from tests.rows import CLASSES, IDS, NAN, VALUES, X, chain


def test_no_data() -> None:
    with pytest.raises(DataError, match="the spec names no data: add data:"):
        load(None, model=chain(3), loss=CLASSES, seed=0)


# -- scikit-learn's sets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SKLEARN)
def test_what_is_known_of_scikit_learns_sets_is_true(name: str) -> None:
    raw, known = from_sklearn(name, ["x"], ["y"]), SKLEARN[name]
    assert raw.inputs["x"].shape == (known.rows, known.features)
    classes = raw.targets["y"].classes
    assert (None if classes is None else len(classes)) == known.classes
    assert raw.columns is not None and len(raw.columns["x"]) == known.features


def test_digits() -> None:
    found = load(Data(sklearn="digits", validation_split=0.15), model=chain(10), loss=CLASSES, seed=5)
    x, y = load_digits(return_X_y=True)
    assert found.classes == tuple(range(10)) and found.feature_names is not None
    order = permutation(5, "split", 0, 1797)
    for split, rows in (("train", order[:-270]), ("validation", order[-270:])):
        rows = np.sort(rows)
        np.testing.assert_array_equal(found.splits[split]["input"], x[rows].astype(np.float32), strict=True)
        np.testing.assert_array_equal(found.splits[split]["targets"], y[rows].astype(np.int32), strict=True)


def test_iris_keeps_the_names_of_its_classes() -> None:
    found = load(Data(sklearn="iris", one_hot=True), model=chain(3), loss=nn.BinaryCrossEntropy(), seed=0)
    _, y = load_iris(return_X_y=True)
    assert found.classes == ("setosa", "versicolor", "virginica")
    expected = OneHotEncoder(sparse_output=False).fit_transform(y[:, None])
    np.testing.assert_array_equal(found.splits["train"]["targets"], expected.astype(np.float32), strict=True)
    assert set(found.splits) == {"train"}


def test_diabetes_in_float64() -> None:
    found = load(Data(sklearn="diabetes"), model=chain(1), loss=VALUES, seed=0, dtype="float64")
    x, y = load_diabetes(return_X_y=True)
    np.testing.assert_array_equal(found.splits["train"]["targets"], y[:, None], strict=True)
    np.testing.assert_array_equal(found.splits["train"]["input"], x, strict=True)
    assert found.classes is None and found.feature_names is not None and found.feature_names[0] == "age"


def test_folded_into_images() -> None:
    model = nn.Sequential(["Flatten", nn.Dense(10)], [8, 8, 1])
    found = load(Data(sklearn="digits", standardize=True), model=model, loss=CLASSES, seed=0)
    assert found.splits["train"]["input"].shape == (1797, 8, 8, 1)
    assert found.standardization["input"].mean.shape == (8, 8, 1)


# -- csv --------------------------------------------------------------------------------------------------------------

TABLE = """\
height,kind,width,weight
1.5,cat,2,1
-2e3,dog,0.5,2
.25,"cat",7,1

0,bird,1,0.5
"""


def csv(tmp_path: Path, text: str = TABLE, *, outputs: int = 3, loss: Any = CLASSES, **fields: Any) -> Any:
    (tmp_path / "t.csv").write_text(text)
    data = Data(csv="t.csv", **{"target": "kind", **fields})
    return load(data, model=chain(outputs), loss=loss, seed=0, dtype="float64", base_dir=tmp_path)


def test_a_table(tmp_path: Path) -> None:
    found = csv(tmp_path, weights="weight")
    np.testing.assert_array_equal(found.splits["train"]["input"], [[1.5, 2], [-2000, 0.5], [0.25, 7], [0, 1]])
    np.testing.assert_array_equal(found.splits["train"]["targets"], np.array([1, 2, 1, 0], np.int32), strict=True)
    np.testing.assert_array_equal(found.splits["train"]["weights"], [1, 2, 1, 0.5])
    assert found.classes == ("bird", "cat", "dog") and found.feature_names == ("height", "width")


def test_chosen_columns(tmp_path: Path) -> None:
    found = csv(tmp_path, inputs=["width", "height"])
    assert found.feature_names == ("width", "height")
    np.testing.assert_array_equal(found.splits["train"]["input"][0], [2, 1.5])
    assert csv(tmp_path, inputs="width").splits["train"]["input"].shape == (4, 1)


def test_numbers_as_classes(tmp_path: Path) -> None:
    text = "x,y\n1,30\n2,4\n3,30\n4,5\n"
    found = csv(tmp_path, text, target="y")
    assert found.classes == (4, 5, 30)
    np.testing.assert_array_equal(found.splits["train"]["targets"], [2, 0, 2, 1])


def test_values_to_predict(tmp_path: Path) -> None:
    found = csv(tmp_path, "x,y,z\n1,30,0.5\n2,4,1\n", target="y", loss=VALUES, outputs=1)
    np.testing.assert_array_equal(found.splits["train"]["targets"], [[30.0], [4.0]])
    both = csv(tmp_path, "x,y,z\n1,30,0.5\n2,4,1\n", target=["y", "z"], loss=VALUES, outputs=2)
    np.testing.assert_array_equal(both.splits["train"]["targets"], [[30.0, 0.5], [4.0, 1.0]])
    assert both.feature_names == ("x",)


def test_two_texts_for_one_output(tmp_path: Path) -> None:
    found = csv(tmp_path, "x,y\n1,no\n2,yes\n3,no\n", target="y", loss=nn.BinaryCrossEntropy(), outputs=1)
    np.testing.assert_array_equal(found.splits["train"]["targets"], [[0.0], [1.0], [0.0]])
    assert found.classes == ("no", "yes")


def test_a_file_of_validation_rows(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("width,kind,height,weight\n5,dog,6,1\n")
    found = csv(tmp_path, validation="v.csv", inputs=["height", "width"])
    np.testing.assert_array_equal(found.splits["validation"]["input"], [[6, 5]])
    np.testing.assert_array_equal(found.splits["validation"]["targets"], [2])


def test_columns_for_several_inputs(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    a, b = nn.symbol(name="a"), nn.symbol(name="b")
    model = nn.Model(inputs=[a, b], outputs=nn.Dense(3)(nn.Concat()(a, b)))
    data = Data(csv="t.csv", target="kind", inputs={"b": ["weight", "width"], "a": "height"})
    found = load(data, model=model, loss=CLASSES, seed=0, base_dir=tmp_path)
    assert found.splits["train"]["b"].shape == (4, 2) and found.feature_names == ("height", "weight", "width")
    with pytest.raises(DataError, match=r"the model has 2 inputs: data.inputs says which columns make a, b"):
        load(Data(csv="t.csv", target="kind"), model=model, loss=CLASSES, seed=0, base_dir=tmp_path)


@pytest.mark.parametrize(
    ("text", "fields", "message"),
    [
        (
            TABLE,
            {"target": "kinds"},
            r"t.csv has no target column 'kinds'; did you mean 'kind'\? \(columns: height, kind",
        ),
        (TABLE, {"inputs": ["heigth"]}, "no column 'heigth'; did you mean 'height'"),
        (TABLE, {"weights": "w"}, "no column of weights 'w'"),
        (TABLE, {"inputs": {"x": ["height"]}}, "the model has no input 'x'"),
        (
            TABLE,
            {"target": "width"},
            "t.csv:2: column 'kind' holds 'cat', not a number: name the columns to use in data",
        ),
        (TABLE, {"outputs": 2}, r"the target has 3 classes \(bird, cat, dog\), the model has 2 outputs"),
        (
            TABLE,
            {"loss": VALUES, "outputs": 1},
            r"the targets are 3 classes \(bird, cat, dog\): for classes set one_hot",
        ),
        (TABLE.replace("7,1", ",1"), {}, "t.csv:4: column 'width' has no value: fill it in or leave the row out"),
        (TABLE.replace("0,bird", "NA,bird"), {}, "t.csv:6: column 'height' has no value"),
        (TABLE.replace("0,bird", "nan,bird"), {}, "t.csv:6: column 'height' has no value"),
        (TABLE.replace("0,bird", "inf,bird"), {}, "t.csv:6, column 'height': the input 'input' is inf"),
        (TABLE.replace("0,bird", "1_0,bird"), {}, "t.csv:6: column 'height' holds '1_0', not a number"),
        (TABLE.replace("dog", ""), {}, "t.csv:3: column 'kind' has no value"),
        (TABLE.replace("0,bird,1,0.5", "0,bird,1"), {}, "t.csv:6: 3 values in a table of 4 columns"),
        ("x,y\n1,2\n3,\n", {"target": "y", "loss": VALUES, "outputs": 1}, "t.csv:3: column 'y' has no value"),
        ("", {}, "t.csv is empty"),
        ("height,kind\n", {}, "has no rows below its header"),
        ("a,a,kind\n1,2,x\n", {}, "two columns are called 'a'"),
        ("a;kind\n1;x\n", {}, "separated by semicolons; nnspec reads commas"),
        ("kind\nx\n", {}, "has no columns beside its target"),
        ('a,kind\n"1,x\n', {}, "t.csv:[0-9]: not valid CSV"),
        ("a,kind\n1,x\n" + "2" * 200_000 + ",y\n", {}, "not valid CSV: field larger"),
    ],
)
def test_refused_tables(tmp_path: Path, text: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises((DataError, FileError), match=message):
        csv(tmp_path, text, **fields)


def test_refused_files(tmp_path: Path) -> None:
    data = Data(csv="t.csv", target="kind")
    with pytest.raises(FileError, match=r"there is no file .*t.csv"):
        load(data, model=chain(3), loss=CLASSES, seed=0, base_dir=tmp_path)
    (tmp_path / "t.csv").write_bytes(b"a,kind\n\xe9,x\n")
    with pytest.raises(FileError, match=r"not UTF-8 text .byte 0xe9."):
        load(data, model=chain(3), loss=CLASSES, seed=0, base_dir=tmp_path)
    (tmp_path / "t.csv").unlink()
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(FileError, match="cannot be read: it is a directory"):
        load(data, model=chain(3), loss=CLASSES, seed=0, base_dir=tmp_path)


# -- npz --------------------------------------------------------------------------------------------------------------


def npz(tmp_path: Path, held: dict[str, Any], **fields: Any) -> Any:
    np.savez(tmp_path / "a.npz", **held)
    return load(Data(npz="a.npz", **fields), model=chain(3), loss=CLASSES, seed=0, base_dir=tmp_path)


@pytest.mark.parametrize(
    ("held", "fields"),
    [
        ({"input": X, "targets": IDS}, {}),
        ({"images": X, "targets": IDS}, {}),
        ({"images": X, "labels": IDS}, {"target": "labels"}),
        ({"images": X, "other": IDS, "labels": IDS}, {"target": "labels", "inputs": "images"}),
        ({"images": X, "labels": IDS}, {"target": "labels", "inputs": {"input": "images"}}),
    ],
)
def test_arrays_of_a_file(tmp_path: Path, held: dict[str, Any], fields: dict[str, Any]) -> None:
    found = npz(tmp_path, held, **fields).splits["train"]
    np.testing.assert_array_equal(found["input"], X.astype(np.float32))
    np.testing.assert_array_equal(found["targets"], IDS)


@pytest.mark.parametrize(
    ("held", "fields", "message"),
    [
        ({"x": X, "y": IDS}, {}, r"a.npz holds no array 'targets' \(arrays: x, y\)"),
        ({"x": X, "targets": IDS, "z": X}, {}, "holds no array 'input'"),
        ({"x": X, "targets": IDS}, {"inputs": "xs"}, "holds no array 'xs'; did you mean 'x'"),
        ({"x": X, "targets": IDS}, {"weights": "w"}, "holds no array 'w'"),
        ({"x": X, "targets": IDS}, {"inputs": ["x"]}, "is the name of an array, or a mapping"),
        ({"x": X.astype(object), "targets": IDS}, {}, "holds Python objects .* which nnspec does not load"),
        ({"x": NAN, "targets": IDS}, {}, "row 7, column 2: the input 'input' is nan"),
    ],
)
def test_refused_arrays(tmp_path: Path, held: dict[str, Any], fields: dict[str, Any], message: str) -> None:
    with pytest.raises((DataError, FileError), match=message):
        npz(tmp_path, held, **fields)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged or no NumPy file|holds Python objects"),
        (b"PK\x03\x04 cut off", "is damaged or no NumPy file"),
        (b"\x80\x04\x95pickle", "holds Python objects .or is no NumPy file., which nnspec does not load"),
        (b"text", "holds Python objects .or is no NumPy file."),
        (
            b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000,), }",
            "damaged",
        ),
    ],
)
def test_refused_archives(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(FileError, match=message):
        load(Data(npz="a.npz"), model=chain(3), loss=CLASSES, seed=0, base_dir=tmp_path)


# -- rows to predict --------------------------------------------------------------------------------------------------


def test_inputs_from_files(tmp_path: Path) -> None:
    model = chain(3, 4)
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "x.npz", anything=X)
    header = "d,c,extra,b,a"
    rows = "\n".join(f"{d!r},{c!r},text,{b!r},{a!r}" for a, b, c, d in X.tolist())
    (tmp_path / "x.csv").write_text(f"{header}\n{rows}\n")
    for name in ("x.npy", "x.npz", "x.csv"):
        found = read_inputs(tmp_path / name, model, ("a", "b", "c", "d"))
        assert list(found) == ["input"]
        np.testing.assert_array_equal(found["input"], X)


@pytest.mark.parametrize(
    ("name", "content", "names", "message"),
    [
        ("x.csv", "a,b\n1,2\n", ("a", "c"), "has no column 'c'"),
        ("x.csv", "a,b\n1,z\n", ("a", "b"), "x.csv:2: column 'b' holds 'z', not a number"),
        ("x.csv", "a,b\n1,2\n", None, "trained on arrays without column names: give a .npy or .npz file"),
        ("x.txt", "1 2", None, "inputs come from .npy, .npz or .csv files"),
        ("missing.npy", None, None, "there is no file"),
        ("x.npy", "text", None, "no NumPy file"),
    ],
)
def test_refused_inputs(tmp_path: Path, name: str, content: str | None, names: Any, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(NNSpecError, match=message):
        read_inputs(tmp_path / name, chain(3, 2), names)


def test_inputs_that_do_not_fit(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ShapeError, match=r"input: the input has shape \[5\], got \[4\]"):
        read_inputs(tmp_path / "x.npy", chain(3, 5))
    np.save(tmp_path / "x.npy", NAN)
    with pytest.raises(DataError, match="row 7, column 2"):
        read_inputs(tmp_path / "x.npy", chain(3, 4))
    np.save(tmp_path / "x.npy", X[:0])
    with pytest.raises(DataError, match="has no rows"):
        read_inputs(tmp_path / "x.npy", chain(3, 4))
