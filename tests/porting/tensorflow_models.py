"""Models that are written in TensorFlow without Keras, as people write them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def _variable(rng: Any, shape: tuple[int, ...], name: str, *, offset: float = 0.0, scale: float = 0.4) -> Any:
    return tf.Variable((rng.normal(size=shape) * scale + offset).astype(np.float32), name=name)


class Mlp(tf.Module):  # type: ignore[misc]
    """Layers of its own, with activations written out."""

    def __init__(self, rng: Any) -> None:
        super().__init__()
        sizes = (5, 7, 6, 3)
        pairs = list(itertools.pairwise(sizes))
        self.kernels = [_variable(rng, pair, f"kernel_{i}") for i, pair in enumerate(pairs)]
        self.biases = [_variable(rng, pair[1:], f"bias_{i}") for i, pair in enumerate(pairs)]
        self.scale = _variable(rng, (3,), "scale", offset=1.0)

    @tf.function(input_signature=[tf.TensorSpec((None, 5), name="x")])
    def __call__(self, x: Any) -> Any:
        x = tf.nn.gelu(x @ self.kernels[0] + self.biases[0])
        x = tf.nn.bias_add(tf.matmul(x, self.kernels[1]), self.biases[1])
        x = x * tf.sigmoid(1.702 * x) + tf.math.softplus(x) - tf.nn.leaky_relu(x, 0.3)
        x = tf.linalg.matmul(x, self.kernels[2], transpose_b=False) + self.biases[2]
        return {"probabilities": tf.nn.softmax(x * self.scale), "norm": tf.norm(x, axis=-1) ** 2}


class Cnn(tf.Module):  # type: ignore[misc]
    """Convolutions, statistics and pools."""

    def __init__(self, rng: Any) -> None:
        super().__init__()
        self.kernel = _variable(rng, (3, 2, 2, 4), "conv/kernel")
        self.bias = _variable(rng, (4,), "conv/bias")
        self.depth = _variable(rng, (3, 3, 4, 1), "depthwise/kernel")
        self.gamma = _variable(rng, (4,), "norm/gamma", offset=1.0)
        self.beta = _variable(rng, (4,), "norm/beta")
        self.mean = tf.Variable(rng.normal(size=4).astype(np.float32), name="norm/mean", trainable=False)
        self.var = tf.Variable(rng.uniform(0.5, 2, 4).astype(np.float32), name="norm/variance", trainable=False)
        self.point = _variable(rng, (1, 1, 4, 5), "point/kernel")
        self.up = _variable(rng, (2, 3, 3, 5), "up/kernel")

    @tf.function(input_signature=[tf.TensorSpec((None, 9, 8, 2), name="image")])
    def __call__(self, image: Any) -> Any:
        x = tf.nn.bias_add(tf.nn.conv2d(image, self.kernel, 1, "SAME"), self.bias)
        x, *_ = tf.compat.v1.nn.fused_batch_norm(
            x, self.gamma, self.beta, self.mean, self.var, epsilon=2e-3, is_training=False
        )
        x = tf.nn.relu6(tf.nn.max_pool2d(x, 2, 2, "SAME"))
        x = tf.nn.depthwise_conv2d(x, self.depth, (1, 1, 1, 1), "SAME")
        x = tf.nn.elu(tf.nn.avg_pool2d(x, 3, 2, "SAME"))
        x = tf.nn.conv2d(x, self.point, 1, "VALID")
        y = tf.nn.conv2d_transpose(x, self.up, (tf.shape(x)[0], 6, 4, 3), (2, 2), "SAME")
        return tf.reduce_mean(x, (1, 2)), y


class Lstm(tf.Module):  # type: ignore[misc]
    """A cell written out, in a loop of tf.while_loop or of Python."""

    def __init__(self, rng: Any, *, loop: bool) -> None:
        super().__init__()
        self.kernel = _variable(rng, (3 + 4, 16), "lstm/kernel")
        self.bias = _variable(rng, (16,), "lstm/bias")
        self.loop = loop

    def _step(self, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        i, g, f, o = tf.split(tf.concat([x, h], 1) @ self.kernel + self.bias, 4, axis=1)
        c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    @tf.function(input_signature=[tf.TensorSpec((None, 5, 3), name="sequence")])
    def __call__(self, sequence: Any) -> Any:
        h = c = tf.zeros((tf.shape(sequence)[0], 4))
        if not self.loop:
            for t in range(5):
                h, c = self._step(sequence[:, t], h, c)
            return h
        steps = tf.transpose(sequence, (1, 0, 2))
        gathered = tf.TensorArray(tf.float32, 5)

        def body(t: Any, h: Any, c: Any, gathered: Any) -> Any:
            h, c = self._step(steps[t], h, c)
            return t + 1, h, c, gathered.write(t, h)

        _, h, _, gathered = tf.while_loop(lambda t, *_: t < 5, body, (0, h, c, gathered))
        return tf.transpose(gathered.stack(), (1, 0, 2)), h


class Attention(tf.Module):  # type: ignore[misc]
    """Words, positions, attention with a mask, a norm written out."""

    def __init__(self, rng: Any) -> None:
        super().__init__()
        self.table = _variable(rng, (11, 6), "words")
        self.positions = _variable(rng, (7, 6), "positions")
        self.query, self.key, self.value = (_variable(rng, (6, 2, 4), name) for name in ("query", "key", "value"))
        self.out = _variable(rng, (2, 4, 6), "out")
        self.gain = _variable(rng, (6,), "gain", offset=1.0)
        self.shift = _variable(rng, (6,), "shift")

    @tf.function(input_signature=[tf.TensorSpec((None, 7), tf.int32, name="ids")])
    def __call__(self, ids: Any) -> Any:
        x = tf.gather(self.table, ids) * tf.sqrt(6.0) + self.positions
        q, k, v = (tf.einsum("btc,chd->bthd", x, w) for w in (self.query, self.key, self.value))
        scores = tf.einsum("bqhd,bkhd->bhqk", q, k) / tf.sqrt(4.0)
        past = tf.linalg.band_part(tf.ones((7, 7)), -1, 0)
        scores = tf.where(past > 0, scores, -1e9)
        mixed = tf.einsum("bhqk,bkhd->bqhd", tf.nn.softmax(scores), v)
        x = x + tf.einsum("bqhd,hdc->bqc", mixed, self.out)
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + 1e-5) * self.gain + self.shift
        return tf.matmul(x, self.table, transpose_b=True)


class Various(tf.Module):  # type: ignore[misc]
    """Operations of all families."""

    def __init__(self, rng: Any) -> None:
        super().__init__()
        self.w = _variable(rng, (4, 6), "w")

    @tf.function(
        input_signature=[tf.TensorSpec((None, 4, 6), name="x"), tf.TensorSpec((None, 4), tf.bool, name="mask")]
    )
    def __call__(self, x: Any, mask: Any) -> Any:
        y = tf.where(mask[..., None], x, tf.cumsum(x, 1)) * self.w
        y = tf.concat([y[:, ::2], tf.reverse(y, [1])[:, 1:3], tf.pad(y, [[0, 0], [0, 1], [0, 0]])[:, -2:]], 1)
        best = tf.argmax(y, -1, output_type=tf.int32)
        hot = tf.one_hot(best, 6)
        top, _ = tf.math.top_k(y, 2)
        z = tf.reduce_max(y, 1) - tf.reduce_logsumexp(y, 1) + tf.math.reduce_std(y, 1)
        parts = tf.unstack(y, axis=1)
        stacked = tf.stack([parts[0] ** 2, tf.abs(parts[1]), tf.math.erf(parts[2])], 1)
        tail = tf.clip_by_value(stacked, -0.5, 0.5) + tf.sign(stacked) * tf.math.log1p(tf.exp(stacked))
        return {"hot": hot, "top": top, "z": z, "tail": tf.reshape(tail, (-1, 18)), "best": best, "sorted": tf.sort(y)}


MODELS: dict[str, Callable[[Any], Any]] = {
    "mlp": Mlp,
    "cnn": Cnn,
    "lstm unrolled": lambda rng: Lstm(rng, loop=False),
    "lstm while": lambda rng: Lstm(rng, loop=True),
    "attention": Attention,
    "various": Various,
}
