"""A layer at each step of a sequence, against the layer called step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

RNG = np.random.default_rng(8)


def test_attention_within_each_step() -> None:
    """Without dropout nothing is random."""
    layer, x = nn.MultiHeadAttention(2), RNG.normal(size=(2, 3, 4, 4))
    own = {name: RNG.normal(size=p.shape) for name, p in layer.params((None, 4, 4)).items()}
    found = value(nn.TimeDistributed(layer), x, variables={f"layer/{name}": v for name, v in own.items()})
    steps = [value(layer, x[:, t], variables=own) for t in range(3)]
    np.testing.assert_allclose(found, np.stack(steps, axis=1), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("layer", [nn.Conv(2, (2, 2)), nn.MaxPool((2, 2)), nn.Flatten(), nn.LayerNorm()], ids=str)
def test_step_by_step(layer: Any) -> None:
    x = RNG.normal(size=(3, 5, 4, 4, 2))
    own = {name: RNG.normal(size=p.shape) for name, p in layer.params((None, 4, 4, 2)).items()}
    given = {f"layer/{name}": v for name, v in own.items()}
    distributed = nn.TimeDistributed(layer)
    assert {name: p.shape for name, p in distributed.params(x.shape).items()} == {n: v.shape for n, v in given.items()}
    found = value(distributed, x, variables=given)
    steps = [value(layer, x[:, t], variables=own) for t in range(5)]
    np.testing.assert_allclose(found, np.stack(steps, axis=1), rtol=1e-13, atol=1e-14)
    assert distributed.output_shape((None, 5, 4, 4, 2)) == (None, *found.shape[1:])
    assert distributed.flops(x.shape) == 15 * layer.flops((1, 4, 4, 2))


def test_statistics_are_of_examples_and_steps() -> None:
    x = RNG.normal(size=(3, 5, 2))
    given = {name: np.ones(2) for name in ("layer/scale", "layer/bias", "layer/mean", "layer/var")}
    run = single(nn.TimeDistributed(nn.BatchNorm(momentum=0.0)), x, variables=given, training=True)
    np.testing.assert_allclose(run.updates["node/layer/mean"], x.mean((0, 1)), rtol=1e-14)


def test_what_is_refused() -> None:
    with pytest.raises(SpecError, match="Dropout draws at random"):
        nn.TimeDistributed(nn.Dropout(0.5))
    with pytest.raises(SpecError, match="Model has layers of its own"):
        nn.TimeDistributed(nn.Sequential([nn.Dense(2)]))
    with pytest.raises(SpecError, match="the layer has one input, Subtract takes 2"):
        nn.TimeDistributed(nn.Subtract())
    with pytest.raises(SpecError, match="name the layer around it"):
        nn.TimeDistributed(nn.Dense(2, name="inner"))
    with pytest.raises(SpecError, match="MultiHeadAttention draws at random"):
        nn.TimeDistributed(nn.MultiHeadAttention(2, dropout_rate=0.1))
    with pytest.raises(ShapeError, match=r"at least 2 axes \(batch and time\), got \(batch\)"):
        nn.TimeDistributed(nn.Tanh()).output_shape((None,))
