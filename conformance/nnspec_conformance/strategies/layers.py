"""Layers for inputs of given shapes, and cases of single layers."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import reject, strategies as st
from hypothesis.strategies import SearchStrategy

from nnspec.errors import ShapeError
from nnspec.layers.activation import Standardize
from nnspec.layers.attending import _Attention
from nnspec.layers.augmentation import Augmentation
from nnspec.layers.base import DType, Layer, Shape
from nnspec.layers.dropout import SpatialDropout
from nnspec.layers.embedding import Embedding
from nnspec.layers.linear import Dense
from nnspec.layers.lookup import HashedCrossing
from nnspec.layers.normalization import GroupNorm, InstanceNorm, LayerNorm, RMSNorm, UnitNorm
from nnspec.layers.positions import RotaryPositions, _PairBias, _Placed, _Positions
from nnspec.layers.recurrence import Recurrence
from nnspec.layers.scaling import Normalization, Rescaling
from nnspec.layers.time_distributed import TimeDistributed
from nnspec.layers.weight_normalization import SpectralNorm, WeightNorm
from nnspec.ops import Maximum, Minimum
from nnspec_conformance.case import Case, DTypes, each
from nnspec_conformance.strategies import activation, ids, images, operations, programs, spectra, window
from nnspec_conformance.strategies.fields import Hints, attempts, classes, numbers, specs
from nnspec_conformance.strategies.initializers import drawable
from nnspec_conformance.strategies.operations import MOST, shapes

# Classes whose inputs have so many axes, the batch axis included.
# Layers of images that are no augmentations.
SPREADING = ("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization")
_RANKS = {
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", "MGU", "TimeDistributed"), 3),
    "ConvLSTM": 4,
    **dict.fromkeys(("MultiHeadAttention", "DotProductAttention", "AdditiveAttention"), 3),
    **dict.fromkeys(("LearnedPositions", "SinusoidalPositions", "STFTSpectrogram"), 3),
    "MelSpectrogram": 2,
    **dict.fromkeys(("RotaryPositions", "CenterCrop", *SPREADING), 4),
}
# Classes that take the last axis in pairs.
_EVEN = ("SinusoidalPositions", "RotaryPositions")


def layers(cls: type[Any], *shapes: Shape, dtype: DTypes = "float") -> SearchStrategy[Layer]:
    """Layers of a class that take inputs of these shapes (batch axis included); others are drawn anew."""
    return specs(cls, _hints(cls, *shapes)).filter(lambda layer: _gives(layer, *shapes, dtype=dtype) is not None)


def attempt(cls: type[Any], *shapes: Shape) -> SearchStrategy[Layer | None]:
    """Layers of a class that take inputs of these shapes, or None."""
    made = attempts(cls, _hints(cls, *shapes))
    return made.map(lambda layer: layer if layer is not None and takes(layer, *shapes) else None)


def takes(layer: Layer, *shapes: Shape) -> bool:
    """Whether a layer takes such inputs of floats and gives an output of floats, of a moderate size."""
    return _gives(layer, *shapes) == "float"


def _gives(layer: Layer, *shapes: Shape, dtype: DTypes = "float") -> DType | None:
    """The dtype of the output of a moderate size that a layer gives for such inputs, or None."""
    count = layer.takes()
    if count not in (None, len(shapes)):
        return None
    try:
        given, output = layer.output_dtype(*each(dtype, len(shapes))), layer.output_shape(*shapes)
    except ShapeError:
        return None
    return given if moderate(output) and drawable(layer, *shapes) and not _of_one(layer, shapes[0]) else None


def _of_one(layer: Layer, shape: Shape) -> bool:
    """Whether a layer normalizes a single number. Its gradient is the difference of two equal terms of size 1/√epsilon,
    whose rounding no estimate made from values can foresee: the value is 0 however its inputs are rounded."""
    if isinstance(layer, GroupNorm | InstanceNorm):
        channels = 1 if isinstance(layer, InstanceNorm) else (shape[-1] or 1) // layer.groups(shape)
        return channels * math.prod(size or 1 for size in shape[1:-1]) == 1
    if isinstance(layer, LayerNorm | RMSNorm | UnitNorm | Standardize):
        axes = layer.axis if isinstance(layer, Standardize) else layer.axes
        return all(shape[axis] == 1 for axis in (axes if isinstance(axes, tuple) else (axes,)))
    return False


def moderate(output: Shape) -> bool:
    """Whether an output is small and no other axis is of any size (inputs of two ranks broadcast their batch axes)."""
    return None not in output[1:] and math.prod(size or 1 for size in output) <= 3 * MOST


def dtypes(cls: type[Any]) -> list[DTypes]:
    """The dtypes of which layers of a class take inputs."""
    if cls in operations.DTYPES:
        return operations.DTYPES[cls]
    if cls is Embedding or cls in ids.CLASSES or cls.__name__ == "PaddingMask":  # whose output is no float in any case
        return ["int32"]
    if cls in (SpectralNorm, WeightNorm) or cls.__name__ == "StableHLO":
        return ["float"]
    plain = cls.output_dtype is Layer.output_dtype or issubclass(
        cls, _Attention | Recurrence | RotaryPositions | TimeDistributed | _Positions
    )
    return ["float"] if plain else ["float", "int32", "bool"]


def _rank(cls: type[Any]) -> int | None:
    """How many axes the inputs of a class have, the batch axis included; None for any number."""
    return 4 if issubclass(cls, Augmentation) else _RANKS.get(cls.__name__)


def fitting(kind: str, *shapes: Shape) -> list[type[Any]]:
    """Classes of which some layer takes such inputs, of floats: by the number of inputs and of axes."""
    return [cls for cls in classes(kind) if "float" in dtypes(cls) and _may_take(cls, *shapes)]


def _may_take(cls: type[Any], *shapes: Shape) -> bool:
    if cls.arity is not None and cls.arity != len(shapes):
        return False
    if cls.kind == "operation":
        return operations.may_take(cls, *shapes)
    if len(shapes) > 1:
        return False
    if issubclass(cls, window.CLASSES):
        return window.may_take(cls, shapes[0])
    if len(shapes[0]) != (_rank(cls) or len(shapes[0])):
        return False
    if getattr(cls, "channels", None) not in (None, shapes[0][-1]):  # of images
        return False
    if cls in (InstanceNorm, SpatialDropout) and len(shapes[0]) < 3:
        return False
    if issubclass(cls, _PairBias):
        return len(shapes[0]) > 1
    if cls.__name__ in _EVEN and (shapes[0][-1] or 1) % 2:
        return False
    if cls.__name__ == "GLU":  # halves an axis
        return any(size and size % 2 == 0 for size in shapes[0][1:])
    fields = cls.__dataclass_fields__
    needs_axis = (cls.kind == "layer" and cls.params is not Layer.params) or "axis" in fields or "axes" in fields
    return len(shapes[0]) > 1 or not needs_axis


def _hints(cls: type[Any], *shapes: Shape) -> Hints:
    """What depends on the inputs' shapes: axes that exist, and shapes of as many elements."""
    first = shapes[0]
    axes = [axis for a in range(1, len(first)) for axis in (a, a - len(first))]
    if cls.__name__ == "GLU":
        axes = [axis for axis in axes if (first[axis] or 1) % 2 == 0]
    hints: Hints = {"axis": st.sampled_from(axes), "axes": _axes(len(first))} if axes else {}
    if cls is GroupNorm:
        divisors = st.sampled_from([d for d in range(1, (first[-1] or 1) + 1) if (first[-1] or 1) % d == 0])
        hints |= {"num_groups": divisors, "group_size": divisors}
    if issubclass(cls, window.CLASSES):
        hints |= window.hints(cls, first)
    if cls in (Normalization, Rescaling):
        hints |= {
            name: _per_channel(first, low) for name, low in (("scale", -2), ("offset", -2), ("mean", -2), ("var", 0))
        }
    hints["broadcast_dims"] = st.lists(st.integers(0, len(first) - 1), max_size=2, unique=True)
    # What would be further inputs, and what goes with them.
    hints |= dict.fromkeys(("mask", "initial_state", "zero_output_for_mask"), st.just(False))
    if cls.__name__ == "ConvLSTM":
        sizes = st.integers(1, 2)
        hints |= {"kernel_size": sizes.map(lambda size: [size]), "strides": sizes, "padding": st.just("same")}
    if "tile_grid_size" in cls.__dataclass_fields__:
        hints["tile_grid_size"] = st.sampled_from([[1, 1], [2, 1], [1, 2], [2, 2]])
    if cls.__name__ == "RandomGaussianBlur":
        hints["kernel_size"] = st.sampled_from([1, 3, [5, 3]])
    if cls.__name__ == "TimeDistributed":
        hints["layer"] = st.sampled_from([{"Dense": 3}, "LayerNorm", "BatchNorm", "softplus", "Flatten"])
    if issubclass(cls, _Attention):  # whose masks and biases would be further inputs
        hints |= dict.fromkeys(("mask", "attention_bias", "decode"), st.just(False))
        hints["rotary"] = st.sampled_from([None, "RotaryPositions", {"RotaryPositions": {"pairs": "halves"}}])
        hints["returns"] = st.sampled_from(["output", "scores"])
        hints["soft_cap"] = st.none() | numbers(0.5, 5)
        hints["use_bias"] = st.booleans() | st.just(["query", "value"]) | st.just(["out"])
    if issubclass(cls, _Placed):
        hints["offset"] = st.just(False)
    if cls.__name__ == "EinsumDense":
        hints["equation"], hints["bias_axes"] = st.just("...x,xy->...y"), st.sampled_from([None, "y"])
        hints["kernel_shape"] = st.tuples(st.sampled_from([None, first[-1]]), st.integers(1, 4)).map(list)
    if cls.kind == "operation":
        hints |= operations.hints(cls, *shapes)
    if _rank(cls) == 4 and len(first) == 4 and cls.params is Layer.params:
        hints |= images.hints(cls)
        if cls.__name__ in ("Cutout", "RandomErasing"):
            hints["fill_value"] = _per_channel(first, -2)
    hints |= ids.HINTS.get(cls, {}) | spectra.hints(cls, first)
    if cls is WeightNorm:
        hints["layer"] = specs(Dense)
    if cls is SpectralNorm:  # of rank one, where a step is enough (see the listed cases)
        hints["layer"] = st.just(Dense(1))
    if cls.__name__ == "Reshape":
        hints["shape"] = _regrouped(math.prod(size or 1 for size in first[1:]))
    if cls.__name__ == "StableHLO":
        hints |= programs.hints(*shapes)
    if cls.__name__ == "Parameter":
        hints["shape"] = st.lists(st.integers(1, 4), max_size=3)
    if cls.__name__ == "Permute":
        hints["axes"] = st.permutations(range(1, len(first)))
    return hints


def _per_channel(shape: Shape, low: float) -> SearchStrategy[Any]:
    """One number, or one for each channel."""
    one = numbers(low, 2)
    return one | st.lists(one, min_size=shape[-1] or 1, max_size=shape[-1] or 1) if len(shape) > 1 else one


def _axes(rank: int) -> SearchStrategy[Any]:
    """One axis but the batch's, or several, counted from either end."""
    one = st.integers(1, rank - 1)
    either = st.tuples(one, st.booleans()).map(lambda drawn: drawn[0] - rank if drawn[1] else drawn[0])
    return either | st.lists(either, min_size=1, max_size=rank - 1, unique_by=lambda axis: axis % rank)


@st.composite
def _regrouped(draw: st.DrawFn, size: int) -> list[int]:
    """Shapes of so many elements; one of the axes may be left open."""
    made, rest = [], size
    for _ in range(draw(st.integers(0, 2))):
        made.append(draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0])))
        rest //= made[-1]
    made.append(rest)
    if draw(st.booleans()):
        made[draw(st.integers(0, len(made) - 1))] = -1
    return made


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A layer, activation or operation with random options on inputs of random shapes, centers and scales."""
    cls = draw(st.sampled_from([each for each in classes("layer") if each.__name__ != "PaddingMask"]))
    if cls.kind == "operation":
        given = draw(operations.several(cls))
    elif cls is HashedCrossing:
        given = (draw(shapes()),) * 2
    elif cls.arity == 2:  # which agree in all axes but the last
        first = draw(shapes(min_axes=1))
        given = (first, (*first[:-1], draw(st.integers(1, 4))))
    else:
        given = (draw(shapes(min_axes=2 if issubclass(cls, window.CLASSES) else 0)),)
        if rank := _rank(cls):
            given = (draw(st.tuples(*[st.integers(1, 4)] * (rank - 1))),)
        if not _may_take(cls, (None, *given[0])):
            given = ((*given[0][:-1], 4),)
    if math.prod(given[0]) > MOST:
        reject()
    dtype = draw(st.sampled_from(dtypes(cls)))
    spec = draw(layers(cls, *((None, *shape) for shape in given), dtype=dtype))
    center, scale = draw(st.sampled_from([(0.0, 1.0), (0.0, 3.0), (0.0, 0.1), (2.0, 1.0), (-20.0, 1.0)]))
    known = activation.known(spec)
    if known.get("masked") and (None, *given[0])[getattr(spec, "axis", -1)] == 1:  # nothing would be left
        known["masked"] = False
    return Case(
        spec,
        given[0] if len(given) == 1 else given,
        offset=center,
        scale=scale,
        dtype=dtype,
        integers=operations.ids(spec, given[0]),
        nonzero=isinstance(spec, operations.DIVIDING),
        apart=isinstance(spec, Maximum | Minimum),
        distinct=isinstance(spec, (*window.MAXIMA, *operations.ORDERING)),
        **known,
    )
