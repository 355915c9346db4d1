"""Mistakes in operations, elementwise, along axes and rearranging: in the reference and in both adapters."""

from __future__ import annotations

from tests.mutants.mutant import planting

_elementwise = planting("nnspec.reference.elementwise", "forward")
_reductions = planting("nnspec.reference.reductions", "forward")
_ops = planting("nnspec.reference.ops", "forward")
_jax_elementwise = planting("nnspec_jax.elementwise", "forward", "kinks")
_jax_reductions = planting("nnspec_jax.reductions", "forward", "kinks")
_jax_ops = planting("nnspec_jax.ops", "forward")
_tf_elementwise = planting("nnspec_tensorflow.elementwise", "forward", "kinks")
_tf_reductions = planting("nnspec_tensorflow.reductions", "forward", "kinks")
_tf_ops = planting("nnspec_tensorflow.ops", "forward")

MUTANTS = [
    _elementwise("Floor", "towards 0", "np.floor(x)", "np.trunc(x)"),
    _elementwise("Log", "of 1 + x", "np.log(x)", "np.log1p(x)"),
    _elementwise("Cos", "the sine", "np.cos(x)", "np.sin(x)"),
    _elementwise("Sin", "the cosine", "np.sin(x)", "np.cos(x)"),
    _elementwise("Abs", "the number itself", "np.abs(x)", "x + 0"),
    _elementwise("Exp", "less 1", "np.exp(x)", "np.expm1(x)"),
    _elementwise("Sqrt", "the cube root", "np.sqrt(x)", "np.cbrt(x)"),
    _elementwise("Square", "the cube", "x * x", "x * x * x"),
    _elementwise("Negative", "the reciprocal", "return -x", "return 1 / x"),
    _elementwise("Sign", "whether it is above 0", "np.sign(x)", "np.heaviside(x, 0)"),
    _elementwise("Erf", "its complement", "special.erf(x)", "special.erfc(x)"),
    _elementwise("Power", "base and exponent exchanged", "np.power(x1, x2)", "np.power(x2, x1)"),
    _elementwise("Clamp", "the upper bound forgotten", "x if spec.upper is None else", "x if True else", hint="upper"),
    _reductions("Var", "unbiased", "(count - spec.correction)", "(count - 1)"),
    _reductions("Std", "the variance", "np.sqrt(var(spec, scope, x))", "var(spec, scope, x)"),
    _reductions("LogSumExp", "without the largest", "keepdims=True)) + top", "keepdims=True)) + 0 * top"),
    _reductions(
        "Sum",
        "the mean",
        "x.sum(spec.axes(x.shape), keepdims=spec.keepdims)",
        "x.mean(spec.axes(x.shape), keepdims=spec.keepdims)",
    ),
    _reductions(
        "Prod",
        "the sum",
        "x.prod(spec.axes(x.shape), keepdims=spec.keepdims)",
        "x.sum(spec.axes(x.shape), keepdims=spec.keepdims)",
    ),
    _reductions(
        "Mean",
        "the sum",
        "x.mean(spec.axes(x.shape), keepdims=spec.keepdims)",
        "x.sum(spec.axes(x.shape), keepdims=spec.keepdims)",
    ),
    _ops("Slice", "of the axis reversed", "x[spec.index(x.ndim)]", "np.flip(x)[spec.index(x.ndim)]"),
    _ops("ExpandDims", "an axis at the end", "np.expand_dims(x, spec.axis)", "np.expand_dims(x, -1)", raises=True),
    _ops("Stack", "in reverse order", "np.stack(inputs, spec.axis)", "np.stack(inputs[::-1], spec.axis)"),
    _jax_elementwise(
        "Clamp",
        "half of the gradient at a bound",
        "jnp.where(x <= spec.lower, spec.lower, x)",
        "jnp.maximum(x, spec.lower)",
    ),
    _jax_reductions(
        "Var",
        "the mean over all axes",
        "jnp.mean(x, axis, keepdims=True)",
        "jnp.mean(x, keepdims=True)",
        hint="axis=1,3",
    ),
    _jax_reductions("Max", "ties shared", "y = first_maximum(row, len(kept))", "y = jnp.max(row, len(kept))"),
    _jax_reductions("Std", "NaN where all are equal", "zero = squared == 0", "zero = squared != squared"),
    _jax_ops(
        "Matmul",
        "the second factor's rows reversed",
        "jnp.matmul(widened(x1), widened(x2)",
        "jnp.matmul(widened(x1), widened(x2)[..., ::-1, :]",
    ),
    _tf_elementwise("Power", "NaN at a base of 0", "flat, zero = x2 == 0, x1 == 0", "flat, zero = x2 == 0, x1 != x1"),
    _tf_elementwise(
        "Clamp",
        "TensorFlow's own",
        "tf.where(x <= constant(spec.lower, x), constant(spec.lower, x), y)",
        "tf.maximum(x, constant(spec.lower, x))",
    ),
    _tf_reductions("Min", "the largest", "return -_maximum(spec, -x)", "return _maximum(spec, x)"),
    _tf_reductions("Std", "NaN where all are equal", "zero = squared == 0", "zero = squared != squared"),
    _tf_ops("Squeeze", "all axes of size 1", "tf.squeeze(x, spec.axis)", "tf.squeeze(x)", hint="axis=1", raises=True),
]
