"""The importer that the entry point ``savedmodel`` names. Nothing of TensorFlow is imported before a model is read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from nnspec.errors import PortError
from nnspec.porting.formats import Reading
from nnspec.porting.functions import Function
from nnspec.porting.port import Port
from nnspec.porting.registry import importer
from nnspec_tensorflow.porting.saved_model import contents


class SavedModelImporter:
    """Reads SavedModels by a signature, and functions of TensorFlow."""

    name: ClassVar[str] = "savedmodel"

    def reads(self, path: Path) -> bool:
        """Whether a directory holds a SavedModel."""
        return contents.is_saved_model(path)

    def knows(self, model: Any) -> bool:
        """Whether an object is a function of TensorFlow's."""
        if isinstance(model, Function):
            return model.framework == "tensorflow"
        tensorflow = sys.modules.get("tensorflow")
        if tensorflow is None:
            return False
        return isinstance(
            model, tensorflow.types.experimental.PolymorphicFunction | tensorflow.types.experimental.ConcreteFunction
        )

    def from_file(self, path: Path, how: Reading) -> Port:
        """The function of a signature, ``serving_default`` or the one that ``how.method`` names.

        Raises:
            FileError: missing, damaged, or of a kind that would execute something when it is loaded.
            PortError: something in it that nnspec cannot express, named by its place.
        """
        from nnspec_tensorflow.porting.saved_model import signatures

        if how.weights is not None:
            raise PortError(f"{path} has its own weights: port it without --weights")
        chosen = contents.checked(path, how.method)
        function = signatures.loaded(path, chosen)
        name = f"{path.name}:{chosen}"
        return _port(name, function, signatures.of(function, how.inputs, name), how)

    def from_object(self, model: Any, how: Reading) -> Port:
        """A ``tf.function``, one of its concrete functions, or any function with what it takes.

        Raises:
            PortError: something in it that nnspec cannot express, named by its place; or what it takes is not known.
        """
        from nnspec_tensorflow.porting.saved_model import signatures

        given = model if isinstance(model, Function) else Function("tensorflow", model)
        name = str(getattr(given.call, "__name__", None) or getattr(given.call, "name", "function"))
        return _port(name, *signatures.called(given, how.inputs, name), how)


def _port(name: str, function: Any, inputs: Mapping[str, Any], how: Reading) -> Port:
    """The function of these inputs, read by what reads StableHLO.

    Raises:
        BackendError: that is not installed.
    """
    from nnspec_tensorflow.porting.saved_model.program import TensorFlowProgram

    arrays = {key: example.array for key, example in inputs.items()}
    if not arrays:
        raise PortError(f"{name} takes no inputs: a model is a function of some")
    program = TensorFlowProgram(name, function, arrays, {key: example.dtype for key, example in inputs.items()})
    return importer("stablehlo").from_object(program, how)
