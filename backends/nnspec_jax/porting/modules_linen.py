"""Linen modules as they are traced: those with a conversion bind a marker, the others say where they are."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import jax
from flax import linen as nn
from flax.core import unfreeze

from nnspec_jax.porting.marker import Arguments, Arrays, Marked, layer_p

_LOCAL = threading.local()
# What a call may be given for its random numbers.
_KEYS = ("rng", "dropout_rng", "init_key")


@dataclass
class _State:
    """What this thread is doing: marking or not; the place of the module that is looked into; whose call is not marked
    again."""

    tracing: bool = False
    prefix: tuple[str, ...] = ()
    passing: Any = None
    descending: Marked | None = None


def _state() -> _State:
    if not hasattr(_LOCAL, "state"):
        _LOCAL.state = _State()
    state: _State = _LOCAL.state
    return state


@contextmanager
def _set(state: _State) -> Iterator[None]:
    before, _LOCAL.state = _state(), state
    try:
        yield
    finally:
        _LOCAL.state = before


@contextmanager
def marking(leaves: Iterable[tuple[type[Any], str]]) -> Iterator[None]:
    """Have modules mark their calls in this thread.

    Args:
        leaves: classes, each with a method, that have a conversion.
    """
    leaves = list(leaves)

    def within(marked: Marked, trace: Callable[[], Any]) -> Any:
        with marking(leaves), _set(_State(descending=marked)):
            return trace()

    known: dict[Any, list[tuple[type[Any], str]]] = {}
    for cls, method in leaves:
        known.setdefault(inspect.unwrap(getattr(cls, method)), []).append((cls, method))

    def intercept(function: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        state = _state()
        if not state.tracing:
            return function(*args, **kwargs)
        original = inspect.unwrap(context.orig_method.func)
        for cls, method in known.get(original, ()):
            if isinstance(context.module, cls) and state.passing is not original:
                return _marked(cls, method, context.module, args, kwargs, within)
        if state.passing is original:
            _LOCAL.state = _State(True, state.prefix)
        where = ".".join((*state.prefix, *context.module.path))
        if not where or context.method_name == "setup":
            return function(*args, **kwargs)
        with jax.named_scope(f"@{where}"):
            return function(*args, **kwargs)

    with nn.intercept_methods(intercept), _set(_State(tracing=True)):
        yield


def _marked(
    cls: type[Any], method: str, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], within: Any
) -> Any:
    kwargs = {name: value for name, value in kwargs.items() if name not in _KEYS}
    arguments, arrays = Arguments.taken_from(args, kwargs)
    variables, renamed = _variables(module)
    operands, tree = jax.tree.flatten(variables)
    paths = jax.tree_util.tree_flatten_with_path(variables)[0]
    kept = tuple(i for i, (path, _) in enumerate(paths) if path[0].key != "params")
    definition = widened(module.clone(_deep_clone=True, _reset_names=True, name=None, parent=None))
    state = _state()
    made = _Module(definition, method, tree)
    marked = Marked(cls, method, (*state.prefix, *module.path), made, arguments, len(operands), kept, within)
    given = layer_p.bind(*operands, *arrays, marked=marked)
    statistics = {name: values for name, values in variables.items() if name != "params"}
    count = len(given) - len(kept)
    changed = jax.tree.unflatten(jax.tree.structure(statistics), given[count:])
    for collection, values in changed.items():
        if module.is_mutable_collection(collection):
            for name, value in values.items():
                if not isinstance(value, Mapping):
                    module.put_variable(collection, renamed.get(name, name), value)
    return jax.tree.unflatten(marked.out[0], given[:count])


def _variables(module: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A bound module's variables, with those of modules that it was given under the names of its fields.

    Returns:
        The variables, and what of them had another name: a norm of a layer's weights names its own after the layer.
    """
    variables: dict[str, Any] = unfreeze(dict(module.variables))
    renamed: dict[str, str] = {}
    for field in fields(module):
        inner = getattr(module, field.name, None)
        if field.name == "parent" or not isinstance(inner, nn.Module) or inner.scope is None:
            continue
        name = inner.path[-1]
        for own in variables.values():
            for key in [key for key in own if key.startswith(f"{name}/")]:
                new = field.name + key.removeprefix(name)
                own[new] = own.pop(key)
                renamed[new] = key
        for collection, values in _variables(inner)[0].items():
            own = variables.setdefault(collection, {})
            if inner.path[:-1] == module.path:
                own.pop(name, None)
            own[field.name] = values
    return variables, renamed


def widened(module: Any) -> Any:
    """A module that makes arrays of the dtype that is computed in where it would make float32."""
    changes: dict[str, Any] = {}
    for field in fields(module):
        value = getattr(module, field.name, None)
        if field.name == "param_dtype" and value is jax.numpy.float32:
            changes["param_dtype"] = float
        elif field.name != "parent" and isinstance(value, nn.Module) and value.scope is None:
            changes[field.name] = widened(value)
    return module.clone(**changes) if changes else module


@dataclass(frozen=True, eq=False)
class _Module:
    """A linen module apart from its variables."""

    definition: Any
    method: str
    tree: Any

    def concrete(self, arrays: Arrays) -> Any:
        return self.definition.bind(jax.tree.unflatten(self.tree, list(arrays)))

    def call(self, arrays: Arrays, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
        variables = jax.tree.unflatten(self.tree, list(arrays))
        mutable = [name for name in variables if name != "params"]
        opened = _state().descending
        state = _State()
        if opened is not None:
            passing = inspect.unwrap(getattr(opened.cls, opened.method))
            state = _State(tracing=True, prefix=opened.path, passing=passing)
        with _set(state):
            given, changed = _calmed(self.definition).apply(
                variables, *args, method=self.method, mutable=mutable, **kwargs
            )
        after = {name: changed.get(name, variables[name]) for name in mutable}
        return given, jax.tree.leaves(after)


def _calmed(definition: Any) -> Any:
    """A definition that drops nothing."""
    if isinstance(definition, nn.Dropout):
        return definition.clone(rate=0.0)
    if isinstance(definition, nn.MultiHeadDotProductAttention):
        return definition.clone(dropout_rate=0.0)
    return definition
