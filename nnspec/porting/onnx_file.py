"""Models as ONNX files, for inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnspec.backends import Array, Arrays, FloatType, Gradients
from nnspec.errors import PortError, UnsupportedError
from nnspec.files import write_atomically
from nnspec.model import Model
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
        raise PortError("ONNX files need the package onnx: pip install onnx") from error
    return model


class OnnxSubject:
    """An ONNX file run by ONNX's own reference evaluator, which says what each operator means.

    See :class:`nnspec.porting.port.Subject`: it shows its outputs in inference mode, and has no gradients.
    """

    def __init__(self, path: Path, model: Model) -> None:
        import onnx
        from onnx.reference import ReferenceEvaluator

        self.model = model
        self.label = f"ONNX {onnx.__version__} (reference evaluator)"
        self._evaluator = ReferenceEvaluator(str(path))
        graph = onnx.load(path, load_external_data=False).graph
        kinds = {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
        wide = onnx.TensorProto.DOUBLE in kinds
        self._dtype: FloatType = "float64" if wide else "float32"
        self.dtypes: tuple[FloatType, ...] = (self._dtype,)

    def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
        if training:
            raise UnsupportedError("an ONNX file computes in inference mode alone")
        if dtype != self._dtype:
            raise UnsupportedError(f"the ONNX file computes in {self._dtype}, not in {dtype}")
        given = [np.asarray(inputs[name]) for name in self.model.inputs]
        cast = [x.astype(np.dtype(dtype)) if x.dtype.kind == "f" else x for x in given]
        values = self._evaluator.run(None, dict(zip(self._evaluator.input_names, cast, strict=True)))
        return dict(zip(self.model.outputs, values, strict=True))

    def statistics(self, inputs: Arrays, *, dtype: FloatType) -> dict[str, Array]:
        raise UnsupportedError("an ONNX file computes in inference mode alone")

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        raise UnsupportedError("an ONNX file has no gradients")
