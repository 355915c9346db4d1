"""Operations that rearrange, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import value

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(6)
X = RNG.normal(size=(2, 3, 4, 5))
ONES = RNG.normal(size=(2, 1, 4, 1))
CASES: list[tuple[Any, Any, Any]] = [
    (nn.Flip(), X, lambda x: torch.flip(x, (1, 2, 3))),
    (nn.Flip(-1), X, lambda x: torch.flip(x, (3,))),
    (nn.Flip((1, -1)), X, lambda x: torch.flip(x, (1, 3))),
    (nn.Roll(2), X, lambda x: torch.roll(x, 2, -1)),
    (nn.Roll(-7, 1), X, lambda x: torch.roll(x, -7, 1)),
    (nn.Tile((2, 1, 3)), X, lambda x: torch.tile(x, (1, 2, 1, 3))),
    (nn.BroadcastTo((3, 4, 2)), ONES, lambda x: torch.broadcast_to(x, (2, 3, 4, 2))),
    (nn.Tril(), X, torch.tril),
    (nn.Tril(-1), X, lambda x: torch.tril(x, -1)),
    (nn.Triu(2), X, lambda x: torch.triu(x, 2)),
    (nn.Diagonal(), X, lambda x: torch.diagonal(x, 0, -2, -1)),
    (nn.Diagonal(3), X, lambda x: torch.diagonal(x, 3, -2, -1)),
    (nn.Diagonal(-2), X, lambda x: torch.diagonal(x, -2, -2, -1)),
    (nn.Trace(1), X, lambda x: torch.diagonal(x, 1, -2, -1).sum(-1)),
]


@pytest.mark.parametrize(("spec", "x", "function"), CASES, ids=lambda v: type(v).__name__)
def test_values(spec: Any, x: Any, function: Any) -> None:
    expected = function(torch.from_numpy(x)).numpy()
    found = value(spec, x)
    assert found.shape == expected.shape == spec.output_shape(x.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize(("spec", "x", "function"), CASES, ids=lambda v: type(v).__name__)
def test_integers_and_booleans(spec: Any, x: Any, function: Any) -> None:
    if isinstance(spec, nn.Trace):
        return
    for dtype in (np.int32, bool):
        given = (3 * x).astype(dtype)
        found = value(spec, given)
        assert found.dtype == dtype and found.tolist() == function(torch.from_numpy(given)).tolist()
    assert spec.output_dtype("int32") == "int32" and spec.flops(x.shape) == 0


@pytest.mark.parametrize(
    ("spec", "shape", "words"),
    [
        (nn.Flip(0), (None, 3), "flip: axis 0 is the batch axis"),
        (nn.Roll(1, 2), (None, 3), "roll: axis 2 does not exist"),
        (nn.Tile((2, 2)), (None, 3), r"tile has 2 repeats for the axes behind the batch of \(batch, 3\)"),
        (nn.BroadcastTo((4,)), (None, 3), r"broadcast_to \[4\] does not fit input \(batch, 3\)"),
        (nn.BroadcastTo((4, 3)), (None, 3), "broadcast_to"),
        (nn.Tril(), (None, 3), "tril needs inputs of at least 3 axes"),
        (nn.Diagonal(3), (None, 3, 3), r"diagonal: input \(batch, 3, 3\) has no diagonal 3"),
        (nn.Trace(-3), (None, 3, 3), "trace: input"),
        (nn.Trace(), (None, None, 3), "both axes of the matrices of trace must have a known size"),
    ],
)
def test_shapes_that_do_not_fit(spec: Any, shape: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        spec.output_shape(shape)


def test_other_errors_and_work() -> None:
    with pytest.raises(SpecError, match="repeats"):
        nn.Tile(())
    with pytest.raises(ShapeError, match="Trace computes on floats, got int32 input"):
        nn.Trace().output_dtype("int32")
    assert nn.Trace(1).flops((2, 3, 3)) == 4
    assert nn.Tile((2,)).output_shape((None, None)) == (None, None)
