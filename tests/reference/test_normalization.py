"""Norms against PyTorch and against their formulas in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import nnspec as nn
from tests.reference.single import single, value

RNG = np.random.default_rng(2)


def variables(features: int) -> dict[str, np.ndarray]:
    return {
        "scale": RNG.normal(1, 0.5, features),
        "bias": RNG.normal(size=features),
        "mean": RNG.normal(size=features),
        "var": RNG.uniform(0.3, 2.0, features),
    }


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm(training: bool) -> None:
    torch = pytest.importorskip("torch")
    x, v = RNG.normal(0.7, 2.0, (7, 4, 3)), variables(3)
    found = single(nn.BatchNorm(momentum=0.8, epsilon=1e-3), x, variables=v, training=training)
    mean, var, scale, bias = (torch.from_numpy(v[n].copy()) for n in ("mean", "var", "scale", "bias"))
    channels_first = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
    expected = torch.nn.functional.batch_norm(channels_first, mean, var, scale, bias, training, 0.2, 1e-3).numpy()
    np.testing.assert_allclose(found.outputs["node"], np.moveaxis(expected, 1, -1), rtol=1e-12, atol=1e-14)
    if not training:
        assert found.updates == {}
        return
    # PyTorch keeps the unbiased variance: n/(n − 1) of the biased one.
    np.testing.assert_allclose(found.updates["node/mean"], mean.numpy(), rtol=1e-13)
    np.testing.assert_allclose(found.updates["node/var"], 0.8 * v["var"] + 0.2 * x.var((0, 1)), rtol=1e-13)
    np.testing.assert_allclose((var.numpy() - 0.8 * v["var"]) / 0.2 * 27 / 28, x.var((0, 1)), rtol=1e-12)


def test_running_statistics_by_hand() -> None:
    x = [[Fraction(1), Fraction(-2)], [Fraction(4), Fraction(6)], [Fraction(7), Fraction(5)]]
    v = {"scale": [2.0, 0.5], "bias": [0.25, -1.0], "mean": [0.5, -0.5], "var": [2.0, 4.0]}
    found = single(nn.BatchNorm(momentum=0.75), np.array(x, float), variables=v, training=True)
    for i in range(2):
        column = [row[i] for row in x]
        mean = sum(column) / 3
        var = sum((c - mean) ** 2 for c in column) / 3
        assert found.updates["node/mean"][i] == pytest.approx(
            float(Fraction(v["mean"][i]) * 3 / 4 + mean / 4), rel=1e-15
        )
        assert found.updates["node/var"][i] == pytest.approx(float(Fraction(v["var"][i]) * 3 / 4 + var / 4), rel=1e-15)


@pytest.mark.parametrize("layer", [nn.BatchNorm, nn.LayerNorm])
@pytest.mark.parametrize(("use_scale", "use_bias"), [(True, False), (False, True), (False, False)])
def test_without_scale_or_bias(layer: type, use_scale: bool, use_bias: bool) -> None:
    x, v = RNG.normal(size=(6, 4)), variables(4)
    if layer is nn.LayerNorm:
        del v["mean"], v["var"]
    whole = value(layer(), x, variables=v, training=True)
    if not use_scale:
        whole = (whole - v["bias"]) / v["scale"] + v["bias"]
        del v["scale"]
    if not use_bias:
        whole = whole - v["bias"]
        del v["bias"]
    part = value(layer(use_scale=use_scale, use_bias=use_bias), x, variables=v, training=True)
    np.testing.assert_allclose(part, whole, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8)])
@pytest.mark.parametrize("training", [False, True])
def test_layer_norm(shape: tuple[int, ...], training: bool) -> None:
    torch = pytest.importorskip("torch")
    x, v = RNG.normal(-1.5, 3.0, shape), variables(8)
    scale, bias = torch.from_numpy(v["scale"]), torch.from_numpy(v["bias"])
    expected = torch.nn.functional.layer_norm(torch.from_numpy(x), (8,), scale, bias, 1e-2).numpy()
    found = single(nn.LayerNorm(epsilon=1e-2), x, variables={"scale": v["scale"], "bias": v["bias"]}, training=training)
    np.testing.assert_allclose(found.outputs["node"], expected, rtol=1e-12, atol=1e-14)
    assert found.updates == {}


@pytest.mark.parametrize("layer", [nn.BatchNorm, nn.LayerNorm])
def test_a_large_mean_does_not_cancel_in_float32(layer: type) -> None:
    """With E[x²] − E[x]² a mean of 1000 leaves an error of some 0.06."""
    x = RNG.normal(1e3, 1.0, (64, 16)).astype(np.float32)
    spec = layer(use_scale=False, use_bias=False)
    v = {"mean": np.zeros(16), "var": np.ones(16)} if layer is nn.BatchNorm else {}
    found = single(spec, x, variables=v, training=True, dtype=np.float32)
    axis = 0 if layer is nn.BatchNorm else -1
    wide = x.astype(np.float64)
    exact = (wide - wide.mean(axis, keepdims=True)) / np.sqrt(wide.var(axis, keepdims=True) + spec.epsilon)
    assert found.outputs["node"].dtype == np.float32
    assert {u.dtype for u in found.updates.values()} <= {np.dtype(np.float32)}
    np.testing.assert_allclose(found.outputs["node"], exact, atol=5e-4)
