"""Attention layers.

Flax's own attention takes its softmax in float32 where there is no dropout, draws masks from JAX's generator, and gives
all keys the same weight where all are masked. So its layer holds the variables here, and what is computed with them is
written out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from operator import and_
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nnspec.layers.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention, mask_shape
from nnspec_jax.dropout import KeepMask
from nnspec_jax.linear import product, turned
from nnspec_jax.positions import places, rotated
from nnspec_jax.realize import HIGHEST, Context, at_least_float32, build, widened


def _softmax(scores: jax.Array, visible: jax.Array | None) -> jax.Array:
    """Over the last axis, 0 with no gradient where nothing is visible. None: everything is, which takes less time."""
    top = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True, initial=-jnp.inf, where=visible))
    shifted = scores - jnp.where(top == -jnp.inf, 0.0, top)
    if visible is None:
        exponentials = jnp.exp(shifted)
        return exponentials / exponentials.sum(-1, keepdims=True)
    exponentials = jnp.where(visible, jnp.exp(jnp.where(visible, shifted, 0.0)), 0.0)
    total = exponentials.sum(-1, keepdims=True)
    return exponentials / jnp.where(visible.any(-1, keepdims=True), total, 1.0)


_einsum = partial(jnp.einsum, precision=HIGHEST)


# XLA for CPUs makes a product of each head by itself, several times slower, where the left factor lies transposed in
# memory: so it does in JAX's own derivatives with respect to right factors. The rules below say the same with small
# arrays turned in memory: what JAX makes of them for gradients are products of factors that lie as they should.


@jax.custom_jvp
def _scores(q: jax.Array, k: jax.Array) -> jax.Array:
    """q·kᵀ, (batch, heads, queries, keys), of queries and keys (batch, heads, positions, d)."""
    return _einsum("bhqd,bhdk->bhqk", q, turned(k))


@_scores.defjvp
def _scores_with_tangents(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    (q, k), (dq, dk) = primals, tangents
    by_k = _einsum("bhdq,bhdk->bhqk", turned(q), turned(dk))
    return _scores(q, k), _einsum("bhqd,bhkd->bhqk", dq, k) + by_k


@jax.custom_jvp
def _gathered(weights: jax.Array, v: jax.Array) -> jax.Array:
    """weights·v, (batch, heads, queries, d), of values (batch, heads, keys, d)."""
    return _einsum("bhqk,bhkd->bhqd", weights, v)


@_gathered.defjvp
def _gathered_with_tangents(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    (weights, v), (dweights, dv) = primals, tangents
    by_weights = _einsum("bhqk,bhdk->bhqd", dweights, turned(v))
    return _gathered(weights, v), by_weights + jnp.swapaxes(_einsum("bhkd,bhqk->bhdq", dv, weights), 2, 3)


def _told_apart(spec: Any, inputs: tuple[jax.Array, ...]) -> tuple[list[jax.Array], Any, Any]:
    """The sequences in float32 at least, and the bias and the mask, or None, with all their axes."""
    given = list(inputs)
    mask = given.pop() if spec.mask else None
    bias = widened(given.pop()) if spec.attention_bias else None
    return [widened(x) for x in given], _with_all_axes(bias), _with_all_axes(mask)


def _with_all_axes(x: jax.Array | None) -> jax.Array | None:
    """A bias or a mask with the axes (batch, heads, queries, keys)."""
    return None if x is None else x.reshape(mask_shape(x.shape))


def _visible(spec: Any, bias: Any, mask: Any, shape: tuple[int, ...], start: Any) -> jax.Array | None:
    """Which keys each query attends to, to be broadcast to the scores; None for all."""
    queries, keys = jnp.arange(shape[-2])[:, None], jnp.arange(shape[-1])
    if start is not None:
        queries = places(shape[-2], start)[:, None, :, None]
    parts = [keys <= queries] if spec.causal else []
    if spec.window is not None:
        parts.append(jnp.abs(keys - queries) < spec.window)
    if bias is not None:
        parts.append(bias != -jnp.inf)
    if mask is not None:
        parts.append(mask)
    return reduce(and_, parts) if parts else None


def _weights(spec: Any, scores: jax.Array, bias: Any, mask: Any, start: Any = None) -> jax.Array:
    """What scores (batch, heads, queries, keys) come to.

    Args:
        start: the position of the first query in each example, where that is not 0.
    """
    if spec.soft_cap is not None:
        scores = spec.soft_cap * jnp.tanh(scores / spec.soft_cap)
    if bias is not None:
        scores = scores + bias
    return _softmax(scores, _visible(spec, bias, mask, scores.shape, start))


def _attended(spec: Any, weights: jax.Array, v: jax.Array, keep_mask: KeepMask | None) -> jax.Array:
    """(batch, heads, queries, d) of values (batch, fewer or as many heads, keys, d); no keep-mask in inference."""
    if spec.dropout_rate > 0.0 and keep_mask is not None:
        keep = keep_mask(spec.dropout_rate, spec.mask_of_dropout(weights.shape))
        weights = jnp.where(keep, weights / (1.0 - spec.dropout_rate), 0.0)
    return _in_groups(_gathered, weights, v)


def _in_groups(multiply: Callable[..., Any], x: jax.Array, shared: jax.Array) -> jax.Array:
    """A product in each head, of which several share a right factor: their left factors go one below the other."""
    if x.shape[1] == shared.shape[1]:
        return multiply(x, shared)
    batch, heads, positions, features = x.shape
    groups = shared.shape[1]
    y = multiply(x.reshape(batch, groups, heads // groups * positions, features), shared)
    return y.reshape(batch, heads, positions, y.shape[-1])


def _scaled(scale: float | None, q: jax.Array) -> jax.Array:
    """Queries, so that their products with keys are scores."""
    return q / jnp.sqrt(jnp.asarray(q.shape[-1], q.dtype)) if scale is None else q * scale


class PhiloxMultiHeadAttention(nnx.MultiHeadAttention):
    """``nnx.MultiHeadAttention`` on the masks of the model around, computed in float32 at least and rounded once.

    ``train()`` and ``eval()`` switch its dropout.
    """

    def __init__(self, spec: MultiHeadAttention, context: Context) -> None:
        x, memory, d, out = spec.sizes(*context.shapes)
        super().__init__(
            spec.num_heads,
            x,
            spec.num_heads * d,
            out,
            num_kv_heads=spec.num_kv_heads,
            in_kv_features=memory,
            dtype=at_least_float32(context.dtype),
            param_dtype=context.dtype,
            dropout_rate=0.0,  # Flax's own, which would hold a generator
            deterministic=False,
            precision=HIGHEST,
            kernel_init=nnx.initializers.zeros_init(),
            bias_init=nnx.initializers.zeros_init(),
            use_bias=bool(spec.biased),
            decode=False,
            rngs=context.rngs,
            keep_rngs=False,
        )
        self.spec = spec
        for projection in (self.query, self.key, self.value, self.out):  # Flax has biases for all or for none
            projection.bias = None
        for name, param in spec.params(*context.shapes).items():  # Flax knows one size of keys and values
            which, variable = name.split("/")
            setattr(getattr(self, which), variable, nnx.Param(jnp.zeros(param.shape, context.dtype)))

    def __call__(
        self, *inputs: jax.Array, keep_mask: KeepMask | None = None, spec: MultiHeadAttention | None = None
    ) -> jax.Array:
        spec, dtype = self.spec if spec is None else spec, inputs[0].dtype
        given, start = (inputs[:-1], inputs[-1]) if spec.decode else (inputs, None)
        sequences, bias, mask = _told_apart(spec, given)
        if spec.returns == "keys_values":
            k, v = self._heads(*sequences, self.key, self.value)
            return jnp.concatenate([_rotated(spec, k, start), v], -1).astype(dtype)
        q, k, v = self._decoded(*sequences) if spec.decode else self._projected(sequences)
        q, k = _rotated(spec, q, start), k if spec.decode else _rotated(spec, k, start)
        q, k, v = (jnp.swapaxes(heads, 1, 2) for heads in (_scaled(spec.scale, q), k, v))
        weights = _weights(spec, _in_groups(_scores, q, k), bias, mask, start)
        if spec.returns == "scores":
            y = weights
        else:
            heads = _attended(spec, weights, v, None if self.deterministic else keep_mask)
            y = self._out(jnp.swapaxes(heads, 1, 2))
        return (y if start is None else _within(y, k.shape[2], start)).astype(dtype)

    def _projected(self, sequences: list[jax.Array]) -> list[jax.Array]:
        """Queries, keys and values of one to three sequences."""
        if len(sequences) == 1:
            return self._heads(*sequences, self.query, self.key, self.value)
        if len(sequences) == 2:
            return self._heads(sequences[0], self.query) + self._heads(sequences[1], self.key, self.value)
        layers = (self.query, self.key, self.value)
        return [self._heads(x, layer)[0] for x, layer in zip(sequences, layers, strict=True)]

    def _decoded(self, x: jax.Array, kept: jax.Array) -> list[jax.Array]:
        """Queries of x, and keys and values as they were kept."""
        (q,) = self._heads(x, self.query)
        return [q, *jnp.split(kept, [q.shape[-1]], axis=-1)]

    def _heads(self, x: jax.Array, *layers: nnx.LinearGeneral) -> list[jax.Array]:
        """Projections of one sequence in each head, (batch, positions, heads, d), by one product."""
        kernels = [widened(layer.kernel[...]) for layer in layers]
        y = product(x, jnp.concatenate([kernel.reshape(x.shape[-1], -1) for kernel in kernels], axis=-1))
        if any(layer.bias is not None for layer in layers):
            biases = zip(layers, kernels, strict=True)
            y += jnp.concatenate([_bias(layer, kernel.shape[1] * kernel.shape[2]) for layer, kernel in biases])
        ends = np.cumsum([kernel.shape[1] * kernel.shape[2] for kernel in kernels])[:-1]
        parts = zip(jnp.split(y, ends, axis=-1), kernels, strict=True)
        return [part.reshape(*x.shape[:-1], *kernel.shape[1:]) for part, kernel in parts]

    def _out(self, heads: jax.Array) -> jax.Array:
        """What the heads have gathered, projected together."""
        kernel = widened(self.out.kernel[...])
        together = heads.reshape(*heads.shape[:-2], kernel.shape[0] * kernel.shape[1])
        y = product(together, kernel.reshape(-1, kernel.shape[-1]))
        return y if self.out.bias is None else y + widened(self.out.bias[...])


def _bias(layer: nnx.LinearGeneral, size: int) -> jax.Array:
    """A projection's bias as a vector; zeros where it has none beside others that have."""
    if layer.bias is None:
        return jnp.zeros((size,), at_least_float32(layer.param_dtype))
    return widened(layer.bias[...]).reshape(-1)


def _rotated(spec: MultiHeadAttention, heads: jax.Array, start: jax.Array | None) -> jax.Array:
    return heads if spec.rotary is None else rotated(spec.rotary, heads, start)


def _within(y: jax.Array, length: int, start: jax.Array) -> jax.Array:
    """(batch, ..., queries, n), NaN for queries whose position is beyond the keys' length."""
    known = places(y.shape[-2], start) < length
    return jnp.where(known.reshape(len(y), *[1] * (y.ndim - 3), -1, 1), y, jnp.nan)


build.register(MultiHeadAttention, PhiloxMultiHeadAttention)


class PhiloxAttention(nnx.Module):
    """Attention without projections, on the model's masks. ``train()`` and ``eval()`` switch its dropout."""

    def __init__(self, spec: DotProductAttention | AdditiveAttention, context: Context) -> None:
        self.spec = spec
        self.deterministic = False
        for name, param in spec.params(*context.shapes).items():
            setattr(self, name, nnx.Param(jnp.zeros(param.shape, context.dtype)))

    def __call__(self, *inputs: jax.Array, keep_mask: KeepMask | None = None, spec: Any = None) -> jax.Array:
        spec = self.spec if spec is None else spec
        given, bias, mask = _told_apart(spec, inputs)
        flat = given[0].ndim == 3
        heads = [x[:, None] if flat else jnp.swapaxes(x, 1, 2) for x in given]
        q, k, v = heads[0], heads[min(1, len(heads) - 1)], heads[-1]
        weights = _weights(spec, self._scores(spec, q, k), bias, mask)
        if spec.returns == "scores":
            return (weights[:, 0] if flat else weights).astype(inputs[0].dtype)
        y = _attended(spec, weights, v, None if self.deterministic else keep_mask)
        return (y[:, 0] if flat else jnp.swapaxes(y, 1, 2)).astype(inputs[0].dtype)

    def _scores(self, spec: DotProductAttention | AdditiveAttention, q: jax.Array, k: jax.Array) -> jax.Array:
        """(batch, heads, queries, keys) of (batch, heads, positions, d)."""
        learned = widened(self.scale[...]) if spec.use_scale else 1.0
        if isinstance(spec, AdditiveAttention):
            return (learned * jnp.tanh(_sums(q, k))).sum(-1)
        if spec.score_mode == "dot":
            return learned * _in_groups(_scores, _scaled(spec.scale, q), k)
        factor = learned * (1.0 if spec.scale is None else spec.scale)
        return widened(self.weight[...]) * jnp.tanh(factor * _sums(q, k)).sum(-1)


def _sums(q: jax.Array, k: jax.Array) -> jax.Array:
    """q + k for each pair, (batch, heads, queries, keys, d); several heads of q may share one of k."""
    return q[:, :, :, None] + jnp.repeat(k, q.shape[1] // k.shape[1], axis=1)[:, :, None]


build.register(DotProductAttention, PhiloxAttention)
build.register(AdditiveAttention, PhiloxAttention)
