"""Models as Flax source: a module file that a person would have written, and its weights, without nnspec."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from nnspec import variables as files
from nnspec.backends import Array, FloatType
from nnspec.errors import FileError, PortError
from nnspec.files import write_atomically
from nnspec.porting.port import Port, Subject
from nnspec_jax.porting.export.module import CHECKPOINT, MODULE, WEIGHTS, Source, Weights


class FlaxExporter:
    """A directory with ``model.py``, which imports JAX, Flax and safetensors alone, and ``model.safetensors``.

    ``load()`` of the module gives an ``nnx.Module`` with the weights; arrays are named after its attributes
    (``blocks.0.conv1.kernel``). Random layers draw from ``nnx.Rngs``: other masks than nnspec's.
    """

    name: ClassVar[str] = "flax"
    suffix: ClassVar[str] = ""

    def __init__(self, *, weights: Weights = "safetensors") -> None:
        """An exporter.

        Args:
            weights: "orbax" for a checkpoint of Orbax, ``checkpoint/``, in the place of a file of safetensors.
        """
        self.weights: Weights = weights

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        source = Source(port.model, weights=self.weights)
        text = source.text()
        try:
            os.mkdir(path)
        except FileExistsError:
            raise FileError(f"{path} is there already") from None
        except OSError as error:
            raise FileError(f"{path} cannot be written: {error.strerror}") from None
        write_atomically(path / MODULE, text)
        arrays = dict(_native(source, port, dtype))
        if self.weights == "orbax":
            _write_checkpoint(path / CHECKPOINT, arrays)
        else:
            files.save(path / WEIGHTS, arrays)

    def open(self, path: Path, port: Port) -> Subject:
        from nnspec_jax.porting.source_subject import SourceSubject

        return SourceSubject(path, Source(port.model, weights=self.weights), port.model)

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        source = Source(port.model, weights=self.weights)
        if self.weights == "orbax":
            arrays = _read_checkpoint(path / CHECKPOINT)
        else:
            arrays, _ = files.load(path / WEIGHTS)
        return {name: place.layout.back(arrays[place.name]) for name, place in source.variables.items()}


def _native(source: Source, port: Port, dtype: FloatType) -> Iterator[tuple[str, Array]]:
    """The arrays of the module, by the names of its attributes."""
    for name, place in source.variables.items():
        if name not in port.variables:
            raise PortError(f"the variable {name!r} is missing")
        array = np.asarray(port.variables[name]).astype(jnp.dtype(dtype), copy=False)
        yield place.name, np.ascontiguousarray(place.layout.to(array)).reshape(array.shape)


def _write_checkpoint(path: Path, arrays: dict[str, Array]) -> None:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path.absolute(), arrays)


def _read_checkpoint(path: Path) -> dict[str, Array]:
    import orbax.checkpoint as ocp

    with ocp.PyTreeCheckpointer() as checkpointer:
        restored: dict[str, Any] = checkpointer.restore(path.absolute())
    return {name: np.asarray(array) for name, array in restored.items()}
