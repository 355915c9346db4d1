"""NNX modules as they are traced: those with a conversion bind a marker, the others say where they are.

Classes are changed while a model is traced: what is called in the place of ``__call__`` asks whether this thread is
tracing, and is the method itself in every other one.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from nnspec_jax.porting.marker import Arguments, Arrays, Marked, layer_p

# The attribute that holds a module's place while its model is traced.
PLACE = "_nnspec_place"
_STATISTICS = (nnx.BatchStat, nnx.Cache)
_LOCAL = threading.local()
_PATCHING = threading.RLock()


@contextmanager
def _set(**values: Any) -> Iterator[None]:
    before = {name: getattr(_LOCAL, name, None) for name in values}
    for name, value in values.items():
        setattr(_LOCAL, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(_LOCAL, name, value)


def placed(module: Any) -> None:
    """Write into each module its place in this one."""
    for path, node in nnx.iter_graph(module):
        if isinstance(node, nnx.Module) and not hasattr(node, PLACE):
            setattr(node, PLACE, ".".join(map(str, path)))


def widened(module: Any) -> None:
    """Have modules make arrays of the dtype that is computed in where they would make float32."""
    for _, node in nnx.iter_graph(module):
        if isinstance(node, nnx.Module) and getattr(node, "param_dtype", None) is jax.numpy.float32:
            node.param_dtype = float
        if isinstance(node, nnx.Embed) and node.dtype == jax.numpy.float32:
            node.dtype = float  # Flax gives it that of its table where the user gave none
        if isinstance(node, nnx.SimpleCell) and node.dtype is jax.numpy.float32:
            for part in (node, node.dense_i, node.dense_h):  # Flax's default, of this cell alone
                part.dtype = float


def place(module: Any) -> tuple[str, ...]:
    """The place that was written into a module."""
    return tuple(filter(None, getattr(module, PLACE, "").split(".")))


@contextmanager
def marking(leaves: Iterable[tuple[type[Any], str]], others: Iterable[type[Any]]) -> Iterator[None]:
    """Have modules mark their calls in this thread.

    Args:
        leaves: classes, each with a method, that have a conversion.
        others: classes of modules that only say where they are.
    """
    leaves, others = list(leaves), list(others)

    def within(marked: Marked, trace: Callable[[], Any]) -> Any:
        with marking(leaves, others), _set(descending=True):
            return trace()

    wrapped: dict[tuple[type[Any], str], Callable[..., Any]] = {}
    for cls in others:
        # A class may have the method of another one: that one is changed, so that a layer's own still marks.
        own = next((base for base in cls.__mro__ if "__call__" in vars(base)), None)
        if own is not None:
            wrapped[own, "__call__"] = _scoped(own.__call__)
    for cls, method in leaves:
        wrapped[cls, method] = _marking(cls, method, getattr(cls, method), within)
    with _PATCHING:
        before = {key: vars(key[0]).get(key[1]) for key in wrapped}
        try:
            for (cls, method), function in wrapped.items():
                setattr(cls, method, function)
            with _set(tracing=True):
                yield
        finally:
            for (cls, method), function in before.items():
                if function is None:
                    delattr(cls, method)
                else:
                    setattr(cls, method, function)


def _scoped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        where = getattr(self, PLACE, "")
        if not where or not getattr(_LOCAL, "tracing", False):
            return function(self, *args, **kwargs)
        with jax.named_scope(f"@{where}"):
            return function(self, *args, **kwargs)

    return called


def _marking(cls: type[Any], method: str, function: Callable[..., Any], within: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not getattr(_LOCAL, "tracing", False):
            return function(self, *args, **kwargs)
        kwargs = {name: value for name, value in kwargs.items() if name != "rngs"}
        arguments, arrays = Arguments.taken_from(args, kwargs)
        graphdef, rngs, state = nnx.split(self, nnx.RngState, ...)
        operands, tree = jax.tree.flatten(state)
        places = [path for path, _ in jax.tree_util.tree_flatten_with_path(state)[0]]
        statistics = nnx.state(self, _STATISTICS)
        kept = tuple(places.index(path) for path, _ in jax.tree_util.tree_flatten_with_path(statistics)[0])
        with jax.ensure_compile_time_eval():
            still = jax.tree.map(_still, rngs)
        module = _Module(function, graphdef, still, tree)
        marked = Marked(cls, method, place(self), module, arguments, len(operands), kept, within)
        made = layer_p.bind(*operands, *arrays, marked=marked)
        count = len(made) - len(kept)
        if kept:
            nnx.update(self, jax.tree.unflatten(jax.tree.structure(statistics), made[count:]))
        return jax.tree.unflatten(marked.out[0], made[:count])

    return called


def _still(leaf: Any) -> Any:
    """A generator's state that nothing is drawn from, of the same shape."""
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.split(jax.random.key(0), leaf.shape) if leaf.shape else jax.random.key(0)
    return jax.numpy.zeros(leaf.shape, leaf.dtype)


@dataclass(frozen=True, eq=False)
class _Module:
    """A module of NNX, taken apart."""

    function: Callable[..., Any]
    graphdef: Any
    rngs: Any
    tree: Any

    def concrete(self, arrays: Arrays) -> Any:
        rngs = jax.tree.map(lambda leaf: leaf, self.rngs)  # variables of this trace, which it may update
        return nnx.merge(self.graphdef, rngs, jax.tree.unflatten(self.tree, list(arrays)))

    def call(self, arrays: Arrays, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
        module = self.concrete(arrays)
        descending = getattr(_LOCAL, "descending", False)
        kwargs = _calmed(module, kwargs)
        with _set(tracing=descending, descending=False):
            given = self.function(module, *args, **kwargs)
        return given, jax.tree.leaves(nnx.state(module, _STATISTICS))


def _calmed(module: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Set a module, and the arguments of its call, so that nothing is dropped."""
    if isinstance(module, nnx.Dropout):
        module.rate = 0.0
    elif isinstance(module, nnx.MultiHeadAttention):
        if module.attention_fn is nnx.dot_product_attention:
            # At a rate of 0 Flax calls jax.nn.dot_product_attention, whose softmax is in float32 whatever it is given.
            module.dropout_rate = 0.5
        return {**kwargs, "deterministic": True}
    return kwargs
