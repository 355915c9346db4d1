"""The graph as a Flax module."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

# The families are imported because they register their classes.
import nnspec_jax.activation
import nnspec_jax.arrangement
import nnspec_jax.attention
import nnspec_jax.color
import nnspec_jax.contraction
import nnspec_jax.convolution
import nnspec_jax.convolutional_recurrent
import nnspec_jax.cumulative
import nnspec_jax.dropout
import nnspec_jax.elementwise
import nnspec_jax.embedding
import nnspec_jax.filtering
import nnspec_jax.geometry
import nnspec_jax.histogram
import nnspec_jax.indexing
import nnspec_jax.linear
import nnspec_jax.logic
import nnspec_jax.lookup
import nnspec_jax.masking
import nnspec_jax.normalization
import nnspec_jax.ops
import nnspec_jax.padding
import nnspec_jax.parameter
import nnspec_jax.pooling
import nnspec_jax.positions
import nnspec_jax.recurrent
import nnspec_jax.reductions
import nnspec_jax.resampling
import nnspec_jax.scaling
import nnspec_jax.shape
import nnspec_jax.sorting
import nnspec_jax.spectra
import nnspec_jax.stablehlo
import nnspec_jax.time_distributed
import nnspec_jax.tokens
import nnspec_jax.tones
import nnspec_jax.transposed_convolution
import nnspec_jax.warping
import nnspec_jax.weight_normalization  # noqa: F401
from nnspec.model import Model
from nnspec.random import stream_of
from nnspec_jax.attributes import attribute
from nnspec_jax.random import keep_mask, normals, words
from nnspec_jax.realize import Context, build


class RandomState(nnx.Variable):
    """The seed and the step that masks are drawn from: state that gradients and optimizers leave alone."""


@dataclass
class Pass:
    """One forward pass: what random layers draw from, and what the pass leaves behind.

    Attributes:
        seed: uint32 (2,), the low and the high half.
        step: uint32 ().
        nodes: the value of every node, by path.
        masks: the keep-masks that were used, by path.
        calls: how often the layer at a path has been called.
    """

    seed: jax.Array
    step: jax.Array
    nodes: dict[str, jax.Array] = field(default_factory=dict)
    masks: dict[str, jax.Array] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def draws(self, purposes: Sequence[str], owner: str, path: str) -> dict[str, Any]:
        """What a random layer is given in one call: functions that draw for its purposes."""
        call = self.calls[owner]
        made = {"dropout": ("keep_mask", partial(self.keep_mask, owner, path, call))}
        made["noise"] = ("normals", partial(self.normals, owner, call))
        made["augmentation"] = ("words", partial(self.words, owner, call))
        return dict(made[purpose] for purpose in purposes)

    def normals(self, owner: str, call: int, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        """The standard normal numbers of one call of the layer that is kept at ``owner``."""
        return normals(shape, dtype, self.seed, stream_of(owner, "noise", call), self.step)

    def words(self, owner: str, call: int, shape: tuple[int, int]) -> jax.Array:
        """The words, so many for each example, of one call of the augmentation that is kept at ``owner``."""
        stream = stream_of(owner, "augmentation", call)
        return words(self.seed, stream, self.step, math.prod(shape)).reshape(shape)

    def keep_mask(self, owner: str, path: str, call: int, rate: float, shape: tuple[int, ...]) -> jax.Array:
        """The keep-mask of one call of the dropout whose layer is kept at ``owner``, recorded under ``path``."""
        mask = keep_mask(rate, shape, self.seed, stream_of(owner, "dropout", call), self.step)
        self.masks[path] = mask
        return mask


class Nodes(nnx.Module):
    """The nodes of a model. A nested model is one of these; :class:`Graph` is the outermost.

    Attributes:
        model: the spec.
        layers: what each node that has a layer of its own became, by node name (see :func:`attribute`).
    """

    def __init__(self, model: Model, context: Context) -> None:
        self.model = model
        inferred = model.infer(*context.shapes)
        self.layers = nnx.Dict(
            {
                attribute(node.name): build(node.layer, replace(context, shapes=inferred[node.name].inputs))
                for node in model.nodes
                if node.shares is None
            }
        )

    def run(self, inputs: Sequence[jax.Array], run: Pass, path: str = "", owner: str = "") -> dict[str, jax.Array]:
        """The values of all inputs and nodes by name. ``path`` leads to the nodes, ``owner`` to their layers."""
        values = dict(zip(self.model.inputs, inputs, strict=True))
        for node in self.model.nodes:
            given = [values[name] for name in node.inputs]
            here, mine = path + node.name, owner + node.owner
            layer = self.layers[attribute(node.owner)]
            if isinstance(layer, Nodes):
                value = layer.run(given, run, f"{here}/", f"{mine}/")[layer.model.outputs[0]]
            else:
                options: dict[str, Any] = {"spec": node.layer} if node.layer.variants else {}
                if node.layer.random:
                    options |= run.draws(node.layer.random, mine, here)
                    run.calls[mine] += 1
                value = layer(*given, **options)
            run.nodes[here] = values[node.name] = value
        return values


@build.register
def nested(spec: Model, context: Context) -> Nodes:
    return Nodes(spec, context)


class Graph(Nodes):
    """A model as a plain Flax module, to be used and trained with Flax's own tools.

    ``graph(x, ...)`` takes the inputs in the order of ``model.inputs`` and returns the output; several outputs come as
    a dict by node name. It starts in inference mode; ``train()`` and ``eval()`` switch it. In training mode BatchNorm
    updates its statistics and ``step`` grows by one after each call, so that the next one drops others.

    A float64 graph has to be called under ``jax.enable_x64(True)``, as everything of JAX in float64.
    """

    def __init__(self, model: Model, context: Context) -> None:
        super().__init__(model, context)
        self.seed = RandomState(jnp.zeros((2,), jnp.uint32))
        self.step = RandomState(jnp.zeros((), jnp.uint32))
        self.deterministic = True

    def observe(self, *inputs: jax.Array) -> tuple[dict[str, jax.Array], Pass]:
        """The outputs by node name, and the pass with every node's value and mask. The step grows as in a call."""
        run = Pass(self.seed[...], self.step[...])
        values = self.run(inputs, run)
        if not self.deterministic:
            self.step[...] = run.step + np.uint32(1)
        return {name: values[name] for name in self.model.outputs}, run

    def __call__(self, *inputs: jax.Array) -> Any:
        outputs, _ = self.observe(*inputs)
        return outputs if len(outputs) > 1 else outputs[self.model.outputs[0]]
