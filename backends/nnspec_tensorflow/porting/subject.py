"""The original model, run by Keras under the names of the spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import SpecError, UnsupportedError, did_you_mean
from nnspec.layers.base import Param
from nnspec.model import Model
from nnspec_tensorflow.porting.computing import computing, is_exact, made_in_calls
from nnspec_tensorflow.porting.origins import Origins
from nnspec_tensorflow.porting.program import Program, Slot
from nnspec_tensorflow.porting.tracked import View
from nnspec_tensorflow.startup import keras, tf

flatten = keras.tree.flatten


class KerasSubject:
    """A Keras model asked under nnspec's names; see :class:`nnspec.porting.port.Subject`.

    What runs is the program that the trace recorded, each converted layer and operation by Keras itself. In float32,
    in inference, the outputs are those of the model as a whole, so that the program itself is verified, too.

    In float64 Keras computes all that it can in float64, which it does where :func:`is_exact` says so; elsewhere
    float32 is the most exact dtype. The model is left as it is.

    Args:
        model: the Keras model.
        call: runs the model as a whole on its inputs, in their order.
        program: what the trace recorded.
        paths: the node path of each of its tensors.
        spec: the model in the spec.
        variables: the port's variables.
        again: converts the model anew, and gives its variables.
        views: how values lie, where it is not as Keras has them.
        apart: what training does otherwise than the port, which it is then not compared in.
    """

    def __init__(
        self,
        model: Any,
        call: Callable[..., Any],
        program: Program,
        paths: Mapping[Slot, str],
        spec: Model,
        variables: Arrays,
        again: Callable[[], Arrays],
        views: Mapping[str, View] | None = None,
        apart: Sequence[str] = (),
    ) -> None:
        self.label = f"Keras {keras.__version__} on TensorFlow {tf.__version__}"
        self.dtypes: tuple[FloatType, ...] = ("float64", "float32") if is_exact(model, program) else ("float32",)
        self._model, self._call, self._program, self._spec = model, call, program, spec
        self._more = made_in_calls(model, program)
        self._paths, self._views = dict(paths), dict(views or {})
        self._variables, self._again = variables, again
        self._params: dict[str, Param] = spec.params()
        self._origins: Origins | None = None
        self._apart = tuple(apart)

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        """Values of nodes by path. No state changes.

        Raises:
            UnsupportedError: training is another thing than what is ported.
        """
        if training and self._apart:
            raise UnsupportedError(self._apart[0])
        with computing(self._model, dtype, training, self._more):
            tensors = self._program.run(self._given(inputs, dtype), training=training, dtype=dtype)
            found = {path: np.asarray(tensors[slot]) for slot, path in self._paths.items() if slot in tensors}
            found |= {name: np.asarray(tensor) for name, tensor in self._outputs(tensors).items()}
            if dtype == "float32" and not training and self._plain():
                outputs = flatten(self._call(*self._given(inputs, dtype)))
                found |= dict(zip(self._spec.outputs, map(np.asarray, outputs), strict=True))
        batch = len(next(iter(inputs.values())))
        laid = {path: self._views[path].laid(found[path], batch) for path in found.keys() & self._views.keys()}
        return {path: value for path, value in {**found, **laid}.items() if path not in self._spec.inputs}

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        """The statistics by canonical name as one pass in training mode leaves them. No state changes."""
        sources = self.sources()  # before the model computes in another dtype: it is traced for them
        with computing(self._model, dtype, True, self._more) as values:
            self._program.run(self._given(inputs, dtype), training=True, dtype=dtype)
            after = {name: np.asarray(values(variable)) for name, variable in sources.variables.items()}
        wanted = [name for name, param in self._params.items() if param.kind == "statistic"]
        moved = sources.canonical(after, wanted)
        return {name: moved.get(name, self._variables[name]) for name in wanted}

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        """Gradients of Σ outputs · cotangents, by float input and by parameter."""
        sources = self.sources()
        with computing(self._model, dtype, training, self._more) as values:
            given = self._given(inputs, dtype)
            floats = {n: x for n, x in zip(self._spec.inputs, given, strict=True) if x.dtype.is_floating}
            weights = {n: values(variable) for n, variable in sources.variables.items()}
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch((floats, weights))
                tensors = self._program.run(given, training=training, dtype=dtype)
                outputs = self._outputs(tensors)
            for name in cotangents:
                if name not in outputs:
                    raise SpecError(f"the model has no output {name!r}{did_you_mean(name, outputs)}")
            upstream = [tf.constant(np.asarray(x, dtype)) for x in cotangents.values()]
            by_input, by_weight = tape.gradient(
                [outputs[name] for name in cotangents],
                (floats, weights),
                output_gradients=upstream,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            by_input = {name: _dense(x) for name, x in by_input.items()}
            found = {name: _dense(x) for name, x in by_weight.items()}
        wanted = [name for name, param in self._params.items() if param.kind == "parameter"]
        parameters = sources.canonical(found, wanted)
        lacking = [name for name in wanted if name not in parameters]
        if lacking:
            raise UnsupportedError(
                f"{lacking[0]} is computed of variables of Keras, and is none of them: it has no gradient there"
            )
        declared = {name for name, x in self._spec.inputs.items() if x.dtype == "float"}
        return Gradients({n: x for n, x in by_input.items() if n in declared}, parameters)

    def _outputs(self, tensors: Mapping[Slot, Any]) -> dict[str, Any]:
        """The outputs by name."""
        return dict(zip(self._spec.outputs, (tensors[slot] for slot in self._program.outputs), strict=True))

    def _plain(self) -> bool:
        """Whether the model computes in float32 throughout, whatever is asked."""
        return all(layer.compute_dtype == layer.variable_dtype == "float32" for layer in self._model._flatten_layers())

    def sources(self) -> Origins:
        """Where the port's variables come from."""
        if self._origins is None:
            self._origins = Origins.of(self._model, self._again, self._variables)
        return self._origins

    def _given(self, inputs: Arrays, dtype: FloatType) -> list[Any]:
        """The inputs as tensors of the dtypes that Keras takes them in."""
        for name in inputs:
            if name not in self._spec.inputs:
                raise SpecError(f"the model has no input {name!r}{did_you_mean(name, self._spec.inputs)}")
        given = []
        for name, taken in zip(self._spec.inputs, self._program.taken, strict=True):
            if name not in inputs:
                raise SpecError(f"the input {name!r} is missing")
            floating = "float" in taken
            given.append(tf.constant(np.asarray(inputs[name], dtype if floating else taken)))
        return given


def _dense(x: Any) -> Array:
    """A gradient as an array; that of rows that were looked up comes as these rows."""
    return np.asarray(tf.convert_to_tensor(x))
