"""Dense, tanh and addition: their values, each with the function that pulls a cotangent back through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnspec
from nnspec.errors import BackendError

Array = NDArray[Any]
Arrays = Mapping[str, Array]
# What a layer gives: its value, and cotangent -> (cotangents of the inputs, cotangents of the variables).
Result = tuple[Array, Callable[[Array], tuple[list[Array], dict[str, Array]]]]


def _dense(spec: nnspec.Dense, variables: Arrays, x: Array) -> Result:
    kernel = variables["kernel"]
    y = x @ kernel + variables["bias"] if spec.use_bias else x @ kernel
    value = y if spec.activation is None else np.tanh(y)

    def pull(v: Array) -> tuple[list[Array], dict[str, Array]]:
        v = v if spec.activation is None else v * (1 - value * value)
        flat = v.reshape(-1, v.shape[-1])
        found = {"kernel": x.reshape(-1, x.shape[-1]).T @ flat}
        return [v @ kernel.T], {**found, "bias": flat.sum(0)} if spec.use_bias else found

    return value, pull


def _tanh(spec: nnspec.Tanh, variables: Arrays, x: Array) -> Result:
    y = np.tanh(x)
    return y, lambda v: ([v * (1 - y * y)], {})


def _add(spec: nnspec.Add, variables: Arrays, *inputs: Array) -> Result:
    total = sum(inputs[1:], inputs[0])
    return total, lambda v: ([_summed(v, x.shape) for x in inputs], {})


def _summed(v: Array, shape: tuple[int, ...]) -> Array:
    """A cotangent of a broadcast input, summed over the repeated positions."""
    v = v.sum(tuple(range(v.ndim - len(shape))))
    return v.sum(tuple(i for i, size in enumerate(shape) if size == 1 and v.shape[i] > 1), keepdims=True)


LAYERS: dict[type[Any], Callable[..., Result]] = {nnspec.Dense: _dense, nnspec.Tanh: _tanh, nnspec.Add: _add}


def run(model: nnspec.Model, variables: Arrays, inputs: Arrays) -> tuple[dict[str, Array], list[tuple[Any, Any]]]:
    """The values of inputs and nodes by name, and each node with what pulls back through it, in their order."""
    values, tape = dict(inputs), []
    for node in model.nodes:
        if type(node.layer) not in LAYERS:
            raise BackendError(f"the numpy backend has no realization of {type(node.layer).__name__}")
        start = f"{node.owner}/"
        mine = {name.removeprefix(start): x for name, x in variables.items() if name.startswith(start)}
        given = [values[name] for name in node.inputs]
        values[node.name], pull = LAYERS[type(node.layer)](node.layer, mine, *given)
        tape.append((node, pull))
    return values, tape


def pull_back(values: Arrays, tape: list[tuple[Any, Any]], cotangents: Arrays) -> dict[str, Array]:
    """Gradients by the names of inputs, of nodes and of variables."""
    found = {name: np.zeros_like(x) for name, x in values.items()}
    for name, v in cotangents.items():
        found[name] = found[name] + v
    for node, pull in reversed(tape):
        into, own = pull(found[node.name])
        for name, v in zip(node.inputs, into, strict=True):
            found[name] = found[name] + v
        for name, v in own.items():
            found[f"{node.owner}/{name}"] = found.get(f"{node.owner}/{name}", 0) + v
    return found
