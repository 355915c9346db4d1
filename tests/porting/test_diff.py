"""Two models side by side: which nodes stand for each other, and where they part."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnspec
from nnspec.errors import PortError
from nnspec.model import Model, Sequential
from nnspec.porting.align import common
from nnspec.porting.diff import diff
from nnspec.porting.port import Port
from tests.porting.subjects import changed, random_variables, with_layer

MODEL = Sequential([{"Dense": 6}, {"LayerNorm": {"epsilon": 1e-6}}, "gelu", {"Dense": 6}, "tanh", {"Dense": 2}], (6,))
VARIABLES = random_variables(MODEL)
ONE = Port(MODEL, VARIABLES)


def test_common_is_a_longest_common_subsequence() -> None:
    """Against all subsequences of short words."""
    rng = np.random.default_rng(0)
    for _ in range(150):
        a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 7))) for _ in range(2))
        found = common(a, b)
        assert all(a[i] == b[j] for i, j in found)
        assert all(p[0] < q[0] and p[1] < q[1] for p, q in itertools.pairwise(found))
        parts = {"".join(c) for n in range(len(b) + 1) for c in itertools.combinations(b, n)}
        longest = max(n for n in range(len(a) + 1) for c in itertools.combinations(a, n) if "".join(c) in parts)
        assert len(found) == longest


@pytest.mark.jax
def test_equal_models() -> None:
    found = diff(ONE, Port(MODEL, dict(VARIABLES)), backend="jax")
    assert found.equal and found.first is None and len(found.pairs) == 6
    assert "compute the same outputs" in found.message()


@pytest.mark.jax
def test_other_weights_and_options_are_named() -> None:
    kernel = VARIABLES["dense_1/kernel"] * np.float32(1.5)
    other = with_layer(MODEL, "layer_norm", nnspec.LayerNorm(epsilon=1e-3))
    found = diff(ONE, Port(other, changed(VARIABLES, "dense_1/kernel", kernel)), backend="jax")
    assert not found.equal and found.first is not None
    assert found.first.a == "layer_norm" and found.first.options == {"epsilon": (1e-6, 1e-3)}
    by_name = {pair.a: pair for pair in found.pairs}
    assert by_name["dense_1"].variables == pytest.approx({"kernel": 1 / 3, "bias": 0.0})
    assert (
        "first layer_norm (LayerNorm) differs by" in found.message() and "epsilon: 1e-06 and 0.001" in found.message()
    )
    assert found.to_json()["first"]["options"] == {"epsilon": [1e-6, 1e-3]}


@pytest.mark.jax
def test_nodes_of_other_names_stand_for_each_other_by_their_structure() -> None:
    """A flat model beside a nested one whose names say nothing, with a node more."""
    inner = Sequential([{"Dense": 6}, {"LayerNorm": {"epsilon": 1e-6}}, "gelu"])
    x = nnspec.symbol((6,), "features")
    h = nnspec.Identity()(inner(x))
    h = nnspec.Tanh()(nnspec.Dense(6)(h))
    other = Model(inputs=x, outputs=nnspec.Dense(2)(h))
    renamed = {name: VARIABLES[old] for name, old in zip(other.params(), MODEL.params(), strict=True)}
    found = diff(ONE, Port(other, renamed), backend="jax")
    assert found.equal, found.message()
    assert [(p.a, p.b) for p in found.pairs][:2] == [("dense", "model/dense"), ("layer_norm", "model/layer_norm")]
    assert found.only_a == () and found.only_b == ("identity",)


@pytest.mark.jax
def test_an_activation_in_one_of_them() -> None:
    other = with_layer(with_layer(MODEL, "tanh", nnspec.Identity()), "dense_1", nnspec.Dense(6, activation="tanh"))
    found = diff(ONE, Port(other, VARIABLES), backend="jax")
    assert found.equal and found.first is not None and found.first.options == {"activation": (None, "tanh")}
    assert "though dense_1 does not give what dense_1 does" in found.message()


@pytest.mark.jax
def test_inputs_that_do_not_fit() -> None:
    other = Sequential([{"Dense": 2}], (7,))
    with pytest.raises(
        PortError, match=r"'input' of the first model is float \[6\], 'input' of the second float \[7\]"
    ):
        diff(ONE, Port(other, random_variables(other)), backend="jax")
