"""Recurrences by unrolled loops, and filters of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec_tensorflow.startup import keras
from tests.porting.constructs.construct import Construct, Layer, ops

L = keras.layers


class Unrolled(Layer):
    """A gated unit, step by step."""

    def __init__(self, backwards: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.backwards = backwards

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1], 6), name="w")
        self.u = self.add_weight(shape=(3, 6), name="u")
        self.b = self.add_weight(shape=(6,), name="b")

    def call(self, x: Any) -> Any:
        h = ops.zeros_like(x[:, 0, :3])
        steps = []
        for step in ops.unstack(ops.flip(x, axis=1) if self.backwards else x, axis=1):
            z, n = ops.split(ops.matmul(step, self.w) + ops.matmul(h, self.u) + self.b, 2, axis=-1)
            z = ops.sigmoid(z)
            h = z * h + (1 - z) * ops.tanh(n)
            steps.append(h)
        y = ops.stack(steps, axis=1)
        return ops.flip(y, axis=1) if self.backwards else y


class BothWays(Layer):
    """Two of them, side by side."""

    def build(self, shape: Any) -> None:
        self.forwards, self.back = Unrolled(), Unrolled(backwards=True)
        self.forwards.build(shape)
        self.back.build(shape)

    def call(self, x: Any) -> Any:
        return ops.concatenate([self.forwards(x), self.back(x)], axis=-1)


class ByTime(Layer):
    """Steps in front, as recurrences over tensors of time have them."""

    def build(self, shape: Any) -> None:
        self.dense = L.Dense(4, activation="tanh")
        self.dense.build((shape[1], shape[0], shape[2]))

    def call(self, x: Any) -> Any:
        y = self.dense(ops.transpose(x, (1, 0, 2)))
        h = y[0]
        for t in range(1, y.shape[0]):
            h = 0.5 * h + y[t]
        return ops.transpose(y, (1, 0, 2)) + h[:, None]


class EachStep(Layer):
    """A layer at each step, by a reshape of the steps to examples."""

    def __init__(self, make: Any, **options: Any) -> None:
        super().__init__(**options)
        self.make = make

    def build(self, shape: Any) -> None:
        self.layer = self.make()
        self.layer.build((None, *shape[2:]))

    def call(self, x: Any) -> Any:
        y = self.layer(ops.reshape(x, (-1, *x.shape[2:])))
        return ops.reshape(y, (-1, x.shape[1], *self.layer.compute_output_shape((None, *x.shape[2:]))[1:]))


class Averages(Layer):
    """Exponential averages with a learned rate, by a triangle of powers."""

    def build(self, shape: Any) -> None:
        self.rate = self.add_weight(shape=(), name="rate")

    def call(self, x: Any) -> Any:
        t = x.shape[1]
        distance = np.maximum(np.arange(t)[:, None] - np.arange(t)[None, :], 0)
        kept = ops.sigmoid(self.rate)
        weights = ops.tril(ops.power(kept, ops.convert_to_tensor(distance, x.dtype))) * (1 - kept)
        return ops.einsum("ts,bsd->btd", weights, x)


class RunningMean(Layer):
    """The mean of what came so far."""

    def call(self, x: Any) -> Any:
        counts = ops.arange(1, x.shape[1] + 1, dtype=x.dtype)[None, :, None]
        return ops.cumsum(x, axis=1) / counts


class Differences(Layer):
    """Each step beside its difference from the one before."""

    def call(self, x: Any) -> Any:
        before = ops.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        return ops.concatenate((x, x - before), axis=-1)


class Frames(Layer):
    """Overlapping frames by an index, with a window, and their energies in decibels."""

    def call(self, x: Any) -> Any:
        index = np.arange(4)[None, :] + 2 * np.arange((x.shape[1] - 4) // 2 + 1)[:, None]
        frames = ops.take(x, index, axis=1) * np.hanning(6)[1:-1]
        return 10.0 * ops.log10(ops.mean(frames**2, axis=-1) + 1e-6)


class SpectralConv(Layer):
    """A Fourier layer: the lowest frequencies by fixed waves, multiplied by weights, and back."""

    def build(self, shape: Any) -> None:
        self.real = self.add_weight(shape=(3, shape[-1], 4), name="real")
        self.imaginary = self.add_weight(shape=(3, shape[-1], 4), name="imaginary")

    def call(self, x: Any) -> Any:
        n = x.shape[1]
        angles = 2 * np.pi * np.outer(np.arange(n), np.arange(3)) / n
        c, s = ops.einsum("nk,bnd->bkd", np.cos(angles), x), -ops.einsum("nk,bnd->bkd", np.sin(angles), x)
        r = ops.einsum("bkd,kde->bke", c, self.real) - ops.einsum("bkd,kde->bke", s, self.imaginary)
        i = ops.einsum("bkd,kde->bke", c, self.imaginary) + ops.einsum("bkd,kde->bke", s, self.real)
        return (ops.einsum("nk,bke->bne", np.cos(angles), r) - ops.einsum("nk,bke->bne", np.sin(angles), i)) / n


class DynamicFilter(Layer):
    """A filter for each example and each step, softmaxed (lightweight dynamic convolution)."""

    def build(self, shape: Any) -> None:
        self.made = L.Dense(3)
        self.made.build(shape)

    def call(self, x: Any) -> Any:
        t = x.shape[1]
        weights = ops.softmax(self.made(x))
        wide = ops.pad(x, ((0, 0), (1, 1), (0, 0)))
        near = ops.stack([wide[:, i : i + t] for i in range(3)], axis=2)
        return ops.einsum("btk,btkd->btd", weights, near)


class HeadsAsExamples(Layer):
    """Heads that are joined with the batch by their number times its size."""

    def call(self, x: Any) -> Any:
        b, t, d = ops.shape(x)
        y = ops.transpose(ops.reshape(x, (b, t, 2, d // 2)), (0, 2, 1, 3))
        y = ops.reshape(y, (b * 2, t, d // 2))
        y = ops.matmul(ops.softmax(ops.matmul(y, ops.transpose(y, (0, 2, 1)))), y)
        return ops.reshape(ops.transpose(ops.reshape(y, (b, 2, -1, d // 2)), (0, 2, 1, 3)), (b, t, d))


class TokensOfTheBatch(Layer):
    """A token for each example by tile and by repeat, and a causal mask of as many examples."""

    def build(self, shape: Any) -> None:
        self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")
        self.state = self.add_weight(shape=(1, shape[-1]), name="state")

    def call(self, x: Any) -> Any:
        b, t = ops.shape(x)[0], x.shape[1] + 1
        x = ops.concatenate([ops.tile(self.token, (b, 1, 1)), x], axis=1)
        mask = ops.tile(ops.tril(ops.ones((1, t, t), dtype="bool")), (b, 1, 1))
        scores = ops.where(mask, ops.matmul(x, ops.transpose(x, (0, 2, 1))), -1e9)
        h = ops.zeros((b, x.shape[-1])) + ops.repeat(self.state, b, axis=0)
        return ops.matmul(ops.softmax(scores), x) + h[:, None]


SEQUENCE = {"x": (5, 4)}
CONSTRUCTS = [
    Construct("unrolled recurrence", Unrolled, SEQUENCE),
    Construct("unrolled recurrence, both ways", BothWays, SEQUENCE),
    Construct("time in front", ByTime, SEQUENCE),
    Construct("a dense layer at each step", lambda: EachStep(lambda: L.Dense(3)), SEQUENCE),
    Construct("a convolution of each frame", lambda: EachStep(lambda: L.Conv2D(2, 2)), {"x": (3, 4, 5, 2)}),
    Construct("exponential averages", Averages, SEQUENCE),
    Construct("running mean", RunningMean, SEQUENCE),
    Construct("differences", Differences, SEQUENCE),
    Construct("frames and energies", Frames, {"x": (12,)}),
    Construct("spectral convolution", SpectralConv, {"x": (7, 3)}),
    Construct("dynamic convolution", DynamicFilter, SEQUENCE),
    Construct("heads joined with the batch", HeadsAsExamples, SEQUENCE),
    Construct("tokens and masks of the size of the batch", TokensOfTheBatch, SEQUENCE),
]
