"""Smaller models: a VAE and a seq2seq as in Flax's examples, a vision transformer, layers in scan, vmap and remat."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn, nnx


class VAEEncoder(nn.Module):
    """VAE Encoder."""

    latents: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = nn.Dense(9, name="fc1")(x)
        x = nn.relu(x)
        mean_x = nn.Dense(self.latents, name="fc2_mean")(x)
        logvar_x = nn.Dense(self.latents, name="fc2_logvar")(x)
        return mean_x, logvar_x


class VAEDecoder(nn.Module):
    """VAE Decoder."""

    outputs: int

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        z = nn.Dense(9, name="fc1")(z)
        z = nn.relu(z)
        return nn.Dense(self.outputs, name="fc2")(z)


def reparameterize(rng: jax.Array, mean: jax.Array, logvar: jax.Array) -> jax.Array:
    std = jnp.exp(0.5 * logvar)
    eps = jax.random.normal(rng, logvar.shape)
    return mean + eps * std


class VAE(nn.Module):
    """Full VAE model."""

    latents: int = 4
    outputs: int = 6

    def setup(self) -> None:
        self.encoder = VAEEncoder(self.latents)
        self.decoder = VAEDecoder(self.outputs)

    def __call__(self, x: jax.Array, z_rng: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        mean, logvar = self.encoder(x)
        z = reparameterize(z_rng, mean, logvar)
        recon_x = self.decoder(z)
        return recon_x, mean, logvar

    def generate(self, z: jax.Array) -> jax.Array:
        return nn.sigmoid(self.decoder(z))


class Seq2seq(nn.Module):
    """An LSTM that reads and one that goes on from its state, as Flax's seq2seq example without sampling."""

    hidden: int = 7
    vocab: int = 5

    def setup(self) -> None:
        self.encoder = nn.RNN(nn.LSTMCell(self.hidden), return_carry=True)
        self.decoder = nn.RNN(nn.LSTMCell(self.hidden))
        self.projection = nn.Dense(self.vocab)

    def __call__(self, encoder_inputs: jax.Array, decoder_inputs: jax.Array) -> jax.Array:
        carry, _ = self.encoder(encoder_inputs)
        outputs = self.decoder(decoder_inputs, initial_carry=carry)
        return self.projection(outputs)


class ViTBlock(nnx.Module):
    """A transformer block."""

    def __init__(self, features: int, heads: int, *, rngs: nnx.Rngs) -> None:
        self.norm1 = nnx.LayerNorm(features, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(heads, features, dropout_rate=0.1, decode=False, rngs=rngs)
        self.norm2 = nnx.LayerNorm(features, rngs=rngs)
        self.mlp = nnx.Sequential(
            nnx.Linear(features, 2 * features, rngs=rngs),
            nnx.gelu,
            nnx.Dropout(0.1, rngs=rngs),
            nnx.Linear(2 * features, features, rngs=rngs),
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nnx.Module):
    """A vision transformer with a class token and learned positions."""

    def __init__(self, size: int, patch: int, features: int, depth: int, classes: int, *, rngs: nnx.Rngs) -> None:
        count = (size // patch) ** 2
        self.patches = nnx.Conv(3, features, (patch, patch), strides=(patch, patch), padding="VALID", rngs=rngs)
        self.positions = nnx.Param(0.02 * jax.random.normal(rngs.params(), (1, count + 1, features)))
        self.token = nnx.Param(jnp.zeros((1, 1, features)))
        self.dropout = nnx.Dropout(0.1, rngs=rngs)
        self.blocks = nnx.List([ViTBlock(features, 2, rngs=rngs) for _ in range(depth)])
        self.norm = nnx.LayerNorm(features, rngs=rngs)
        self.head = nnx.Linear(features, classes, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        x = self.patches(images)
        batch, height, width, features = x.shape
        x = x.reshape(batch, height * width, features)
        token = jnp.tile(self.token[...], (batch, 1, 1))
        x = jnp.concatenate([token, x], axis=1) + self.positions[...]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Layer(nnx.Module):
    """One layer of a stack."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.linear = nnx.Linear(4, 4, rngs=rngs)
        self.norm = nnx.LayerNorm(4, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x + jnp.tanh(self.linear(self.norm(x)))


class Stack(nnx.Module):
    """Layers with stacked parameters, made by vmap and applied by scan."""

    def __init__(self, depth: int, *, rngs: nnx.Rngs) -> None:
        @nnx.split_rngs(splits=depth)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def make(rngs: nnx.Rngs) -> Layer:
            return Layer(rngs)

        self.layers = make(rngs)
        self.head = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        def forward(x: jax.Array, layer: Layer) -> jax.Array:
            return layer(x)

        return self.head(forward(x, self.layers))


class Ensemble(nnx.Module):
    """Members with stacked parameters, applied side by side and averaged."""

    def __init__(self, members: int, *, rngs: nnx.Rngs) -> None:
        @nnx.split_rngs(splits=members)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def make(rngs: nnx.Rngs) -> nnx.Linear:
            return nnx.Linear(3, 4, rngs=rngs)

        self.members = make(rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        @nnx.vmap(in_axes=(0, None), out_axes=0)
        def each(member: nnx.Linear, x: jax.Array) -> jax.Array:
            return nnx.relu(member(x))

        return each(self.members, x).mean(0)


class ScannedBlock(nn.Module):
    """A block in the form that nn.scan wants."""

    @nn.compact
    def __call__(self, carry: jax.Array, _: Any) -> tuple[jax.Array, None]:
        x = nn.Dense(carry.shape[-1])(nn.LayerNorm()(carry))
        return carry + nn.silu(x), None


class ScannedMLP(nn.Module):
    """Blocks of linen in scan and remat, then one block called twice."""

    depth: int = 3

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        stack = nn.scan(
            nn.remat(ScannedBlock), variable_axes={"params": 0}, split_rngs={"params": True}, length=self.depth
        )
        x, _ = stack(name="blocks")(x, None)
        shared = nn.Dense(x.shape[-1], name="shared")
        return shared(nn.tanh(shared(x)))
