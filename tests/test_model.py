"""Models: chains, graphs, sharing, nesting; shapes; the same after writing and reading."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import nnspec as nn
from nnspec import document
from nnspec.errors import ShapeError, SpecError
from nnspec.model import Model
from nnspec.spec import dump, parse
from tests.strategies import models


def residual() -> nn.Model:
    x = nn.symbol((8,), name="x")
    h = nn.Dense(8, "relu", name="hidden")(x)
    return nn.Model(inputs=x, outputs=nn.Dense(3, name="out")(h + x))


def two_towers() -> nn.Model:
    """Two inputs through one shared encoder, a nested model, joined."""
    encoder = nn.Sequential([nn.Dense(4), nn.BatchNorm(), "gelu"], name="encoder")
    left, right = nn.symbol((6,), name="left"), nn.symbol((6,), name="right")
    joined = nn.Concat()(encoder(left), encoder(right))
    return nn.Model(inputs=[left, right], outputs=[nn.Dense(2)(joined), nn.Dense(1)(joined)])


# -- chains -----------------------------------------------------------------------------------------------------------


def test_a_chain_names_its_nodes() -> None:
    model = nn.Sequential([nn.Dense(4), "relu", nn.Dense(4), "relu", nn.Dense(2, name="out"), nn.Dense(2)], [3])
    assert [node.name for node in model.nodes] == ["dense", "relu", "dense_1", "relu_1", "out", "dense_2"]
    assert model.outputs == ("dense_2",)
    assert model.output_shape() == (None, 2)


def test_variables_of_a_chain() -> None:
    model = nn.Sequential([nn.Dense(4, use_bias=False), nn.BatchNorm(), nn.PReLU(), nn.Dense(2)], [3])
    shapes = {name: (param.shape, param.kind, param.decay) for name, param in model.params().items()}
    assert shapes == {
        "dense/kernel": ((3, 4), "parameter", True),
        "batch_norm/scale": ((4,), "parameter", False),
        "batch_norm/bias": ((4,), "parameter", False),
        "batch_norm/mean": ((4,), "statistic", False),
        "batch_norm/var": ((4,), "statistic", False),
        "prelu/slope": ((4,), "parameter", False),
        "dense_1/kernel": ((4, 2), "parameter", True),
        "dense_1/bias": ((2,), "parameter", False),
    }


def test_shapes_come_from_data_where_the_model_has_none() -> None:
    model = nn.Sequential(["Flatten", {"Dense": 5}])
    assert model.output_shape((None, 4, 4, 2)) == (None, 5)
    assert model.with_inputs((4, 4, 2)).params()["dense/kernel"].shape == (32, 5)
    with pytest.raises(ShapeError, match="input: the input's shape is not known"):
        model.params()


def test_axes_of_any_length() -> None:
    model = nn.Sequential([nn.Dense(5), nn.LayerNorm()], [None, 3])
    assert model.output_shape() == (None, None, 5)
    assert model.output_shape((None, 7, 3)) == (None, 7, 5)
    with pytest.raises(ShapeError, match=r"input: the input has shape \[None, 3\], got \[7, 4\]"):
        model.output_shape((None, 7, 4))


def test_which_models_convolve() -> None:
    held = nn.TimeDistributed(nn.WeightNorm(nn.Conv(2, (3,))))
    for layer in (nn.Conv(2, (3,)), nn.ConvTranspose(2, (3,)), nn.ConvLSTM(2, (3,)), held):
        assert nn.Sequential([nn.Sequential([layer]), nn.Tanh()]).convolves
    for layer in (nn.Dense(2), nn.DepthwiseConv((3,)), nn.TimeDistributed(nn.Dense(2)), nn.LSTM(2)):
        assert not nn.Sequential([nn.Sequential([layer]), nn.Tanh()]).convolves


def test_the_same_layer_object_shares_its_variables() -> None:
    shared = nn.Dense(4)
    model = nn.Sequential([shared, "tanh", shared], [4])
    assert [(node.name, node.shares) for node in model.nodes] == [("dense", None), ("tanh", None), ("dense_1", "dense")]
    assert list(model.params()) == ["dense/kernel", "dense/bias"]
    named = nn.Dense(4, name="twice")
    assert [node.name for node in nn.Sequential([named, "tanh", named], [4]).nodes] == ["twice", "tanh", "twice_1"]
    x = nn.symbol((4,))
    assert [node.name for node in nn.Model(inputs=x, outputs=named(named(x))).nodes] == ["twice", "twice_1"]
    equal_but_other = nn.Sequential([nn.Dense(4), "tanh", nn.Dense(4)], [4])
    assert len(equal_but_other.params()) == 4


# -- graphs -----------------------------------------------------------------------------------------------------------


def test_a_graph_of_symbols() -> None:
    model = residual()
    assert [(node.name, node.inputs) for node in model.nodes] == [
        ("hidden", ("x",)),
        ("add", ("hidden", "x")),
        ("out", ("add",)),
    ]
    assert model.output_shape() == (None, 3)


def test_nesting_and_sharing() -> None:
    model = two_towers()
    assert list(model.params()) == [
        "encoder/dense/kernel",
        "encoder/dense/bias",
        "encoder/batch_norm/scale",
        "encoder/batch_norm/bias",
        "encoder/batch_norm/mean",
        "encoder/batch_norm/var",
        "dense/kernel",
        "dense/bias",
        "dense_1/kernel",
        "dense_1/bias",
    ]
    assert model.output_shapes() == {"dense": (None, 2), "dense_1": (None, 1)}
    assert [path for path, _ in model.walk()][:4] == ["encoder", "encoder/dense", "encoder/batch_norm", "encoder/gelu"]


def test_operators_on_symbols() -> None:
    x, y = nn.symbol((3,)), nn.symbol((3,))
    model = nn.Model(inputs=[x, y], outputs=(x - y) * x / y)
    assert [type(node.layer).__name__ for node in model.nodes] == ["Subtract", "Multiply", "Divide"]
    assert model.nodes[0].inputs == ("input", "input_1")


def test_a_graph_in_a_file_may_stand_in_any_order() -> None:
    model = Model.from_file(
        {
            "inputs": {"x": [4]},
            "nodes": {
                "sum": {"layer": "add", "inputs": ["again", "x"]},
                "again": {"shares": "hidden", "inputs": "hidden"},
                "hidden": {"layer": {"Dense": 4}, "inputs": "x"},
            },
            "outputs": "sum",
        }
    )
    assert [node.name for node in model.nodes] == ["hidden", "again", "sum"]
    assert list(model.params()) == ["hidden/kernel", "hidden/bias"]


def test_broadcasting() -> None:
    x, y = nn.symbol((5, 1)), nn.symbol((3,))
    assert nn.Model(inputs=[x, y], outputs=nn.Add()(x, nn.Reshape((1, 3))(y))).output_shape() == (None, 5, 3)


def test_deep_graphs_need_no_recursion() -> None:
    x = nn.symbol((2,))
    h = x
    for _ in range(3000):
        h = nn.Tanh()(h)
    model = nn.Model(inputs=x, outputs=h)
    assert len(model.nodes) == 3000
    nodes = {f"n{i}": {"layer": "tanh", "inputs": f"n{i + 1}"} for i in range(3000)}
    nodes["n3000"] = {"layer": "tanh", "inputs": "x"}
    assert Model.from_file({"inputs": {"x": [2]}, "nodes": nodes, "outputs": "n0"}).nodes[0].name == "n3000"


def test_flops() -> None:
    # By hand: a product of (3,) and (3, 4) takes 12 multiplications and 8 additions, the bias 4 more.
    assert nn.Dense(4).flops((1, 3)) == 24
    assert nn.Dense(4, use_bias=False).flops((1, 3)) == 20
    assert nn.Dense(4, "relu").flops((1, 3)) == 28
    assert nn.Dense(4).flops((1, 5, 3)) == 5 * 24
    assert nn.BatchNorm().flops((1, 4)) == 8
    assert nn.Add().flops((1, 4), (1, 4), (1, 4)) == 8
    assert nn.Flatten().flops((1, 2, 3)) == nn.Dropout(0.5).flops((1, 6)) == nn.Concat().flops((1, 2), (1, 2)) == 0
    assert nn.GLU().flops((1, 8)) == 4
    assert two_towers().flops((1, 6), (1, 6)) == 2 * (2 * 6 * 4 + 2 * 4 + 4) + (2 * 8 * 2) + (2 * 8 * 1)


# -- errors -----------------------------------------------------------------------------------------------------------


def _graph(nodes: dict[str, Any], outputs: Any = "b", inputs: Any = None) -> nn.Model:
    return Model.from_file({"inputs": inputs or {"x": [4]}, "nodes": nodes, "outputs": outputs})


_A = {"layer": {"Dense": 4}, "inputs": "x"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: _graph({"a": {"layer": "relu", "inputs": "b"}, "b": {"layer": "relu", "inputs": "a"}}),
            "nodes.a: the graph has a cycle: a -> b -> a",
        ),
        (lambda: _graph({"b": {"layer": "relu", "inputs": "b"}}), "the graph has a cycle: b -> b"),
        (
            lambda: _graph({"a": _A, "b": {"layer": "relu", "inputs": "aa"}}),
            r"nodes.b.inputs\[0\]: its input 'aa' is not a node or an input; did you mean 'a'",
        ),
        (lambda: _graph({"a": _A}, "q"), r"outputs\[0\]: 'q' is not a node or an input"),
        (lambda: _graph({"a": _A}, []), r"outputs: expected the name of a node, or a list of names, got \[\]"),
        (lambda: _graph({"x": _A}, "x"), "the name 'x' is taken by an input"),
        (lambda: _graph({"a b": _A}, "a b"), "'a b' cannot name a node"),
        (lambda: _graph({"a": {"inputs": "x"}}, "a"), "nodes.a: a node has either a layer of its own or the name of"),
        (
            lambda: _graph({"a": {**_A, "shares": "b"}}, "a"),
            "nodes.a: a node has either a layer of its own or the name of",
        ),
        (
            lambda: _graph({"a": _A, "b": {"shares": "c", "inputs": "x"}}),
            "nodes.b.shares: there is no node 'c' with a layer to share",
        ),
        (lambda: _graph({"a": {"layer": "relu", "input": 3}}, "a"), "nodes.a.inputs: expected the name of a node"),
        (
            lambda: _graph({"a": {"layer": "relu", "inputt": "x"}}, "a"),
            "nodes.a: a node has no field 'inputt'; did you mean 'input",
        ),
        (lambda: _graph({"a": {"layer": "subtract", "inputs": "x"}}, "a"), "Subtract takes 2 inputs, got 1"),
        (lambda: _graph({"a": {"layer": "relu", "inputs": ["x", "x"]}}, "a"), "ReLU takes 1 input, got 2"),
        (lambda: _graph({"a": "relu"}, "a"), r"nodes.a: expected \{layer: ..., inputs: ...\}, got 'relu'"),
        (lambda: _graph({"a": {"layer": "rleu", "inputs": "x"}}, "a"), "nodes.a.layer: unknown layer 'rleu'; did you"),
        (lambda: _graph({"a": _A}, "a", {"x": "wide"}), r"inputs.x: expected a shape such as \[64\], got 'wide'"),
        (lambda: Model.from_file({"layers": []}), "layers: a Sequential needs at least one layer"),
        (lambda: Model.from_file({"layers": "relu"}), "layers: expected a list of layers, got 'relu'"),
        (lambda: Model.from_file({"layer": ["relu"]}), "a model has no field 'layer'; did you mean 'layers'"),
        (lambda: Model.from_file({"input": [3]}), r"expected 'layers' \(a chain\) or 'nodes' \(a graph\)"),
        (lambda: Model.from_file("relu"), "expected a mapping with 'layers' or 'nodes', got 'relu'"),
        (lambda: Model.from_file({"layers": ["relu"], "input": [-3]}), r"input.shape\[0\]: sizes are positive"),
        (
            lambda: nn.Sequential([nn.Dense(3, name="a"), nn.Dense(3, name="a")]),
            r"layers\[1\].name: the name 'a' is taken",
        ),
        (lambda: nn.Sequential(["relu", {"Dense": {"units": 3}}]), r"layers\[1\].Dense: Dense has no field 'units'"),
        (lambda: nn.Sequential([nn.Dense]), r"layers\[0\]: expected a layer, got <class"),
        (lambda: nn.Sequential(["relu"], [3], name="a/b"), "name: expected a name .* got 'a/b'"),
        (lambda: nn.Dense(3)([1.0, 2.0]), "Dense is a spec: call it on symbolic tensors"),
        (lambda: nn.symbol((3,)) + 1, "add joins symbolic tensors, got int"),
        (lambda: nn.Model(inputs=nn.symbol((3,)), outputs=nn.ReLU()(nn.symbol((3,)))), "which is not listed"),
    ],
)
def test_errors_of_structure(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential([nn.Reshape((5,))], [2, 3]), r"reshape: Reshape to \[5\] does not fit 6 elements"),
        (lambda: nn.Sequential([nn.Reshape((-1, -1))], [6]), r"Reshape can infer one axis"),
        (lambda: nn.Sequential([nn.Reshape((-1, 4))], [6]), r"does not fit 6 elements of input \(batch, 6\)"),
        (lambda: nn.Sequential([nn.GLU()], [3]), "glu: GLU halves axis -1, whose size 3 is odd"),
        (lambda: nn.Sequential([nn.Softmax(axis=0)], [3]), "softmax: softmax: axis 0 is the batch axis"),
        (lambda: nn.Sequential([nn.Softmax(axis=2)], [3]), "axis 2 does not exist in input"),
        (lambda: nn.Sequential(["Flatten"], [None, 3]), "every axis of Flatten's input must have a known size"),
        (lambda: nn.Sequential([nn.Dense(3)], [4, None]), "the last axis of Dense's input must have a known size"),
        (lambda: nn.Sequential([nn.Dense(3)], []), "Dense needs inputs of at least 2 axes"),
        (
            lambda: _graph({"a": {"layer": {"Dense": 3}, "inputs": "x"}, "b": {"layer": "add", "inputs": ["a", "x"]}}),
            r"b: add cannot combine inputs of shapes \(batch, 3\) and \(batch, 4\)",
        ),
        (
            lambda: _graph(
                {"a": {"layer": {"Reshape": [1, 4]}, "inputs": "x"}, "b": {"layer": "add", "inputs": ["a", "x"]}}
            ),
            r"b: add cannot combine inputs of different ranks, \(batch, 1, 4\) and \(batch, 4\): the batch axis",
        ),
        (
            lambda: _graph({"b": {"layer": {"concat": {"axis": 0}}, "inputs": ["x", "x"]}}),
            "concat: axis 0 is the batch axis",
        ),
        (
            lambda: _graph(
                {"a": {"layer": {"Dense": 3}, "inputs": "x"}, "b": {"shares": "a", "inputs": "a"}},
            ),
            r"b: shares the layer of 'a', but needs variables .*kernel.*\(3, 3\)",
        ),
        (
            lambda: _graph(
                {"b": {"layer": {"Dense": 3}, "inputs": "x"}}, inputs={"x": {"shape": [4], "dtype": "int32"}}
            ),
            "b: Dense computes on floats, got int32 input",
        ),
        (
            lambda: nn.Sequential([nn.Sequential([nn.Reshape((5,))], name="inner")], [6]),
            r"inner.reshape: Reshape to \[5\] does not fit",
        ),
        (
            lambda: nn.Sequential([nn.Sequential(["relu"], [5], name="inner")], [6]),
            r"inner.input: the input has shape \[5\], got \[6\]",
        ),
    ],
)
def test_errors_of_shape_name_the_node(make: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        make().params()


def test_a_nested_model_has_one_output() -> None:
    x = nn.symbol((6,))
    with pytest.raises(ShapeError, match="a nested model has one output, this one has 2"):
        nn.Model(inputs=x, outputs=nn.Model(inputs=(y := nn.symbol((6,))), outputs=[y + y, y * y])(x)).params()


# -- writing and reading ----------------------------------------------------------------------------------------------


def round_trip(model: nn.Model) -> None:
    written = model.to_file()
    assert Model.from_file(written) == model
    assert Model.from_file(written).to_file() == written
    assert parse("layer", dump(model)) == model
    for source in ("m.yaml", "m.json"):
        assert Model.from_file(document.loads(document.dumps(written, source), source).data) == model


@pytest.mark.parametrize(
    "model",
    [
        residual(),
        two_towers(),
        nn.Sequential(["relu"]),
        nn.Sequential(["relu", "relu", nn.Dense(3, name="relu_2"), "relu"], [3]),
        nn.Sequential([nn.Dense(3, name="dense_1"), nn.Dense(3), nn.Dense(3)], [3]),
        nn.Sequential([nn.Dense(3, name="dense_1"), nn.Dense(3, name="dense_2")], [3]),
        nn.Sequential([nn.Sequential(["relu", nn.Sequential(["tanh"], name="deep")], name="inner"), nn.Dense(2)], [3]),
        nn.Sequential(["Flatten"], nn.Input((None, 3), "int32"), name="named"),
        nn.Sequential([nn.PReLU(shared=True), nn.Dense(2, kernel_init=nn.Orthogonal(0.5))], [5]),
    ],
)
def test_written_and_read_again(model: nn.Model) -> None:
    round_trip(model)


def test_a_shared_chain_is_written_and_read_again() -> None:
    shared = nn.Dense(4)
    round_trip(nn.Sequential([shared, "tanh", shared], [4]))


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], max_examples=100)
@given(models())
def test_any_model_is_written_and_read_again(written: Any) -> None:
    try:
        model = Model.from_file(written)
    except SpecError:
        return  # graphs at random rarely hold together
    round_trip(model)


@given(st.data())
def test_any_graph_is_written_and_read_again(data: st.DataObject) -> None:
    """Random graphs that hold together: each node takes earlier values, shares at random, in nested models too."""

    def graph(depth: int) -> nn.Model:
        inputs = {f"x{i}": nn.Input((4,)) for i in range(data.draw(st.integers(1, 2)))}
        nodes: list[nn.Node] = []
        for i in range(data.draw(st.integers(1, 5))):
            earlier = st.sampled_from([*inputs, *(node.name for node in nodes)])
            own = [node for node in nodes if node.shares is None]
            choice = data.draw(st.sampled_from(["dense", "add", "norm", "model", "share"]))
            if choice == "share" and own:
                owner = data.draw(st.sampled_from(own))
                given_ = tuple(data.draw(earlier) for _ in owner.inputs)
                nodes.append(nn.Node(f"n{i}", owner.layer, given_, owner.name))
            elif choice == "model" and depth < 2:
                inner = graph(depth + 1)
                nodes.append(nn.Node(f"n{i}", inner, tuple(data.draw(earlier) for _ in inner.inputs)))
            elif choice == "add":
                nodes.append(nn.Node(f"n{i}", nn.Add(), (data.draw(earlier), data.draw(earlier))))
            else:
                layer = nn.Dense(4, use_bias=data.draw(st.booleans())) if choice == "dense" else nn.LayerNorm()
                nodes.append(nn.Node(f"n{i}", layer, (data.draw(earlier),)))
        used = {name for node in nodes for name in node.inputs}
        leaves = tuple(node.name for node in nodes if node.name not in used)
        if len(leaves) > 1:  # every node leads to the output
            nodes.append(nn.Node("total", nn.Add(), leaves))
        return nn.Model(inputs, tuple(nodes), (nodes[-1].name,))

    model = graph(0)
    round_trip(model)
    assert model.output_shape() == (None, 4)
    owned = [path for path, node in model.walk() if node.shares is None]
    assert {name.rsplit("/", 1)[0] for name in model.params()} <= set(owned)
