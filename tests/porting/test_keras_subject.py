"""The original as the subject of verification: its nodes, statistics and gradients under the port's names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnspec import backends
from nnspec.backends import Arrays
from nnspec.porting.port import Port, Subject
from tests.porting.keras_models import difference, examples, ported, randomized, reference

pytestmark = [pytest.mark.tensorflow, pytest.mark.jax]


def model() -> Any:
    """A small model with statistics, random layers, gates to reorder and kernels to reshape."""
    from nnspec_tensorflow.startup import keras

    of = keras.layers
    x = keras.Input((6, 5, 3), name="image")
    y = of.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    y = of.BatchNormalization(name="norm")(y)
    y = of.Activation("gelu", name="gelu")(y)
    y = of.Dropout(0.4)(y)
    y = of.Conv2DTranspose(4, 2, name="up")(y)
    y = of.LeakyReLU(0.1, name="leaky")(y)
    y = of.Reshape((-1, 4))(y)
    y = of.GRU(5, name="gru", dropout=0.3)(y)
    return randomized(keras.Model(x, of.Dense(2, name="head")(of.Rescaling(0.1, name="small")(y))))


def upstream(port: Port, inputs: Arrays) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    shapes = {name: reference(port, inputs).outputs[name].shape for name in port.model.outputs}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def port() -> Port:
    return ported(model())


def test_it_is_a_subject(port: Port) -> None:
    assert isinstance(port.subject, Subject)
    assert port.subject.dtypes == ("float64", "float32")
    assert port.subject.label.startswith("Keras 3")


@pytest.mark.parametrize("training", [False, True])
def test_all_nodes_in_float64(port: Port, training: bool) -> None:
    inputs = examples(port)
    found = port.subject.nodes(inputs, dtype="float64", training=training)
    expected = reference(replace(port, model=_quiet(port)), inputs, training=training).nodes
    assert {node.name for node in port.model.nodes if not node.layer.random} <= set(found)
    for name in found:
        assert difference(found[name], expected[name]) < 1e-11, name


@pytest.mark.parametrize("training", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_gradients_in_float64(port: Port, training: bool) -> None:
    inputs = examples(port)
    cotangents = upstream(port, inputs)
    found = port.subject.gradients(inputs, cotangents, dtype="float64", training=training)
    net = backends.backend("jax").build(_quiet(port), port.variables, dtype="float64")
    expected = net.gradients(inputs, cotangents, training=training)
    assert found.inputs.keys() == expected.inputs.keys()
    assert found.parameters.keys() == expected.parameters.keys()
    largest = max(np.abs(x).max() for x in expected.parameters.values())
    for name, value in expected.parameters.items():
        error = np.abs(found.parameters[name] - value).max() / max(np.abs(value).max(), 1e-3 * largest)
        assert error < 1e-9, name
    assert difference(found.inputs["image"], expected.inputs["image"]) < 1e-9


def test_statistics_as_training_leaves_them(port: Port) -> None:
    inputs = examples(port)
    found = port.subject.statistics(inputs, dtype="float64")
    expected = reference(port, inputs, training=True).updates
    assert set(found) == {"norm/mean", "norm/var"}
    for name, value in found.items():
        assert difference(value, expected[name]) < 1e-11, name
        assert not np.allclose(value, port.variables[name])


def _quiet(port: Port) -> Any:
    """The port's model without what it drops."""
    nodes = tuple(
        replace(node, layer=replace(node.layer, rate=0.0)) if hasattr(node.layer, "rate") else node
        for node in port.model.nodes
    )
    return replace(port.model, nodes=nodes)


def test_a_port_keeps_its_numbers_while_the_original_is_trained() -> None:
    """They lie where TensorFlow has them, which makes new room for a variable that changes."""
    original = model()
    port = ported(original)
    before = {name: np.array(value) for name, value in port.variables.items()}
    rng = np.random.default_rng(0)
    original.compile("adam", "mse")
    original.fit(rng.normal(size=(8, 6, 5, 3)), rng.normal(size=(8, 2)), batch_size=4, verbose=0)
    for variable in original.trainable_variables:
        variable.assign_add(np.ones(variable.shape, np.float32))
    assert all(np.array_equal(port.variables[name], value) for name, value in before.items())
    after = ported(original).variables
    assert not any(np.array_equal(after[name], value) for name, value in before.items() if name.endswith("kernel"))
