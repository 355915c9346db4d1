"""Each of Keras's layers, with its options, as a port: against Keras itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnspec.errors import PortError
from tests.porting.keras_models import check_against_keras, examples, ported, randomized

pytestmark = pytest.mark.tensorflow

# A layer, made by a function of keras.layers; and the shapes of its inputs.
Case = tuple[str, Callable[[Any], Any], tuple[tuple[int | None, ...], ...]]
IMAGE, STEPS, VOLUME = (7, 6, 3), (7, 3), (5, 6, 4, 2)

CASES: list[Case] = [
    ("dense", lambda of: of.Dense(4), ((3,),)),
    ("dense_wide", lambda of: of.Dense(4, activation="relu", use_bias=False), ((5, 2, 3),)),
    ("dense_softmax", lambda of: of.Dense(4, activation="softmax"), ((3,),)),
    ("dense_gelu", lambda of: of.Dense(4, activation="gelu"), ((3,),)),
    ("einsum_dense", lambda of: of.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de"), ((5, 3),)),
    ("einsum_dense_e", lambda of: of.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), ((5, 3),)),
    ("einsum_dense_b", lambda of: of.EinsumDense("abc,cde->abde", (5, 2, 4), bias_axes="d"), ((5, 3),)),
    ("conv1d", lambda of: of.Conv1D(4, 3), (STEPS,)),
    ("conv1d_causal", lambda of: of.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="tanh"), (STEPS,)),
    ("conv2d", lambda of: of.Conv2D(4, (3, 2), strides=(2, 1), padding="same"), (IMAGE,)),
    ("conv2d_groups", lambda of: of.Conv2D(6, 3, groups=3, use_bias=False), (IMAGE,)),
    ("conv2d_dilated", lambda of: of.Conv2D(4, 2, dilation_rate=(2, 1), padding="same"), (IMAGE,)),
    ("conv3d", lambda of: of.Conv3D(4, (3, 2, 1), strides=2, padding="same"), (VOLUME,)),
    ("depthwise_conv1d", lambda of: of.DepthwiseConv1D(3, depth_multiplier=2), (STEPS,)),
    ("depthwise_conv2d", lambda of: of.DepthwiseConv2D((3, 2), padding="same", depth_multiplier=2), (IMAGE,)),
    ("depthwise_strides", lambda of: of.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False), (IMAGE,)),
    ("separable_conv1d", lambda of: of.SeparableConv1D(4, 3, depth_multiplier=2), (STEPS,)),
    ("separable_conv2d", lambda of: of.SeparableConv2D(4, (3, 2), padding="same", activation="relu"), (IMAGE,)),
    ("conv1d_transpose", lambda of: of.Conv1DTranspose(4, 3, strides=2), (STEPS,)),
    ("conv2d_transpose", lambda of: of.Conv2DTranspose(4, (3, 2), strides=(2, 3), padding="same"), (IMAGE,)),
    ("transpose_added", lambda of: of.Conv2DTranspose(4, 3, 2, "same", output_padding=1), (IMAGE,)),
    ("transpose_none_added", lambda of: of.Conv2DTranspose(4, 3, 2, "same", output_padding=0), (IMAGE,)),
    ("conv2d_transpose_valid", lambda of: of.Conv2DTranspose(4, 3, strides=2, output_padding=(1, 0)), (IMAGE,)),
    ("conv2d_transpose_far", lambda of: of.Conv2DTranspose(4, 2, strides=3), (IMAGE,)),
    ("conv3d_transpose", lambda of: of.Conv3DTranspose(3, 2, strides=2, use_bias=False), (VOLUME,)),
    ("max_pool1d", lambda of: of.MaxPooling1D(2), (STEPS,)),
    ("max_pool2d", lambda of: of.MaxPooling2D((3, 2), strides=2, padding="same"), (IMAGE,)),
    ("max_pool3d", lambda of: of.MaxPooling3D(2), (VOLUME,)),
    ("average_pool1d", lambda of: of.AveragePooling1D(3, strides=1, padding="same"), (STEPS,)),
    ("average_pool2d", lambda of: of.AveragePooling2D((3, 2), strides=2, padding="same"), (IMAGE,)),
    ("average_pool3d", lambda of: of.AveragePooling3D(2, padding="same"), (VOLUME,)),
    ("adaptive_average", lambda of: of.AdaptiveAveragePooling2D((3, 2)), (IMAGE,)),
    ("adaptive_max", lambda of: of.AdaptiveMaxPooling1D(3), (STEPS,)),
    ("global_average1d", lambda of: of.GlobalAveragePooling1D(), (STEPS,)),
    ("global_average2d", lambda of: of.GlobalAveragePooling2D(keepdims=True), (IMAGE,)),
    ("global_average3d", lambda of: of.GlobalAveragePooling3D(), (VOLUME,)),
    ("global_max1d", lambda of: of.GlobalMaxPooling1D(keepdims=True), (STEPS,)),
    ("global_max2d", lambda of: of.GlobalMaxPooling2D(), (IMAGE,)),
    ("global_average_first", lambda of: of.GlobalAveragePooling2D(data_format="channels_first"), (IMAGE,)),
    ("batch_norm", lambda of: of.BatchNormalization(epsilon=0.01, momentum=0.8), (IMAGE,)),
    ("batch_norm_axis", lambda of: of.BatchNormalization(axis=1, scale=False), (IMAGE,)),
    ("batch_norm_center", lambda of: of.BatchNormalization(center=False, trainable=False), ((4,),)),
    ("layer_norm", lambda of: of.LayerNormalization(epsilon=0.01), (STEPS,)),
    ("layer_norm_axes", lambda of: of.LayerNormalization(axis=[-1, -2]), (IMAGE,)),
    ("layer_norm_bare", lambda of: of.LayerNormalization(center=False, scale=False), (STEPS,)),
    ("group_norm", lambda of: of.GroupNormalization(2), ((5, 4, 6),)),
    ("group_norm_axis", lambda of: of.GroupNormalization(2, axis=1, scale=False), ((6, 5, 4),)),
    ("instance_norm", lambda of: of.GroupNormalization(-1), ((5, 4, 6),)),
    ("rms_norm", lambda of: of.RMSNormalization(epsilon=0.01), (STEPS,)),
    ("unit_norm", lambda of: of.UnitNormalization(axis=[1, 2]), (STEPS,)),
    ("spectral_norm", lambda of: of.SpectralNormalization(of.Dense(4)), ((3,),)),
    ("relu", lambda of: of.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.5), (STEPS,)),
    ("leaky_relu", lambda of: of.LeakyReLU(0.15), (STEPS,)),
    ("elu", lambda of: of.ELU(0.7), (STEPS,)),
    ("prelu", lambda of: of.PReLU(), ((4,),)),
    ("prelu_shared", lambda of: of.PReLU(shared_axes=[1, 2]), (IMAGE,)),
    ("prelu_one", lambda of: of.PReLU(shared_axes=[1, 2, 3]), (IMAGE,)),
    ("prelu_positions", lambda of: of.PReLU(), (STEPS,)),
    ("softmax", lambda of: of.Softmax(axis=1), (STEPS,)),
    ("softmax_axes", lambda of: of.Softmax(axis=(-2, -1)), (IMAGE,)),
    ("embedding", lambda of: of.Embedding(5, 3), ((6,),)),
    ("dropout", lambda of: of.Dropout(0.4, noise_shape=(None, 1, 3)), (STEPS,)),
    ("spatial_dropout", lambda of: of.SpatialDropout2D(0.3), (IMAGE,)),
    ("alpha_dropout", lambda of: of.AlphaDropout(0.3), (STEPS,)),
    ("gaussian_noise", lambda of: of.GaussianNoise(0.3), (STEPS,)),
    ("gaussian_dropout", lambda of: of.GaussianDropout(0.3), (STEPS,)),
    ("activity", lambda of: of.ActivityRegularization(0.1), (STEPS,)),
    ("identity", lambda of: of.Identity(), (STEPS,)),
    ("masking", lambda of: of.Masking(0.0), (STEPS,)),
    ("rescaling", lambda of: of.Rescaling(1 / 127.5, offset=-1), (IMAGE,)),
    ("rescaling_channels", lambda of: of.Rescaling([0.1, 0.2, 0.3], offset=[1.0, 2.0, 3.0]), (IMAGE,)),
    ("normalization", lambda of: of.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]), (IMAGE,)),
    ("normalization_inverted", lambda of: of.Normalization(axis=None, mean=0.1, variance=2.0, invert=True), (IMAGE,)),
    ("flatten", lambda of: of.Flatten(), (IMAGE,)),
    ("flatten_first", lambda of: of.Flatten(data_format="channels_first"), (IMAGE,)),
    ("reshape", lambda of: of.Reshape((3, -1)), (STEPS,)),
    ("permute", lambda of: of.Permute((3, 1, 2)), (IMAGE,)),
    ("repeat_vector", lambda of: of.RepeatVector(4), ((3,),)),
    ("zero_padding1d", lambda of: of.ZeroPadding1D((1, 2)), (STEPS,)),
    ("zero_padding2d", lambda of: of.ZeroPadding2D(((0, 1), (2, 3))), (IMAGE,)),
    ("zero_padding2d_first", lambda of: of.ZeroPadding2D((1, 2), data_format="channels_first"), (IMAGE,)),
    ("zero_padding3d", lambda of: of.ZeroPadding3D(((0, 1), (2, 0), (1, 1))), (VOLUME,)),
    ("cropping1d", lambda of: of.Cropping1D((1, 2)), (STEPS,)),
    ("cropping2d", lambda of: of.Cropping2D(((0, 1), (2, 1))), (IMAGE,)),
    ("cropping3d", lambda of: of.Cropping3D(((1, 1), (2, 0), (0, 1))), (VOLUME,)),
    ("upsampling1d", lambda of: of.UpSampling1D(3), (STEPS,)),
    ("upsampling2d", lambda of: of.UpSampling2D((2, 3)), (IMAGE,)),
    ("upsampling2d_bilinear", lambda of: of.UpSampling2D((2, 3), interpolation="bilinear"), (IMAGE,)),
    ("upsampling2d_bicubic", lambda of: of.UpSampling2D(2, interpolation="bicubic"), (IMAGE,)),
    ("upsampling3d", lambda of: of.UpSampling3D((2, 1, 3)), (VOLUME,)),
    ("resizing", lambda of: of.Resizing(4, 9), (IMAGE,)),
    ("resizing_antialias", lambda of: of.Resizing(3, 4, antialias=True), (IMAGE,)),
    ("center_crop", lambda of: of.CenterCrop(4, 3), (IMAGE,)),
    ("random_flip", lambda of: of.RandomFlip("horizontal"), (IMAGE,)),
    ("random_flip_both", lambda of: of.RandomFlip(), (IMAGE,)),
    ("random_rotation", lambda of: of.RandomRotation((-0.1, 0.2), fill_mode="constant"), (IMAGE,)),
    ("random_zoom", lambda of: of.RandomZoom((-0.2, 0.3)), (IMAGE,)),
    ("random_translation", lambda of: of.RandomTranslation(0.1, (-0.2, 0.3)), (IMAGE,)),
    ("random_contrast", lambda of: of.RandomContrast((0.1, 0.3)), (IMAGE,)),
    ("random_brightness", lambda of: of.RandomBrightness(0.2, value_range=(0, 1)), (IMAGE,)),
    ("random_hue", lambda of: of.RandomHue((0.1, 0.3), value_range=(0, 1)), (IMAGE,)),
    ("random_saturation", lambda of: of.RandomSaturation((0.1, 0.3)), (IMAGE,)),
    ("random_sharpness", lambda of: of.RandomSharpness((0.1, 0.3)), (IMAGE,)),
    ("random_color_degeneration", lambda of: of.RandomColorDegeneration((0.1, 0.3)), (IMAGE,)),
    ("random_grayscale", lambda of: of.RandomGrayscale(0.4), (IMAGE,)),
    ("random_shear", lambda of: of.RandomShear(0.1, (0.1, 0.2)), (IMAGE,)),
    ("auto_contrast", lambda of: of.AutoContrast(value_range=(-2, 2)), (IMAGE,)),
    ("discretization", lambda of: of.Discretization([-0.5, 0.1, 0.7]), (STEPS,)),
    ("add", lambda of: of.Add(), (STEPS, STEPS, STEPS)),
    ("add_ranks", lambda of: of.Add(), (STEPS, (3,))),
    ("subtract", lambda of: of.Subtract(), (STEPS, STEPS)),
    ("multiply", lambda of: of.Multiply(), (STEPS, (1, 3))),
    ("average", lambda of: of.Average(), (STEPS, STEPS, STEPS)),
    ("maximum", lambda of: of.Maximum(), (STEPS, STEPS, STEPS)),
    ("minimum", lambda of: of.Minimum(), (STEPS, STEPS)),
    ("concatenate", lambda of: of.Concatenate(axis=1), (STEPS, (4, 3))),
    ("dot", lambda of: of.Dot(axes=(2, 1)), (STEPS, (3, 4))),
    ("dot_vectors", lambda of: of.Dot(axes=1, normalize=True), ((3,), (3,))),
    ("dot_normalized", lambda of: of.Dot(axes=(1, 2), normalize=True), (STEPS, (4, 7))),
    ("simple_rnn", lambda of: of.SimpleRNN(4, activation="relu"), (STEPS,)),
    ("lstm", lambda of: of.LSTM(4), (STEPS,)),
    ("lstm_sequences", lambda of: of.LSTM(4, return_sequences=True, go_backwards=True, use_bias=False), (STEPS,)),
    ("lstm_states", lambda of: of.LSTM(4, return_sequences=True, return_state=True), (STEPS,)),
    ("lstm_last_states", lambda of: of.LSTM(4, return_state=True, dropout=0.2, recurrent_dropout=0.1), (STEPS,)),
    ("gru", lambda of: of.GRU(4), (STEPS,)),
    ("gru_before", lambda of: of.GRU(4, reset_after=False, return_sequences=True), (STEPS,)),
    ("gru_states", lambda of: of.GRU(4, return_sequences=True, return_state=True, go_backwards=True), (STEPS,)),
    ("gru_bare", lambda of: of.GRU(4, use_bias=False, recurrent_activation="hard_sigmoid"), (STEPS,)),
    ("rnn_stacked", lambda of: of.RNN([of.LSTMCell(4), of.GRUCell(3)], return_sequences=True), (STEPS,)),
    ("rnn_stacked_states", lambda of: of.RNN([of.LSTMCell(4), of.SimpleRNNCell(3)], return_state=True), (STEPS,)),
    ("rnn_stacked_backwards", lambda of: of.RNN([of.GRUCell(4), of.GRUCell(3)], go_backwards=True), (STEPS,)),
    ("bidirectional", lambda of: of.Bidirectional(of.LSTM(4, return_sequences=True)), (STEPS,)),
    ("bidirectional_sum", lambda of: of.Bidirectional(of.GRU(4), merge_mode="sum"), (STEPS,)),
    ("bidirectional_ave", lambda of: of.Bidirectional(of.GRU(4), merge_mode="ave"), (STEPS,)),
    ("bidirectional_apart", lambda of: of.Bidirectional(of.GRU(4, return_sequences=True), merge_mode=None), (STEPS,)),
    ("bidirectional_states", lambda of: of.Bidirectional(of.LSTM(4, return_state=True), merge_mode="mul"), (STEPS,)),
    ("conv_lstm1d", lambda of: of.ConvLSTM1D(3, 3, padding="same"), ((4, 6, 2),)),
    ("conv_lstm2d", lambda of: of.ConvLSTM2D(3, (3, 2), strides=2, return_sequences=True), ((4, 7, 6, 2),)),
    ("time_distributed", lambda of: of.TimeDistributed(of.Conv2D(4, 3, activation="relu")), ((4, *IMAGE),)),
    ("time_distributed_pool", lambda of: of.TimeDistributed(of.GlobalMaxPooling2D()), ((4, *IMAGE),)),
    ("attention", lambda of: of.Attention(), ((5, 4), (6, 4))),
    ("attention_key", lambda of: of.Attention(use_scale=True), ((5, 4), (6, 3), (6, 4))),
    ("attention_concat", lambda of: of.Attention(score_mode="concat", use_scale=True), ((5, 4), (6, 4))),
    ("additive_attention", lambda of: of.AdditiveAttention(), ((5, 4), (6, 4))),
]  # fmt: skip


@pytest.mark.parametrize(("make", "shapes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_layer_as_a_port_computes_what_keras_computes(make: Any, shapes: Any) -> None:
    from nnspec_tensorflow.startup import keras

    inputs = [keras.Input(shape) for shape in shapes]
    outputs = make(keras.layers)(inputs[0] if len(inputs) == 1 else inputs)
    model = randomized(keras.Model(inputs, outputs))
    port = ported(model)
    check_against_keras(model, port, examples(port))


ATTENTION: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("plain", {"num_heads": 2, "key_dim": 3}, {}),
    ("values", {"num_heads": 2, "key_dim": 3, "value_dim": 5, "output_shape": 7}, {}),
    ("causal", {"num_heads": 2, "key_dim": 4, "use_bias": False}, {"use_causal_mask": True}),
    ("window", {"num_heads": 2, "key_dim": 3, "sliding_window": 2}, {}),
    ("scores", {"num_heads": 2, "key_dim": 3, "dropout": 0.2}, {"return_attention_scores": True}),
]


@pytest.mark.parametrize(("options", "call"), [case[1:] for case in ATTENTION], ids=[case[0] for case in ATTENTION])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_multi_head_attention(options: Any, call: Any, count: int) -> None:
    from nnspec_tensorflow.startup import keras

    shapes = [(5, 4), (6, 3), (6, 2)][:count]
    inputs = [keras.Input(shape) for shape in shapes]
    query, value, key = (*inputs, *[inputs[0]] * 3)[:3] if count == 1 else (*inputs, None)[:3]
    layer = keras.layers.MultiHeadAttention(**options)
    model = randomized(keras.Model(inputs, layer(query, value, key, **call)))
    port = ported(model)
    check_against_keras(model, port, examples(port))


@pytest.mark.parametrize("kv", [1, 2])
def test_grouped_query_attention(kv: int) -> None:
    from nnspec_tensorflow.startup import keras

    x = keras.Input((5, 4))
    layer = keras.layers.GroupQueryAttention(3, 4, kv)
    model = randomized(keras.Model(x, layer(x, x, use_causal_mask=True)))
    port = ported(model)
    check_against_keras(model, port, examples(port))


def test_softmax_under_a_mask_that_hides_all() -> None:
    """Zeros, and not the same share for all."""
    from nnspec_tensorflow.startup import keras

    x, shown = keras.Input((6,), name="x"), keras.Input((6,), name="shown", dtype="bool")
    model = keras.Model([x, shown], keras.layers.Softmax()(x, mask=shown))
    port = ported(model)
    inputs = examples(port, batch=4)
    inputs["shown"][1:3] = np.array([[False] * 6, [True, False, True, False, False, True]])
    check_against_keras(model, port, inputs)
    assert not model([inputs["x"], inputs["shown"]])[1].numpy().any()


def test_every_named_activation() -> None:
    from nnspec_tensorflow.startup import keras

    names = [
        *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu"),
        *("linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink"),
        *("softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh", "tanh_shrink"),
    ]
    x = keras.Input((6,))
    model = keras.Model(x, [keras.layers.Activation(name)(x) for name in names])
    port = ported(model)
    check_against_keras(model, port, examples(port, batch=4))


def test_states_are_inputs_and_outputs() -> None:
    from nnspec_tensorflow.startup import keras

    x, h, c = keras.Input((7, 3)), keras.Input((4,)), keras.Input((4,))
    y = keras.layers.LSTM(4, return_sequences=True, return_state=True)(x, initial_state=[h, c])
    z = keras.layers.GRU(4)(x, initial_state=h)
    model = randomized(keras.Model([x, h, c], [*y, z]))
    port = ported(model)
    check_against_keras(model, port, examples(port))


IDS: list[tuple[str, Callable[[Any], Any]]] = [
    ("category_encoding", lambda of: of.CategoryEncoding(5, output_mode="multi_hot")),
    ("category_count", lambda of: of.CategoryEncoding(5, output_mode="count")),
    ("hashing", lambda of: of.Hashing(3, salt=7)),
    ("hashing_masked", lambda of: of.Hashing(4, mask_value=0, output_mode="multi_hot")),
    ("integer_lookup", lambda of: of.IntegerLookup(vocabulary=[3, 1, 4], num_oov_indices=2)),
    ("integer_lookup_hot", lambda of: of.IntegerLookup(vocabulary=[3, 1], output_mode="multi_hot")),
    ("integer_lookup_inverted", lambda of: of.IntegerLookup(vocabulary=[3, 1], invert=True, mask_token=0)),
]


@pytest.mark.parametrize("make", [case[1] for case in IDS], ids=[case[0] for case in IDS])
def test_ids_of_numbers(make: Any) -> None:
    from nnspec_tensorflow.startup import keras

    x = keras.Input((6,), dtype="int32")
    model = keras.Model(x, make(keras.layers)(x))
    port = ported(model)
    check_against_keras(model, port, examples(port))


def test_cells_as_layers() -> None:
    from nnspec_tensorflow.startup import keras

    x, h, c = keras.Input((3,)), keras.Input((4,)), keras.Input((4,))
    y, (h1, c1) = keras.layers.LSTMCell(4)(x, [h, c])
    z, _ = keras.layers.GRUCell(4)(y, [h1])
    model = randomized(keras.Model([x, h, c], [z, h1, c1]))
    port = ported(model)
    check_against_keras(model, port, examples(port))


def refused(make: Callable[[Any], Any], *shapes: tuple[int | None, ...], **call: Any) -> str:
    from nnspec_tensorflow.startup import keras

    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, make(keras.layers)(inputs[0] if len(inputs) == 1 else inputs, **call))
    with pytest.raises(PortError) as caught:
        ported(model)
    return str(caught.value)


def test_what_has_no_counterpart_is_refused_by_name() -> None:
    assert "here (Dropout): is called with training=True" in refused(
        lambda of: of.Dropout(0.5, name="here"), (3,), training=True
    )
    assert "here (BatchNormalization): is called with training=True" in refused(
        lambda of: of.BatchNormalization(name="here"), (3,), training=True
    )
    assert "here (Resizing): crop_to_aspect_ratio" in refused(
        lambda of: of.Resizing(4, 4, crop_to_aspect_ratio=True, name="here"), IMAGE
    )
    assert "interpolation='lanczos3'" in refused(lambda of: of.Resizing(4, 4, interpolation="lanczos3"), IMAGE)
    assert "dilation_rate=(2, 2)" in refused(lambda of: of.ConvLSTM2D(2, 3, dilation_rate=2), (4, *IMAGE))
    assert "noise_shape" in refused(lambda of: of.Dropout(0.5, noise_shape=(2, 3)), (3,))
    assert "axis=(1,)" in refused(lambda of: of.Normalization(axis=1), STEPS)


def test_variables_are_bit_for_bit_those_of_the_model() -> None:
    from nnspec_tensorflow.startup import keras

    x = keras.Input((3,))
    model = randomized(keras.Sequential([x, keras.layers.Dense(4, name="hidden"), keras.layers.BatchNormalization()]))
    port = ported(model)
    assert np.array_equal(port.variables["hidden/kernel"], model.layers[0].kernel.numpy())
    assert {name.split("/")[1] for name in port.variables} == {"kernel", "bias", "scale", "mean", "var"}
    assert all(array.dtype == np.float32 for array in port.variables.values())
