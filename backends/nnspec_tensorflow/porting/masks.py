"""What Keras would hand to a layer as masks, and which masks its results have: the rules of ``keras.layers.Layer``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from nnspec.layers.masking import PaddingMask
from nnspec_tensorflow.porting.program import Slot
from nnspec_tensorflow.startup import keras

flatten, map_structure = keras.tree.flatten, keras.tree.map_structure


def _tensors(value: Any) -> bool:
    flat = flatten(value)
    return any(isinstance(x, Slot) for x in flat) and all(x is None or isinstance(x, Slot) for x in flat)


def given_masks(
    signature: inspect.Signature, arguments: Mapping[str, Any], masks: Mapping[Slot, Slot]
) -> dict[str, Any]:
    """The masks that Keras fills in for arguments of a call that were left out, by the arguments' names.

    Args:
        signature: that of ``call``.
        arguments: what was given, by name.
        masks: of tensors that have one.
    """
    tensors = {name: value for name, value in arguments.items() if _tensors(value)}
    of = {"mask": next(iter(tensors.values()))} if len(tensors) == 1 else {f"{k}_mask": v for k, v in tensors.items()}
    found = {}
    for name, value in of.items():
        if name in signature.parameters and arguments.get(name) is None:
            mask = map_structure(lambda x: None if x is None else masks.get(x), value)
            if any(x is not None for x in flatten(mask)):
                found[name] = mask
    return found


def padding_mask(layer: Any) -> PaddingMask | None:
    """The mask that a layer makes of its input, where it is one of padding."""
    own = type(layer).compute_mask
    if own is keras.layers.Embedding.compute_mask and layer.mask_zero:
        return PaddingMask()
    if own is keras.layers.Masking.compute_mask:
        return PaddingMask(float(layer.mask_value), -1)
    return None


def masks_after(layer: Any, inputs: Any, mask: Any, stand_in: Callable[[Slot], Any], count: int) -> list[Any]:
    """The masks of a layer's results, a tensor or slot for each of them, or None.

    Args:
        inputs: its first argument, with slots in the place of tensors.
        mask: what masked it, likewise, or None.
        stand_in: a Keras tensor for a slot.
        count: how many results there are.
    """
    if type(layer).compute_mask is keras.Layer.compute_mask:
        found = flatten(mask)
    else:
        given = (map_structure(lambda x: stand_in(x) if isinstance(x, Slot) else x, part) for part in (inputs, mask))
        found = flatten(layer.compute_mask(*given))
    return [*found, *[None] * count][:count]


def forgotten(layer: Any, arguments: Mapping[str, Any]) -> list[Slot]:
    """The tensors that a call deprives of their masks: Keras's multi-head attention takes them off its inputs."""
    if not isinstance(layer, keras.layers.MultiHeadAttention):
        return []
    return [x for name in ("query", "value", "key") if isinstance(x := arguments.get(name), Slot)]
