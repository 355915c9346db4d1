"""Mistakes in the reference's layers and operations."""

from __future__ import annotations

from tests.mutants.mutant import planting

_activation = planting("nnspec.reference.activation", "forward")
_dropout = planting("nnspec.reference.dropout", "forward")
_linear = planting("nnspec.reference.linear", "forward")
_normalization = planting("nnspec.reference.normalization", "forward", "state")
_ops = planting("nnspec.reference.ops", "forward")
_scaling = planting("nnspec.reference.scaling", "forward")
_shape = planting("nnspec.reference.shape", "forward")
_model = planting("nnspec.reference.model", "state", "nodes", "forward")
_base = planting("nnspec.reference.base", "masks", "state", "forward")

_VARIANCE = "x.mean(axes, keepdims=True), x.var(axes, keepdims=True)"
_MEAN_OF_SQUARES = "(m := x.mean(axes, keepdims=True)), (x**2).mean(axes, keepdims=True) - m**2"

MUTANTS = [
    _normalization("BatchRenorm", "r inverted", "np.clip(s / stddev,", "np.clip(stddev / s,"),
    _normalization(
        "BatchRenorm", "d by the batch's deviation", "np.clip((m - mean) / stddev,", "np.clip((m - mean) / s,"
    ),
    _normalization(
        "BatchRenorm",
        "gradients through r and d",
        "r, d = scope.constant((r, d))",
        "pass",
        "gradients",
    ),
    _normalization("LayerNorm", "epsilon outside the root", "np.sqrt(var + epsilon)", "(np.sqrt(var) + epsilon)"),
    _normalization("LayerNorm", "unbiased variance", _VARIANCE, _VARIANCE[:-1] + ", ddof=1)"),
    _normalization("LayerNorm", "variance as E[x²] − E[x]²", _VARIANCE, _MEAN_OF_SQUARES, hint="large mean"),
    _normalization(
        "LayerNorm",
        "mean over all axes but the first",
        _VARIANCE,
        _VARIANCE.replace("axes", "tuple(range(1, x.ndim))"),
        hint="use_scale=False",
    ),
    _normalization("LayerNorm", "epsilon in float32", "var + epsilon", "var + np.float32(epsilon)"),
    _normalization(
        "LayerNorm",
        "scale along the last axis",
        "mean, var), spec.axes)",
        "mean, var), -1)",
        hint="axes=1",
        raises=True,
    ),
    _normalization(
        "GroupNorm",
        "groups and their channels exchanged",
        "groups, x.shape[-1] // groups)",
        "x.shape[-1] // groups, groups)",
        raises=True,
    ),
    _normalization(
        "InstanceNorm",
        "means of the whole batch",
        "between = tuple(range(1, x.ndim - 1))",
        "between = tuple(range(x.ndim - 1))",
    ),
    _normalization(
        "BatchNorm",
        "features in the last axis",
        "mean, var), spec.axis)",
        "mean, var), -1)",
        hint="axis=1",
        raises=True,
    ),
    _normalization("RMSNorm", "sum for mean", "(x * x).mean(", "(x * x).sum("),
    _normalization(
        "RMSNorm",
        "epsilon outside the root",
        "np.sqrt((x * x).mean(axes, keepdims=True) + spec.epsilon)",
        "(np.sqrt((x * x).mean(axes, keepdims=True)) + spec.epsilon)",
    ),
    _normalization(
        "BatchNorm",
        "unbiased running variance",
        "(1 - spec.momentum) * var",
        "(1 - spec.momentum) * var * (v := x.size / x.shape[-1]) / (v - 1)",
        "state",
    ),
    _normalization(
        "BatchNorm",
        "momentum inverted",
        'spec.momentum * scope["mean"] + (1 - spec.momentum) * mean',
        '(1 - spec.momentum) * scope["mean"] + spec.momentum * mean',
        "state",
    ),
    _normalization(
        "BatchNorm",
        "running statistics in training",
        "for values in (mean, var))",
        'for values in (scope["mean"], scope["var"]))',
    ),
    _normalization(
        "BatchNorm",
        "mean over the batch alone",
        "return tuple(axis for axis in range(x.ndim) if axis not in",
        "return tuple(axis for axis in range(1) if axis not in",
        hint="rank 4",
        raises=True,
    ),
    _activation("GELU", "tanh for erf", "if not spec.approximate", "if False"),
    _activation("GELU", "0.0447 for 0.044715", "0.044715", "0.0447", hint="approximate"),
    _activation("Softmax", "sum over the last axis", "e / e.sum(spec.axis", "e / e.sum(-1", hint="axis=1"),
    _activation(
        "LeakyReLU", "slope in float32", "spec.negative_slope * x)", "float(np.float32(spec.negative_slope)) * x)"
    ),
    _activation("LeakyReLU", "slope .2", "spec.negative_slope * x)", "0.2 * x)"),
    _activation("HardSigmoid", "Keras 3's for Keras 2's", 'if spec.convention == "keras2"', "if False", hint="keras2"),
    _activation("SELU", "one constant rounded to six digits", "SELU_SCALE * _exp", "1.050701 * _exp"),
    _activation("GLU", "halves swapped", "a, b = np.split", "b, a = np.split"),
    _activation("PReLU", "one slope for all channels", 'scope["slope"] * x', 'scope["slope"].mean() * x'),
    _activation(
        "CELU", "alpha not in the exponent", "np.minimum(x, 0) / spec.alpha)", "np.minimum(x, 0))", hint="alpha"
    ),
    _activation("ReLU", "line through zero below the threshold", "* (x - spec.threshold))", "* x)", hint="0.1,"),
    _activation("SoftShrink", "not shrunk", "x - spec.threshold, x + spec.threshold", "x, x"),
    _activation("Squareplus", "b for 4", "math.sqrt(spec.b)", "2.0", hint="b="),
    _activation("Standardize", "epsilon outside the root", "np.sqrt(variance + spec", "(np.sqrt(variance) + spec"),
    _activation(
        "Sparsemax", "the largest alone", "support = np.maximum(support, 1)", "support = np.minimum(support, 1)"
    ),
    _activation(
        "Threshold", "zero for the value", "spec.threshold, spec.value, x)", "spec.threshold, 0, x)", hint="-1"
    ),
    _dropout("Dropout", "not scaled", "x / (1 - spec.rate), 0)", "x, 0)"),
    _dropout("Dropout", "kept where it should be dropped", "x / (1 - spec.rate), 0)", "0, x / (1 - spec.rate))"),
    _dropout("SpatialDropout", "elements for channels", "spec.mask_shape(x.shape)), x / (1", "x.shape), x / (1"),
    _dropout("AlphaDropout", "the mean not kept", "x.dtype.type(SELU_LIMIT)) + b", "x.dtype.type(SELU_LIMIT))"),
    _dropout("AlphaDropout", "dropped to zero", "x.dtype.type(SELU_LIMIT)", "0"),
    _dropout("GaussianSample", "variance for deviation", "np.exp(log_variance / 2)", "np.exp(log_variance)"),
    _dropout("GaussianDropout", "noise without the one", "x * (1 + spec.stddev *", "x * (0 + spec.stddev *"),
    _base(
        "GaussianNoise",
        "words of a mask",
        'self.words("noise", shape)',
        'self.words("dropout", shape)',
        "forward",
    ),
    _dropout("Dropout", "drops in inference", "if not scope.training or", "if"),
    _base(
        "Dropout",
        "the same mask at every step",
        "self.state.seed, stream, self.state.step)",
        "self.state.seed, stream, 1)",
    ),
    _base("shared layers", "the same mask in every call", "purpose, self.call)", "purpose, 0)"),
    _base("shared layers", "statistics of the first call lost", "if value is None else value", "if True else value"),
    _model("unrolled in time", "calls counted by node", "state.calls[mine] += 1", "state.calls[here] += 1"),
    _scaling("Normalization", "divided by the variance", "np.maximum(np.sqrt(var), _like", "np.maximum(var, _like"),
    _scaling(
        "Normalization",
        "added epsilon",
        "np.maximum(np.sqrt(var), _like(spec.epsilon, x))",
        "np.sqrt(var) + spec.epsilon",
    ),
    _scaling(
        "Rescaling",
        "shifted before it is scaled",
        "x * _like(spec.scale, x) + _like(spec.offset, x)",
        "(x + _like(spec.offset, x)) * _like(spec.scale, x)",
    ),
    _normalization(
        "UnitNorm",
        "epsilon added",
        "np.maximum(norm, x.dtype.type(spec.epsilon))",
        "(norm + spec.epsilon)",
        hint="below",
    ),
    _shape("Flatten", "column-major", "math.prod(x.shape[1:]))  #", "math.prod(x.shape[1:]), order='F')  #"),
    _linear("Dense", "bias taken away", 'y + scope["bias"]\n    return', 'y - scope["bias"]\n    return'),
    _ops("Subtract", "the other way round", "x1 - x2", "x2 - x1"),
    _ops("Divide", "the other way round", "x1 / x2", "x2 / x1"),
    _ops("Multiply", "the last input left out", "reduce(operator.mul, inputs)", "reduce(operator.mul, inputs[:2])"),
    _ops(
        "Concat", "inputs from right to left", "concatenate(inputs, spec.axis)", "concatenate(inputs[::-1], spec.axis)"
    ),
]
