"""Ports of live models, for those who work in Python: into nnspec's terms, and out of them."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nnspec.backends import Arrays, FloatType
from nnspec.errors import PortError, VerificationError
from nnspec.model import Model
from nnspec.porting.formats import Reading
from nnspec.porting.functions import Function
from nnspec.porting.optimizer import NOT_COMPARED, updates_compared, verify_updates
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
    optimizer: Any = True,
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
        optimizer: whether to take the optimizer along with its state, where the source has one; for a Flax model, which
            has none, the optimizer itself (:func:`from_flax`).
        check: whether to compare: nodes, and the next updates of the optimizer.
        backend: what runs the spec; by default one of another framework.

    Raises:
        FileError: the source cannot be read. PortError: something in it has no counterpart, named by its layer.
        VerificationError: the spec does not compute what the original does; its message names the first node.
    """
    how = Reading(inputs, custom or {}, None if weights is None else Path(weights), method, optimizer)
    found = read(source, how)
    if check and found.subject is not None:
        made = verify(found.model, found.variables, found.subject, backend=backend, inputs=inputs, origin=found.origin)
        if not made.passed:
            raise VerificationError(f"{made.subject} beside {made.net}: {made.message()}", made)
    state = found.optimizer
    if check and state is not None and state.subject is not None:
        if not updates_compared(found.variables, None):
            return dataclasses.replace(found, notes=(*found.notes, NOT_COMPARED))
        made = verify_updates(state, found.model.params(), found.variables, state.subject)
        if not made.passed:
            raise VerificationError(f"{made.subject} beside {made.net}: {made.message()}", made)
    return found


def from_keras(
    model: Any,
    *,
    inputs: Arrays | None = None,
    custom: Mapping[str, Any] | None = None,
    optimizer: bool = True,
    check: bool = True,
    backend: str | None = None,
) -> Port:
    """A live Keras model in nnspec's terms, with the optimizer it was compiled with: see :func:`load`."""
    return load(model, inputs=inputs, custom=custom, optimizer=optimizer, check=check, backend=backend)


def from_flax(
    module: Any,
    *inputs: Any,
    variables: Any = None,
    method: str | None = None,
    optimizer: Any = None,
    state: Any = None,
    check: bool = True,
    backend: str | None = None,
) -> Port:
    """A live Flax module in nnspec's terms: see :func:`load`.

    Args:
        module: an ``nnx.Module``, or a linen module together with its ``variables``.
        inputs: examples of what it is called with.
        variables: a linen module's.
        method: what to call, ``__call__`` by default.
        optimizer: what it is trained with: an ``nnx.Optimizer``, or a transformation of Optax with its ``state``. Its
            parts are recognized, and verified by its next updates. Where they cannot be, an optimizer of nnspec that
            says what it is, with a ``state`` of Optax, an ``nnx.Optimizer``, or a pair of a transformation and a state.
        state: see ``optimizer``.
    """
    given: Any = False
    if optimizer is not None:
        pair = isinstance(state, tuple) and len(state) == 2 and hasattr(state[0], "update")
        given = optimizer if state is None else (optimizer, *(state if pair else (state,)))
    source = module if variables is None else (module, variables)
    examples = {str(i): value for i, value in enumerate(inputs)} or None
    return load(source, inputs=examples, method=method, optimizer=given, check=check, backend=backend)


def from_jax(
    function: Callable[..., Any], *inputs: Any, variables: Any = None, check: bool = True, backend: str | None = None
) -> Port:
    """A function of JAX, jitted or not, in nnspec's terms: see :func:`load`.

    Args:
        function: of ``inputs``, or of ``variables`` and ``inputs``; inputs have the batch as their first axis.
        inputs: examples of what it is called with.
        variables: a tree of arrays. Those of floats are parameters, under their names in the tree.
    """
    examples = {str(i): value for i, value in enumerate(inputs)} or None
    return load(Function("jax", function, variables=variables), inputs=examples, check=check, backend=backend)


def from_tensorflow(
    function: Any, *inputs: Any, signature: str | None = None, check: bool = True, backend: str | None = None
) -> Port:
    """A function of TensorFlow or the signature of a SavedModel in nnspec's terms, as inference: see :func:`load`.

    It is read through the StableHLO that XLA makes of it, which takes JAX as well.

    Args:
        function: a ``tf.function``, or any function of tensors; or a SavedModel's directory.
        inputs: ``tf.TensorSpec`` or an example of each input, the batch first; what has a signature needs none.
        signature: of a SavedModel, ``serving_default`` by default.
    """
    if isinstance(function, str | os.PathLike):
        examples = {str(i): value for i, value in enumerate(inputs)} or None
        return load(function, inputs=examples, method=signature, check=check, backend=backend)
    return load(Function("tensorflow", function, inputs), check=check, backend=backend)


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
    weights_format: str | None = None,
    dtype: FloatType | None = None,
    backend: str | None = None,
) -> Ported:
    """A model as the source of a Flax NNX module with its weights beside, verified.

    Args:
        source: a port, or a model with its ``variables``.
        out: the directory to write.
        variables: by canonical name.
        weights_format: "orbax" for a checkpoint of Orbax in the place of a file of safetensors.
        dtype: of the variables; by default the one they have.
        backend: what runs the spec in verification; by default one of another framework.
    """
    found = _as_port(source, variables)
    return port(found, "flax", out, weights_format=weights_format, dtype=dtype, backend=backend, progress=silent)


def _as_port(source: Port | Model, variables: Arrays | None) -> Port:
    """A port whose original is not asked again: what is written is compared with the spec."""
    if isinstance(source, Port):
        return dataclasses.replace(source, subject=None)
    if variables is None:
        raise PortError("a model is written with its variables: give them, too")
    own = source.params()
    missing = [name for name in own if name not in variables]
    if missing:
        raise PortError(f"the variable {missing[0]!r} is missing")
    return Port(source, {name: variables[name] for name in own})
