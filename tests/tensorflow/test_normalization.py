"""Normalization: as exact in float32 for data of a large mean as the reference, and in Keras's own classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nnspec as nn
from nnspec.reference.model import run
from tests.tensorflow.models import check_second_derivatives, randomized

keras = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed").keras


@pytest.mark.parametrize("layer", [nn.BatchNorm(), nn.LayerNorm()])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_large_mean_cancels_nothing(layer: nn.BatchNorm | nn.LayerNorm, training: bool, compiled: bool) -> None:
    rng = np.random.default_rng(1)
    net = randomized(nn.Sequential([layer], input=[40]), "float32")
    name = net.model.outputs[0]
    if isinstance(layer, nn.BatchNorm):
        net.assign({f"{name}/mean": rng.normal(1000, 0.3, 40), f"{name}/var": rng.uniform(0.5, 2, 40)})
    x = {"input": rng.normal(1000, 1, (64, 40)).astype(np.float32)}
    state = net.variables()
    exact = run(net.model, state, x, training=training, dtype=np.float64).outputs[name]
    reference = run(net.model, state, x, training=training, dtype=np.float32).outputs[name]
    unavoidable = max(abs(reference - exact).max(), np.spacing(np.float32(abs(exact).max())))
    assert abs(net.forward(x, training=training, compiled=compiled)[name] - exact).max() <= 4 * unavoidable


def test_a_large_mean_cancels_nothing_beside_convolutions() -> None:
    """Where the model is a graph of kernels, TensorFlow's own kernel normalizes: outputs and statistics."""
    rng = np.random.default_rng(2)
    image = nn.symbol([6, 5, 3], "image")
    normed = nn.BatchNorm(momentum=0.3)(image)
    model = nn.Model(inputs=image, outputs=[normed, nn.Conv(2, (3, 3))(normed)])
    net = randomized(model, "float32")
    x, state = {"image": rng.normal(1000, 1, (4, 6, 5, 3)).astype(np.float32)}, net.variables()
    exact, reference = (run(model, state, x, training=True, dtype=dtype) for dtype in (np.float64, np.float32))
    found = net.forward(x, training=True)
    for name, expected in {**exact.outputs, **exact.updates}.items():
        made = found[name] if name in found else net.variables()[name]
        rounded = {**reference.outputs, **reference.updates}[name]
        unavoidable = max(abs(rounded - expected).max(), np.spacing(np.float32(abs(expected).max())))
        assert abs(made - expected).max() <= 4 * unavoidable, name


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("layer", [nn.BatchNorm(), nn.LayerNorm()])
def test_second_derivatives(layer: nn.Layer, compiled: bool) -> None:
    """Gradients are written out, and are to be differentiable like any others."""
    net = randomized(nn.Sequential([nn.Dense(4), layer, nn.Dense(3)], input=[5, 3]), "float64")
    x = np.random.default_rng(4).normal(size=(4, 5, 3))
    check_second_derivatives(net, x, compiled=compiled, training=True)


def test_the_layers_are_kerass() -> None:
    native = nn.backend("tensorflow").build(nn.Sequential([nn.BatchNorm(), nn.LayerNorm()], input=[3])).native
    _, batch, layer = native.layers
    assert isinstance(batch, keras.layers.BatchNormalization)
    assert isinstance(layer, keras.layers.LayerNormalization)
    assert [w.name for w in batch.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]


def test_a_frozen_layer_uses_and_keeps_its_statistics() -> None:
    # trainable=False means inference mode, as everywhere in Keras.
    net = randomized(nn.Sequential([nn.BatchNorm()], input=[3]), "float64")
    x = np.random.default_rng(0).normal(size=(5, 3))
    expected, before = net.forward({"input": x})["batch_norm"], net.variables()
    net.native.get_layer("batch_norm").trainable = False
    np.testing.assert_allclose(net.native(x, training=True).numpy(), expected, rtol=1e-13)
    for name in ("batch_norm/mean", "batch_norm/var"):
        np.testing.assert_array_equal(net.variables()[name], before[name])


def test_a_shared_layer_meets_inputs_of_other_ranks() -> None:
    norm = nn.BatchNorm()
    flat, sequence = nn.symbol([4], "flat"), nn.symbol([3, 4], "sequence")
    model = nn.Model(inputs=[flat, sequence], outputs=[norm(flat), norm(sequence)])
    net = randomized(model, "float64")
    rng = np.random.default_rng(0)
    given = {"flat": rng.normal(size=(5, 4)), "sequence": rng.normal(size=(5, 3, 4))}
    for training in (False, True):
        expected = run(model, net.variables(), given, training=training)
        for name, x in net.forward(given, training=training).items():
            np.testing.assert_allclose(x, expected.outputs[name], rtol=1e-12, atol=1e-13)
    for name, x in expected.updates.items():  # of both calls, one after the other
        np.testing.assert_allclose(net.variables()[name], x, rtol=1e-13)


@pytest.mark.parametrize(
    "norm", [nn.GroupNorm(2), nn.RMSNorm(axes=(-1, -2)), nn.LayerNorm(axes=(-1, -2)), nn.Dropout(0.4, (-1,))]
)
def test_axes_are_those_of_each_input(norm: nn.Layer) -> None:
    small, large = nn.symbol([3, 4], "small"), nn.symbol([2, 3, 4], "large")
    model = nn.Model(inputs=[small, large], outputs=[norm(small), norm(large)])
    net = randomized(model, "float64")
    rng = np.random.default_rng(0)
    given = {"small": rng.normal(size=(5, 3, 4)), "large": rng.normal(size=(5, 2, 3, 4))}
    expected = run(model, net.variables(), given, training=True, seed=5).outputs
    for name, x in net.forward(given, training=True).items():
        np.testing.assert_allclose(x, expected[name], rtol=1e-12, atol=1e-13)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_layers_of_all_options_are_saved(tmp_path: Path) -> None:
    layers = [
        *(nn.Rescaling((1.0, 2.0, 3.0, 0.5), 0.1), nn.Normalization(), nn.Normalization(0.1, 2.0)),
        *(nn.RMSNorm(axes=(2, 1)), nn.RMSNorm(use_scale=False), nn.LayerNorm(axes=(-1, 1))),
        *(nn.GroupNorm(2), nn.InstanceNorm(), nn.UnitNorm((1, 2), epsilon=0.1)),
        *(nn.BatchNorm(axis=1, use_running_average=True), nn.LayerScale()),
        *(nn.BatchRenorm(axis=1, r_max=1.2), nn.BatchRenorm(use_scale=False, use_bias=False)),
        *(nn.Dropout(0.3, (1,)), nn.SpatialDropout(0.2), nn.StochasticDepth(0.2), nn.AlphaDropout(0.1)),
        *(nn.GaussianNoise(0.1), nn.GaussianDropout(0.1), nn.GaussianSample()),
    ]
    native = randomized(nn.Sequential(layers, input=[3, 4]), "float64").native
    native.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(5, 3, 4))
    for training in (False, True):
        expected = native(x, training=training).numpy()
        assert abs(expected).max() > 0
        np.testing.assert_array_equal(loaded(x, training=training).numpy(), expected)
