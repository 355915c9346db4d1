"""Ported models trained on as the originals are."""
# ruff: noqa: E402 - what follows needs JAX, which may not be installed

from __future__ import annotations

from typing import Any

import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

import numpy as np
from flax import nnx

import nnspec
from tests.porting.flax_check import apart, calm, data, ported, random_module, random_variables
from tests.porting.flax_models.others import ViT
from tests.porting.flax_models.resnet import ResNet, ResNetBlock

pytestmark = [pytest.mark.jax, pytest.mark.slow]
UPDATES = 20


def _data(*shape: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    return data(UPDATES * 6, *shape), rng.integers(0, 3, UPDATES * 6)


def _ours(port: Any, x: Any, labels: Any) -> list[float]:
    """Losses of so many updates from the port on."""
    jaxes = nnspec.backend("jax")
    net = jaxes.build(calm(port.model), port.variables)
    engine = jaxes.engine(net, loss=nnspec.SoftmaxCrossEntropy(), optimizer=nnspec.Adam(1e-2))
    name = next(iter(port.model.inputs))
    engine.load("train", {name: x, "targets": np.asarray(labels, np.int32)})
    losses = []
    order = np.arange(len(x), dtype=np.int32).reshape(UPDATES, -1)
    for step in range(UPDATES):
        engine.train(order, step, step + 1)
        total, count = engine.totals()["loss"]
        losses.append(float(total / count))
    return losses


def test_nnx_trains_on_as_with_optax() -> None:
    model = random_module(ViT(8, 4, 6, 2, 3, rngs=nnx.Rngs(0)))
    for _, node in nnx.iter_graph(model):  # other masks are drawn
        for name in ("rate", "dropout_rate"):
            if hasattr(node, name):
                setattr(node, name, 0.0)
    x, labels = _data(8, 8, 3)
    losses = _ours(ported(model, x[:2]), x, labels)
    model.train()
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)

    @nnx.jit
    def update(model: Any, optimizer: Any, x: Any, y: Any) -> Any:
        def loss(model: Any) -> Any:
            return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

        value, gradients = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradients)
        return value

    for step, ours in enumerate(losses):
        rows = slice(6 * step, 6 * step + 6)
        assert apart(ours, update(model, optimizer, x[rows], labels[rows])) < 1e-4, step


def test_linen_trains_on_as_with_optax() -> None:
    model = ResNet([1, 1], ResNetBlock, 3, num_filters=4)
    x, labels = _data(12, 12, 3)
    variables = random_variables(model, x[:2])
    losses = _ours(ported((model, variables), x[:2]), x, labels)
    optimizer = optax.adam(1e-2)
    params, statistics = variables["params"], variables["batch_stats"]
    state = optimizer.init(params)

    @jax.jit
    def update(params: Any, statistics: Any, state: Any, x: Any, y: Any) -> Any:
        def loss(params: Any) -> Any:
            logits, changed = model.apply(
                {"params": params, "batch_stats": statistics}, x, train=True, mutable=["batch_stats"]
            )
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), changed["batch_stats"]

        (value, statistics), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(gradients, state)
        return value, optax.apply_updates(params, updates), statistics, state

    for step, ours in enumerate(losses):
        rows = slice(6 * step, 6 * step + 6)
        value, params, statistics, state = update(params, statistics, state, x[rows], labels[rows])
        assert apart(ours, value) < 1e-3, step
