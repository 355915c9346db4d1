"""A Keras model as readable source with its weights beside it, for people who go on with it in Keras alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnspec.backends import Array, FloatType
from nnspec.errors import FileError, PortError
from nnspec.porting.collecting import collect, held_by
from nnspec.porting.port import Port, Subject
from nnspec_tensorflow.porting.export import families as families, graph
from nnspec_tensorflow.porting.export.graph import Native
from nnspec_tensorflow.porting.export.source import Writer
from nnspec_tensorflow.porting.export.subject import NativeSubject
from nnspec_tensorflow.startup import keras

MODULE, WEIGHTS, CONSTANTS = "model.py", "model.weights.h5", "constants.npz"
_LOADER = f'''

def load(weights: Path | None = None) -> keras.Model:
    """The model with its weights."""
    model = build()
    model.load_weights(weights or Path(__file__).with_name("{WEIGHTS}"))
    return model
'''


class KerasSourceExporter:
    """Writes a directory: ``model.py``, with ``build()`` and ``load()``, and ``model.weights.h5``.

    Arrays that the model computes with and that are no weights, if there are any, lie in ``constants.npz``.
    """

    name: ClassVar[str] = "keras-source"
    suffix: ClassVar[str] = ""

    def __init__(self) -> None:
        self._outlines = graph.Outlines()

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        """Write a model to a directory that does not exist yet.

        Raises:
            PortError: a node that stock Keras cannot express, named.
            FileError: the directory cannot be written.
        """
        try:
            self._write(port, path, dtype)
        except OSError as error:
            raise FileError(f"{path}: cannot be written: {error}") from error
        finally:
            collect(held_by(port.model))

    def _write(self, port: Port, path: Path, dtype: FloatType) -> None:
        made = graph.realize(port.model, dtype)
        graph.write(made, port.variables)
        writer = Writer(port.model, made)
        functions = writer.text()
        path.mkdir(parents=True)
        (path / MODULE).write_text(_module(port, functions, bool(writer.constants)), encoding="utf-8")
        if writer.constants:
            np.savez(path / CONSTANTS, **writer.constants)
        made.model.save_weights(path / WEIGHTS)

    def open(self, path: Path, port: Port) -> Subject:
        """What was written, imported and loaded, under the names of ``port.model``."""
        made = self._outlines.of(port.model)

        def load() -> Any:
            model = _loaded(path)
            _align(made, model)
            return model

        def fill(model: Any) -> None:
            model.load_weights(path / WEIGHTS)

        dtype = graph.dtype_of(load())  # which shows as well that it can be loaded
        collect(held_by(port.model))
        return NativeSubject(port.model, made, load, fill, dtype, path.name)

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        """The variables as they lie in the file of weights, under canonical names and in the canonical layout."""
        return graph.read(self._outlines.of(port.model), _loaded(path))


def _module(port: Port, functions: str, constants: bool) -> str:
    name = port.model.name or "The model"
    head = [f'"""{name}, in Keras. ``load()`` gives it with its weights, ``build()`` without."""', ""]
    head += ["from pathlib import Path", *(["from typing import Any"] if ": Any" in functions else []), ""]
    head += ["import keras", *(["import numpy as np"] if "np." in functions or constants else [])]
    used = [word for word in ("layers", "ops") if f"{word}." in functions]
    head += [f"from keras import {', '.join(used)}"] if used else []
    if constants:
        head += ["", f'CONSTANTS = np.load(Path(__file__).with_name("{CONSTANTS}"))']
    return "\n".join(head) + "\n\n\n" + functions + _LOADER


def _loaded(path: Path) -> Any:
    """The model that the module in a directory loads: it was written by :meth:`KerasSourceExporter.write`."""
    if not (path / MODULE).exists():
        raise FileError(f"{path}: there is no {MODULE} in it")
    found = importlib.util.spec_from_file_location("exported_model", path / MODULE)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.load()


def _align(made: Native, model: Any) -> None:
    """Give operations, which source does not name, the names they have in another model of the same structure.

    Raises:
        PortError: it has another structure.
    """
    ours, theirs = made.model.operations, model.operations
    if [type(each) for each in ours] != [type(each) for each in theirs]:
        raise PortError(f"{model.name}: the source makes other layers and operations than it was written after")
    for own, other in zip(ours, theirs, strict=True):
        if not isinstance(own, keras.layers.Layer):
            other.name = own.name
    for owner, inner in made.nested.items():
        _align(inner, model.get_layer(owner))
