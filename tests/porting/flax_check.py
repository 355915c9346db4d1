"""A Flax model beside its port: run by Flax itself, by the NumPy reference, and by the JAX backend for gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn, nnx

import nnspec
from nnspec.layers.base import Layer
from nnspec.model import Model
from nnspec.porting.formats import Reading
from nnspec.porting.port import Port
from nnspec.reference.model import run
from nnspec_jax.porting.importer import FlaxImporter


def ported(model: Any, *inputs: Any, method: str | None = None) -> Port:
    """A model in nnspec's terms."""
    return FlaxImporter().from_object(model, Reading({str(i): x for i, x in enumerate(inputs)}, method=method))


def randomized(array: Any, rng: np.random.Generator, name: str) -> Any:
    """Numbers for a variable: neither 0 nor 1, and alike in size; variances and spectral norms positive."""
    if not jnp.issubdtype(array.dtype, jnp.floating):
        return array
    fan = np.prod(array.shape[:-1]) if array.ndim > 1 else 4.0
    made = rng.normal(size=array.shape) / np.sqrt(max(float(fan), 1.0))
    if any(word in name for word in ("var", "sigma")):
        made = rng.uniform(0.5, 1.5, array.shape)
    if "scale" in name:
        made = rng.uniform(0.6, 1.4, array.shape) * rng.choice([-1, 1], array.shape)
    return jnp.asarray(made, array.dtype)


def random_module(module: nnx.Module, seed: int = 0) -> nnx.Module:
    """An NNX module with random variables."""
    rng = np.random.default_rng(seed)
    graphdef, keys, state = nnx.split(module, nnx.RngState, ...)
    with_paths, tree = jax.tree_util.tree_flatten_with_path(state)
    leaves = [randomized(x, rng, jax.tree_util.keystr(path)) for path, x in with_paths]
    return nnx.merge(graphdef, keys, jax.tree.unflatten(tree, leaves))


def random_variables(module: nn.Module, *inputs: Any, seed: int = 0, **kwargs: Any) -> Any:
    """Random variables of a linen module."""
    keys = {name: jax.random.key(0) for name in ("params", "dropout", "noise")}
    variables = jax.eval_shape(lambda: module.init(keys, *inputs, **kwargs))
    rng = np.random.default_rng(seed)
    with_paths, tree = jax.tree_util.tree_flatten_with_path(nn.unbox(variables))
    leaves = [randomized(x, rng, jax.tree_util.keystr(path)) for path, x in with_paths]
    return jax.tree.unflatten(tree, leaves)


def data(*shape: int, seed: int = 1) -> Any:
    """Random numbers in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def ids(*shape: int, below: int, seed: int = 1) -> Any:
    """Random whole numbers."""
    return np.random.default_rng(seed).integers(0, below, shape).astype(np.int32)


def calm(model: Model) -> Model:
    """A model whose random layers drop nothing and add nothing."""

    def calmed(layer: Layer) -> Layer:
        if isinstance(layer, Model):
            return calm(layer)
        for name in ("rate", "dropout_rate", "stddev"):
            if getattr(layer, name, 0.0):
                layer = replace(layer, **{name: 0.0})
        return layer

    nodes = tuple(replace(node, layer=calmed(node.layer)) for node in model.nodes)
    return replace(model, nodes=nodes)


def apart(one: Any, other: Any) -> float:
    """The largest difference in units of the second's largest element."""
    one, other = (np.asarray(x, np.float64) for x in (one, other))
    assert one.shape == other.shape, (one.shape, other.shape)
    scale = np.abs(other).max(initial=0.0)
    return float(np.abs(one - other).max(initial=0.0) / (scale or 1.0))


def check(
    port: Port,
    expected: Any,
    inputs: Sequence[Any],
    *,
    training: bool | None = None,
    gradients: bool = True,
    exact: float = 1e-11,
    rough: float = 2e-5,
) -> None:
    """Compare a port with what the original gave in float32, and node by node in float64.

    Args:
        port: the port.
        expected: what the original gives in inference mode, called as its users call it.
        inputs: what it was called on.
        training: whether to compare training mode, too; by default where there are statistics or random layers.
        gradients: whether to compare gradients.
        exact: how far apart float64 may be.
        rough: how far apart float32 and float64 may be.
    """
    model = calm(port.model)
    given = dict(zip(model.inputs, map(np.asarray, inputs), strict=True))
    result = run(model, port.variables, given)
    leaves = jax.tree.leaves(expected)
    assert len(leaves) == len(model.outputs)
    for name, leaf in zip(model.outputs, leaves, strict=True):
        assert apart(result.nodes[name], leaf) < rough, name
    subject = port.subject
    assert subject is not None
    if training is None:
        kinds = {param.kind for param in port.model.params().values()}
        training = "statistic" in kinds or any(type(node.layer).random for _, node in port.model.walk())
    for mode in (False, True)[: 1 + training]:
        nodes = subject.nodes(given, dtype="float64", training=mode)
        ours = run(model, port.variables, given, training=mode)
        assert set(model.outputs) <= set(nodes)
        for path, value in nodes.items():
            if path not in model.inputs:
                assert apart(ours.nodes[path], value) < exact, (path, mode)
        if mode and ours.updates:
            after = subject.statistics(given, dtype="float64")
            for name, value in after.items():
                assert apart(ours.updates[name], value) < exact, name
        if gradients:
            _check_gradients(port, model, given, nodes, mode, exact * 100)


def _check_gradients(port: Port, model: Model, given: Any, nodes: Any, training: bool, exact: float) -> None:
    rng = np.random.default_rng(7)
    cotangents = {name: rng.normal(size=nodes[name].shape) for name in model.outputs}
    net = nnspec.backend("jax").build(model, port.variables, dtype="float64")
    ours = net.gradients(given, cotangents, training=training, compiled=True)
    assert port.subject is not None
    theirs = port.subject.gradients(given, cotangents, dtype="float64", training=training)
    largest = max((np.abs(g).max(initial=0.0) for g in theirs.parameters.values()), default=0.0)
    assert set(ours.parameters) == set(theirs.parameters)
    for name, gradient in theirs.parameters.items():
        scale = max(np.abs(gradient).max(initial=0.0), 1e-3 * largest, 1e-30)
        assert np.abs(ours.parameters[name] - gradient).max(initial=0.0) / scale < exact, (name, training)
    for name, gradient in theirs.inputs.items():
        assert apart(ours.inputs[name], gradient) < exact, (name, training)
