"""Finding the importer of a source and the exporter of a format."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from nnspec import backends
from nnspec.errors import BackendError, FileError, PortError, did_you_mean
from nnspec.porting.formats import EXPORTERS, IMPORTERS, Exporter, Importer, Reading
from nnspec.porting.functions import Function
from nnspec.porting.port import Port

# Who is asked first about files that end so; the content decides. A guess saves the import of another framework.
_LIKELY = {
    **dict.fromkeys((".keras", ".h5", ".hdf5"), "keras"),
    **dict.fromkeys((".msgpack", ".safetensors"), "flax"),
    **dict.fromkeys((".yaml", ".yml", ".json"), "nnspec"),
}
# Who reads functions.
_FUNCTIONS = {"jax": "flax", "tensorflow": "savedmodel"}
# Of a directory that holds such a file.
_HOLDING = {"spec.yaml": "nnspec", "_CHECKPOINT_METADATA": "flax", "saved_model.pb": "savedmodel"}


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}


def exporters() -> list[str]:
    """The formats that can be written, sorted, whether their frameworks are installed or not."""
    return list(_points(EXPORTERS))


def exporter(name: str, weights_format: str | None = None) -> Exporter:
    """The exporter of a format.

    Args:
        name: the format.
        weights_format: how it writes weights, where it has a choice.

    Raises:
        PortError: there is no such format, or it does not write weights so.
        BackendError: what it needs is not installed.
    """
    points = _points(EXPORTERS)
    if name not in points:
        hint = did_you_mean(name, points)
        raise PortError(f"nothing writes {name!r}{hint} (formats: {', '.join(points) or 'none'})")
    kind = _loaded(points[name])
    made: Exporter = kind() if weights_format is None else kind(weights_format=_known(weights_format, name, kind))
    return made


def _known(weights_format: str, name: str, kind: Any) -> str:
    """A way to write weights that an exporter has."""
    known: tuple[str, ...] = getattr(kind, "weights_formats", ())
    if not known:
        raise PortError(f"{name} has no choice of formats for its weights: leave the weights format out")
    if weights_format not in known:
        hint = did_you_mean(weights_format, known)
        raise PortError(f"{name} writes no weights as {weights_format!r}{hint} (weights formats: {', '.join(known)})")
    return weights_format


def importer(name: str) -> Importer:
    """The importer of a format.

    Raises:
        BackendError: what it needs is not installed.
    """
    points = _points(IMPORTERS)
    if name not in points:
        raise BackendError(f"nothing reads {name} (importers: {', '.join(points) or 'none'})")
    made: Importer = _loaded(points[name])()
    return made


def read(source: Any, how: Reading) -> Port:
    """A model in nnspec's terms, whatever it is: a file or a directory, a live model, or a function that makes one.

    Args:
        source: a path; an object; or ``package.module:name``, a model or a function without arguments that is imported
            from the current directory or the installed packages.
        how: how it is read.

    Raises:
        FileError: there is no such file, or nothing reads it. PortError: something in it has no counterpart.
    """
    if not isinstance(source, str | os.PathLike):
        return _from_object(source, how)
    path = Path(source)
    if not path.exists() and isinstance(source, str) and _is_reference(source):
        return _from_object(imported(source, call=True), how)
    if not path.exists():
        raise FileError(f"there is no file or directory {path}")
    failed: list[str] = []
    for point in _ordered(path):
        try:
            reader: Importer = _loaded(point)()
        except BackendError as error:
            failed.append(str(error))
            continue
        if reader.reads(path):
            return reader.from_file(path, how)
    why = f" ({'; '.join(failed)})" if failed else ""
    raise FileError(f"{path} is no model that nnspec reads{why}")


def imported(reference: str, *, call: bool = False) -> Any:
    """What ``package.module:name`` stands for, found from the current directory, too.

    Args:
        call: whether a function (not a class of models that is known by itself) is called, without arguments.

    Raises:
        PortError: there is no such module or name in it, or the function fails.
    """
    module, _, name = reference.partition(":")
    here = os.getcwd()
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise PortError(f"{reference}: the module {module!r} cannot be imported: {error}") from error
    except AttributeError:
        known = did_you_mean(name, [n for n in vars(importlib.import_module(module)) if not n.startswith("_")])
        raise PortError(f"{reference}: {module} has no {name!r}{known}") from None
    finally:
        if added:
            sys.path.remove(here)
    if not call or not callable(found) or _importer_of(found) is not None:
        return found
    try:
        return found()
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise PortError(f"{reference} is called without arguments, and needs some: {error}") from None


def _is_reference(text: str) -> bool:
    module, colon, name = text.partition(":")
    words = [*module.split("."), *name.split(".")]
    return bool(colon) and all(word.isidentifier() for word in words)


def _ordered(path: Path) -> Iterator[EntryPoint]:
    """All importers, the likely one first."""
    likely = _LIKELY.get(path.suffix)
    if path.is_dir():
        likely = next((name for file, name in _HOLDING.items() if (path / file).exists()), likely)
    points = _points(IMPORTERS)
    cheap = [name for name in points if name == "nnspec"]
    order = dict.fromkeys([*([likely] if likely in points else []), *cheap, *points])
    return (points[name] for name in order)


def _from_object(model: Any, how: Reading) -> Port:
    reader = _importer_of(model)
    if reader is None:
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        names = ", ".join(name for name in _points(IMPORTERS))
        raise PortError(f"a {kind} is no model that nnspec reads (importers: {names})")
    return reader.from_object(model, how)


def _importer_of(model: Any) -> Importer | None:
    """The importer that knows an object, of those with a framework that is imported already: others made no object.

    Not all that a backend requires need be imported: linen does without Optax.
    """
    if isinstance(model, Function):
        return importer(_FUNCTIONS[model.framework])
    for point in _points(IMPORTERS).values():
        package = importlib.import_module(point.module.partition(".")[0])
        required = backends.requirements(package)
        if required and (not any(name in sys.modules for name in required) or backends.not_installed(package)):
            continue
        reader: Importer = _loaded(point)()
        if reader.knows(model):
            return reader
    return None


def _loaded(point: EntryPoint) -> Any:
    """The class of an importer or exporter.

    Raises:
        BackendError: what it needs is not installed.
    """
    package = importlib.import_module(point.module.partition(".")[0])
    if missing := backends.not_installed(package):
        hint = next((how for name, how in backends.INSTALL.items() if package.__name__.endswith(name)), "install them")
        raise BackendError(f"{point.name} needs {', '.join(missing)}, which is not installed: {hint}")
    try:
        return point.load()
    except ImportError as error:
        raise BackendError(f"{point.name} cannot be loaded: {error}") from error
