"""nnspec as a backend of ONNX's: single nodes whose operator the vocabulary has, run as specs on any subject."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.backend.base import Backend, BackendRep, namedtupledict

from nnspec.backends import Array
from tests.peers.onnx_call import Call
from tests.peers.onnx_choices import OF_ANY_TYPE
from tests.peers.onnx_operators import OPERATORS
from tests.peers.outcome import NotExpressible
from tests.peers.subjects import Subject

FLOATS = ("float64", "float32", "float16", "bfloat16")


class SpecRep(BackendRep):
    """One node, ready to run on a subject."""

    def __init__(self, subject: Subject, node: onnx.NodeProto) -> None:
        if node.op_type not in OPERATORS:
            raise NotExpressible(f"{node.op_type} has no counterpart yet")
        self.subject = subject
        self.node = node

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The node's outputs.

        Raises:
            NotExpressible: the vocabulary lacks what the node asks for.
        """
        given = iter(inputs)
        arrays = [next(given) if name else None for name in self.node.input]
        first = arrays[0]
        if not isinstance(first, np.ndarray):
            raise NotExpressible("inputs that are not tensors")
        if str(first.dtype) not in FLOATS and self.node.op_type not in OF_ANY_TYPE:
            raise NotExpressible("arithmetic on integers")
        # float32 is what cases come in, and means the subject's dtype; others mean themselves.
        typed = arrays[-1:] if self.node.op_type == "OneHot" else arrays  # whose output is as its values, not its ids
        kind = next((str(x.dtype) for x in typed if x is not None and str(x.dtype) in FLOATS), "float32")
        subject = self.subject if kind == "float32" else self.subject.at(kind)  # type: ignore[arg-type]
        attributes = {a.name: helper.get_attribute_value(a) for a in self.node.attribute}
        attributes = {name: a.decode() if isinstance(a, bytes) else a for name, a in attributes.items()}
        outputs = OPERATORS[self.node.op_type](Call(subject, attributes, arrays, list(self.node.output)))
        found = {name: x for name, x in zip(self.node.output, outputs, strict=False) if name}
        return namedtupledict("Outputs", list(found))(*(_as(x, kind) for x in found.values()))


def backend_of(subject: Subject) -> type[Backend]:
    """The subject as a class that ONNX's runners take for a backend."""

    class SpecBackend(Backend):
        @classmethod
        def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> BackendRep:
            super().prepare(model, device, **kwargs)
            if len(model.graph.node) != 1:
                raise NotExpressible("graphs of several nodes")
            return SpecRep(subject, model.graph.node[0])

        @classmethod
        def run_node(
            cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any
        ) -> tuple[Any, ...]:
            super().run_node(node, inputs, device, outputs_info, **kwargs)
            return SpecRep(subject, node).run(inputs)

        @classmethod
        def supports_device(cls, device: str) -> bool:
            return device == "CPU"

    return SpecBackend


def _as(output: Array, kind: str) -> Array:
    """Floats in the dtype of the node, which a subject of a wider one rounds to at the very end; others as they are."""
    return output.astype(kind) if str(output.dtype) in FLOATS else output
