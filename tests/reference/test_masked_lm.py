"""BERT's task: what training masks and asks for, by hand, and what cannot be asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import random
from nnspec.errors import SpecError
from nnspec.mixing import check
from nnspec.reference.mixing import mixed
from nnspec.spec import dump, parse

IDS = np.random.default_rng(2).integers(0, 30, (40, 9), dtype=np.int32)
LOSS = nn.SoftmaxCrossEntropy(ignore_label=-7)
MASKING = nn.TokenMasking(30, 3, 0.4, special_ids=(0, 1))


def test_what_is_asked_for() -> None:
    segments, weights = np.ones_like(IDS), np.arange(40.0)
    batch = {"ids": IDS, "segments": segments, "targets": IDS, "weights": weights}
    found = mixed(nn.MaskedLM(MASKING, "ids"), LOSS, batch, 30, seed=5, step=3)
    u = random.words(5, random.stream_of("data", "mixing"), 3, 2 * IDS.size).reshape(*IDS.shape, 2)[..., 0]
    chosen = (u < round(0.4 * 2**32)) & (IDS > 1)
    some = chosen.any(1)
    assert some.sum() > 30 and not chosen.all()
    np.testing.assert_array_equal(found["targets"][some], np.where(chosen, IDS, -7)[some])
    masked = u < round(0.32 * 2**32)
    assert (found["ids"][some][(chosen & masked)[some]] == 3).all()
    np.testing.assert_array_equal(found["ids"][some][~chosen[some]], IDS[some][~chosen[some]])
    assert found["segments"] is segments and found["weights"] is weights
    counted = (found["targets"] != -7).any(1)
    np.testing.assert_array_equal(counted, (IDS > 1).any(1))


def test_in_a_file() -> None:
    mixing = nn.MaskedLM(MASKING, "ids")
    written = dump(mixing)
    assert written == {
        "MaskedLM": {
            "masking": {"TokenMasking": {"num_embeddings": 30, "mask_id": 3, "rate": 0.4, "special_ids": [0, 1]}},
            "input": "ids",
        }
    }
    assert parse("mixing", written) == mixing


def model(classes: int = 30, dtype: Any = "int32") -> nn.Model:
    layers: list[Any] = [nn.Embedding(30, 4)] if dtype == "int32" else []
    return nn.Sequential([*layers, nn.Dense(classes)], input=nn.Input((9,), dtype))


TWO = nn.Model({"a": nn.Input((9,), "int32"), "b": nn.Input((9,), "int32")}, (nn.Node("y", nn.Add(), ("a", "b")),), "y")


@pytest.mark.parametrize(
    ("mixing", "given", "loss", "reason"),
    [
        (nn.MaskedLM(MASKING, "inputs"), model(), LOSS, "masks the input 'inputs', the model has input"),
        (nn.MaskedLM(MASKING, "input"), model(dtype="float"), LOSS, "int32 ids, got the input 'input' of float"),
        (nn.MaskedLM(MASKING), model(dtype="float"), LOSS, "an input of int32 ids: the model has none"),
        (nn.MaskedLM(MASKING), TWO, LOSS, "an input of int32 ids: set input to one of a, b"),
        (nn.MaskedLM(MASKING), model(), nn.SoftmaxCrossEntropy(), "set ignore_label: -1 in SoftmaxCrossEntropy"),
        (nn.MaskedLM(MASKING), model(), nn.MeanSquaredError(), "the targets of MeanSquaredError are values"),
    ],
)
def test_what_cannot_be_asked_for(mixing: nn.MaskedLM, given: nn.Model, loss: Any, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        check(mixing, given, loss, (None, 9, 30))


def test_outputs_that_are_not_one_for_each_id() -> None:
    with pytest.raises(
        SpecError, match=r"an output for each id of \(batch, 9\), and the model's output is \(batch, 5\)"
    ):
        check(nn.MaskedLM(MASKING), model(), LOSS, (None, 5))


@pytest.mark.parametrize(
    ("masking", "reason"),
    [(nn.TokenDropout(0.5), "expected a TokenMasking"), (nn.TokenMasking(9, 3, return_labels=True), "leave")],
)
def test_what_does_not_mask(masking: Any, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        nn.MaskedLM(masking)
