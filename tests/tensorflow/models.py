"""Models that several tests of the TensorFlow backend build."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nnspec as nn
from nnspec.backends import FloatType, Net
from nnspec.model import Model


def randomized(model: Model, dtype: FloatType, seed: int = 5) -> Net:
    """A net whose variables are all random and not zero, variances above zero."""
    net = nn.backend("tensorflow").build(model, dtype=dtype, seed=seed)
    rng = np.random.default_rng(8)
    names = [name for name in net.variables() if not name.startswith("random/")]
    drawn = {name: rng.uniform(0.3, 1.0, net.variables()[name].shape) for name in names}
    net.assign({name: x * (1 if name.endswith("/var") else rng.choice([-1, 1], x.shape)) for name, x in drawn.items()})
    return net


def check_second_derivatives(net: Net, x: NDArray[Any], *, compiled: bool, training: bool = False) -> None:
    """The gradient along a direction, differentiated again, against central differences of the gradient."""
    from nnspec_tensorflow.startup import tf

    rng = np.random.default_rng(3)
    variables = net.native.trainable_variables
    direction = [tf.constant(rng.normal(size=v.shape)) for v in variables]

    def slope() -> tuple[Any, list[Any]]:
        """The derivative of Σ sin y along the direction, and its gradient."""
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                y = tf.reduce_sum(tf.sin(net.native(tf.constant(x), training=training)))
            gradients = inner.gradient(y, [v.value for v in variables])
            along = tf.add_n([tf.reduce_sum(g * d) for g, d in zip(gradients, direction, strict=True)])
        return along, outer.gradient(along, [v.value for v in variables])

    run = tf.function(slope, jit_compile=True) if compiled else slope
    found = sum(float(tf.reduce_sum(g * d)) for g, d in zip(run()[1], direction, strict=True))
    step, ends = 1e-5, []
    for sign in (1, -2):
        for variable, along in zip(variables, direction, strict=True):
            variable.assign_add(sign * step * along)
        ends.append(float(run()[0]))
    assert found == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


def classifier() -> Model:
    layers = [nn.Dense(9, "gelu"), nn.BatchNorm(), nn.Dropout(0.4), nn.PReLU(), nn.Dense(3, use_bias=False)]
    return nn.Sequential(layers, input=[6])


def branches() -> Model:
    """Nested models, a shared nested model with a shared dropout within, two inputs, three outputs, integers."""
    drop = nn.Dropout(0.5)
    a = nn.symbol([4])
    hidden = nn.Dense(4)(a)
    inner = nn.Model(inputs=a, outputs=drop(nn.BatchNorm()(drop(hidden))))
    x, ids = nn.symbol([4], "x"), nn.symbol([2], "ids", "int32")
    once = inner(x)
    twice = inner(once)
    return nn.Model(inputs=[x, ids], outputs=[nn.Concat()(once, twice), once + x, nn.Flatten()(ids)])


def attention() -> Model:
    """Attention to itself and to another sequence, with dropout within."""
    x = nn.symbol([4], "x")
    y = nn.Reshape((2, 2))(x)
    return nn.Model(inputs=x, outputs=nn.MultiHeadAttention(2, dropout_rate=0.3)(y, nn.MultiHeadAttention(1)(y)))


def scored() -> Model:
    """Attention, and its scores beside it by a node that shares the layer."""
    x = nn.Embedding(9, 4)(nn.symbol([2], "ids", "int32"))
    ids, layer = x.inputs[0], nn.MultiHeadAttention(2, causal=True, dropout_rate=0.4, use_bias=("query", "out"))
    return nn.Model(inputs=ids, outputs=[layer(x), layer.scores(x)])
