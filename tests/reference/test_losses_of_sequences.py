"""CTC against PyTorch, and against all alignments, one by one."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import special

import nnspec as nn
from nnspec.errors import DataError, ShapeError, SpecError
from nnspec.reference import derivative
from nnspec.reference.losses import per_position, value

RNG = np.random.default_rng(47)
X = RNG.normal(size=(5, 8, 4))
IDS = np.array([[1, 2, 3, 0], [1, 1, 2, 2], [3, 0, 0, 0], [0, 0, 0, 0], [2, 1, 2, 1]])
COUNTS = np.array([8, 6, 5, 3, 4])


def oracle(x: Any, ids: Any, counts: Any, blank: int = 0, **options: Any) -> Any:
    torch: Any = pytest.importorskip("torch")
    logs = torch.log_softmax(torch.from_numpy(x), -1).transpose(0, 1)
    lengths = torch.from_numpy((ids != blank).sum(1))
    given = (torch.from_numpy(ids), torch.from_numpy(counts), lengths)
    return torch.nn.functional.ctc_loss(logs, *given, blank=blank, reduction="none", **options).numpy()


def test_ctc() -> None:
    np.testing.assert_allclose(per_position(nn.CTC(), X, IDS), oracle(X, IDS, np.full(5, 8)), rtol=1e-13)
    counted = np.concatenate([COUNTS[:, None], IDS], 1)
    spec = nn.CTC(step_counts=True)
    np.testing.assert_allclose(per_position(spec, X, counted), oracle(X, IDS, COUNTS), rtol=1e-13)
    counted[0, 0] = 99  # more than there are is all
    np.testing.assert_allclose(per_position(spec, X, counted)[0], oracle(X, IDS, np.full(5, 8))[0], rtol=1e-13)
    assert value(spec, X, counted)[1] == 5


def test_the_blank_may_be_any_class() -> None:
    ids = np.array([[0, 1, 3], [2, 2, 2], [3, 3, 0]])
    expected = oracle(X[:3], ids, np.full(3, 8), blank=2)
    np.testing.assert_allclose(per_position(nn.CTC(2), X[:3], ids), expected, rtol=1e-13)


@pytest.mark.parametrize("ids", [[1, 2], [1, 1], [2, 0], [0, 0]])
def test_all_alignments(ids: list[int]) -> None:
    x = X[:1, :4, :3]
    p, total = special.softmax(x[0], -1), 0.0
    for path in itertools.product(range(3), repeat=4):
        merged = [k for k, _ in itertools.groupby(path) if k != 0]
        if merged == [k for k in ids if k]:
            total += math.prod(p[t, k] for t, k in enumerate(path))
    assert per_position(nn.CTC(), x, np.array([ids]))[0] == pytest.approx(-math.log(total), rel=1e-13)


def test_where_no_alignment_exists() -> None:
    ids = np.array([[1, 1, 1], [1, 2, 3]])  # three of one class need two blanks between
    x = X[:2, :4]
    assert per_position(nn.CTC(), x, ids).tolist() == [math.inf, pytest.approx(oracle(x, ids, np.full(2, 4))[1])]
    zeroed = oracle(x, ids, np.full(2, 4), zero_infinity=True)
    np.testing.assert_allclose(per_position(nn.CTC(zero_infinity=True), x, ids), zeroed, rtol=1e-13)
    none = nn.CTC(step_counts=True)
    assert per_position(none, x, np.array([[0, 0, 0], [0, 1, 0]])).tolist() == [0.0, math.inf]


def test_gradient() -> None:
    torch: Any = pytest.importorskip("torch")
    x = torch.from_numpy(X).requires_grad_()
    logs = torch.log_softmax(x, -1).transpose(0, 1)
    lengths = torch.from_numpy((IDS != 0).sum(1))
    loss = torch.nn.functional.ctc_loss(logs, torch.from_numpy(IDS), torch.full((5,), 8), lengths, reduction="sum")
    loss.backward()
    found = derivative.gradient(lambda x: per_position(nn.CTC(), x, IDS).sum(), X)
    np.testing.assert_allclose(found, x.grad.numpy(), atol=1e-9)


def test_float32_stays() -> None:
    assert per_position(nn.CTC(), X.astype(np.float32), IDS).dtype == np.float32


def test_what_does_not_fit() -> None:
    for targets, words in (
        (IDS[:, 0], r"CTC takes rows of class ids \(integers\), got int64 of shape \(5\)"),
        (IDS / 1.0, "got float64 of shape"),
        (IDS[:4], "4 sequences of class ids for 5 examples"),
    ):
        with pytest.raises(ShapeError, match=words):
            per_position(nn.CTC(), X, targets)
    with pytest.raises(DataError, match="class id 4 is not one of 4 classes"):
        per_position(nn.CTC(), X, IDS + 1)
    with pytest.raises(ShapeError, match="the blank 4 is not one of 4 classes"):
        per_position(nn.CTC(4), X, IDS)
    model = nn.Sequential([nn.Dense(3)], input=[2])
    with pytest.raises(SpecError, match=r"CTC takes outputs \(batch, time, classes\)"):
        nn.Experiment(model=model, loss=nn.CTC(), optimizer=nn.SGD(0.1))
