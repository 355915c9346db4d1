"""``.keras`` files of stock layers and operations, which plain Keras loads on any of its backends."""

from __future__ import annotations

import os
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from nnspec.backends import Array, FloatType
from nnspec.errors import FileError
from nnspec.porting.collecting import collect, held_by
from nnspec.porting.optimizer import trained
from nnspec.porting.port import OptimizerState, Port, Subject
from nnspec_tensorflow.porting import optimizer_state
from nnspec_tensorflow.porting.export import families as families, graph, optimizers
from nnspec_tensorflow.porting.export.subject import NativeSubject
from nnspec_tensorflow.porting.recognition import WEIGHTS
from nnspec_tensorflow.porting.trainables import Trainables
from nnspec_tensorflow.startup import keras


class KerasExporter:
    """Writes a functional Keras model: no class, no function and no Lambda in it is nnspec's or anyone's own.

    Layers are named after their nodes, nested models are nested functional models, and shared layers are shared.
    Derivatives at kinks and ties, and what NaN does in a maximum, are Keras's there.
    """

    name: ClassVar[str] = "keras"
    suffix: ClassVar[str] = ".keras"

    def __init__(self) -> None:
        self._outlines = graph.Outlines()

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        """Write a model to a file that does not exist yet.

        Raises:
            PortError: a node that stock Keras cannot express, named.
            FileError: the file cannot be written.
        """
        saved = path if path.suffix == self.suffix else path.with_name(path.name + self.suffix)  # Keras insists
        try:
            _filled(port, dtype).save(saved)
            os.replace(saved, path)
        except OSError as error:
            raise FileError(f"{path}: cannot be written: {error}") from error
        finally:
            collect(held_by(port.model))

    def open(self, path: Path, port: Port) -> Subject:
        """What was written, loaded as its users will, under the names of ``port.model``."""
        dtype = graph.dtype_of(_loaded(path))  # which shows as well that it can be loaded
        collect(held_by(port.model))
        made = self._outlines.of(port.model)
        return NativeSubject(port.model, made, partial(_loaded, path), partial(_fill, path), dtype, path.name)

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        """The variables as they lie in the file, under canonical names and in the canonical layout."""
        return graph.read(self._outlines.of(port.model), _loaded(path))

    def open_optimizer(self, path: Path, port: Port) -> OptimizerState:
        """The optimizer as it lies in the file, loaded as its users will."""
        model = _loaded(path, compiled=True)
        made = self._outlines.of(port.model)
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
        found = self._outlines.of(port.model).notes
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


def _filled(port: Port, dtype: FloatType) -> Any:
    """A model with its weights, and its optimizer where there is one."""
    made = graph.realize(port.model, dtype)
    graph.write(made, port.variables)
    if port.optimizer is not None:
        compile_with(made, made.model, port)
    return made.model


def _fill(path: Path, model: Any) -> None:
    """Give a model of the same structure the weights of a file, from beside it: Keras would read all of it at once."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, zipfile.ZipFile(path) as archive:
        model.load_weights(archive.extract(WEIGHTS, folder))


def _loaded(path: Path, *, compiled: bool = False) -> Any:
    if not path.exists():
        raise FileError(f"{path}: there is no such file")
    return keras.models.load_model(path, compile=compiled, safe_mode=True)
