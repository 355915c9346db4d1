"""Attention layers.

Keras's own draws masks from a generator of its own, and rounds half precision after each of its products. All is
computed in float32 at least here, and rounded at the end.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from nnspec.layers.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.dropout import RandomLayer
from nnspec_tensorflow.linear import product
from nnspec_tensorflow.positions import places, rotated
from nnspec_tensorflow.realize import Context, build, serializable, sizes, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def _softmax(scores: Tensor, visible: Tensor | None) -> Tensor:
    """Over the last axis, 0 with no gradient where nothing is visible. None: everything is, which takes less time."""
    lowest, zero = constant(float("-inf"), scores), constant(0.0, scores)
    seen = scores if visible is None else tf.where(visible, scores, lowest)
    top = tf.reduce_max(seen, axis=-1, keepdims=True)
    shifted = scores - tf.stop_gradient(tf.where(tf.equal(top, lowest), zero, top))
    if visible is None:
        exponentials = tf.exp(shifted)
        return exponentials / tf.reduce_sum(exponentials, axis=-1, keepdims=True)
    exponentials = tf.where(visible, tf.exp(tf.where(visible, shifted, zero)), zero)
    total = tf.reduce_sum(exponentials, axis=-1, keepdims=True)
    return exponentials / tf.where(tf.reduce_any(visible, axis=-1, keepdims=True), total, tf.ones_like(total))


def _plain(name: str) -> str:
    """A variable's name without "/", which Keras refuses."""
    return name.replace("/", "_")


def _for_all(heads: int, x: Tensor) -> Tensor:
    """Keys or values (batch, positions, heads, d) that several heads of queries share, once for each of them."""
    batch, positions, count, d = sizes(x)
    if count == heads:
        return x
    wide = tf.broadcast_to(x[:, :, :, None], (batch, positions, count, heads // count, d))
    return tf.reshape(wide, (batch, positions, heads, d))


def _scaled(scale: float | None, q: Tensor) -> Tensor:
    """Queries, so that their products with keys are scores."""
    return q / tf.sqrt(constant(q.shape[-1], q)) if scale is None else q * constant(scale, q)


class _Attention(RandomLayer):
    """Attention of one to three sequences, with a bias and a mask where the spec has them.

    Args:
        specs: the layers of the nodes that use it, or their short forms; of the first are the variables.
        shapes: its inputs' shapes, batch axis included.
        place: the canonical path of the node, which names its random stream.
    """

    def __init__(self, specs: Any, shapes: Any, place: str, **options: Any) -> None:
        self.specs: list[Any] = [parse("layer", spec) for spec in specs]
        self.spec: Any = self.specs[0]
        for stands_in_the_specs in ("rate", "calls"):
            options.pop(stands_in_the_specs, None)
        super().__init__(self.spec.dropout_rate, place, len(self.specs), **options)
        self.shapes = [tuple(shape) for shape in shapes]

    def build(self, input_shape: Any) -> None:
        for name, param in self.spec.params(*self.shapes).items():
            setattr(self, _plain(name), self.add_weight(name=_plain(name), shape=param.shape, initializer="zeros"))

    @property
    def canonical(self) -> dict[str, str]:
        """The canonical names of the variables by Keras's."""
        return {_plain(name): name for name in self.spec.params(*self.shapes)}

    def rate_of(self, use: int) -> float:
        rate: float = self.specs[use].dropout_rate
        return rate

    def like(self, x: Tensor, use: int = 0) -> Tensor:
        return x[:1, :1] if self.specs[use].broadcast_dropout else x

    def target(self, inputs: list[Tensor], use: int = 0) -> Tensor:
        sequences, *_ = _told_apart(self.specs[use], inputs)
        x, keys = sequences[0], sequences[min(1, len(sequences) - 1)]
        heads = self._count(x)
        x, keys = (each[:, :, 0, 0] if each.shape.rank == 4 else each[:, :, 0] for each in (x, keys))
        return self.like(tf.repeat(x[:, None, :, None] * keys[:, None, None], heads, axis=1), use)

    def _count(self, x: Tensor) -> int:
        """The number of heads of queries."""
        return x.shape[2] if x.shape.rank == 4 else 1

    def _wide(self, name: str) -> Tensor:
        """A variable in the dtype that is computed in."""
        return tf.cast(getattr(self, _plain(name)), working(self.compute_dtype))

    def _weights(self, spec: Any, scores: Tensor, bias: Tensor, mask: Tensor, start: Tensor | None = None) -> Tensor:
        """What scores (batch, heads, queries, keys) come to.

        Args:
            start: the position of the first query in each example, where that is not 0.
        """
        bias, mask = (_with_all_axes(more) for more in (bias, mask))
        if spec.soft_cap is not None:
            cap = constant(spec.soft_cap, scores)
            scores = cap * tf.tanh(scores / cap)
        if bias is not None:
            bias = tf.cast(bias, scores.dtype)
            scores += bias
        return _softmax(scores, _visible(spec, bias, mask, scores, start))

    def _attended(self, weights: Tensor, v: Tensor, drops: Any, use: int) -> Tensor:
        """(batch, queries, heads, d) of weights and values (batch, keys, heads, d)."""
        if drops and self.rate_of(use) > 0:
            weights = self.dropped(weights, use)
        return tf.einsum("bhqk,bkhd->bqhd", weights, v)

    def compute_output_spec(self, inputs: Any, training: bool | None = None, use: int = 0) -> Any:
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        shape = self.specs[use].output_shape(*(tuple(x.shape) for x in given))
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        shapes = [list(shape) for shape in self.shapes]
        return {**super().get_config(), "specs": [dump(spec) for spec in self.specs], "shapes": shapes}


def _told_apart(spec: Any, inputs: Any) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """The sequences; the bias, the mask and the position of the first query, or None."""
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    start = given.pop() if getattr(spec, "decode", False) else None
    mask = given.pop() if spec.mask else None
    bias = given.pop() if spec.attention_bias else None
    return given, bias, mask, start


def _visible(spec: Any, bias: Tensor, mask: Tensor, scores: Tensor, start: Tensor | None) -> Tensor | None:
    """Which keys each query attends to, to be broadcast to the scores; None for all."""
    parts = []
    if spec.causal or spec.window is not None:
        queries, keys = tf.range(tf.shape(scores)[-2])[:, None], tf.range(tf.shape(scores)[-1])
        if start is not None:
            queries = places(tf.shape(scores)[-2], start)[:, None, :, None]
        if spec.causal:
            parts.append(keys <= queries)
        if spec.window is not None:
            parts.append(tf.abs(keys - queries) < spec.window)
    if bias is not None:
        parts.append(tf.not_equal(bias, constant(float("-inf"), bias)))
    if mask is not None:
        parts.append(mask)
    return functools.reduce(operator.and_, parts) if parts else None


def _within(y: Tensor, keys: Any, start: Tensor) -> Tensor:
    """(batch, ..., queries, n), NaN for queries whose position is beyond the keys'."""
    known = places(sizes(y)[-2], start) < keys
    if y.shape.rank == 4:
        known = known[:, None]
    return tf.where(known[..., None], y, constant(float("nan"), y))


def _with_all_axes(x: Tensor) -> Tensor:
    """A bias or a mask with the axes (batch, heads, queries, keys), or None."""
    if x is not None:
        for _ in range(4 - x.shape.rank):
            x = tf.expand_dims(x, 1)
    return x


@serializable
class SpecMultiHeadAttention(_Attention):
    """Multi-head attention: its projections, and what is between them."""

    def call(self, inputs: Any, training: bool | None = None, use: int = 0) -> Tensor:
        spec = self.specs[use]
        sequences, bias, mask, start = _told_apart(spec, inputs)
        if spec.returns == "keys_values":
            k, v = self._heads(*sequences, "key", "value")
            return tf.cast(tf.concat([_rotated(spec, k, start), v], -1), self.compute_dtype)
        q, k, v = self._decoded(*sequences) if spec.decode else self._projected(sequences)
        q, k = _rotated(spec, q, start), k if spec.decode else _rotated(spec, k, start)
        k, v = (_for_all(spec.num_heads, heads) for heads in (k, v))
        scores = tf.einsum("bqhd,bkhd->bhqk", _scaled(spec.scale, q), k)
        y = self._weights(spec, scores, bias, mask, start)
        if spec.returns == "output":
            y = self._out(self._attended(y, v, training, use))
        return tf.cast(y if start is None else _within(y, sizes(k)[1], start), self.compute_dtype)

    def _projected(self, sequences: list[Tensor]) -> list[Tensor]:
        """Queries, keys and values of one to three sequences."""
        if len(sequences) == 1:
            return self._heads(*sequences, "query", "key", "value")
        if len(sequences) == 2:
            return self._heads(sequences[0], "query") + self._heads(sequences[1], "key", "value")
        names = ("query", "key", "value")
        return [self._heads(x, name)[0] for x, name in zip(sequences, names, strict=True)]

    def _decoded(self, x: Tensor, kept: Tensor) -> list[Tensor]:
        """Queries of x, and keys and values as they were kept."""
        (q,) = self._heads(x, "query")
        wide = tf.cast(kept, q.dtype)
        return [q, wide[..., : q.shape[-1]], wide[..., q.shape[-1] :]]

    def _out(self, heads: Tensor) -> Tensor:
        """What the heads have gathered, projected together."""
        kernel = self._wide("out/kernel")
        together = tf.reshape(heads, (*sizes(heads)[:2], heads.shape[-2] * heads.shape[-1]))
        y = product(together, tf.reshape(kernel, (-1, kernel.shape[-1])))
        if "out" in self.spec.biased:
            y += self._wide("out/bias")
        return y

    def _count(self, x: Tensor) -> int:
        heads: int = self.spec.num_heads
        return heads

    def _heads(self, x: Tensor, *names: str) -> list[Tensor]:
        """Projections of one sequence in each head, (batch, positions, heads, d), by one product."""
        wide = tf.cast(x, working(self.compute_dtype))
        kernels = [self._wide(f"{name}/kernel") for name in names]
        y = product(wide, tf.concat([tf.reshape(kernel, (x.shape[-1], -1)) for kernel in kernels], axis=-1))
        if any(name in self.spec.biased for name in names):
            y += tf.concat([self._bias(name, kernel) for name, kernel in zip(names, kernels, strict=True)], axis=-1)
        parts = tf.split(y, [kernel.shape[1] * kernel.shape[2] for kernel in kernels], axis=-1)
        return [
            tf.reshape(part, (*sizes(x)[:2], *kernel.shape[1:])) for part, kernel in zip(parts, kernels, strict=True)
        ]

    def _bias(self, name: str, kernel: Tensor) -> Tensor:
        """A projection's bias as a vector; zeros where it has none beside others that have."""
        if name not in self.spec.biased:
            return tf.zeros((kernel.shape[1] * kernel.shape[2],), kernel.dtype)
        return tf.reshape(self._wide(f"{name}/bias"), (-1,))


def _rotated(spec: Any, heads: Tensor, start: Tensor | None) -> Tensor:
    return heads if spec.rotary is None else rotated(spec.rotary, heads, start)


@serializable
class SpecAttention(_Attention):
    """Attention without projections."""

    def call(self, inputs: Any, training: bool | None = None, use: int = 0) -> Tensor:
        spec = self.specs[use]
        sequences, bias, mask, _ = _told_apart(spec, inputs)
        flat, dtype = sequences[0].shape.rank == 3, working(self.compute_dtype)
        heads = [tf.cast(x[:, :, None] if flat else x, dtype) for x in sequences]
        q, k, v = heads[0], heads[min(1, len(heads) - 1)], heads[-1]
        k, v = (_for_all(q.shape[2], each) for each in (k, v))
        weights = self._weights(spec, self._scores(spec, q, k), bias, mask)
        if spec.returns == "scores":
            return tf.cast(weights[:, 0] if flat else weights, self.compute_dtype)
        y = self._attended(weights, v, training, use)
        return tf.cast(y[:, :, 0] if flat else y, self.compute_dtype)

    def _scores(self, spec: Any, q: Tensor, k: Tensor) -> Tensor:
        """(batch, heads, queries, keys) of (batch, positions, heads, d)."""
        learned = self._wide("scale") if spec.use_scale else constant(1.0, q)
        if isinstance(spec, AdditiveAttention):
            return tf.reduce_sum(learned * tf.tanh(_sums(q, k)), -1)
        if spec.score_mode == "dot":
            return learned * tf.einsum("bqhd,bkhd->bhqk", _scaled(spec.scale, q), k)
        factor = learned * constant(1.0 if spec.scale is None else spec.scale, q)
        return self._wide("weight") * tf.reduce_sum(tf.tanh(factor * _sums(q, k)), -1)


def _sums(q: Tensor, k: Tensor) -> Tensor:
    """q + k for each pair: (batch, heads, queries, keys, d)."""
    q, k = (tf.transpose(x, (0, 2, 1, 3)) for x in (q, k))
    return q[:, :, :, None] + k[:, :, None]


@build.register
def multi_head_attention(spec: MultiHeadAttention, context: Context) -> keras.layers.Layer:
    return SpecMultiHeadAttention(context.uses or (spec,), context.shapes, context.path, **context.options)


@build.register(DotProductAttention)
@build.register(AdditiveAttention)
def attention(spec: DotProductAttention | AdditiveAttention, context: Context) -> keras.layers.Layer:
    return SpecAttention(context.uses or (spec,), context.shapes, context.path, **context.options)
