"""Models as ONNX files, for inference."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import PortError, UnsupportedError
from nnspec.files import write_atomically
from nnspec.model import Model
from nnspec.porting.collecting import collect, held_by
from nnspec.porting.port import Port, Subject

# A file of Protocol Buffers can be no larger.
_LARGEST = 2**31 - 2**20


class OnnxExporter:
    """An ONNX file of opset 20, in inference mode, for batches of any size.

    Variables are its initializers, under their canonical names and in the canonical layout, which has the channels
    last; the axes are moved around each operator that has them in front. Random layers are nothing.
    """

    name: ClassVar[str] = "onnx"
    suffix: ClassVar[str] = ".onnx"

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        if dtype not in ("float32", "float64"):
            raise PortError(f"ONNX files are written in float32 or float64, not in {dtype}")
        content = _onnx().make(port.model, port.variables, dtype).SerializeToString()
        if len(content) > _LARGEST:
            raise PortError("the model is larger than 2 GB, which one ONNX file cannot hold: port to StableHLO")
        write_atomically(path, content)

    def open(self, path: Path, port: Port) -> Subject:
        return OnnxSubject(path, port.model)

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        import onnx
        from onnx import numpy_helper

        kept = {value.name: value for value in onnx.load(path).graph.initializer}
        return {name: numpy_helper.to_array(kept[name]) for name in port.model.params()}


def _onnx() -> Any:
    """What needs the package.

    Raises:
        PortError: it is not installed.
    """
    try:
        from nnspec.porting.onnx_graph import model
    except ImportError as error:
        raise PortError("ONNX files need the package onnx: pip install 'nnspec[onnx]'") from error
    return model


class OnnxSubject:
    """An ONNX file run by ONNX Runtime where it is installed, else by ONNX's reference evaluator.

    The evaluator says what each operator means; ONNX Runtime is what runs such files in practice. It has no kernels in
    float64 for some operators, convolutions among them: a file that it refuses is left to the evaluator. The label says
    which of them ran.

    See :class:`nnspec.porting.port.Subject`: it shows its outputs in inference mode, and has no gradients. It is in
    memory from when it is asked on.
    """

    def __init__(self, path: Path, model: Model, *, runtime: bool | None = None) -> None:
        """Load a file.

        Args:
            path: the file.
            model: what it was written from.
            runtime: whether ONNX Runtime runs it; by default where it is installed and has all kernels.

        Raises:
            PortError: ``runtime`` asks for ONNX Runtime, which refuses the file.
        """
        import onnx

        self.model = model
        self._path, self._runtime = path, runtime
        self._run: _Runner | None
        self.label, self._run = _runner(path, runtime)
        self.close()
        graph = onnx.load(path, load_external_data=False).graph
        self._names = [value.name for value in graph.input]
        kinds = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
        wide = onnx.TensorProto.DOUBLE in kinds
        self._dtype: FloatType = "float64" if wide else "float32"
        self.dtypes: tuple[FloatType, ...] = (self._dtype,)

    def close(self) -> None:
        """Let go of the file; it is loaded again when it is asked."""
        self._run = None
        collect(held_by(self.model))

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        if training:
            raise UnsupportedError("an ONNX file computes in inference mode alone")
        if dtype != self._dtype:
            raise UnsupportedError(f"the ONNX file computes in {self._dtype}, not in {dtype}")
        given = [np.asarray(inputs[name]) for name in self.model.inputs]
        cast = [x.astype(np.dtype(dtype)) if x.dtype.kind == "f" else x for x in given]
        if self._run is None:
            _, self._run = _runner(self._path, self._runtime)
        values = self._run(dict(zip(self._names, cast, strict=True)))
        return dict(zip(self.model.outputs, values, strict=True))

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        raise UnsupportedError("an ONNX file computes in inference mode alone")

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        raise UnsupportedError("an ONNX file has no gradients")


_Runner = Callable[[dict[str, Array]], Sequence[Array]]


def _runner(path: Path, runtime: bool | None) -> tuple[str, _Runner]:
    """What runs a file, and its name."""
    import onnx

    why = ""
    if runtime or (runtime is None and importlib.util.find_spec("onnxruntime") is not None):
        try:
            return _in_runtime(path)
        except PortError as error:
            if runtime:
                raise
            why = f"; {error}"
    from onnx.reference import ReferenceEvaluator

    evaluator: Any = ReferenceEvaluator(str(path))
    return f"ONNX {onnx.__version__} (reference evaluator{why})", lambda given: evaluator.run(None, given)


def _in_runtime(path: Path) -> tuple[str, _Runner]:
    """ONNX Runtime on a CPU.

    Raises:
        PortError: it has no kernel for something in the file.
    """
    import onnx
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    label = f"ONNX Runtime {onnxruntime.__version__}"
    graph = onnx.load(path, load_external_data=False).graph
    if any(value.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE for value in graph.input):
        # Of these it says so only when they run.
        for node in graph.node:
            if node.op_type in ("LSTM", "GRU", "RNN"):
                raise PortError(f"{label} has no kernel for {node.op_type} in its dtype")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (states.NotImplemented, states.InvalidGraph, states.Fail) as error:
        found = re.search(r"implementation for (\w+)|[Nn]ode:?\s*\(?'?([\w/]+)", str(error))
        what = next((part for part in found.groups() if part), "the file") if found else "the file"
        raise PortError(f"{label} has no kernel for {what} in its dtype") from error
    return label, lambda given: session.run(None, given)
