"""Mistakes in the reference's layers and operations."""

from __future__ import annotations

from tests.mutants.mutant import planting

_activation = planting("nnspec.reference.activation", "forward")
_dropout = planting("nnspec.reference.dropout", "forward")
_linear = planting("nnspec.reference.linear", "forward")
_normalization = planting("nnspec.reference.normalization", "forward", "state")
_ops = planting("nnspec.reference.ops", "forward")
_shape = planting("nnspec.reference.shape", "forward")
_model = planting("nnspec.reference.model", "state", "nodes", "forward")
_base = planting("nnspec.reference.base", "masks", "state", "forward")

_LAYER_NORM = "x.mean(-1, keepdims=True), x.var(-1, keepdims=True)"
_MEAN_OF_SQUARES = "x.mean(-1, keepdims=True), (x**2).mean(-1, keepdims=True) - x.mean(-1, keepdims=True) ** 2"

MUTANTS = [
    _normalization(
        "LayerNorm", "epsilon outside the root", "np.sqrt(var + spec.epsilon)", "(np.sqrt(var) + spec.epsilon)"
    ),
    _normalization("LayerNorm", "unbiased variance", "x.var(-1, keepdims=True))", "x.var(-1, keepdims=True, ddof=1))"),
    _normalization("LayerNorm", "variance as E[x²] − E[x]²", _LAYER_NORM, _MEAN_OF_SQUARES, hint="large mean"),
    _normalization(
        "LayerNorm",
        "mean over all axes but the first",
        _LAYER_NORM,
        _LAYER_NORM.replace("-1", "tuple(range(1, x.ndim))"),
        hint="use_scale=False",
    ),
    _normalization("LayerNorm", "epsilon in float32", "var + spec.epsilon", "var + np.float32(spec.epsilon)"),
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
        "    return _normalized(spec, scope, x, mean, var)\n\n\n@apply.register(LayerNorm)",
        '    return _normalized(spec, scope, x, scope["mean"], scope["var"])\n\n\n@apply.register(LayerNorm)',
    ),
    _normalization(
        "BatchNorm",
        "mean over the batch alone",
        "axes = tuple(range(x.ndim - 1))",
        "axes = 0",
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
    _shape("Flatten", "column-major", "math.prod(x.shape[1:]))  #", "math.prod(x.shape[1:]), order='F')  #"),
    _linear("Dense", "bias taken away", 'y + scope["bias"]', 'y - scope["bias"]'),
    _ops("Subtract", "the other way round", "x1 - x2", "x2 - x1"),
    _ops("Divide", "the other way round", "x1 / x2", "x2 / x1"),
    _ops("Multiply", "the last input left out", "reduce(operator.mul, inputs)", "reduce(operator.mul, inputs[:2])"),
    _ops("Concat", "inputs from right to left", "(inputs, spec.axis)", "(inputs[::-1], spec.axis)"),
]
