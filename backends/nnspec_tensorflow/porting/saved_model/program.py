"""A function of TensorFlow as a program: run by TensorFlow, and compiled to StableHLO."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays, Gradients
from nnspec.errors import PortError, UnsupportedError
from nnspec.porting.functions import Variable
from nnspec_tensorflow.startup import tf

# Sizes of batches that are tried first.
_SMALL = 2


class TensorFlowProgram:
    """A function of tensors: see :class:`nnspec.porting.functions.Program`.

    Args:
        name: what messages call it.
        function: takes tensors by name, gives a tensor or a structure of them.
        inputs: examples by name.
        variables: the names' parts of variables, where they are known better than by the variables themselves.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], inputs: Mapping[str, Array], dtypes: Mapping[str, Any]
    ) -> None:
        self.name = name
        self.label = f"TensorFlow {tf.__version__}"
        self.inputs = dict(inputs)
        self._dtypes = dict(dtypes)
        self.outputs: Sequence[str] = ()

        def flat(*given: Any) -> list[Any]:
            made = function(**dict(zip(self.inputs, given, strict=True)))
            self.outputs = _names(made)
            return [tf.convert_to_tensor(one) for one in tf.nest.flatten(made)]

        self._run = tf.function(flat, autograph=False)
        self._compiled = tf.function(flat, autograph=False, jit_compile=True)
        self._captures: list[Any] | None = None
        concrete = self._traced({key: tuple(x.shape) for key, x in self.inputs.items()})
        self._held = list(concrete.variables)
        self._captures = [_key(one) for one in concrete.captured_inputs]
        self.variables = self._variables(concrete)
        self.operations = _operations(concrete)

    def lower(self, sizes: Mapping[str, tuple[int, ...]]) -> str:
        """The module for inputs of these shapes."""
        self._traced(sizes)
        try:
            return str(self._compiled.experimental_get_compiler_ir(*self._specs(sizes))(stage="stablehlo"))
        except Exception as error:
            raise PortError(f"{self.name} cannot be compiled by XLA: {_first_line(error)}") from error

    def run(self, inputs: Arrays) -> list[Array]:
        """What TensorFlow computes, without XLA."""
        return [np.asarray(one) for one in self._results(self._tensors(inputs))]

    def gradients(self, inputs: Arrays, cotangents: Sequence[Array | None]) -> Gradients:
        """Gradients as TensorFlow finds them; those of nothing are zero."""
        given = self._tensors(inputs)
        floats = [i for i, x in enumerate(given) if x.dtype.is_floating]
        trained = [v for v in self._held if v.dtype.is_floating]
        try:
            with tf.GradientTape() as tape:
                tape.watch([given[i] for i in floats])
                made = self._results(given)
                pairs = zip(made, cotangents, strict=True)
                total = tf.add_n([tf.reduce_sum(y * tf.cast(w, y.dtype)) for y, w in pairs if w is not None])
            found = tape.gradient(
                total, [[given[i] for i in floats], trained], unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
        except (LookupError, NotImplementedError) as error:
            raise UnsupportedError(f"{self.name} has no gradients in TensorFlow: {_first_line(error)}") from error
        by_input, by_variable = found
        names = list(self.inputs)
        paths = {id(v): "/".join(one.path) for v, one in zip(self._held, self._of_held(), strict=True)}
        return Gradients(
            {names[i]: np.asarray(tf.convert_to_tensor(g)) for i, g in zip(floats, by_input, strict=True)},
            {paths[id(v)]: np.asarray(tf.convert_to_tensor(g)) for v, g in zip(trained, by_variable, strict=True)},
        )

    def _results(self, given: Sequence[Any]) -> list[Any]:
        # A call of the function itself warns when it meets many shapes.
        return list(self._run.get_concrete_function(*given)(*given))

    def _traced(self, sizes: Mapping[str, tuple[int, ...]]) -> Any:
        specs = self._specs(sizes)
        try:
            concrete = self._compiled.get_concrete_function(*specs)
        except Exception as error:
            shapes = ", ".join(f"{name} {tuple(spec.shape)}" for name, spec in zip(self.inputs, specs, strict=True))
            raise PortError(f"{self.name} cannot be called on {shapes}: {_first_line(error)}") from error
        if self._captures is not None and [_key(one) for one in concrete.captured_inputs] != self._captures:
            raise PortError(f"{self.name} uses other variables for another size of the batch")
        return concrete

    def _specs(self, sizes: Mapping[str, tuple[int, ...]]) -> list[Any]:
        return [tf.TensorSpec(sizes[name], self._dtypes[name], name=name) for name in self.inputs]

    def _tensors(self, inputs: Arrays) -> list[Any]:
        return [tf.cast(tf.convert_to_tensor(inputs[name]), self._dtypes[name]) for name in self.inputs]

    def _variables(self, concrete: Any) -> list[Variable]:
        """Captured arrays in the order in which the compiled function takes them: tensors, then variables."""
        found = dict(zip(map(id, self._held), self._of_held(), strict=True))
        handles = {id(v.handle): found[id(v)] for v in self._held}
        constants, variables = [], []
        for i, one in enumerate(concrete.captured_inputs):
            if one.dtype == tf.resource:
                if id(one) not in handles:
                    raise PortError(f"{self.name} uses a resource that is no variable")
                variables.append(handles[id(one)])
            else:
                constants.append(Variable(("constant", str(i)), np.asarray(one), trainable=False))
        return [*constants, *variables]

    def _of_held(self) -> list[Variable]:
        return [Variable(_path(v.name), v.numpy(), bool(v.trainable)) for v in self._held]


def _key(tensor: Any) -> int:
    return id(tensor)


def _path(name: str) -> tuple[str, ...]:
    return tuple(part for part in name.partition(":")[0].split("/") if part) or ("variable",)


def _names(made: Any) -> list[str]:
    """Names of a structure's tensors: keys, or numbers."""
    paths = (
        tf.nest.flatten_with_joined_string_paths(made) if hasattr(tf.nest, "flatten_with_joined_string_paths") else None
    )
    if paths is None:
        if isinstance(made, Mapping):
            return (
                [str(key) for key in sorted(made)]
                if all(not tf.nest.is_nested(v) for v in made.values())
                else _numbered(made)
            )
        return _numbered(made)
    return [path or "output" for path, _ in paths]


def _numbered(made: Any) -> list[str]:
    count = len(tf.nest.flatten(made))
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def _operations(concrete: Any) -> dict[str, str]:
    """What kind of operation stands at each place, functions that are called opened."""
    found: dict[str, str] = {}
    library = {one.signature.name: one for one in concrete.graph.as_graph_def().library.function}

    def visit(name: str, nodes: Any, depth: int) -> None:
        for node in nodes:
            place = f"{name}{node.name}"
            found[place] = node.op
            if node.op in ("PartitionedCall", "StatefulPartitionedCall") and depth < 32:
                called = library.get(node.attr["f"].func.name)
                if called is not None:
                    visit(f"{place}/", called.node_def, depth + 1)

    visit("", concrete.graph.as_graph_def().node, 0)
    return found


def _first_line(error: Exception) -> str:
    """What an error says in a line: its first, or of one in traced code its last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1 if lines[0].endswith(":") else 0][:400]
