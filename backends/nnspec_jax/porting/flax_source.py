"""Models as Flax source: a module file that a person would have written, and its weights, without nnspec."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, get_args

import jax.numpy as jnp
import numpy as np

from nnspec.backends import Array, FloatType
from nnspec.errors import BackendError, FileError, PortError
from nnspec.files import write_atomically
from nnspec.porting.directory import in_dtype
from nnspec.porting.optimizer import moved
from nnspec.porting.port import OptimizerState, Port, Subject
from nnspec.porting.shards import read_file, write_file
from nnspec.variables import FORMAT, FORMAT_KEY
from nnspec_jax.porting.export.module import CHECKPOINT, MODULE, WEIGHTS, Source, WeightsFormat
from nnspec_jax.porting.export.optimizer_module import OPTIMIZER, STATE, OptimizerSource


class FlaxExporter:
    """A directory with ``model.py``, which imports JAX, Flax and safetensors alone, and ``model.safetensors``.

    With an optimizer it holds ``optimizer.py``, which makes it of Optax, and its state in ``optimizer.safetensors``.

    ``load()`` of the module gives an ``nnx.Module`` with the weights; arrays are named after its attributes
    (``blocks.0.conv1.kernel``). Random layers draw from ``nnx.Rngs``: other masks than nnspec's.
    """

    name: ClassVar[str] = "flax"
    suffix: ClassVar[str] = ""
    weights_formats: ClassVar[tuple[WeightsFormat, ...]] = get_args(WeightsFormat)

    def __init__(self, *, weights_format: WeightsFormat = "safetensors") -> None:
        """An exporter.

        Args:
            weights_format: "orbax" for a checkpoint of Orbax, ``checkpoint/``, in the place of a file of safetensors.

        Raises:
            BackendError: Orbax is asked for and not installed.
        """
        if weights_format == "orbax" and not _has_orbax():
            raise BackendError("weights as orbax need Orbax, which is not installed: pip install orbax-checkpoint")
        self.weights_format: WeightsFormat = weights_format

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        source = Source(port.model, weights_format=self.weights_format)
        text = source.text()
        optimizer = None if port.optimizer is None else OptimizerSource(port.optimizer, source, port.model.params())
        of_optimizer = "" if optimizer is None else optimizer.text()
        try:
            os.mkdir(path)
        except FileExistsError:
            raise FileError(f"{path} is there already") from None
        except OSError as error:
            raise FileError(f"{path} cannot be written: {error.strerror}") from None
        write_atomically(path / MODULE, text)
        arrays = dict(_native(source, port, dtype))
        if self.weights_format == "orbax":
            _write_checkpoint(path / CHECKPOINT, {name: np.array(x, order="C") for name, x in arrays.items()})
        else:
            write_file(path / WEIGHTS, arrays, {FORMAT_KEY: str(FORMAT)})
        if optimizer is not None:
            from nnspec_jax.porting.optimizer_source_subject import fresh

            write_atomically(path / OPTIMIZER, of_optimizer)
            state = in_dtype(optimizer.arrays(fresh(path)), dtype)
            write_file(path / STATE, state, {FORMAT_KEY: str(FORMAT)})

    def open_optimizer(self, path: Path, port: Port) -> OptimizerState:
        """The optimizer as it lies in its file, and as its users will run it."""
        from nnspec_jax.porting.optimizer_source_subject import OptimizerSourceSubject

        assert port.optimizer is not None
        source = Source(port.model, weights_format=self.weights_format)
        optimizer = OptimizerSource(port.optimizer, source, port.model.params())
        arrays = read_file(path / STATE)
        subject = OptimizerSourceSubject(path, source, optimizer)
        return moved(port.optimizer, variables=optimizer.back(arrays), subject=subject)

    def open(self, path: Path, port: Port) -> Subject:
        from nnspec_jax.porting.source_subject import SourceSubject

        return SourceSubject(path, Source(port.model, weights_format=self.weights_format), port.model)

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        source = Source(port.model, weights_format=self.weights_format)
        arrays = _read_checkpoint(path / CHECKPOINT) if self.weights_format == "orbax" else read_file(path / WEIGHTS)
        return {name: place.layout.back(arrays[place.name]) for name, place in source.variables.items()}


def _native(source: Source, port: Port, dtype: FloatType) -> Iterator[tuple[str, Array]]:
    """The arrays of the module, by the names of its attributes."""
    for name, place in source.variables.items():
        if name not in port.variables:
            raise PortError(f"the variable {name!r} is missing")
        array = np.asarray(port.variables[name]).astype(jnp.dtype(dtype), copy=False)
        yield place.name, place.layout.to(array)


def _has_orbax() -> bool:
    # What is installed of Orbax may be another of its packages.
    return find_spec("orbax") is not None and find_spec("orbax.checkpoint") is not None


def _write_checkpoint(path: Path, arrays: dict[str, Array]) -> None:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path.absolute(), arrays)


def _read_checkpoint(path: Path) -> dict[str, Array]:
    import orbax.checkpoint as ocp

    with ocp.PyTreeCheckpointer() as checkpointer:
        restored: dict[str, Any] = checkpointer.restore(path.absolute())
    return {name: np.asarray(array) for name, array in restored.items()}
