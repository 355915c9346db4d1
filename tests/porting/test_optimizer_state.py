"""A trained Adam moved from Keras to Optax and back: training goes on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import nnspec
from nnspec import porting
from nnspec.backends import Array
from nnspec.porting import from_keras, to_keras
from nnspec.porting.optimizer import NOT_COMPARED
from nnspec.porting.port import OptimizerState, Port

keras = pytest.importorskip("keras", reason="the tensorflow backend is not installed")
pytest.importorskip("tensorflow", reason="the tensorflow backend is not installed")
optax = pytest.importorskip("optax", reason="the jax backend is not installed")
from nnspec import backends  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras, as it writes files
]

BATCH = 64
X, Y = load_digits(return_X_y=True)
X = (X / 16.0).astype(np.float64)


def batches(start: int, count: int) -> list[tuple[Array, Array]]:
    """Batches of the digits, from one on."""
    order = np.random.default_rng(3).permuted(np.tile(np.arange(1792)[None], (60, 1)), axis=1).reshape(-1, BATCH)
    return [(X[rows], Y[rows].astype(np.int32)) for rows in order[start : start + count]]


def classifier(optimizer: Any) -> Any:
    """A classifier of digits with batch normalization, in float64."""
    layers = keras.layers
    inputs = keras.Input((64,), dtype="float64")
    y = layers.Dense(24, activation="tanh", dtype="float64", name="hidden")(inputs)
    y = layers.BatchNormalization(dtype="float64", epsilon=np.float64(1e-3), name="norm")(y)
    model = keras.Model(inputs, layers.Dense(10, dtype="float64", name="logits")(y))
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0.2, 0.3, variable.shape))
    return compiled(model, optimizer)


def compiled(model: Any, optimizer: Any) -> Any:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64")
    model.compile(optimizer, loss, jit_compile=False)
    return model


def train(model: Any, given: Sequence[tuple[Array, Array]]) -> list[float]:
    """The losses of Keras's own training, each before its update."""
    tf = pytest.importorskip("tensorflow")

    @tf.function
    def update(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = model.loss(y, model(x, training=True))
        model.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return [float(update(tf.constant(x), tf.constant(y))) for x, y in given]


def engine_of(port: Port, backend: str = "jax") -> Any:
    """Training by Optax that goes on from a port."""
    made = backends.backend(backend)
    net = made.build(port.model, port.variables, dtype="float64")
    state = port.optimizer
    assert state is not None
    engine = made.engine(net, loss=nnspec.SoftmaxCrossEntropy(), optimizer=state.optimizer, clip=state.clip)
    engine.assign({**port.variables, **state.variables})
    return engine


def go_on(engine: Any, port: Port, given: Sequence[tuple[Array, Array]]) -> list[float]:
    """The losses of so many updates by Optax."""
    (name,) = port.model.inputs
    xs, ys = (np.concatenate(part) for part in zip(*given, strict=True))
    engine.load("train", {name: xs, "targets": ys})
    losses = []
    order = np.arange(len(xs), dtype=np.int32).reshape(-1, BATCH)
    for i in range(len(given)):
        engine.train(order, i, i + 1)
        total, count = engine.totals()["loss"]
        losses.append(float(total) / float(count))
    return losses


# Keras casts betas through float32: these are numbers that it has exactly.
BETAS = {"beta_1": 0.875, "beta_2": 1 - 2**-9}


def test_adam_goes_on_in_optax_and_back_in_keras() -> None:
    model = classifier(keras.optimizers.Adam(0.01, **BETAS, epsilon=1e-5))
    train(model, batches(0, 60))
    port = from_keras(model)
    state = port.optimizer
    assert state is not None
    assert state.optimizer == nnspec.Adam(
        float(np.float32(0.01)), b1=0.875, b2=1 - 2**-9, epsilon=1e-5, epsilon_mode="hat"
    )
    assert state.variables["optimizer/step"] == 60
    engine = engine_of(port)
    by_keras, by_optax = train(model, batches(60, 100)), go_on(engine, port, batches(60, 100))
    np.testing.assert_allclose(by_optax, by_keras, rtol=1e-11)
    assert by_keras[-1] < 0.9 * by_keras[0]  # it learns
    # And back: what Optax has made of it goes on in Keras.
    after = engine.variables()
    slots = {name: value for name, value in after.items() if name.startswith("optimizer/")}
    returned = Port(
        port.model, {name: after[name] for name in port.variables}, optimizer=OptimizerState(state.optimizer, slots)
    )
    again = to_keras(returned)
    assert type(again.optimizer) is keras.optimizers.Adam
    assert int(again.optimizer.iterations) == 160
    again = compiled(again, again.optimizer)
    there, here = train(model, batches(160, 100)), train(again, batches(160, 100))
    np.testing.assert_allclose(here, there, rtol=1e-11)
    np.testing.assert_allclose(here, go_on(engine, port, batches(160, 100)), rtol=1e-11)


@pytest.mark.slow
def test_the_place_of_epsilon_matters() -> None:
    """Optax's own Adam, whose epsilon stands beside the corrected root, goes another way: the difference by nature."""
    model = classifier(keras.optimizers.Adam(0.01, **BETAS, epsilon=1e-3))
    train(model, batches(0, 3))
    port = from_keras(model)
    assert port.optimizer is not None
    paper = OptimizerState(
        nnspec.Adam(float(np.float32(0.01)), b1=0.875, b2=1 - 2**-9, epsilon=1e-3), port.optimizer.variables
    )
    given = batches(3, 20)
    right, wrong = (engine_of(each) for each in (port, Port(port.model, port.variables, optimizer=paper)))
    by_keras, hat, other = train(model, given), go_on(right, port, given), go_on(wrong, port, given)
    np.testing.assert_allclose(hat, by_keras, rtol=1e-11)
    assert abs(other[-1] - by_keras[-1]) > 1e-5


@pytest.mark.slow
def test_keras_rounds_betas_that_are_python_floats() -> None:
    """Why the test above has betas that float32 holds: with 0.999 Keras's bias correction is that of 0.99900001287."""
    rounded, exact = (
        classifier(keras.optimizers.Adam(0.01, beta_1=kind(0.9), beta_2=kind(0.999))) for kind in (float, np.float64)
    )
    port = from_keras(exact)
    by_optax = go_on(engine_of(port), port, batches(0, 10))
    np.testing.assert_allclose(train(exact, batches(0, 10)), by_optax, rtol=1e-11)
    apart = np.abs(np.array(train(rounded, batches(0, 10))) - by_optax)
    assert 1e-9 < apart.max() < 1e-4


def test_updates_of_large_models_are_compared_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnspec.porting.optimizer.LARGE", 1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    made = porting.port(tmp_path / "model.keras", "nnspec", tmp_path / "large")
    assert NOT_COMPARED in made.report.notes
    assert not {"optimizer import", "optimizer export"} & set(made.report.checks)
    assert NOT_COMPARED in porting.load(tmp_path / "model.keras").notes
    asked = porting.port(tmp_path / "model.keras", "nnspec", tmp_path / "asked", gradients=True)
    assert "optimizer import" in asked.report.checks
    assert NOT_COMPARED not in asked.report.notes
