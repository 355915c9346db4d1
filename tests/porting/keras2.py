"""A program that writes files with Keras 2, and what it computes: an oracle in a process of its own.

``python keras2.py FOLDER`` leaves ``NAME.h5`` and ``NAME.keras``, and ``NAME.npz`` with inputs ("0", "1", …) and the
output ("y"); and ``converted.npz`` with weights of Keras 1 and cuDNN as Keras 2 reads them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

RNG = np.random.default_rng(7)


def recurrent(k: Any) -> Any:
    x = k.Input((6, 3), name="steps")
    y = k.layers.Masking(0.0)(x)
    y = k.layers.LSTM(5, return_sequences=True, recurrent_activation="hard_sigmoid")(y)
    y = k.layers.Bidirectional(k.layers.GRU(4, return_sequences=True, reset_after=False), merge_mode="sum")(y)
    y = k.layers.TimeDistributed(k.layers.Dense(3, activation="hard_sigmoid"))(y)
    y = k.layers.Bidirectional(k.layers.LSTM(2, return_sequences=True, recurrent_activation="hard_sigmoid"))(y)
    return k.Model(x, k.layers.GRU(4, reset_after=True, activation="relu")(y))


def images(k: Any) -> Any:
    x = k.Input((9, 8, 3), name="image")
    y = k.layers.ZeroPadding2D(((1, 2), (0, 1)))(x)
    y = k.layers.Conv2D(4, (3, 2), strides=2, name="block/conv")(y)
    y = k.layers.BatchNormalization(epsilon=0.01, name="block/norm")(y)
    z = k.layers.ReLU(max_value=0.5)(y)
    z = k.layers.SeparableConv2D(4, 3, padding="same", depth_multiplier=2)(z)
    z = k.layers.DepthwiseConv2D((2, 3), padding="same")(z)
    z = k.layers.LeakyReLU(alpha=0.3)(z)
    y = k.layers.Add()([y, z])
    y = k.layers.Concatenate()([y, k.layers.ThresholdedReLU(0.3)(y), k.layers.PReLU(shared_axes=[1, 2])(y)])
    y = k.layers.UpSampling2D((2, 1))(y)
    y = k.layers.Conv2DTranspose(3, (3, 2), strides=(2, 1), padding="same", use_bias=False)(y)
    y = k.layers.Dropout(0.3)(k.layers.GlobalAveragePooling2D()(y))
    return k.Model(x, k.layers.Dense(2, activation="softmax", kernel_regularizer="l2")(y))


def nested(k: Any) -> Any:
    inner_input = k.Input((5,))
    frozen = k.layers.Dense(4, trainable=False, name="frozen")
    norm = k.layers.BatchNormalization(name="norm")
    inner = k.Model(inner_input, k.layers.Dense(3, name="last")(norm(frozen(inner_input))), name="inner")
    head = k.Sequential([k.layers.Dense(4, activation="tanh", input_shape=(3,)), k.layers.Dense(3)], name="head")
    a, b = k.Input((5,), name="a"), k.Input((5,), name="b")
    first, second = inner(a), inner(b)
    return k.Model([a, b], k.layers.Subtract()([head(first), k.layers.Multiply()([second, head(second)])]))


def words(k: Any) -> Any:
    return k.Sequential(
        [
            k.layers.Embedding(11, 4, input_length=7),
            k.layers.SpatialDropout1D(0.2),
            k.layers.Conv1D(5, 3, dilation_rate=2, padding="causal", activation="relu"),
            k.layers.AveragePooling1D(2),
            k.layers.GlobalMaxPooling1D(),
            k.layers.Dense(3, activation="hard_sigmoid", use_bias=False),
        ]
    )


def functions(k: Any) -> Any:
    import tensorflow as tf

    a, b = k.Input((4, 6), name="a"), k.Input((4, 6), name="b")
    y = tf.nn.relu(2.0 * a - b / 3.0) + 1.0
    y = tf.concat([y, tf.transpose(tf.reshape(y, (-1, 6, 4)), [0, 2, 1])], axis=-1)[:, 1:, ::2]
    y = tf.matmul(y, k.layers.Dense(6)(a), transpose_b=True)
    return k.Model([a, b], tf.reduce_mean(y, axis=1, keepdims=True) * tf.math.sigmoid(tf.expand_dims(y[:, 0], 1)))


def attention(k: Any) -> Any:
    x = k.Input((5, 6), name="x")
    y = k.layers.MultiHeadAttention(2, 3, value_dim=4)(x, x)
    y = k.layers.LayerNormalization(epsilon=0.02)(k.layers.Add()([x, y]))
    y = k.layers.Activation("gelu")(k.layers.Attention(use_scale=True)([y, x]))
    return k.Model(x, k.layers.Flatten()(k.layers.Permute((2, 1))(y)))


def states(k: Any) -> Any:
    x, h = k.Input((4, 3), name="x"), k.Input((5,), name="h")
    y, state, cell = k.layers.LSTM(5, return_state=True, return_sequences=True)(x, initial_state=[h, h])
    return k.Model([x, h], k.layers.GRU(5)(y, initial_state=k.layers.Multiply()([state, cell])))


MODELS = {f.__name__: f for f in (recurrent, images, nested, words, functions, attention, states)}


def randomize(model: Any) -> None:
    for variable in model.weights:
        low = 0.3 if "variance" in variable.name else -1.0
        variable.assign(RNG.uniform(low, 1.0, variable.shape))


def converted(k: Any) -> dict[str, Any]:
    """Arrays as Keras 1, Theano and cuDNN have them ("NAME.from.0", …), and as Keras 2 reads them ("NAME.to.0", …)."""
    from tf_keras.src.saving.legacy import hdf5_format

    def layer(made: Any, shape: tuple[int | None, ...]) -> Any:
        made.build(shape)
        return made

    first = {"data_format": "channels_first"}
    cases: dict[str, tuple[Any, list[tuple[int, ...]], str, str | None]] = {
        "lstm": (layer(k.layers.LSTM(4), (None, 5, 3)), [(3, 4), (4, 4), (4,)] * 4, "1", None),
        "gru": (layer(k.layers.GRU(4, reset_after=False), (None, 5, 3)), [(3, 4), (4, 4), (4,)] * 3, "1", None),
        "conv1d": (layer(k.layers.Conv1D(4, 3), (None, 9, 2)), [(3, 1, 2, 4), (4,)], "1", None),
        "conv1d_th": (layer(k.layers.Conv1D(4, 3), (None, 9, 2)), [(4, 2, 3, 1), (4,)], "1", "theano"),
        "conv2d_th": (layer(k.layers.Conv2D(4, (3, 5), **first), (None, 2, 9, 9)), [(4, 2, 3, 5), (4,)], "1", "theano"),
        "conv2d_tf": (layer(k.layers.Conv2D(4, (3, 5)), (None, 9, 9, 2)), [(3, 5, 2, 4), (4,)], "1", "tensorflow"),
        "conv3d_th": (
            layer(k.layers.Conv3D(4, (3, 2, 5), **first), (None, 2, 9, 9, 9)), [(4, 2, 3, 2, 5), (4,)], "1", "theano",
        ),
        "cudnn_lstm": (layer(k.layers.LSTM(4), (None, 5, 3)), [(3, 16), (4, 16), (32,)], "2.2.4", "tensorflow"),
        "cudnn_gru": (layer(k.layers.GRU(4), (None, 5, 3)), [(3, 12), (4, 12), (24,)], "2.2.4", "tensorflow"),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, (made, shapes, version, backend) in cases.items():
        arrays = [RNG.normal(size=shape).astype("float32") for shape in shapes]
        found |= {f"{name}.from.{i}": array for i, array in enumerate(arrays)}
        result = hdf5_format.preprocess_weights_for_loading(made, list(arrays), version, backend)
        found |= {f"{name}.to.{i}": array for i, array in enumerate(result)}
    return found


def main(folder: Path) -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tf_keras

    for name, build in MODELS.items():
        model = build(tf_keras)
        randomize(model)
        shapes = [tuple(s or 3 for s in x.shape) for x in model.inputs]
        inputs = [RNG.integers(0, 11, s) if name == "words" else RNG.normal(size=s).astype("float32") for s in shapes]
        if name == "recurrent":
            inputs[0][1, 3:] = 0.0  # steps that are masked
        y = np.asarray(model(inputs[0] if len(inputs) == 1 else inputs))
        np.savez(folder / f"{name}.npz", y=y, **{str(i): x for i, x in enumerate(inputs)})
        if name in ("recurrent", "nested"):
            model.compile("adam", "mse")
        model.save(folder / f"{name}.h5", save_format="h5")
        model.save_weights(folder / f"{name}.weights_only.h5", save_format="h5")
        if name != "functions":
            model.save(folder / f"{name}.keras", save_format="keras")
    np.savez(folder / "converted.npz", **converted(tf_keras))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
