"""Losses by output against Keras's own ``fit`` with ``loss`` and ``loss_weights`` by output."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec as nn
from tests.heads import DIGIT, SIZE, W_DIGIT, W_SIZE, WEIGHTS, X, heads

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
keras = startup.keras


def test_fit_of_keras() -> None:
    """The same losses, metrics and weights after three epochs of one batch."""
    held = nn.Losses(
        {"digit": nn.SoftmaxCrossEntropy(), "size": nn.MeanSquaredError()}, {"digit": W_DIGIT, "size": W_SIZE}
    )
    run = nn.train(
        heads(),
        (X, {"digit": DIGIT, "size": SIZE}, {"size": WEIGHTS}),
        loss=held,
        metrics={"digit": ["accuracy"], "size": ["mae"]},
        optimizer=nn.SGD(0.1),
        backend="tensorflow",
        epochs=3,
        batch_size=13,
        shuffle=False,
        progress=False,
    )
    start = nn.backend("tensorflow").build(heads(), seed=0).variables()
    x = keras.Input((4,), name="x")
    trunk = keras.layers.Dense(5, use_bias=False, name="trunk")(x)
    model = keras.Model(
        x, {name: keras.layers.Dense(size, name=name)(trunk) for name, size in (("digit", 3), ("size", 2))}
    )
    model.get_layer("trunk").set_weights([start["trunk/kernel"]])
    for name in ("digit", "size"):
        model.get_layer(name).set_weights([start[f"{name}/kernel"], start[f"{name}/bias"]])
    model.compile(
        keras.optimizers.SGD(0.1),
        loss={"digit": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mean_squared_error"},
        loss_weights={"digit": W_DIGIT, "size": W_SIZE},
        weighted_metrics={"digit": ["accuracy"], "size": ["mae"]},
    )
    ones = np.ones(len(X))
    history = model.fit(
        X.astype(np.float32),
        {"digit": DIGIT, "size": SIZE.astype(np.float32)},
        sample_weight={"digit": ones, "size": WEIGHTS},
        epochs=3,
        batch_size=13,
        shuffle=False,
        verbose=0,
    ).history
    theirs = {"loss": "loss", "digit/loss": "digit_loss", "size/loss": "size_loss", "digit/accuracy": "digit_accuracy"}
    for name, other in {**theirs, "size/mae": "size_mae"}.items():
        np.testing.assert_allclose([record[name] for record in run.history], history[other], rtol=1e-5, err_msg=name)
    after = run.net.variables()
    for name in ("trunk", "digit", "size"):
        np.testing.assert_allclose(
            after[f"{name}/kernel"], model.get_layer(name).get_weights()[0], rtol=1e-4, atol=1e-6
        )
