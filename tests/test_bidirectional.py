"""Recurrent layers in both directions: a short form that makes a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.reference.model import run
from nnspec.spec import dump, parse

RNG = np.random.default_rng(3)


def outputs(model: Any, **inputs: Any) -> Any:
    variables = {
        name: RNG.normal(size=p.shape) for name, p in model.params(*(x.shape for x in inputs.values())).items()
    }
    return run(model, variables, inputs).outputs["merged"], variables


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize(
    ("merge", "joined"),
    [
        ("concat", lambda a, b: np.concatenate([a, b], axis=-1)),
        ("sum", lambda a, b: a + b),
        ("mul", lambda a, b: a * b),
        ("ave", lambda a, b: (a + b) / 2),
    ],
)
def test_each_merge(merge: Any, joined: Any, sequences: bool) -> None:
    """The two layers by themselves, the backward one on the sequence turned by hand."""
    x = RNG.normal(size=(2, 4, 3))
    found, variables = outputs(nn.Bidirectional(nn.GRU(2, return_sequences=sequences), merge), x=x)
    one = nn.Model({"x": nn.Input()}, (nn.Node("y", nn.GRU(2, return_sequences=sequences), ("x",)),), ("y",))
    ahead, back = (
        run(one, {f"y/{n.partition('/')[2]}": v for n, v in variables.items() if n.startswith(way)}, {"x": given})
        for way, given in (("forward", x), ("backward", x[:, ::-1]))
    )
    turned = back.outputs["y"][:, ::-1] if sequences else back.outputs["y"]
    np.testing.assert_allclose(found, joined(ahead.outputs["y"], turned), rtol=1e-13)


def test_further_inputs() -> None:
    options = {"initial_state": True, "mask": True, "return_state": True}
    model = nn.Bidirectional(nn.LSTM(2, **options), backward=nn.LSTM(3, reverse=True, **options))
    assert list(model.inputs) == ["x", "forward_state", "backward_state", "mask"]
    assert model.output_shape((None, 5, 3), (None, 4), (None, 6), (None, 5)) == (None, 4 + 6)


def test_in_a_file() -> None:
    written = {"Bidirectional": {"layer": {"LSTM": 4}, "merge": "sum", "name": "both"}}
    model = parse("layer", written)
    assert model == nn.Bidirectional(nn.LSTM(4), "sum", name="both")
    assert parse("layer", dump(model)) == model
    chain = nn.Sequential([model, nn.Dense(2)], input=[5, 3])
    assert list(chain.params())[:2] == ["both/forward/kernel", "both/forward/recurrent_kernel"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layer": {"Dense": 3}}, "layer: expected a recurrent layer, got Dense"),
        ({"layer": {"LSMT": 3}}, "layer: unknown layer 'LSMT'; did you mean 'LSTM'"),
        ({"layer": {"LSTM": {"features": 3, "reverse": True}}}, "layer.reverse: the layer goes forwards"),
        ({"layer": {"LSTM": 3}, "backward": {"GRU": 3}}, "backward.reverse: the layer goes backwards"),
        (
            {"layer": {"LSTM": 3}, "backward": {"GRU": {"features": 3, "reverse": True, "mask": True}}},
            "backward.mask: both directions have the same mask",
        ),
        ({"layer": {"LSTM": 3}, "merge": "average"}, "merge: expected one of concat, sum, mul, ave"),
        ({"layer": {"LSTM": 3}, "merge_mode": "sum"}, "has no field 'merge_mode'"),
    ],
)
def test_what_is_refused(fields: Any, message: str) -> None:
    with pytest.raises(SpecError) as found:
        parse("layer", {"Bidirectional": fields})
    assert message in str(found.value)
