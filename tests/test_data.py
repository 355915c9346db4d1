"""Data in memory: split, standardized by the training rows, fitted to the loss; refused with row and column."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import LabelEncoder, StandardScaler

import nnspec as nn
from nnspec.errors import DataError, NNSpecError, ShapeError
from nnspec.random import permutation
from nnspec.training.data import Standardization, from_arrays, split_rows, standardize
from tests.rows import CLASSES, IDS, NAN, RNG, VALUES, X, chain


def arrays(data: Any, outputs: int = 3, loss: Any = CLASSES, **options: Any) -> dict[str, dict[str, np.ndarray]]:
    return from_arrays(data, model=chain(outputs), loss=loss, seed=0, **options).splits


# -- splitting --------------------------------------------------------------------------------------------------------


@given(st.integers(2, 500), st.floats(0.01, 0.99), st.integers(0, 2**64 - 1))
def test_splits_part_the_rows(count: int, share: float, seed: int) -> None:
    held = round(count * share)
    if held in (0, count):
        with pytest.raises(DataError, match="leaves none for"):
            split_rows(count, share, seed)
        return
    parts = split_rows(count, share, seed)
    assert len(parts["validation"]) == held
    assert sorted([*parts["train"], *parts["validation"]]) == list(range(count))
    assert all(list(rows) == sorted(rows) for rows in parts.values())
    assert set(parts["validation"]) == set(permutation(seed, "split", 0, count)[count - held :])


def test_another_seed_is_another_split() -> None:
    parts = [split_rows(100, 0.2, seed)["validation"] for seed in range(3)]
    assert len({tuple(rows) for rows in parts}) == 3


def test_given_validation_rows() -> None:
    found = arrays((X, IDS), validation=(X[:5] + 1, IDS[:5]))
    np.testing.assert_array_equal(found["validation"]["input"], (X[:5] + 1).astype(np.float32))
    assert len(found["train"]["targets"]) == 20
    with pytest.raises(DataError, match="not both"):
        arrays((X, IDS), validation=(X, IDS), validation_split=0.5)
    with pytest.raises(DataError, match=r"at least 0 and below 1, got 1.5"):
        arrays((X, IDS), validation_split=1.5)


# -- standardization --------------------------------------------------------------------------------------------------


def test_standardized_by_the_training_rows_alone() -> None:
    x = RNG.normal(3.0, [1.0, 100.0, 1e-3, 1.0], size=(50, 4))
    found = from_arrays(
        (x, RNG.integers(0, 3, 50)),
        model=chain(3),
        loss=CLASSES,
        seed=0,
        dtype="float64",
        validation_split=0.3,
        standardize=True,
    )
    rows = split_rows(50, 0.3, 0)
    scaler = StandardScaler().fit(x[rows["train"]])
    for split in ("train", "validation"):
        expected = scaler.transform(x[rows[split]])
        np.testing.assert_allclose(found.splits[split]["input"], expected, rtol=1e-12, atol=1e-12)
    used = found.standardization["input"]
    np.testing.assert_allclose(used.mean, scaler.mean_, rtol=1e-14)
    np.testing.assert_allclose(used.scale, scaler.scale_, rtol=1e-12)
    # The same numbers for later inputs.
    np.testing.assert_array_equal(standardize(x[rows["train"]], used), found.splits["train"]["input"])


def test_constant_features_become_zero() -> None:
    """0.1 has a mean that is off by a rounding; over a deviation of 1e-17 that would be anything."""
    x = np.full((30, 3), [0.1, 1e10, 0.0])
    found = Standardization.of(x)
    np.testing.assert_array_equal(found.scale, [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(standardize(x, found), np.zeros((30, 3)))


def test_sums_are_made_in_float64() -> None:
    x = np.full((100_000, 1), 1000.1, np.float32)
    x[::2] += np.float32(0.01)
    found = Standardization.of(x)
    np.testing.assert_allclose(found.scale, x.astype(np.float64).std(0), rtol=1e-9)


def test_later_inputs_are_checked() -> None:
    used = Standardization(np.zeros((8, 8)), np.ones((8, 8)))
    assert standardize(np.ones((2, 64), np.int64), used).shape == (2, 8, 8)
    with pytest.raises(ShapeError, match=r"trained on rows of shape \[8, 8\], got an array of shape \[2, 63\]"):
        standardize(np.ones((2, 63)), used)
    with pytest.raises(DataError, match=r"row 1, position .7, 7.: the value is nan"):
        standardize(np.array([[1.0] * 64, [1.0] * 63 + [math.nan]]), used)
    with pytest.raises(DataError, match="inputs are numbers, got dtype <U1"):
        standardize(np.full((2, 64), "a"), used)


# -- targets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64, np.bool_])
def test_class_ids_become_int32(dtype: Any) -> None:
    ids = (IDS % 2).astype(dtype)
    np.testing.assert_array_equal(arrays((X, ids))["train"]["targets"], (IDS % 2).astype(np.int32), strict=True)
    assert arrays((X, ids[:, None]))["train"]["targets"].shape == (20,)


def test_distributions_stay() -> None:
    soft = RNG.dirichlet(np.ones(3), 20)
    np.testing.assert_array_equal(arrays((X, soft))["train"]["targets"], soft.astype(np.float32), strict=True)
    one_hot = np.eye(3, dtype=np.int64)[IDS]
    np.testing.assert_array_equal(arrays((X, one_hot))["train"]["targets"], one_hot.astype(np.float32), strict=True)
    assert arrays((X, IDS), one_hot=True)["train"]["targets"].shape == (20, 3)


def test_values_take_the_shape_of_the_outputs() -> None:
    y = RNG.normal(size=20)
    found = arrays((X, y), 1, VALUES, dtype="float64")["train"]["targets"]
    np.testing.assert_array_equal(found, y[:, None], strict=True)
    assert arrays((X, y[:, None, None]), 1, VALUES)["train"]["targets"].shape == (20, 1)
    assert arrays((X, X), 4, VALUES)["train"]["targets"].shape == (20, 4)


def test_targets_of_narrow_nets_stay_wide() -> None:
    """Losses are computed in float32 at least: 1/3 must not become a bfloat16 before."""
    found = arrays((X, np.full(20, 1 / 3)), 1, VALUES, dtype="bfloat16")["train"]
    assert found["input"].dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(found["targets"], np.full((20, 1), 1 / 3, np.float32), strict=True)


def test_ids_for_every_position() -> None:
    model = nn.Sequential([nn.Dense(3)], [5, 4])
    found = from_arrays((RNG.normal(size=(6, 5, 4)), np.ones((6, 5), int)), model=model, loss=CLASSES, seed=0)
    assert found.splits["train"]["targets"].shape == (6, 5)


def test_texts_are_classes_in_sorted_order() -> None:
    words = np.array(["pear", "apple", "fig", "apple", "pear"])
    found = from_arrays((X[:5], words), model=chain(3), loss=CLASSES, seed=0, validation=(X[:2], words[:2]))
    assert found.classes == ("apple", "fig", "pear")
    np.testing.assert_array_equal(found.splits["train"]["targets"], LabelEncoder().fit_transform(words))
    np.testing.assert_array_equal(found.splits["validation"]["targets"], [2, 0])
    with pytest.raises(DataError, match="row 1: the class 'kiwi' does not occur in the training data"):
        arrays((X[:5], words), validation=(X[:2], np.array(["fig", "kiwi"])))


def test_weights() -> None:
    w = RNG.uniform(0, 2, 20)
    found = arrays((X, IDS, w), validation_split=0.25)
    rows = split_rows(20, 0.25, 0)
    np.testing.assert_array_equal(found["validation"]["weights"], w[rows["validation"]].astype(np.float32), strict=True)


def test_several_inputs_by_name() -> None:
    a, b = nn.symbol(name="a"), nn.symbol((2,), name="b", dtype="int32")
    left = nn.Dense(3)(a)
    model = nn.Model(inputs=[a, b], outputs=left)
    data = {"a": X, "b": np.arange(40.0).reshape(20, 2), "targets": IDS}
    found = from_arrays(data, model=model, loss=CLASSES, seed=0, standardize=True)
    assert found.splits["train"]["b"].dtype == np.int32 and set(found.standardization) == {"a"}
    assert from_arrays(({"a": X, "b": data["b"]}, IDS), model=model, loss=CLASSES, seed=0).splits["train"].keys()
    for wrong, message in (
        (({"a": X}, IDS), "no array for the model's input 'b'"),
        ((X, IDS), "the model has 2 inputs: give a mapping with a, b"),
        (({**data, "c": X}), "no input 'c'"),
        (({"a": X, "b": data["b"] + 0.5}, IDS), "the input 'b' takes integers, got dtype float64"),
        (({"a": X, "b": data["b"] + 2.0**40}, IDS), "the input 'b' holds integers out of the range of int32"),
        (({"a": X[:, :, None], "b": data["b"].T}, IDS), r"b: the input has shape \[2\], got \[20\]"),
        (({"a": X, "b": data["b"]}), "needs 'targets' beside its inputs"),
    ):
        with pytest.raises(NNSpecError, match=message):
            from_arrays(wrong, model=model, loss=CLASSES, seed=0)


@given(
    hnp.arrays(np.float64, (6, 3), elements=st.floats(-1e6, 1e6)), st.sampled_from(["float64", "float32", "bfloat16"])
)
def test_inputs_are_rounded_once(x: Any, dtype: str) -> None:
    found = from_arrays((x, np.arange(6) % 3), model=chain(3), loss=CLASSES, seed=0, dtype=dtype)
    expected = x.astype(getattr(ml_dtypes, dtype, None) or dtype)
    assert found.splits["train"]["input"].tobytes() == expected.tobytes()


# -- refusals ---------------------------------------------------------------------------------------------------------

INF = X.copy()
INF[19, 0] = -math.inf
OUT = IDS.copy()
OUT[4] = 3
NEGATIVE = IDS.copy()
NEGATIVE[6] = -1


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ((NAN, IDS), {}, "row 7, column 2: the input 'input' is nan: values must be finite"),
        ((INF, IDS), {}, "row 19, column 0: the input 'input' is -inf"),
        ((X, OUT), {}, "row 4: the class id 3 is out of range: the model has 3 outputs, for ids 0 to 2"),
        ((X, NEGATIVE), {}, "row 6: the class id -1 is out of range"),
        ((X, OUT), {"one_hot": True}, "row 4: the class id 3 is out of range"),
        (
            (X, IDS.astype(float)),
            {},
            r"takes class ids \(integers\) of shape \(batch\) or distributions of shape \(batch, 3\)",
        ),
        ((X, IDS.astype(float)), {"one_hot": True}, "one_hot needs class ids"),
        (
            (X, IDS),
            {"loss": VALUES},
            r"targets of shape \(batch\) do not fit outputs of shape \(batch, 3\).*one_hot: true",
        ),
        ((X, X), {"loss": VALUES}, r"targets of shape \(batch, 4\) do not fit outputs of shape \(batch, 3\)"),
        ((X, np.eye(4, dtype=int)[IDS]), {}, r"class ids of shape \(batch, 4\) do not fit"),
        ((X, -np.eye(3)[IDS]), {}, "row 0: SoftmaxCrossEntropy takes targets at least 0, got -1"),
        (
            (X, np.eye(3)[IDS] * 2),
            {"loss": nn.BinaryCrossEntropy()},
            "BinaryCrossEntropy takes targets between 0 and 1",
        ),
        ((X, np.where(NAN[:, :3] > 9, 0, NAN[:, 1:])), {"loss": VALUES}, "row 7, column 1: the target is nan"),
        ((X, IDS + 1j), {}, "targets are numbers|takes class ids"),
        ((X + 1j, IDS), {}, "the input 'input' takes numbers, got dtype complex128"),
        ((np.full((20, 4), "a"), IDS), {}, "the input 'input' takes numbers, got dtype <U1"),
        ((X.astype(object), IDS), {}, "input 'input' holds Python objects"),
        (([[1.0, 2.0], [3.0]], [0, 1]), {}, "input 'input' (holds Python objects|is not an array)"),
        ((X, IDS[:19]), {}, "different lengths: input 20, targets 19"),
        ((X[:0], IDS[:0]), {}, "the input 'input' has no rows"),
        ((X[:, 0], IDS), {}, r"input: one number per row: give x.reshape\(-1, 1\)"),
        ((X, IDS, np.ones(19)), {}, "different lengths: input 20, targets 20, weights 19"),
        ((X, IDS, -np.ones(20)), {}, "row 0: weights are at least 0, got -1.0"),
        ((X, IDS, np.zeros(20)), {}, "all weights are 0"),
        ((X, IDS, np.full(20, math.nan)), {}, "row 0: the weight is nan"),
        ((X, IDS, np.full(20, "a")), {}, "weights are numbers, got dtype <U1"),
        (
            (X, IDS, np.ones((20, 3))),
            {},
            r"weights weigh an example or a position of the outputs \[3\], got shape \[3\]",
        ),
        ((X, IDS, 1, 2), {}, r"data is \(x, y\), \(x, y, weights\) or a mapping of arrays with 'targets', got tuple"),
        (3, {}, "got int"),
        ((X * 1e39, IDS), {}, "the input 'input' is .*e.38|39, out of the range of float32"),
        ((X * 1e5, IDS), {"dtype": "float16"}, "out of the range of float16"),
        (
            (X, RNG.normal(size=20) * 1e39),
            {"loss": VALUES, "outputs": 1},
            "the target is .* out of the range of float32",
        ),
        ((X, IDS), {"validation_split": 0.01}, "validation_split 0.01 of 20 rows leaves none for validation"),
        ((X, IDS), {"validation_split": 0.99}, "leaves none for training"),
        ((X, IDS), {"validation": (X[:, :3], IDS)}, r"got \[3\]|\[4\]"),
        ((X, IDS), {"validation": (NAN, IDS)}, "row 7, column 2"),
    ],
)
def test_refused(data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((DataError, ShapeError), match=message):
        arrays(data, **options)


def test_rows_of_a_split_are_named_by_their_places_in_the_whole() -> None:
    x = np.ones((10, 2))
    x[6, 1] = 1e30
    with pytest.raises(DataError, match=r"row 6, column 1: the input 'input' is 1e.30, out of the range of float16"):
        from_arrays((x, [0] * 10), model=chain(2), loss=CLASSES, seed=0, dtype="float16", validation_split=0.5)
