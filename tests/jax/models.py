"""Models of the tests of the JAX backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnspec as nn
from nnspec.backends import FloatType, Net
from nnspec.model import Model


def randomized(model: Model, dtype: FloatType, seed: int = 5, device: str | None = None) -> Net:
    """A net whose variables are all random and not zero, variances above zero."""
    net = nn.backend("jax").build(model, dtype=dtype, seed=seed, device=device)
    rng = np.random.default_rng(8)
    names = [name for name in net.variables() if not name.startswith("random/")]
    drawn = {name: rng.uniform(0.3, 1.0, net.variables()[name].shape) for name in names}
    net.assign({name: x * (1 if name.endswith("/var") else rng.choice([-1, 1], x.shape)) for name, x in drawn.items()})
    return net


def check_derivatives(net: Net, x: NDArray[Any]) -> None:
    """Derivatives with respect to a net's input and parameters against finite differences, by JAX's own means: first
    and second ones, forward and backward."""
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from jax.test_util import check_grads

    with jax.enable_x64(True):
        graph, parameters, others = nnx.split(net.native, nnx.Param, ...)

        def summed(x: jax.Array, parameters: nnx.State) -> jax.Array:
            return jnp.sum(jnp.sin(nnx.merge(graph, parameters, others)(x)))

        given = (jnp.asarray(x, jnp.float64), parameters)
        check_grads(jax.jit(summed), given, order=2, modes=("fwd", "rev"), rtol=1e-5)


def classifier() -> Model:
    layers = [nn.Dense(9, "gelu"), nn.BatchNorm(), nn.Dropout(0.4), nn.PReLU(), nn.Dense(3, use_bias=False)]
    return nn.Sequential(layers, input=[6])


def branches() -> Model:
    """Nested models, a shared nested model with a shared dropout within, two inputs, two outputs, integers."""
    drop = nn.Dropout(0.5)
    a = nn.symbol([4])
    hidden = nn.Dense(4)(a)
    inner = nn.Model(inputs=a, outputs=drop(nn.BatchNorm()(drop(hidden))))
    x, ids = nn.symbol([4], "x"), nn.symbol([2], "ids", "int32")
    once = inner(x)
    twice = inner(once)
    return nn.Model(inputs=[x, ids], outputs=[nn.Concat()(once, twice), once + x, nn.Flatten()(ids)])
