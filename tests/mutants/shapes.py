"""Mistakes in layers that rearrange, pad and resample: in the reference and in both adapters."""

from __future__ import annotations

from tests.mutants.mutant import planting

_shape = planting("nnspec.reference.shape", "forward")
_pad = planting("nnspec.reference.padding", "forward")
_resample = planting("nnspec.reference.resampling", "forward")
_jax_shape = planting("nnspec_jax.shape", "forward")
_jax_pad = planting("nnspec_jax.padding", "forward")
_jax_resample = planting("nnspec_jax.resampling", "forward")
_tf_shape = planting("nnspec_tensorflow.shape", "forward")
_tf_pad = planting("nnspec_tensorflow.padding", "forward")
_tf_resample = planting("nnspec_tensorflow.resampling", "forward")

MUTANTS = [
    _shape(
        "Permute", "the inverse", "(0, *spec.axes)", "(0, *(spec.axes.index(i + 1) + 1 for i in range(x.ndim - 1)))"
    ),
    _shape("RepeatVector", "once too few", "np.stack([x] * spec.n, 1)", "np.stack([x] * (spec.n - 1) + [0 * x], 1)"),
    _shape("SpaceToDepth", "PyTorch's order", 'if spec.order == "blocks_first" else [', "if False else ["),
    _shape(
        "DepthToSpace",
        "rows and columns of a block swapped",
        "range(1, n + 1), within",
        "range(1, n + 1), within[::-1]",
    ),
    _pad("Pad", "0 for the value", "constant_values=spec.value", "constant_values=0", hint="value"),
    _pad("Crop", "sides swapped", "slice(before, size - after)", "slice(after, size - before)"),
    _jax_shape(
        "DepthToSpace",
        "TensorFlow's order alone",
        'size, spec.order == "blocks_first"',
        "size, True",
        hint="channels_first",
    ),
    _jax_pad("Pad", "value in float32", "jnp.asarray(spec.value, x.dtype)", "jnp.float32(spec.value)", hint="value"),
    _jax_resample(
        "Upsample",
        "factors of other axes",
        "enumerate(spec.factors, 1)",
        "enumerate(spec.factors[::-1], 1)",
        raises=True,
    ),
    _tf_shape(
        "SpaceToDepth",
        "TensorFlow's order alone",
        'if spec.order == "blocks_first" else (',
        "if True else (",
        hint="channels_first",
    ),
    _tf_pad(
        "Pad",
        "reflected at the edge itself",
        'int(mode == "reflect")\n    return [tf.reverse(along(x, axis, skipped',
        "0\n    return [tf.reverse(along(x, axis, skipped",
        hint="reflect",
    ),
    _tf_pad(
        "Pad",
        "not mirrored",
        "[tf.reverse(along(x, axis, end - count, end), [axis])]",
        "[along(x, axis, end - count, end)]",
        hint="symmetric",
    ),
    _tf_resample(
        "Upsample",
        "tiled",
        "tf.expand_dims(x, axis + 1), (*shape[: axis + 1], factor, *shape[axis + 1 :])",
        "tf.expand_dims(x, axis), (*shape[:axis], factor, *shape[axis:])",
    ),
    _resample(
        "Resize", "TensorFlow 1's corners", "(p + 0.5) * size / count - 0.5", "p * size / count", hint="output_size=7"
    ),
    _resample(
        "Resize", "weights that do not sum to 1", "inside / inside.sum(1, keepdims=True)", "inside", hint="cubic"
    ),
    _resample("Resize", "the kernel shrunk", "max(size / count, 1.0)", "min(count / size, 1.0)", hint="antialias"),
    _jax_resample(
        "Resize",
        "the position before the nearest",
        "np.array(spec.nearest(x.shape[axis], count))",
        "np.maximum(np.array(spec.nearest(x.shape[axis], count)) - 1, 0)",
        hint="nearest",
    ),
    _tf_resample(
        "Resize",
        "weights in float32",
        "tf.constant(spec.weights(x.shape[axis], count), x.dtype)",
        "tf.cast(tf.constant(spec.weights(x.shape[axis], count), tf.float32), x.dtype)",
        hint="output_size=7",
    ),
    _resample("Upsample", "tiled", "x.repeat(factor, axis)", "np.concatenate([x] * factor, axis)"),
]
