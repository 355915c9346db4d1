"""Norms against PyTorch and against their formulas in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference.derivative import gradient
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


@pytest.mark.parametrize(("r_max", "d_max"), [(3.0, 5.0), (1.1, 0.2), (1.0, 0.0)])
def test_batch_renorm(r_max: float, d_max: float) -> None:
    """Values, statistics and gradients by PyTorch's automatic differentiation, and by differences."""
    torch = pytest.importorskip("torch")
    x, v, upstream = RNG.normal(0.7, 2.0, (7, 4, 3)), variables(3), RNG.normal(size=(7, 4, 3))
    v["stddev"] = np.sqrt(v.pop("var"))
    spec = nn.BatchRenorm(momentum=0.8, epsilon=1e-3, r_max=r_max, d_max=d_max)
    t, given = torch.from_numpy(x).requires_grad_(), {name: torch.from_numpy(array) for name, array in v.items()}
    m, s = t.mean((0, 1)), (t.var((0, 1), correction=0) + 1e-3).sqrt()
    with torch.no_grad():
        r = (s / given["stddev"]).clip(1 / r_max, r_max)
        d = ((m - given["mean"]) / given["stddev"]).clip(-d_max, d_max)
    y = ((t - m) / s * r + d) * given["scale"] + given["bias"]
    y.backward(torch.from_numpy(upstream))
    found = single(spec, x, variables=v, training=True)
    np.testing.assert_allclose(found.outputs["node"], y.detach().numpy(), rtol=1e-12, atol=1e-13)
    for name, batch in ("mean", m), ("stddev", s):
        expected = 0.8 * v[name] + 0.2 * batch.detach().numpy()
        np.testing.assert_allclose(found.updates[f"node/{name}"], expected, rtol=1e-13)
    constants: dict[str, Any] = {}

    def total(x: Any) -> float:
        run = single(spec, x, variables=v, training=True, constants=constants)
        return float((run.outputs["node"] * upstream).sum())

    total(x)
    np.testing.assert_allclose(gradient(total, x), t.grad.numpy(), rtol=1e-8, atol=1e-9)
    norm = {**v, "var": v["stddev"] ** 2 - 1e-3}
    plain = {name: norm[name] for name in ("scale", "bias", "mean", "var")}
    if r_max == 1:  # that of BatchNorm
        np.testing.assert_allclose(
            found.outputs["node"], value(nn.BatchNorm(epsilon=1e-3), x, variables=plain, training=True), rtol=1e-12
        )
    inference = value(spec, x, variables=v)
    np.testing.assert_allclose(inference, value(nn.BatchNorm(epsilon=1e-3), x, variables=plain), rtol=1e-12)


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


@pytest.mark.parametrize(("axes", "first"), [(-1, 3), ((1, 2, 3), 1), ((-1, 2), 2)])
def test_norms_over_several_axes(axes: int | tuple[int, ...], first: int) -> None:
    """PyTorch normalizes over the last axes of a shape."""
    torch = pytest.importorskip("torch")
    x = RNG.normal(0.5, 2.0, (3, 4, 2, 5))
    shape = x.shape[first:]
    scale, bias = RNG.normal(1, 0.5, shape), RNG.normal(size=shape)
    given = [torch.from_numpy(v) for v in (x, scale, bias)]
    found = value(nn.LayerNorm(epsilon=1e-2, axes=axes), x, variables={"scale": scale, "bias": bias})
    expected = torch.nn.functional.layer_norm(given[0], shape, *given[1:], 1e-2).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    found = value(nn.RMSNorm(epsilon=1e-2, axes=axes), x, variables={"scale": scale})
    np.testing.assert_allclose(found, torch.nn.functional.rms_norm(given[0], shape, given[1], 1e-2).numpy(), rtol=1e-12)
    plain = value(nn.RMSNorm(epsilon=1e-2, axes=axes, use_scale=False), x)
    np.testing.assert_allclose(plain, torch.nn.functional.rms_norm(given[0], shape, None, 1e-2).numpy(), rtol=1e-12)


@pytest.mark.parametrize("layer", [nn.LayerNorm, nn.RMSNorm])
def test_an_axis_in_the_middle_is_the_last_one_of_a_turned_input(layer: type) -> None:
    x, v = RNG.normal(size=(3, 4, 2, 5)), variables(4)
    given = {name: v[name] for name in ("scale", "bias") if hasattr(layer(), f"{name}_init")}
    turned = value(layer(), np.moveaxis(x, 1, -1), variables=given)
    np.testing.assert_allclose(value(layer(axes=1), x, variables=given), np.moveaxis(turned, -1, 1), rtol=1e-13)


@pytest.mark.parametrize(
    ("axes", "reason"), [(0, "is the batch axis"), (3, "does not exist"), ((1, -2), "names? an axis .* twice")]
)
def test_axes_that_cannot_be_normalized_over(axes: int | tuple[int, ...], reason: str) -> None:
    for layer in (nn.LayerNorm, nn.RMSNorm):
        with pytest.raises(nn.ShapeError, match=reason):
            layer(axes=axes).params((None, 2, 4))


@pytest.mark.parametrize(
    ("layer", "groups"), [(nn.GroupNorm(3, epsilon=1e-2), 3), (nn.GroupNorm(group_size=3, epsilon=1e-2), 2)]
)
@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 6), (2, 3, 2, 6)])
def test_group_norm(layer: nn.GroupNorm, groups: int, shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x, v = RNG.normal(0.5, 2.0, shape), variables(6)
    scale, bias = (torch.from_numpy(v[n]) for n in ("scale", "bias"))
    channels_first = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
    expected = torch.nn.functional.group_norm(channels_first, groups, scale, bias, 1e-2).numpy()
    found = value(layer, x, variables={"scale": v["scale"], "bias": v["bias"]}, training=True)
    np.testing.assert_allclose(found, np.moveaxis(expected, 1, -1), rtol=1e-12, atol=1e-14)
    assert value(layer, x[:0], variables={"scale": v["scale"], "bias": v["bias"]}).shape == (0, *shape[1:])


def test_groups_are_32_unless_given() -> None:
    assert nn.GroupNorm().groups((None, 64)) == 32
    assert nn.GroupNorm(group_size=16).groups((None, 64)) == 4
    with pytest.raises(nn.ShapeError, match="24 channels cannot be divided by 32 groups"):
        nn.GroupNorm().output_shape((None, 24))
    with pytest.raises(nn.ShapeError, match="6 channels cannot be divided by 4 channels in a group"):
        nn.GroupNorm(group_size=4).output_shape((None, 6))
    with pytest.raises(nn.SpecError, match="num_groups or group_size, not both"):
        nn.GroupNorm(2, group_size=3)


@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 3, 2, 6)])
def test_instance_norm(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x, v = RNG.normal(0.5, 2.0, shape), variables(6)
    given = {"weight": torch.from_numpy(v["scale"]), "bias": torch.from_numpy(v["bias"])}
    channels_first = torch.from_numpy(np.moveaxis(x, -1, 1).copy())
    expected = torch.nn.functional.instance_norm(channels_first, eps=1e-2, **given).numpy()
    found = value(nn.InstanceNorm(epsilon=1e-2), x, variables={"scale": v["scale"], "bias": v["bias"]}, training=True)
    np.testing.assert_allclose(found, np.moveaxis(expected, 1, -1), rtol=1e-12, atol=1e-14)
    with pytest.raises(nn.ShapeError, match="needs an axis between batch and channels"):
        nn.InstanceNorm().output_shape((None, 6))


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_of_features_in_another_axis(training: bool) -> None:
    x, v = RNG.normal(0.7, 2.0, (7, 4, 3)), variables(4)
    turned = single(nn.BatchNorm(momentum=0.8), np.moveaxis(x, 1, -1), variables=v, training=training)
    found = single(nn.BatchNorm(momentum=0.8, axis=1), x, variables=v, training=training)
    np.testing.assert_allclose(found.outputs["node"], np.moveaxis(turned.outputs["node"], -1, 1), rtol=1e-12)
    assert found.updates.keys() == turned.updates.keys()
    for name, update in found.updates.items():
        np.testing.assert_allclose(update, turned.updates[name], rtol=1e-13)


def test_frozen_statistics_are_those_of_inference() -> None:
    x, v = RNG.normal(0.7, 2.0, (7, 3)), variables(3)
    found = single(nn.BatchNorm(use_running_average=True), x, variables=v, training=True)
    np.testing.assert_array_equal(found.outputs["node"], value(nn.BatchNorm(), x, variables=v))
    assert found.updates == {}


@pytest.mark.parametrize("axes", [-1, 1])
def test_unit_norm(axes: int) -> None:
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=(4, 3, 5))
    x[0], x[1] = 0.0, x[1] * 1e-3
    expected = torch.nn.functional.normalize(torch.from_numpy(x), dim=axes, eps=0.01).numpy()
    np.testing.assert_allclose(value(nn.UnitNorm(axes, epsilon=0.01), x), expected, rtol=1e-14)


def test_unit_norm_over_several_axes() -> None:
    x = RNG.normal(size=(4, 3, 5))
    norms = np.linalg.norm(x.reshape(4, -1), axis=1)
    np.testing.assert_allclose(value(nn.UnitNorm((1, 2)), x), x / norms[:, None, None], rtol=1e-14)
