"""Training with mixed examples: it is of training alone, and an engine refuses what cannot be mixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError

RNG = np.random.default_rng(1)
X = RNG.normal(size=(40, 6, 6, 1)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


def trained(backend_name: str, mixing: Any, **more: Any) -> nn.Run:
    model = nn.Sequential(["Flatten", nn.Dense(3)], input=[6, 6, 1])
    return nn.train(
        model,
        (X, Y),
        loss="SoftmaxCrossEntropy",
        metrics=["accuracy"],
        backend=backend_name,
        epochs=2,
        batch_size=16,
        validation_split=0.2,
        mixing=mixing,
        progress=False,
        **more,
    )


@pytest.mark.parametrize("mixing", ["MixUp", {"CutMix": {"alpha": 0.5}}])
def test_evaluation_mixes_nothing(backend_name: str, mixing: Any) -> None:
    plain, found = (trained(backend_name, each, optimizer={"SGD": {"learning_rate": 0.0}}) for each in (None, mixing))
    assert found.history[1]["val_loss"] == plain.history[1]["val_loss"]
    assert found.history[1]["loss"] != plain.history[1]["loss"]
    # Each epoch has other words.
    assert found.history[0]["loss"] != found.history[1]["loss"]


def test_an_engine_refuses_what_cannot_be_mixed(backend_name: str) -> None:
    backend = nn.backend(backend_name)
    net = backend.build(nn.Sequential([nn.Dense(3)], input=[4]))
    with pytest.raises(SpecError, match="CutMix cuts one input"):
        backend.engine(net, loss=nn.MeanSquaredError(), optimizer=nn.SGD(), mixing=nn.CutMix())
    with pytest.raises(SpecError, match="Hinge takes"):
        backend.engine(net, loss=nn.Hinge(), optimizer=nn.SGD(), mixing=nn.MixUp())
