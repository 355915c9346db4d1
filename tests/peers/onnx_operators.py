"""ONNX's operators in the vocabulary of nnspec.

ONNX's tensors have no batch axis: an axis of size 1 is put in front of them, so that every axis of theirs may be named.
Channels come second there and last here. Anything else that stands between the two is not expressible, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.outcome import NotExpressible
from tests.peers.subjects import Subject, applied, network, pointwise, unreduced


@dataclass(frozen=True)
class Call:
    """One call of an operator: where, its attributes, its inputs (None where one is left out), how many outputs."""

    subject: Subject
    attributes: dict[str, Any]
    inputs: list[Any]
    outputs: int

    @property
    def x(self) -> Array:
        return self.inputs[0]

    def input(self, i: int) -> Any:
        """Input ``i``, or None where it is left out."""
        return self.inputs[i] if i < len(self.inputs) else None

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)


Operator = Callable[[Call], list[Array]]


def need(condition: bool, reason: str) -> None:
    """The call is not expressible unless the condition holds."""
    if not condition:
        raise NotExpressible(reason)


def one(value: Any) -> float:
    """An attribute, which ONNX stores in float32, as the number that was written."""
    return float(f"{value:.7g}")


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
    need(lower == 0, "bounds other than [−1, 1] and [0, m]")
    need(upper is None or upper > 0, "bounds that cross")
    return nn.ReLU(max_value=upper)


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


# -- layers with parameters -------------------------------------------------------------------------------------------


def dense(subject: Subject, x: Array, kernel: Array, bias: Array | None) -> Array:
    layer = nn.Dense(kernel.shape[1], use_bias=bias is not None)
    variables = {"y/kernel": kernel} if bias is None else {"y/kernel": kernel, "y/bias": bias}
    model = network({"x": x.shape[1:]}, [("y", layer, ["x"])])
    return subject.forward(model, {"x": x}, variables)[0]


def gemm(call: Call) -> list[Array]:
    need(not call.get("transA", 0), "a transposed input (no layer transposes yet)")
    kernel, bias = call.inputs[1], call.input(2)
    kernel = kernel.T if call.get("transB", 0) else kernel
    # Constant factors are folded into the constants beside them, as converters do.
    kernel = np.float32(call.get("alpha", 1.0)) * kernel
    if bias is None:
        return [dense(call.subject, call.x, kernel, None)]
    bias = np.float32(call.get("beta", 1.0)) * bias
    if np.size(bias) in (1, kernel.shape[1]):
        return [dense(call.subject, call.x, kernel, np.broadcast_to(bias.reshape(-1), kernel.shape[1:]))]
    nodes = [("product", nn.Dense(kernel.shape[1], use_bias=False), ["x"]), ("y", nn.Add(), ["product", "c"])]
    model = network({"x": call.x.shape[1:], "c": bias.shape[1:]}, nodes)
    return [call.subject.forward(model, {"x": call.x, "c": bias}, {"product/kernel": kernel})[0]]


def matmul(call: Call) -> list[Array]:
    kernel = call.inputs[1]
    need(kernel.ndim <= 2, "a second factor that has a batch axis (no product of two tensors yet)")
    x = call.x.reshape((1,) * max(0, 2 - call.x.ndim) + call.x.shape)
    y = dense(call.subject, x, kernel.reshape(kernel.shape[0], -1), None)
    return [y.reshape((*call.x.shape[:-1], *kernel.shape[1:]))]


def batch_normalization(call: Call) -> list[Array]:
    x, scale, bias, mean, var = call.inputs
    training = bool(call.get("training_mode", 0))
    layer = nn.BatchNorm(momentum=one(call.get("momentum", 0.9)), epsilon=one(call.get("epsilon", 1e-5)))
    last = np.moveaxis(x, 1, -1)
    model = network({"x": last.shape[1:]}, [("y", layer, ["x"])])
    given = {"y/scale": scale, "y/bias": bias, "y/mean": mean, "y/var": var}
    y, after = call.subject.forward(model, {"x": last}, given, training=training)
    return [np.moveaxis(y, -1, 1), after["y/mean"], after["y/var"]][: call.outputs]


def layer_normalization(call: Call) -> list[Array]:
    """Normalization over all axes from ``axis`` on: these are one axis for the layer. The first output alone."""
    x, scale, bias = call.x, call.inputs[1], call.input(2)
    axis = call.get("axis", -1) % x.ndim
    flat = (*x.shape[:axis], math.prod(x.shape[axis:]))
    layer = nn.LayerNorm(epsilon=one(call.get("epsilon", 1e-5)), use_bias=bias is not None)
    model = network(
        {"x": x.shape},
        [("flat", nn.Reshape(flat), ["x"]), ("norm", layer, ["flat"]), ("y", nn.Reshape(x.shape), ["norm"])],
    )
    given = {"norm/scale": scale.reshape(-1)} | ({} if bias is None else {"norm/bias": bias.reshape(-1)})
    return [call.subject.forward(model, {"x": x[None]}, given)[0][0]]


# -- losses -----------------------------------------------------------------------------------------------------------


def softmax_cross_entropy(call: Call) -> list[Array]:
    """Weights of classes are weights of the positions of these classes; an ignored class weighs nothing."""
    scores, labels, classes = np.moveaxis(call.x, 1, -1), call.inputs[1], call.input(2)
    ignored = labels == call.get("ignore_index", np.iinfo(np.int64).min)
    ids = np.where(ignored, 0, labels).astype(np.int32)
    weights = np.ones(labels.shape, np.float32) if classes is None else classes[ids]
    weights = np.where(ignored, 0, weights).astype(np.float32)
    reduction = call.get("reduction", "mean")
    if reduction == "none":
        value = weights * unreduced_in_rows(call.subject, scores, ids)
    else:
        spec = nn.SoftmaxCrossEntropy(reduction="weighted_mean" if reduction == "mean" else "sum")
        value = call.subject.loss(spec, scores, ids, weights)[0]
    if call.outputs == 1:
        return [value]
    return [value, np.moveaxis(applied(call.subject, nn.LogSoftmax(), scores), -1, 1)]


def unreduced_in_rows(subject: Subject, scores: Array, ids: Array) -> Array:
    """The loss of each position, some positions at a time, so that thousands of them stay affordable."""
    rows, labels, size = scores.reshape(-1, scores.shape[-1]), ids.reshape(-1), 27
    need(len(rows) % size == 0 or len(rows) < 100, "unreduced losses of very many positions")
    size = size if len(rows) >= 100 else len(rows)
    parts = [
        unreduced(subject, nn.SoftmaxCrossEntropy(), rows[i : i + size], labels[i : i + size], (size,))
        for i in range(0, len(rows), size)
    ]
    return np.concatenate(parts).reshape(ids.shape)


OPERATORS: dict[str, Operator] = {
    "Add": operation(lambda call: nn.Add()),
    "BatchNormalization": batch_normalization,
    "Celu": elementwise(lambda call: nn.CELU(one(call.get("alpha", 1.0)))),
    "Clip": elementwise(clip),
    "Concat": operation(concat),
    "Div": operation(lambda call: nn.Divide()),
    "Dropout": dropout,
    "Elu": elementwise(lambda call: nn.ELU(one(call.get("alpha", 1.0)))),
    "Exp": elementwise(lambda call: nn.Exponential()),
    "Flatten": flatten,
    "Gelu": elementwise(lambda call: nn.GELU(approximate=call.get("approximate", "none") == "tanh")),
    "Gemm": gemm,
    "HardSigmoid": elementwise(hard_sigmoid),
    "HardSwish": elementwise(lambda call: nn.HardSilu()),
    "Identity": elementwise(lambda call: nn.Identity()),
    "LayerNormalization": layer_normalization,
    "LeakyRelu": elementwise(lambda call: nn.LeakyReLU(one(call.get("alpha", 0.01)))),
    "LogSoftmax": along(nn.LogSoftmax),
    "MatMul": matmul,
    "Max": pairwise(nn.Maximum()),
    "Min": pairwise(nn.Minimum()),
    "Mish": elementwise(lambda call: nn.Mish()),
    "Mul": operation(lambda call: nn.Multiply()),
    "PRelu": prelu,
    "Relu": elementwise(lambda call: nn.ReLU()),
    "Reshape": reshape,
    "Selu": elementwise(selu),
    "Shrink": elementwise(shrink),
    "Sigmoid": elementwise(lambda call: nn.Sigmoid()),
    "Softmax": along(nn.Softmax),
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy,
    "Softplus": elementwise(lambda call: nn.Softplus()),
    "Softsign": elementwise(lambda call: nn.SoftSign()),
    "Squeeze": squeeze,
    "Sub": operation(lambda call: nn.Subtract()),
    "Sum": operation(lambda call: nn.Add()),
    "SwiGLU": swiglu,
    "Swish": elementwise(swish),
    "Tanh": elementwise(lambda call: nn.Tanh()),
    "ThresholdedRelu": elementwise(lambda call: nn.Threshold(one(call.get("alpha", 1.0)))),
    "Unsqueeze": unsqueeze,
}
