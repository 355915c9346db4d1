"""Penalties in the loss and constraints after each update, as training has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend, Engine
from nnspec.errors import UnsupportedError
from nnspec.training.engines import engine_of

RNG = np.random.default_rng(59)
MODEL = nn.Sequential([nn.Dense(5, "tanh"), nn.Dropout(0.5), nn.Dense(2)], input=[4])
DATA = {"x": RNG.normal(size=(12, 4)), "targets": RNG.normal(size=(12, 2))}
ROWS = np.arange(8, dtype=np.int32)


def engine(backend: Backend, loss: Any = None, optimizer: Any = None, weights: Any = None, **options: Any) -> Engine:
    net = backend.build(MODEL, dtype="float64", seed=1)
    made = backend.engine(net, loss=loss or nn.MeanSquaredError(), optimizer=optimizer or nn.SGD(0.1), **options)
    (name,) = MODEL.inputs
    given = {} if weights is None else {"weights": weights}
    made.load("train", {name: DATA["x"], "targets": DATA["targets"], **given})
    return made


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradients_have_those_of_the_penalties(backend: Backend, reduction: Any) -> None:
    loss = nn.MeanSquaredError(reduction=reduction)
    penalties = (nn.Penalty(l2=0.3), nn.Penalty(l1=0.7, parameters="^dense_1/"))
    plain, penalized = engine(backend, loss), engine(backend, loss, penalties=penalties)
    (value, before), (more, after) = (e.loss_gradients("train", ROWS) for e in (plain, penalized))
    w = plain.variables()
    size = 0.3 * sum((w[n] ** 2).sum() for n in ("dense/kernel", "dense_1/kernel"))
    size += 0.7 * sum(np.abs(w[n]).sum() for n in ("dense_1/kernel", "dense_1/bias"))
    assert more == pytest.approx(value + size, rel=1e-13)
    np.testing.assert_allclose(after["dense/kernel"], before["dense/kernel"] + 0.6 * w["dense/kernel"], rtol=1e-11)
    # Biases start at 0, where |w| has the derivative 0.
    np.testing.assert_array_equal(after["dense_1/bias"], before["dense_1/bias"])
    slope = 0.6 * w["dense_1/kernel"] + 0.7 * np.sign(w["dense_1/kernel"])
    np.testing.assert_allclose(after["dense_1/kernel"], before["dense_1/kernel"] + slope, rtol=1e-11)


@pytest.mark.parametrize("reduction", ["mean", "weighted_mean", "sum"])
def test_epochs_have_the_mean_of_all_examples(backend: Backend, reduction: Any) -> None:
    """Of the rows themselves, in batches of several sizes, whatever examples weigh; of a sum, that of the batches."""
    loss, penalty = nn.MeanSquaredError(reduction=reduction), nn.Penalty(l2=2.0, node="dense")
    weights = np.linspace(0.1, 3.0, 12)
    made = engine(backend, loss, nn.SGD(0.0), penalties=[penalty, nn.Penalty(l1=0.5)], weights=weights)
    w = made.variables()
    dense = np.tanh(DATA["x"] @ w["dense/kernel"] + w["dense/bias"])
    error = (dense @ w["dense_1/kernel"] + w["dense_1/bias"] - DATA["targets"]) ** 2
    each = 2 * (dense**2).sum(1) + 0.5 * sum(np.abs(w[name]).sum() for name in w if name.endswith("/kernel"))
    weighted = (weights[:, None] * error).sum()
    count = {"mean": error.size, "weighted_mean": 2 * weights.sum(), "sum": 1}[reduction]
    batches = [each[:5].mean(), each[5:10].mean(), each[10:].mean()]
    size = sum(batches) if reduction == "sum" else each.mean()
    sums = made.evaluate("train", 5)
    assert losses(loss, sums) == pytest.approx((weighted / count + size, size), rel=1e-12)
    made.totals()
    for first, last in ((0, 5), (5, 10), (10, 12)):
        made.train(np.arange(first, last, dtype=np.int32)[None], 0, 1)
    # Dropout changes the loss, but not the node before it.
    assert losses(loss, made.totals())[1] == pytest.approx(size, rel=1e-12)
    assert made.totals()["penalty"] == (0.0, 0.0)


def losses(loss: nn.Loss, sums: Any) -> tuple[float, float]:
    penalty = loss.result(*sums["penalty"])
    return loss.result(*sums["loss"]) + penalty, penalty


def test_the_kink(backend: Backend) -> None:
    """|w| and |a| have the derivative 0 at 0, in parameters and in values."""
    model = nn.Sequential([nn.Dense(3, name="hidden"), nn.Dense(2)], input=[4])
    net = backend.build(model, dtype="float64", seed=1)
    net.assign({"hidden/kernel": np.zeros((4, 3)), "hidden/bias": np.zeros(3)})
    penalties = [nn.Penalty(l1=0.5, parameters="hidden"), nn.Penalty(l1=0.5, node="hidden")]
    found = []
    for beside in ({}, {"penalties": penalties}):
        made = backend.engine(net, loss=nn.MeanSquaredError(), optimizer=nn.SGD(0.1), **beside)  # type: ignore[arg-type]
        made.load("train", {"input": DATA["x"], "targets": DATA["targets"]})
        found.append(made.loss_gradients("train", ROWS)[1])
    for name, plain in found[0].items():
        np.testing.assert_allclose(found[1][name], plain, rtol=1e-14, atol=1e-17)


def test_constraints_hold_after_every_update(backend: Backend) -> None:
    constraints = (
        nn.Constraint(max_norm=0.3, parameters="dense/kernel"),
        nn.Constraint(min_norm=1.5, max_norm=1.5, axes=(0, 1), parameters="dense_1/kernel"),
        nn.Constraint(non_negative=True, parameters="bias$"),
    )
    made = engine(backend, optimizer=nn.Adam(0.1), constraints=constraints)
    order = np.arange(12, dtype=np.int32).reshape(3, 4)
    for _ in range(2):
        made.train(order, 0, 3)
        w = made.variables()
        assert np.linalg.norm(w["dense/kernel"], axis=0).max() <= 0.3 * (1 + 1e-14)
        assert np.linalg.norm(w["dense_1/kernel"]) == pytest.approx(1.5, rel=1e-14)
        biases = np.concatenate([w["dense/bias"], w["dense_1/bias"]])
        assert (biases >= 0).all()
        assert (biases == 0).any()
        assert (biases > 0).any()


def test_through_a_run(backend: Backend) -> None:
    x, y = RNG.normal(size=(40, 4)).astype(np.float32), RNG.normal(size=(40, 2)).astype(np.float32)

    def trained(**options: Any) -> nn.Run:
        return nn.train(
            MODEL,
            (x, y),
            loss="MeanSquaredError",
            backend=backend.name,
            epochs=2,
            validation_split=0.25,
            progress=False,
            **options,
        )

    penalized, plain = trained(penalties=[{"l2": 5.0}]), trained()
    (record, *_), (without, *_) = penalized.history, plain.history
    assert record["val_loss"] - record["val_penalty"] < 2 * without["val_loss"] < record["val_loss"]
    assert record["penalty"] > record["val_penalty"] > 1  # it falls during the epoch
    assert "penalty" not in without
    run = trained(constraints={"max_norm": 0.05})
    kernels = [v for name, v in run.net.variables().items() if name.endswith("kernel")]
    assert max(np.linalg.norm(k, axis=0).max() for k in kernels) <= 0.05 * (1 + 1e-6)


class Without:
    """A backend of another package, which has neither."""

    name = "without"

    def lacks(self, cls: type[Any]) -> bool:
        return cls in (nn.Penalty, nn.Constraint)

    def engine(self, net: Any, *, loss: Any, optimizer: Any, metrics: Any = (), clip: Any = None) -> str:
        return "an engine"


def test_backends_without_them_are_asked_first() -> None:
    other: Any = Without()
    parts: dict[str, Any] = {"model": MODEL, "loss": "MeanSquaredError"}
    assert engine_of(nn.Experiment(**parts), other, None) == "an engine"  # type: ignore[arg-type, comparison-overlap]
    with pytest.raises(UnsupportedError, match="the without backend has no realization of Penalty"):
        engine_of(nn.Experiment(**parts, penalties={"l2": 0.1}), other, None)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="the without backend has no realization of Constraint"):
        engine_of(nn.Experiment(**parts, constraints={"max_norm": 0.1}), other, None)  # type: ignore[arg-type]
