"""Arrays on their way from the host and back: checked and in the right dtype before TensorFlow sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.errors import DataError, ShapeError, SpecError, did_you_mean
from nnspec.layers.base import DType, show
from nnspec.losses import Loss
from nnspec.metrics import Metric
from nnspec.model import Model
from nnspec_tensorflow.realize import working
from nnspec_tensorflow.startup import tf

Tensors = dict[str, Any]


def numpy_dtype(dtype: str) -> Any:
    """The NumPy dtype of that name, bfloat16 among them."""
    return tf.as_dtype(dtype).as_numpy_dtype


def is_float(array: Array) -> bool:
    """Whether an array holds floats; NumPy itself takes bfloat16 for bytes."""
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def cast(x: Array, dtype: str) -> Array:
    """Numbers in another dtype; what is too large for a float becomes infinite."""
    with np.errstate(over="ignore"):
        return x.astype(numpy_dtype(dtype), copy=False)


def as_inputs(model: Model, inputs: Arrays, dtype: str) -> dict[str, Array]:
    """A model's inputs in its order, "float" ones in ``dtype``.

    Raises:
        SpecError: an input is missing, or there is none of that name.
        ShapeError: a shape or dtype that does not fit.
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
    return {name: as_input(name, x, model.inputs[name].dtype, dtype) for name, x in given.items()}


def as_input(name: str, x: Array, declared: DType, dtype: str) -> Array:
    """One input in the dtype the model takes it in, itself if that is its own.

    Raises:
        ShapeError: it is of another kind, or holds integers beyond int32.
    """
    if is_float(x) and declared == "float":
        return cast(x, dtype)
    if x.dtype.kind in "iu" and declared == "int32":
        return _int32(name, x)
    if x.dtype.kind == "b" and declared == "bool":
        return x
    wanted = {"float": "floats", "int32": "integers", "bool": "booleans"}[declared]
    raise ShapeError(f"expected {wanted}, got {x.dtype}", (name,))


def as_targets(name: str, x: Array, dtype: str) -> Array:
    """Targets or weights: floats in the dtype of losses, integers as int32, booleans as they are.

    Raises:
        ShapeError: another kind, or integers beyond int32.
    """
    if is_float(x):
        return cast(x, working(dtype))
    if x.dtype.kind in "iu":
        return _int32(name, x)
    if x.dtype.kind == "b":
        return x
    raise ShapeError(f"expected numbers, got {x.dtype}", (name,))


def check_class_ids(spec: Loss | Metric, targets: Array, classes: int | None) -> None:
    """Refuse class ids that are no class; a compiled step would take them for a class of probability 0.

    Raises:
        DataError: naming the first of them.
    """
    ids = spec.class_ids(targets) if targets.dtype.kind in "iu" else None
    if ids is not None and classes is not None:
        out = (ids < 0) | (ids >= classes)
        label = getattr(spec, "ignore_label", None)
        wrong = ids[out if label is None else out & (ids != label)]
        if wrong.size:
            raise DataError(f"class id {wrong.flat[0]} is not one of {classes} classes (0 to {classes - 1})")


def _int32(name: str, x: Array) -> Array:
    limits = np.iinfo(np.int32)
    if x.size and not np.can_cast(x.dtype, np.int32) and (x.min() < limits.min or x.max() > limits.max):
        raise ShapeError(f"expected integers of 32 bits, got {x.min()} to {x.max()}", (name,))
    return x.astype(np.int32, copy=False)


def assign(variables: Mapping[str, Any], values: Arrays) -> None:
    """Set Keras variables by canonical name, all or none.

    Raises:
        SpecError: an unknown name, or a shape that does not fit; nothing is changed then.
    """
    for name, value in values.items():
        if name not in variables:
            raise SpecError(f"there is no variable {name!r}{did_you_mean(name, variables)}")
        wanted, given = list(variables[name].shape), list(np.shape(value))
        if given != wanted:
            raise SpecError(f"the variable {name!r} has shape {wanted}, got {given}")
        if np.asarray(value).dtype.kind in "OSUmM":  # not numbers, which always can be cast
            cast(np.asarray(value), variables[name].dtype)
    for name, value in values.items():  # a large model's have room in another dtype one by one
        variables[name].assign(cast(np.asarray(value), variables[name].dtype))


def to_host(tensors: Tensors) -> dict[str, Array]:
    """Tensors as NumPy arrays of their own memory."""
    return {name: np.asarray(tensor.numpy()) for name, tensor in tensors.items()}  # numpy() copies
