"""The graph as a functional Keras model.

Layers carry the names of their nodes, a nested model is a nested Keras model, and a shared layer is one Keras layer
that is called again; so no name ever needs the ``/`` that Keras refuses.

Keras runs the nodes of a functional model by their distance from the outputs. The spec's order is that of the nodes,
and it matters where a layer with statistics is shared; so the models here run by a plan of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnspec.backends import FloatType
from nnspec.errors import BackendError
from nnspec.layers.base import Operation, Shape
from nnspec.model import Inferred, Model, Node

# The families are imported because they register their layers.
from nnspec_tensorflow import (  # noqa: F401
    activation,
    arrangement,
    attention,
    color,
    contraction,
    convolution,
    convolutional_recurrent,
    cumulative,
    dropout,
    elementwise,
    embedding,
    filtering,
    geometry,
    histogram,
    indexing,
    linear,
    logic,
    lookup,
    masking,
    normalization,
    ops,
    padding,
    parameter,
    pooling,
    positions,
    recurrent,
    reductions,
    resampling,
    scaling,
    shape,
    sorting,
    spectra,
    stablehlo,
    time_distributed,
    tokens,
    tones,
    transposed_convolution,
    warping,
    weight_normalization,
)
from nnspec_tensorflow.dropout import RandomState, call_number, running
from nnspec_tensorflow.realize import Context, build, serializable, variables_of
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


# What a visit of a node is given: its path, its Keras layer, which use of the layer it is, its inputs and its value.
Visit = Callable[[str, Any, int, list[Tensor], Tensor], None]


@dataclass(frozen=True)
class Step:
    """A node as its model runs it.

    Attributes:
        node: its name.
        layer: the name of its Keras layer.
        use: how many nodes before it use the layer.
        inputs: names of nodes or inputs.
        listed: whether the layer takes its inputs as a list.
    """

    node: str
    layer: str
    use: int
    inputs: tuple[str, ...]
    listed: bool

    def call(self, layer: Any, given: list[Any], **options: Any) -> Any:
        """The node's value."""
        if isinstance(layer, dropout.DrawingLayer | stablehlo.Program | SubModel):
            options["use"] = self.use
        if isinstance(layer, SubModel):
            return layer(single(dict(zip(layer.plan.inputs, given, strict=True))), **options)
        return layer(given if self.listed else given[0], **options)


@dataclass(frozen=True)
class Plan:
    """The order in which a model runs: names of its inputs, its steps, and the names of its outputs."""

    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, config: Any) -> Plan:
        """The plan of a configuration, as ``config`` gives it."""
        if isinstance(config, Plan):
            return config
        steps = (Step(node, layer, use, tuple(inputs), listed) for node, layer, use, inputs, listed in config["steps"])
        return cls(tuple(config["inputs"]), tuple(steps), tuple(config["outputs"]))

    def config(self) -> dict[str, Any]:
        """The plan in lists and dicts."""
        steps = [[step.node, step.layer, step.use, list(step.inputs), step.listed] for step in self.steps]
        return {"inputs": list(self.inputs), "steps": steps, "outputs": list(self.outputs)}


class _Planned(keras.Model):
    """A functional Keras model that runs by a plan."""

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, *, plan: Any, **options: Any) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        self.plan = Plan.of(plan)

    def run(self, inputs: Any, training: bool | None, visit: Visit | None = None, path: str = "") -> dict[str, Tensor]:
        """The outputs by name; ``visit`` is shown each node, those of nested models too."""
        layers = {layer.name: layer for layer in self.layers}
        values = self._named(inputs)
        for step in self.plan.steps:
            layer, given = layers[step.layer], [values[name] for name in step.inputs]
            if isinstance(layer, SubModel):
                nested = dict(zip(layer.plan.inputs, given, strict=True))
                with running(call_number(layer.calls, step.use)):
                    (value,) = layer.run(nested, training, visit, f"{path}{step.node}/").values()
            else:
                value = step.call(layer, given, training=training)
            if visit is not None:
                visit(path + step.node, layer, step.use, given, value)
            values[step.node] = value
        return {name: values[name] for name in self.plan.outputs}

    def _named(self, inputs: Any) -> dict[str, Tensor]:
        if isinstance(inputs, list | tuple):
            inputs = dict(zip(self.plan.inputs, inputs, strict=True))
        elif not isinstance(inputs, dict):
            inputs = {self.plan.inputs[0]: inputs}
        return {symbol.name: keras.ops.convert_to_tensor(inputs[symbol.name], symbol.dtype) for symbol in self.inputs}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "plan": self.plan.config()}


@serializable
class SubModel(_Planned):
    """A nested model: a functional Keras model that knows how often it is called.

    Args:
        plan: the order in which it runs.
        calls: how many nodes of the model around use it.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, *, calls: int = 1, **options: Any) -> None:
        super().__init__(inputs, outputs, name, **options)
        self.calls = calls

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, use: int = 0) -> Any:
        with running(call_number(self.calls, use)):
            return single(self.run(inputs, training))

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None, use: int = 0) -> Any:
        return super().compute_output_spec(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "calls": self.calls}


@serializable
class SpecModel(_Planned):
    """A whole model: a functional Keras model that holds the seed and the step of its random layers.

    Each call in training mode draws its masks for the current step and adds one to it afterwards, so that a loop
    written by hand draws fresh masks. Set ``random_seed`` and ``random_step`` to repeat a step.

    Args:
        plan: the order in which it runs.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **options: Any) -> None:
        super().__init__(inputs, outputs, name, **options)
        integers = {"dtype": "uint32", "initializer": "zeros", "trainable": False}
        self.random_seed = self.add_weight(name="random_seed", shape=(2,), **integers)
        self.random_step = self.add_weight(name="random_step", shape=(), **integers)
        state = RandomState(self.random_seed, self.random_step)
        for layer in _flat(self):
            if isinstance(layer, dropout.DrawingLayer):
                layer.state = state

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return single(self.observe(inputs, training))

    def observe(self, inputs: Any, training: bool | None, visit: Visit | None = None) -> dict[str, Tensor]:
        """The outputs by name, as in a call; ``visit`` is shown each node, those of nested models too."""
        with running(0):
            outputs = self.run(inputs, training, visit)
        if training:
            self.random_step.assign(tf.convert_to_tensor(self.random_step) + tf.constant(1, tf.uint32))
        return outputs


def single(named: dict[str, Any]) -> Any:
    """One tensor as itself, several by name."""
    return named if len(named) > 1 else next(iter(named.values()))


def _flat(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, SubModel):
            yield from _flat(layer)


def realize(model: Model, dtype: FloatType) -> SpecModel:
    """The model in Keras, with all variables zero.

    Raises:
        BackendError: a class is not realized.
        ShapeError: the inputs' shapes are not known or do not fit.
    """
    model.infer()  # explains what is wrong with the shapes, if anything is
    shapes = [(None, *i.shape) for i in model.inputs.values()]
    return _functional(model, shapes, dtype, "", SpecModel, model.name or "model")


def _functional(
    model: Model, shapes: Sequence[Shape], dtype: FloatType, path: str, cls: Any, name: str, **options: Any
) -> keras.Model:
    inferred = model.infer(*shapes)
    values: dict[str, Any] = {
        name: keras.Input(axes[1:], dtype=dtype if declared.dtype == "float" else declared.dtype, name=name)
        for (name, declared), axes in zip(model.inputs.items(), shapes, strict=True)
    }
    inputs = dict(values)
    users: dict[str, list[Node]] = {}
    for node in model.nodes:
        users.setdefault(layer_name(node, inferred), []).append(node)
    layers = {name: _layer(name, nodes, inferred, dtype, path) for name, nodes in users.items()}
    steps = []
    for node in model.nodes:
        owner = layer_name(node, inferred)
        listed = len(node.inputs) > 1 or isinstance(node.layer, Operation)
        step = Step(node.name, owner, users[owner].index(node), node.inputs, listed)
        values[node.name] = step.call(layers[owner], [values[n] for n in node.inputs])
        steps.append(step)
    outputs = {name: values[name] for name in model.outputs}
    plan = Plan(tuple(inputs), tuple(steps), model.outputs)
    return cls(single(inputs), single(outputs), name, plan=plan, **options)


def layer_name(node: Node, inferred: Mapping[str, Inferred]) -> str:
    """Nodes share a Keras layer if there is something to share: variables, or a count of calls."""
    stateful = inferred[node.name].params or node.layer.random or isinstance(node.layer, Model)
    return node.owner if stateful else node.name


def _layer(name: str, nodes: list[Node], inferred: Mapping[str, Inferred], dtype: FloatType, path: str) -> Any:
    layer, here = nodes[0].layer, f"{path}{name}"
    shapes = [inferred[node.name].inputs for node in nodes]
    if isinstance(layer, Model):
        return _functional(layer, common_shapes(shapes), dtype, f"{here}/", SubModel, name, calls=len(nodes))
    try:
        # Variables follow from the owner's inputs. Other uses may have more of them (attention), or of another kind
        # (an Embedding's table); what depends on sizes beyond that is computed from each call's own.
        uses = tuple(node.layer for node in nodes) if layer.variants else ()
        return build(layer, Context(dtype, name, here, shapes[0], len(nodes), uses))
    except BackendError as error:
        raise BackendError(f"{here}: {error}") from None


def common_shapes(uses: list[tuple[Shape, ...]]) -> tuple[Shape, ...]:
    """The input shapes of all uses of a nested model: an axis whose size varies is of any size."""
    first, *others = uses
    if any(len(use) != len(first) for use in others):
        return first  # one that reads its inputs' sizes from here reads those of the first
    if any(len(a) != len(b) for use in others for a, b in zip(first, use, strict=True)):
        # Ranks differ: the layers within take several, and read the last size alone from here.
        return first
    return tuple(
        tuple(size if all(use[i][axis] == size for use in others) else None for axis, size in enumerate(sizes))
        for i, sizes in enumerate(first)
    )


def variables(model: Model, native: Any, path: str = "") -> dict[str, Any]:
    """The Keras variables of a model by canonical name."""
    found: dict[str, Any] = {}
    layers = {layer.name: layer for layer in native.layers}
    for node in model.nodes:
        here = f"{path}{node.name}/"
        if node.shares is not None or node.name not in layers:
            continue
        if isinstance(node.layer, Model):
            found |= variables(node.layer, layers[node.name], here)
        else:
            found |= {here + name: weight for name, weight in variables_of(layers[node.name]).items()}
    return found
