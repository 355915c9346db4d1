"""nnspec's own form of a port: a directory with a model file and its variables, and run directories as sources.

::

    spec.yaml                 the model
    variables.safetensors     its variables by canonical name (several files and an index beyond 2 GB)
    optimizer.yaml            the optimizer, where there is one,
    optimizer.safetensors     and its state
    port.json                 what nodes were called where they come from, and notes
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnspec import document
from nnspec.backends import Array, Arrays, FloatType
from nnspec.errors import FileError, SpecError, did_you_mean
from nnspec.experiment import Experiment, load_model
from nnspec.files import reason, write_atomically
from nnspec.model import Model
from nnspec.optimizers import Clip
from nnspec.porting.formats import Reading
from nnspec.porting.net_subject import NetSubject
from nnspec.porting.optimizer import slots_of
from nnspec.porting.port import OptimizerState, Port, Subject
from nnspec.porting.shards import SHARD_BYTES, has_shards, read_file, read_shards, write_shards
from nnspec.rounding import float_type
from nnspec.spec import dump, parse

SPEC, OPTIMIZER, ORIGIN = "spec.yaml", "optimizer.yaml", "port.json"
_CHECKPOINTS = ("checkpoints/best.safetensors", "checkpoints/last.safetensors")
_SPECS = (".yaml", ".yml", ".json")
# So much of a file shows whether it is a spec file.
_HEAD = 4096


def in_dtype(variables: Arrays, dtype: FloatType) -> dict[str, Array]:
    """Variables in a float type; those that are in it already are the same arrays, others are no floats and stay."""
    kind = float_type(dtype)
    return {
        name: value if value.dtype == kind or value.dtype.kind in "biu" else np.asarray(value).astype(kind)
        for name, value in ((name, np.asanyarray(value)) for name, value in variables.items())
    }


@dataclasses.dataclass(frozen=True)
class DirectoryExporter:
    """Writes a directory that nnspec reads, on any of its backends.

    Attributes:
        shard_bytes: how many bytes of arrays a file holds at most.
    """

    name: ClassVar[str] = "nnspec"
    suffix: ClassVar[str] = ""
    shard_bytes: int = SHARD_BYTES

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        """Write the directory, which does not exist yet."""
        try:
            path.mkdir()
        except OSError as error:
            raise FileError(f"cannot make the directory {path}: {reason(error)}") from None
        written = {"nnspec": document.FORMAT, "model": port.model.to_file()}
        write_atomically(path / SPEC, document.dumps(written))
        write_shards(path, in_dtype(port.variables, dtype), shard_bytes=self.shard_bytes)
        if port.optimizer is not None:
            spec = {"nnspec": document.FORMAT, "optimizer": dump(port.optimizer.optimizer)}
            if port.optimizer.clip is not None:
                spec["clip"] = {name: bound for name, bound in vars(port.optimizer.clip).items() if bound is not None}
            write_atomically(path / OPTIMIZER, document.dumps(spec))
            state = in_dtype(slots_of(port.optimizer), dtype)
            state |= {name: value for name, value in port.optimizer.variables.items() if name not in state}
            write_shards(path, state, stem="optimizer", shard_bytes=self.shard_bytes)
        about = {"format": 1, "origin": dict(port.origin), "notes": list(port.notes)}
        write_atomically(path / ORIGIN, json.dumps(about, indent=1, ensure_ascii=False) + "\n")

    def open(self, path: Path, port: Port) -> Subject:
        """The model as it was written, run by the first installed backend that has all its layers."""
        return _subject(DirectoryImporter().from_file(path, Reading()))

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        return read_shards(path)

    def open_optimizer(self, path: Path, port: Port) -> OptimizerState:
        """The optimizer as it was written."""
        found = _optimizer(path)
        assert found is not None, "it was written"
        return found


@dataclasses.dataclass(frozen=True)
class DirectoryImporter:
    """Reads what :class:`DirectoryExporter` wrote, run directories of ``nnspec train``, and spec files."""

    name: ClassVar[str] = "nnspec"

    def reads(self, path: Path) -> bool:
        if path.is_dir():
            return (path / SPEC).is_file()
        if path.suffix not in _SPECS or not path.is_file():
            return False
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD)
        except OSError:
            return False
        return b"nnspec" in head and b"model" in head

    def knows(self, model: Any) -> bool:
        return isinstance(model, Model)

    def from_object(self, model: Model, how: Reading) -> Port:
        """A model of the spec, with the variables of ``how.weights`` or its first ones."""
        variables, optimizer, notes = _weights(model, None, how.weights)
        return Port(model, variables, {}, None, optimizer, notes)

    def from_file(self, path: Path, how: Reading) -> Port:
        """The model of a directory or a spec file. There is nothing to compare it with: it is what it says."""
        spec = path / SPEC if path.is_dir() else path
        try:
            model, experiment = load_model(spec)
        except SpecError as error:
            raise FileError(f"{error}") from None
        about = _about(path / ORIGIN) if path.is_dir() else {}
        variables, optimizer, notes = _weights(model, path if path.is_dir() else None, how.weights, experiment)
        if experiment is not None and experiment.data is not None and experiment.data.standardize:
            notes = (*notes, "inputs were standardized in training, by what data.json of the run says")
        return Port(model, variables, about.get("origin", {}), None, optimizer, (*about.get("notes", ()), *notes))


def _subject(port: Port) -> Subject:
    from nnspec import backends
    from nnspec.errors import BackendError

    lacking: BackendError | None = None
    for name in backends.installed():
        try:
            return NetSubject(port.model, port.variables, backends.backend(name))
        except BackendError as error:
            lacking = lacking or error
    raise lacking or BackendError(f"no backend is installed: {' or '.join(backends.INSTALL.values())}")


def _weights(
    model: Model, directory: Path | None, weights: Path | None, experiment: Experiment | None = None
) -> tuple[dict[str, Array], OptimizerState | None, tuple[str, ...]]:
    """The variables of a model, the optimizer's state if there is one, and notes."""
    notes: tuple[str, ...] = ()
    optimizer: OptimizerState | None = None
    run = None if directory is None else next((directory / n for n in _CHECKPOINTS if (directory / n).is_file()), None)
    if weights is not None:
        found, where = read_file(weights), str(weights)
    elif directory is not None and has_shards(directory):
        found, where = read_shards(directory), str(directory)
        optimizer = _optimizer(directory)
    elif run is not None:
        found, where = read_file(run), str(run)
    elif directory is not None:
        raise FileError(f"{directory} holds no variables: variables.safetensors or {_CHECKPOINTS[0]} are missing")
    else:
        from nnspec.reference.model import initial_variables

        found, where = initial_variables(model, 0, np.float32), "the initial variables"
        notes = ("no weights were given: the variables are the initial ones of seed 0",)
    state = {name: value for name, value in found.items() if name.startswith("optimizer/")}
    if state and experiment is not None:
        optimizer = OptimizerState(experiment.optimizer, state, experiment.clip)
    return _fitting(model, found, where), optimizer, notes


def _fitting(model: Model, found: Arrays, where: str) -> dict[str, Array]:
    """The model's own variables among those that were found.

    Raises:
        FileError: one is missing, has another shape, or belongs to nothing.
    """
    kept: dict[str, Array] = {}
    for name, param in model.params().items():
        if name not in found:
            raise FileError(f"{where} lacks the variable {name!r}{did_you_mean(name, found)}")
        if found[name].shape != param.shape:
            shape = list(found[name].shape)
            raise FileError(f"{where}: the variable {name!r} has shape {shape} instead of {list(param.shape)}")
        kept[name] = found[name]
    unknown = [n for n in found if n not in kept and not n.startswith(("random/", "optimizer/"))]
    if unknown:
        raise FileError(f"{where}: the model has no variable {unknown[0]!r}{did_you_mean(unknown[0], kept)}")
    return kept


def _optimizer(directory: Path) -> OptimizerState | None:
    path = directory / OPTIMIZER
    if not path.is_file():
        return None
    read = document.read(path)
    read.check_format()
    try:
        optimizer = parse("optimizer", read.data.get("optimizer"))
    except SpecError as error:
        raise FileError(f"{path}: {error.under('optimizer')}") from None
    try:
        given = read.data.get("clip")
        clip = None if given is None else Clip(**given)
    except (SpecError, TypeError) as error:
        raise FileError(f"{path}: clip: {error}") from None
    return OptimizerState(optimizer, read_shards(directory, stem="optimizer"), clip)


def _about(path: Path) -> dict[str, Any]:
    """What is known of where a model comes from; nothing where the file is missing."""
    if not path.is_file():
        return {}
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        origin, notes = read["origin"], read["notes"]
        if not isinstance(origin, Mapping) or not all(isinstance(v, str) for v in (*origin, *origin.values(), *notes)):
            raise TypeError("expected texts")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{path} is damaged: {error}") from None
    return {"origin": dict(origin), "notes": tuple(notes)}
