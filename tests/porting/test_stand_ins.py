"""Code of layers as people write it who never see symbolic tensors: what it does is traced all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnspec.errors import PortError
from tests.porting.keras_models import check_against_keras, examples, ported, randomized

pytestmark = pytest.mark.tensorflow


def checked(
    call: Callable[[Any, Any], Any], *, shape: tuple[int, ...] = (4, 6), **attributes: Callable[[], Any]
) -> Any:
    """The port of a layer with this ``call``, compared with Keras.

    Args:
        call: of the layer itself and its input.
        shape: of the input.
        attributes: makes an attribute of the layer, each with the layer as its argument.
    """
    from nnspec_tensorflow.startup import keras

    class Own(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="own")
            for name, make in attributes.items():
                setattr(self, name, make())

        def build(self, shape: Any) -> None:
            self.built = True

        def call(self, x: Any) -> Any:
            return call(self, x)

    x = keras.Input(shape, name="x")
    model = keras.Model(x, keras.layers.Dense(3, name="head")(Own()(x)))
    randomized(model)
    port = ported(model)
    check_against_keras(model, port, examples(port))
    return port


def test_a_layer_that_gives_none_beside_its_tensors() -> None:
    from nnspec_tensorflow.startup import keras

    class Cached(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(6)

        def build(self, shape: Any) -> None:
            self.dense.build(shape)

        def call(self, x: Any, cache: Any = None) -> Any:
            return self.dense(x), cache

    def call(self: Any, x: Any) -> Any:
        y, cache = self.inner(x)
        return y if cache is None else y + cache

    port = checked(call, inner=Cached)
    assert "own_inner_dense/kernel" in port.variables


def test_what_is_computed_of_shapes_alone() -> None:
    from nnspec_tensorflow.startup import keras

    class Angles(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return keras.ops.cos(keras.ops.arange(x.shape[-1], dtype="float32") * 0.3)

    checked(lambda self, x: x * self.angles(x), angles=Angles)


def test_a_shape_that_was_said_of_another_call() -> None:
    from nnspec_tensorflow.startup import keras

    class Turn(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    class TurnBoth(Turn):
        def call(self, x: Any, y: Any) -> Any:
            return x + y, x - y

    def call(self: Any, x: Any) -> Any:
        plus, minus = self.turn(x, x * x)
        return plus * minus

    checked(call, turn=TurnBoth)


def test_variables_that_another_method_of_a_layer_within_reads() -> None:
    from nnspec_tensorflow.startup import keras

    class Table(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.scale = self.add_weight(shape=(6,), name="scale")

        def scaled(self, x: Any) -> Any:
            return x * self.scale

    def call(self: Any, x: Any) -> Any:
        return self.table.scaled(keras.ops.sin(x))

    checked(call, table=Table)


def test_ids_that_are_a_variable() -> None:
    from nnspec_tensorflow.startup import keras

    def call(self: Any, x: Any) -> Any:
        return x + self.positions(self.ids)

    class Places(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.ids = self.add_weight(shape=(1, 4), dtype="int32", trainable=False, name="ids")
            self.ids.assign(np.arange(4)[None])
            self.positions = keras.layers.Embedding(5, 6)
            self.positions.build(None)

        def call(self, x: Any) -> Any:
            return call(self, x)

    checked(lambda self, x: self.places(x), places=Places)


def test_queries_of_variables_for_each_example() -> None:
    from nnspec_tensorflow.startup import keras

    class Queries(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = self.add_weight(shape=(1, 3, 6), name="tokens")
            self.attention = keras.layers.MultiHeadAttention(2, 3)
            self.attention.build((None, 3, 6), (None, 4, 6))

        def call(self, x: Any) -> Any:
            batch = keras.ops.shape(x)[0]
            queries = keras.ops.broadcast_to(self.tokens, (batch, 3, 6))
            return self.attention(queries, x)

    checked(lambda self, x: self.queries(x), queries=Queries)


def test_functions_of_keras_that_take_tensors_alone() -> None:
    from nnspec_tensorflow.startup import keras

    ops = keras.ops

    def call(self: Any, x: Any) -> Any:
        scores = ops.einsum("BTD,BSD->BTS", x, x)
        index = [None] * ops.ndim(scores)
        index[1] = index[2] = slice(None)
        bias = ops.arange(4, dtype="float32")[None, :] + ops.arange(4, dtype="float32")[:, None]
        assert index[0] is None
        return ops.einsum("BTS,BSD->BTD", scores + bias, x)

    checked(call)


def test_functions_of_tensorflow() -> None:
    from nnspec_tensorflow.startup import keras, tf

    def call(self: Any, x: Any) -> Any:
        ids = keras.ops.broadcast_to(keras.ops.arange(4, dtype="int32")[None, :, None], (keras.ops.shape(x)[0], 4, 2))
        chosen = tf.gather(x, indices=ids, batch_dims=2)
        return keras.ops.concatenate([x, chosen, tf.gather(x, [1, 0, 3, 2], axis=1)], axis=-1)

    checked(call)

    def resized(self: Any, x: Any) -> Any:
        return tf.compat.v1.image.resize(x, (9, 5), method="bilinear", align_corners=True)

    checked(resized, shape=(5, 4, 2))

    def cubic(self: Any, x: Any) -> Any:
        return tf.compat.v1.image.resize(x, (9, 5), method="bicubic")

    with pytest.raises(PortError, match=r"own: .*resize has a counterpart for bilinear"):
        checked(cubic, shape=(5, 4, 2))


def test_nothing_is_exchanged_outside_of_a_trace() -> None:
    from nnspec_tensorflow.porting.stand_ins import as_when_it_runs
    from nnspec_tensorflow.startup import keras, tf

    before = tf.gather, tf.compat.v1.image.resize, keras.src.layers.layer.Node
    with as_when_it_runs(), as_when_it_runs():
        assert tf.gather is not before[0]
        np.testing.assert_array_equal(tf.gather(tf.range(5) * 2, [3, 1]), [6, 2])
    assert (tf.gather, tf.compat.v1.image.resize, keras.src.layers.layer.Node) == before
    assert isinstance(keras.ops.ndim(keras.KerasTensor((2, 3))), keras.KerasTensor)


def test_heads_that_join_windows_along_the_batch() -> None:
    """As the image encoder of Segment Anything does it."""
    from nnspec_tensorflow.startup import keras

    ops = keras.ops

    def call(self: Any, x: Any) -> Any:
        batch = ops.shape(x)[0]
        windows = ops.reshape(x, (batch * 2, 2, 3, 2))  # two windows of two positions, three kinds of two heads
        kinds = ops.reshape(ops.transpose(windows, (2, 0, 3, 1)), (3, batch * 4, 2))
        q, k, v = ops.unstack(kinds, axis=0)
        mixed = ops.reshape(q * k + v, (batch, 4, 2))
        heads = ops.reshape(ops.transpose(ops.reshape(x, (batch, 4, 3, 2)), (2, 0, 3, 1)), (3, batch * 2, 4))
        return mixed + ops.reshape(ops.sum(heads, axis=0), (batch, 4, 2))

    checked(call)


def test_layers_that_a_call_makes_for_itself() -> None:
    from nnspec_tensorflow.startup import keras

    def call(self: Any, x: Any) -> Any:
        return x * keras.layers.GlobalAveragePooling1D(keepdims=True, name="mean")(x)

    checked(call)
