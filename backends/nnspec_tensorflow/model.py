"""The graph as a functional Keras model.

Layers carry the names of their nodes, a nested model is a nested Keras model, and a shared layer is one Keras layer
that is called again; so no name ever needs the ``/`` that Keras refuses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nnspec.backends import FloatType
from nnspec.errors import BackendError, SpecError
from nnspec.layers.base import Operation, Shape
from nnspec.model import Inferred, Model, Node

# The families are imported because they register their layers.
from nnspec_tensorflow import activation, dropout, linear, normalization, ops, shape  # noqa: F401
from nnspec_tensorflow.dropout import RandomState, call_number, running
from nnspec_tensorflow.realize import Context, build, serializable, variables_of
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SubModel(keras.Model):
    """A nested model: a functional Keras model that knows how often it is called.

    Args:
        calls: how many nodes of the model around use it.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, *, calls: int = 1, **options: Any) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        self.calls = calls

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None, use: int = 0) -> Any:
        with running(call_number(self.calls, use)):
            return super().call(inputs, training=training, mask=mask)

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None, use: int = 0) -> Any:
        return super().compute_output_spec(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "calls": self.calls}


@serializable
class SpecModel(keras.Model):
    """A whole model: a functional Keras model that holds the seed and the step of its random layers.

    Each call in training mode draws its masks for the current step and adds one to it afterwards, so that a loop
    written by hand draws fresh masks. Set ``random_seed`` and ``random_step`` to repeat a step.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **options: Any) -> None:
        super().__init__(inputs=inputs, outputs=outputs, name=name, **options)
        integers = {"dtype": "uint32", "initializer": "zeros", "trainable": False}
        self.random_seed = self.add_weight(name="random_seed", shape=(2,), **integers)
        self.random_step = self.add_weight(name="random_step", shape=(), **integers)
        state = RandomState(self.random_seed, self.random_step)
        for layer in _flat(self):
            if isinstance(layer, dropout.SpecDropout):
                layer.state = state

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        with running(0):
            outputs = super().call(inputs, training=training, mask=mask)
        if training:
            self.random_step.assign(tf.convert_to_tensor(self.random_step) + tf.constant(1, tf.uint32))
        return outputs


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
        SpecError: a node leads to no output.
    """
    model.infer()  # explains what is wrong with the shapes, if anything is
    shapes = [(None, *i.shape) for i in model.inputs.values()]
    return _functional(model, shapes, dtype, "", SpecModel, model.name or "model")


def _functional(
    model: Model, shapes: Sequence[Shape], dtype: FloatType, path: str, cls: Any, name: str, **options: Any
) -> keras.Model:
    _refuse_dead_nodes(model, path)
    inferred = model.infer(*shapes)
    values: dict[str, Any] = {
        name: keras.Input(axes[1:], dtype=dtype if declared.dtype == "float" else declared.dtype, name=name)
        for (name, declared), axes in zip(model.inputs.items(), shapes, strict=True)
    }
    inputs = dict(values)
    users: dict[str, list[Node]] = {}
    for node in model.nodes:
        users.setdefault(_layer_name(node, inferred), []).append(node)
    layers = {name: _layer(name, nodes, inferred, dtype, path) for name, nodes in users.items()}
    for node in model.nodes:
        owner = _layer_name(node, inferred)
        use = users[owner].index(node)
        values[node.name] = call(layers[owner], node, [values[n] for n in node.inputs], use)
    outputs = {name: values[name] for name in model.outputs}
    return cls(inputs=_single(inputs), outputs=_single(outputs), name=name, **options)


def _layer_name(node: Node, inferred: dict[str, Inferred]) -> str:
    """Nodes share a Keras layer if there is something to share: variables, or a count of calls."""
    stateful = inferred[node.name].params or node.layer.random or isinstance(node.layer, Model)
    return node.owner if stateful else node.name


def _layer(name: str, nodes: list[Node], inferred: dict[str, Inferred], dtype: FloatType, path: str) -> Any:
    layer, here = nodes[0].layer, f"{path}{name}"
    shapes = _common([inferred[node.name].inputs for node in nodes])
    if isinstance(layer, Model):
        return _functional(layer, shapes, dtype, f"{here}/", SubModel, name, calls=len(nodes))
    try:
        return build(layer, Context(dtype, name, here, shapes, len(nodes)))
    except BackendError as error:
        raise BackendError(f"{here}: {error}") from None


def _common(uses: list[tuple[Shape, ...]]) -> tuple[Shape, ...]:
    """The input shapes of all uses of a layer: an axis whose size varies is of any size."""
    first, *others = uses
    if any(len(a) != len(b) for use in others for a, b in zip(first, use, strict=True)):
        return first  # ranks differ: only layers over the last axis are used so
    return tuple(
        tuple(size if all(use[i][axis] == size for use in others) else None for axis, size in enumerate(sizes))
        for i, sizes in enumerate(first)
    )


def call(layer: Any, node: Node, given: list[Any], use: int, **options: Any) -> Any:
    """A node's value: its Keras layer applied to what the node is given."""
    if isinstance(layer, SubModel | dropout.SpecDropout):
        options["use"] = use
    if isinstance(node.layer, Model):
        return layer(_single(dict(zip(node.layer.inputs, given, strict=True))), **options)
    return layer(given if isinstance(node.layer, Operation) else given[0], **options)


def _single(named: dict[str, Any]) -> Any:
    """One tensor as itself, several by name."""
    return named if len(named) > 1 else next(iter(named.values()))


def _refuse_dead_nodes(model: Model, path: str) -> None:
    alive = set(model.outputs)
    for node in reversed(model.nodes):
        if node.name not in alive:
            reason = "leads to no output: name it in the model's outputs, or leave it out"
            raise SpecError(reason, (f"{path}{node.name}",))
        alive |= set(node.inputs)


# What a visit of a node is given: its path, its Keras layer, which use of the layer it is, its inputs and its value.
Visit = Callable[[str, Any, int, list[Tensor], Tensor], None]


def walk(
    model: Model, native: Any, inputs: dict[str, Tensor], visit: Visit, *, training: bool, path: str = ""
) -> Tensor:
    """Evaluate a model node by node, nested ones too, and show each node to ``visit``. The step does not advance.

    Returns:
        The value of the model's first output.
    """
    layers = {layer.name: layer for layer in native.layers}
    uses: Counter[str] = Counter()
    values = dict(inputs)
    for node in model.nodes:
        layer = layers.get(node.name) or layers[node.owner]
        given, use = [values[n] for n in node.inputs], uses[layer.name]
        uses[layer.name] += 1
        if isinstance(node.layer, Model):
            nested = dict(zip(node.layer.inputs, given, strict=True))
            with running(call_number(layer.calls, use)):
                value = walk(node.layer, layer, nested, visit, training=training, path=f"{path}{node.name}/")
        else:
            value = call(layer, node, given, use, training=training)
        visit(path + node.name, layer, use, given, value)
        values[node.name] = value
    return values[model.outputs[0]]


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
