"""What the JAX loops have in common: the model, the optimizer, the loss, data on the device."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from benchmarks.contenders import Settings
from benchmarks.contenders.flax_models import Layers, model
from benchmarks.networks import Array
from benchmarks.workloads import CLIP, EPSILON, LEARNING_RATE, WEIGHT_DECAY


def make_model(settings: Settings) -> Any:
    """The network, in training or inference mode."""
    settings.demand(jax.default_backend())
    made = model(settings.workload.network, Layers(jnp.dtype(settings.dtype), nnx.Rngs(0)))
    if settings.workload.kind == "training":
        made.train()
    else:
        made.eval()
    return made


def make_optimizer() -> Any:
    """Clipping and AdamW with decay on kernels."""
    return optax.chain(
        optax.clip_by_global_norm(CLIP),
        optax.adamw(LEARNING_RATE, eps=EPSILON, weight_decay=WEIGHT_DECAY, mask=_kernels),
    )


def _kernels(parameters: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: "kernel" in jax.tree_util.keystr(path), parameters)


def loss(made: Any, x: Any, targets: Any) -> Any:
    """The mean of softmax cross-entropy."""
    return optax.softmax_cross_entropy_with_integer_labels(made(x), targets).mean()


def on_device(x: Array, dtype: str) -> Any:
    """An array on the device; floating point in that dtype."""
    return jnp.asarray(x, dtype if x.dtype == "float32" else x.dtype)


def count(parameters: Any) -> int:
    """How many numbers a tree of arrays has."""
    return sum(x.size for x in jax.tree.leaves(parameters))
