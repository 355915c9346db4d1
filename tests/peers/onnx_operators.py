"""ONNX's operators in the vocabulary of nnspec.

ONNX's tensors have no batch axis: an axis of size 1 is put in front of them, so that every axis of theirs may be named.
Channels come second there and last here. Anything else that stands between the two is not expressible, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.onnx_attention import attention, einsum
from tests.peers.onnx_call import Call, Operator, need, one
from tests.peers.onnx_choices import OF_ANY_TYPE, OF_FLOATS
from tests.peers.onnx_layers import (
    batch_normalization,
    channels_normalization,
    gemm,
    layer_normalization,
    lp_normalization,
    matmul,
    negative_log_likelihood,
    rms_normalization,
    softmax_cross_entropy,
)
from tests.peers.onnx_recurrent import GRU, LSTM, RNN
from tests.peers.onnx_shapes import (
    REDUCTIONS,
    conv_transpose,
    depth_to_space,
    pad,
    power,
    resize,
    slices,
    space_to_depth,
    transpose,
)
from tests.peers.onnx_spectra import stft
from tests.peers.onnx_windows import avg_pool, conv, global_pool, max_pool
from tests.peers.subjects import Subject, applied, network, pointwise

# -- layers of one input ----------------------------------------------------------------------------------------------


def elementwise(layer: Callable[[Call], nn.Layer]) -> Operator:
    return lambda call: [pointwise(call.subject, layer(call), call.x)]


def along(layer: Callable[[int], nn.Layer]) -> Operator:
    """Layers along an axis, by default the last one."""

    def operator(call: Call) -> list[Array]:
        axis = call.get("axis", -1)
        return [applied(call.subject, layer(axis if axis < 0 else axis + 1), call.x)]

    return operator


def hard_sigmoid(call: Call) -> nn.Layer:
    alpha, beta = one(call.get("alpha", 0.2)), one(call.get("beta", 0.5))
    conventions: dict[tuple[float, float], Literal["relu6", "keras2"]] = {
        (0.2, 0.5): "keras2",
        (one(1 / 6), 0.5): "relu6",
    }
    need((alpha, beta) in conventions, "a slope and an offset other than 0.2 and 0.5, or 1/6 and 0.5")
    return nn.HardSigmoid(conventions[alpha, beta])


def selu(call: Call) -> nn.Layer:
    alpha, gamma = call.get("alpha", 1.67326319217681884765625), call.get("gamma", 1.05070102214813232421875)
    ours = np.float32(1.6732632423543772), np.float32(1.0507009873554805)
    need((np.float32(alpha), np.float32(gamma)) == ours, "alpha and gamma other than the paper's")
    return nn.SELU()


def shrink(call: Call) -> nn.Layer:
    threshold, bias = one(call.get("lambd", 0.5)), one(call.get("bias", 0.0))
    need(bias in (0.0, threshold), "a bias other than 0 and the threshold")
    return nn.SoftShrink(threshold) if bias else nn.HardShrink(threshold)


def clip(call: Call) -> nn.Layer:
    lower, upper = (None if call.input(i) is None else float(call.input(i)) for i in (1, 2))
    if lower is None and upper is None:
        return nn.Identity()
    if (lower, upper) == (-1, 1):
        return nn.HardTanh()
    if lower == 0 and (upper is None or upper > 0):
        return nn.ReLU(max_value=upper)
    need(lower is None or upper is None or lower < upper, "bounds that cross")
    return nn.Clamp(lower, upper)


def prelu(call: Call) -> list[Array]:
    slope = call.inputs[1]
    need(slope.shape in ((call.x.shape[-1],), (1,), ()), "a slope for each element")
    layer = nn.PReLU(shared=slope.size == 1)
    return [applied(call.subject, layer, call.x, {"slope": slope.reshape(-1)})]


def dropout(call: Call) -> list[Array]:
    ratio = float(call.get("ratio", 0.5) if call.input(1) is None else call.input(1))
    training = bool(call.input(2)) if call.input(2) is not None else False
    need(not training or ratio == 0, "ONNX's own random bits")
    kept = applied(call.subject, nn.Dropout(rate=ratio), call.x, training=training)
    return [kept, np.ones(call.x.shape, bool)][: call.outputs]


# -- shapes -----------------------------------------------------------------------------------------------------------


def reshaped(subject: Subject, x: Array, shape: Sequence[int]) -> Array:
    return applied(subject, nn.Reshape(tuple(shape)), x)


def flatten(call: Call) -> list[Array]:
    axis = call.get("axis", 1)
    axis = axis + call.x.ndim if axis < 0 else axis
    if axis == 1:  # the first axis is the batch
        model = network({"x": call.x.shape[1:]}, [("y", nn.Flatten(), ["x"])])
        return [call.subject.forward(model, {"x": call.x}, {})[0]]
    return [reshaped(call.subject, call.x, (math.prod(call.x.shape[:axis]), math.prod(call.x.shape[axis:])))]


def reshape(call: Call) -> list[Array]:
    need(call.x.size > 0, "tensors without elements")
    # A size of 0 copies the input's; the layer would read it as a size.
    shape = [call.x.shape[i] if size == 0 else int(size) for i, size in enumerate(call.inputs[1])]
    return [reshaped(call.subject, call.x, shape)]


def squeeze(call: Call) -> list[Array]:
    axes = {int(axis) % call.x.ndim for axis in call.inputs[1]}
    return [reshaped(call.subject, call.x, [size for i, size in enumerate(call.x.shape) if i not in axes])]


def unsqueeze(call: Call) -> list[Array]:
    rank = call.x.ndim + len(call.inputs[1])
    axes = {int(axis) % rank for axis in call.inputs[1]}
    sizes = iter(call.x.shape)
    return [reshaped(call.subject, call.x, [1 if i in axes else next(sizes) for i in range(rank)])]


# -- operations of several inputs -------------------------------------------------------------------------------------


def joined(call: Call, nodes: Callable[[list[str]], list[tuple[str, nn.Layer, Sequence[str]]]]) -> list[Array]:
    """Inputs of one rank (axes of size 1 in front broadcast as none do) through a graph of operations."""
    rank = max(np.ndim(x) for x in call.inputs)
    arrays = [np.reshape(x, (1,) * (1 + rank - np.ndim(x)) + np.shape(x)) for x in call.inputs]
    names = [f"x{i}" for i in range(len(arrays))]
    model = network({n: x.shape[1:] for n, x in zip(names, arrays, strict=True)}, nodes(names))
    return [call.subject.forward(model, dict(zip(names, arrays, strict=True)), {})[0][0]]


def operation(layer: Callable[[Call], nn.Layer]) -> Operator:
    """One operation of all inputs at once; one input alone stays as it is."""

    def operator(call: Call) -> list[Array]:
        single = len(call.inputs) == 1
        return joined(call, lambda names: [("y", nn.Identity() if single else layer(call), names)])

    return operator


def pairwise(layer: nn.Layer) -> Operator:
    """An operation of two inputs, from left to right."""

    def nodes(names: list[str]) -> list[tuple[str, nn.Layer, Sequence[str]]]:
        if len(names) == 1:
            return [("y", nn.Identity(), names)]
        left = [names[0], *(f"y{i}" for i in range(1, len(names) - 1))]
        return [(f"y{i}", layer, [before, names[i]]) for i, before in enumerate(left, 1)]

    return lambda call: joined(call, nodes)


def concat(call: Call) -> nn.Layer:
    axis = call.attributes["axis"]
    return nn.Concat(axis if axis < 0 else axis + 1)


def swiglu(call: Call) -> list[Array]:
    need(call.get("alpha", 1.0) == 1, "a factor inside of the sigmoid")
    return joined(call, lambda names: [("gate", nn.Silu(), names[:1]), ("y", nn.Multiply(), ["gate", names[1]])])


def swish(call: Call) -> nn.Layer:
    need(call.get("alpha", 1.0) == 1, "a factor inside of the sigmoid")
    return nn.Silu()


OPERATORS: dict[str, Operator] = {
    **REDUCTIONS,
    **OF_ANY_TYPE,
    **OF_FLOATS,
    "Abs": elementwise(lambda call: nn.Abs()),
    **{
        cls.__name__: elementwise(lambda call, cls=cls: cls())
        for cls in (
            *(nn.Acos, nn.Acosh, nn.Asin, nn.Asinh, nn.Atan, nn.Atanh),
            *(nn.Ceil, nn.Cosh, nn.Reciprocal, nn.Round, nn.Sinh, nn.Tan),
        )
    },
    "Add": operation(lambda call: nn.Add()),
    "Attention": attention,
    "AveragePool": avg_pool,
    "BatchNormalization": batch_normalization,
    "Celu": elementwise(lambda call: nn.CELU(one(call.get("alpha", 1.0)))),
    "Clip": elementwise(clip),
    "Concat": operation(concat),
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Cos": elementwise(lambda call: nn.Cos()),
    "DepthToSpace": depth_to_space,
    "Div": operation(lambda call: nn.Divide()),
    "Dropout": dropout,
    "Einsum": einsum,
    "Elu": elementwise(lambda call: nn.ELU(one(call.get("alpha", 1.0)))),
    "Erf": elementwise(lambda call: nn.Erf()),
    "Exp": elementwise(lambda call: nn.Exponential()),
    "Flatten": flatten,
    "Floor": elementwise(lambda call: nn.Floor()),
    "GRU": GRU,
    "Gelu": elementwise(lambda call: nn.GELU(approximate=call.get("approximate", "none") == "tanh")),
    "Gemm": gemm,
    "GlobalAveragePool": global_pool(nn.GlobalAvgPool()),
    "GlobalMaxPool": global_pool(nn.GlobalMaxPool()),
    "GroupNormalization": channels_normalization(
        lambda call: nn.GroupNorm(call.get("num_groups", 1), epsilon=one(call.get("epsilon", 1e-5)))
    ),
    "HardSigmoid": elementwise(hard_sigmoid),
    "HardSwish": elementwise(lambda call: nn.HardSilu()),
    "Identity": elementwise(lambda call: nn.Identity()),
    "InstanceNormalization": channels_normalization(
        lambda call: nn.InstanceNorm(epsilon=one(call.get("epsilon", 1e-5)))
    ),
    "LSTM": LSTM,
    "LayerNormalization": layer_normalization,
    "LeakyRelu": elementwise(lambda call: nn.LeakyReLU(one(call.get("alpha", 0.01)))),
    "Log": elementwise(lambda call: nn.Log()),
    "LogSoftmax": along(nn.LogSoftmax),
    "LpNormalization": lp_normalization,
    "MatMul": matmul,
    "Max": pairwise(nn.Maximum()),
    "MaxPool": max_pool,
    "Min": pairwise(nn.Minimum()),
    "Mish": elementwise(lambda call: nn.Mish()),
    "Mul": operation(lambda call: nn.Multiply()),
    "Neg": elementwise(lambda call: nn.Negative()),
    "PRelu": prelu,
    "Pad": pad,
    "Pow": lambda call: operation(lambda call: nn.Power())(power(call)),
    "RMSNormalization": rms_normalization,
    "RNN": RNN,
    "Relu": elementwise(lambda call: nn.ReLU()),
    "Reshape": reshape,
    "Resize": resize,
    "STFT": stft,
    "Selu": elementwise(selu),
    "Shrink": elementwise(shrink),
    "Sigmoid": elementwise(lambda call: nn.Sigmoid()),
    "Sign": elementwise(lambda call: nn.Sign()),
    "Sin": elementwise(lambda call: nn.Sin()),
    "Slice": slices,
    "Softmax": along(nn.Softmax),
    "NegativeLogLikelihoodLoss": negative_log_likelihood,
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy,
    "Softplus": elementwise(lambda call: nn.Softplus()),
    "Softsign": elementwise(lambda call: nn.SoftSign()),
    "SpaceToDepth": space_to_depth,
    "Sqrt": elementwise(lambda call: nn.Sqrt()),
    "Squeeze": squeeze,
    "Sub": operation(lambda call: nn.Subtract()),
    "Sum": operation(lambda call: nn.Add()),
    "SwiGLU": swiglu,
    "Swish": elementwise(swish),
    "Tanh": elementwise(lambda call: nn.Tanh()),
    "ThresholdedRelu": elementwise(lambda call: nn.Threshold(one(call.get("alpha", 1.0)))),
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
