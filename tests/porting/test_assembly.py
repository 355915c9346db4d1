"""Modules in a flat graph become nested models where those say the same, and nothing else does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec
from nnspec.model import Input, Model
from nnspec.porting.assembly import Assembled, Assembly, Value, label
from nnspec.porting.samples import samples
from nnspec.reference.model import run


class Maker:
    """Makes calls of square Dense layers whose variables tell them apart."""

    def __init__(self) -> None:
        self.assembly = Assembly()
        self.rng = np.random.default_rng(0)
        self.held: dict[Any, dict[str, Any]] = {}

    def dense(self, x: Value, name: str, *scope: str, owner: Any = None, calls: tuple[int, ...] = ()) -> Value:
        owner = owner or (*scope, name)
        if owner not in self.held:
            self.held[owner] = {
                "kernel": self.rng.standard_normal((4, 4)).astype(np.float32),
                "bias": self.rng.standard_normal(4).astype(np.float32),
            }
        return self.assembly.call(
            nnspec.Dense(4),
            x,
            name=name,
            scope=scope,
            owner=owner,
            variables=self.held[owner],
            origin=".".join((*scope, name)),
            invocations=calls,
        )

    def add(self, *values: Value, scope: tuple[str, ...] = (), calls: tuple[int, ...] = ()) -> Value:
        return self.assembly.call(nnspec.Add(), *values, scope=scope, invocations=calls)


def checked(made: Assembly, outputs: list[Value]) -> Assembled:
    """The nested graph, which computes what the flat one does, from as many variables."""
    nested, flat = made.finish(outputs), made.finish(outputs, nested=False)
    given = samples(flat.model)
    found = [run(each.model, each.variables, given) for each in (nested, flat)]
    for name, other in zip(nested.model.outputs, flat.model.outputs, strict=True):
        assert np.array_equal(found[0].outputs[name], found[1].outputs[other])
    for value, path in flat.paths.items():
        if path in found[1].nodes:
            assert np.array_equal(found[0].nodes[nested.paths[value]], found[1].nodes[path])
    assert set(nested.variables) == set(nested.model.params()) and len(nested.variables) == len(flat.variables)
    assert Model.from_file(nested.model.to_file()) == nested.model
    for owner, path in nested.owners.items():
        assert f"{path}/kernel" in nested.variables, owner
    return nested


def names(model: Model) -> list[str]:
    return [path for path, _ in model.walk()]


def test_label() -> None:
    assert [label(word) for word in ("block1-conv/2", "2d", "conv")] == ["block1_conv_2", "_2d", "conv"]


def test_a_module_is_a_nested_model() -> None:
    made = Maker()
    x = made.assembly.input("x", (4,))
    h = made.dense(x, "first", "encoder")
    h = made.dense(h, "second", "encoder")
    h = made.dense(h, "head")
    found = checked(made.assembly, [h])
    assert names(found.model) == ["encoder", "encoder/first", "encoder/second", "head"]
    assert found.origin == {"encoder/first": "encoder.first", "encoder/second": "encoder.second", "head": "head"}
    assert found.paths[h] == "head"
    assert found.model.nodes[0].layer.inputs == {"input": Input(None)}


def test_an_output_within_a_module_goes_by_the_modules_name() -> None:
    made = Maker()
    x = made.assembly.input("x", (4,))
    h = made.dense(made.dense(x, "up", "net", "mlp"), "down", "net", "mlp")
    found = made.assembly.finish([h])
    assert found.model.outputs == ("net",) and found.paths[h] == "net"
    assert found.origin == {"net/mlp/up": "net.mlp.up", "net/mlp/down": "net.mlp.down"}
    assert set(found.variables) == {f"net/mlp/{name}/{key}" for name in ("up", "down") for key in ("kernel", "bias")}


def test_modules_within_modules_and_residual_branches() -> None:
    made = Maker()
    x = h = made.assembly.input("x", (4,))
    for block in ("block_0", "block_1"):
        y = made.dense(h, "up", "encoder", block, "mlp")
        y = made.dense(y, "down", "encoder", block, "mlp")
        h = made.add(h, y, scope=("encoder", block))
    h = made.add(h, x)
    found = checked(made.assembly, [h])
    assert names(found.model) == [
        "encoder",
        *("encoder/block_0", "encoder/block_0/mlp", "encoder/block_0/mlp/up", "encoder/block_0/mlp/down"),
        "encoder/block_0/add",
        *("encoder/block_1", "encoder/block_1/mlp", "encoder/block_1/mlp/up", "encoder/block_1/mlp/down"),
        "encoder/block_1/add",
        "add",
    ]
    assert "encoder/block_1/mlp/down/kernel" in found.variables


@pytest.mark.parametrize("known", [True, False])
def test_a_module_that_is_called_twice_shares(known: bool) -> None:
    """Also where nothing tells one invocation from another but that everything happens again."""
    made = Maker()
    a, b = made.assembly.input("a", (4,)), made.assembly.input("b", (4,))
    towers = []
    for call, x in enumerate((a, b)):
        calls = (call, 10 + call) if known else ()
        h = made.dense(x, "first", "tower", calls=calls[:1])
        h = made.dense(h, "first", "tower", "inner", owner="w", calls=calls)
        towers.append(made.dense(h, "second", "tower", "inner", calls=calls))
    found = checked(made.assembly, [made.add(*towers)])
    assert [(node.name, node.shares) for node in found.model.nodes] == [
        ("tower", None),
        ("tower_1", "tower"),
        ("add", None),
    ]
    assert found.paths[towers[1]] == "tower_1/inner/second"
    assert found.owners["w"] == "tower/inner/first"
    assert sorted(found.variables) == sorted(
        f"tower/{name}/{key}" for name in ("first", "inner/first", "inner/second") for key in ("kernel", "bias")
    )


def test_a_value_that_is_seen_from_outside_keeps_a_module_flat() -> None:
    made = Maker()
    x = made.assembly.input("x", (4,))
    first = made.dense(x, "first", "encoder")
    second = made.dense(first, "second", "encoder")
    assert names(checked(made.assembly, [made.add(first, second)]).model) == ["encoder_first", "encoder_second", "add"]
    assert names(checked(made.assembly, [first, second]).model) == ["encoder_first", "encoder_second"]


def test_what_lies_within_a_flat_module_may_be_nested() -> None:
    made = Maker()
    x = made.assembly.input("x", (4,))
    a = made.dense(made.dense(x, "up", "encoder", "mlp"), "down", "encoder", "mlp")
    b = made.dense(a, "next", "encoder")
    assert names(checked(made.assembly, [a, b]).model) == [
        *("encoder_mlp", "encoder_mlp/up", "encoder_mlp/down"),
        "encoder_next",
    ]


def test_a_path_that_leaves_and_comes_back_keeps_a_module_flat() -> None:
    made = Maker()
    x = made.assembly.input("x", (4,))
    first = made.dense(x, "first", "encoder")
    between = made.dense(first, "between")
    second = made.dense(between, "second", "encoder")
    assert names(checked(made.assembly, [second]).model) == ["encoder_first", "between", "encoder_second"]


def test_modules_that_happen_at_the_same_time() -> None:
    """Calls of two modules in turns: each is whole afterwards, in an order that fits."""
    made = Maker()
    x = made.assembly.input("x", (4,))
    a = made.dense(x, "one", "a")
    b = made.dense(x, "one", "b")
    a = made.dense(a, "two", "a")
    b = made.add(made.dense(b, "two", "b"), a, scope=("b",))
    found = checked(made.assembly, [made.dense(b, "last")])
    assert [(node.name, node.inputs) for node in found.model.nodes] == [
        ("a", ("x",)),
        ("b", ("x", "a")),
        ("last", ("b",)),
    ]


def test_variables_that_are_used_outside_keep_a_module_flat() -> None:
    made = Maker()
    x = made.assembly.input("x", (4,))
    h = made.dense(made.dense(x, "first", "encoder", owner="w"), "second", "encoder")
    found = checked(made.assembly, [made.dense(h, "again", owner="w")])
    assert [(n.name, n.shares) for n in found.model.nodes] == [
        ("encoder_first", None),
        ("encoder_second", None),
        ("again", "encoder_first"),
    ]


def test_calls_of_a_module_that_differ_stay_flat() -> None:
    made = Maker()
    x = made.assembly.input("x", (4,))
    a = made.dense(made.dense(x, "first", "m", calls=(0,)), "second", "m", calls=(0,))
    b = made.dense(made.dense(a, "second", "m", calls=(1,)), "first", "m", calls=(1,))
    found = checked(made.assembly, [b])
    assert [(n.name, n.shares) for n in found.model.nodes] == [
        ("m_first", None),
        ("m_second", None),
        ("m_second_1", "m_second"),
        ("m_first_1", "m_first"),
    ]


def test_several_inputs_of_other_dtypes() -> None:
    made = Maker()
    ids, x = made.assembly.input("ids", (3,), "int32"), made.assembly.input("x", (3, 4))
    table = {"embedding": np.ones((5, 4), np.float32)}
    h = made.assembly.call(nnspec.Embedding(5, 4), ids, name="table", scope=("embed",), owner="t", variables=table)
    h = made.add(h, x, scope=("embed",))
    found = made.assembly.finish([made.assembly.call(nnspec.ReLU(), h)])
    assert found.model.nodes[0].layer.inputs == {"input": Input(None, "int32"), "input_1": Input(None)}
    found.model.infer()


def test_what_leads_to_no_output_is_left_out() -> None:
    made = Maker()
    x = made.assembly.input("x", (4,))
    h = made.dense(x, "kept")
    made.dense(h, "unused")
    found = checked(made.assembly, [h])
    assert names(found.model) == ["kept"] and sorted(found.variables) == ["kept/bias", "kept/kernel"]


@pytest.mark.jax
@pytest.mark.tensorflow
def test_backends_run_shared_nested_models(both_backends: list[Any]) -> None:
    made = Maker()
    a, b = made.assembly.input("a", (4,)), made.assembly.input("b", (4,))
    ends = []
    for call, x in enumerate((a, b)):
        h = made.dense(made.dense(x, "up", "m", "mlp", calls=(call,)), "down", "m", "mlp", calls=(call,))
        ends.append(made.add(h, x, scope=("m",), calls=(call,)))
    found = made.assembly.finish([made.add(*ends)])
    assert [node.shares for node in found.model.nodes] == [None, "m", None]
    given = samples(found.model)
    want = run(found.model, found.variables, given).nodes
    for backend in both_backends:
        got = backend.build(found.model, found.variables, dtype="float64").nodes(given)
        assert set(got) == set(want)
        assert all(np.allclose(got[path], want[path], rtol=1e-12, atol=1e-12) for path in want)
