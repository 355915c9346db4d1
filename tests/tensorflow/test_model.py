"""The native model: a functional Keras model that can be used, trained, saved and loaded by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import FloatType
from nnspec.model import Input, Model, Node
from nnspec.random import keep_mask, stream_of
from nnspec.reference.model import run
from tests.tensorflow.models import attention, branches, classifier, randomized, scored

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
tf, keras = startup.tf, startup.keras

RNG = np.random.default_rng(4)
# TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
saves = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-13), ("float32", 1e-5)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_graphs_are_the_references(dtype: FloatType, limit: float, training: bool, compiled: bool) -> None:
    net = randomized(branches(), dtype)
    net.assign({"random/step": np.uint32(2**32 - 1), "random/seed": np.array([5, 3], np.uint32)})
    inputs = {"x": RNG.normal(size=(5, 4)), "ids": RNG.integers(0, 9, (5, 2))}
    before = net.variables()
    draw = {"training": training, "seed": 5 + 3 * 2**32, "step": 2**32 - 1}
    expected = run(net.model, before, inputs, dtype=dtype, **draw)
    nodes, masks = net.nodes(inputs, training=training), net.masks(inputs)
    assert list(nodes) == list(expected.nodes)
    for path, value in expected.nodes.items():
        np.testing.assert_allclose(nodes[path], value, atol=limit * abs(value).max(), rtol=0)
    if training:
        assert set(masks) == set(expected.masks)
        assert len({mask.tobytes() for mask in masks.values()}) == len(masks) == 4
        for path, mask in expected.masks.items():
            np.testing.assert_array_equal(masks[path], mask)
    assert {name: x.tobytes() for name, x in net.variables().items()} == {n: x.tobytes() for n, x in before.items()}
    outputs = net.forward(inputs, training=training, compiled=compiled)
    assert list(outputs) == list(net.model.outputs)
    for name, value in expected.outputs.items():
        np.testing.assert_allclose(outputs[name], value, atol=limit * abs(value).max(), rtol=0)
    after = net.variables()
    for name, value in expected.updates.items():
        np.testing.assert_allclose(after[name], value, atol=limit * abs(value).max(), rtol=0)
    changed = {name for name in after if after[name].tobytes() != before[name].tobytes()}
    assert changed == ({*expected.updates, "random/step"} if training else set())
    assert after["random/step"] == (0 if training else 2**32 - 1)  # the counter wraps around


def test_the_model_is_functional_and_of_keras_layers() -> None:
    native = nn.backend("tensorflow").build(branches()).native
    assert isinstance(native, keras.Model)
    assert {layer.name for layer in native.layers} == {"x", "ids", "model", "concat", "add", "flatten"}
    inner = native.get_layer("model")
    assert isinstance(inner, keras.Model)
    assert {layer.name for layer in inner.layers} == {"input", "dense", "dropout", "batch_norm"}
    assert type(inner.get_layer("dense")) is keras.layers.Dense
    assert type(native.get_layer("concat")) is keras.layers.Concatenate
    assert type(native.get_layer("add")) is keras.layers.Add
    assert {tensor.name: tensor.dtype for tensor in native.inputs} == {"x": "float32", "ids": "int32"}
    assert sorted(native.output_shape) == [(None, 2), (None, 4), (None, 8)]


def test_native_is_live() -> None:
    net = randomized(classifier(), "float32")
    x = RNG.normal(size=(7, 6)).astype(np.float32)
    native = net.native
    assert net.native is native
    expected = net.forward({"input": x})["dense_1"]
    np.testing.assert_allclose(native(x), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(native.predict(x, batch_size=3, verbose=0), expected, rtol=1e-5, atol=1e-6)
    first, second = native(x, training=True), native(x, training=True)
    assert not np.array_equal(first, second)  # the step has grown: other masks
    assert net.variables()["random/step"] == 2
    net.assign({"random/step": np.uint32(0), "dense_1/kernel": np.zeros((9, 3))})
    np.testing.assert_array_equal(native(x, training=True), 0.0)
    native(x)
    assert net.variables()["random/step"] == native.random_step.numpy() == 1


def test_native_draws_the_specs_masks() -> None:
    net = nn.backend("tensorflow").build(nn.Sequential([nn.Dropout(0.25)], input=[40]), seed=9)
    for step in range(3):
        mask = keep_mask(0.25, (3, 40), 9, stream_of("dropout", "dropout", 0), step)
        np.testing.assert_allclose(net.native(np.ones((3, 40), np.float32), training=True), mask / 0.75, rtol=1e-6)


def labelled() -> tuple[Any, Any]:
    x = np.random.default_rng(2).normal(size=(60, 6)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int32) + (x[:, 1] > 0)


def test_trained_by_hand_with_keras() -> None:
    net = randomized(classifier(), "float32")
    native, optimizer = net.native, keras.optimizers.Adam(0.01)
    loss = nn.backend("tensorflow").realize(nn.SoftmaxCrossEntropy())
    x, labels = labelled()

    @tf.function(jit_compile=True)
    def step() -> Any:
        with tf.GradientTape() as tape:
            value = loss(labels, native(x, training=True))
        optimizer.apply(tape.gradient(value, native.trainable_variables), native.trainable_variables)
        return value

    optimizer.build(native.trainable_variables)
    before = net.variables()
    losses = [float(step()) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    after = net.variables()
    assert after["random/step"] == 40
    assert all((after[name] != before[name]).any() for name in before if name != "random/seed")
    np.testing.assert_array_equal(after["random/seed"], before["random/seed"])


def test_compiled_and_fitted_as_any_keras_model() -> None:
    # Loss, metric, optimizer and masks are the spec's: one epoch is what the engine makes of the same batches.
    backend = nn.backend("tensorflow")
    loss, rate = nn.SoftmaxCrossEntropy(label_smoothing=0.1), nn.StepDecay(0.02, 2, 0.5)
    optimizer, clip = nn.AdamW(rate, weight_decay=0.1, decay="kernels"), nn.Clip(global_norm=0.5)
    x, labels = labelled()
    native = randomized(classifier(), "float32").native
    fitted = backend.realize(optimizer)
    fitted.clip = clip
    native.compile(fitted, backend.realize(loss), metrics=[backend.realize(nn.Accuracy())])
    history = native.fit(x, labels, batch_size=20, epochs=1, shuffle=False, verbose=0).history
    net = randomized(classifier(), "float32")
    engine = backend.engine(net, loss=loss, optimizer=optimizer, metrics=[nn.Accuracy()], clip=clip)
    engine.load("train", {"input": x, "targets": labels})
    engine.train(np.arange(60, dtype=np.int32).reshape(3, 20), 0, 3)
    totals = {name: total / count for name, (total, count) in engine.totals().items()}
    assert history["loss"][0] == pytest.approx(totals["loss"], rel=1e-5)
    assert history["accuracy"][0] == pytest.approx(totals["accuracy"])
    for weight, name in zip(native.trainable_variables, net.native.trainable_variables, strict=True):
        np.testing.assert_allclose(weight, name, rtol=1e-4, atol=1e-6)
    assert native.random_step.numpy() == 3
    assert float(native.optimizer.learning_rate) == 0.01


@saves
@pytest.mark.parametrize("make", [classifier, branches, attention, scored])
def test_saved_and_loaded(make: Any, tmp_path: Path) -> None:
    net = randomized(make(), "float64")
    net.assign({"random/step": np.uint32(11)})
    net.native.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.random_step.numpy() == 11
    x = {"input": RNG.normal(size=(5, 6)), "x": RNG.normal(size=(5, 4)), "ids": RNG.integers(0, 9, (5, 2))}
    given = {name: x[name] for name in net.model.inputs}
    for training in (False, True):
        found = loaded(given, training=training)
        expected = net.forward(given, training=training)
        named = found if isinstance(found, dict) else {net.model.outputs[0]: found}
        for name, value in expected.items():
            np.testing.assert_allclose(named[name], value, rtol=1e-12, atol=1e-14)
    for ours, theirs in zip(net.native.weights, loaded.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-13)


@saves
def test_saved_in_the_middle_of_training(tmp_path: Path) -> None:
    backend = nn.backend("tensorflow")
    x, labels = labelled()
    native = randomized(classifier(), "float32").native
    optimizer = backend.realize(nn.Adam(nn.ReduceOnPlateau(nn.CosineDecay(0.1, 30))))
    optimizer.clip = nn.Clip(value=0.1)
    native.compile(
        optimizer, backend.realize(nn.SoftmaxCrossEntropy(0.1)), metrics=[backend.realize(nn.TopKAccuracy(2))]
    )
    options = {"batch_size": 20, "epochs": 1, "shuffle": False, "verbose": 0}
    native.fit(x, labels, **options)
    native.optimizer.learning_rate_scale.assign(0.25)
    native.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for model in (native, loaded):
        model.fit(x, labels, **options)
    for ours, theirs in zip(native.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert float(loaded.optimizer.learning_rate) == float(native.optimizer.learning_rate) < 0.1 * 0.25


@pytest.mark.parametrize("name", ["layers", "name", "weights", "training", "call", "inputs", "trainable", "x_"])
def test_nodes_may_have_names_of_kerass(name: str) -> None:
    inner = Model({"a": Input((3,))}, (Node(name, nn.BatchNorm(), ("a",)),), (name,))
    nodes = (Node(name, inner, ("a",)), Node(f"{name}_", nn.Dense(2), (name,)))
    net = randomized(Model({"a": Input((3,))}, nodes, (f"{name}_",)), "float32")
    assert f"{name}/{name}/mean" in net.variables()
    x = RNG.normal(size=(4, 3)).astype(np.float32)
    expected = run(net.model, net.variables(), {"a": x}, training=True).outputs[f"{name}_"]
    np.testing.assert_allclose(net.forward({"a": x}, training=True)[f"{name}_"], expected, rtol=1e-5, atol=1e-6)


def test_inputs_may_be_outputs() -> None:
    nodes = (Node("r", nn.ReLU(), ("a",)),)
    model = Model({"a": Input((3,)), "b": Input((2,), "int32")}, nodes, ("r", "b", "a"))
    net = nn.backend("tensorflow").build(model)
    given = {"a": np.array([[-1.0, 0.5, 2.0]]), "b": np.array([[7, 9]])}
    found = net.forward(given)
    np.testing.assert_array_equal(found["r"], [[0.0, 0.5, 2.0]])
    for name, x in given.items():
        np.testing.assert_array_equal(found[name], x)
    gradients = net.gradients(given, {"r": np.ones((1, 3)), "a": np.full((1, 3), 10.0)})
    np.testing.assert_array_equal(gradients.inputs["a"], [[10.0, 11.0, 11.0]])


def test_operations_broadcast_as_in_numpy() -> None:
    a, b = nn.symbol([2, 3], "a"), nn.symbol([3], "b")
    model = nn.Model(
        inputs=[a, b], outputs=[nn.Add()(a, nn.Reshape((1, 3))(b)), nn.Multiply()(a, a), nn.Divide()(a, a)]
    )
    net = nn.backend("tensorflow").build(model, dtype="float64")
    given = {"a": RNG.normal(size=(4, 2, 3)), "b": RNG.normal(size=(4, 3))}
    found = net.forward(given)
    np.testing.assert_array_equal(found["add"], given["a"] + given["b"][:, None])
    np.testing.assert_array_equal(found["multiply"], given["a"] ** 2)
    np.testing.assert_array_equal(found["divide"], np.ones((4, 2, 3)))
