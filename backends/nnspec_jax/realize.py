"""``build``: what each class of the vocabulary becomes in JAX. Every family's file registers its classes.

What comes back is the framework's own object:

=============  ============================================================================================
layer          a Flax ``nnx.Module``, or a plain function where there are no variables; ``build(spec, context)``
activation     a function of an array; ``build(spec, context)``
operation      a function of several arrays; ``build(spec, context)``
loss, metric   a :class:`nnspec_jax.losses.LossFunction`, a function to a batch's sums; ``build(spec)``
Losses         a :class:`nnspec_jax.objective.Objective`, functions of all outputs; ``build(spec)``
schedule       a function of the update step; ``build(spec, dtype)``
optimizer      an ``optax.GradientTransformationExtraArgs``; ``build(spec, dtype, decayed)``
=============  ============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, singledispatch, wraps
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.lacking import missing
from nnspec.layers.base import Shape


@dataclass(frozen=True)
class Context:
    """What the realization of a layer may need.

    Attributes:
        shapes: the shapes of its inputs, batch axis included.
        dtype: of its variables and of its arithmetic.
        rngs: what Flax's constructors ask for. Models are built abstractly, so nothing is ever drawn from it.
    """

    shapes: tuple[Shape, ...]
    dtype: Any
    rngs: nnx.Rngs

    @property
    def features(self) -> int:
        """The size of the first input's last axis."""
        size = self.shapes[0][-1]
        assert size is not None
        return size


@singledispatch
def build(spec: Any, *args: Any, **kwargs: Any) -> Any:
    """The framework's own object for a spec.

    Raises:
        BackendError: the class has no realization here.
    """
    raise missing("jax", type(spec))


def realizes(cls: type[Any]) -> bool:
    """Whether a class is registered. A class derived from one that is has a meaning of its own."""
    return cls in build.registry and cls is not object


HIGHEST = jax.lax.Precision.HIGHEST  # a GPU would take TF32 for float32


def at_least_float32(dtype: Any) -> Any:
    """The dtype for arithmetic that half precision would spoil: float64 stays, all else is float32."""
    return jnp.promote_types(dtype, jnp.float32)


def widened(x: jax.Array) -> jax.Array:
    """An array in the dtype that it is computed in: float32 at least."""
    return x.astype(at_least_float32(x.dtype))


def rounded_once(function: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """The function with half-precision inputs computed in float32 and rounded at the end; others are left alone."""

    @wraps(function)
    def rounding(x: jax.Array) -> jax.Array:
        return function(widened(x)).astype(x.dtype)

    return rounding


def differentiated_as(form: Callable[[jax.Array], jax.Array]) -> Callable[..., Callable[[jax.Array], jax.Array]]:
    """A function of the same values, which is computed in another form where it is differentiated.

    XLA compiles predictions better if it meets the operations that it knows (its library for CPUs takes in a maximum,
    and not the choice that says the same), while the form decides what the derivative is at kinks and ties.
    """

    def decorate(function: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
        known: Callable[[jax.Array], jax.Array] = jax.custom_jvp(function)
        known.defjvp(partial(jax.jvp, form))  # type: ignore[attr-defined]
        return known

    return decorate


def computed(x: jax.Array) -> jax.Array:
    """An array in the dtype that it is computed in: floats in float32 at least, integers and booleans as they are."""
    return widened(x) if jnp.issubdtype(x.dtype, jnp.floating) else x


def copied(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A function that copies elements of its last inputs, of floats or not.

    Its gradient sums: half precision is widened for that.
    """

    @wraps(function)
    def copying(*inputs: jax.Array) -> jax.Array:
        y = function(*map(computed, inputs))
        floats = [x.dtype for x in inputs if jnp.issubdtype(x.dtype, jnp.floating)]
        return y.astype(floats[0]) if floats and jnp.issubdtype(y.dtype, jnp.floating) else y

    return copying
