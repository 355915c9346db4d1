"""Training in float16 whose gradients are too small for it, and what becomes of updates that are left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import FloatType

RNG = np.random.default_rng(5)
X = RNG.normal(size=(32, 4)).astype(np.float32)
TARGETS = 1e-4 * X @ RNG.normal(size=(4, 2)).astype(np.float32)
ORDER = np.tile(np.arange(32, dtype=np.int32), (200, 1))
# The output is made small, and with it the gradient: 1e-4 · 2e-4/32 is below the smallest number of float16, 6e-8.
MODEL = nn.Sequential([nn.Dense(2, use_bias=False), nn.Rescaling(1e-4)], input=[4])
SMALL: Any = nn.SGD(2e7)


def engine_of(name: str, optimizer: Any, dtype: FloatType = "float16") -> Any:
    backend = nn.backend(name)
    net = backend.build(MODEL, dtype=dtype, seed=1)
    engine = backend.engine(net, loss=nn.MeanSquaredError(), optimizer=optimizer)
    engine.load("train", {"input": X, "targets": TARGETS})
    return engine


def losses(engine: Any, updates: int) -> tuple[float, float]:
    """The losses of the first update and of the last one of so many."""
    engine.train(ORDER, 0, 1)
    first = engine.totals()["loss"]
    engine.train(ORDER, 1, updates - 1)
    engine.totals()
    engine.train(ORDER, updates - 1, updates)
    last = engine.totals()["loss"]
    return first[0] / first[1], last[0] / last[1]


@pytest.mark.parametrize("name", [pytest.param(n, marks=getattr(pytest.mark, n)) for n in ("jax", "tensorflow")])
class TestOnEachBackend:
    def test_float16_learns_with_it_alone(self, name: str) -> None:
        engine = engine_of(name, SMALL)
        first, last = losses(engine, 200)
        assert last == first
        assert all((g == 0).all() for g in engine.loss_gradients("train", ORDER[0])[1].values())
        engine = engine_of(name, nn.LossScale(SMALL, growth_interval=50))
        first, last = losses(engine, 200)
        assert last < 0.01 * first
        assert engine.variables()["optimizer/loss_scale"] == 2.0**19
        (gradient,) = engine.loss_gradients("train", ORDER[0])[1].values()
        assert gradient.dtype == np.float32

    def test_a_scale_too_large_comes_down(self, name: str) -> None:
        engine = engine_of(name, nn.LossScale(SMALL, 2.0**50))
        engine.train(ORDER, 0, 5)
        totals, after = engine.totals(), engine.variables()
        assert totals["grad_norm"] == (0.0, 0.0)
        assert math.isfinite(totals["loss"][0]) and totals["loss"][0] > 0
        assert after["optimizer/step"] == 0 and after["random/step"] == 5
        assert after["optimizer/loss_scale"] == 2.0**45
        assert not np.isfinite(engine.loss_gradients("train", ORDER[0])[1]["dense/kernel"]).all()
        engine.train(ORDER, 5, 200)
        after = engine.variables()
        assert 100 < after["optimizer/step"] < 195
        assert engine.totals()["grad_norm"][1] == after["optimizer/step"]

    def test_a_scale_that_never_changes(self, name: str) -> None:
        """It has no state; in float32 a power of two changes no bit."""
        engine, plain = (engine_of(name, o, "float32") for o in (nn.LossScale(SMALL, 2.0**20, None), SMALL))
        for each in engine, plain:
            each.train(ORDER, 0, 20)
        found, expected = engine.variables(), plain.variables()
        assert set(found) == set(expected)
        for variable, value in expected.items():
            np.testing.assert_array_equal(found[variable], value)

    def test_the_history_has_no_norm_where_all_updates_were_left_out(self, name: str) -> None:
        run = nn.train(
            nn.Experiment(
                MODEL,
                nn.MeanSquaredError(),
                nn.LossScale(SMALL, 2.0**90),
                training=nn.Training(epochs=2, batch_size=16, dtype="float16"),
            ),
            (X, TARGETS),
            backend=name,
        )
        assert [math.isnan(record["grad_norm"]) for record in run.history] == [True, True]
        assert run.history[0]["loss"] > 0


@pytest.mark.tensorflow
def test_keras_trains_with_it() -> None:
    """``fit`` multiplies the loss and hands on gradients of that."""
    kernels = []
    for optimizer in (nn.LossScale(nn.SGD(1e4), 2.0**40, 2), nn.SGD(1e4)):
        backend = nn.backend("tensorflow")
        native = backend.build(MODEL, dtype="float32", seed=1).native
        made = backend.realize(optimizer)
        native.compile(optimizer=made, loss="mse")
        native.fit(X, TARGETS, batch_size=16, epochs=3, shuffle=False, verbose=0)
        kernels.append(native.get_weights()[0])
        assert int(made.iterations) == 6
        if made.shared:
            assert float(made.shared["loss_scale"]) == 2.0**43
    np.testing.assert_array_equal(*kernels)


@pytest.mark.jax
def test_optax_trains_with_it() -> None:
    """Alone, the transformation gets gradients that are divided already, and looks at them itself."""
    jax = pytest.importorskip("jax")
    rule = nn.backend("jax").realize(nn.LossScale(nn.SGD(1.0), 4.0, 1))
    w = {"w": jax.numpy.ones(2)}
    state, path = rule.init(w), []
    for g in (1.0, np.inf, 1.0):
        changes, state = rule.update({"w": jax.numpy.array([g, 0.0])}, state, w)
        w = jax.tree.map(lambda x, change: x + change, w, changes)
        path.append((w["w"].tolist(), float(state.slots["loss_scale"][""]), int(state.count)))
    assert path == [([0.0, 1.0], 8.0, 1), ([0.0, 1.0], 4.0, 1), ([-1.0, 1.0], 8.0, 2)]
