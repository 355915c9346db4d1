"""A function of JAX as a model that is traced: its first argument may be a tree of variables."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from nnspec.errors import PortError
from nnspec.porting.functions import Function
from nnspec_jax.porting.folding import fold_biases
from nnspec_jax.porting.graph import Graph
from nnspec_jax.porting.original import Arguments, Kind, Leaf


class FunctionGraph(Graph):
    """A graph of a program without layers, in which they are found."""

    def settle(self, outputs: Sequence[Any]) -> None:
        fold_biases(self.assembly, outputs)


class FunctionOriginal:
    """A function, taken apart: see :class:`nnspec_jax.porting.original.Original`."""

    graph = FunctionGraph

    def __init__(self, function: Function) -> None:
        self.module: Any = None
        self.method = "__call__"
        self.name = getattr(function.call, "__name__", type(function.call).__name__)
        self._call, self._given = function.call, function.variables is not None
        with_paths, self._tree = jax.tree_util.tree_flatten_with_path(function.variables)
        self.leaves = [_leaf(path, leaf) for path, leaf in with_paths]

    def signature(self) -> inspect.Signature:
        try:
            whole = inspect.signature(self._call)
        except (TypeError, ValueError) as error:
            raise PortError(
                f"{self.name} does not say which arguments it takes: wrap it in a function that does"
            ) from error
        parameters = list(whole.parameters.values())
        if self._given and not parameters:
            raise PortError(f"{self.name} takes no arguments; of variables it is the first")
        return whole.replace(parameters=parameters[1:] if self._given else parameters)

    def call(self, arrays: Sequence[Any], arguments: Arguments, *, training: bool) -> tuple[Any, list[Any]]:
        placed, named = arguments
        first = [jax.tree.unflatten(self._tree, list(arrays))] if self._given else []
        by_place = {p.name for p in self.signature().parameters.values() if p.kind is p.POSITIONAL_ONLY}
        placed = [*placed, *(named[name] for name in list(named) if name in by_place)]
        rest = {name: value for name, value in named.items() if name not in by_place}
        return self._call(*first, *placed, **rest), list(arrays)

    def marking(self) -> Any:
        return contextlib.nullcontext()


def _leaf(path: Any, leaf: Any) -> Leaf:
    """A variable: numbers that are trained if they are floats, and constants if not."""
    names = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", key)))) for key in path]
    if not hasattr(leaf, "dtype"):
        leaf = np.asarray(leaf)
    kind: Kind = "constant"
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        kind = "key"
    elif jax.dtypes.issubdtype(leaf.dtype, np.floating):
        kind = "parameter"
    return Leaf(".".join(names) or "variable", leaf, kind)
