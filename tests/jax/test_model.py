"""The native model: a Flax module that can be used, switched and trained by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import FloatType
from nnspec.model import Input, Model, Node
from nnspec.random import keep_mask, stream_of
from nnspec.reference.model import run
from tests.jax.models import branches, classifier, randomized

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
nnx = pytest.importorskip("flax.nnx")
optax = pytest.importorskip("optax")
attributes = pytest.importorskip("nnspec_jax.attributes")

RNG = np.random.default_rng(4)


@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-13), ("float32", 1e-5)])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_graphs_are_the_references(dtype: FloatType, limit: float, training: bool, compiled: bool) -> None:
    net = randomized(branches(), dtype)
    net.assign({"random/step": np.uint32(2**32 - 1), "random/seed": np.array([5, 3], np.uint32)})
    inputs = {"x": RNG.normal(size=(5, 4)), "ids": RNG.integers(0, 9, (5, 2))}
    before = net.variables()
    expected = run(
        net.model,
        before,
        inputs,
        training=training,
        seed=5 + 3 * 2**32,
        step=2**32 - 1,
        dtype=before["model/dense/kernel"].dtype,
    )
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


def test_the_layers_are_flaxs_own() -> None:
    net = nn.backend("jax").build(classifier())
    layers = net.native.layers
    assert type(layers["dense_1"]) is nnx.Linear
    assert isinstance(layers["dense"], nnx.Linear)
    assert isinstance(layers["batch_norm"], nnx.BatchNorm)
    assert layers["dense_1"].precision == jax.lax.Precision.HIGHEST
    assert layers["batch_norm"].use_fast_variance is False


def test_native_is_live_and_switches_as_flax_does() -> None:
    net = randomized(classifier(), "float32")
    x = RNG.normal(size=(7, 6)).astype(np.float32)
    graph = net.native
    assert net.native is graph
    np.testing.assert_allclose(graph(x), net.forward({"input": x})["dense_1"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(graph(x), graph(x))
    graph.train()
    first, second = graph(x), graph(x)
    assert not np.array_equal(first, second)  # the step has grown: other masks
    assert net.variables()["random/step"] == 2
    net.assign({"random/step": np.uint32(0), "dense_1/kernel": np.zeros((9, 3))})
    np.testing.assert_array_equal(graph(x), 0.0)
    graph.eval()
    step = net.variables()["random/step"]
    graph(x)
    assert net.variables()["random/step"] == step == 1


def test_native_draws_the_specs_masks() -> None:
    net = nn.backend("jax").build(nn.Sequential([nn.Dropout(0.25)], input=[40]), seed=9)
    net.native.train()
    for step in range(3):
        mask = keep_mask(0.25, (3, 40), 9, stream_of("dropout", "dropout", 0), step)
        np.testing.assert_allclose(net.native(np.ones((3, 40), np.float32)), mask / 0.75, rtol=1e-6)


def test_trained_by_hand_with_flax_and_optax() -> None:
    net = randomized(classifier(), "float32")
    graph = net.native
    optimizer = nnx.Optimizer(graph, optax.adam(1e-2), wrt=nnx.Param)
    loss = nn.backend("jax").realize(nn.SoftmaxCrossEntropy())
    x = RNG.normal(size=(60, 6)).astype(np.float32)
    labels = (x[:, 0] > 0).astype(np.int32) + (x[:, 1] > 0)

    @nnx.jit
    def step(graph: Any, optimizer: Any) -> Any:
        value, gradients = nnx.value_and_grad(lambda graph: loss(graph(x), labels))(graph)
        optimizer.update(graph, gradients)
        return value

    before = net.variables()
    graph.train()
    losses = [float(step(graph, optimizer)) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    after = net.variables()
    assert after["random/step"] == 40
    assert all((after[name] != before[name]).any() for name in before if name != "random/seed")
    np.testing.assert_array_equal(after["random/seed"], before["random/seed"])


def test_outputs_of_the_native_model() -> None:
    x = nn.symbol([4], "x")
    hidden = nn.Dense(2)(x)
    graph = nn.backend("jax").build(nn.Model(inputs=x, outputs=[hidden, nn.Tanh()(hidden)])).native
    found = graph(np.ones((1, 4), np.float32))
    assert list(found) == ["dense", "tanh"]
    np.testing.assert_allclose(found["tanh"], np.tanh(found["dense"]), rtol=1e-5)


@pytest.mark.parametrize("name", ["keys", "items_", "deterministic", "use_running_average", "train", "values__", "x_"])
def test_nodes_may_have_names_of_flaxs(name: str) -> None:
    inner = Model({"a": Input((3,))}, (Node(name, nn.BatchNorm(), ("a",)),), (name,))
    nodes = (Node(name, inner, ("a",)), Node(f"{name}_", nn.Dense(2), (name,)))
    model = Model({"a": Input((3,))}, nodes, (f"{name}_",))
    net = randomized(model, "float32")
    assert f"{name}/{name}/mean" in net.variables()
    x = RNG.normal(size=(4, 3)).astype(np.float32)
    net.native.train()
    trained = net.native(x)
    np.testing.assert_allclose(trained, net.forward({"a": x}, training=True)[f"{name}_"], rtol=1e-5, atol=1e-6)
    net.native.eval()
    assert abs(trained - net.native(x)).max() > 0.1
    assert attributes.canonical(("layers", attributes.attribute(name), "kernel")) == f"{name}/kernel"


def test_no_weights_are_drawn_to_be_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = nn.backend("jax").build(classifier()).variables()

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a device was asked to draw")

    monkeypatch.setattr(jax.random, "normal", refuse)
    monkeypatch.setattr(jax.random, "uniform", refuse)
    monkeypatch.setattr(jax.random, "truncated_normal", refuse)
    built = nn.backend("jax").build(classifier(), variables, seed=3)
    np.testing.assert_array_equal(built.variables()["dense/kernel"], variables["dense/kernel"])
