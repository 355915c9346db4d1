"""The gradient of spectral normalization where u and v have not converged: they are constants for it."""

from __future__ import annotations

import numpy as np

import nnspec as nn
from nnspec.backends import Backend

RNG = np.random.default_rng(6)
X, KERNEL, U = RNG.normal(size=(2, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)
COTANGENT = RNG.normal(size=(2, 3))


def test_gradient_of_one_step(backend: Backend) -> None:
    model = nn.Sequential([nn.SpectralNorm(nn.Dense(3, use_bias=False))], [4])
    net = backend.build(model, dtype="float64", seed=0)
    net.assign({"spectral_norm/layer/kernel": KERNEL, "spectral_norm/u": U})
    v = KERNEL @ U / np.linalg.norm(KERNEL @ U)
    u = v @ KERNEL / np.linalg.norm(v @ KERNEL)
    sigma = v @ KERNEL @ u
    found = net.gradients({"input": X}, {"spectral_norm": COTANGENT}, training=True)
    by_kernel = X.T @ COTANGENT
    # Of W/σ: the derivative by σ, −W/σ², times that of σ, which is v uᵀ.
    wanted = by_kernel / sigma - (by_kernel * KERNEL).sum() / sigma**2 * np.outer(v, u)
    np.testing.assert_allclose(found.parameters["spectral_norm/layer/kernel"], wanted, rtol=1e-10)
    assert "spectral_norm/u" not in found.parameters
    net.forward({"input": X}, training=True)
    np.testing.assert_allclose(net.variables()["spectral_norm/u"], u, rtol=1e-10)
    np.testing.assert_array_equal(net.variables()["spectral_norm/layer/kernel"], KERNEL)
