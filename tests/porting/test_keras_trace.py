"""Models of every make, read by tracing: nested, shared, subclassed, masked; what they take, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnspec.errors import FileError, PortError
from tests.porting.keras_models import (
    check_against_keras,
    difference,
    examples,
    model_outputs,
    ported,
    randomized,
    reference,
)

pytestmark = pytest.mark.tensorflow


def block(of: Any) -> Any:
    """A subclassed layer of layers alone."""
    from nnspec_tensorflow.startup import keras

    class Block(keras.layers.Layer):
        def __init__(self, width: int, **options: Any) -> None:
            super().__init__(**options)
            self.width = width
            self.dense = of.Dense(width, activation="tanh")
            self.norms = [of.LayerNormalization(), of.LayerNormalization()]
            self.drop = of.Dropout(0.3)

        def build(self, shape: Any) -> None:
            self.dense.build(shape)
            for norm in self.norms:
                norm.build((*shape[:-1], self.width))

        def call(self, x: Any, training: Any = None) -> Any:
            y = self.norms[0](self.dense(x))
            return self.norms[1](self.drop(y, training=training))

        def compute_output_shape(self, shape: Any) -> Any:
            return (*shape[:-1], self.width)

    return Block


def test_nested_and_shared_models_on_several_shapes() -> None:
    from nnspec_tensorflow.startup import keras

    of = keras.layers
    image = keras.Input((None, None, 3), name="image")
    inner = keras.Model(image, of.Conv2D(4, 3, name="conv")(of.ZeroPadding2D(1)(image)), name="features")
    x, y = keras.Input((8, 6, 3), name="x"), keras.Input((5, 4, 3), name="y")
    pool = keras.Sequential([keras.Input((None, None, 4)), of.GlobalAveragePooling2D(name="mean")], name="pool")
    dense = of.Dense(2, name="head")
    joined = of.Concatenate(name="joined")([dense(pool(inner(x))), dense(pool(inner(y)))])
    model = randomized(keras.Model([x, y], joined))
    port = ported(model)
    assert list(port.model.inputs) == ["x", "y"]
    assert sum(name.endswith("conv/kernel") for name in port.variables) == 1
    assert sum(name.endswith("head/kernel") for name in port.variables) == 1
    check_against_keras(model, port, examples(port))


def test_a_subclassed_layer_is_descended_into() -> None:
    from nnspec_tensorflow.startup import keras

    kind = block(keras.layers)
    x = keras.Input((5, 3))
    model = randomized(keras.Model(x, kind(4, name="second")(kind(6, name="first")(x))))
    port = ported(model)
    assert {"first/dense", "first/norms_0", "second/norms_1"} <= {path for path, _ in port.model.walk()}
    assert port.origin["first/dense"] == "first/dense (Dense)"
    check_against_keras(model, port, examples(port))


def test_a_subclassed_model_takes_what_it_was_built_with_or_examples_of_it() -> None:
    from nnspec_tensorflow.startup import keras

    of = keras.layers

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.body = [of.Dense(4, activation="relu"), of.Dense(3)]
            self.merge = of.Add()

        def call(self, x: Any, training: Any = None) -> Any:
            y = self.body[1](self.body[0](x))
            return {"sum": self.merge([x, y]), "plain": y}

    model = Net()
    with pytest.raises(PortError, match="not known what the model takes"):
        ported(model)
    x = np.ones((2, 3), np.float32)
    from_examples = ported(model, inputs={"0": x})
    model(x)
    randomized(model)
    port = ported(model)
    assert list(port.model.inputs) == list(from_examples.model.inputs) == ["input"]
    assert {node.name for node in port.model.nodes} == {"body_0", "body_1", "merge"}
    check_against_keras(model, port, examples(port))


def test_dictionaries_and_several_arguments_are_inputs() -> None:
    from nnspec_tensorflow.startup import keras

    of = keras.layers

    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = of.Dense(4), of.Dense(4)

        def call(self, inputs: Any) -> Any:
            return of.Multiply()([self.left(inputs["a"]), self.right(inputs["b"])])

    given = {"b": np.ones((2, 5), np.float32), "a": np.ones((2, 3), np.float32)}
    model = Net()
    model(given)
    randomized(model)
    port = ported(model, inputs=given)
    assert list(port.model.inputs) == ["a", "b"]
    inputs = examples(port)
    found = reference(port, inputs).outputs[port.model.outputs[0]]
    assert difference(found, np.asarray(model(inputs))) < 2e-5


def test_masks_reach_the_layers_that_use_them() -> None:
    from nnspec_tensorflow.startup import keras

    of = keras.layers
    ids = keras.Input((7,), dtype="int32", name="ids")
    inner_ids = keras.Input((7,), dtype="int32")
    encoder = keras.Model(inner_ids, of.Embedding(5, 4, mask_zero=True)(inner_ids), name="encoder")
    x = encoder(ids)
    y = of.LSTM(3, return_sequences=True, name="first")(x)
    y = of.Dropout(0.2)(of.Dense(4, activation="relu")(y))
    z = of.Bidirectional(of.GRU(3, return_sequences=True))(y)
    attended = of.MultiHeadAttention(2, 3, name="attention")(y, y)
    pooled = of.GlobalAveragePooling1D()(of.Add()([y, attended]))
    last = of.GRU(2, return_state=True, go_backwards=True)(z)
    model = randomized(keras.Model(ids, [pooled, *last, z]))
    port = ported(model)
    inputs = examples(port, batch=6)
    inputs["ids"][0, 4:] = 0
    inputs["ids"][1, :2] = 0
    masks = [node.name for node in port.model.nodes if type(node.layer).__name__ == "PaddingMask"]
    assert len(masks) == 1
    assert masks[0].startswith("encoder_embedding")
    check_against_keras(model, port, inputs)


def test_masks_of_vectors_with_initial_states_and_outputs_of_masked_steps() -> None:
    from nnspec_tensorflow.startup import keras

    of = keras.layers
    x, h, c = keras.Input((6, 3), name="x"), keras.Input((4,), name="h"), keras.Input((4,), name="c")
    y = of.Masking(name="steps")(x)
    sequences = of.LSTM(4, return_sequences=True, return_state=True)(y, initial_state=[h, c])
    zeros = of.GRU(4, return_sequences=True, zero_output_for_mask=True)(y)
    last = of.SimpleRNN(4)(y, initial_state=h)
    model = randomized(keras.Model([x, h, c], [*sequences, zeros, last]))
    port = ported(model)
    inputs = examples(port, batch=4)
    inputs["x"][0, 3:] = 0
    inputs["x"][1, :2] = 0
    inputs["x"][2] = 0
    check_against_keras(model, port, inputs)


def test_ids_that_keras_takes_as_floats_are_whole_numbers() -> None:
    from nnspec_tensorflow.startup import keras

    ids = keras.Input((4,))
    model = randomized(keras.Model(ids, keras.layers.Embedding(5, 3)(ids)))
    port = ported(model)
    assert port.model.inputs["input"].dtype == "int32"
    assert [type(node.layer).__name__ for node in port.model.nodes] == ["Embedding"]
    check_against_keras(model, port, examples(port))


def test_a_layer_that_only_looks_like_one_of_kerass_is_descended_into() -> None:
    from nnspec_tensorflow.startup import keras

    class Twice(keras.layers.Dense):
        def call(self, x: Any, training: Any = None) -> Any:
            return super().call(x) + super().call(x)

    x = keras.Input((3,))
    model = randomized(keras.Model(x, Twice(4, name="twice")(x)))
    port = ported(model)
    check_against_keras(model, port, examples(port))


def test_code_that_cannot_be_traced_names_the_layer_and_the_remedy() -> None:
    from nnspec_tensorflow.startup import keras, tf

    class Raw(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.math.cumulative_logsumexp(x)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((3,))
    model = keras.Model(x, Raw(name="raw")(x))
    with pytest.raises(PortError, match=r"raw: its code cannot be traced .*keras\.ops"):
        ported(model)


def test_the_original_is_left_as_it_is() -> None:
    from nnspec_tensorflow.startup import keras

    kind = block(keras.layers)
    x = keras.Input((5, 3))
    model = randomized(keras.Model(x, kind(4, name="first")(x)))
    layers = model._flatten_layers()
    before = [(len(layer._inbound_nodes), len(layer._outbound_nodes), dict(vars(layer))) for layer in layers]
    weights = [np.asarray(v) for v in model.variables]
    port = ported(model)
    inputs = examples(port)
    port.subject.nodes(inputs, dtype="float64", training=True)
    port.subject.statistics(inputs, dtype="float64")
    after = [(len(layer._inbound_nodes), len(layer._outbound_nodes), dict(vars(layer))) for layer in layers]
    assert [a[:2] for a in before] == [a[:2] for a in after]
    for was, now in zip(before, after, strict=True):
        assert all(now[2][name] is value for name, value in was[2].items())
    assert all(np.array_equal(a, np.asarray(b)) for a, b in zip(weights, model.variables, strict=True))
    model_outputs(model, port, inputs)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras's own
def test_a_file_is_read_and_judged_by_its_content(tmp_path: Any) -> None:
    from nnspec.porting.formats import Importer, Reading
    from nnspec_tensorflow.porting.importer import KerasImporter
    from nnspec_tensorflow.startup import keras

    importer = KerasImporter()
    assert isinstance(importer, Importer)
    model = randomized(keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="hidden")]))
    path = tmp_path / "model.keras"
    model.save(path)
    (tmp_path / "other.keras").write_bytes(b"PK\x03\x04 no archive")
    assert importer.reads(path)
    assert importer.reads(tmp_path / "other.keras")  # it means to be one: reading says what is wrong
    with pytest.raises(FileError, match="damaged"):
        importer.from_file(tmp_path / "other.keras", Reading())
    assert not importer.reads(tmp_path)
    assert not importer.knows("model")
    port = importer.from_file(path, Reading())
    assert np.array_equal(port.variables["hidden/kernel"], model.layers[0].kernel.numpy())
    check_against_keras(model, port, examples(port))
