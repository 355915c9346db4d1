"""Optimizers that treat axes apart against PyTorch's, Optax's and singular values, and slots of other shapes."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.reference import optimizers
from tests.reference.updates import (
    PARAMETERS,
    RATE,
    agree,
    check_against_optax,
    check_against_pytorch,
    check_type,
    optimizers_of,
    trajectory,
)


def _sm3(optax: Any, rate: Any, **options: Any) -> Any:
    return optax.chain(optax.scale_by_sm3(**options), optax.scale_by_learning_rate(rate))


def _adafactor(optax: Any, rate: Any, decay_rate: float, size: int, epsilon: float, threshold: float) -> Any:
    """``optax.adafactor`` with the decay in float64, where it has float32 in any case."""
    decay = lambda count, exponent: 1.0 - (count + 1.0) ** -exponent  # noqa: E731
    return optax.chain(
        optax.scale_by_factored_rms(True, decay_rate, 0, size, epsilon, decay_rate_fn=decay),
        optax.clip_by_block_rms(threshold),
        optax.scale_by_learning_rate(rate),
        optax.scale_by_param_block_rms(0.01),
    )


def _muon(optax: Any, rate: Any, **options: Any) -> Any:
    return importlib.import_module("optax.contrib").muon(rate, nesterov=False, **options)


ADAFACTOR = {"decay_rate": 0.7, "size": 3, "epsilon": 1e-6, "threshold": 0.4}
OPTAX: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "sm3": (nn.SM3(RATE, 0.8, 1e-6), _sm3, {"b1": 0.8, "eps": 1e-6}),
    "adafactor": (nn.Adafactor(RATE, 0.7, 1e-6, 0.01, 0.4, False), _adafactor, ADAFACTOR),
    "adafactor, not factored": (
        nn.Adafactor(RATE, 0.7, 1e-6, 0.01, 0.4, False, min_size_to_factor=4),
        _adafactor,
        {**ADAFACTOR, "size": 4},
    ),
    # Its momentum is an average with a correction, which is lost in the norm: but for epsilon, it is the same.
    "muon": (
        nn.Muon(RATE, 0.8, False, 4, epsilon=1e-300, b1=0.85, b2=0.98, adam_epsilon=1e-300, weight_decay=0.3),
        _muon,
        {"beta": 0.8, "ns_steps": 4, "eps": 1e-300, "adam_b1": 0.85, "adam_b2": 0.98}
        | {"weight_decay": 0.3, "adam_weight_decay": 0.3},
    ),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax_computes_the_same(name: str) -> None:
    check_against_optax(*OPTAX[name])


def test_pytorch_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its epsilon is a bound of v, not a part of it: they coincide without.
    spec = nn.Adafactor(RATE, 0.7, 1e-300, 0.01, 1.2, weight_decay=0.3)
    options = {"beta2_decay": -0.7, "eps": (1e-150, 0.01), "d": 1.2, "weight_decay": 0.3}
    check_against_pytorch(spec, "Adafactor", options, monkeypatch)


def test_axes_that_are_factored() -> None:
    last, largest = nn.Adafactor(), nn.Adafactor(axes="largest")
    assert (last.factored((4, 2, 3)), largest.factored((4, 2, 3))) == ((1, 2), (2, 0))
    assert largest.factored((2, 2, 2)) == (1, 2)  # of equal ones, the last
    assert last.factored((5,)) is last.factored(()) is None
    assert nn.Adafactor(min_size_to_factor=3).factored((2, 9)) is None
    assert {k: s.shape for k, s in largest.slots_of("w", (4, 2, 3)).items()} == {"row": (2, 3), "column": (4, 2)}


def test_v_of_equal_rows_is_exact() -> None:
    """Where g² is a product of a row's and a column's, the factors lose nothing: the first direction is sign(g)."""
    g = np.outer([1.0, -2.0, 0.5], [3.0, 0.25]) * 1e3
    spec = nn.Adafactor(0.5, scale_parameter=False)
    found, _ = optimizers.update(spec, {"w": np.zeros((3, 2))}, {"w": g}, optimizers.init(spec, {"w": g}), 0)
    np.testing.assert_allclose(found["w"], -0.5 * np.sign(g), rtol=1e-12)


def test_sums_of_sm3() -> None:
    """Anil et al. 2019, SM3-II by hand: the smaller of a row's and a column's sum, and then the largest of them."""
    spec, w = nn.SM3(1.0, 0.0, 0.0), {"w": np.zeros((2, 2))}
    slots = optimizers.init(spec, w)
    assert [x.shape for x in slots["w"].values()] == [(2, 2), (2,), (2,)]
    w, slots = optimizers.update(spec, w, {"w": np.array([[1.0, 2.0], [0.0, 3.0]])}, slots, 0)
    assert slots["w"]["accumulator_0"].tolist() == [4.0, 9.0] and slots["w"]["accumulator_1"].tolist() == [1.0, 9.0]
    assert w["w"].tolist() == [[-1.0, -1.0], [0.0, -1.0]]
    w, slots = optimizers.update(spec, w, {"w": np.array([[2.0, 0.0], [1.0, 4.0]])}, slots, 1)
    # s = [[min(4, 1) + 4, min(4, 9)], [min(9, 1) + 1, 9 + 16]]
    assert slots["w"]["accumulator_0"].tolist() == [5.0, 25.0] and slots["w"]["accumulator_1"].tolist() == [5.0, 25.0]
    np.testing.assert_allclose(w["w"], [[-1 - 2 / 5**0.5, -1.0], [-(0.5**0.5), -1.8]], rtol=1e-15)
    assert optimizers.init(spec, {"w": np.zeros(())})["w"]["accumulator_0"].shape == ()


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_acts_on_singular_values(shape: tuple[int, int], nesterov: bool) -> None:
    """O(U S Vᵀ) is U p(p(…S…)) Vᵀ with p(x) = ax + bx³ + cx⁵."""
    spec, rng = nn.Muon(0.5, 0.75, nesterov), np.random.default_rng(4)
    a, b, c = spec.coefficients
    w, m = {"w": rng.normal(size=shape)}, np.zeros(shape)
    slots, expected = optimizers.init(spec, w), w["w"].copy()
    for step in range(4):
        g = rng.normal(size=shape)
        m = 0.75 * m + g
        u, s, vt = np.linalg.svd(g + 0.75 * m if nesterov else m, full_matrices=False)
        s = s / (np.linalg.norm(s) + 1e-7)
        for _ in range(5):
            s = a * s + b * s**3 + c * s**5
        expected -= 0.5 * max(1, shape[1] / shape[0]) ** 0.5 * u @ np.diag(s) @ vt
        w, slots = optimizers.update(spec, w, {"w": g}, slots, step)
    np.testing.assert_allclose(w["w"], expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("scaling", "expected"), [("shape", 2.0), ("rms", 0.3 * 8**0.5), ("none", 1.0)])
def test_scales_of_muon(scaling: Any, expected: float) -> None:
    assert nn.Muon(scaling=scaling, rms=0.3).scale(2, 8) == pytest.approx(expected, rel=1e-15)
    assert nn.Muon().scale(8, 2) == 1.0


def test_muon_is_adam_for_all_else() -> None:
    spec = nn.Muon(RATE, exclude=("kernel$",), adam_ratio=0.5, b1=0.85, b2=0.98, adam_epsilon=1e-6, epsilon_mode="hat")
    assert set(spec.slots_of("dense/bias", (3,))) == set(spec.slots_of("dense/kernel", (3, 4))) == {"m", "v"}
    assert set(spec.slots_of("dense/table", (3, 4))) == {"m"}
    whole, _ = trajectory(nn.Adam(RATE, 0.85, 0.98, 1e-6, "hat"))
    agree(trajectory(spec)[0], {name: (w + PARAMETERS[name]) / 2 for name, w in whole.items()})


def test_patterns_must_be_patterns() -> None:
    with pytest.raises(SpecError, match=r"'\(' is no regular expression"):
        nn.Muon(exclude=("fine", "("))


def test_every_optimizer_is_tested() -> None:
    assert optimizers_of("nnspec.factored") == {type(spec) for spec, *_ in OPTAX.values()}


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("spec", [nn.SM3(RATE), nn.Adafactor(RATE), nn.Muon(RATE)], ids=str)
def test_other_types_keep_their_type(spec: Any, dtype: str) -> None:
    check_type(spec, dtype)


def test_gradients_of_nothing_move_nothing() -> None:
    for spec in (nn.SM3(0.5), nn.Adafactor(0.5), nn.Muon(0.5)):
        w = {"kernel": np.ones((3, 2)), "bias": np.ones(3)}
        zero = {name: np.zeros_like(x) for name, x in w.items()}
        found, _ = optimizers.update(spec, w, zero, optimizers.init(spec, w), 0)
        for name, x in w.items():
            np.testing.assert_array_equal(found[name], x)
