"""Attention layers.

Keras's own draws masks from a generator of its own, and rounds half precision after each of its products. All is
computed in float32 at least here, and rounded at the end.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.attention import MultiHeadAttention
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.dropout import RandomLayer
from nnspec_tensorflow.linear import product
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


@serializable
class SpecMultiHeadAttention(RandomLayer):
    """Multi-head attention of one or two sequences, and a mask where the spec has one.

    Args:
        spec: the layer of the spec, or its short form.
        shapes: its inputs' shapes, batch axis included.
        place: the canonical path of the node, which names its random stream.
        calls: how many nodes of its model use the layer.
    """

    def __init__(self, spec: Any, shapes: Any, place: str, calls: int = 1, **options: Any) -> None:
        self.spec: MultiHeadAttention = parse("layer", spec)
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

    def call(self, inputs: Any, training: bool | None = None, use: int = 0) -> Tensor:
        x, memory, mask = self._told_apart(inputs)
        if x is memory:
            q, k, v = self._heads(x, "query", "key", "value")
        else:
            (q,), (k, v) = self._heads(x, "query"), self._heads(memory, "key", "value")
        scores = tf.einsum("bqhd,bkhd->bhqk", q / tf.sqrt(constant(q.shape[-1], q)), k)
        weights = _softmax(scores, self._visible(mask, scores))
        if training and self.rate > 0:
            weights = self.dropped(weights, use)
        y = tf.einsum("bhqk,bkhd->bqhd", weights, v)
        kernel = self._wide("out/kernel")
        y = product(
            tf.reshape(y, (*sizes(y)[:2], y.shape[-2] * y.shape[-1])), tf.reshape(kernel, (-1, kernel.shape[-1]))
        )
        if self.spec.use_bias:
            y += self._wide("out/bias")
        return tf.cast(y, self.compute_dtype)

    def target(self, inputs: list[Tensor]) -> Tensor:
        x, memory, _ = self._told_apart(inputs)
        pairs = x[:, None, :, None, 0] * memory[:, None, None, :, 0]
        return tf.repeat(pairs, self.spec.num_heads, axis=1)

    def _told_apart(self, inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        """What attends, what is attended to, and the mask or None."""
        given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        mask = given.pop() if self.spec.mask else None
        return given[0], given[-1], mask

    def _wide(self, name: str) -> Tensor:
        """A variable in the dtype that is computed in."""
        return tf.cast(getattr(self, _plain(name)), working(self.compute_dtype))

    def _heads(self, x: Tensor, *names: str) -> list[Tensor]:
        """Projections of one sequence in each head, (batch, positions, heads, d), by one product."""
        wide = tf.cast(x, working(self.compute_dtype))
        kernels = [self._wide(f"{name}/kernel") for name in names]
        y = product(wide, tf.concat([tf.reshape(kernel, (x.shape[-1], -1)) for kernel in kernels], axis=-1))
        if self.spec.use_bias:
            y += tf.concat([tf.reshape(self._wide(f"{name}/bias"), (-1,)) for name in names], axis=-1)
        heads = (*sizes(x)[:2], *kernels[0].shape[1:])
        return [tf.reshape(part, heads) for part in tf.split(y, len(names), axis=-1)]

    def _visible(self, mask: Tensor, scores: Tensor) -> Tensor | None:
        """Which keys each query attends to, to be broadcast to the scores; None for all."""
        visible = None
        if self.spec.causal:
            queries, keys = tf.shape(scores)[-2], tf.shape(scores)[-1]
            visible = tf.range(keys) <= tf.range(queries)[:, None]
        if mask is None:
            return visible
        for _ in range(4 - mask.shape.rank):
            mask = tf.expand_dims(mask, 1)
        return mask if visible is None else visible & mask

    def compute_output_spec(self, inputs: Any, training: bool | None = None, use: int = 0) -> Any:
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        return keras.KerasTensor(self.spec.output_shape(*(tuple(x.shape) for x in given)), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        shapes = [list(shape) for shape in self.shapes]
        return {**super().get_config(), "spec": dump(self.spec), "shapes": shapes}


@build.register
def multi_head_attention(spec: MultiHeadAttention, context: Context) -> keras.layers.Layer:
    return SpecMultiHeadAttention(spec, context.shapes, context.path, context.calls, **context.options)
