"""Arrays on their way into PyTorch and back: names, shapes and dtypes are checked at the border."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import Tensor

from nnspec.backends import Array, Arrays
from nnspec.errors import SpecError, did_you_mean


def to_tensor(value: Array, dtype: str, device: str = "cpu") -> Tensor:
    """Floats in ``dtype``; integers and booleans as they are."""
    array = np.asarray(value)
    return torch.tensor(array if array.dtype.kind in "iub" else array.astype(dtype), device=device)


def check_names(what: str, given: Collection[str], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise SpecError(f"{what} {name!r}{did_you_mean(name, known)}")


@torch.no_grad()
def assign(tensors: Mapping[str, Tensor], values: Arrays) -> None:
    """Set tensors by canonical name; an unknown name or a shape that does not fit is refused before any is set."""
    check_names("there is no variable", values, tensors)
    for name, value in values.items():
        if np.shape(value) != tensors[name].shape:
            raise SpecError(f"the variable {name!r} has shape {list(tensors[name].shape)}, got {list(np.shape(value))}")
    for name, value in values.items():
        dtype = str(tensors[name].dtype).removeprefix("torch.")
        tensors[name].copy_(torch.tensor(np.asarray(value).astype(dtype)))


def to_host(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Tensors as NumPy arrays of their own memory; the random state, int64 in PyTorch, is uint32 outside."""
    found = {name: np.array(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}
    return {name: x.astype(np.uint32) if name.startswith("random/") else x for name, x in found.items()}
