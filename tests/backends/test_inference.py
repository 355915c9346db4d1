"""Inference at one batch shape: padded batches, the variables of the moment, what is refused."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Array, Backend, FloatType, Net
from nnspec.errors import ShapeError, SpecError
from nnspec.inference import Inference, batch_shapes
from nnspec.model import Model
from nnspec.reference.model import run
from nnspec.training.run import predict
from nnspec_conformance.case import Case, joined
from tests.backends.cases import chosen

RNG = np.random.default_rng(21)
X = RNG.normal(size=(8, 6)).astype(np.float32)


def net_of(backend: Backend, model: Model, dtype: FloatType = "float32") -> Net:
    """A net whose variables are all random and not zero, variances above zero."""
    net = backend.build(model, dtype=dtype, seed=3)
    rng = np.random.default_rng(8)
    drawn = {
        name: rng.uniform(0.3, 1.0, x.shape) * (1 if name.endswith("/var") else rng.choice([-1, 1], x.shape))
        for name, x in net.variables().items()
        if not name.startswith("random/")
    }
    net.assign(drawn)
    return net


def classifier() -> Model:
    layers = [nn.Dense(9, "gelu"), nn.BatchNorm(), nn.Dropout(0.4), nn.PReLU(), nn.Dense(3, use_bias=False)]
    return nn.Sequential(layers, input=[6])


def branches() -> Model:
    """Two inputs, one of them of integers, and two outputs."""
    x, ids = nn.symbol([None, 4], "x"), nn.symbol([2], "ids", "int32")
    pooled = nn.GlobalMaxPool()(nn.Dense(5, "tanh")(x))
    found = nn.Flatten()(nn.Embedding(7, 3)(ids))
    return nn.Model(inputs=[x, ids], outputs=[nn.Dense(2)(nn.Concat()(pooled, found)), nn.Flatten()(ids)])


def every_layer() -> list[Case]:
    """A conformance case of each class that a model may hold."""
    return [case for _, case in chosen("forward")]


def test_a_case_of_every_class_is_among_them() -> None:
    from nnspec import vocabulary

    found = {cls for case in every_layer() for cls in case.classes}
    kinds = ("layer", "activation", "operation")
    wanted = {vocabulary.load(name) for kind in kinds for name in vocabulary.class_names(kind)} - {Model}
    assert not wanted - found


@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_rows_do_not_depend_on_the_rows_around_them(backend: Backend, dtype: FloatType) -> None:
    """The promise that padding rests on, for every layer of the vocabulary, to the last bit."""
    cases = every_layer()
    net = net_of(backend, joined(cases), dtype)
    point = {name: x for case in cases for name, x in case.point(dtype).inputs.items()}
    infer = net.compiled({name: x.shape for name, x in point.items()})
    full = infer(point)
    for rows in (1, 2, infer.batch_size - 1):
        some = infer({name: x[:rows] for name, x in point.items()})
        assert list(some) == list(net.model.outputs)
        for name, expected in full.items():
            assert some[name].dtype == expected.dtype
            np.testing.assert_array_equal(some[name], expected[:rows], err_msg=name)
    others = infer({name: np.concatenate([x[:1], x[:0:-1]]) for name, x in point.items()})
    for name, expected in full.items():
        np.testing.assert_array_equal(others[name][0], expected[0], err_msg=name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_outputs_are_those_of_the_reference(backend: Backend, dtype: FloatType) -> None:
    net = net_of(backend, classifier(), dtype)
    before = net.variables()
    infer = net.compiled(8)
    assert (infer.batch_size, infer.shapes) == (8, {"input": (8, 6)})
    for rows in (8, 5, 1):
        expected = run(net.model, before, {"input": X[:rows]}, dtype=np.float64).outputs["dense_1"]
        found = infer({"input": X[:rows]})["dense_1"]
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 if dtype == "float64" else 1e-5)
        found[...] = 0  # memory of its own
    # Nothing has changed: no statistics, no random step.
    for name, x in net.variables().items():
        np.testing.assert_array_equal(x, before[name])


def test_several_inputs_and_outputs(backend: Backend) -> None:
    net = net_of(backend, branches())
    infer = net.compiled({"ids": (4, 2), "x": (4, 3, 4)})
    assert infer.shapes == {"x": (4, 3, 4), "ids": (4, 2)}
    x, ids = RNG.normal(size=(4, 3, 4)), RNG.integers(0, 7, (4, 2))
    expected = run(net.model, net.variables(), {"x": x, "ids": ids}, dtype=np.float64).outputs
    for rows in (4, 3):
        found = infer({"ids": ids[:rows], "x": x[:rows]})
        assert list(found) == ["dense_1", "flatten_1"]
        np.testing.assert_allclose(found["dense_1"], expected["dense_1"][:rows], rtol=0, atol=1e-5)
        np.testing.assert_array_equal(found["flatten_1"], ids[:rows])


def test_it_computes_with_the_variables_of_the_moment(backend: Backend) -> None:
    net = net_of(backend, classifier())
    infer = net.compiled(8)
    first = infer({"input": X})["dense_1"]
    net.assign({"dense_1/kernel": 2 * net.variables()["dense_1/kernel"]})
    np.testing.assert_array_equal(infer({"input": X})["dense_1"], 2 * first)
    engine = backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.Adam(0.1))
    engine.load("train", {"input": X, "targets": np.arange(8, dtype=np.int32) % 3})
    engine.train(np.arange(8, dtype=np.int32)[None], 0, 1)
    trained = infer({"input": X})["dense_1"]
    assert abs(trained - 2 * first).min() > 1e-4
    expected = run(net.model, net.variables(), {"input": X}, dtype=np.float64).outputs["dense_1"]
    np.testing.assert_allclose(trained, expected, rtol=0, atol=1e-5)


def test_the_frameworks_own_arrays_and_other_dtypes_are_taken(backend: Backend) -> None:
    net = net_of(backend, branches())
    infer = net.compiled({"x": (4, 3, 4), "ids": (4, 2)})
    x, ids = RNG.normal(size=(4, 3, 4)).astype(np.float32), RNG.integers(0, 7, (4, 2)).astype(np.int32)
    expected = infer({"x": x, "ids": ids})["dense_1"]
    for change in (np.float64, np.uint8), (np.float32, np.int64):
        found = infer({"x": x.astype(change[0]), "ids": ids.astype(change[1])})["dense_1"]
        np.testing.assert_array_equal(found, expected)
    # Strided memory, and arrays that are written to afterwards.
    wide = np.repeat(x, 2, axis=2)
    found = infer({"x": wide[:, :, ::2], "ids": ids})["dense_1"]
    wide[...] = 0
    np.testing.assert_array_equal(found, expected)
    own = _on_device(backend.name)
    for rows in (4, 2):
        found = infer({"x": own(x[:rows]), "ids": own(ids[:rows])})["dense_1"]
        np.testing.assert_array_equal(found, expected[:rows])


def _on_device(name: str) -> Any:
    if name == "jax":
        import jax.numpy as jnp

        return jnp.asarray
    from nnspec_tensorflow.startup import tf

    return tf.constant


def test_an_output_that_is_an_input_is_a_copy(backend: Backend) -> None:
    net = backend.build(nn.Sequential([nn.Identity()], input=[6]))
    given = X.copy()
    found = net.compiled(8)({"input": given})["identity"]
    given[...] = 0
    np.testing.assert_array_equal(found, X)


def test_threads_may_share_it(backend: Backend) -> None:
    net = net_of(backend, classifier(), "float64")
    infer = net.compiled(8)
    expected = infer({"input": X})["dense_1"]
    wrong: list[Array] = []

    def work(rows: int) -> None:
        for _ in range(20):
            found = infer({"input": X[:rows]})["dense_1"]
            if found.dtype != np.float64 or not np.array_equal(found, expected[:rows]):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(rows,)) for rows in (8, 3, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


WRONG: list[Any] = [
    ({"input": X[:0]}, ShapeError, r"input: compiled for the shape \(8, 6\) or fewer rows, got \(0, 6\)"),
    ({"input": np.zeros((9, 6), np.float32)}, ShapeError, r"or fewer rows, got \(9, 6\)"),
    ({"input": X[:, :5]}, ShapeError, r"or fewer rows, got \(8, 5\)"),
    ({"input": X[0]}, ShapeError, r"or fewer rows, got \(6\)"),
    ({"input": X.astype(np.int64)}, ShapeError, "input: expected floats, got int64"),
    ({"input": X.astype(str)}, ShapeError, "input: expected floats, got <U"),
    ({"inputs": X}, SpecError, "the model has no input 'inputs'; did you mean 'input'"),
    ({}, SpecError, "the input 'input' is missing"),
    ({"input": X, "more": X}, SpecError, "the model has no input 'more'"),
]


def test_inputs_that_do_not_fit(backend: Backend) -> None:
    infer = backend.build(classifier()).compiled(8)
    for inputs, error, message in WRONG:
        with pytest.raises(error, match=message):
            infer(inputs)
    pair = backend.build(branches()).compiled({"x": (2, 3, 4), "ids": (2, 2)})
    with pytest.raises(ShapeError, match="ids: a batch of 1, but the input 'x' has one of 2"):
        pair({"x": np.ones((2, 3, 4)), "ids": np.ones((1, 2), int)})
    with pytest.raises(ShapeError, match="ids: expected integers of 32 bits"):
        pair({"x": np.ones((2, 3, 4)), "ids": np.full((2, 2), 2**40)})


SHAPES: list[Any] = [
    (classifier(), 4, {"input": (4, 6)}),
    (classifier(), np.int64(4), {"input": (4, 6)}),
    (classifier(), (4, 6), {"input": (4, 6)}),
    (classifier(), {"input": [4, 6]}, {"input": (4, 6)}),
    (classifier(), 0, r"input: expected a batch size and the sizes of all axes, from 1 up, got \(0, 6\)"),
    (classifier(), (), "input: expected a batch size"),
    (classifier(), (4, 5), r"the input has shape \[6\], got \[5\]"),
    (classifier(), {"inputs": (4, 6)}, "the model has no input 'inputs'; did you mean 'input'"),
    (branches(), 4, r"x: a batch size is not enough, the shape is \(batch, \?, 4\): give the whole shape"),
    (branches(), (4, 3, 4), "give the shapes by name: the model has the inputs x, ids"),
    (branches(), {"x": (4, 3, 4)}, "the shape of the input 'ids' is missing"),
    (branches(), {"x": (4, 3, 4), "ids": (5, 2)}, "ids: a batch of 5, but the input 'x' has one of 4"),
]


@pytest.mark.parametrize(("model", "shape", "expected"), SHAPES)
def test_shapes_to_compile_for(model: Model, shape: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert batch_shapes(model, shape) == expected
        return
    with pytest.raises(SpecError, match=expected):
        batch_shapes(model, shape)


class Summing:
    """A net that keeps to the protocol but for ``compiled``, and mixes rows so that padding shows."""

    def __init__(self) -> None:
        self.model = nn.Sequential([nn.Identity()], input=[2])
        self.seen: list[tuple[int, ...]] = []

    def forward(self, inputs: Any) -> Any:
        (x,) = inputs.values()
        self.seen.append(x.shape)
        return {"identity": x + x.sum(0)}


def test_a_net_without_it_gets_it_from_its_forward_pass() -> None:
    net: Any = Summing()
    infer = Inference(net, 4)
    x = np.array([[1.0, 2.0], [10.0, 20.0]])
    # Filled up with the last row: 1 + 10 + 10 + 10.
    np.testing.assert_array_equal(infer({"input": x})["identity"], x + np.array([31.0, 62.0]))
    np.testing.assert_array_equal(infer({"input": x[[0, 1, 0, 1]]})["identity"][0], x[0] + np.array([22.0, 44.0]))
    # Predictions of a file: full batches and a remainder in one shape.
    (found,) = predict(net, {"input": np.ones((11, 2))}, batch_size=4).values()
    np.testing.assert_array_equal(found, np.full((11, 2), 5.0))
    assert net.seen == [(4, 2)] * 5
