"""A spec's graph as an ONNX model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The families are imported because they register their classes.
import nnspec.porting.onnx_graph.activation
import nnspec.porting.onnx_graph.attention
import nnspec.porting.onnx_graph.convolution
import nnspec.porting.onnx_graph.linear
import nnspec.porting.onnx_graph.normalization
import nnspec.porting.onnx_graph.operations
import nnspec.porting.onnx_graph.recurrent  # noqa: F401
from nnspec.backends import Arrays
from nnspec.errors import PortError
from nnspec.layers.base import DType, Shape
from nnspec.model import Model
from nnspec.porting.onnx_graph.graph import OPSET, Graph, Place, emit


def make(model: Model, variables: Arrays, dtype: str) -> Any:
    """The model in inference mode.

    Args:
        model: the spec; its inputs have shapes.
        variables: by canonical name.
        dtype: of floats.

    Raises:
        PortError: an input has no shape, or a node has no counterpart.
    """
    from nnspec import __version__

    for name, declared in model.inputs.items():
        if declared.shape is None:
            raise PortError(f"the input {name!r} has no shape, which ONNX needs: give it one")
    graph = Graph(dtype)
    shapes = {name: (None, *(declared.shape or ())) for name, declared in model.inputs.items()}
    kinds: dict[str, DType] = {name: declared.dtype for name, declared in model.inputs.items()}
    outer = {name: f"input:{name}" if name in model.outputs else name for name in model.inputs}
    results = _body(model, graph, "", "", [outer[name] for name in model.inputs], shapes, kinds)
    for name in model.outputs:
        graph.as_(name, results[name])
    made = helper.make_graph(
        graph.nodes,
        model.name or "model",
        [_declared(outer[name], shapes[name], kinds[name], graph) for name in model.inputs],
        [_declared(name, shapes[name], kinds[name], graph) for name in model.outputs],
    )
    version = helper.find_min_ir_version_for([helper.make_opsetid("", OPSET)])
    found = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=version,
        producer_name="nnspec",
        producer_version=__version__,
    )
    # One by one: what a message is made of is copied.
    for name, param in model.params().items():
        array = np.ascontiguousarray(np.asarray(variables[name], dtype)).reshape(param.shape)
        found.graph.initializer.append(numpy_helper.from_array(array, name))
    found.graph.initializer.extend(graph.constants)
    onnx.checker.check_model(found, full_check=False)
    return found


def _body(
    model: Model,
    graph: Graph,
    path: str,
    owner: str,
    given: Sequence[str],
    shapes: dict[str, Shape],
    kinds: dict[str, DType],
) -> dict[str, str]:
    """A model's nodes; gives the names of all values. ``shapes`` and ``kinds`` are those of its inputs, and filled."""
    values = dict(zip(model.inputs, given, strict=True))
    inferred = model.infer(*(shapes[name] for name in model.inputs), dtypes=[kinds[name] for name in model.inputs])
    for node in model.nodes:
        found = inferred[node.name]
        own = tuple(values[name] for name in node.inputs)
        dtypes = tuple(kinds[name] for name in node.inputs)
        here, mine = path + node.name, owner + node.owner
        shapes[node.name], kinds[node.name] = found.output, found.dtype
        if isinstance(node.layer, Model):
            names = list(node.layer.inputs)
            inside = dict(zip(names, found.inputs, strict=True)), dict(zip(names, dtypes, strict=True))
            within = _body(node.layer, graph, f"{here}/", f"{mine}/", own, *inside)
            values[node.name] = within[node.layer.outputs[0]]
        else:
            values[node.name] = emit(node.layer, graph, Place(here, mine, found.inputs, found.output, dtypes, own))
    return values


def _declared(name: str, shape: Shape, kind: DType, graph: Graph) -> Any:
    sizes = ["batch" if i == 0 else f"{name}_{i}" if size is None else size for i, size in enumerate(shape)]
    number = {"float": graph.float_type, "int32": TensorProto.INT32, "bool": TensorProto.BOOL}[kind]
    return helper.make_tensor_value_info(name, number, sizes)
