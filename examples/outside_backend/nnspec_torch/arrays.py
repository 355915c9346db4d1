"""Arrays on their way into PyTorch and back: names, shapes and dtypes are checked at the border."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nnspec.backends import Array, Arrays
from nnspec.errors import SpecError, did_you_mean
from nnspec.model import Model


def to_tensor(value: Array, dtype: str, like: Tensor) -> Tensor:
    """A tensor on the device of another: floats in ``dtype``, integers and booleans as they are."""
    array = np.asarray(value)
    return torch.tensor(array if array.dtype.kind in "iub" else array.astype(dtype), device=like.device)


def to_inputs(model: Model, inputs: Arrays, dtype: str, like: Tensor) -> dict[str, Tensor]:
    """A model's inputs in its order.

    Raises:
        SpecError: a name too many or too few.
        ShapeError: a shape that does not fit.
    """
    check_names("input", inputs, model.inputs)
    for name in model.inputs:
        if name not in inputs:
            raise SpecError(f"the input {name!r} is missing")
    found = {name: to_tensor(inputs[name], dtype, like) for name in model.inputs}
    model.infer(*((None, *x.shape[1:]) for x in found.values()))
    return found


def check_names(what: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            raise SpecError(f"there is no {what} {name!r}{did_you_mean(name, known)}")


@torch.no_grad()
def assign(tensors: Mapping[str, Tensor], values: Arrays) -> None:
    """Set tensors by canonical name, all or none.

    Raises:
        SpecError: an unknown name, or a shape that does not fit; nothing is changed then.
    """
    check_names("variable", values, tensors)
    for name, value in values.items():
        if np.shape(value) != tensors[name].shape:
            wanted, given = list(tensors[name].shape), list(np.shape(value))
            raise SpecError(f"the variable {name!r} has shape {wanted}, got {given}")
    for name, value in values.items():
        kind = str(tensors[name].dtype).removeprefix("torch.")
        tensors[name].copy_(torch.tensor(np.asarray(value).astype(kind)))


def to_host(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Tensors as NumPy arrays of their own memory; the random state is uint32 outside."""
    found = {name: np.array(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}
    return {name: x.astype(np.uint32) if name.startswith("random/") else x for name, x in found.items()}
