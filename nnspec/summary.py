"""What a network is and costs, told from its spec alone: shapes, parameters, operations, memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nnspec.advice import advice
from nnspec.errors import ShapeError
from nnspec.experiment import Experiment
from nnspec.layers.base import Shape
from nnspec.model import Inferred, Model
from nnspec.optimizers import OptimizerBase
from nnspec.spec import changed_fields
from nnspec.vocabulary import tag_of

_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2, "int32": 4, "bool": 1}


@dataclass(frozen=True)
class Row:
    """One node.

    Attributes:
        path: its path, ``encoder/dense`` in a nested model.
        layer: its layer with the fields that differ from their defaults.
        output: its output's shape, with None for the batch and for axes of any length.
        parameters, statistics: numbers in its own variables; a node that shares another's has none of its own.
        flops: operations per example; None where an axis is of any length.
        shares: the node whose variables it uses.
    """

    path: str
    layer: str
    output: Shape
    parameters: int
    statistics: int
    flops: int | None
    shares: str | None


@dataclass(frozen=True)
class Summary:
    """The nodes of a model and what they come to.

    Attributes:
        flops: floating-point operations of a forward pass per example, in inference mode: a multiplication and an
            addition are two, a function of one element is one.
        memory: bytes in training by what needs them: parameters, gradients, optimizer slots, statistics, and
            the inputs and outputs of all nodes at ``batch_size``, which the backward pass keeps. An estimate: compilers
            fuse some layers and need room of their own.
    """

    inputs: dict[str, Shape]
    rows: tuple[Row, ...]
    dtype: str
    batch_size: int
    memory: dict[str, int]
    advice: tuple[str, ...]

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def statistics(self) -> int:
        return sum(row.statistics for row in self.rows)

    @property
    def flops(self) -> int | None:
        known = [row.flops for row in self.rows if row.flops is not None]
        return sum(known) if len(known) == len(self.rows) else None

    def to_json(self) -> dict[str, Any]:
        return {
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "layers": [asdict(row) for row in self.rows],
            "parameters": self.parameters,
            "statistics": self.statistics,
            "flops_per_example": self.flops,
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "memory_bytes": {**self.memory, "total": sum(self.memory.values())},
            "advice": list(self.advice),
        }


def summarize(model: Model, experiment: Experiment | None = None, batch_size: int | None = None) -> Summary:
    """The summary of a model.

    Args:
        model: the model.
        experiment: where it is from; its data may tell the input's shape, its optimizer has slots, its training the
            dtype and the batch size. Without it SGD, float32 and 32.
        batch_size: of the memory; the experiment's if left out.

    Raises:
        ShapeError: shapes that do not fit, or an input whose shape is told nowhere.
    """
    shapes = experiment.input_shapes() if experiment is not None else tuple(_declared(model))
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        name = next(name for name, shape in zip(model.inputs, shapes, strict=True) if shape is None)
        raise ShapeError(
            f"the shape of the input {name!r} is not known: declare it in the model, or by --set model.input=[64]",
            ("model",),
        )
    try:
        inferred = model.infer(*known)
    except ShapeError as error:
        raise error.under("model") from None
    rows = tuple(_rows(model, inferred, ""))
    dtype = "float32" if experiment is None else experiment.training.dtype
    batch = batch_size or (32 if experiment is None else experiment.training.batch_size)
    size = _BYTES[dtype]
    parameters = size * sum(row.parameters for row in rows)
    declared = list(model.inputs.values())
    kept = [(shape, declared[i].dtype) for i, shape in enumerate(known)] + list(_outputs(model, inferred))
    memory = {
        "parameters": parameters,
        "gradients": parameters,
        "optimizer": 0 if experiment is None else size * _slots(model, experiment.optimizer, known),
        "statistics": size * sum(row.statistics for row in rows),
        "activations": batch * sum(_size(shape) * _BYTES.get(kind, size) for shape, kind in kept),
    }
    lines = advice(model, None if experiment is None else experiment.loss)
    return Summary(dict(zip(model.inputs, known, strict=True)), rows, dtype, batch, memory, tuple(lines))


def _slots(model: Model, optimizer: OptimizerBase, shapes: Sequence[Shape]) -> int:
    """The elements of all slots."""
    found = ((name, param) for name, param in model.params(*shapes).items() if param.kind == "parameter")
    held = (slot for name, param in found for slot in optimizer.slots_of(name, param.shape).values())
    return sum(math.prod(slot.shape) for slot in held)


def _declared(model: Model) -> Iterator[Shape | None]:
    for given in model.inputs.values():
        yield None if given.shape is None else (None, *given.shape)


def _rows(model: Model, inferred: Mapping[str, Inferred], prefix: str, shared: bool = False) -> Iterator[Row]:
    """A row per node that is not a model; those of a nested model after each other."""
    for node in model.nodes:
        found = inferred[node.name]
        path = prefix + node.name
        again = shared or node.shares is not None
        if isinstance(node.layer, Model):
            yield from _rows(node.layer, node.layer.infer(*found.inputs), f"{path}/", again)
            continue
        counts = {"parameter": 0, "statistic": 0}
        for param in found.params.values() if not again else ():
            counts[param.kind] += math.prod(param.shape)
        flops = None
        if all(size is not None for shape in found.inputs for size in shape[1:]):
            flops = node.layer.flops(*(tuple(size or 1 for size in shape) for shape in found.inputs))
        shares = prefix + node.shares if node.shares is not None else None
        yield Row(path, describe(node.layer), found.output, counts["parameter"], counts["statistic"], flops, shares)


def _outputs(model: Model, inferred: Mapping[str, Inferred]) -> Iterator[tuple[Shape, str]]:
    """Shape and dtype of the output of each node that is not a model."""
    for node in model.nodes:
        found = inferred[node.name]
        if isinstance(node.layer, Model):
            yield from _outputs(node.layer, node.layer.infer(*found.inputs))
        else:
            yield found.output, found.dtype


def _size(shape: Shape) -> int:
    """Elements per example, an axis of any length taken as 1."""
    return math.prod(size or 1 for size in shape[1:])


def describe(layer: Any) -> str:
    """A layer in a few words: ``Dense(features=512, kernel_init=he_normal)``."""
    return _call(tag_of(type(layer)), {name: held for name, held in changed_fields(layer).items() if name != "name"})


def _call(name: str, held: Any) -> str:
    """``normal(stddev=0.5)``, ``constant(0.25)``, ``relu``."""
    if not isinstance(held, dict):
        return name if held is None else f"{name}({_short(held)})"
    fields = ", ".join(f"{field}={_short(value)}" for field, value in held.items())
    return f"{name}({fields})" if fields else name


def _short(value: Any) -> str:
    if isinstance(value, dict):  # a spec in its short form: a name with its value or fields
        return ", ".join(_call(name, held) for name, held in value.items())
    if isinstance(value, str) and "\n" in value:  # a program
        return f"<{value.count(chr(10))} lines>"
    return str(value).lower() if isinstance(value, bool) else str(value)
