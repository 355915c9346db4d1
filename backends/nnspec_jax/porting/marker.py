"""Layers as single equations: a primitive that stands for one call of a module that has a conversion.

While a model is traced, such a module binds ``layer_p`` in the place of what it computes. Its operands are the module's
own variables and the arrays that it is called on, so that lifted transforms (``nnx.scan``, ``nn.vmap``) see them; what
it gives has the abstract values that ``jax.eval_shape`` finds.

Layers that drop at random drop nothing here, in training mode too: no two frameworks draw the same masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from nnspec.errors import PortError

Arrays = Sequence[Any]
# What is traced while modules mark their calls is nothing that JAX may take for the same function outside.
APART = jax.make_user_context(None)


class Module(Protocol):
    """How a marked module is made of arrays and called."""

    def call(self, arrays: Arrays, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
        """What the module gives, and its statistics afterwards."""

    def concrete(self, arrays: Arrays) -> Any:
        """The module with these arrays, for its conversion."""


@dataclass(frozen=True)
class Arguments:
    """Arguments of a call with the arrays taken out.

    Attributes:
        tree: of (args, kwargs).
        static: what stands at each leaf; None where an array does.
        dynamic: whether an array stands there.
    """

    tree: Any
    static: tuple[Any, ...]
    dynamic: tuple[bool, ...]

    @classmethod
    def taken_from(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Arguments, list[Any]]:
        """The rest of a call, and its arrays."""
        leaves, tree = jax.tree.flatten((args, kwargs))
        dynamic = tuple(isinstance(leaf, jax.Array | np.ndarray | np.generic) for leaf in leaves)
        static = tuple(None if array else leaf for leaf, array in zip(leaves, dynamic, strict=True))
        return cls(tree, static, dynamic), [leaf for leaf, array in zip(leaves, dynamic, strict=True) if array]

    def filled(self, arrays: Arrays) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with these in the place of arrays."""
        given = iter(arrays)
        leaves = [next(given) if array else fixed for fixed, array in zip(self.static, self.dynamic, strict=True)]
        args, kwargs = jax.tree.unflatten(self.tree, leaves)
        return args, kwargs


@dataclass(frozen=True, eq=False)
class Marked:
    """One call of a module.

    Attributes:
        cls: the class whose conversion it gets.
        method: the method that is called.
        path: the module's place in the model.
        module: how it is made and called.
        arguments: of the call.
        states: how many of the operands are the module's variables.
        kept: which of these are the statistics that it gives after its results.
        within: what calls nothing but traces of modules within, while ``call`` is run to be descended into.
        out: the tree of what it gives, known once it has been run.
    """

    cls: type[Any]
    method: str
    path: tuple[str, ...]
    module: Module
    arguments: Arguments
    states: int
    kept: tuple[int, ...]
    within: Callable[[Marked, Callable[[], Any]], Any]
    out: list[Any] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """``encoder.dense (nnx.Linear)``."""
        family = "nnx" if ".nnx" in self.cls.__module__ else "linen"
        what = f"{family}.{self.cls.__name__}" + ("" if self.method == "__call__" else f".{self.method}")
        return f"{'.'.join(self.path)} ({what})" if self.path else what

    def run(self, *operands: Any) -> list[Any]:
        """What it gives, flat, and after that its statistics."""
        args, kwargs = self.arguments.filled(operands[self.states :])
        given, statistics = self.module.call(operands[: self.states], args, kwargs)
        leaves, tree = jax.tree.flatten(given)
        self.out[:] = [tree]
        return [*map(jnp.asarray, leaves), *statistics]

    def opened(self, avals: Sequence[Any]) -> Any:
        """What it computes as a jaxpr, with the modules inside of it marked."""
        # Another function than that whose abstract values JAX knows already: modules within are marked this time.
        with APART(id(self)):
            return self.within(self, lambda: jax.make_jaxpr(lambda *operands: self.run(*operands))(*avals))


layer_p = Primitive("flax_layer")
layer_p.multiple_results = True


@layer_p.def_impl
def _impl(*operands: Any, marked: Marked) -> list[Any]:
    return marked.run(*operands)


@layer_p.def_abstract_eval
def _abstract(*avals: Any, marked: Marked) -> list[Any]:
    shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals]
    return [jax.core.ShapedArray(made.shape, made.dtype) for made in jax.eval_shape(marked.run, *shapes)]


mlir.register_lowering(layer_p, mlir.lower_fun(lambda *operands, marked: marked.run(*operands), multiple_results=True))


def _jvp(primals: Any, tangents: Any, *, marked: Marked) -> Any:
    filled = [ad.instantiate_zeros(tangent) for tangent in tangents]
    return jax.jvp(marked.run, tuple(primals), tuple(filled))


ad.primitive_jvps[layer_p] = _jvp


def _batched(operands: Any, axes: Any, *, marked: Marked) -> Any:
    """The layer under ``vmap``: once for all where its variables are the same for all, else once for each.

    A layer that takes further axes before those that it is about (a Linear does) is called once, with the new axis as
    the first; whether it does, its shapes tell. One with variables for each is a layer of its own for each.
    """
    size = next(x.shape[axis] for x, axis in zip(operands, axes, strict=True) if axis is not None)
    moved = [x if axis is None else jnp.moveaxis(x, axis, 0) for x, axis in zip(operands, axes, strict=True)]
    mapped = [axis is not None for axis in axes]
    if not any(mapped[: marked.states]) and _takes_axes(moved, mapped, size, marked):
        made = layer_p.bind(*moved, marked=marked)
        return made, [0] * len(made)
    if size > _MOST:
        raise PortError(
            f"{marked.origin}: vmap over {size} calls of a layer that computes each by itself; write it for whole "
            "batches"
        )
    each = []
    for i in range(size):
        now = [jax.lax.index_in_dim(x, i, keepdims=False) if many else x for x, many in zip(moved, mapped, strict=True)]
        each.append(layer_p.bind(*now, marked=marked))
    return [jnp.stack(parts) for parts in zip(*each, strict=True)], [0] * len(each[0])


batching.primitive_batchers[layer_p] = _batched

# Over how many layers vmap is written out, one by one.
_MOST = 64
# Layers that take any axes before those that they are about.
POINTWISE: set[type[Any]] = set()


def _takes_axes(operands: Arrays, mapped: Sequence[bool], size: int, marked: Marked) -> bool:
    if not any(issubclass(marked.cls, cls) for cls in POINTWISE):
        return False
    one = [
        jax.ShapeDtypeStruct(x.shape[1:] if many else x.shape, x.dtype)
        for x, many in zip(operands, mapped, strict=True)
    ]
    all_of_them = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in operands]
    wanted = [(size, *made.shape) for made in jax.eval_shape(marked.run, *one)]
    return wanted == [made.shape for made in jax.eval_shape(marked.run, *all_of_them)]
