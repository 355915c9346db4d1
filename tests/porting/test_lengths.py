"""Axes of any length of a functional Keras model, to which examples give lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnspec.errors import PortError
from tests.porting.keras_models import difference, ported, randomized, reference

pytestmark = pytest.mark.tensorflow


def positions() -> Any:
    """Vectors of places for sequences of any length up to eight."""
    from nnspec_tensorflow.startup import keras

    class Places(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.table = self.add_weight(shape=(8, shape[-1]), name="table")

        def call(self, x: Any) -> Any:
            length = keras.ops.shape(x)[1]
            return x + keras.ops.broadcast_to(self.table[:length], keras.ops.shape(x))

    ids = keras.Input((None,), name="ids", dtype="int32")
    scale = keras.Input((1, 3), name="scale")
    y = Places(name="places")(keras.layers.Embedding(5, 3, name="embed")(ids))
    return randomized(keras.Model({"ids": ids, "scale": scale}, keras.layers.Multiply(name="scaled")([y, scale])))


def test_an_example_gives_an_axis_its_length() -> None:
    model = positions()
    inputs = {"ids": np.array([[1, 4, 2, 0]] * 2, np.int32), "scale": np.full((2, 1, 3), 0.7, np.float32)}
    for given in (inputs, {"ids": inputs["ids"]}, {"0": inputs["ids"]}):
        port = ported(model, inputs=given)
        assert port.model.inputs["ids"].shape == (4,)
        found = reference(port, inputs).outputs[port.model.outputs[0]]
        assert difference(found, np.asarray(model(inputs))) < 1e-6


def test_what_lacks_a_length_says_so() -> None:
    with pytest.raises(PortError, match=r"places.*Axes of ids are of any length, which may be why: an example of each"):
        ported(positions())


def test_examples_that_fit_no_input() -> None:
    with pytest.raises(PortError, match="there is no input 'words'; the model takes ids, scale"):
        ported(positions(), inputs={"words": np.zeros((1, 4))})
    with pytest.raises(PortError, match=r"scale: takes \[1, 3\] for each example, and is given \[2, 3\]"):
        ported(positions(), inputs={"scale": np.zeros((1, 2, 3))})
