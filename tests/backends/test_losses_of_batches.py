"""Losses of whole batches, of groups and of sequences: what weighs nothing, what cannot be aligned, and training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend
from nnspec.errors import DataError, ShapeError
from nnspec.reference import losses as reference

RNG = np.random.default_rng(13)
X = RNG.normal(size=(4, 6, 3))
Y = RNG.random((4, 6, 3))


@pytest.mark.parametrize(
    "spec",
    [
        nn.Dice(over_batch=True, reduction="weighted_mean"),
        nn.Tversky(0.2, 0.9, over_batch=True, per_class=True, reduction="weighted_mean"),
        nn.GeneralizedDice(reduction="weighted_mean"),
    ],
)
def test_rows_that_pad_a_batch_change_nothing(backend: Backend, spec: Any) -> None:
    alone, slopes = backend.loss(spec, X, Y, dtype="float64")
    padded = [np.concatenate([v, np.full((2, 6, 3), 0.7)]) for v in (X, Y)]
    value, gradient = backend.loss(spec, *padded, np.array([1.0] * 4 + [0.0] * 2), dtype="float64")
    assert value == pytest.approx(alone, rel=1e-14)
    np.testing.assert_allclose(gradient[:4], slopes, rtol=1e-12, atol=1e-16)
    assert not gradient[4:].any()
    with pytest.raises(ShapeError, match=r"weights of shape \(3\) are not for positions"):
        backend.loss(spec, X, Y, np.ones(3), dtype="float64")


def test_sequences_without_alignment(backend: Backend) -> None:
    ids = np.array([[1, 1, 1], [1, 2, 0]])
    x = X[:2, :4]
    value, gradient = backend.loss(nn.CTC(), x, ids, dtype="float64")
    assert value == math.inf
    assert not gradient[0].any()
    zeroed = nn.CTC(zero_infinity=True)
    value, same = backend.loss(zeroed, x, ids, dtype="float64")
    assert value == pytest.approx(zeroed.result(*reference.value(zeroed, x, ids)), rel=1e-13)
    np.testing.assert_array_equal(gradient, same)
    assert np.abs(same[1]).min() > 0


def test_ctc_of_no_labels_and_of_one_step(backend: Backend) -> None:
    for x, ids in ((X, np.zeros((4, 0), np.int64)), (X[:, :1], np.array([[1], [2], [0], [1]]))):
        value = backend.loss(nn.CTC(), x, ids, dtype="float64")[0]
        assert value == pytest.approx(reference.per_position(nn.CTC(), x, ids).mean(), rel=1e-13)


def test_ids_that_are_no_class(backend: Backend) -> None:
    for ids in ([[1, 3], [0, 0]], [[1, -1], [0, 0]]):
        with pytest.raises(DataError, match="is not one of 3 classes"):
            backend.loss(nn.CTC(), X[:2], np.array(ids), dtype="float32")
    counts = np.array([[6, 1], [5, 2]])  # the first column counts steps
    assert np.isfinite(backend.loss(nn.CTC(step_counts=True), X[:2], counts, dtype="float32")[0])
    for targets in (np.array([1, 2]), np.ones((2, 2)), np.ones((3, 2), int)):
        with pytest.raises(ShapeError):
            backend.loss(nn.CTC(), X[:2], targets, dtype="float32")
    for spec, x in ((nn.NTXent(), X[:, 0]), (nn.TripletMargin(), X[:, :3])):
        with pytest.raises(ShapeError, match=r"need \(4\)"):
            backend.loss(spec, x, np.ones((4, 2), int), dtype="float32")


def test_groups_train(backend: Backend) -> None:
    of = np.arange(24) % 4
    x = (RNG.normal(size=(4, 5))[of] + 0.3 * RNG.normal(size=(24, 5))).astype(np.float32)
    groups = 1000 + of
    model = nn.Sequential([nn.Dense(3)], input=[5])
    run = nn.train(model, (x, groups), loss=nn.NTXent(0.5), optimizer=nn.Adam(0.05), backend=backend.name, **QUICKLY)
    assert run.history[-1]["loss"] < 0.9 * run.history[0]["loss"]


def test_sequences_train(backend: Backend) -> None:
    x = RNG.normal(size=(24, 6, 5)).astype(np.float32)
    ids = np.where(np.arange(3) < RNG.integers(0, 4, (24, 1)), RNG.integers(1, 4, (24, 3)), 0)
    model = nn.Sequential([nn.Dense(4)], input=[6, 5])
    run = nn.train(model, (x, ids), loss=nn.CTC(), optimizer=nn.Adam(0.05), backend=backend.name, **QUICKLY)
    assert run.history[-1]["loss"] < 0.9 * run.history[0]["loss"]


QUICKLY: dict[str, Any] = {"epochs": 12, "batch_size": 12, "progress": False}
