"""Dense layers of people's own: gates, experts, products of features, adapted and normalized weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec_tensorflow.startup import keras
from tests.porting.constructs.construct import Construct, Layer, ops

L = keras.layers


class Gated(Layer):
    """SwiGLU and GeGLU."""

    def __init__(self, activation: Any, **options: Any) -> None:
        super().__init__(**options)
        self.activation = activation

    def build(self, shape: Any) -> None:
        self.gate = self.add_weight(shape=(shape[-1], 8), name="gate")
        self.up = self.add_weight(shape=(shape[-1], 8), name="up")
        self.down = self.add_weight(shape=(8, shape[-1]), name="down")

    def call(self, x: Any) -> Any:
        return ops.matmul(self.activation(ops.matmul(x, self.gate)) * (x @ self.up), self.down)


class GatedConv(Layer):
    """A convolution whose one half gates the other, after padding in front."""

    def build(self, shape: Any) -> None:
        self.conv = L.Conv1D(6, 3)
        self.conv.build(shape)

    def call(self, x: Any) -> Any:
        return ops.glu(self.conv(ops.pad(x, [[0, 0], [2, 0], [0, 0]])), axis=-1)


class FiLM(Layer):
    """An image scaled and shifted by what a vector says."""

    def build(self, shape: Any) -> None:
        self.project = L.Dense(2 * shape[0][-1])
        self.project.build(shape[1])

    def call(self, inputs: Any) -> Any:
        x, condition = inputs
        gamma, beta = ops.split(self.project(condition)[:, None, None, :], 2, axis=-1)
        return x * (1 + gamma) + beta


class Experts(Layer):
    """All experts, weighed by a softmax."""

    def build(self, shape: Any) -> None:
        self.experts = self.add_weight(shape=(3, shape[-1], 4), name="experts")
        self.biases = self.add_weight(shape=(3, 4), name="biases")
        self.router = self.add_weight(shape=(shape[-1], 3), name="router")

    def call(self, x: Any) -> Any:
        weights = ops.softmax(ops.matmul(x, self.router), axis=-1)
        y = ops.relu(ops.einsum("bd,edf->bef", x, self.experts) + self.biases)
        return ops.einsum("be,bef->bf", weights, y)


class TopExperts(Layer):
    """The best two of four experts, the others masked."""

    def build(self, shape: Any) -> None:
        self.experts = self.add_weight(shape=(4, shape[-1], 5), name="experts")
        self.router = L.Dense(4)
        self.router.build(shape)

    def call(self, x: Any) -> Any:
        logits = self.router(x)
        best, places = ops.top_k(logits, 2)
        chosen = ops.sum(ops.one_hot(places, 4) * ops.expand_dims(ops.softmax(best), -1), axis=-2)
        return ops.einsum("bte,btd,edf->btf", chosen, x, self.experts)


class LoRA(Layer):
    """A frozen kernel and a product of two thin ones."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 5), name="kernel", trainable=False)
        self.a = self.add_weight(shape=(shape[-1], 2), name="a")
        self.b = self.add_weight(shape=(2, 5), name="b")

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.kernel) + 0.5 * ops.matmul(ops.matmul(x, self.a), self.b)


class MergedLoRA(LoRA):
    """The same, the kernels added first."""

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.kernel + 0.5 * ops.matmul(self.a, self.b))


class WeightNormalized(Layer):
    """A kernel of a length and a direction."""

    def build(self, shape: Any) -> None:
        self.v = self.add_weight(shape=(shape[-1], 4), name="v")
        self.g = self.add_weight(shape=(4,), name="g", initializer="ones")

    def call(self, x: Any) -> Any:
        w = self.g * self.v / ops.sqrt(ops.sum(ops.square(self.v), axis=0))
        return ops.matmul(x, w)


class Accumulator(Layer):
    """NALU: a gate between sums and products in the space of logarithms."""

    def build(self, shape: Any) -> None:
        d = shape[-1]
        self.w = self.add_weight(shape=(d, 3), name="w")
        self.m = self.add_weight(shape=(d, 3), name="m")
        self.g = self.add_weight(shape=(d, 3), name="g")

    def call(self, x: Any) -> Any:
        w = ops.tanh(self.w) * ops.sigmoid(self.m)
        a, gate = ops.matmul(x, w), ops.sigmoid(ops.matmul(x, self.g))
        m = ops.exp(ops.matmul(ops.log(ops.absolute(x) + 1e-7), w))
        return gate * a + (1 - gate) * m


class Maxout(Layer):
    """The largest of several linear pieces."""

    def build(self, shape: Any) -> None:
        self.dense = L.Dense(3 * 4)
        self.dense.build(shape)

    def call(self, x: Any) -> Any:
        return ops.max(ops.reshape(self.dense(x), (-1, 4, 3)), axis=-1)


class Capsules(Layer):
    """Capsules with three rounds of routing by agreement."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[1], 2, shape[2], 3), name="w")

    def squash(self, s: Any) -> Any:
        square = ops.sum(ops.square(s), axis=-1, keepdims=True)
        return square / (1 + square) * s / ops.sqrt(square + 1e-7)

    def call(self, u: Any) -> Any:
        votes = ops.einsum("bid,ijdh->bijh", u, self.w)
        logits = ops.zeros_like(votes[..., 0])
        for _ in range(3):
            coupling = ops.softmax(logits, axis=2)
            v = self.squash(ops.sum(coupling[..., None] * votes, axis=1))
            logits = logits + ops.sum(votes * v[:, None], axis=-1)
        return v


class FactorizationMachine(Layer):
    """Products of all pairs of features by their factors."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1], 1), name="w")
        self.v = self.add_weight(shape=(shape[-1], 4), name="v")
        self.b = self.add_weight(shape=(1,), name="b")

    def call(self, x: Any) -> Any:
        squares = ops.power(ops.matmul(x, self.v), 2)
        of_squares = ops.matmul(ops.power(x, 2), ops.power(self.v, 2))
        return self.b + ops.matmul(x, self.w) + 0.5 * ops.sum(squares - of_squares, axis=1, keepdims=True)


class Cross(Layer):
    """Deep & cross: a vector times a product with it, of two layers."""

    def build(self, shape: Any) -> None:
        self.kernels = [self.add_weight(shape=(shape[-1], 1), name=f"kernel_{i}") for i in range(2)]
        self.biases = [self.add_weight(shape=(shape[-1],), name=f"bias_{i}") for i in range(2)]

    def call(self, x0: Any) -> Any:
        x = x0
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            x = x0 * ops.matmul(x, kernel) + bias + x
        return x


class NeuralTensor(Layer):
    """A bilinear form for each feature, and a linear one of both."""

    def build(self, shape: Any) -> None:
        n, m = shape[0][-1], shape[1][-1]
        self.w = self.add_weight(shape=(n, 3, m), name="w")
        self.v = self.add_weight(shape=(n + m, 3), name="v")

    def call(self, inputs: Any) -> Any:
        a, b = inputs
        form = ops.einsum("bi,ikj,bj->bk", a, self.w, b)
        return ops.tanh(form + ops.dot(ops.concatenate([a, b], axis=-1), self.v))


class HyperDense(Layer):
    """A kernel for each example, which another layer makes."""

    def build(self, shape: Any) -> None:
        self.made = L.Dense(shape[0][-1] * 2)
        self.made.build(shape[1])

    def call(self, inputs: Any) -> Any:
        x, z = inputs
        kernel = ops.reshape(self.made(z), (-1, x.shape[-1], 2))
        return ops.squeeze(ops.matmul(ops.expand_dims(x, 1), kernel), axis=1)


class PairsOfFields(Layer):
    """DLRM: the products of all pairs of fields, below the diagonal."""

    def call(self, x: Any) -> Any:
        n = x.shape[1]
        products = ops.reshape(ops.matmul(x, ops.transpose(x, (0, 2, 1))), (-1, n * n))
        below = np.flatnonzero(np.tril(np.ones((n, n)), -1))
        return ops.take(products, below, axis=1)


VECTOR = {"x": (6,)}
CONSTRUCTS = [
    Construct("SwiGLU", lambda: Gated(ops.silu), {"x": (5, 6)}),
    Construct("GeGLU", lambda: Gated(lambda x: ops.gelu(x, approximate=True)), {"x": (5, 6)}),
    Construct("GLU convolution", GatedConv, {"x": (5, 4)}),
    Construct("FiLM", FiLM, {"x": (3, 4, 2), "condition": (5,)}),
    Construct("mixture of experts", Experts, VECTOR),
    Construct("mixture of the best experts", TopExperts, {"x": (5, 6)}),
    Construct("LoRA", LoRA, VECTOR),
    Construct("LoRA, merged", MergedLoRA, VECTOR),
    Construct("weight-normalized dense", WeightNormalized, VECTOR),
    Construct("neural arithmetic logic unit", Accumulator, VECTOR),
    Construct("maxout", Maxout, VECTOR),
    Construct("capsules with routing", Capsules, {"x": (4, 5)}),
    Construct("factorization machine", FactorizationMachine, VECTOR),
    Construct("deep and cross", Cross, VECTOR),
    Construct("neural tensor network", NeuralTensor, {"a": (3,), "b": (4,)}),
    Construct("kernels made for each example", HyperDense, {"x": (3,), "z": (4,)}),
    Construct("products of pairs of fields", PairsOfFields, {"x": (4, 3)}),
]
