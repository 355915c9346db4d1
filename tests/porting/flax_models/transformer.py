"""The encoder-decoder of Flax's WMT example, in linen: attention, masks, tied embeddings, sinusoidal positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn, struct


@struct.dataclass
class TransformerConfig:
    """Global hyperparameters."""

    vocab_size: int = 11
    emb_dim: int = 8
    num_heads: int = 2
    num_layers: int = 2
    qkv_dim: int = 8
    mlp_dim: int = 12
    max_len: int = 16
    dropout_rate: float = 0.1
    attention_dropout_rate: float = 0.1
    deterministic: bool = False


def shift_right(x: jax.Array, axis: int = 1) -> jax.Array:
    """Shift the input to the right by padding on axis 1."""
    pad_widths = [(0, 0)] * len(x.shape)
    pad_widths[axis] = (1, 0)
    padded = jnp.pad(x, pad_widths, mode="constant", constant_values=x.dtype.type(0))
    return padded[:, :-1]


def sinusoidal_init(max_len: int = 2048, min_scale: float = 1.0, max_scale: float = 10000.0) -> Callable[..., Any]:
    """Fixed sinusoidal position embeddings."""

    def init(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        d_feature = shape[-1]
        pe = np.zeros((max_len, d_feature), dtype=np.float32)
        position = np.arange(0, max_len)[:, np.newaxis]
        scale_factor = -np.log(max_scale / min_scale) / (d_feature // 2 - 1)
        div_term = min_scale * np.exp(np.arange(0, d_feature // 2) * scale_factor)
        pe[:, : d_feature // 2] = np.sin(position * div_term)
        pe[:, d_feature // 2 : 2 * (d_feature // 2)] = np.cos(position * div_term)
        return pe[np.newaxis, :, :]

    return init


class AddPositionEmbs(nn.Module):
    """Adds positional embeddings to the inputs."""

    config: TransformerConfig

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        length = inputs.shape[1]
        table = sinusoidal_init(max_len=self.config.max_len)((1, self.config.max_len, inputs.shape[-1]))
        return inputs + table[:, :length, :]


class MlpBlock(nn.Module):
    """Transformer MLP / feed-forward block."""

    config: TransformerConfig

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        config = self.config
        x = nn.Dense(config.mlp_dim)(inputs)
        x = nn.relu(x)
        x = nn.Dropout(rate=config.dropout_rate)(x, deterministic=config.deterministic)
        output = nn.Dense(inputs.shape[-1])(x)
        return nn.Dropout(rate=config.dropout_rate)(output, deterministic=config.deterministic)


def attention(config: TransformerConfig) -> nn.MultiHeadDotProductAttention:
    return nn.MultiHeadDotProductAttention(
        num_heads=config.num_heads,
        qkv_features=config.qkv_dim,
        use_bias=False,
        broadcast_dropout=False,
        dropout_rate=config.attention_dropout_rate,
        deterministic=config.deterministic,
    )


class Encoder1DBlock(nn.Module):
    """Transformer encoder layer."""

    config: TransformerConfig

    @nn.compact
    def __call__(self, inputs: jax.Array, encoder_mask: jax.Array | None = None) -> jax.Array:
        config = self.config
        x = nn.LayerNorm()(inputs)
        x = attention(config)(x, mask=encoder_mask)
        x = nn.Dropout(rate=config.dropout_rate)(x, deterministic=config.deterministic)
        x = x + inputs
        y = nn.LayerNorm()(x)
        return x + MlpBlock(config=config)(y)


class EncoderDecoder1DBlock(nn.Module):
    """Transformer encoder-decoder layer."""

    config: TransformerConfig

    @nn.compact
    def __call__(
        self, targets: jax.Array, encoded: jax.Array, decoder_mask: jax.Array, encoder_decoder_mask: jax.Array
    ) -> jax.Array:
        config = self.config
        x = nn.LayerNorm()(targets)
        x = attention(config)(x, mask=decoder_mask)
        x = nn.Dropout(rate=config.dropout_rate)(x, deterministic=config.deterministic)
        x = x + targets
        y = nn.LayerNorm()(x)
        y = attention(config)(y, encoded, mask=encoder_decoder_mask)
        y = nn.Dropout(rate=config.dropout_rate)(y, deterministic=config.deterministic)
        y = y + x
        z = nn.LayerNorm()(y)
        return y + MlpBlock(config=config)(z)


class Encoder(nn.Module):
    """Transformer encoder."""

    config: TransformerConfig
    shared_embedding: Any = None

    @nn.compact
    def __call__(self, inputs: jax.Array, encoder_mask: jax.Array | None = None) -> jax.Array:
        config = self.config
        x = self.shared_embedding(inputs.astype("int32"))
        x = AddPositionEmbs(config=config, name="posembed_input")(x)
        x = nn.Dropout(rate=config.dropout_rate)(x, deterministic=config.deterministic)
        for lyr in range(config.num_layers):
            x = Encoder1DBlock(config=config, name=f"encoderblock_{lyr}")(x, encoder_mask)
        return nn.LayerNorm(name="encoder_norm")(x)


class Decoder(nn.Module):
    """Transformer decoder whose logits are products with the embedding."""

    config: TransformerConfig
    shared_embedding: Any = None

    @nn.compact
    def __call__(
        self, encoded: jax.Array, targets: jax.Array, decoder_mask: jax.Array, encoder_decoder_mask: jax.Array
    ) -> jax.Array:
        config = self.config
        y = shift_right(targets.astype("int32"))
        y = self.shared_embedding(y)
        y = AddPositionEmbs(config=config, name="posembed_output")(y)
        y = nn.Dropout(rate=config.dropout_rate)(y, deterministic=config.deterministic)
        for lyr in range(config.num_layers):
            y = EncoderDecoder1DBlock(config=config, name=f"encoderdecoderblock_{lyr}")(
                y, encoded, decoder_mask, encoder_decoder_mask
            )
        y = nn.LayerNorm(name="encoderdecoder_norm")(y)
        logits = self.shared_embedding.attend(y)
        return logits / jnp.sqrt(y.shape[-1])


class Transformer(nn.Module):
    """Encoder-decoder transformer for translation."""

    config: TransformerConfig

    def setup(self) -> None:
        config = self.config
        self.shared_embedding = nn.Embed(config.vocab_size, config.emb_dim)
        self.encoder = Encoder(config=config, shared_embedding=self.shared_embedding)
        self.decoder = Decoder(config=config, shared_embedding=self.shared_embedding)

    def __call__(self, inputs: jax.Array, targets: jax.Array) -> jax.Array:
        encoder_mask = nn.make_attention_mask(inputs > 0, inputs > 0)
        encoded = self.encoder(inputs, encoder_mask)
        decoder_mask = nn.combine_masks(nn.make_attention_mask(targets > 0, targets > 0), nn.make_causal_mask(targets))
        encoder_decoder_mask = nn.make_attention_mask(targets > 0, inputs > 0)
        return self.decoder(encoded, targets, decoder_mask, encoder_decoder_mask)
