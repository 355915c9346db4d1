"""A Keras model of stock layers, asked under the names of the spec it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.model import Model
from nnspec.porting.collecting import collect, held_by
from nnspec_tensorflow.porting.export import graph
from nnspec_tensorflow.porting.export.graph import Native
from nnspec_tensorflow.startup import keras, tf

Tensor = Any
# A weight, and what stands in its place.
State = list[tuple[Any, Tensor]]


class NativeSubject:
    """A loaded model, in the dtype of its file; in another one, and in training mode without dropout, its twin.

    The twin is made of the same layers and operations, and given the weights as they lie in the file. One of the two is
    in memory at a time, from when it is asked on.

    Args:
        spec: what the model was made of.
        made: what the names of the spec mean in it.
        load: gives the model, loaded as its users will.
        fill: gives a model of the same structure the weights of the file.
        dtype: of the file.
        name: of the file.
    """

    def __init__(
        self,
        spec: Model,
        made: Native,
        load: Callable[[], Any],
        fill: Callable[[Any], None],
        dtype: FloatType,
        name: str,
    ) -> None:
        self.spec, self.dtype = spec, dtype
        self.label = f"{name} in Keras {keras.__version__} on TensorFlow {tf.__version__}"
        self.dtypes: tuple[FloatType, ...] = ("float64", "float32") if made.exact else ("float32",)
        self._outlined, self._load, self._fill = made, load, fill
        self._twin: FloatType | None = None
        self._held: Native | None = None

    def close(self) -> None:
        """Let go of the model; it is loaded again when it is asked."""
        self._held = None
        collect(held_by(self.spec))

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        """Values of all nodes by path, those of nested models too."""
        made, given = self._made(dtype, training), _tensors(inputs, dtype)
        found = dict(_observed(self.spec, made, given, training))
        return {path: value.numpy() for path, value in found.items()}

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        """The statistics by canonical name as one pass in training mode leaves them."""
        made, given = self._made(dtype, True), _tensors(inputs, dtype)
        names = [name for name, param in self.spec.params().items() if param.kind == "statistic"]
        places = [made.places[name][0] for name in names]
        weights = [graph.weight(made.model, place) for place in places]

        def run(given: list[Tensor]) -> list[Tensor]:
            with keras.StatelessScope() as scope:
                made.model(_named(self.spec, given), training=True)
            return [_value(scope, weight) for weight in weights]

        after = _compiled(run, dtype)(list(given.values()))
        return {
            name: np.array(place.read(value.numpy()), order="C")
            for name, place, value in zip(names, places, after, strict=True)
        }

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        """Gradients of Σ outputs · cotangents, by float input and by parameter."""
        made, given = self._made(dtype, training), _tensors(inputs, dtype)
        names = [name for name, param in self.spec.params().items() if param.kind == "parameter"]
        places = [made.places[name][0] for name in names]
        weights = {id(w): w for w in (graph.weight(made.model, place) for place in places)}
        floats = [name for name, value in given.items() if value.dtype.is_floating]
        factors = _tensors(cotangents, dtype)

        def run(given: list[Tensor], values: list[Tensor], factors: dict[str, Tensor]) -> tuple[Any, Any]:
            named = dict(zip(self.spec.inputs, given, strict=True))
            state = list(zip(weights.values(), values, strict=True))
            with tf.GradientTape() as tape:
                tape.watch([*values, *(named[name] for name in floats)])
                with keras.StatelessScope(state_mapping=state):
                    outputs = _outputs(self.spec, made.model(_named(self.spec, given), training=training))
                total = tf.add_n([tf.reduce_sum(outputs[name] * factor) for name, factor in factors.items()])
            zero = tf.UnconnectedGradients.ZERO
            return tape.gradient(total, ([named[name] for name in floats], values), unconnected_gradients=zero)

        values = [tf.convert_to_tensor(weight.value) for weight in weights.values()]
        by_input, by_weight = _compiled(run, dtype)(list(given.values()), values, factors)
        found = {key: tf.convert_to_tensor(g).numpy() for key, g in zip(weights, by_weight, strict=True)}
        parameters = {
            name: np.array(place.read(found[id(graph.weight(made.model, place))]), order="C")
            for name, place in zip(names, places, strict=True)
        }
        return Gradients({name: g.numpy() for name, g in zip(floats, by_input, strict=True)}, parameters)

    def _made(self, dtype: FloatType, training: bool) -> Native:
        wanted = None if dtype == self.dtype and not training else dtype
        if self._held is None or self._twin != wanted:
            self.close()
            if wanted is None:
                held = self._outlined.around(self._load())
            else:
                held = graph.realize(self.spec, wanted, quiet=True)
                self._fill(held.model)
            self._held, self._twin = held, wanted
        return self._held


def _tensors(arrays: Arrays, dtype: FloatType) -> dict[str, Tensor]:
    found = {name: np.asarray(array) for name, array in arrays.items()}
    return {
        name: tf.constant(array, dtype if array.dtype.kind == "f" else array.dtype.name)
        for name, array in found.items()
    }


def _named(spec: Model, given: Iterable[Tensor]) -> Any:
    values = dict(zip(spec.inputs, given, strict=True))
    return values if len(values) > 1 else next(iter(values.values()))


def _outputs(spec: Model, given: Any) -> Mapping[str, Tensor]:
    return given if len(spec.outputs) > 1 else {spec.outputs[0]: given}


def _compiled(run: Callable[..., Any], dtype: FloatType) -> Callable[..., Any]:
    """TensorFlow lacks kernels for float64 on CPUs, which its compiler has."""
    compiled: Callable[..., Any] = tf.function(run, jit_compile=True) if dtype == "float64" else run
    return compiled


def _value(scope: Any, weight: Any) -> Tensor:
    value = scope.get_current_value(weight)
    return tf.convert_to_tensor(weight.value if value is None else value)


def _observed(spec: Model, made: Native, given: dict[str, Tensor], training: bool, path: str = "") -> dict[str, Tensor]:
    """The values of nodes by path, for tensors that are the inputs in order."""
    operations = {operation.name: operation for operation in made.model.operations}
    symbols = {name: value.of(operations) for name, value in made.values.items()}
    order = list(dict.fromkeys(id(symbol) for symbol in symbols.values()))
    watched = keras.Model(made.model.inputs, list({id(symbol): symbol for symbol in symbols.values()}.values()))
    # Keras sorts inputs that have names.
    tensors = [given[symbol._keras_history.operation.name] for symbol in made.model.inputs]

    def run(tensors: list[Tensor]) -> list[Tensor]:
        with keras.StatelessScope():
            return keras.tree.flatten(watched(tensors, training=training))

    dtype: Any = next((t.dtype.name for t in tensors if t.dtype.is_floating), made.dtype)
    results = dict(zip(order, _compiled(run, dtype)(tensors), strict=True))
    values = {**given, **{name: results[id(symbol)] for name, symbol in symbols.items()}}
    found: dict[str, Tensor] = {}
    for node in spec.nodes:
        if node.name not in values:
            continue  # states that Keras gives in parts alone
        found[path + node.name] = values[node.name]
        if isinstance(node.layer, Model):
            inner = made.nested[node.owner]
            fed = dict(zip(node.layer.inputs, (values[name] for name in node.inputs), strict=True))
            found |= _observed(node.layer, inner, fed, training, f"{path}{node.name}/")
    return found
