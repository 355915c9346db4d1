"""Convolutions: Flax's own module, and channels that stay apart in groups of one."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference.model import run
from tests.jax.models import randomized

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
nnx = pytest.importorskip("flax.nnx")
loops_well = pytest.importorskip("nnspec_jax.compilation").loops_well


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_layer_is_flaxs(groups: int) -> None:
    native = nn.backend("jax").build(nn.Sequential([nn.Conv(4, (3,), groups=groups)], [6, 4])).native
    assert isinstance(native.layers["conv"], nnx.Conv)
    assert native.layers["conv"].kernel.shape == (3, 4 // groups, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_channel(bad: float) -> None:
    net = randomized(nn.Sequential([nn.Conv(8, (3, 3), groups=4)], [5, 5, 4]), "float32")
    x = np.random.default_rng(0).normal(size=(1, 5, 5, 4)).astype(np.float32)
    x[0, 2, 2, 1] = bad
    found = net.forward({"input": x})["conv"]
    np.testing.assert_array_equal(np.isfinite(found).all((0, 1, 2)), [True, True, False, False, *[True] * 4])
    expected = run(net.model, net.variables(), {"input": x}, dtype=np.float32).outputs["conv"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


LAYERS = [
    nn.Conv(4, (3,)),
    nn.ConvTranspose(4, (3,)),
    nn.DepthwiseConv((3,)),
    nn.DepthwiseConv((2,), 3, 2, "valid", activation="tanh"),
    nn.SeparableConv(4, (3,)),
    nn.ConvLSTM(2, (3,)),
    nn.TimeDistributed(nn.Conv(4, (3,))),
    nn.TimeDistributed(nn.DepthwiseConv((3,))),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_convolutions_are_those_that_the_compilers_switches_see(layer: nn.Layer, channels: int) -> None:
    time = (2,) if isinstance(layer, nn.ConvLSTM | nn.TimeDistributed) else ()
    net = randomized(nn.Sequential([layer], [*time, 6, channels]), "float32")
    x = np.random.default_rng(0).normal(size=(2, *time, 6, channels)).astype(np.float32)
    program = jax.jit(lambda x: net.native(x)).lower(x).as_text()
    assert ("stablehlo.convolution" in program) == (not loops_well(net.model, "cpu"))
    (found,) = net.forward({"input": x}).values()
    (expected,) = run(net.model, net.variables(), {"input": x}, dtype=np.float32).outputs.values()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
