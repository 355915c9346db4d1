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
    _elementwise("Sqrt", "the cube root", "return np.sqrt(x)", "return np.cbrt(x)"),
    _elementwise("Square", "the cube", "x * x", "x * x * x"),
    _elementwise("Negative", "the reciprocal", "return -x", "return 1 / x"),
    _elementwise("Sign", "whether it is above 0", "np.sign(x)", "np.heaviside(x, 0)"),
    _elementwise("Erf", "its complement", "special.erf(x)", "special.erfc(x)"),
    _elementwise("Power", "base and exponent exchanged", "np.power(x1, x2)", "np.power(x2, x1)"),
    _elementwise("Clamp", "the upper bound forgotten", "x if spec.upper is None else", "x if True else", hint="upper"),
    _elementwise("Ceil", "away from 0", "np.ceil(x)", "np.copysign(np.ceil(np.abs(x)), x)"),
    _elementwise("Round", "down", "np.rint(x)", "np.floor(x)"),
    _elementwise("Trunc", "down", "np.trunc(x)", "np.floor(x)"),
    _elementwise("Reciprocal", "squared", "    return 1 / x\n", "    return 1 / x**2\n"),
    _elementwise("Rsqrt", "of 1 + x", "1 / np.sqrt(x)", "1 / np.sqrt(1 + x)"),
    _elementwise("Expm1", "with the 1", "np.expm1(x)", "np.exp(x)"),
    _elementwise("Log1p", "without the 1", "np.log1p(x)", "np.log(x)"),
    _elementwise("Log2", "the natural logarithm", "np.log2(x)", "np.log(x)"),
    _elementwise("Log10", "of base 2", "np.log10(x)", "np.log2(x)"),
    _elementwise("Tan", "of degrees", "np.tan(x)", "np.tan(np.deg2rad(x))"),
    _elementwise("Asin", "the arc cosine", "np.arcsin(x)", "np.arccos(x)"),
    _elementwise("Acos", "the arc sine", "np.arccos(x)", "np.arcsin(x)"),
    _elementwise("Atan", "the hyperbolic tangent", "np.arctan(x)", "np.tanh(x)"),
    _elementwise("Sinh", "the cosine", "np.sinh(x)", "np.cosh(x)"),
    _elementwise("Cosh", "the sine", "np.cosh(x)", "np.sinh(x)"),
    _elementwise("Asinh", "of x² − 1", "np.arcsinh(x)", "np.arccosh(np.abs(x) + 1)"),
    _elementwise("Acosh", "of x² + 1", "np.arccosh(x)", "np.arcsinh(x)"),
    _elementwise("Atanh", "the arc tangent", "np.arctanh(x)", "np.arctan(x)"),
    _elementwise("Atan2", "inputs exchanged", "np.arctan2(x1, x2)", "np.arctan2(x2, x1)"),
    _elementwise("LogAddExp", "overflowing", "np.logaddexp(x1, x2)", "np.maximum(x1, x2)"),
    _elementwise("FloorDivide", "towards 0", "np.floor_divide(x1, x2)", "np.trunc(x1 / x2)"),
    _elementwise("Remainder", "the sign of the dividend", 'if spec.sign == "divisor" else', "if False else"),
    _reductions("VectorNorm", "without the root", "** (1 / order)", "** 1.0"),
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
    _jax_reductions(
        "VectorNorm",
        "ties shared",
        "_maximum(magnitude(x), **options)",
        "jnp.max(magnitude(x), **options)",
        "kinks",
        hint="inf",
    ),
    _jax_elementwise(
        "Remainder",
        "no derivative by the divisor",
        "tangents[0] - whole * tangents[1]",
        "tangents[0] - 0 * whole * tangents[1]",
        "gradients",
    ),
    _jax_elementwise("FloorDivide", "the rounded quotient", "across = (rest != 0)", "across = (rest != 0) & False"),
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
    _tf_elementwise("FloorDivide", "NaN for a divisor of 0", "tf.where(x2 == 0, tf.stop", "tf.where(x2 != x2, tf.stop"),
    _tf_reductions(
        "VectorNorm",
        "NaN where all elements are 0",
        "_root(tf.reduce_sum(tf.square(x), spec.axes(x.shape), spec.keepdims), tf.sqrt)",
        "tf.sqrt(tf.reduce_sum(tf.square(x), spec.axes(x.shape), spec.keepdims))",
        "kinks",
    ),
    _tf_reductions("Min", "the largest", "return -_maximum(spec, -x)", "return _maximum(spec, x)"),
    _tf_reductions("Std", "NaN where all are equal", "zero = squared == 0", "zero = squared != squared"),
    _tf_ops("Squeeze", "all axes of size 1", "tf.squeeze(x, spec.axis)", "tf.squeeze(x)", hint="axis=1", raises=True),
]
