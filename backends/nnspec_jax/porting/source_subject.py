"""A module file that was written, imported and run as its users will."""

from __future__ import annotations

import importlib.util
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import PortError
from nnspec.model import Model
from nnspec.porting.collecting import collect, size
from nnspec_jax.arrays import as_cotangents, as_inputs, is_float, to_host
from nnspec_jax.porting.export.module import MODULE, Source

_local = threading.local()
# A subject computes a few times: what would make it faster takes longer than it saves.
_COMPILED_ONCE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def import_file(path: Path) -> ModuleType:
    """A Python file as a module of its own. Only files that nnspec has written are imported.

    Raises:
        PortError: it cannot be imported.
    """
    spec = importlib.util.spec_from_file_location(f"nnspec_written_{path.parent.name}", path)
    if spec is None or spec.loader is None:
        raise PortError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _watched(kind: type[Any]) -> type[Any]:
    """A module's class whose calls are told to whoever listens in this thread."""

    class Watched(kind):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            value = kind.__call__(self, *args, **kwargs)
            _local.tell(id(self), value)
            return value

    return Watched


class _Loaded:
    """The module in one float type, as a pure function of its arrays.

    Attributes:
        arrays: all arrays, in the order in which JAX has them.
        place: canonical name -> which of them.
    """

    def __init__(self, load: Callable[[], Any], source: Source, dtype: FloatType) -> None:
        with jax.enable_x64(dtype == "float64"):
            module = load()
            for _, part in nnx.iter_graph(module):
                if isinstance(part, nnx.Param | nnx.BatchStat):
                    part.set_value(jnp.asarray(part.get_value(), dtype))
                elif isinstance(part, nnx.Embed):  # which keeps the dtype that it was made with
                    part.dtype = jnp.dtype(dtype)
            self.graphs = {}
            for training in (True, False):
                module.train() if training else module.eval()
                module.set_attributes(deterministic=True, raise_if_not_found=False)
                self.graphs[training], state = nnx.split(module)
            leaves, self.tree = jax.tree_util.tree_flatten_with_path(state)
            self.arrays = [leaf for _, leaf in leaves]
        at = {_name(path): i for i, (path, _) in enumerate(leaves)}
        self.place = {name: at[variable.name] for name, variable in source.variables.items()}

    def merged(self, arrays: Sequence[Any], *, training: bool) -> Any:
        return nnx.merge(self.graphs[training], jax.tree_util.tree_unflatten(self.tree, list(arrays)))


def _name(path: Any) -> str:
    """An array's name, as in a file of weights."""
    keys = (getattr(key, "key", getattr(key, "idx", None)) for key in path)
    return ".".join(str(key) for key in keys if key is not None)


class SourceSubject:
    """See :class:`nnspec.porting.port.Subject`. Shown are the nodes whose values are those of modules."""

    dtypes: tuple[FloatType, ...] = ("float64", "float32")

    def __init__(self, path: Path, source: Source, model: Model) -> None:
        self.label = f"Flax {flax.__version__} on JAX {jax.__version__}"
        self.model = model
        self.source = source
        self._module = import_file(path / MODULE)
        self._loaded: dict[str, _Loaded] = {}
        self._kinds = {name: param.kind for name, param in model.params().items()}
        options = _COMPILED_ONCE if jax.default_backend() == "cpu" else None
        jit = partial(jax.jit, compiler_options=options)
        self._jitted_nodes = jit(self._nodes, static_argnames=("dtype", "training"))
        self._jitted_statistics = jit(self._statistics, static_argnames=("dtype",))
        self._jitted_gradients = jit(self._gradients, static_argnames=("dtype", "training"))

    def close(self) -> None:
        """Let go of the module in a dtype; it is loaded again when it is asked."""
        held = size(array for loaded in self._loaded.values() for array in jax.tree.leaves(loaded.arrays))
        self._loaded = {}
        collect(held)

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        with self._ready(inputs, dtype) as (loaded, given):
            values = self._jitted_nodes(loaded.arrays, given, dtype=dtype, training=training)
            paths = [*dict.fromkeys(call.node for call in self.source.calls), *self.model.outputs]
            return to_host({path: values[path] for path in dict.fromkeys(paths)})

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        with self._ready(inputs, dtype) as (loaded, given):
            values = to_host(self._jitted_statistics(loaded.arrays, given, dtype=dtype))
        return {name: self.source.variables[name].layout.back(values[name]) for name in self._of("statistic")}

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        with self._ready(inputs, dtype) as (loaded, given):
            outputs = jax.eval_shape(
                lambda arrays, given: self._outputs(loaded, arrays, given, training=training)[0], loaded.arrays, given
            )
            towards = as_cotangents(cotangents, outputs)
            found = self._jitted_gradients(loaded.arrays, given, towards, dtype=dtype, training=training)
            by_input, by_name = map(to_host, found)
        floats = {name: by_input[name] for name in given if name in by_input}
        back = {name: self.source.variables[name].layout.back(by_name[name]) for name in self._of("parameter")}
        return Gradients(floats, back)

    # -- pure functions -----------------------------------------------------------------------------------------------

    def _outputs(
        self, loaded: _Loaded, arrays: Sequence[Any], given: Mapping[str, Any], *, training: bool
    ) -> tuple[dict[str, Any], Any]:
        module = loaded.merged(arrays, training=training)
        return self._called(module, given), module

    def _called(self, module: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        value = module(*(given[name] for name in self.model.inputs))
        return value if self.source.outputs is not None else {self.model.outputs[0]: value}

    def _nodes(self, arrays: Any, given: Any, *, dtype: FloatType, training: bool) -> dict[str, Any]:
        module = self._loaded[dtype].merged(arrays, training=training)
        waiting: dict[int, list[str]] = defaultdict(list)
        for call in self.source.calls:
            part = module
            for key in call.module:
                part = part[key] if isinstance(key, int) else getattr(part, key)
            waiting[id(part)].append(call.node)
            kind: Any = type(part)
            if kind.__name__ != "Watched":
                object.__setattr__(part, "__class__", _watched(kind))
        seen: dict[str, Any] = {}

        def tell(module: int, value: Any) -> None:
            if waiting[module]:
                seen[waiting[module].pop(0)] = value

        _local.tell = tell
        try:
            outputs = self._called(module, given)
        finally:
            del _local.tell
        return {**seen, **outputs}

    def _statistics(self, arrays: Any, given: Any, *, dtype: FloatType) -> dict[str, Any]:
        loaded = self._loaded[dtype]
        _, module = self._outputs(loaded, arrays, given, training=True)
        after = jax.tree.leaves(nnx.state(module))
        return {name: after[loaded.place[name]] for name in self._of("statistic")}

    def _gradients(self, arrays: Any, given: Any, towards: Any, *, dtype: FloatType, training: bool) -> Any:
        loaded = self._loaded[dtype]
        floats = {name: x for name, x in given.items() if is_float(x.dtype)}
        parameters = {name: arrays[loaded.place[name]] for name in self._of("parameter")}

        def outputs(floats: Any, parameters: Any) -> Any:
            own = list(arrays)
            for name, value in parameters.items():
                own[loaded.place[name]] = value
            found, _ = self._outputs(loaded, own, {**given, **floats}, training=training)
            return {name: found[name] for name in towards}

        return jax.vjp(outputs, floats, parameters)[1](towards)

    # -- what they need -----------------------------------------------------------------------------------------------

    def _of(self, kind: str) -> list[str]:
        return [name for name, own in self._kinds.items() if own == kind]

    @contextmanager
    def _ready(self, inputs: Arrays, dtype: FloatType) -> Iterator[tuple[_Loaded, dict[str, Any]]]:
        """The module in a dtype and the inputs as it takes them, in JAX's setting for that dtype."""
        if dtype not in self._loaded:
            self.close()
            self._loaded = {dtype: _Loaded(self._module.load, self.source, dtype)}
        with jax.enable_x64(dtype == "float64"):
            given = as_inputs(self.model, inputs, jnp.dtype(dtype))
            yield self._loaded[dtype], {name: jnp.asarray(np.asarray(x)) for name, x in given.items()}
