"""Data with targets and weights by output: in memory, in tables and in arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import DataError, ShapeError
from nnspec.experiment import Data
from nnspec.training.data import Dataset, from_arrays, load
from tests.heads import DIGIT, SIZE, WEIGHTS, X, heads, losses

Y = {"digit": DIGIT, "size": SIZE}


def arrays(data: Any, loss: Any = None, model: Any = None, **options: Any) -> Dataset:
    return from_arrays(data, model=model or heads(), loss=loss or losses(), seed=0, **options)


def test_targets_by_output() -> None:
    found = arrays((X, Y))
    train = found.splits["train"]
    assert list(train) == ["x", "targets/digit", "targets/size"] and found.rows("train") == 13
    np.testing.assert_array_equal(train["targets/digit"], DIGIT.astype(np.int32), strict=True)
    np.testing.assert_array_equal(train["targets/size"], SIZE.astype(np.float32), strict=True)
    assert found.classes == {"digit": (0, 1, 2)}
    same = arrays({"x": X, "targets": Y}).splits["train"]
    assert all(np.array_equal(same[name], value) for name, value in train.items())


def test_weights_of_all_outputs_or_of_each() -> None:
    every = arrays((X, Y, WEIGHTS)).splits["train"]
    np.testing.assert_array_equal(every["weights"], WEIGHTS.astype(np.float32), strict=True)
    assert "weights/digit" not in every
    own = arrays((X, Y, {"size": np.stack([WEIGHTS, WEIGHTS], 1)})).splits["train"]
    assert own["weights/size"].shape == (13, 2) and not {"weights", "weights/digit"} & set(own)


def test_names_of_classes_by_output() -> None:
    names = np.array(["ant", "bee", "cat"])[DIGIT]
    found = arrays((X, {"digit": names, "size": SIZE}), validation=(X[:3], {"digit": names[:3], "size": SIZE[:3]}))
    assert found.classes == {"digit": ("ant", "bee", "cat")}
    np.testing.assert_array_equal(found.splits["validation"]["targets/digit"], DIGIT[:3])


def test_one_hot_by_output() -> None:
    loss = losses(digit=nn.BinaryCrossEntropy())
    found = arrays((X, Y), loss, one_hot=["digit"])
    np.testing.assert_array_equal(found.splits["train"]["targets/digit"], np.eye(3, dtype=np.float32)[DIGIT])
    assert found.classes == {"digit": (0, 1, 2)}


def test_rows_stay_together_when_they_are_split() -> None:
    y = {"digit": DIGIT, "size": X[:, :2]}
    found = arrays((X, y, X[:, 0] + 5), validation_split=0.4, dtype="float64")
    for rows in found.splits.values():
        np.testing.assert_array_equal(rows["targets/size"], rows["x"][:, :2])
        np.testing.assert_array_equal(rows["weights"], rows["x"][:, 0] + 5)
    assert found.rows("train") == 8 and found.rows("validation") == 5


def test_several_losses_of_one_output_share_its_targets() -> None:
    model = nn.Sequential([nn.Dense(2, name="mask")], [4])
    y = (SIZE > 0).astype(np.float64)
    both = nn.Losses({"mask": ["Dice", "BinaryCrossEntropy"]})
    for targets in (y, {"mask": y}):
        found = arrays((X, targets), both, model).splits["train"]
        np.testing.assert_array_equal(found["targets/mask"], y.astype(np.float32), strict=True)
    with pytest.raises(DataError, match=r"the output 'mask': row 0: BinaryCrossEntropy takes targets between 0 and 1"):
        arrays((X, y + 2), nn.Losses({"mask": ["MeanSquaredError", "BinaryCrossEntropy"]}), model)
    other = nn.Losses({"mask": ["SoftmaxCrossEntropy", "Dice"]})
    with pytest.raises((DataError, ShapeError), match="the output 'mask': "):
        arrays((X, DIGIT % 2), other, model)
    found = arrays((X, DIGIT % 2), other, model, one_hot=True).splits["train"]
    np.testing.assert_array_equal(found["targets/mask"], np.eye(2, dtype=np.float32)[DIGIT % 2])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, DIGIT), "targets are by output: give a mapping with digit, size"),
        ((X, {"digit": DIGIT}), r"targets of the output 'size' are missing \(given: digit\)"),
        ((X, {**Y, "sizes": SIZE}), "targets of 'sizes', which is no output with a loss; did you mean 'size'"),
        ((X, Y, {"sizes": WEIGHTS}), "weights of 'sizes', which is no output with a loss; did you mean 'size'"),
        ((X, {**Y, "size": SIZE[:5]}), "different lengths: x 13, targets/digit 13, targets/size 5"),
        ((X, {**Y, "digit": DIGIT + 1}), "the output 'digit': row 2: the class id 3 is out of range: the model has 3"),
        ((X, {**Y, "size": SIZE[:, :1]}), "the output 'size': targets of shape .* do not fit outputs of shape"),
        ((X, Y, {"size": -WEIGHTS}), "the output 'size': row 0: weights are at least 0"),
        ((X, Y, np.ones((13, 2))), "the output 'digit': weights weigh an example or a position"),
    ],
)
def test_what_is_refused(data: Any, message: str) -> None:
    with pytest.raises((DataError, ShapeError), match=message):
        arrays(data)


TABLE = "a,b,c,d,kind,width,height,w\n" + "".join(
    f"{i},{i + 1},{i % 3},1,{('cat', 'ant', 'bee')[i % 3]},{i / 2},{-i},{1 + i % 2}\n" for i in range(6)
)


def table(tmp_path: Path, **fields: Any) -> Dataset:
    (tmp_path / "t.csv").write_text(TABLE)
    data = Data(csv="t.csv", **{"target": {"digit": "kind", "size": ["width", "height"]}, **fields})
    return load(data, model=heads(shape=False), loss=losses(), seed=0, dtype="float64", base_dir=tmp_path)


def test_columns_by_output(tmp_path: Path) -> None:
    found = table(tmp_path, weights={"size": "w"})
    train = found.splits["train"]
    assert found.feature_names == ("a", "b", "c", "d") and found.classes == {"digit": ("ant", "bee", "cat")}
    np.testing.assert_array_equal(train["targets/digit"], [2, 0, 1, 2, 0, 1])
    np.testing.assert_array_equal(train["targets/size"], [[i / 2, -i] for i in range(6)])
    np.testing.assert_array_equal(train["weights/size"], [1, 2, 1, 2, 1, 2])
    with pytest.raises(DataError, match="has no target column 'knid'; did you mean 'kind'"):
        table(tmp_path, target={"digit": "knid", "size": ["width", "height"]})
    with pytest.raises(DataError, match="has no column of weights 'v'"):
        table(tmp_path, weights={"size": "v"})


def test_arrays_by_output(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, digit=DIGIT, size=SIZE, y=DIGIT[::-1], w=WEIGHTS)

    def read(**fields: Any) -> dict[str, Any]:
        data = Data(npz="a.npz", inputs="x", **fields)
        return load(data, model=heads(), loss=losses(), seed=0, dtype="float64", base_dir=tmp_path).splits["train"]

    by_name = read()
    np.testing.assert_array_equal(by_name["targets/size"], SIZE)
    chosen = read(target={"digit": "y", "size": "size"}, weights="w")
    np.testing.assert_array_equal(chosen["targets/digit"], DIGIT[::-1])
    np.testing.assert_array_equal(chosen["weights"], WEIGHTS)
    with pytest.raises(DataError, match="holds no array 'z'"):
        read(target={"digit": "z", "size": "size"})
    with pytest.raises(nn.SpecError, match="the targets of an npz file are one array"):
        Data(npz="a.npz", target={"digit": ["y", "z"]})
