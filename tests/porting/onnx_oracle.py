"""ONNX files that others wrote, run by ONNX Runtime where it is installed, else by ONNX's reference evaluator."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np


def run(path: Path, inputs: dict[str, np.ndarray], outputs: list[str] | None = None) -> dict[str, np.ndarray]:
    """Values of a model, by name: of its outputs, or of any others that are named."""
    import onnx

    model = onnx.load(path)
    known = {value.name for value in model.graph.output}
    names = outputs or list(known)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    if find_spec("onnxruntime") is not None:
        import onnxruntime

        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        found = session.run(names, inputs)
    else:
        from onnx.reference import ReferenceEvaluator

        found = ReferenceEvaluator(model).run(names, inputs)
    return dict(zip(names, found, strict=True))


def inputs(path: Path) -> list[str]:
    """The names of a model's inputs."""
    import onnx

    return [value.name for value in onnx.load(path).graph.input]


def before(path: Path, kind: str) -> list[str]:
    """The names of what goes into all nodes of an operator: of sigmoids, which hide what comes near 0 and 1."""
    import onnx

    return [node.input[0] for node in onnx.load(path).graph.node if node.op_type == kind]
