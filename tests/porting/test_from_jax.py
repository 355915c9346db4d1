"""Functions of JAX with trees of variables, compared with JAX itself."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from nnspec import porting
from nnspec.errors import PortError
from nnspec.reference.model import run

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
jnp = jax.numpy

pytestmark = pytest.mark.jax
RNG = np.random.default_rng(23)


def weight(*shape: int) -> Any:
    return (RNG.normal(size=shape) * 0.5).astype(np.float32)


VARIABLES = {
    "layers": [{"w": weight(5, 7), "b": weight(7)}, {"w": weight(7, 3), "b": weight(3)}],
    "scale": np.float32(1.5),
}


@jax.jit
def network(variables: Any, x: Any) -> Any:
    for layer in variables["layers"]:
        x = jax.nn.gelu(x @ layer["w"] + layer["b"])
    return {"logits": x * variables["scale"], "share": jax.nn.softmax(x)}


def test_a_network_of_plain_arrays() -> None:
    x = weight(4, 5)
    port = porting.from_jax(network, x, variables=VARIABLES, backend="jax")
    assert {name: value.shape for name, value in port.variables.items()} == {
        "dense/kernel": (5, 7),
        "dense/bias": (7,),
        "dense_1/kernel": (7, 3),
        "dense_1/bias": (3,),
        "scale/value": (),
    }
    found = run(port.model, port.variables, {"x": x})
    wanted = network(VARIABLES, x)
    for path, key in zip(port.model.outputs, sorted(wanted), strict=True):
        assert np.abs(found.outputs[path] - np.asarray(wanted[key])).max() < 2e-6
    assert port.subject is not None
    assert port.subject.label == f"JAX {jax.__version__}"


def test_a_function_of_inputs_alone() -> None:
    port = porting.from_jax(
        lambda x, y: jnp.concatenate([jnp.tanh(x), y * 2], -1), weight(3, 2), weight(3, 4), check=False
    )
    assert list(port.model.inputs) == ["x", "y"]
    assert not port.variables


def test_a_scan_and_a_mode() -> None:
    def rnn(variables: Any, xs: Any, train: bool = False) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = jnp.tanh(x @ variables["w"] + h @ variables["u"])
            return h, h

        _, hs = jax.lax.scan(step, jnp.zeros((xs.shape[0], 4)), xs.swapaxes(0, 1))
        return hs.swapaxes(0, 1)

    xs = weight(3, 5, 2)
    port = porting.from_jax(rnn, xs, variables={"w": weight(2, 4), "u": weight(4, 4)}, check=False)
    found = run(port.model, port.variables, {"xs": xs}).outputs[port.model.outputs[0]]
    tree = {"w": port.variables["dense/kernel"], "u": port.variables["dense_1/kernel"]}
    if tree["w"].shape != (2, 4):
        tree = {"w": tree["u"], "u": tree["w"]}
    assert np.abs(found - np.asarray(rnn(tree, xs))).max() < 1e-6


def test_a_bias_that_is_used_elsewhere_stays_a_parameter() -> None:
    def tied(variables: Any, x: Any) -> Any:
        return x @ variables["w"] + variables["b"], x * variables["b"].sum()

    port = porting.from_jax(tied, weight(3, 2), variables={"w": weight(2, 4), "b": weight(4)}, check=False)
    assert "dense/bias" not in port.variables
    assert "b/value" in port.variables


def test_a_kernel_with_two_biases_stays_shared() -> None:
    def twice(variables: Any, x: Any) -> Any:
        return x @ variables["w"] + variables["b"], jnp.flip(x, -1) @ variables["w"] + variables["c"]

    tree = {"w": weight(3, 4), "b": weight(4), "c": weight(4)}
    port = porting.from_jax(twice, weight(2, 3), variables=tree, backend="jax")
    assert [node.shares for node in port.model.nodes if "dense" in node.name] == [None, "dense"]


def test_what_is_called_how() -> None:
    with pytest.raises(PortError, match="takes no arguments; of variables it is the first"):
        porting.from_jax(lambda: 1, weight(2, 3), variables={})
    with pytest.raises(PortError, match="give an example of each input"):
        porting.from_jax(network, variables=VARIABLES)
    with pytest.raises(PortError, match="cannot be called in inference mode"):
        porting.from_jax(network, weight(4, 6), variables=VARIABLES)
    with pytest.raises(PortError, match="batch axis") as raised:
        porting.from_jax(lambda x: jax.lax.cond(x.sum() > 0, lambda y: y, jnp.negative, x), weight(2, 3))
    assert "examples of a batch depend on one another" in str(raised.value)
    assert porting.from_jax(partial(network, VARIABLES), weight(4, 5), check=False).model.outputs
