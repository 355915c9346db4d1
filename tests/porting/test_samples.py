"""Random inputs: of the right dtypes and in the ranges that first layers are made for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec
from nnspec.errors import PortError
from nnspec.model import Input, Model, Sequential
from nnspec.porting.samples import ROWS, as_samples, candidates, samples


def one(layer: Any, shape: tuple[int | None, ...] = (6,), dtype: Any = "float", variables: Any = None) -> Any:
    """The input of a model that begins with a layer."""
    x = nnspec.symbol(shape, "x", dtype=dtype)
    return samples(Model(inputs=x, outputs=layer(x)), variables)["x"]


def test_floats_are_normal_and_float32_holds_them() -> None:
    x = one(nnspec.Dense(3), (200,))
    assert x.dtype == np.float32 and x.shape == (ROWS, 200)
    assert abs(x.mean()) < 0.1 and 0.9 < x.std() < 1.1


def test_equal_seeds_give_equal_numbers() -> None:
    model = Sequential([{"Dense": 2}], (5,))
    assert np.array_equal(samples(model, seed=3)["input"], samples(model, seed=3)["input"])
    assert not np.array_equal(samples(model, seed=3)["input"], samples(model, seed=4)["input"])
    assert len(samples(model, rows=7)["input"]) == 7


@pytest.mark.parametrize(
    ("layer", "count"), [(nnspec.Embedding(7, 2), 7), (nnspec.OneHot(5), 5)], ids=["Embedding", "one_hot"]
)
def test_ids_are_below_the_bound(layer: Any, count: int) -> None:
    x = one(layer, (40,), "int32")
    assert x.dtype == np.int32 and x.min() == 0 and x.max() == count - 1


def test_floats_that_become_ids() -> None:
    x = nnspec.symbol((40,), "x")
    model = Model(inputs=x, outputs=nnspec.Embedding(7, 2)(nnspec.AsType("int32")(x)))
    values = samples(model)["x"]
    assert values.dtype == np.float32 and set(np.unique(values)) == set(range(7))


def test_ids_within_nested_models_and_behind_what_only_moves_them() -> None:
    inner = Sequential([{"Reshape": [5, 4]}, nnspec.Embedding(3, 2)], Input((20,), "int32"))
    x = nnspec.symbol((20,), "x", dtype="int32")
    model = Model(inputs=x, outputs=inner(x))
    assert samples(model)["x"].max() == 2


def test_the_smallest_bound_counts() -> None:
    x = nnspec.symbol((50,), "x", dtype="int32")
    model = Model(inputs=x, outputs=nnspec.Embedding(9, 2)(x) + nnspec.Embedding(4, 2)(x))
    assert samples(model)["x"].max() == 3


def test_masks_are_true_at_the_front_with_different_lengths() -> None:
    x, mask = nnspec.symbol((8, 3), "x"), nnspec.symbol((8,), "mask", dtype="bool")
    drawn = samples(Model(inputs=[x, mask], outputs=nnspec.LSTM(2, mask=True)(x, mask)))["mask"]
    lengths = drawn.sum(-1)
    assert drawn.dtype == np.bool_ and lengths[0] == 8 and lengths.min() >= 1 and len(set(lengths)) > 1
    assert np.array_equal(drawn, np.arange(8) < lengths[:, None])


def test_padding_stands_at_the_end_and_nowhere_else() -> None:
    x = nnspec.symbol((9,), "x", dtype="int32")
    ids = nnspec.Embedding(20, 4)(x)
    model = Model(inputs=x, outputs=nnspec.GRU(3, mask=True)(ids, nnspec.PaddingMask()(x)))
    drawn = samples(model)["x"]
    kept = drawn != 0
    assert not kept.all() and np.array_equal(kept, np.arange(9) < kept.sum(-1, keepdims=True))


def test_padding_of_vectors() -> None:
    x = nnspec.symbol((9, 3), "x")
    model = Model(inputs=x, outputs=nnspec.GRU(2, mask=True)(x, nnspec.PaddingMask(-1.0, axis=-1)(x)))
    kept = (samples(model)["x"] != -1).any(-1)
    assert not kept.all() and np.array_equal(kept, np.arange(9) < kept.sum(-1, keepdims=True))


@pytest.mark.parametrize("scale", [1 / 255, (1 / 127.5, 1 / 127.5, 1 / 100)])
def test_images_of_bytes(scale: Any) -> None:
    x = one(nnspec.Rescaling(scale), (20, 20, 3))
    assert 0 <= x.min() < 5 and 250 < x.max() <= 255
    assert abs(one(nnspec.Rescaling(0.5), (20, 20, 3))).max() < 10


def test_normalization_says_which_range_inputs_have() -> None:
    x = one(nnspec.Normalization(mean=(100.0, -50.0), var=(4.0, 9.0)), (500, 2))
    assert np.allclose(x.mean((0, 1)), [100, -50], atol=0.5) and np.allclose(x.std((0, 1)), [2, 3], atol=0.2)
    held = {"normalization/mean": np.array([7.0, 8.0]), "normalization/var": np.array([1.0, 1.0])}
    assert np.allclose(one(nnspec.Normalization(), (500, 2), variables=held).mean((0, 1)), [7, 8], atol=0.2)


@pytest.mark.parametrize(
    ("layer", "low", "high"),
    [(nnspec.Log(), 0, 3), (nnspec.Sqrt(), 0, 3), (nnspec.Acos(), -1, 1), (nnspec.Acosh(), 1, 4)],
)
def test_numbers_lie_where_a_function_is_defined(layer: Any, low: float, high: float) -> None:
    x = one(layer, (100,))
    assert low < x.min() and x.max() < high


def test_numbers_of_a_vocabulary() -> None:
    x = one(nnspec.IntegerLookup((30, 40, 50)), (60,), "int32")
    assert set(np.unique(x)) == {30, 40, 50, 51}


def test_axes_of_any_length_get_sizes_that_fit() -> None:
    images = nnspec.symbol((None, None, 3), "images")
    h = images
    for _ in range(3):
        h = nnspec.Conv(2, (3, 3), padding="valid", strides=(2, 2))(h)
    model = Model(inputs=images, outputs=nnspec.GlobalAvgPool()(h))
    first, second = list(candidates(model))[:2]
    _, height, width, _ = first["images"].shape
    assert height != width, "an exchange of axes would not show"
    assert second["images"].shape != first["images"].shape


def test_free_axes_that_have_to_be_equal() -> None:
    x, y = nnspec.symbol((None, 4), "x"), nnspec.symbol((None, None), "y")
    model = Model(inputs=[x, y], outputs=nnspec.Matmul()(y, x))
    given = samples(model)
    assert given["y"].shape[2] == given["x"].shape[1]


def test_what_is_called_a_mask_is_one() -> None:
    """Whatever it meets first: causal attention in Keras Hub takes the smaller of two masks of whole numbers."""
    x, mask = nnspec.symbol((6, 4), "x"), nnspec.symbol((6,), "padding_mask", dtype="int32")
    numbers = nnspec.AsType("float")(mask)
    seen = nnspec.AsType("bool")(nnspec.Minimum()(numbers, numbers))
    model = Model(inputs=[x, mask], outputs=nnspec.Where()(seen, nnspec.Sum(axis=2)(x), nnspec.Max(axis=2)(x)))
    given = samples(model)["padding_mask"]
    assert set(given.ravel()) == {0, 1} and given[:, 0].all() and given[0].all()
    assert (np.diff(given, axis=1) <= 0).all()


def test_large_rows_are_few() -> None:
    assert len(one(nnspec.GlobalAvgPool(), (224, 224, 3))) == 2


def test_what_cannot_be_guessed_is_asked_for() -> None:
    with pytest.raises(PortError, match="the shape of the input 'input' is not known: give examples"):
        samples(Sequential([{"Dense": 2}]))
    x, y = nnspec.symbol((None, 4), "x"), nnspec.symbol((1000, 4), "y")
    with pytest.raises(PortError, match="no random inputs fit the model"):
        samples(Model(inputs=[x, y], outputs=nnspec.Concat(axis=-1)(x, y)))


def test_examples_are_taken_by_name_or_by_place() -> None:
    x, y = nnspec.symbol((2,), "x"), nnspec.symbol((2,), "y", dtype="int32")
    model = Model(inputs=[x, y], outputs=[nnspec.Dense(1)(x), nnspec.Embedding(3, 2)(y)])
    given = as_samples(model, {"x": np.ones((3, 2)), "1": np.ones((3, 2), np.int64)})
    assert given["x"].dtype == np.float32 and given["y"].dtype == np.int32
    with pytest.raises(PortError, match="of one size for all"):
        as_samples(model, {"x": np.ones((3, 2)), "y": np.ones((4, 2), np.int32)})
