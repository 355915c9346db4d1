"""Normalized kernels against PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

RNG = np.random.default_rng(6)
X, KERNEL, BIAS = RNG.normal(size=(2, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)
U, SCALE = RNG.normal(size=3), RNG.normal(size=3)
VARIABLES = {"layer/kernel": KERNEL, "layer/bias": BIAS}


def _linear(torch: Any) -> Any:
    layer = torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(KERNEL.T))
        layer.bias.copy_(torch.from_numpy(BIAS))
    return layer


@pytest.mark.parametrize("steps", [1, 3])
def test_spectral_norm_in_training(steps: int) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = torch.nn.utils.spectral_norm(_linear(torch), n_power_iterations=steps)
    layer.weight_u.copy_(torch.from_numpy(U))
    expected = layer(torch.from_numpy(X)).detach().numpy()
    spec = nn.SpectralNorm(nn.Dense(3), n_steps=steps, stored_sigma=True)
    given = {**VARIABLES, "u": U, "sigma": np.array(1.7)}
    found = single(spec, X, variables=given, training=True)
    np.testing.assert_allclose(found.outputs["node"], expected, rtol=1e-12)
    np.testing.assert_allclose(found.updates["node/u"], layer.weight_u.numpy(), rtol=1e-12)
    assert set(found.updates) == {"node/u", "node/sigma"}
    sigma = found.updates["node/sigma"]
    np.testing.assert_allclose((X @ KERNEL) / sigma + BIAS, expected, rtol=1e-12)
    inference = value(spec, X, variables=given)
    np.testing.assert_allclose(inference, (X @ KERNEL) / 1.7 + BIAS, rtol=1e-12)


def test_spectral_norm_is_the_largest_singular_value() -> None:
    spec, largest = nn.SpectralNorm(nn.Dense(3), n_steps=100), np.linalg.svd(KERNEL)[1][0]
    found = single(spec, X, variables={**VARIABLES, "u": U}, training=True)
    np.testing.assert_allclose(found.outputs["node"], X @ KERNEL / largest + BIAS, rtol=1e-12)
    # In inference the stored u, of any length, is as good as it is.
    u = 5 * found.updates["node/u"]
    after = single(spec, X, variables={**VARIABLES, "u": u})
    np.testing.assert_allclose(after.outputs["node"], X @ KERNEL / largest + BIAS, rtol=1e-12)
    assert not after.updates
    v = KERNEL @ U
    rough = value(spec, X, variables={**VARIABLES, "u": U})
    np.testing.assert_allclose(rough, X @ KERNEL / (np.linalg.norm(v) / np.linalg.norm(U)) + BIAS, rtol=1e-12)


def test_a_kernel_of_zeros_stays() -> None:
    given = {"layer/kernel": 0 * KERNEL, "layer/bias": BIAS, "u": U}
    for training in (False, True):
        found = value(nn.SpectralNorm(nn.Dense(3)), X, variables=given, training=training)
        np.testing.assert_array_equal(found, np.broadcast_to(BIAS, found.shape))


def test_weight_norm() -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = torch.nn.utils.weight_norm(_linear(torch), dim=0)
    with torch.no_grad():
        layer.weight_g.copy_(torch.from_numpy(SCALE[:, None]))
    expected = layer(torch.from_numpy(X)).detach().numpy()
    spec = nn.WeightNorm(nn.Dense(3), epsilon=1e-300)
    np.testing.assert_allclose(value(spec, X, variables={**VARIABLES, "scale": SCALE}), expected, rtol=1e-12)
    lengths = np.sqrt((KERNEL**2).sum(0) + 0.5)
    plain = value(nn.WeightNorm(nn.Dense(3), use_scale=False, epsilon=0.5), X, variables=VARIABLES)
    np.testing.assert_allclose(plain, X @ (KERNEL / lengths) + BIAS, rtol=1e-12)


@pytest.mark.parametrize(
    ("axes", "shape", "summed"),
    [(-1, (3,), (0, 1)), (None, (), (0, 1, 2)), ((0, -1), (2, 3), (1,)), (1, (4,), (0, 2))],
)
def test_lengths_along_axes(axes: Any, shape: tuple[int, ...], summed: tuple[int, ...]) -> None:
    spec = nn.WeightNorm(nn.Conv(3, (2,)), axes, epsilon=1e-300)
    x, kernel, scale = RNG.normal(size=(2, 5, 4)), RNG.normal(size=(2, 4, 3)), RNG.normal(size=shape)
    assert spec.params(x.shape)["scale"].shape == shape
    found = value(spec, x, variables={"layer/kernel": kernel, "layer/bias": BIAS, "scale": scale})
    changed = kernel / np.sqrt((kernel**2).sum(summed, keepdims=True)) * np.expand_dims(scale, summed)
    np.testing.assert_allclose(found, value(spec.layer, x, variables={"kernel": changed, "bias": BIAS}), rtol=1e-12)


def test_variables_and_work() -> None:
    spec = nn.SpectralNorm(nn.Conv(3, (2,)), stored_sigma=True)
    found = spec.params((None, 5, 4))
    assert {name: param.shape for name, param in found.items()} == {
        "layer/kernel": (2, 4, 3),
        "layer/bias": (3,),
        "u": (3,),
        "sigma": (),
    }
    assert found["layer/kernel"].decay and found["u"].kind == found["sigma"].kind == "statistic"
    assert spec.output_shape((None, 5, 4)) == spec.layer.output_shape((None, 5, 4))
    assert spec.flops((1, 5, 4)) == spec.layer.flops((1, 5, 4)) + 24
    assert nn.SpectralNorm(nn.Dense(3)).flops((1, 4)) == nn.Dense(3).flops((1, 4)) + 60
    assert nn.WeightNorm(nn.Dense(3)).flops((1, 4)) == nn.Dense(3).flops((1, 4)) + 36


def test_errors() -> None:
    with pytest.raises(ShapeError, match=r"SpectralNorm normalizes the kernel of Dense, DenseGeneral.*, got LayerNorm"):
        nn.SpectralNorm(nn.LayerNorm()).params((None, 4))
    with pytest.raises(ShapeError, match="got LSTM"):
        nn.WeightNorm(nn.LSTM(3)).output_shape((None, 5, 4))
    with pytest.raises(ShapeError, match=r"WeightNorm: axis 2 does not exist in the kernel \[4, 3\]"):
        nn.WeightNorm(nn.Dense(3), 2).params((None, 4))
    with pytest.raises(SpecError, match="name the layer around it"):
        nn.WeightNorm(nn.Dense(3, name="inner"))
    with pytest.raises(ShapeError, match="Dense computes on floats, got int32 input"):
        nn.WeightNorm(nn.Dense(3)).output_dtype("int32")
