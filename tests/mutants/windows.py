"""Mistakes in convolutions and pooling: in the reference and in both adapters."""

from __future__ import annotations

from tests.mutants.mutant import planting

_window = planting("nnspec.layers.window", "forward")
_conv = planting("nnspec.reference.convolution", "forward")
_pool = planting("nnspec.reference.pooling", "forward")
_jax_conv = planting("nnspec_jax.convolution", "forward")
_jax_pool = planting("nnspec_jax.pooling", "forward")
_tf_conv = planting("nnspec_tensorflow.convolution", "forward")
_transposed = planting("nnspec.reference.transposed_convolution", "forward")
_jax_transposed = planting("nnspec_jax.transposed_convolution", "forward")
_tf_transposed = planting("nnspec_tensorflow.transposed_convolution", "forward")
_tf_pool = planting("nnspec_tensorflow.pooling", "forward")

_LAST_JAX = "x.shape[axis] - 1 - jnp.argmax(jnp.flip(x, axis), axis, keepdims=True)"
_LAST_TF = "tf.shape(x, tf.int64)[-1] - 1 - tf.argmax(x[..., ::-1], -1)"
_MEAN_TF = "tf.reduce_mean(x, list(range(1, x.shape.rank - 1)))"
_FLOAT32_TF = f"tf.cast({_MEAN_TF.replace('(x,', '(tf.cast(x, tf.float32),')}, x.dtype)"

MUTANTS = [
    _window(
        "Conv", "the odd zero before", "(total // 2, total - total // 2)", "(total - total // 2, total // 2)", hint="2,"
    ),
    _window("Conv", "causal padding after", "(reach - 1, 0)", "(0, reach - 1)", hint="causal"),
    _window("Conv", "dilation forgotten in same", "stride + reach - size", "stride + 3 - size", hint="dilation=2"),
    _conv("Conv", "kernel flipped", 'x, scope["kernel"])', 'x, scope["kernel"][::-1])'),
    _conv("Conv", "groups the other way round", "weights in parts], -1)", "weights in [*parts][::-1]], -1)", hint="gr"),
    _conv(
        "Conv",
        "bias taken away",
        'y = correlated(spec, x, scope["kernel"])\n    if spec.use_bias:\n        y = y + ',
        'y = correlated(spec, x, scope["kernel"])\n    if spec.use_bias:\n        y = y - ',
    ),
    _pool("MaxPool", "zeros around", "-np.inf).max", "0.0).max", hint="below zero"),
    _pool("MaxPool", "the largest magnitude", "x, -np.inf)", "np.abs(x), -np.inf)"),
    _pool("AvgPool", "padding counted", "1.0 if spec.count_include_pad else 0.0", "1.0", hint="padding=same"),
    _pool("AvgPool", "padding never counted", "1.0 if spec.count_include_pad else 0.0", "0.0", hint="include_pad"),
    _pool("GlobalAvgPool", "the sum", "x.mean(", "x.sum("),
    _pool("GlobalMaxPool", "the largest magnitude", "= x.max(", "= np.abs(x).max(", hint="below zero"),
    _jax_conv("Conv", "strides forgotten", '"strides": spec.stride', '"strides": 1', hint="strides", raises=True),
    _jax_conv(
        "Conv", "dilation forgotten", '"kernel_dilation": spec.dilations', '"kernel_dilation": 1', hint="dilation=2"
    ),
    _jax_conv("Conv", "0 · NaN between channels", "1 < spec.groups == context.features", "False", "NaN", hint="groups"),
    _jax_pool("MaxPool", "the last of equal elements", "(second <= first)", "(second < first)", "kinks"),
    _jax_pool("MaxPool", "NaN dropped", "| jnp.isnan(first)", "| jnp.isnan(second)", "NaN"),
    _jax_pool("MaxPool", "zeros around", 'mode="edge"', 'mode="constant"', hint="below zero"),
    _jax_pool(
        "MaxPool", "the first by columns", "reversed(range(len(spec.window)))", "range(len(spec.window))", "kinks"
    ),
    _jax_pool(
        "AvgPool", "Flax's default", "count_include_pad=spec.count_include_pad", "count_include_pad=True", hint="same"
    ),
    _jax_pool("GlobalMaxPool", "the last of equal elements", "jnp.argmax(x, axis, keepdims=True)", _LAST_JAX, "kinks"),
    _jax_pool("GlobalAvgPool", "through float32", "jnp.mean(x, tuple", "jnp.mean(x.astype(jnp.float32), tuple"),
    _tf_conv("Conv", "strides forgotten", "strides=spec.stride,", "strides=1,", hint="strides", raises=True),
    _tf_conv("Conv", "dilation forgotten", "dilations=spec.dilations)", "dilations=1)", hint="dilation=2", raises=True),
    _tf_conv("Conv", "0 · NaN between channels", "1 < spec.groups == self.channels", "False", "NaN", hint="groups"),
    _tf_conv(
        "Conv",
        "bias added twice",
        "if self.spec.use_bias:\n            y += ",
        "if self.spec.use_bias:\n            y += 2 * ",
    ),
    _tf_pool("MaxPool", "the last of equal elements", "(second <= first)", "(second < first)", "kinks"),
    _tf_pool("MaxPool", "NaN dropped", "| tf.math.is_nan(first)", "| tf.math.is_nan(second)", "NaN"),
    _tf_pool(
        "MaxPool", "the first by columns", "reversed(range(len(spec.window)))", "range(len(spec.window))", "kinks"
    ),
    _tf_pool("AvgPool", "padding never counted", "if spec.count_include_pad and", "if False and", hint="include_pad"),
    _tf_pool("GlobalMaxPool", "the last of equal elements", "tf.argmax(x, -1)", _LAST_TF, "kinks"),
    _tf_pool("GlobalAvgPool", "through float32", _MEAN_TF, _FLOAT32_TF),
    _conv(
        "DepthwiseConv",
        "features of one channel apart",
        "return apply(spec.conv(x.shape[-1]), scope, x)",
        "y = apply(spec.conv(x.shape[-1]), scope, x); m = spec.depth_multiplier; "
        "return np.concatenate([y[..., i::m] for i in range(m)], -1)",
        hint="depth_multiplier=2",
    ),
    _conv(
        "SeparableConv",
        "ReLU between the two",
        'y = correlated(spec.depthwise(x.shape[-1]), x, scope["depthwise_kernel"]) @',
        'y = np.maximum(correlated(spec.depthwise(x.shape[-1]), x, scope["depthwise_kernel"]), 0) @',
    ),
    _jax_conv("SeparableConv", "bias forgotten", "if self.bias is not None:", "if False:"),
    _tf_conv(
        "SeparableConv", "kernel flipped", "tf.cast(self.depthwise_kernel,", "tf.cast(self.depthwise_kernel[::-1],"
    ),
    _transposed("ConvTranspose", "kernel flipped", 'kernel = scope["kernel"]', 'kernel = scope["kernel"][::-1]'),
    _transposed(
        "ConvTranspose",
        "lost at the end instead",
        "map(slice, spec.before, ends)",
        "map(slice, (0,) * len(ends), [e - b for e, b in zip(ends, spec.before)])",
        hint="losses",
    ),
    _jax_transposed("ConvTranspose", "Flax's kernel", "jnp.flip(kernel, range(rank))", "kernel"),
    _jax_transposed(
        "ConvTranspose",
        "dilation forgotten",
        "rhs_dilation=spec.dilations",
        "rhs_dilation=None",
        hint="dilation",
        raises=True,
    ),
    _jax_transposed(
        "ConvTranspose", "0 · NaN between channels", "1 < spec.groups == x.shape[-1]", "False", "NaN", hint="groups=3"
    ),
    _tf_transposed(
        "ConvTranspose",
        "cut from the beginning",
        "map(slice, spec.before, ends)",
        "map(slice, [0 for _ in ends], [e - b for e, b in zip(ends, spec.before)])",
        hint="losses",
    ),
    _tf_transposed(
        "ConvTranspose",
        "one place of the window off",
        "(q * d, reach - 1 - q * d)",
        "(reach - 1 - q * d, q * d)",
        hint="dilation",
    ),
    _pool(
        "AdaptiveAvgPool",
        "parts that end too early",
        "int(np.ceil((i + 1) * n / m))",
        "max((i + 1) * n // m, i * n // m + 1)",
    ),
    _pool("AdaptiveMaxPool", "the minimum", "return _parts(spec, x, np.max)", "return _parts(spec, x, np.min)"),
    _jax_pool(
        "AdaptiveMaxPool", "the first by columns", "reversed(range(1, x.ndim - 1))", "range(1, x.ndim - 1)", "kinks"
    ),
    _tf_pool(
        "AdaptiveAvgPool",
        "the sum",
        "tf.reduce_mean(part, axis, keepdims=True)",
        "tf.reduce_sum(part, axis, keepdims=True)",
    ),
]
