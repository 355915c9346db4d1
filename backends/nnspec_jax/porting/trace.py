"""A Flax model as a jaxpr: layers that have a conversion are single equations of it, the rest are JAX's primitives.

A model is traced with two batch sizes, so that what grows with the batch can be told from what does not, and that
nothing depends on it otherwise. All arrays are float64, so that constants are what they are in the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.errors import PortError
from nnspec_jax.porting.marker import APART
from nnspec_jax.porting.original import Calling, Original

# Sizes of a batch that are hardly any other axis's: pairs of primes, of which one that no array has is taken.
_SIZES = ((127, 113), (109, 103), (97, 89), (83, 79))


@dataclass(frozen=True)
class Traced:
    """A model's jaxpr.

    Attributes:
        closed: from the model's arrays and its inputs to its outputs.
        tree: of the outputs.
        batch: the size of the batch.
    """

    closed: Any
    tree: Any
    batch: int


def trace(
    original: Original,
    calling: Calling,
    batch: int,
    *,
    training: bool,
    wide: bool = True,
    statistics: bool = False,
) -> Traced:
    """The model's jaxpr for a batch of this size.

    Args:
        original: the model.
        calling: how it is called.
        batch: how many examples.
        training: whether the model is in training mode.
        wide: whether floats are float64, else those of the model and of float32 inputs.
        statistics: whether the model's arrays afterwards are outputs, too, behind the others.

    Raises:
        PortError: the model cannot be called so.
    """
    trees: list[Any] = []

    def run(arrays: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
        with original.marking():
            given, after = original.call(arrays, calling.arguments(inputs, training=training), training=training)
        leaves, tree = jax.tree.flatten(given)
        trees.append(tree)
        return [*map(jnp.asarray, leaves), *(after if statistics else [])]

    with jax.enable_x64(wide), APART(training):
        arrays = [_abstract(leaf.array, wide=wide) for leaf in original.leaves]
        inputs = [_abstract(x, (batch, *x.shape[1:]), wide=wide) for x in calling.inputs.values()]
        inputs += [_abstract(key, wide=wide) for key in calling.keys.values()]
        try:
            closed = jax.make_jaxpr(run)(arrays, inputs)
        except PortError:
            raise
        except Exception as error:
            mode = "training" if training else "inference"
            raise PortError(
                f"{original.name}.{original.method} cannot be called in {mode} mode on a batch of {batch} of these "
                f"inputs: {type(error).__name__}: {error}"
            ) from error
    return Traced(closed, trees[-1], batch)


def traces(original: Original, calling: Calling, *, training: bool) -> tuple[Traced, Traced]:
    """The model's jaxprs for two sizes of the batch, of which no other axis has the first.

    Raises:
        PortError: the model cannot be called on batches of these sizes.
    """
    for first, second in _SIZES:
        one = trace(original, calling, first, training=training)
        two = trace(original, calling, second, training=training)
        if not _taken(one.closed.jaxpr, two.closed.jaxpr, first):
            return one, two
    raise PortError(f"{original.name} has axes of all the sizes that could stand for the batch's")


def _abstract(array: Any, shape: tuple[int, ...] | None = None, *, wide: bool) -> jax.ShapeDtypeStruct:
    dtype = array.dtype
    if jnp.issubdtype(dtype, jnp.floating) and wide:
        dtype = np.dtype(np.float64)
    elif not jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key):
        dtype = jax.dtypes.canonicalize_dtype(np.int32 if dtype == np.int64 else dtype)
    return jax.ShapeDtypeStruct(array.shape if shape is None else shape, dtype)


def _taken(one: Any, two: Any, size: int) -> bool:
    """Whether some axis has that size, or a multiple of it, at both sizes of the batch."""
    for equation, other in zip(one.eqns, two.eqns, strict=False):
        for var, same in zip(equation.outvars, other.outvars, strict=False):
            shapes = zip(getattr(var.aval, "shape", ()), getattr(same.aval, "shape", ()), strict=False)
            if any(a == b and a > 0 and a % size == 0 for a, b in shapes):
                return True
    return False
