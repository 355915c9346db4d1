"""ONNX's operators that have parameters, and its losses, in the vocabulary of nnspec."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from nnspec.losses import Loss
from tests.peers.onnx_call import Call, Operator, need, one
from tests.peers.onnx_shapes import matmul_of_tensors
from tests.peers.subjects import Subject, applied, network, unreduced


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
    if kernel.ndim > 2:
        return matmul_of_tensors(call)
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
    """Normalization over all axes from ``axis`` on. The first output alone."""
    scale, bias = call.inputs[1], call.input(2)
    layer = nn.LayerNorm(epsilon=one(call.get("epsilon", 1e-5)), use_bias=bias is not None, axes=_from_axis(call))
    return [applied(call.subject, layer, call.x, {"scale": scale} | ({} if bias is None else {"bias": bias}))]


def rms_normalization(call: Call) -> list[Array]:
    layer = nn.RMSNorm(epsilon=one(call.get("epsilon", 1e-5)), axes=_from_axis(call))
    return [applied(call.subject, layer, call.x, {"scale": call.inputs[1]})]


def _from_axis(call: Call) -> tuple[int, ...]:
    """All axes from ``axis`` on, as those of the layer, which has the batch axis in front."""
    return tuple(range(call.get("axis", -1) % call.x.ndim + 1, call.x.ndim + 1))


def channels_normalization(layer: Callable[[Call], nn.Layer]) -> Operator:
    """Group and instance normalization, of channels in the second axis."""

    def operator(call: Call) -> list[Array]:
        x, scale, bias = call.inputs
        last = np.moveaxis(x, 1, -1)
        model = network({"x": last.shape[1:]}, [("y", layer(call), ["x"])])
        y = call.subject.forward(model, {"x": last}, {"y/scale": scale, "y/bias": bias})[0]
        return [np.moveaxis(y, -1, 1)]

    return operator


def lp_normalization(call: Call) -> list[Array]:
    need(call.get("p", 2) == 2, "a norm other than the Euclidean")
    axis = call.get("axis", -1)
    return [applied(call.subject, nn.UnitNorm(axis if axis < 0 else axis + 1), call.x)]


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
        value = weights * unreduced_in_rows(call.subject, nn.SoftmaxCrossEntropy(), scores, ids)
    else:
        spec = nn.SoftmaxCrossEntropy(reduction="weighted_mean" if reduction == "mean" else "sum")
        value = call.subject.loss(spec, scores, ids, weights)[0]
    if call.outputs == 1:
        return [value]
    return [value, np.moveaxis(applied(call.subject, nn.LogSoftmax(), scores), -1, 1)]


def negative_log_likelihood(call: Call) -> list[Array]:
    scores, labels, classes = np.moveaxis(call.x, 1, -1), call.inputs[1], call.input(2)
    reduction = call.get("reduction", "mean")
    spec = nn.NegativeLogLikelihood(
        None if classes is None else tuple(map(float, classes)),
        call.get("ignore_index", None),
        reduction="weighted_mean" if reduction == "mean" else "sum",
    )
    ids = labels.astype(np.int32)
    if reduction == "none":
        return [unreduced_in_rows(call.subject, spec, scores, ids)]
    return [call.subject.loss(spec, scores, ids)[0]]


def unreduced_in_rows(subject: Subject, spec: Loss, scores: Array, ids: Array) -> Array:
    """The loss of each position, some positions at a time, so that thousands of them stay affordable."""
    rows, labels, size = scores.reshape(-1, scores.shape[-1]), ids.reshape(-1), 27
    need(len(rows) % size == 0 or len(rows) < 100, "unreduced losses of very many positions")
    size = size if len(rows) >= 100 else len(rows)
    parts = [
        unreduced(subject, spec, rows[i : i + size], labels[i : i + size], (size,)) for i in range(0, len(rows), size)
    ]
    return np.concatenate(parts).reshape(ids.shape)
