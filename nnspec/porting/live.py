"""Ports of live models, for those who work in Python: into nnspec's terms, and out of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnspec.backends import Arrays, FloatType
from nnspec.errors import PortError, VerificationError
from nnspec.model import Model
from nnspec.porting.formats import Reading
from nnspec.porting.port import Port
from nnspec.porting.porting import Ported, port, silent
from nnspec.porting.registry import exporter, read
from nnspec.porting.verify import verify


def load(
    source: Any,
    *,
    inputs: Arrays | None = None,
    custom: Mapping[str, Any] | None = None,
    weights: str | os.PathLike[str] | None = None,
    method: str | None = None,
    check: bool = True,
    backend: str | None = None,
) -> Port:
    """A model in nnspec's terms, compared with the original node by node.

    Args:
        source: a file or directory, a live model, or ``package.module:function``.
        inputs: examples of the inputs by name or place, for models that do not say what they take.
        custom: the user's own classes and functions by the names a file mentions them under.
        weights: a file of weights for a model that has none of its own.
        method: what to call of an object, ``__call__`` by default.
        check: whether to compare.
        backend: what runs the spec; by default one of another framework.

    Raises:
        FileError: the source cannot be read. PortError: something in it has no counterpart, named by its layer.
        VerificationError: the spec does not compute what the original does; its message names the first node.
    """
    found = read(source, Reading(inputs, custom or {}, None if weights is None else Path(weights), method))
    if check and found.subject is not None:
        made = verify(found.model, found.variables, found.subject, backend=backend, inputs=inputs, origin=found.origin)
        if not made.passed:
            raise VerificationError(f"{made.subject} beside {made.net}: {made.message()}", made)
    return found


def from_keras(
    model: Any,
    *,
    inputs: Arrays | None = None,
    custom: Mapping[str, Any] | None = None,
    check: bool = True,
    backend: str | None = None,
) -> Port:
    """A live Keras model in nnspec's terms: see :func:`load`."""
    return load(model, inputs=inputs, custom=custom, check=check, backend=backend)


def from_flax(
    module: Any,
    *inputs: Any,
    variables: Any = None,
    method: str | None = None,
    check: bool = True,
    backend: str | None = None,
) -> Port:
    """A live Flax module in nnspec's terms: see :func:`load`.

    Args:
        module: an ``nnx.Module``, or a linen module together with its ``variables``.
        inputs: examples of what it is called with.
        variables: a linen module's.
        method: what to call, ``__call__`` by default.
    """
    source = module if variables is None else (module, variables)
    examples = {str(i): value for i, value in enumerate(inputs)} or None
    return load(source, inputs=examples, method=method, check=check, backend=backend)


def to_keras(
    source: Port | Model,
    variables: Arrays | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    dtype: FloatType | None = None,
    backend: str | None = None,
) -> Any:
    """A model as a live ``keras.Model`` of stock layers, verified; with ``out`` it is left in that .keras file, too.

    Args:
        source: a port, or a model with its ``variables``.
        variables: by canonical name.
        out: a file that ends in .keras.
        dtype: of the variables; by default the one they have.
        backend: what runs the spec in verification; by default one of another framework.
    """
    writer: Any = exporter("keras")
    if not hasattr(writer, "load"):
        raise PortError("this exporter gives no live models: write a file with nnspec.porting.port")
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "model.keras" if out is None else Path(out)
        made = port(_as_port(source, variables), "keras", file, dtype=dtype, backend=backend)
        return writer.load(made.path)


def to_flax_source(
    source: Port | Model,
    out: str | os.PathLike[str],
    variables: Arrays | None = None,
    *,
    dtype: FloatType | None = None,
    backend: str | None = None,
) -> Ported:
    """A model as the source of a Flax NNX module with its weights beside, verified.

    Args:
        source: a port, or a model with its ``variables``.
        out: the directory to write.
        variables: by canonical name.
        dtype: of the variables; by default the one they have.
        backend: what runs the spec in verification; by default one of another framework.
    """
    return port(_as_port(source, variables), "flax", out, dtype=dtype, backend=backend, progress=silent)


def _as_port(source: Port | Model, variables: Arrays | None) -> Port:
    """A port whose original is not asked again: what is written is compared with the spec."""
    if isinstance(source, Port):
        return Port(source.model, source.variables, source.origin, None, source.optimizer)
    if variables is None:
        raise PortError("a model is written with its variables: give them, too")
    own = source.params()
    missing = [name for name in own if name not in variables]
    if missing:
        raise PortError(f"the variable {missing[0]!r} is missing")
    return Port(source, {name: variables[name] for name in own})
