"""What a Keras model computes otherwise in training than what is ported: told, and not compared."""

from __future__ import annotations

from typing import Any

import pytest

from nnspec import porting
from tests.porting.keras_models import ported, randomized

pytestmark = pytest.mark.tensorflow


def custom(call: Any) -> Any:
    """A model of one layer of the user's own, which has layers to call."""
    from nnspec_tensorflow.startup import keras

    class Block(keras.layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.dense, self.other = keras.layers.Dense(4), keras.layers.Dense(4)
            self.norm, self.drop = keras.layers.BatchNormalization(), keras.layers.Dropout(0.4)

        def build(self, shape: Any) -> None:
            self.dense.build(shape)
            self.other.build(shape)
            self.norm.build((*shape[:-1], 4))

        def call(self, x: Any, training: Any = None) -> Any:
            return call(self, x, training, keras)

        def compute_output_shape(self, shape: Any) -> Any:
            return (*shape[:-1], 4)

    x = keras.Input((3,))
    return randomized(keras.Model(x, Block(name="block")(x)))


def _branching(self: Any, x: Any, training: Any, keras: Any) -> Any:
    return self.other(x) if training else self.dense(x)


def _scaled(self: Any, x: Any, training: Any, keras: Any) -> Any:
    return self.dense(x) * (0.5 if training else 1.0)


def _axis(self: Any, x: Any, training: Any, keras: Any) -> Any:
    y = self.dense(x)
    return y - keras.ops.mean(y, axis=0 if training else -1, keepdims=True)


def _skipping(self: Any, x: Any, training: Any, keras: Any) -> Any:
    y = self.norm(self.dense(x), training=training)
    return self.drop(y, training=training) if training else y


def _assigning(self: Any, x: Any, training: Any, keras: Any) -> Any:
    if training:
        self.dense.bias.assign(self.dense.bias * 0.5)
    return self.dense(x)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (_branching, "computes something else in training mode"),
        (_scaled, "computes something else in training mode"),
        (_axis, "computes something else in training mode"),
        (_skipping, "computes something else in training mode"),
        (_assigning, "cannot be followed in training mode (assigns to its variable"),
    ],
    ids=["a layer", "a number", "an option", "Dropout", "an assignment"],
)
def test_code_with_another_branch_in_training_is_told(call: Any, what: str) -> None:
    port = ported(custom(call))
    (note,) = port.notes
    assert note.startswith("block (Block): its code ")
    assert what in note
    assert port.subject is not None
    found = porting.verify(port.model, port.variables, port.subject, dtypes=["float64"], gradients=False)
    assert found.passed
    assert {each.training for each in found.passes} == {False}
    if call in (_skipping,):
        assert any(note in told for told in found.notes)


def _passing_on(self: Any, x: Any, training: Any, keras: Any) -> Any:
    y = self.norm(self.dense(x), training=training)
    return self.drop(keras.ops.relu(y), training=training) + 0.5


def _silent(self: Any, x: Any, training: Any, keras: Any) -> Any:
    return self.drop(self.norm(self.dense(x)))


@pytest.mark.parametrize("call", [_passing_on, _silent])
def test_code_that_passes_the_mode_on_is_compared_in_training(call: Any) -> None:
    port = ported(custom(call))
    assert port.notes == ()
    assert port.subject is not None
    found = porting.verify(port.model, port.variables, port.subject, dtypes=["float64"], gradients=False)
    assert found.passed
    assert {each.training for each in found.passes} == {False, True}


def test_batch_norm_at_each_step_is_told() -> None:
    from nnspec_tensorflow.startup import keras

    of = keras.layers
    x = keras.Input((4, 6))
    inner = keras.Sequential([keras.Input((6,)), of.Dense(3), of.BatchNormalization(name="norm")])
    port = ported(randomized(keras.Model(x, of.TimeDistributed(inner, name="steps")(x))))
    (note,) = port.notes
    assert note.startswith("steps (TimeDistributed): Keras normalizes each step by itself in training")
    assert port.subject is not None
    found = porting.verify(port.model, port.variables, port.subject, dtypes=["float64"], gradients=False)
    assert found.passed
    assert any("training mode was not compared: steps (TimeDistributed)" in told for told in found.notes)
    inner.trainable = False
    assert ported(keras.Model(x, of.TimeDistributed(inner)(x))).notes == ()
