"""What a model asks of its inputs' values: ids below a bound, masks, the range of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.model import Inferred, Model
from nnspec.vocabulary import tag_of

# A rescaling by less than this share is one of bytes: images of 0 to 255.
_OF_BYTES = 1 / 16
_BYTES = (0.0, 255.0)
# Positions and places, of which any small one will do.
_PLACES = 4
_POSITIVE = ("log", "log2", "log10", "sqrt", "rsqrt", "reciprocal", "pow")
_RANGES = {
    **dict.fromkeys(_POSITIVE, (0.5, 2.0)),
    **dict.fromkeys(("acos", "asin", "atanh"), (-0.9, 0.9)),
    "acosh": (1.25, 3.0),
}
# What only moves values, or leaves them alone in inference: what comes after it sees the same ones.
_KEEPING = frozenset(
    (
        *("identity", "expand_dims", "squeeze", "slice", "concat", "stack", "flip", "roll", "tile", "broadcast_to"),
        *("astype", "logical_and", "Flatten", "Permute", "Reshape", "RepeatVector", "Pad", "Crop", "CenterCrop"),
        *("Resize", "Upsample", "Dropout", "SpatialDropout", "GaussianNoise", "GaussianDropout", "TokenDropout"),
        *("TokenMasking", "TimeDistributed"),
    )
)


@dataclass(frozen=True)
class Ids:
    """Whole numbers from 0 to ``count`` − 1."""

    count: int


@dataclass(frozen=True)
class OneOf:
    """Some of these whole numbers."""

    values: tuple[int, ...]


@dataclass(frozen=True)
class Mask:
    """True, or 1, at the front."""


@dataclass(frozen=True)
class Padded:
    """Rows of different lengths, with this value at their ends."""

    value: float


@dataclass(frozen=True)
class Uniform:
    """Numbers of a range."""

    low: float
    high: float


@dataclass(frozen=True)
class Normal:
    """Numbers of a mean and a standard deviation, of all channels or of each."""

    mean: Any
    deviation: Any


Demand = Ids | OneOf | Mask | Padded | Uniform | Normal


def demands(model: Model, variables: Arrays, inferred: Mapping[str, Inferred]) -> dict[str, list[Demand]]:
    """What the layers that an input reaches first ask of its values, by input, in the order of the graph.

    Args:
        variables: by canonical name; some ask by what they hold, as a Normalization does.
        inferred: what inference found for the model.
    """
    found: dict[str, list[Demand]] = {}
    for name, declared in model.inputs.items():
        found[name] = []
        _follow(model, name, "", variables, inferred, found[name])
        # What is called a mask is one, whatever is computed with it first: a query that sees no key is another thing
        # in each framework.
        if not found[name] and declared.dtype == "int32" and "mask" in name.lower():
            found[name] = [Mask()]
    return found


def _follow(
    model: Model, name: str, path: str, variables: Arrays, inferred: Mapping[str, Inferred], found: list[Demand]
) -> set[str]:
    """Collect what the consumers of a value ask; the names of all values that are this one, moved at most."""
    same = {name}
    for node in model.nodes:
        layer, here = node.layer, inferred[node.name]
        for place, source in enumerate(node.inputs):
            if source not in same:
                continue
            if isinstance(layer, Model):
                inner = layer.infer(*here.inputs, dtypes=[layer.inputs[n].dtype for n in layer.inputs])
                reached = _follow(layer, list(layer.inputs)[place], f"{path}{node.owner}/", variables, inner, found)
                if layer.outputs[0] in reached:
                    same.add(node.name)
                continue
            found += _asked(layer, place, here, f"{path}{node.owner}", variables)
            if tag_of(type(layer)) in _KEEPING or tag_of(type(layer)).startswith("Random"):
                same.add(node.name)
    return same


def _asked(layer: Any, place: int, inferred: Inferred, path: str, variables: Arrays) -> list[Demand]:
    """What a layer asks of its input at a place."""
    tag, last = tag_of(type(layer)), place == len(inferred.inputs) - 1
    if tag == "TimeDistributed":
        return _asked(layer.layer, place, inferred, f"{path}/layer", variables)
    if tag in _RANGES:
        return [Uniform(*_RANGES[tag])]
    if getattr(layer, "value_range", None) is not None:
        return [Uniform(*layer.value_range)]
    if last and (getattr(layer, "offset", False) is True or getattr(layer, "decode", False)):
        return [Ids(_PLACES)]
    if last and getattr(layer, "mask", False) is True:
        return [Mask()]
    match tag:
        case "Embedding" | "TokenMasking":
            return [Ids(layer.num_embeddings)]
        case "one_hot":
            return [Ids(layer.num_classes)]
        case "segment_sum" | "segment_mean" | "segment_max" if place == 1:
            return [Ids(layer.num_segments)]
        case "take" | "take_along_axis" if place == 1:
            size = inferred.inputs[0][layer.axis]
            return [Ids(_PLACES if size is None else size)]
        case "update_slice" if place == 2:
            return [Ids(_PLACES)]
        case "IntegerLookup":
            if layer.invert:
                return [Ids(layer.start + len(layer.vocabulary))]
            masks = () if layer.mask_token is None else (layer.mask_token,)
            others = (max(layer.vocabulary) + 1,) if layer.num_oov_indices else ()
            return [OneOf((*layer.vocabulary, *masks, *others))]
        case "Discretization":
            low, high = layer.bin_boundaries[0], layer.bin_boundaries[-1]
            reach = max(high - low, 1.0) / 2
            return [Uniform(low - reach, high + reach)]
        case "PaddingMask":
            return [Padded(layer.value)]
        case "astype" if layer.dtype == "bool":
            return [Mask()]
        case "Rescaling":
            return [Uniform(*_BYTES)] if _scale(layer.scale) <= _OF_BYTES else []
        case "Normalization" if not layer.invert:
            return _normal(layer, path, variables)
    return []


def _scale(scale: float | tuple[float, ...]) -> float:
    return max(map(abs, scale)) if isinstance(scale, tuple) else abs(scale)


def _normal(layer: Any, path: str, variables: Arrays) -> list[Demand]:
    """Numbers that a Normalization makes standard ones of."""
    mean: Array | None = variables.get(f"{path}/mean") if layer.mean is None else np.asarray(layer.mean)
    var: Array | None = variables.get(f"{path}/var") if layer.var is None else np.asarray(layer.var)
    if mean is None or var is None:
        return []
    return [Normal(np.asarray(mean, np.float64), np.sqrt(np.asarray(var, np.float64)))]
