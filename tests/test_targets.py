"""Targets and weights as each loss takes them: shapes, ranges, labels that are ignored, and names of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import LabelEncoder

import nnspec as nn
from nnspec.errors import DataError, ShapeError
from nnspec.experiment import Data
from nnspec.training.data import Dataset, from_arrays, load
from tests.rows import CLASSES, IDS, RNG, X, chain

IGNORING = nn.SoftmaxCrossEntropy(ignore_label=-1)
SOME = np.where(np.arange(20) % 4 == 1, -1, IDS)
SIGNS = np.where(IDS > 0, 1.0, -1.0)[:, None]


def fitted(targets: Any, loss: Any, outputs: int = 3, **options: Any) -> Any:
    made = from_arrays((X, targets), model=chain(outputs), loss=loss, seed=0, **options).splits["train"]
    return made["targets"]


def column(tmp_path: Path, values: Any, loss: Any, outputs: int = 3, **fields: Any) -> Dataset:
    """The data of a CSV file with a column x and these targets."""
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
    return load(Data(csv="t.csv", target="y", **fields), model=chain(outputs), loss=loss, seed=0, base_dir=tmp_path)


# -- labels that are ignored ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [-1, 255])
@pytest.mark.parametrize("kind", [nn.SoftmaxCrossEntropy, nn.NegativeLogLikelihood, nn.CategoricalFocalCrossEntropy])
def test_ids_that_are_ignored_stay(kind: Any, label: int) -> None:
    ids = np.where(SOME == -1, label, SOME)
    np.testing.assert_array_equal(fitted(ids, kind(ignore_label=label)), ids.astype(np.int32), strict=True)
    with pytest.raises(DataError, match=f"row 1: the class id {label} is out of range"):
        fitted(ids, kind())
    with pytest.raises(DataError, match=f"row 1: the class id {label} is out of range"):
        fitted(ids, nn.BinaryCrossEntropy(ignore_label=label), one_hot=True)


@pytest.mark.parametrize("kind", [nn.BinaryCrossEntropy, nn.BinaryFocalCrossEntropy])
def test_elements_that_are_ignored_stay(kind: Any) -> None:
    y = RNG.integers(-1, 2, (20, 3)) / 1.0
    np.testing.assert_array_equal(fitted(y, kind(ignore_label=-1)), y.astype(np.float32), strict=True)
    for loss in (kind(), kind(ignore_label=-2)):
        with pytest.raises(DataError, match="takes targets between 0 and 1, got -1"):
            fitted(y, loss)


def test_distributions_hold_no_label_to_ignore() -> None:
    """Nothing is ignored in targets of a float dtype, so that -1 would be a probability."""
    soft = np.eye(3)[IDS]
    np.testing.assert_array_equal(fitted(soft, IGNORING), soft.astype(np.float32))
    soft[5, 2] = -1.0
    with pytest.raises(DataError, match="row 5: SoftmaxCrossEntropy takes targets at least 0, got -1"):
        fitted(soft, IGNORING)


@pytest.mark.parametrize("classes", [(4, 5, 30), ("cat", "dog", "eel")], ids=["numbers", "texts"])
def test_what_is_ignored_in_a_column_is_no_class(tmp_path: Path, classes: tuple[Any, ...]) -> None:
    values = np.array(classes)[IDS]
    expected = np.where(SOME == -1, -1, LabelEncoder().fit_transform(values))
    found = column(tmp_path, np.where(SOME == -1, "-1", values.astype(str)), IGNORING)
    assert found.classes == classes
    np.testing.assert_array_equal(found.splits["train"]["targets"], expected.astype(np.int32), strict=True)


def test_what_is_ignored_in_a_column_of_two_classes(tmp_path: Path) -> None:
    found = column(tmp_path, ["no", "-1", "yes", "no"], nn.BinaryCrossEntropy(ignore_label=-1), outputs=1)
    assert found.classes == ("no", "yes")
    np.testing.assert_array_equal(found.splits["train"]["targets"], [[0.0], [-1.0], [1.0], [0.0]])


def test_rows_of_validation_may_be_ignored(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("x,y\n1,30\n2,-1\n")
    found = column(tmp_path, [4, 30, 5, 4], IGNORING, validation="v.csv")
    np.testing.assert_array_equal(found.splits["validation"]["targets"], [2, -1])


@pytest.mark.parametrize(
    ("label", "values", "classes", "ids"),
    [
        (2, [0, 1, 2, 1], (0, 1), [0, 1, 2, 1]),
        (1, [0, 1, 2, 1], (0, 1, 2), [0, 1, 2, 1]),
        (255, [7, 255, 9], (7, 9), [0, 255, 1]),
        (1, [4, 30, 5], (4, 5, 30), [0, 2, 1]),
    ],
)
def test_labels_that_are_ids(tmp_path: Path, label: int, values: Any, classes: Any, ids: Any) -> None:
    """Ids are what the loss ignores: that of the label is its own, and no other class gets it."""
    found = column(tmp_path, values, nn.SoftmaxCrossEntropy(ignore_label=label))
    assert found.classes == classes
    np.testing.assert_array_equal(found.splits["train"]["targets"], ids)


def test_a_label_whose_id_would_be_another_class(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the label 1, which is ignored, is the id of the class 5 too: write .* as -1"):
        column(tmp_path, [1, 4, 5, 1], nn.SoftmaxCrossEntropy(ignore_label=1))


# -- shapes and ranges ------------------------------------------------------------------------------------------------


def test_targets_of_means_and_variances_are_half_as_many() -> None:
    y = RNG.normal(size=(20, 3))
    np.testing.assert_array_equal(fitted(y, nn.GaussianNLL(), 6, dtype="float64"), y, strict=True)
    assert fitted(y[:, 0], nn.GaussianNLL(), 2).shape == (20, 1)
    with pytest.raises(ShapeError, match=r"outputs of shape \(batch, 4\), which take \(batch, 2\)"):
        fitted(y, nn.GaussianNLL(), 4)


@pytest.mark.parametrize(
    ("loss", "fits", "value", "message"),
    [
        (nn.PoissonNLL(), 7.0, -1.0, "PoissonNLL takes targets at least 0, got -1"),
        (nn.MeanSquaredLogarithmicError(), 0.0, -0.5, "takes targets at least 0, got -0.5"),
        (nn.KLDivergence(), 0.2, -0.1, "KLDivergence takes targets at least 0, got -0.1"),
        (nn.CategoricalHinge(), 1.0, -1.0, "CategoricalHinge takes targets at least 0, got -1"),
        (nn.BinaryFocalCrossEntropy(), 0.5, 1.5, "takes targets between 0 and 1, got 1.5"),
        (nn.Dice(), 1.0, 2.0, "Dice takes targets between 0 and 1, got 2"),
        (nn.Tversky(), 0.0, -1.0, "Tversky takes targets between 0 and 1, got -1"),
        (nn.Hinge(), -1.0, 0.0, "Hinge takes targets -1 or 1, got 0: for 0 and 1 set binary_targets: true"),
        (nn.SquaredHinge(), 1.0, 0.5, "SquaredHinge takes targets -1 or 1, got 0.5"),
        (
            nn.Hinge(binary_targets=True),
            0.0,
            -1.0,
            "Hinge takes targets 0 or 1, got -1: for -1 and 1 set binary_targets: false",
        ),
        (nn.SquaredHinge(binary_targets=True), 1.0, -1.0, "SquaredHinge takes targets 0 or 1, got -1"),
    ],
)
def test_targets_that_mean_something(loss: Any, fits: float, value: float, message: str) -> None:
    y = np.full((20, 3), fits)
    np.testing.assert_array_equal(fitted(y, loss), y.astype(np.float32))
    y[4, 1] = value
    with pytest.raises(DataError, match=f"row 4: .*{message}"):
        fitted(y, loss)


@pytest.mark.parametrize("kind", [nn.Hinge, nn.SquaredHinge])
def test_two_texts_are_the_binary_targets_of_a_hinge(tmp_path: Path, kind: Any) -> None:
    """As 0 and 1 without the option the first class would have no gradient at all."""
    with pytest.raises(DataError, match=r"t.csv:2: .* takes targets -1 or 1, got 0: for 0 and 1 set binary_targets"):
        column(tmp_path, ["no", "yes"], kind(), outputs=1)
    found = column(tmp_path, ["no", "yes"], kind(binary_targets=True), outputs=1)
    np.testing.assert_array_equal(found.splits["train"]["targets"], [[0.0], [1.0]])
    np.testing.assert_array_equal(fitted(SIGNS, kind(), 1), SIGNS)


# -- weights ----------------------------------------------------------------------------------------------------------

IMAGES, VECTORS = (8, 8, 3), (6,)


@pytest.mark.parametrize(
    ("loss", "outputs", "fits", "wrong"),
    [
        (nn.Dice(), IMAGES, (), (8, 8)),
        (nn.Dice(per_class=True), IMAGES, (3,), (8, 8, 3)),
        (nn.Tversky(per_class=True), IMAGES, (3,), (8,)),
        (nn.GaussianNLL(), VECTORS, (3,), (6,)),
        (nn.InfoNCE(), VECTORS, (), (6,)),
        (nn.CosineDistance(), VECTORS, (), (6,)),
        (nn.KLDivergence(), IMAGES, (8, 8), (8, 8, 3)),
        (nn.BinaryCrossEntropy(), IMAGES, (8, 8, 3), (8, 8, 1)),
        (CLASSES, IMAGES, (8, 8), (8, 8, 3)),
    ],
)
def test_weights_for_each_position_of_the_loss(loss: Any, outputs: Any, fits: Any, wrong: Any) -> None:
    """A position is what the loss gives one value for, which its reduction multiplies by the weight."""
    model = nn.Sequential(["identity"], list(outputs))
    x = np.full((20, *outputs), 0.5)
    y = x[..., :3] if isinstance(loss, nn.GaussianNLL) else x
    for shape in ((20,), (20, *fits)):
        found = from_arrays((x, y, np.ones(shape)), model=model, loss=loss, seed=0).splits["train"]["weights"]
        assert found.shape == shape
    with pytest.raises(ShapeError, match="weights weigh an example or a position of the outputs"):
        from_arrays((x, y, np.ones((20, *wrong))), model=model, loss=loss, seed=0)


# -- groups and sequences ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [nn.NTXent(), nn.Circle(), nn.BatchHardTriplet()])
def test_ids_of_groups_are_any(loss: Any) -> None:
    groups = np.where(IDS == 0, 1_000_000_007, -IDS)
    np.testing.assert_array_equal(fitted(groups[:, None], loss), groups.astype(np.int32), strict=True)
    with pytest.raises(DataError, match=r"takes ids of groups \(integers\), got targets of dtype float64"):
        fitted(IDS / 1.0, loss)
    with pytest.raises(DataError, match="takes ids of groups as they are: leave one_hot out"):
        fitted(IDS, loss, one_hot=True)
    with pytest.raises(DataError, match="ids of groups have 32 bits, got 0 to 4294967296"):
        fitted(np.where(IDS == 0, 2**32, 0), loss)
    with pytest.raises(ShapeError, match=r"ids of groups of shape \(batch, 2\) do not fit"):
        fitted(np.stack([IDS, IDS], 1), loss)


def test_names_of_groups_are_more_than_outputs(tmp_path: Path) -> None:
    names = [f"person {i % 7}" for i in range(20)]
    made = column(tmp_path, names, nn.NTXent()).splits["train"]["targets"]
    np.testing.assert_array_equal(made, np.arange(20, dtype=np.int32) % 7, strict=True)


def test_groups_of_validation_rows_may_be_others() -> None:
    data = from_arrays((X, IDS), model=chain(3), loss=nn.NTXent(), seed=0, validation=(X, IDS + 50))
    np.testing.assert_array_equal(data.splits["validation"]["targets"], IDS + 50)


def test_sequences_of_class_ids() -> None:
    x = RNG.normal(size=(4, 6, 3))
    ids = np.array([[1, 2, 0], [0, 0, 0], [2, 2, 1], [1, 0, 0]])
    model = nn.Sequential([nn.Dense(3)], input=[6, 3])

    def made(targets: Any, **fields: Any) -> Any:
        return from_arrays((x, targets), model=model, loss=nn.CTC(**fields), seed=0).splits["train"]["targets"]

    np.testing.assert_array_equal(made(ids), ids.astype(np.int32), strict=True)
    counted = np.concatenate([np.full((4, 1), 6), ids], 1)
    np.testing.assert_array_equal(made(counted, step_counts=True), counted.astype(np.int32), strict=True)
    with pytest.raises(DataError, match="the class id 6 is out of range: the model has 3 outputs"):
        made(counted)
    with pytest.raises(ShapeError, match="CTC takes a row of class ids for each example"):
        made(ids[:, 0])
    with pytest.raises(DataError, match=r"CTC takes ids of sequences \(integers\)"):
        made(ids / 1.0)
