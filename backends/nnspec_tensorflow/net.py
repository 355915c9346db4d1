"""Net: a model with its variables, computing on NumPy arrays under canonical names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.inference import BatchShape, Inference
from nnspec.layers.base import Shape
from nnspec.model import Model
from nnspec_tensorflow.arrays import as_inputs, assign, cast, to_host
from nnspec_tensorflow.compilation import Compiled, CompiledFlat, compiles_well
from nnspec_tensorflow.dropout import RandomLayer
from nnspec_tensorflow.inference import TensorFlowInference
from nnspec_tensorflow.model import SpecModel, realize, single, variables
from nnspec_tensorflow.stablehlo import differentiating
from nnspec_tensorflow.startup import tf

Tensor = Any
Tensors = dict[str, Any]


class TensorFlowNet:
    """A model realized in Keras; see :class:`nnspec.backends.Net`.

    Args:
        given: all variables of the model by canonical name, with ``random/seed`` and ``random/step``.
        device: a TensorFlow device name, or None for TensorFlow's choice.

    float32 matrix products on a GPU follow ``tf.config.experimental.enable_tensor_float_32_execution``, which is a
    switch of the whole process and on by default; nnspec leaves it alone.
    """

    backend = "tensorflow"

    def __init__(self, model: Model, given: Arrays, dtype: FloatType, device: str | None = None) -> None:
        self.model = model
        self.dtype: FloatType = dtype
        self._device = device
        #: Whether XLA compiles whole functions of this net.
        self.xla = compiles_well(model, device)
        with self.placed():
            self._native = realize(model, dtype)
        found = variables(model, self._native)
        params = model.params()
        #: The Keras variables by canonical name: all of them, and those that gradients train.
        self.keras_variables: dict[str, Any] = {name: found[name] for name in params}
        self.keras_variables["random/seed"] = self._native.random_seed
        self.keras_variables["random/step"] = self._native.random_step
        self.parameters: dict[str, Any] = {n: found[n] for n, p in params.items() if p.kind == "parameter"}
        lacking = [name for name in self.keras_variables if name not in given]
        if lacking:
            raise SpecError(f"the variable {lacking[0]!r} is missing{did_you_mean(lacking[0], given)}")
        self.assign(given)
        modes, xla = (False, True), self.xla
        self._forward = {mode: CompiledFlat(partial(self.listed, training=mode), xla=xla) for mode in modes}
        self._nodes = {mode: Compiled(partial(self._trace_nodes, training=mode), xla=xla) for mode in modes}
        self._gradients = {mode: Compiled(partial(self._differentiate, training=mode), xla=xla) for mode in modes}
        self._masks = Compiled(self._trace_masks, xla=xla)
        # Shapes of inputs that are known to fit -> shapes of the outputs.
        self._inferred: dict[Any, dict[str, Shape]] = {}
        kinds = {**{n: i.dtype for n, i in model.inputs.items()}, **{n: i.dtype for n, i in model.infer().items()}}
        self._float = [name for name in model.outputs if kinds[name] == "float"]

    @property
    def native(self) -> SpecModel:
        """The Keras model, holding the current variables."""
        return self._native

    def placed(self) -> Any:
        """The context in which this net's variables are made and its functions run."""
        return tf.device(self._device)

    # -- variables ----------------------------------------------------------------------------------------------------

    def variables(self, names: Iterable[str] | None = None) -> dict[str, Array]:
        """State by canonical name; of all, or of these names."""
        held = self.keras_variables
        return to_host(held if names is None else {name: held[name] for name in names})

    def assign(self, variables: Arrays) -> None:
        """Set the named variables; those not named stay.

        Raises:
            SpecError: an unknown name, or a shape that does not fit; nothing is changed then.
        """
        assign(self.keras_variables, variables)

    # -- computing ----------------------------------------------------------------------------------------------------

    def forward(self, inputs: Arrays, *, training: bool = False, compiled: bool = True) -> dict[str, Array]:
        """The outputs by node name; in training mode statistics are updated and ``random/step`` grows by one."""
        with self.placed():
            given = self.tensors(inputs).values()
            outputs = self._forward[training](*given) if compiled else self.listed(*given, training=training)
            return to_host(dict(zip(self.model.outputs, outputs, strict=True)))

    def compiled(self, shape: BatchShape) -> Inference:
        """The forward pass in inference mode, compiled now for batches of this shape."""
        return TensorFlowInference(self, shape)

    def nodes(self, inputs: Arrays, *, training: bool = False) -> dict[str, Array]:
        """The value of every node by path, without changing any state."""
        with self.placed():
            return to_host(self._nodes[training](self.tensors(inputs)))

    def masks(self, inputs: Arrays) -> dict[str, Array]:
        """The keep-masks by node path that a training forward pass on such inputs would use at the current step."""
        with self.placed():
            return to_host(self._masks(self.tensors(inputs)))

    def gradients(
        self, inputs: Arrays, cotangents: Arrays, *, training: bool = False, compiled: bool = True
    ) -> Gradients:
        """Gradients of Σ outputs · cotangents, without changing any state.

        Raises:
            SpecError: a cotangent is missing, or is for something that is not an output.
            ShapeError: a cotangent does not have its output's shape.
        """
        with self.placed():
            given = self.tensors(inputs)
            upstream = self._cotangents(given, cotangents)
            run = self._gradients[training] if compiled else partial(self._differentiate, training=training)
            by_input, by_parameter = run(given, upstream)
            return Gradients(to_host(by_input), to_host(by_parameter))

    def outputs(self, inputs: Tensors, *, training: bool, nodes: Tensors | None = None) -> Tensors:
        """The native model's outputs by name, as tensors; ``nodes``, if given, gets every node's value by path."""
        if nodes is not None:
            return self._native.observe(inputs, training, lambda path, *rest: nodes.update({path: rest[-1]}))
        value = self._native(single(inputs), training=training)
        return value if isinstance(value, dict) else {self.model.outputs[0]: value}

    def listed(self, *inputs: Tensor, training: bool) -> list[Tensor]:
        """The native model's outputs as tensors, inputs and outputs in the spec's order."""
        outputs = self.outputs(dict(zip(self.model.inputs, inputs, strict=True)), training=training)
        return [outputs[name] for name in self.model.outputs]

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Within, statistics and the step may be set; afterwards they are what they were. Works while tracing."""
        before = [(v, tf.identity(v.value)) for v in self._native.non_trainable_variables]
        yield
        for variable, value in before:
            variable.assign(value)

    def _trace_nodes(self, inputs: Tensors, training: bool) -> Tensors:
        found: Tensors = {}
        with self.unchanged():
            self._native.run(inputs, training, lambda path, *rest: found.update({path: rest[-1]}))
        return found

    def _trace_masks(self, inputs: Tensors) -> Tensors:
        found: Tensors = {}

        def visit(path: str, layer: Any, use: int, given: list[Tensor], value: Tensor) -> None:
            if isinstance(layer, RandomLayer) and layer.rate_of(use) > 0:
                found[path] = layer.mask(layer.target(given, use), use)

        with self.unchanged():
            self._native.run(inputs, True, visit)
        return found

    def _differentiate(self, inputs: Tensors, cotangents: Tensors, training: bool) -> tuple[Tensors, Tensors]:
        floats = {name: value for name, value in inputs.items() if value.dtype.is_floating}
        parameters = {name: variable.value for name, variable in self.parameters.items()}
        with self.unchanged(), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch((floats, parameters))
            outputs = self.outputs(inputs, training=training)
        with differentiating():
            return tape.gradient(
                [outputs[name] for name in cotangents],
                (floats, parameters),
                output_gradients=list(cotangents.values()),
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )

    def tensors(self, inputs: Arrays) -> Tensors:
        """The inputs as tensors of the dtypes they are declared with.

        Raises:
            SpecError: an unknown or a missing name.
            ShapeError: a shape or a dtype that does not fit.
        """
        found = as_inputs(self.model, inputs, self.dtype)
        shapes = tuple((None, *x.shape[1:]) for x in found.values())
        if shapes not in self._inferred:
            self.model.infer(*shapes)
            self._inferred[shapes] = self.model.output_shapes(*shapes)
        return {name: tf.constant(x) for name, x in found.items()}

    def _cotangents(self, inputs: Tensors, cotangents: Arrays) -> Tensors:
        shapes = tuple((None, *x.shape[1:]) for x in inputs.values())
        batch = next(iter(inputs.values())).shape[0]
        outputs = {name: (batch, *shape[1:]) for name, shape in self._inferred[shapes].items() if name in self._float}
        for name in cotangents:
            if name not in outputs:
                raise SpecError(f"the model has no output {name!r}{did_you_mean(name, outputs)}")
        found = {}
        for name, wanted in outputs.items():
            if name not in cotangents:
                raise SpecError(f"the cotangent of the output {name!r} is missing")
            given = np.asarray(cotangents[name])
            if given.shape != wanted:
                raise ShapeError(f"the output has shape {list(wanted)}, its cotangent {list(given.shape)}", (name,))
            found[name] = tf.constant(cast(given, self.dtype))
        return found
