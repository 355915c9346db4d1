"""Early stopping and plateaus against PyTorch's scheduler and against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nnspec import ReduceOnPlateau, SpecError
from nnspec.training.callbacks import Patience, Plateau, improves, monitored


@pytest.mark.parametrize(
    ("value", "best", "mode", "min_delta", "relative", "expected"),
    [
        (1.0, None, "min", 0.0, False, True),
        (1.0, 1.0, "min", 0.0, False, False),
        (0.95, 1.0, "min", 0.1, False, False),
        (0.89, 1.0, "min", 0.1, False, True),
        (0.95, 1.0, "max", 0.0, False, False),
        (1.2, 1.0, "max", 0.1, False, True),
        (1.9, 2.0, "min", 0.04, True, True),
        (1.95, 2.0, "min", 0.04, True, False),
        (-2.1, -2.0, "min", 0.04, True, True),
        (math.nan, None, "min", 0.0, False, False),
        (math.nan, 1.0, "max", 0.0, False, False),
        (-math.inf, 1.0, "min", 0.0, False, True),
    ],
)
def test_improves(
    value: float, best: float | None, mode: str, min_delta: float, relative: bool, expected: bool
) -> None:
    assert improves(value, best, mode, min_delta, relative) is expected


def test_patience_counts_epochs_in_a_row() -> None:
    patience = Patience(3, "min", 0.01)
    values = [1.0, 0.9, 0.895, 0.91, 0.5, 0.6, 0.495, 0.7]
    assert [patience.update(v) for v in values] == [False] * 7 + [True]
    assert patience.best == 0.5


def test_patience_counts_nan_as_no_improvement() -> None:
    patience = Patience(2, "max")
    assert [patience.update(v) for v in (0.5, math.nan, math.nan)] == [False, False, True]


@pytest.mark.parametrize("threshold", ["absolute", "relative"])
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("cooldown", [0, 2])
def test_plateau_equals_pytorch(threshold: str, mode: str, cooldown: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    spec = ReduceOnPlateau(0.1, factor=0.5, patience=3, min_delta=0.02, threshold=threshold, cooldown=cooldown)
    ours = Plateau(spec, mode)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    # PyTorch reduces after more than `patience` bad epochs, Keras and we after `patience` of them.
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode=mode,
        factor=0.5,
        patience=spec.patience - 1,
        threshold=0.02,
        threshold_mode="abs" if threshold == "absolute" else "rel",
        cooldown=cooldown,
    )
    values = np.random.default_rng(5).normal(1.0, 0.1, 60) + np.linspace(0.5, 0, 60) ** 2
    scales = []
    for value in values.tolist():
        theirs.step(value)
        scales.append(ours.update(value))
        assert scales[-1] == optimizer.param_groups[0]["lr"]
    assert len(set(scales)) > 3


def test_monitor_that_is_not_recorded_is_named() -> None:
    record = {"epoch": 1, "loss": 0.5, "val_loss": 0.6, "val_accuracy": 0.9}
    assert monitored(record, "val_accuracy") == 0.9
    with pytest.raises(SpecError, match=r"val_acuracy.*did you mean 'val_accuracy'"):
        monitored(record, "val_acuracy")
    with pytest.raises(SpecError, match="no validation data"):
        monitored({"epoch": 1, "loss": 0.5}, "val_loss")
