"""Norms, pools, distances and heads as people write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec_tensorflow.startup import keras
from tests.porting.constructs.construct import Construct, Layer, ops

L = keras.layers


class RMSNorm(Layer):
    """RMSNorm by hand, with a scale of 1 + weight (Gemma)."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), name="scale", initializer="zeros")

    def call(self, x: Any) -> Any:
        var = ops.mean(ops.power(x, 2), axis=-1, keepdims=True)
        return x * ops.rsqrt(var + 1e-6) * (1 + self.scale)


class LayerNorm(Layer):
    """A layer norm by ops.moments."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), name="scale", initializer="ones")
        self.bias = self.add_weight(shape=(shape[-1],), name="bias", initializer="zeros")

    def call(self, x: Any) -> Any:
        mean, var = ops.moments(x, axes=[-1], keepdims=True)
        return (x - mean) / ops.sqrt(var + 1e-5) * self.scale + self.bias


class GroupNorm(Layer):
    """A group norm by reshapes."""

    def call(self, x: Any) -> Any:
        _, h, w, c = ops.shape(x)
        y = ops.reshape(x, (-1, h, w, 2, c // 2))
        y = (y - ops.mean(y, axis=(1, 2, 4), keepdims=True)) / ops.sqrt(ops.var(y, (1, 2, 4), keepdims=True) + 1e-3)
        return ops.reshape(y, (-1, h, w, c))


class AdaptiveInstanceNorm(Layer):
    """StyleGAN's norm: the mean and deviation of one image given to another."""

    def call(self, inputs: Any) -> Any:
        x, style = inputs
        own, other = (ops.mean(y, axis=(1, 2), keepdims=True) for y in (x, style))
        deviations = [ops.std(y, axis=(1, 2), keepdims=True) for y in (x, style)]
        return deviations[1] * (x - own) / (deviations[0] + 1e-5) + other


class Standardized(Layer):
    """Each image to mean 0 and deviation 1, after ImageNet's means of the channels."""

    def call(self, x: Any) -> Any:
        x = (x / 255.0 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
        deviation = ops.maximum(ops.std(x, axis=(1, 2, 3), keepdims=True), 0.1)
        return (x - ops.mean(x, axis=(1, 2, 3), keepdims=True)) / deviation


class GeneralizedMean(Layer):
    """GeM pooling with a learned exponent."""

    def build(self, shape: Any) -> None:
        self.p = self.add_weight(shape=(1,), name="p", initializer=lambda shape, dtype: np.full(shape, 3.0))

    def call(self, x: Any) -> Any:
        p = ops.absolute(self.p) + 1.0
        return ops.power(ops.mean(ops.power(ops.clip(x, 1e-3, 1e3), p), axis=(1, 2)), 1 / p)


class CosineLogits(Layer):
    """Cosines with prototypes, scaled (ArcFace in inference)."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1], 5), name="w")

    def call(self, x: Any) -> Any:
        x = x / ops.norm(x, axis=-1, keepdims=True)
        return 16.0 * ops.matmul(x, self.w / (ops.norm(self.w, axis=0, keepdims=True) + 1e-7))


class Prototypes(Layer):
    """Radial bases: exponentials of squared distances to centers."""

    def build(self, shape: Any) -> None:
        self.centers = self.add_weight(shape=(4, shape[-1]), name="centers")
        self.log_gamma = self.add_weight(shape=(4,), name="log_gamma")

    def call(self, x: Any) -> Any:
        distance = ops.sum(ops.square(x[:, None, :] - self.centers[None]), axis=-1)
        return ops.exp(-ops.exp(self.log_gamma) * distance)


class Vlad(Layer):
    """NetVLAD: residuals from centers, softly assigned, normalized twice."""

    def build(self, shape: Any) -> None:
        self.assign = L.Dense(3)
        self.assign.build(shape)
        self.centers = self.add_weight(shape=(3, shape[-1]), name="centers")

    def call(self, x: Any) -> Any:
        a = ops.softmax(self.assign(x), axis=-1)
        v = ops.einsum("btk,btd->bkd", a, x) - ops.sum(a, axis=1)[..., None] * self.centers
        v = ops.normalize(v, axis=-1)
        return ops.normalize(ops.reshape(v, (-1, 3 * x.shape[-1])), axis=-1)


class TopPool(Layer):
    """The mean of the two largest of each channel."""

    def call(self, x: Any) -> Any:
        values, _ = ops.top_k(ops.transpose(x, (0, 2, 1)), k=2)
        return ops.mean(values, axis=-1)


class SoftArgmax(Layer):
    """Coordinates of keypoints: the mean place of a softmax over both axes of an image."""

    def call(self, x: Any) -> Any:
        _, h, w, k = ops.shape(x)
        heat = ops.reshape(ops.softmax(ops.reshape(x, (-1, h * w, k)), axis=1), (-1, h, w, k))
        rows = ops.sum(heat * ops.reshape(ops.linspace(-1.0, 1.0, h), (1, h, 1, 1)), axis=(1, 2))
        columns = ops.sum(heat * ops.reshape(ops.linspace(-1.0, 1.0, w), (1, 1, w, 1)), axis=(1, 2))
        return ops.stack([rows, columns], axis=-1)


class Sampling(Layer):
    """A variational autoencoder's sampling, which takes the mean in inference."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, inputs: Any, training: Any = None) -> Any:
        mean, log_var = inputs
        if not training:
            return mean
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=self.seeds)


class MixtureDensity(Layer):
    """Weights, means and deviations of a mixture, and its likelihood of a number."""

    def build(self, shape: Any) -> None:
        self.dense = L.Dense(9)
        self.dense.build(shape[0])

    def call(self, inputs: Any) -> Any:
        x, y = inputs
        logits, means, raw = ops.split(self.dense(x), [3, 6], axis=-1)
        deviations = ops.softplus(raw) + 1e-3
        parts = -0.5 * ops.square((y - means) / deviations) - ops.log(deviations) - 0.5 * np.log(2 * np.pi)
        return ops.logsumexp(ops.log_softmax(logits) + parts, axis=-1)


class GraphConv(Layer):
    """A graph convolution with a normalized adjacency."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[0][-1], 3), name="w")

    def call(self, inputs: Any) -> Any:
        x, adjacency = inputs
        a = ops.cast(adjacency > 0, x.dtype) + ops.eye(x.shape[1], dtype=x.dtype)
        d = ops.rsqrt(ops.sum(a, axis=-1))
        a = a * d[:, :, None] * d[:, None, :]
        return ops.relu(ops.matmul(a, ops.matmul(x, self.w)))


class GraphAttention(Layer):
    """Attention along edges, the others masked."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[0][-1], 3), name="w")
        self.a = self.add_weight(shape=(2, 3), name="a")

    def call(self, inputs: Any) -> Any:
        x, adjacency = inputs
        h = ops.matmul(x, self.w)
        source, target = ops.dot(h, self.a[0]), ops.dot(h, self.a[1])
        scores = ops.leaky_relu(source[:, :, None] + target[:, None, :], negative_slope=0.2)
        return ops.matmul(ops.softmax(ops.where(adjacency > 0, scores, -1e9), axis=-1), h)


class Alignment(Layer):
    """PointNet's transformation: a matrix made of the points, which turns them, on top of the identity."""

    def build(self, shape: Any) -> None:
        self.dense, self.made = L.Dense(4, activation="relu"), L.Dense(9)
        self.dense.build(shape)
        self.made.build((None, 4))

    def call(self, points: Any) -> Any:
        found = self.made(ops.amax(self.dense(points), axis=1))
        return ops.matmul(points, ops.reshape(found, (-1, 3, 3)) + ops.eye(3, dtype=points.dtype))


class Contrast(Layer):
    """Gray levels, gamma and a soft threshold."""

    def call(self, x: Any) -> Any:
        gray = ops.sum(x * np.array([0.299, 0.587, 0.114]), axis=-1, keepdims=True)
        return ops.where(gray > 0.5, ops.sqrt(gray), gray**2) - ops.floor(gray * 4) / 4


IMAGE = {"x": (3, 4, 4)}
GRAPH = {"x": (4, 3), "adjacency": (4, 4)}
CONSTRUCTS = [
    Construct("RMSNorm by hand", RMSNorm, {"x": (5, 4)}),
    Construct("layer norm by moments", LayerNorm, {"x": (5, 4)}),
    Construct("group norm by reshapes", GroupNorm, IMAGE),
    Construct("adaptive instance norm", AdaptiveInstanceNorm, {"x": (3, 4, 2), "style": (2, 5, 2)}),
    Construct("standardized images", Standardized, {"x": (4, 3, 3)}),
    Construct("generalized mean pooling", GeneralizedMean, IMAGE, low=0.1),
    Construct("cosine logits", CosineLogits, {"x": (4,)}),
    Construct("radial bases", Prototypes, {"x": (3,)}),
    Construct("NetVLAD", Vlad, {"x": (5, 4)}),
    Construct("the largest of each channel", TopPool, {"x": (5, 4)}),
    Construct("soft argmax", SoftArgmax, IMAGE),
    Construct("variational sampling in inference", Sampling, {"mean": (4,), "log_var": (4,)}),
    Construct("mixture density", MixtureDensity, {"x": (4,), "y": (1,)}),
    Construct("graph convolution", GraphConv, GRAPH),
    Construct("graph attention", GraphAttention, GRAPH),
    Construct("point cloud alignment", Alignment, {"points": (5, 3)}),
    Construct("contrast", Contrast, {"x": (3, 4, 3)}, low=0.0),
]
