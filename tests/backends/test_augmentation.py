"""Changes of images at the front of a network that convolves: drawn anew in each update, saved, shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend
from nnspec.reference.model import run

RNG = np.random.default_rng(12)
IMAGES = RNG.normal(size=(12, 6, 7, 3)).astype(np.float32)
LABELS = RNG.integers(0, 2, 12).astype(np.int32)


def network() -> nn.Model:
    """On CPUs, TensorFlow computes it as a graph of kernels, and the changes as programs within."""
    changes = [nn.RandomCrop(6, 7, 2, "reflect"), nn.RandomFlip("horizontal"), nn.RandomRotation(0.1), nn.Cutout(3)]
    return nn.Sequential(
        [*changes, nn.RandomErasing(noise=1.0), nn.Conv(4, (3, 3)), nn.Flatten(), nn.Dense(2)], [6, 7, 3]
    )


def test_beside_convolutions(backend: Backend) -> None:
    """Each pass draws anew, as the reference does; in inference nothing is drawn."""
    net, inputs = backend.build(network(), seed=3), {"input": IMAGES}
    outputs = []
    for training in (True, True, False):
        state = net.variables()
        step = int(state["random/step"])
        expected = run(net.model, state, inputs, training=training, seed=3, step=step).outputs["dense"]
        found = net.forward(inputs, training=training)["dense"]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        outputs.append(found)
    assert all((outputs[a] != outputs[b]).any(1).all() for a, b in ((0, 1), (0, 2), (1, 2)))


def test_updates_are_the_same(both_backends: list[Backend]) -> None:
    """In one call of several updates, whose batches are split otherwise than what the reference was given at once."""
    after = []
    for backend in both_backends:
        net = backend.build(network(), seed=3)
        engine = backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.SGD(0.05))
        engine.load("train", {"input": IMAGES, "targets": LABELS})
        engine.train(np.arange(12, dtype=np.int32).reshape(3, 4), 0, 3)
        after.append(engine.variables())
    for name, value in after[0].items():
        np.testing.assert_allclose(value, after[1][name], rtol=1e-4, atol=1e-6, err_msg=name)
    assert after[0]["random/step"] == 3


def test_a_shared_layer_draws_for_each_of_its_calls(backend: Backend) -> None:
    image, flip = nn.symbol([6, 7, 3], "image"), nn.RandomFlip()
    model = nn.Model(inputs=image, outputs=[flip(image), flip(image)])
    net = backend.build(model, seed=5)
    expected = run(model, net.variables(), {"image": IMAGES}, training=True, seed=5).outputs
    found = net.forward({"image": IMAGES}, training=True)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value.astype(np.float32))
    first, second = found.values()
    assert (first != second).any()


def test_images_of_any_size(backend: Backend) -> None:
    """RandomFlip computes by no size; what does asks for sizes before anything is built."""
    model = nn.Sequential([nn.RandomFlip()], [None, None, 3])
    net = backend.build(model, seed=5)
    for images in (IMAGES, IMAGES[:5, :4, 1:]):
        expected = run(model, net.variables(), {"input": images}, training=True, seed=5).outputs["random_flip"]
        net.assign({"random/step": np.uint32(0)})
        np.testing.assert_array_equal(net.forward({"input": images}, training=True)["random_flip"], expected)
    with pytest.raises(nn.ShapeError, match="random_rotation: each axis of RandomRotation's images must have a known"):
        backend.build(nn.Sequential([nn.RandomRotation(0.1)], [None, None, 3]))


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_saved_by_keras(tmp_path: Path) -> None:
    keras: Any = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    native = nn.backend("tensorflow").build(network(), seed=3).native
    native.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(IMAGES, training=True), native(IMAGES, training=True))
    np.testing.assert_array_equal(loaded(IMAGES), native(IMAGES))
