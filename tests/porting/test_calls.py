"""Models opened: every call in its place, with the path it has and the path its variables have."""

from __future__ import annotations

import nnspec
from nnspec.calls import opened
from nnspec.model import Model, Sequential


def test_nested_and_shared_models_are_opened() -> None:
    inner = Sequential([{"Dense": 3}, "tanh"])
    a, b = nnspec.symbol((3,), "a"), nnspec.symbol((3,), "b")
    model = Model(inputs=[a, b], outputs=inner(inner(a)) + b)
    graph = opened(model)
    assert [(c.path, c.owner, c.inputs) for c in graph.calls] == [
        ("model/dense", "model/dense", ("a",)),
        ("model/tanh", "model/tanh", ("model/dense",)),
        ("model_1/dense", "model/dense", ("model/tanh",)),
        ("model_1/tanh", "model/tanh", ("model_1/dense",)),
        ("add", "add", ("model_1/tanh", "b")),
    ]
    assert graph.values["model_1"] == "model_1/tanh" and graph.values["b"] == "b"
    assert graph.calls[0].params.keys() == {"kernel", "bias"} and graph.calls[0].output == (None, 3)


def test_shapes_that_nobody_knows_are_left_out() -> None:
    (dense,) = opened(Sequential([{"Dense": 3}])).calls
    assert dense.shapes == () and dense.params == {}
    assert opened(Sequential([{"Dense": 3}]), (None, 5)).calls[0].params["kernel"].shape == (5, 3)
