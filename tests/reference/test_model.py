"""Running graphs: branches, shared layers, nested models, several inputs and outputs, types, and first variables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import random
from nnspec.errors import BackendError, ShapeError, SpecError
from nnspec.layers.base import Layer
from nnspec.reference import initializers
from nnspec.reference.model import initial_variables, run
from nnspec.spec import spec

RNG = np.random.default_rng(12)


def drawn(model: nn.Model, *shapes: Any) -> dict[str, np.ndarray]:
    """Random values for all variables, none of them 0 or 1; variances above 0."""
    made = {name: RNG.normal(size=p.shape) for name, p in model.params(*shapes).items()}
    return {name: v**2 + 0.3 if name.endswith("var") else v for name, v in made.items()}


def test_chain() -> None:
    model = nn.Sequential([nn.Dense(4), "tanh", nn.Dense(2)], [3])
    v, x = drawn(model), RNG.normal(size=(5, 3))
    result = run(model, v, {"input": x})
    hidden = x @ v["dense/kernel"] + v["dense/bias"]
    expected = np.tanh(hidden) @ v["dense_1/kernel"] + v["dense_1/bias"]
    assert list(result.nodes) == ["dense", "tanh", "dense_1"]
    np.testing.assert_allclose(result.nodes["dense"], hidden, rtol=1e-14)
    np.testing.assert_allclose(result.nodes["tanh"], np.tanh(hidden), rtol=1e-13)
    assert list(result.outputs) == ["dense_1"]
    np.testing.assert_allclose(result.outputs["dense_1"], expected, rtol=1e-12)
    assert result.updates == {} and result.masks == {}


def test_branches_several_inputs_and_outputs() -> None:
    a, b = nn.symbol([3], "a"), nn.symbol([4], "b")
    left = nn.Dense(2, name="left")(a)
    right = nn.Dense(2, name="right")(b)
    total = left + right
    model = nn.Model(inputs=[a, b], outputs=[total, left * total, a])
    v = drawn(model)
    xa, xb = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 4))
    result = run(model, v, {"b": xb, "a": xa})
    l = xa @ v["left/kernel"] + v["left/bias"]  # noqa: E741
    r = xb @ v["right/kernel"] + v["right/bias"]
    assert list(result.outputs) == ["add", "multiply", "a"]
    np.testing.assert_allclose(result.outputs["add"], l + r, rtol=1e-14)
    np.testing.assert_allclose(result.outputs["multiply"], l * (l + r), rtol=1e-13)
    np.testing.assert_array_equal(result.outputs["a"], xa)


def test_shared_layer_and_its_masks() -> None:
    dense, drop = nn.Dense(3, name="dense"), nn.Dropout(0.5, name="drop")
    x = nn.symbol([3])
    model = nn.Model(inputs=x, outputs=drop(dense(drop(dense(x)))))
    v, given = drawn(model), RNG.normal(size=(6, 3))
    assert set(v) == {"dense/kernel", "dense/bias"}
    result = run(model, v, {"input": given}, training=True, seed=3, step=8)
    y = given
    for i, node in enumerate(n for n in model.nodes if isinstance(n.layer, nn.Dropout)):
        mask = random.keep_mask(0.5, (6, 3), 3, random.stream_of("drop", "dropout", i), 8)
        y = (y @ v["dense/kernel"] + v["dense/bias"]) * mask / 0.5
        np.testing.assert_array_equal(result.masks[node.name], mask)
        np.testing.assert_allclose(result.nodes[node.name], y, rtol=1e-13, atol=1e-14)
    assert len(result.masks) == 2


def encoder(name: str) -> nn.Model:
    return nn.Sequential(
        [nn.Dense(4, name="dense"), nn.BatchNorm(momentum=0.9, name="norm"), nn.Dropout(0.3, name="drop")], name=name
    )


def test_nested_model_is_its_nodes_in_a_row() -> None:
    flat = nn.Sequential([*(n.layer for n in encoder("e").nodes), nn.Dense(2)], [3])
    nested = nn.Sequential([encoder("outer_name"), nn.Dense(2)], [3])
    v, x = drawn(nested), RNG.normal(size=(6, 3))
    assert set(v) == {
        "outer_name/dense/kernel",
        "outer_name/dense/bias",
        "outer_name/norm/scale",
        "outer_name/norm/bias",
        "outer_name/norm/mean",
        "outer_name/norm/var",
        "dense/kernel",
        "dense/bias",
    }
    renamed = {
        "outer_name/dense": "dense",
        "outer_name/norm": "batch_norm",
        "dense": "dense_1",
    }
    same = {renamed[name.rpartition("/")[0]] + "/" + name.rpartition("/")[2]: value for name, value in v.items()}
    for training in (False, True):
        found = run(nested, v, {"input": x}, training=training, seed=5, step=1)
        if training:  # another path is another stream
            mask = random.keep_mask(0.3, (6, 4), 5, random.stream_of("outer_name/drop", "dropout"), 1)
            np.testing.assert_array_equal(found.masks["outer_name/drop"], mask)
            np.testing.assert_array_equal(
                found.nodes["outer_name"], np.where(mask, found.nodes["outer_name/norm"] / 0.7, 0)
            )
        expected = run(flat, same, {"input": x}, training=training, seed=5, step=1)
        np.testing.assert_array_equal(found.nodes["outer_name/norm"], expected.nodes["batch_norm"])
        for name in ("mean", "var"):
            if training:
                np.testing.assert_array_equal(
                    found.updates[f"outer_name/norm/{name}"], expected.updates[f"batch_norm/{name}"]
                )
        if not training:
            np.testing.assert_array_equal(found.outputs["dense"], expected.outputs["dense_1"])
            assert found.updates == {}


def test_shared_nested_model() -> None:
    """Both calls use one set of variables; statistics go on from call to call, and masks differ."""
    twin = encoder("twin")
    a, b = nn.symbol([3], "a"), nn.symbol([3], "b")
    model = nn.Model(inputs=[a, b], outputs=twin(a) - twin(b))
    v = drawn(model)
    xa, xb = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))
    second = model.nodes[1].name
    result = run(model, v, {"a": xa, "b": xb}, training=True, seed=2, step=3)
    for i, path in enumerate(("twin", second)):
        mask = random.keep_mask(0.3, (6, 4), 2, random.stream_of("twin/drop", "dropout", i), 3)
        np.testing.assert_array_equal(result.masks[f"{path}/drop"], mask)
    assert set(result.updates) == {"twin/norm/mean", "twin/norm/var"}
    mean = v["twin/norm/mean"]
    for path in ("twin", second):
        mean = 0.9 * mean + 0.1 * result.nodes[f"{path}/dense"].mean(0)
    np.testing.assert_allclose(result.updates["twin/norm/mean"], mean, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(
        result.nodes[f"{second}/dense"], xb @ v["twin/dense/kernel"] + v["twin/dense/bias"], rtol=1e-12
    )


def test_models_within_models_within_models() -> None:
    inner = nn.Sequential([nn.Dropout(0.5, name="drop")], name="inner")
    x = nn.symbol([2])
    middle = nn.Model(inputs=x, outputs=inner(inner(x)), name="middle")
    y = nn.symbol([2])
    model = nn.Model(inputs=y, outputs=middle(middle(y)))
    result = run(model, {}, {"input": np.ones((3, 2))}, training=True, seed=1)
    assert len(result.masks) == 4
    for i, mask in enumerate(result.masks.values()):
        stream = random.stream_of("middle/inner/drop", "dropout", i)
        np.testing.assert_array_equal(mask, random.keep_mask(0.5, (3, 2), 1, stream, 0))
    assert set(result.masks) <= set(result.nodes)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_small_types_are_rounded_after_each_layer(dtype: Any) -> None:
    model = nn.Sequential([nn.Dense(8), nn.BatchNorm(), "gelu", nn.Dropout(0.25), nn.Dense(3)], [5])
    v, x = drawn(model), RNG.normal(size=(7, 5))
    result = run(model, v, {"input": x}, training=True, dtype=dtype)
    assert {y.dtype for y in (*result.nodes.values(), *result.updates.values())} == {np.dtype(dtype)}

    def wide(value: Any) -> Any:
        return np.asarray(value).astype(dtype).astype(np.float32)

    y = wide(wide(x) @ wide(v["dense/kernel"]) + wide(v["dense/bias"]))
    np.testing.assert_array_equal(wide(result.nodes["dense"]), y)
    new = 0.99 * wide(v["batch_norm/mean"]) + (1 - 0.99) * y.mean(0)
    np.testing.assert_array_equal(wide(result.updates["batch_norm/mean"]), wide(new))
    y = wide(
        (y - y.mean(0)) / np.sqrt(y.var(0) + np.float32(1e-5)) * wide(v["batch_norm/scale"])
        + wide(v["batch_norm/bias"])
    )
    np.testing.assert_array_equal(wide(result.nodes["batch_norm"]), y)


def test_integers_and_booleans_pass_through_layers_that_rearrange() -> None:
    model = nn.Model(
        {"ids": nn.Input((2, 3), "int32"), "flags": nn.Input((2,), "bool")},
        (
            nn.Node("flat", nn.Flatten(), ("ids",)),
            nn.Node("column", nn.Reshape((2, 1)), ("flags",)),
        ),
        ("flat", "column"),
    )
    ids, flags = np.arange(24).reshape(4, 2, 3), np.eye(4, 2, dtype=bool)
    result = run(model, {}, {"ids": ids, "flags": flags}, dtype=np.float32)
    assert result.outputs["flat"].dtype == np.int32
    assert result.outputs["column"].dtype == np.bool_
    np.testing.assert_array_equal(result.outputs["flat"], ids.reshape(4, 6))
    np.testing.assert_array_equal(result.outputs["column"][..., 0], flags)


def test_nothing_given_is_changed_and_other_variables_are_not_read() -> None:
    model = nn.Sequential([nn.BatchNorm()], [3])
    v = {**drawn(model), "random/step": np.uint32(4), "optimizer/step": np.int64(9)}
    x = RNG.normal(size=(4, 3))
    before = {name: np.copy(value) for name, value in v.items()}
    result = run(model, v, {"input": x}, training=True)
    assert set(result.updates) == {"batch_norm/mean", "batch_norm/var"}
    for name, value in v.items():
        np.testing.assert_array_equal(value, before[name])


def test_what_does_not_fit_is_named() -> None:
    model = nn.Sequential([nn.Dense(2)], [3])
    v, x = drawn(model), np.ones((4, 3))
    with pytest.raises(SpecError, match="the input 'input' is missing; did you mean 'inputs'"):
        run(model, v, {"inputs": x})
    with pytest.raises(SpecError, match="the variable 'dense/bias' is missing; did you mean 'dense/bais'"):
        run(model, {"dense/kernel": v["dense/kernel"], "dense/bais": v["dense/bias"]}, {"input": x})
    with pytest.raises(SpecError, match=r"the variable 'dense/bias' has shape \[2\], got \[1\]"):
        run(model, {**v, "dense/bias": np.ones(1)}, {"input": x})
    with pytest.raises(ShapeError, match=r"the input has shape \[3\], got \[4\]"):
        run(model, v, {"input": np.ones((4, 4))})


@spec
class Unheard(Layer):
    """A layer that is registered nowhere."""


def test_unknown_layers_are_named() -> None:
    model = nn.Model({"x": nn.Input((3,))}, (nn.Node("node", Unheard(), ("x",)),), ("node",))
    with pytest.raises(BackendError, match="the reference has no realization of Unheard"):
        run(model, {}, {"x": np.ones((2, 3))})


# -- first variables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_initial_variables(dtype: Any) -> None:
    model = nn.Sequential([encoder("e"), nn.Dense(2, bias_init={"normal": 0.1})])
    v = initial_variables(model, 0x0123456789ABCDEF, dtype, (None, 3))
    names = ["e/dense/kernel", "e/dense/bias", "e/norm/scale", "e/norm/bias", "e/norm/mean", "e/norm/var"]
    assert list(v) == [*names, "dense/kernel", "dense/bias", "random/seed", "random/step"]
    for name in ("e/dense/kernel", "dense/kernel", "dense/bias"):
        init = nn.Normal(0.1) if name == "dense/bias" else nn.GlorotUniform()
        exact = initializers.draw(init, v[name].shape, 0x0123456789ABCDEF, name)
        assert v[name].dtype == np.dtype(dtype)
        np.testing.assert_array_equal(v[name], exact.astype(dtype))
        assert np.unique(v[name].astype(float)).size > 1
    assert v["random/seed"].dtype == v["random/step"].dtype == np.uint32
    assert v["random/seed"].tolist() == [0x89ABCDEF, 0x01234567]
    assert v["random/step"].shape == () and v["random/step"] == 0
    result = run(model.with_inputs((3,)), v, {"input": RNG.normal(size=(4, 3))}, dtype=dtype)
    assert np.isfinite(result.outputs["dense"].astype(float)).all()


def test_initial_variables_of_shared_layers_are_drawn_once() -> None:
    dense = nn.Dense(3)
    v = initial_variables(nn.Sequential([dense, dense], [3]), 0, np.float64)
    assert list(v) == ["dense/kernel", "dense/bias", "random/seed", "random/step"]


def test_initial_variables_errors() -> None:
    with pytest.raises(ShapeError, match="the input's shape is not known"):
        initial_variables(nn.Sequential([nn.Dense(2)]), 0, np.float32)
    with pytest.raises(ShapeError, match=r"^dense\.bias: identity draws variables of 2 axes, got shape \[2\]"):
        initial_variables(nn.Sequential([nn.Dense(2, bias_init="identity")], [3]), 0, np.float32)
    colliding = nn.Sequential([nn.Dense(2, name="d46162"), nn.Dropout(0.5, name="d45368")], [3])
    with pytest.raises(SpecError, match="have the same number 0x10b8fe45"):
        initial_variables(colliding, 0, np.float32)
