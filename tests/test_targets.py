"""Weights as each loss takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from nnspec.training.data import from_arrays
from tests.rows import CLASSES

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
