"""Contrastive losses against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.reference.losses import per_position, value

RNG = np.random.default_rng(43)
X, Y = RNG.normal(size=(2, 6, 4))


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_info_nce_is_a_cross_entropy_of_cosines(temperature: float) -> None:
    torch: Any = pytest.importorskip("torch")
    functional = torch.nn.functional
    x, y = (functional.normalize(torch.from_numpy(v), dim=-1) for v in (X, Y))
    scores, own = x @ y.T / temperature, torch.arange(6)
    one, other = (functional.cross_entropy(s, own, reduction="none").numpy() for s in (scores, scores.T))
    np.testing.assert_allclose(per_position(nn.InfoNCE(temperature), X, Y), one, rtol=1e-12)
    np.testing.assert_allclose(per_position(nn.InfoNCE(temperature, True), X, Y), (one + other) / 2, rtol=1e-12)
    assert value(nn.InfoNCE(), X, Y)[1] == 6


def test_info_nce_needs_vectors() -> None:
    with pytest.raises(ShapeError, match=r"one vector per example, got outputs \(2, 3, 4\)"):
        per_position(nn.InfoNCE(), np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
    model = nn.Sequential([nn.Dense(3)], input=[5, 2])
    with pytest.raises(SpecError, match="one vector per example"):
        nn.Experiment(model=model, loss=nn.InfoNCE(), optimizer=nn.SGD(0.1))
