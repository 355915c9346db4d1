"""A Flax model as a function of its variables and inputs: what is traced, and what verification runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import jax
import numpy as np
from flax import linen as nn, nnx

from nnspec.backends import Array, Arrays
from nnspec.errors import PortError
from nnspec.porting.functions import Function
from nnspec_jax.porting import modules_linen, modules_nnx
from nnspec_jax.porting.convert import METHODS, convert

# Arguments by which a model is told whether it trains, and what they are then.
MODES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
    "update_stats": True,
    "eval": False,
}
# Collections of keys that linen modules draw random numbers of.
_KEYS = ("dropout", "default", "params", "noise")
# What a call is made with: by place, and by name.
Arguments = tuple[list[Any], dict[str, Any]]
# Parameters are trained, statistics follow, of keys random numbers are drawn; all else is a constant.
Kind = Literal["parameter", "statistic", "constant", "key"]


@dataclass(frozen=True)
class Leaf:
    """One array of a model.

    Attributes:
        path: where it is.
        array: the numbers.
        kind: what becomes of it in training.
    """

    path: str
    array: Any
    kind: Kind


class Original(Protocol):
    """A model, taken apart.

    Attributes:
        module: the module.
        leaves: its arrays.
        name: of the model's class.
        method: which of its methods is meant.
    """

    module: Any
    leaves: list[Leaf]
    name: str
    method: str

    def signature(self) -> inspect.Signature:
        """What the method takes, without ``self``."""

    def call(self, arrays: Sequence[Any], arguments: Arguments, *, training: bool) -> tuple[Any, list[Any]]:
        """What the method gives, and the model's arrays afterwards."""

    def marking(self) -> Any:
        """A context in which modules mark their calls."""


def _leaf_classes(base: type[Any]) -> Iterator[tuple[type[Any], str]]:
    for cls in convert.registry:
        if isinstance(cls, type) and issubclass(cls, base):
            yield cls, "__call__"
    for cls, method in METHODS:
        if issubclass(cls, base):
            yield cls, method


class NNXOriginal:
    """A module of NNX."""

    def __init__(self, module: Any, method: str | None = None) -> None:
        self.method = method or "__call__"
        self.name = type(module).__name__
        self.module: Any = None  # train() and eval() change what it says of itself
        self._signature = inspect.signature(getattr(module, self.method))
        copy = nnx.clone(module)
        modules_nnx.placed(copy)
        modules_nnx.widened(copy)
        self.classes = {type(node) for _, node in nnx.iter_graph(copy) if isinstance(node, nnx.Module)}
        self._graphdefs = {}
        for training in (False, True):
            copy.train() if training else copy.eval()
            self._graphdefs[training], state = nnx.split(copy)
        with_paths, self._tree = jax.tree_util.tree_flatten_with_path(
            state, is_leaf=lambda node: isinstance(node, nnx.Variable)
        )
        # Flax keeps the lengths of WeightNorm in plain arrays, which are no constants for that.
        norms = {"/".join(map(str, path)) for path, node in nnx.iter_graph(copy) if isinstance(node, nnx.WeightNorm)}
        self.leaves = [_nnx_leaf(path, leaf, norms) for path, leaf in with_paths]
        self._values = jax.tree.structure(state)

    def signature(self) -> inspect.Signature:
        return self._signature

    def call(self, arrays: Sequence[Any], arguments: Arguments, *, training: bool) -> tuple[Any, list[Any]]:
        module = nnx.merge(self._graphdefs[training], jax.tree.unflatten(self._values, list(arrays)))
        args, kwargs = arguments
        given = getattr(module, self.method)(*args, **kwargs)
        after = nnx.state(module, lambda path, value: not isinstance(value, nnx.Intermediate))
        return given, jax.tree.leaves(after)

    @contextmanager
    def marking(self) -> Iterator[None]:
        with modules_nnx.marking(list(_leaf_classes(nnx.Module)), self.classes):
            yield


def _nnx_leaf(path: Any, leaf: Any, norms: set[str]) -> Leaf:
    kind: Kind = "constant"
    names = [str(getattr(key, "key", key)) for key in path]
    if "scales" in names and "/".join(names[: names.index("scales")]) in norms:
        kind = "parameter"
    if isinstance(leaf, nnx.Param):
        kind = "parameter"
    elif isinstance(leaf, nnx.BatchStat):
        kind = "statistic"
    elif isinstance(leaf, nnx.RngState):
        kind = "key"
    array = leaf.get_value() if isinstance(leaf, nnx.Variable) else leaf
    return Leaf(".".join(names), array, kind)


class LinenOriginal:
    """A linen module with its variables."""

    def __init__(self, module: Any, variables: Mapping[str, Any], method: str | None = None) -> None:
        if module.scope is not None:
            module, bound = module.unbind()
            variables = variables or bound
        self.method = method or "__call__"
        self.name = type(module).__name__
        self.module = modules_linen.widened(module)
        self._signature = inspect.signature(getattr(module, self.method))
        with_paths, self._tree = jax.tree_util.tree_flatten_with_path(nn.unbox(_plain(variables)))
        keys = [Leaf(name, jax.random.key(0), "key") for name in _KEYS]
        self.leaves = [*(_linen_leaf(path, leaf) for path, leaf in with_paths), *keys]

    def signature(self) -> inspect.Signature:
        return self._signature

    def call(self, arrays: Sequence[Any], arguments: Arguments, *, training: bool) -> tuple[Any, list[Any]]:
        count = len(arrays) - len(_KEYS)
        variables = jax.tree.unflatten(self._tree, list(arrays[:count]))
        mutable = [name for name in variables if name != "params"] if training else []
        keys = dict(zip(_KEYS, arrays[count:], strict=True))
        args, kwargs = arguments
        given, changed = self.module.apply(variables, *args, rngs=keys, mutable=mutable, method=self.method, **kwargs)
        after = {name: changed.get(name, values) for name, values in variables.items()}
        return given, [*jax.tree.leaves(after), *arrays[count:]]

    def marking(self) -> Any:
        return modules_linen.marking(_leaf_classes(nn.Module))


def _plain(variables: Any) -> Any:
    """Nested dicts of what may be a FrozenDict; parameters alone are a collection."""
    from flax.core import unfreeze

    given = unfreeze(variables) if not isinstance(variables, dict) else variables
    given = {name: unfreeze(values) if isinstance(values, Mapping) else values for name, values in given.items()}
    return given if "params" in given or "batch_stats" in given or not given else {"params": given}


def _linen_leaf(path: Any, leaf: Any) -> Leaf:
    collection, *rest = (str(getattr(key, "key", key)) for key in path)
    kinds: dict[str, Kind] = {"params": "parameter", "batch_stats": "statistic"}
    return Leaf("/".join(rest), leaf, kinds.get(collection, "constant"))


@dataclass(frozen=True)
class Calling:
    """How a model is called.

    Attributes:
        inputs: examples by the name of the argument.
        fixed: arguments that are no arrays.
        mode: the argument that says whether the model trains, and what it is in training.
        keys: arguments that random numbers are drawn of.
        by_place: how many of the inputs are given by place, as a method with ``*args`` wants them.
    """

    inputs: dict[str, Array]
    fixed: dict[str, Any]
    mode: dict[str, bool]
    keys: dict[str, Any] = field(default_factory=dict)
    by_place: int = 0

    def arguments(self, arrays: Sequence[Any], *, training: bool) -> Arguments:
        """The arguments of a call on arrays in the order of ``inputs``, then of ``keys``."""
        modes = {name: value if training else not value for name, value in self.mode.items()}
        named = dict(zip((*self.inputs, *self.keys), arrays, strict=True))
        placed = [named.pop(name) for name in list(self.inputs)[: self.by_place]]
        return placed, {**named, **self.fixed, **modes}


def calling(original: Original, inputs: Arrays | None) -> Calling:
    """How a model is called, by examples of its inputs by name or by place.

    Raises:
        PortError: there are none, or the method takes no such argument.
    """
    signature = original.signature()
    parameters = [p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if not inputs:
        names = ", ".join(p.name for p in parameters if p.name not in MODES)
        raise PortError(f"{original.name} does not say what it takes: give an example of each input ({names})")
    named: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    placed = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
    rest = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL), None)
    for key, example in inputs.items():
        if rest is not None and key.isdigit() and not placed:
            named[f"{rest}_{key}"] = np.asarray(example)
            continue
        if key.isdigit() and int(key) >= len(parameters):
            raise PortError(f"{original.name}.{original.method} takes {len(parameters)} arguments, got input {key}")
        name = parameters[int(key)].name if key.isdigit() else key
        if _is_key(name, example):
            keys[name] = example
        else:
            named[name] = np.asarray(example)
    by_place = len(named) if rest is not None and not placed else 0
    for name in (*named, *keys)[by_place:]:
        if name not in signature.parameters:
            raise PortError(f"{original.name}.{original.method} has no argument {name!r}")
    fixed = {name: x.item() for name, x in named.items() if x.ndim == 0}
    arrays = {name: x for name, x in named.items() if x.ndim}
    if not arrays:
        raise PortError(f"{original.name}: inputs have the batch as their first axis, and these are numbers")
    mode = {
        p.name: MODES[p.name]
        for p in parameters
        if p.name in MODES and p.name not in fixed and getattr(original.module, p.name, None) is None
    }
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in (*named, *keys, *mode)]
    if missing:
        raise PortError(f"{original.name}.{original.method} takes {', '.join(missing)}, too: give an example of each")
    return Calling(arrays, fixed, mode, keys, by_place)


def _is_key(name: str, example: Any) -> bool:
    """Whether an example is a key of random numbers, of the old kind, too: two words in an argument named so."""
    if jax.dtypes.issubdtype(example.dtype, jax.dtypes.prng_key):
        return True
    return example.dtype == np.uint32 and np.shape(example) == (2,) and ("rng" in name or "key" in name)


def made_of(model: Any, method: str | None, variables: Mapping[str, Any] | None = None) -> Original:
    """A live model taken apart: an NNX module, a bound linen module, or one with its variables.

    Raises:
        PortError: it is a linen module without variables, or something else.
    """
    if isinstance(model, Function):
        from nnspec_jax.porting.function import FunctionOriginal

        return FunctionOriginal(model)
    if isinstance(model, tuple) and len(model) == 2 and isinstance(model[0], nn.Module):
        model, variables = model
    if isinstance(model, nn.Module):
        if not variables and model.scope is None:
            raise PortError(
                f"{type(model).__name__} is a linen module, which has no variables of its own: give (module, variables)"
            )
        return LinenOriginal(model, variables or {}, method)
    if isinstance(model, nnx.Module):
        return NNXOriginal(model, method)
    raise PortError(f"expected a module of Flax, got {type(model).__name__}")
