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
from nnspec_tensorflow.positions import rotated
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
        spec: the layer of the spec, or its short form.
        shapes: its inputs' shapes, batch axis included.
        place: the canonical path of the node, which names its random stream.
        calls: how many nodes of its model use the layer.
    """

    def __init__(self, spec: Any, shapes: Any, place: str, calls: int = 1, **options: Any) -> None:
        self.spec: Any = parse("layer", spec)
        options.pop("rate", None)  # stands in the spec
        super().__init__(self.spec.dropout_rate, place, calls, **options)
        self.shapes = [tuple(shape) for shape in shapes]

    def build(self, input_shape: Any) -> None:
        for name, param in self.spec.params(*self.shapes).items():
            setattr(self, _plain(name), self.add_weight(name=_plain(name), shape=param.shape, initializer="zeros"))

    @property
    def canonical(self) -> dict[str, str]:
        """The canonical names of the variables by Keras's."""
        return {_plain(name): name for name in self.spec.params(*self.shapes)}

    def like(self, x: Tensor) -> Tensor:
        return x[:1, :1] if self.spec.broadcast_dropout else x

    def target(self, inputs: list[Tensor]) -> Tensor:
        sequences, _, _ = self._told_apart(inputs)
        x, keys = sequences[0], sequences[min(1, len(sequences) - 1)]
        heads = self._count(x)
        x, keys = (each[:, :, 0, 0] if each.shape.rank == 4 else each[:, :, 0] for each in (x, keys))
        return self.like(tf.repeat(x[:, None, :, None] * keys[:, None, None], heads, axis=1))

    def _count(self, x: Tensor) -> int:
        """The number of heads of queries."""
        return x.shape[2] if x.shape.rank == 4 else 1

    def _told_apart(self, inputs: Any) -> tuple[list[Tensor], Tensor, Tensor]:
        """The sequences, and the bias and the mask or None."""
        given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        mask = given.pop() if self.spec.mask else None
        bias = given.pop() if self.spec.attention_bias else None
        return given, bias, mask

    def _wide(self, name: str) -> Tensor:
        """A variable in the dtype that is computed in."""
        return tf.cast(getattr(self, _plain(name)), working(self.compute_dtype))

    def _attended(self, scores: Tensor, v: Tensor, bias: Tensor, mask: Tensor, drops: Any, use: int) -> Tensor:
        """(batch, queries, heads, d) of scores and values (batch, keys, heads, d)."""
        bias, mask = (_with_all_axes(more) for more in (bias, mask))
        if bias is not None:
            bias = tf.cast(bias, scores.dtype)
            scores += bias
        weights = _softmax(scores, self._visible(bias, mask, scores))
        if drops and self.rate > 0:
            weights = self.dropped(weights, use)
        return tf.einsum("bhqk,bkhd->bqhd", weights, v)

    def _visible(self, bias: Tensor, mask: Tensor, scores: Tensor) -> Tensor | None:
        """Which keys each query attends to, to be broadcast to the scores; None for all."""
        parts = []
        if self.spec.causal or self.spec.window is not None:
            queries, keys = tf.range(tf.shape(scores)[-2])[:, None], tf.range(tf.shape(scores)[-1])
            if self.spec.causal:
                parts.append(keys <= queries)
            if self.spec.window is not None:
                parts.append(tf.abs(keys - queries) < self.spec.window)
        if bias is not None:
            parts.append(tf.not_equal(bias, constant(float("-inf"), bias)))
        if mask is not None:
            parts.append(mask)
        return functools.reduce(operator.and_, parts) if parts else None

    def compute_output_spec(self, inputs: Any, training: bool | None = None, use: int = 0) -> Any:
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        return keras.KerasTensor(self.spec.output_shape(*(tuple(x.shape) for x in given)), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        shapes = [list(shape) for shape in self.shapes]
        return {**super().get_config(), "spec": dump(self.spec), "shapes": shapes}


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
        sequences, bias, mask = self._told_apart(inputs)
        if len(sequences) == 1:
            q, k, v = self._heads(*sequences, "query", "key", "value")
        elif len(sequences) == 2:
            (q,), (k, v) = self._heads(sequences[0], "query"), self._heads(sequences[1], "key", "value")
        else:
            names = ("query", "key", "value")
            q, k, v = (self._heads(x, name)[0] for x, name in zip(sequences, names, strict=True))
        if self.spec.rotary is not None:
            q, k = (rotated(self.spec.rotary, heads) for heads in (q, k))
        k, v = (_for_all(self.spec.num_heads, heads) for heads in (k, v))
        scores = tf.einsum("bqhd,bkhd->bhqk", _scaled(self.spec.scale, q), k)
        y = self._attended(scores, v, bias, mask, training, use)
        kernel = self._wide("out/kernel")
        y = product(
            tf.reshape(y, (*sizes(y)[:2], y.shape[-2] * y.shape[-1])), tf.reshape(kernel, (-1, kernel.shape[-1]))
        )
        if self.spec.use_bias:
            y += self._wide("out/bias")
        return tf.cast(y, self.compute_dtype)

    def _count(self, x: Tensor) -> int:
        heads: int = self.spec.num_heads
        return heads

    def _heads(self, x: Tensor, *names: str) -> list[Tensor]:
        """Projections of one sequence in each head, (batch, positions, heads, d), by one product."""
        wide = tf.cast(x, working(self.compute_dtype))
        kernels = [self._wide(f"{name}/kernel") for name in names]
        y = product(wide, tf.concat([tf.reshape(kernel, (x.shape[-1], -1)) for kernel in kernels], axis=-1))
        if self.spec.use_bias:
            y += tf.concat([tf.reshape(self._wide(f"{name}/bias"), (-1,)) for name in names], axis=-1)
        parts = tf.split(y, [kernel.shape[1] * kernel.shape[2] for kernel in kernels], axis=-1)
        return [
            tf.reshape(part, (*sizes(x)[:2], *kernel.shape[1:])) for part, kernel in zip(parts, kernels, strict=True)
        ]


@serializable
class SpecAttention(_Attention):
    """Attention without projections."""

    def call(self, inputs: Any, training: bool | None = None, use: int = 0) -> Tensor:
        sequences, bias, mask = self._told_apart(inputs)
        flat, dtype = sequences[0].shape.rank == 3, working(self.compute_dtype)
        heads = [tf.cast(x[:, :, None] if flat else x, dtype) for x in sequences]
        q, k, v = heads[0], heads[min(1, len(heads) - 1)], heads[-1]
        k, v = (_for_all(q.shape[2], each) for each in (k, v))
        y = self._attended(self._scores(q, k), v, bias, mask, training, use)
        return tf.cast(y[:, :, 0] if flat else y, self.compute_dtype)

    def _scores(self, q: Tensor, k: Tensor) -> Tensor:
        """(batch, heads, queries, keys) of (batch, positions, heads, d)."""
        spec, learned = self.spec, self._wide("scale") if self.spec.use_scale else constant(1.0, q)
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
    return SpecMultiHeadAttention(spec, context.shapes, context.path, context.calls, **context.options)


@build.register(DotProductAttention)
@build.register(AdditiveAttention)
def attention(spec: DotProductAttention | AdditiveAttention, context: Context) -> keras.layers.Layer:
    return SpecAttention(spec, context.shapes, context.path, context.calls, **context.options)
