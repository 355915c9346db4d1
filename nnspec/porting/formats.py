"""Which frameworks' models can be read and written: importers and exporters, found through entry points.

A package registers an importer under ``nnspec.importers`` and exporters under ``nnspec.exporters``; the name of the
entry point is the format's, its object a class without arguments. None is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from nnspec.backends import Array, Arrays, FloatType
from nnspec.porting.port import Port, Subject

IMPORTERS = "nnspec.importers"
EXPORTERS = "nnspec.exporters"


@dataclass(frozen=True)
class Reading:
    """How a model is read.

    Attributes:
        inputs: examples of the inputs by name or by place ("0", "1"), for models that do not say what they take.
        custom: the user's own classes and functions by the name under which a file or a config mentions them. Nothing
            else of a file is ever executed.
        weights: a file of weights for a model that is given as a function, or has none of its own.
        method: of an object with several ways to be called, the one to read: ``__call__`` by default.
        optimizer: whether the optimizer is read, too, where there is one; or what it is, for a model that holds none.
    """

    inputs: Arrays | None = None
    custom: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    method: str | None = None
    optimizer: Any = True


@runtime_checkable
class Importer(Protocol):
    """Reads models of one framework."""

    name: ClassVar[str]

    def reads(self, path: Path) -> bool:
        """Whether a file or directory is one of this framework's models, judged by its content in a few reads."""

    def knows(self, model: Any) -> bool:
        """Whether a live object is one of this framework's models; False without its framework being imported."""

    def from_file(self, path: Path, how: Reading) -> Port:
        """The model of a file.

        Raises:
            FileError: missing, damaged, hostile, or of a kind that needs more than a file.
            PortError: something in it that nnspec cannot express, named by its layer.
        """

    def from_object(self, model: Any, how: Reading) -> Port:
        """A live model, which is left as it is.

        Raises:
            PortError: something in it that nnspec cannot express, named by its layer.
        """


@runtime_checkable
class Exporter(Protocol):
    """Writes models for one framework, without nnspec at run time.

    One that has a choice of formats for its weights lists them in ``weights_formats``, its default first, and is made
    with ``weights_format=`` one of them.

    Attributes:
        name: the format, as ``--to`` names it.
        suffix: how its files end; "" for a directory.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]

    def write(self, port: Port, path: Path, *, dtype: FloatType = "float32") -> None:
        """Write a model to a file or directory that does not exist yet.

        Raises:
            PortError: a node that this format cannot express, named.
        """

    def open(self, path: Path, port: Port) -> Subject:
        """What was written, loaded and run as its users will, under the names of ``port.model``."""

    def variables(self, path: Path, port: Port) -> dict[str, Array]:
        """The variables as they lie in what was written, under canonical names and in the canonical layout."""
