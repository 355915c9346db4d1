"""Advice on last activations: what the losses take, and what models end in."""

from __future__ import annotations

import re
from typing import Any

import pytest

import nnspec as nn
from nnspec.experiment import advice


@pytest.mark.parametrize(
    ("last", "loss", "words"),
    [
        ("softmax", nn.KLDivergence(), "ends in softmax, but KLDivergence takes logits and applies it again: leave"),
        ("softmax", nn.CategoricalFocalCrossEntropy(), "but CategoricalFocalCrossEntropy takes logits"),
        ("sigmoid", nn.BinaryFocalCrossEntropy(), "but BinaryFocalCrossEntropy takes logits"),
        ("sigmoid", nn.Dice(), "ends in sigmoid, but Dice takes logits and applies it again: leave sigmoid out"),
        ("softmax", nn.Dice(), "ends in softmax, but Dice takes logits and applies sigmoid to them: set from_prob"),
        ("softmax", nn.Tversky(multiclass=True), "Tversky takes logits and applies it again: leave softmax out"),
        ("sigmoid", nn.Tversky(multiclass=True), "Tversky takes logits and applies softmax to them: set from_prob"),
        ("relu", nn.Tversky(from_probabilities=True), "Tversky takes probabilities here, .* end in sigmoid or softmax"),
        ("softmax", nn.NegativeLogLikelihood(), "takes log-probabilities here, .* does not end in log_softmax"),
        ("relu", nn.NegativeLogLikelihood(), "takes log-probabilities here, .* does not end in log_softmax"),
    ],
)
def test_last_activations_that_do_not_fit(last: str, loss: Any, words: str) -> None:
    for model in (nn.Sequential([nn.Dense(3), last], [4]), nn.Sequential([nn.Dense(3, last)], [4])):
        (line,) = advice(model, loss)
        assert re.search(words, line)


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        ("log_softmax", nn.NegativeLogLikelihood()),
        ("sigmoid", nn.Dice(from_probabilities=True)),
        ("softmax", nn.Dice(from_probabilities=True)),
        ("relu", nn.Tversky()),
        ("sigmoid", nn.MeanSquaredError()),
        ("softmax", nn.CategoricalHinge()),
    ],
)
def test_last_activations_that_fit(last: str, loss: Any) -> None:
    assert advice(nn.Sequential([nn.Dense(3, last)], [4]), loss) == []
