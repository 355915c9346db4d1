"""Arrays on their way from the host and back: checked and in the right dtype before any device sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.layers.base import DType, show
from nnspec.model import Model

Declared = Mapping[str, jax.ShapeDtypeStruct]


def is_float(dtype: Any) -> bool:
    """Whether a dtype is a float, bfloat16 (which NumPy takes for bytes) among them."""
    return bool(jnp.issubdtype(dtype, jnp.floating))


def as_variables(values: Arrays, declared: Declared) -> dict[str, Array]:
    """Variables in their own dtypes.

    Raises:
        SpecError: an unknown name or a shape that does not fit.
    """
    check_variables(values, declared)
    return {name: np.asarray(value).astype(declared[name].dtype) for name, value in values.items()}


def check_variables(values: Arrays, declared: Declared) -> None:
    """Demand variables that there are.

    Raises:
        SpecError: an unknown name or a shape that does not fit.
    """
    for name, value in values.items():
        if name not in declared:
            raise SpecError(f"there is no variable {name!r}{did_you_mean(name, declared)}")
        wanted, given = list(declared[name].shape), list(np.shape(value))
        if given != wanted:
            raise SpecError(f"the variable {name!r} has shape {wanted}, got {given}")


def as_inputs(model: Model, inputs: Arrays, dtype: Any) -> dict[str, Array]:
    """A model's inputs in its order, "float" ones in ``dtype``.

    Raises:
        SpecError: an input is missing, or there is none of that name.
        ShapeError: a shape or dtype that does not fit, be it a layer within, where the model declares axes of any size.
    """
    for name in inputs:
        if name not in model.inputs:
            raise SpecError(f"the model has no input {name!r}{did_you_mean(name, model.inputs)}")
    for name in model.inputs:
        if name not in inputs:
            raise SpecError(f"the input {name!r} is missing")
    given = {name: np.asarray(inputs[name]) for name in model.inputs}
    first, rows = next((name, x.shape[:1]) for name, x in given.items())
    for name, x in given.items():
        declared = model.inputs[name].shape
        fits = x.ndim == len(declared) + 1 and all(d in (None, n) for d, n in zip(declared, x.shape[1:], strict=True))
        if not fits:
            raise ShapeError(f"expected the shape {show((None, *declared))}, got {show(x.shape)}", (name,))
        if x.shape[:1] != rows:
            raise ShapeError(f"a batch of {x.shape[0]}, but the input {first!r} has one of {rows[0]}", (name,))
    if any(None in declared.shape for declared in model.inputs.values()):
        model.infer(*((None, *x.shape[1:]) for x in given.values()))
    return {name: as_input(name, x, model.inputs[name].dtype, dtype) for name, x in given.items()}


def as_input(name: str, x: Array, declared: DType, dtype: Any) -> Array:
    """One input in the dtype the model takes it in, itself if that is its own.

    Raises:
        ShapeError: it is of another kind, or holds integers beyond int32.
    """
    if is_float(x.dtype) and declared == "float":
        return x.astype(dtype, copy=False)
    if x.dtype.kind in "iu" and declared == "int32":
        return to_int32(name, x)
    if x.dtype.kind == "b" and declared == "bool":
        return x
    wanted = {"float": "floats", "int32": "integers", "bool": "booleans"}[declared]
    raise ShapeError(f"expected {wanted}, got {x.dtype}", (name,))


def as_targets(name: str, x: Array, dtype: Any) -> Array:
    """Targets or weights: floats in ``dtype``, integers as int32, booleans as they are.

    Raises:
        ShapeError: another kind, or integers beyond int32.
    """
    if is_float(x.dtype):
        return x.astype(dtype, copy=False)
    if x.dtype.kind in "iu":
        return to_int32(name, x)
    if x.dtype.kind == "b":
        return x
    raise ShapeError(f"expected numbers, got {x.dtype}", (name,))


def as_cotangents(cotangents: Arrays, outputs: Declared) -> dict[str, Array]:
    """A cotangent for each output of floats, in its dtype.

    Raises:
        SpecError: one is missing, or there is no output of that name.
        ShapeError: a shape that is not the output's.
    """
    for name in cotangents:
        if name not in outputs:
            raise SpecError(f"the model has no output {name!r}{did_you_mean(name, outputs)}")
    found = {}
    for name, output in outputs.items():
        if not is_float(output.dtype):
            continue
        if name not in cotangents:
            raise SpecError(f"the cotangent of the output {name!r} is missing")
        given = np.asarray(cotangents[name])
        if given.shape != output.shape:
            raise ShapeError(f"the output has shape {list(output.shape)}, its cotangent {list(given.shape)}", (name,))
        found[name] = given.astype(output.dtype)
    return found


def to_int32(name: str, x: Array) -> Array:
    """Integers as int32.

    Raises:
        ShapeError: one of them is beyond int32.
    """
    limits = np.iinfo(np.int32)
    if x.size and not np.can_cast(x.dtype, np.int32) and (x.min() < limits.min or x.max() > limits.max):
        raise ShapeError(f"expected integers of 32 bits, got {x.min()} to {x.max()}", (name,))
    return x.astype(np.int32, copy=False)


def to_host(arrays: Mapping[str, jax.Array]) -> dict[str, Array]:
    """Device arrays as NumPy arrays of their own memory."""
    # As a list, since JAX sorts dicts by their keys.
    return {name: np.array(x) for name, x in zip(arrays, jax.device_get(list(arrays.values())), strict=True)}
