"""The sum of losses by output, and sums of metrics, against PyTorch and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error

import nnspec as nn
from nnspec.objective import Objective
from nnspec.reference import derivative
from nnspec.reference.objective import sums, value

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(5)
OUTPUTS = {"digit": RNG.normal(size=(7, 4)), "mask": RNG.normal(size=(7, 3)), "free": RNG.normal(size=(7, 2))}
DIGIT = RNG.integers(0, 4, 7)
DIGIT[2] = -1
MASK = RNG.integers(0, 2, (7, 3)) / 1.0
WEIGHTS, OWN = RNG.uniform(0.2, 2, 7), RNG.uniform(0.2, 2, (7, 3))
DATA = {"targets/digit": DIGIT, "targets/mask": MASK, "weights": WEIGHTS, "weights/mask": OWN}
LOSSES = nn.Losses(
    {
        "digit": nn.SoftmaxCrossEntropy(reduction="weighted_mean", ignore_label=-1),
        "mask": [nn.BinaryCrossEntropy(reduction="sum"), nn.MeanSquaredError(), nn.LogCosh()],
        "free": None,
    },
    weights={"digit": 0.7, "mask": [0.2, 3.0, 0.0]},
)
METRICS = {"digit": (nn.Accuracy(),), "mask": (nn.MAE(),)}
OBJECTIVE = Objective.of(LOSSES, METRICS, list(OUTPUTS))


def torch_total(digit: Any, mask: Any) -> Any:
    """The same, as one writes it by hand."""
    ids, w, own = torch.from_numpy(DIGIT), torch.from_numpy(WEIGHTS), torch.from_numpy(OWN)
    entropy = torch.nn.functional.cross_entropy(digit, ids, ignore_index=-1, reduction="none")
    kept = w * (ids != -1)
    functional, y = torch.nn.functional, torch.from_numpy(MASK)
    binary = functional.binary_cross_entropy_with_logits(mask, y, weight=own, reduction="sum")
    squares = (own * functional.mse_loss(mask, y, reduction="none")).mean()
    return 0.7 * (w * entropy).sum() / kept.sum() + 0.2 * binary + 3.0 * squares


def test_the_sum_and_its_gradient() -> None:
    digit, mask = (torch.tensor(OUTPUTS[name], requires_grad=True) for name in ("digit", "mask"))
    expected = torch_total(digit, mask)
    assert value(OBJECTIVE, sums(OBJECTIVE, OUTPUTS, DATA)) == pytest.approx(expected.item(), rel=1e-14)
    expected.backward()

    def total(at: dict[str, np.ndarray]) -> float:
        return value(OBJECTIVE, sums(OBJECTIVE, {**OUTPUTS, **at}, DATA))

    for name, tensor in (("digit", digit), ("mask", mask)):
        direction = RNG.normal(size=OUTPUTS[name].shape)
        slope = derivative.directional(total, OUTPUTS, {name: direction}, 1e-2)
        assert slope == pytest.approx(float((tensor.grad.numpy() * direction).sum()), rel=1e-9)


def test_metrics_of_each_output() -> None:
    found = sums(OBJECTIVE, OUTPUTS, DATA)
    assert set(found) == set(OBJECTIVE.names)
    kept = DIGIT != -1
    accuracy = accuracy_score(DIGIT[kept], OUTPUTS["digit"].argmax(1)[kept], sample_weight=WEIGHTS[kept])
    assert nn.Accuracy().result(*found["digit/accuracy"]) == pytest.approx(accuracy, rel=1e-14)
    error = mean_absolute_error(MASK.ravel(), OUTPUTS["mask"].ravel(), sample_weight=OWN.ravel())
    assert nn.MAE().result(*found["mask/mae"]) == pytest.approx(error, rel=1e-14)


def test_positions_that_any_loss_ignores_count_in_no_metric() -> None:
    both = nn.Losses({"mask": [nn.BinaryCrossEntropy(ignore_label=1), nn.BinaryFocalCrossEntropy(ignore_label=7)]})
    objective = Objective.of(both, {"mask": (nn.MAE(),)}, ["mask"])
    y = MASK.copy()
    y[0, :2] = 7.0
    found = sums(objective, OUTPUTS, {"targets/mask": y})
    assert found["mask/mae"][0] == pytest.approx(np.abs(OUTPUTS["mask"])[y == 0].sum(), rel=1e-14)
    assert found["mask/mae"][1] == (y == 0).sum()


def test_one_loss_of_one_output() -> None:
    objective = Objective.of(nn.MeanSquaredError(), (nn.MAE(),), ["mask"])
    found = sums(objective, OUTPUTS, {"targets": MASK, "weights": WEIGHTS})
    squares = (WEIGHTS[:, None] * (OUTPUTS["mask"] - MASK) ** 2).mean()
    assert value(objective, found) == pytest.approx(squares, rel=1e-14) and set(found) == {"loss", "mae"}
