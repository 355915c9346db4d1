"""Whole models of Flax, as people write them, ported and compared with themselves."""
# ruff: noqa: E402 - what follows needs JAX, which may not be installed

from __future__ import annotations

from typing import Any

import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp
import numpy as np
from flax import linen as nn, nnx

from nnspec.errors import PortError
from nnspec.porting.formats import Reading
from nnspec_jax.porting.importer import FlaxImporter
from tests.porting.flax_check import check, data, ids, ported, random_module, random_variables
from tests.porting.flax_models.others import VAE, Ensemble, ScannedMLP, Seq2seq, Stack, ViT
from tests.porting.flax_models.resnet import BottleneckResNetBlock, NNXResNet, ResNet, ResNetBlock
from tests.porting.flax_models.transformer import Transformer, TransformerConfig

pytestmark = pytest.mark.jax


def kinds(port: Any) -> list[str]:
    """The classes of a port's layers."""
    return [type(node.layer).__name__ for _, node in port.model.walk()]


@pytest.mark.slow
@pytest.mark.parametrize("block", [ResNetBlock, BottleneckResNetBlock])
def test_resnet_of_linen(block: Any) -> None:
    model = ResNet([1, 1], block, 5, num_filters=4)
    x = data(3, 16, 14, 3)
    variables = random_variables(model, x)
    port = ported((model, variables), x)
    check(port, model.apply(variables, x, train=False), [x], exact=1e-10)
    assert "MaxPool" in kinds(port)
    assert "bn_init/mean" in port.variables


@pytest.mark.slow
def test_resnet_of_nnx() -> None:
    model = random_module(NNXResNet([4, 6, 6], 5, rngs=nnx.Rngs(0)))
    x = data(3, 8, 10, 3)
    port = ported(model, x)
    model.eval()
    check(port, model(jnp.asarray(x)), [x], exact=1e-10)
    assert "Dropout" in kinds(port)
    assert port.origin["blocks_1/conv1"] == "blocks.1.conv1 (nnx.Conv)"


@pytest.mark.slow
def test_transformer() -> None:
    config = TransformerConfig()
    model = Transformer(config)
    inputs, targets = ids(2, 6, below=11), ids(2, 5, below=11, seed=2)
    inputs[:, :4], targets[:, :3] = np.maximum(inputs[:, :4], 1), np.maximum(targets[:, :3], 1)
    variables = random_variables(model, inputs, targets)
    port = ported((model, variables), inputs, targets)
    silent = Transformer(config.replace(deterministic=True))
    # A query at a padded position sees nothing: Flax gives it the mean of all values, nnspec zeros.
    inputs[:], targets[:] = np.maximum(inputs, 1), np.maximum(targets, 1)
    check(port, silent.apply(variables, inputs, targets), [inputs, targets])
    assert kinds(port).count("MultiHeadAttention") == 6
    assert kinds(port).count("Dropout") == 16
    assert sum(name.endswith("embedding") for name in port.variables) == 1


@pytest.mark.slow
def test_vae_with_a_key() -> None:
    model, x, key = VAE(), data(3, 6), jax.random.key(5)
    variables = random_variables(model, x, key)
    port = ported((model, variables), x, key)
    assert "GaussianNoise" in kinds(port)
    mean, logvar = model.apply(variables, x, method=lambda self, x: self.encoder(x))
    recon = model.apply(variables, mean, method=lambda self, z: self.decoder(z))
    check(port, (recon, mean, logvar), [x])


def test_another_method() -> None:
    model, z = VAE(), data(3, 4)
    variables = random_variables(model, data(3, 6), jax.random.key(0))
    port = ported((model, variables), z, method="generate")
    check(port, model.apply(variables, z, method="generate"), [z])
    assert not any("encoder" in name for name in port.variables)


@pytest.mark.slow
def test_seq2seq() -> None:
    model, inputs = Seq2seq(), (data(2, 4, 3), data(2, 5, 6, seed=2))
    variables = random_variables(model, *inputs)
    port = ported((model, variables), *inputs)
    check(port, model.apply(variables, *inputs), inputs)
    assert kinds(port).count("LSTM") == 2


@pytest.mark.slow
def test_vit() -> None:
    model = random_module(ViT(8, 4, 6, 2, 3, rngs=nnx.Rngs(0)))
    x = data(2, 8, 8, 3)
    port = ported(model, x)
    model.eval()
    check(port, model(jnp.asarray(x)), [x])
    assert kinds(port).count("Parameter") == 2
    assert kinds(port).count("MultiHeadAttention") == 2


def test_layers_in_scan_are_layers_of_their_own() -> None:
    model, x = random_module(Stack(3, rngs=nnx.Rngs(0))), data(2, 4)
    port = ported(model, x)
    check(port, model(jnp.asarray(x)), [x])
    assert kinds(port).count("Dense") == 4
    kernels = [array for name, array in port.variables.items() if name.endswith("linear/kernel")]
    stacked = np.asarray(model.layers.linear.kernel[...])
    assert all(np.array_equal(stacked[i], kernel) for i, kernel in enumerate(kernels))


def test_members_in_vmap_are_layers_of_their_own() -> None:
    model, x = random_module(Ensemble(3, rngs=nnx.Rngs(0))), data(2, 3)
    port = ported(model, x)
    check(port, model(jnp.asarray(x)), [x])
    assert kinds(port).count("Dense") == 3


def test_scan_and_remat_of_linen_and_a_shared_layer() -> None:
    model, x = ScannedMLP(), data(2, 4)
    variables = random_variables(model, x)
    port = ported((model, variables), x)
    check(port, model.apply(variables, x), [x])
    assert kinds(port).count("Dense") == 5
    assert sum(name.endswith("kernel") for name in port.variables) == 4


def test_a_bound_module() -> None:
    model, x = nn.Dense(4), data(2, 3)
    variables = random_variables(model, x)
    port = ported(model.bind(variables), x)
    check(port, model.apply(variables, x), [x])


class Glue(nnx.Module):
    """Arithmetic between layers, with constants, parameters and a flag."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.scale = nnx.Param(jnp.ones((5,)))
        self.weight = nnx.Param(jax.random.normal(rngs.params(), (5, 3)))
        self.dropout = nnx.Dropout(0.3, rngs=rngs)
        self.frequencies = jnp.arange(1.0, 6.0)

    def __call__(self, x: jax.Array, scale: bool = True) -> jax.Array:
        y = jnp.sin(x * self.frequencies) * jax.nn.softplus(self.scale[...])
        if scale:
            y = y / jnp.linalg.norm(y, axis=-1, keepdims=True)
        y = self.dropout(y)
        return jnp.where(y @ self.weight[...] > 0, 0.1, 2.0) + jnp.concatenate([y[:, :1], x[:, 3:]], -1)


def test_arithmetic_between_layers() -> None:
    model, x = random_module(Glue(rngs=nnx.Rngs(0))), data(4, 5)
    port = ported(model, x)
    model.eval()
    check(port, model(jnp.asarray(x)), [x])


class Trained(nn.Module):
    """A model that is told by an argument whether it trains, and then does something else."""

    otherwise: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(4)(x))
        if train:
            x = nn.Dropout(0.5)(x, deterministic=False)
        return x * 2.0 if train and self.otherwise else x


def test_the_argument_that_says_whether_it_trains() -> None:
    model, x = Trained(), data(5, 3)
    variables = random_variables(model, x, train=True)
    port = ported((model, variables), x)
    check(port, model.apply(variables, x, train=False), [x])
    assert kinds(port) == ["Dense", "BatchNorm", "Dropout"]
    assert not any("training" in note for note in port.notes)


def test_another_graph_in_training_is_told() -> None:
    model, x = Trained(otherwise=True), data(5, 3)
    variables = random_variables(model, x, train=True)
    port = ported((model, variables), x)
    check(port, model.apply(variables, x, train=False), [x], training=False)
    assert any("training" in note for note in port.notes)


class Failing(nnx.Module):
    """What has no counterpart."""

    def __init__(self, how: str, *, rngs: nnx.Rngs) -> None:
        self.layer, self.how = Inner(how, rngs=rngs), how

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.layer(x)


class Inner(nnx.Module):
    def __init__(self, how: str, *, rngs: nnx.Rngs) -> None:
        self.linear, self.how, self.rngs = nnx.Linear(3, 3, rngs=rngs), how, rngs

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.linear(x)
        if self.how == "eigenvalues":
            return jnp.linalg.eigvalsh(x[:, None] * x[..., None])
        if self.how == "batch":
            return x - x.mean(0)
        if self.how == "size":
            return x / x.shape[0]
        if self.how == "branch":
            return jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x)
        if self.how == "uniform":
            return x + jax.random.uniform(self.rngs.noise(), x.shape)
        return jax.lax.while_loop(lambda y: (y < 3).any(), lambda y: y + 1, x)


@pytest.mark.parametrize("how", ["eigenvalues", "batch", "size", "branch", "uniform", "loop"])
def test_what_has_no_counterpart_is_named_with_its_place(how: str) -> None:
    with pytest.raises(PortError) as error:
        ported(Failing(how, rngs=nnx.Rngs(0)), data(2, 3))
    assert "layer" in str(error.value)
    if how not in ("batch", "size"):
        assert "test_flax_models.py" in str(error.value)


def test_how_a_model_is_called() -> None:
    model = nnx.Linear(3, 4, rngs=nnx.Rngs(0))
    with pytest.raises(PortError, match=r"give an example of each input \(inputs"):
        ported(model)
    with pytest.raises(PortError, match="has no argument 'y'"):
        FlaxImporter().from_object(model, Reading({"y": data(2, 3)}))
    with pytest.raises(PortError, match="cannot be called in"):
        ported(model, data(2, 5))
    with pytest.raises(PortError, match="linen module, which has no variables"):
        ported(nn.Dense(3), data(2, 3))


def test_the_model_is_left_as_it_is() -> None:
    model = NNXResNet([4, 6], 5, rngs=nnx.Rngs(0))
    model.train()
    before = jax.tree.map(np.asarray, nnx.state(model, nnx.Not(nnx.RngState)))
    ported(model, data(2, 8, 8, 3))
    assert model.dropout.deterministic is False
    after = jax.tree.map(np.asarray, nnx.state(model, nnx.Not(nnx.RngState)))
    assert jax.tree.all(jax.tree.map(np.array_equal, before, after))
    assert "_nnspec_place" not in vars(model.stem)
    assert nnx.Linear.__call__.__qualname__ == "Linear.__call__"
    assert not hasattr(nnx.Linear.__call__, "__wrapped__")


def test_what_starts_each_sequence_is_a_node() -> None:
    """Layers of constants that have a row for each example: a token's embedding, a state to be projected."""

    class Decoder(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            start = nn.Embed(7, 5)(jnp.full(x.shape[:1], 2))
            state = nn.Dense(4)(jnp.zeros((x.shape[0], 3)) + jnp.arange(3.0))
            return nn.GRUCell(4)(state + nn.Dense(4)(x), start)[1]

    model, x = Decoder(), data(3, 6)
    variables = random_variables(model, x)
    port = ported((model, variables), x)
    assert "Embedding" in kinds(port)
    check(port, model.apply(variables, x), [x])
