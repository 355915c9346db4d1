"""The point nearby of SAM against Optax's and the paper's formulas, and training with it against both by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference import optimizers
from nnspec.reference.wrappers import perturbed
from tests.reference.updates import PARAMETERS, RATE, agree, trajectory

CURVATURE = {name: np.linspace(0.2, 3.0, w.size).reshape(w.shape) for name, w in PARAMETERS.items()}


def slope(w: Any) -> dict[str, Any]:
    """The gradient of Σ c·w⁴/4 − w."""
    return {name: c * w[name] ** 3 - 1 for name, c in CURVATURE.items()}


def path(spec: nn.SAM, updates: int) -> dict[str, Any]:
    w: Any = dict(PARAMETERS)
    slots = optimizers.init(spec, w)
    for step in range(updates):
        w, slots = optimizers.update(spec, w, slope(perturbed(spec, w, slope(w))), slots, step)
    return w


def test_sam_of_optax() -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    contrib = pytest.importorskip("optax.contrib")
    with jax.enable_x64(True):
        nearby = optax.chain(contrib.normalize(), optax.sgd(0.3))
        rule = contrib.sam(optax.sgd(0.02, 0.9), nearby, opaque_mode=True)
        w: Any = {name: jax.numpy.asarray(x) for name, x in PARAMETERS.items()}
        state = rule.init(w)
        for _ in range(20):
            changes, state = rule.update(slope(w), state, w, grad_fn=lambda at, _: slope(at))
            w = optax.apply_updates(w, changes)
    agree(path(nn.SAM(nn.Momentum(0.02, 0.9), 0.3), 20), {name: np.asarray(x) for name, x in w.items()})


def test_the_point_nearby_of_adaptive_sam() -> None:
    """Kwon et al. 2021, eq. 8: ρ · T²∇L/‖T∇L‖ with T = |w| + η, over all weights as one vector."""
    w, g = (np.concatenate([x[name].ravel() for name in PARAMETERS]) for x in (PARAMETERS, slope(PARAMETERS)))
    t = np.diag(np.abs(w) + 0.1)
    expected = w + 0.5 * (t @ t @ g) / np.linalg.norm(t @ g)
    found = perturbed(nn.SAM(rho=0.5, adaptive=True, eta=0.1), PARAMETERS, slope(PARAMETERS))
    np.testing.assert_allclose(np.concatenate([x.ravel() for x in found.values()]), expected, rtol=1e-14)


def test_it_is_rho_away() -> None:
    found = perturbed(nn.SAM(rho=0.25), PARAMETERS, slope(PARAMETERS))
    away = [found[name] - w for name, w in PARAMETERS.items()]
    assert np.sqrt(sum((x**2).sum() for x in away)) == pytest.approx(0.25, rel=1e-13)


@pytest.mark.parametrize("adaptive", [False, True])
def test_without_a_gradient_it_stays(adaptive: bool) -> None:
    found = perturbed(nn.SAM(adaptive=adaptive), PARAMETERS, {name: 0 * w for name, w in PARAMETERS.items()})
    for name, w in PARAMETERS.items():
        np.testing.assert_array_equal(found[name], w)


def test_half_precision_is_rounded_once() -> None:
    w = {name: x.astype(np.float16) for name, x in PARAMETERS.items()}
    g = {name: x.astype(np.float16) for name, x in slope(PARAMETERS).items()}
    found = perturbed(nn.SAM(rho=1.0), w, g)
    exact = perturbed(nn.SAM(rho=1.0), *({n: x.astype(np.float64) for n, x in each.items()} for each in (w, g)))
    for name, x in found.items():
        assert x.dtype == np.float16
        np.testing.assert_array_equal(x, exact[name].astype(np.float16))


def test_given_gradients_it_is_the_optimizer_within() -> None:
    found, slots = trajectory(nn.SAM(nn.AdamW(RATE)))
    expected, held = trajectory(nn.AdamW(RATE))
    for name in PARAMETERS:
        np.testing.assert_array_equal(found[name], expected[name])
        np.testing.assert_array_equal(slots[name]["v"], held[name]["v"])
