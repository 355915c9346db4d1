"""The importer that the entry point ``keras`` names. Nothing of Keras is imported before a model is read."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from nnspec.porting.formats import Reading
from nnspec.porting.port import Port
from nnspec_tensorflow.porting import recognition


class KerasImporter:
    """Reads Keras models: live ones, and files of Keras 1, 2 and 3."""

    name: ClassVar[str] = "keras"

    def reads(self, path: Path) -> bool:
        """Whether a file is one of Keras's: a zip archive with a model's config, or HDF5 of a model or its weights."""
        return recognition.reads(path)

    def knows(self, model: Any) -> bool:
        """Whether an object is a Keras model or layer."""
        keras = sys.modules.get("keras")
        return keras is not None and isinstance(model, keras.Layer)

    def from_file(self, path: Path, how: Reading) -> Port:
        """The model of a file.

        Raises:
            FileError: missing, damaged, hostile, or of a kind that needs more than a file.
            PortError: something in it that nnspec cannot express, named by its layer.
        """
        from nnspec_tensorflow.porting import files, live, optimizer_files

        loaded = files.read(path, how)
        notes: list[str] = []
        if how.optimizer and loaded.optimizer is not None:
            optimizer_files.attach(path, loaded, notes)
        found = live.port(loaded.model, how)
        return replace(found, notes=(*loaded.notes, *notes, *found.notes))

    def from_object(self, model: Any, how: Reading) -> Port:
        """A live model, which is left as it is, unless ``how.weights`` names a file of weights for it.

        Raises:
            PortError: something in it that nnspec cannot express, named by its layer; or what it takes is not known.
            FileError: the file is not one of this model's weights.
        """
        from nnspec_tensorflow.porting import files, live

        if how.weights is not None:
            files.load_weights(model, how.weights)
        return live.port(model, how)
