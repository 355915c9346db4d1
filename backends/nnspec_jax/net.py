"""A model with its variables on JAX, behind NumPy arrays and canonical names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import SpecError, did_you_mean
from nnspec.inference import BatchShape, Inference
from nnspec.model import Model
from nnspec_jax.arrays import as_cotangents, as_inputs, check_variables, is_float, to_host
from nnspec_jax.attributes import canonical
from nnspec_jax.compilation import compiler_options
from nnspec_jax.inference import JaxInference
from nnspec_jax.model import Graph, Pass
from nnspec_jax.realize import Context

DeviceArrays = dict[str, jax.Array]


def in_own_precision(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a method of something with a ``dtype`` with x64 on for float64 and off else, whatever the process is set to.

    The setting belongs to the thread and ends with the method. A float64 function that is called without it would
    recompile in float32 without a word.
    """

    @wraps(method)
    def entered(self: Any, *args: Any, **kwargs: Any) -> Any:
        with jax.enable_x64(self.dtype == "float64"):
            return method(self, *args, **kwargs)

    return entered


class JaxNet:
    """A model realized as a Flax module. See :class:`nnspec.backends.Net` for its methods.

    The net and ``native`` hold the same variables: what one of them changes, the other sees.
    """

    backend = "jax"

    def __init__(self, model: Model, variables: Arrays, dtype: FloatType, device: Any = None) -> None:
        self.model = model
        self.dtype: FloatType = dtype
        self.device = device
        params = model.params()
        self.parameters = tuple(name for name, param in params.items() if param.kind == "parameter")
        self.decayed = frozenset(name for name, param in params.items() if param.decay)
        # What a forward pass in training mode changes.
        self.changing = (*(name for name in params if name not in self.parameters), "random/step")
        jit = partial(jax.jit, compiler_options=compiler_options(model, self.platform))
        self._compiled = jit(self._forward, static_argnames="training")
        self._compiled_nodes = jit(self._nodes, static_argnames="training")
        self._compiled_masks = jit(self._masks)
        self._compiled_gradients = jit(self._gradients, static_argnames="training")
        self._build([*params, "random/seed", "random/step"], variables)

    @in_own_precision
    def _build(self, names: list[str], variables: Arrays) -> None:
        shapes = tuple((None, *declared.shape) for declared in self.model.inputs.values())
        abstract = nnx.eval_shape(lambda: Graph(self.model, Context(shapes, jnp.dtype(self.dtype), nnx.Rngs(0))))
        self._graphs = {}
        for training in (True, False):
            abstract.train() if training else abstract.eval()
            self._graphs[training], state = nnx.split(abstract)
        leaves, self._structure = jax.tree_util.tree_flatten_with_path(state)
        self._order = [canonical([key.key for key in path if hasattr(key, "key")]) for path, _ in leaves]
        assert set(self._order) == set(names), "the realizations' variables are not the spec's"
        missing = [name for name in names if name not in variables]
        if missing:
            raise SpecError(f"the variable {missing[0]!r} is missing{did_you_mean(missing[0], variables)}")
        shapes_of = dict(zip(self._order, (leaf.shape for _, leaf in leaves), strict=True))
        dtypes = {name: jnp.uint32 if name.startswith("random/") else jnp.dtype(self.dtype) for name in names}
        self._declared = {name: jax.ShapeDtypeStruct(shapes_of[name], dtypes[name]) for name in names}
        self._native = self._merge(self._taken(variables), training=False)
        found = {canonical(path): x for path, x in nnx.iter_graph(self._native) if isinstance(x, nnx.Variable)}
        self._variables = {name: found[name] for name in names}

    def _merge(self, variables: Mapping[str, jax.Array], *, training: bool) -> Graph:
        state = jax.tree_util.tree_unflatten(self._structure, [variables[name] for name in self._order])
        return nnx.merge(self._graphs[training], state)

    @property
    def platform(self) -> str:
        """Where it computes: "cpu", "gpu" or "tpu"."""
        where = jax.devices()[0] if self.device is None else self.device
        return str(where.platform)

    # -- pure functions -----------------------------------------------------------------------------------------------

    def apply(
        self, variables: Mapping[str, jax.Array], inputs: Mapping[str, jax.Array], *, training: bool
    ) -> tuple[DeviceArrays, DeviceArrays, Pass]:
        """The outputs, the variables that a training pass changes with their new values, and the pass itself."""
        graph = self._merge(variables, training=training)
        outputs, run = graph.observe(*(inputs[name] for name in self.model.inputs))
        if not training:
            return outputs, {}, run
        after = dict(zip(self._order, jax.tree.leaves(nnx.state(graph)), strict=True))
        return outputs, {name: after[name] for name in self.changing}, run

    def _forward(self, variables: DeviceArrays, inputs: DeviceArrays, *, training: bool) -> Any:
        return self.apply(variables, inputs, training=training)[:2]

    def _nodes(self, variables: DeviceArrays, inputs: DeviceArrays, *, training: bool) -> DeviceArrays:
        return self.apply(variables, inputs, training=training)[2].nodes

    def _masks(self, variables: DeviceArrays, inputs: DeviceArrays) -> DeviceArrays:
        return self.apply(variables, inputs, training=True)[2].masks

    def _gradients(
        self, variables: DeviceArrays, inputs: DeviceArrays, cotangents: DeviceArrays, *, training: bool
    ) -> tuple[DeviceArrays, DeviceArrays]:
        floats = {name: x for name, x in inputs.items() if is_float(x.dtype)}
        parameters = {name: variables[name] for name in self.parameters}

        def outputs(floats: DeviceArrays, parameters: DeviceArrays) -> DeviceArrays:
            given = self.apply({**variables, **parameters}, {**inputs, **floats}, training=training)[0]
            return {name: given[name] for name in cotangents}

        return jax.vjp(outputs, floats, parameters)[1](cotangents)

    # -- the protocol -------------------------------------------------------------------------------------------------

    @property
    def native(self) -> Graph:
        """The Flax module, live: training it trains the net. It comes in inference mode until ``train()`` is called.

        In float64 its caller must be under ``jax.enable_x64(True)``. An engine gives the variables new arrays and
        frees the old ones: copy arrays that shall outlive its next call.
        """
        return self._native

    @in_own_precision
    def variables(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        held = self.arrays()
        return to_host(held if names is None else {name: held[name] for name in names})

    @in_own_precision
    def assign(self, variables: Arrays) -> None:
        self.replace(self._taken(variables))

    @in_own_precision
    def forward(self, inputs: Arrays, *, training: bool = False, compiled: bool = True) -> dict[str, Array]:
        given: Any = as_inputs(self.model, inputs, jnp.dtype(self.dtype))
        if training or not compiled or self.device is not None:
            given = self.put(given)
        # Else the call itself takes the arrays over: nothing of them stays behind in the net.
        run = self._compiled if compiled else _uncompiled(self._forward)
        outputs, changed = run(self.arrays(), given, training=training)
        self.replace(changed)
        return to_host({name: outputs[name] for name in self.model.outputs})

    def compiled(self, shape: BatchShape) -> Inference:
        return JaxInference(self, shape)

    @in_own_precision
    def nodes(self, inputs: Arrays, *, training: bool = False) -> dict[str, Array]:
        values = self._compiled_nodes(self.arrays(), self._inputs(inputs), training=training)
        return to_host({path: values[path] for path in _paths(self.model)})  # JAX has sorted them by name

    @in_own_precision
    def masks(self, inputs: Arrays) -> dict[str, Array]:
        return to_host(self._compiled_masks(self.arrays(), self._inputs(inputs)))

    @in_own_precision
    def gradients(
        self, inputs: Arrays, cotangents: Arrays, *, training: bool = False, compiled: bool = True
    ) -> Gradients:
        run = self._compiled_gradients if compiled else _uncompiled(self._gradients)
        given = self._inputs(inputs)
        outputs = jax.eval_shape(partial(self._forward, training=training), self.arrays(), given)[0]
        towards = self.put(as_cotangents(cotangents, outputs))
        floats, parameters = run(self.arrays(), given, towards, training=training)
        by_input = {name: floats[name] for name in given if name in floats}
        return Gradients(to_host(by_input), to_host({name: parameters[name] for name in self.parameters}))

    # -- device arrays, for engines ---------------------------------------------------------------------------------

    def put(self, values: Arrays) -> DeviceArrays:
        """Arrays on the net's device; later changes of ``values`` do not reach them."""
        return {name: jax.device_put(np.array(value), self.device) for name, value in values.items()}

    def _taken(self, variables: Arrays) -> DeviceArrays:
        """Variables on the net's device in their own dtypes, one in the host's memory at a time."""
        check_variables(variables, self._declared)
        kinds = {name: self._declared[name].dtype for name in variables}
        return {name: jax.device_put(np.array(x, kinds[name]), self.device) for name, x in variables.items()}

    def arrays(self) -> DeviceArrays:
        """All variables as they are on the device."""
        return {name: variable.get_raw_value() for name, variable in self._variables.items()}

    def replace(self, arrays: Mapping[str, jax.Array]) -> None:
        """Give variables new device arrays, unchecked."""
        for name, value in arrays.items():
            self._variables[name].set_value(value)

    def _inputs(self, inputs: Arrays) -> DeviceArrays:
        return self.put(as_inputs(self.model, inputs, jnp.dtype(self.dtype)))


def _paths(model: Model, prefix: str = "") -> Iterator[str]:
    """The paths of all nodes in the order in which they are computed, shared nested models' own nodes included."""
    for node in model.nodes:
        if isinstance(node.layer, Model):
            yield from _paths(node.layer, f"{prefix}{node.name}/")
        yield prefix + node.name


def _uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with jax.disable_jit():
            return function(*args, **kwargs)

    return run
