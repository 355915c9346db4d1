"""Convolutions and pooling: Keras's own classes where they reach, saved files, and loops of one's own."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import BackendError
from nnspec.reference.model import run
from tests.tensorflow.models import randomized

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
tf, keras = startup.tf, startup.keras

RNG = np.random.default_rng(6)


def image() -> nn.Model:
    layers: list[Any] = [
        nn.Conv(4, (3, 3), 2, activation="gelu"),
        nn.MaxPool((2, 2), 1, "same"),
        nn.Conv(4, (2, 3), groups=4, dilation=(1, 2), padding=((1, 0), (2, 2))),
        nn.AvgPool((2, 2), 1, "same", count_include_pad=True),
        nn.Conv(6, (3, 3), groups=2, strides=2, dilation=2),
        nn.AvgPool((2, 1)),
        nn.Flatten(),
    ]
    return nn.Sequential(layers, input=[9, 8, 3])


def sequence(steps: int | None) -> nn.Model:
    x = nn.symbol([steps, 3])
    inner = nn.MaxPool((2,))(nn.Conv(4, (3,), padding="causal", dilation=2)(x))
    return nn.Model(inputs=x, outputs=nn.Concat()(nn.GlobalMaxPool()(inner), nn.GlobalAvgPool()(inner)))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("make", [image, lambda: sequence(8)])
def test_saved_and_loaded(make: Any, tmp_path: Path) -> None:
    net = randomized(make(), "float32")
    net.native.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    given = {name: RNG.normal(size=(5, *i.shape)).astype(np.float32) for name, i in net.model.inputs.items()}
    expected = run(net.model, net.variables(), given, dtype=np.float32).outputs
    for native in (net.native, loaded):
        for value in expected.values():
            np.testing.assert_allclose(native(given).numpy(), value, rtol=1e-4, atol=1e-5)


def test_the_layers_are_kerass() -> None:
    model = nn.Sequential([nn.Conv(2, (3, 3), 2), nn.AvgPool((2, 2)), nn.Conv(2, (1, 1), padding="valid")], [9, 9, 3])
    _, conv, pool, last = nn.backend("tensorflow").build(model).native.layers
    assert isinstance(conv, keras.layers.Conv2D) and isinstance(last, keras.layers.Conv2D)
    assert isinstance(pool, keras.layers.AveragePooling2D)


def test_keras_trains_it() -> None:
    native = randomized(image(), "float32").native
    native.compile(keras.optimizers.SGD(0.01), "mse")
    x = RNG.normal(size=(12, 9, 8, 3)).astype(np.float32)
    y = RNG.normal(size=(12, native.output_shape[-1])).astype(np.float32)
    losses = native.fit(x, y, batch_size=6, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_lengths_that_are_known_when_it_runs() -> None:
    net = randomized(sequence(None), "float32")
    call = tf.function(lambda x: net.native(x), input_signature=[tf.TensorSpec((None, None, 3), tf.float32)])
    for steps in (7, 4):
        x = RNG.normal(size=(2, steps, 3)).astype(np.float32)
        (expected,) = run(net.model, net.variables(), {"input": x}, dtype=np.float32).outputs.values()
        np.testing.assert_allclose(call(x).numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "layer", [nn.AdaptiveAvgPool((2,)), nn.Resize((3,)), nn.Std(1), nn.MaxPool((2,), padding="same")], ids=str
)
def test_sizes_that_a_formula_is_written_for(layer: Any) -> None:
    native = nn.backend("tensorflow").build(nn.Sequential([layer], [None, 3])).native
    call = tf.function(lambda x: native(x), autograph=False)  # which would wrap the error in one of its own
    with pytest.raises(BackendError, match=f"{type(layer).__name__} computes by sizes that have to be known"):
        call.get_concrete_function(tf.TensorSpec((None, None, 3), tf.float32))
    assert call(tf.ones((2, 5, 3))).shape[-1] == 3


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
def test_convolutions_are_those_that_the_compilers_switches_see(layer: Any, channels: int) -> None:
    time = (2,) if isinstance(layer, nn.ConvLSTM | nn.TimeDistributed) else ()
    net = randomized(nn.Sequential([layer], [*time, 6, channels]), "float32")
    x = RNG.normal(size=(2, *time, 6, channels)).astype(np.float32)
    made = tf.function(lambda x: net.native(x)).get_concrete_function(x)
    graph = made.graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert any(node.op.startswith("Conv") for node in nodes) == net.model.convolves
    (found,) = net.forward({"input": x}).values()
    (expected,) = run(net.model, net.variables(), {"input": x}, dtype=np.float32).outputs.values()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("window", [(3,), (3, 3), (2, 2, 2)], ids=["Conv1D", "Conv2D", "Conv3D"])
def test_gradients_are_computed_one_after_the_other(window: tuple[int, ...]) -> None:
    model = nn.Sequential([nn.Conv(2, window), nn.Conv(3, window), nn.Flatten(), nn.Dense(2)], [4] * len(window) + [2])
    backend = nn.backend("tensorflow")
    engine: Any = backend.engine(randomized(model, "float32"), loss=nn.SoftmaxCrossEntropy(), optimizer=nn.SGD(0.1))
    if engine.net.xla:
        pytest.skip("XLA compiles it as a whole on this device")
    x = RNG.normal(size=(3, *model.inputs["input"].shape))
    engine.load("train", {"input": x, "targets": np.array([0, 1, 1])})
    engine.loss_gradients("train", np.arange(3, dtype=np.int32))
    (made,) = engine._differentiate._made.values()
    found = [op for op in made.graph.get_operations() if op.type.startswith("Conv") and "Backprop" in op.type]
    ordered = [op for op in found if op.outputs[0].consumers()]
    unused = [op for op in found if op not in ordered]
    assert len(ordered) == 3  # for both kernels, and for the second layer's input
    for before, after in pairwise(ordered):
        assert after.control_inputs == [before]
    # What nothing needs, nothing waits for: so it is not computed.
    assert unused
    for op in unused:
        assert not any(op in other.control_inputs for other in made.graph.get_operations())
