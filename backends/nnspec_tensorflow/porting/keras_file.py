"""``.keras`` files of stock layers and operations, which plain Keras loads on any of its backends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from nnspec.backends import Array, FloatType
from nnspec.errors import FileError
from nnspec.porting.optimizer import trained
from nnspec.porting.port import OptimizerState, Port, Subject
from nnspec_tensorflow.porting import optimizer_state
from nnspec_tensorflow.porting.export import families as families, graph, optimizers
from nnspec_tensorflow.porting.export.subject import NativeSubject
from nnspec_tensorflow.porting.trainables import Trainables
from nnspec_tensorflow.startup import keras


class KerasExporter:
    """Writes a functional Keras model: no class, no function and no Lambda in it is nnspec's or anyone's own.

    Layers are named after their nodes, nested models are nested functional models, and shared layers are shared.
    Derivatives at kinks and ties, and what NaN does in a maximum, are Keras's there.
    """

    name: ClassVar[str] = "keras"
    suffix: ClassVar[str] = ".keras"

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        """Write a model to a file that does not exist yet.

        Raises:
            PortError: a node that stock Keras cannot express, named.
            FileError: the file cannot be written.
        """
        made = graph.realize(port.model, dtype)
        graph.write(made, port.variables)
        if port.optimizer is not None:
            compile_with(made, made.model, port)
        saved = path if path.suffix == self.suffix else path.with_name(path.name + self.suffix)  # Keras insists
        try:
            made.model.save(saved)
            os.replace(saved, path)
        except OSError as error:
            raise FileError(f"{path}: cannot be written: {error}") from error

    def open(self, path: Path, port: Port) -> Subject:
        """What was written, loaded as its users will, under the names of ``port.model``."""
        model = _loaded(path)
        dtype: Any = model.dtype
        return NativeSubject(port.model, graph.realize(port.model, dtype), model, dtype, path.name)

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        """The variables as they lie in the file, under canonical names and in the canonical layout."""
        model = _loaded(path)
        return graph.read(graph.realize(port.model, model.dtype), model)

    def open_optimizer(self, path: Path, port: Port) -> OptimizerState:
        """The optimizer as it lies in the file, loaded as its users will."""
        model = _loaded(path, compiled=True)
        made = graph.realize(port.model, model.dtype)
        params = port.model.params()
        trainables = Trainables.written(made, model, list(trained(params)))
        return optimizer_state.read(model.optimizer, trainables, params, graph.read(made, model))

    def load(self, path: Path) -> Any:
        """What was written as a live ``keras.Model``."""
        return _loaded(path, compiled=True)

    def notes(self, port: Port) -> tuple[str, ...]:
        """What is by nature another thing in Keras, a sentence for each node.

        Raises:
            PortError: a node that stock Keras cannot express, named.
        """
        found = graph.realize(port.model, "float32").notes
        return found if port.optimizer is None else (*found, *optimizers.notes(port.optimizer))


def compile_with(made: graph.Native, model: Any, port: Port) -> None:
    """Give a model that was written the optimizer of a port, with its state.

    Raises:
        PortError: stock Keras has no such optimizer.
    """
    assert port.optimizer is not None
    params = port.model.params()
    trainables = Trainables.written(made, model, list(trained(params)))
    model.compile(optimizer=optimizers.realize(port.optimizer, trainables, params))


def _loaded(path: Path, *, compiled: bool = False) -> Any:
    if not path.exists():
        raise FileError(f"{path}: there is no such file")
    return keras.models.load_model(path, compile=compiled, safe_mode=True)
