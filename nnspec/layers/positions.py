"""Positions: what tells attention in which order a sequence stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Param, Shape, elements, known, show
from nnspec.spec import AnyInitializer, PositiveFloat, PositiveInt, spec

if TYPE_CHECKING:  # where it computes, it imports NumPy: no part of what a command that reads specs needs
    import numpy as np
    from numpy.typing import NDArray

    _Floats = NDArray[np.float64]

# Which elements of a vector belong together: neighbors (0 with 1, 2 with 3), or those of its first and second half.
Pairs = Literal["interleaved", "halves"]


def frequencies(pairs: int, base: float) -> _Floats:
    """base^(−i/pairs) for the pairs i = 0, 1, …, in float64."""
    import numpy as np

    found: _Floats = np.power(base, -np.arange(pairs) / pairs)
    return found


@spec
class _Placed(Layer):
    """Base of layers that have a field ``offset``: whether their last input is the position of the first element."""

    def takes(self: Any) -> int | None:
        return 2 if self.offset else 1

    def output_dtype(self: Any, *dtypes: DType) -> DType:
        if self.offset and dtypes[-1] != "int32":
            name = type(self).__name__
            raise ShapeError(f"{name} starts at int32 positions, its last input, got {dtypes[-1]} input")
        return Layer.output_dtype(self, *(dtypes[:-1] if self.offset else dtypes))

    def apart(self: Any, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shapes of the sequences.

        Raises:
            ShapeError: the position is not one number for each example.
        """
        if not self.offset:
            return shapes
        *sequences, start = shapes
        if not sequences or start != sequences[0][:1]:
            name = type(self).__name__
            raise ShapeError(f"{name} starts at one position in each example, got positions {show(start)}")
        return tuple(sequences)


@spec
class _Positions(_Placed):
    """Base of layers that add a vector to each position of (batch, positions, features)."""

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = self.apart(shapes)
        if len(shape) != 3:
            raise ShapeError(
                f"{type(self).__name__} needs inputs of 3 axes (batch, positions and features), got {show(shape)}"
            )
        known(shape[-1], f"the last axis of {type(self).__name__}'s input")
        return shape


@spec
class LearnedPositions(_Positions):
    """A learned vector for each position, added to what stands there.

    y_t = x_t + embedding[t], or y_t = embedding[t] with ``add: false``, for positions t = 0, 1, …

    With ``offset`` a second input says where each example starts: positions are t = offset, offset + 1, …, and those
    that have no vector give NaN.

    An input of more than ``max_length`` positions is an error, also where its length shows only when it comes. (Within
    a native model that is called by itself nothing checks it; positions beyond the table give NaN there.)

    Shapes: x, y (batch, positions, features), embedding (max_length, features), offset (batch,) of int32.
    The table is no kernel: weight decay that is restricted to kernels leaves it alone.
    Source: Gehring et al. 2017, arXiv:1705.03122. Default embedding_init is U(−0.05, 0.05).
    """

    max_length: PositiveInt
    add: bool = True
    embedding_init: AnyInitializer = "uniform"
    offset: bool = False

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = known(shapes[0][-1], "the last axis of LearnedPositions's input")
        return {"embedding": Param((self.max_length, features), self.embedding_init)}

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = super().output_shape(*shapes)
        if shape[1] is not None and shape[1] > self.max_length:
            raise ShapeError(f"LearnedPositions has {self.max_length} vectors, for input {show(shape)}")
        return shape

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(shapes[0]) if self.add else 0


@spec
class SinusoidalPositions(_Positions):
    """Waves of falling frequencies, added to what stands at each position.

    y_t = x_t + p_t, or y_t = p_t with ``add: false``; for positions t = 0, 1, … and pairs i = 0, …, features/2 − 1

    p[t, 2i] = sin(t / base^(2i/features)), p[t, 2i+1] = cos(t / base^(2i/features)),
    with ``pairs: halves`` p[t, i] and p[t, features/2 + i].

    They are computed in float64 and rounded. With ``offset`` a second input says at which t each example starts.

    Shapes: x, y (batch, positions, features), of an even number of features, offset (batch,) of int32.
    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    base: PositiveFloat = 10000.0
    pairs: Pairs = "interleaved"
    add: bool = True
    offset: bool = False

    def output_shape(self, *shapes: Shape) -> Shape:
        shape = super().output_shape(*shapes)
        if (shape[-1] or 0) % 2:
            raise ShapeError(f"SinusoidalPositions needs an even number of features, got {show(shape)}")
        return shape

    def frequencies(self, features: int) -> _Floats:
        """Those of the pairs, in radians per position."""
        return frequencies(features // 2, self.base)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return elements(shapes[0]) if self.add else 0


@spec
class RotaryPositions(_Placed):
    """Pairs of features, rotated by angles that grow with the position: products of two depend on their distance alone.

    (y₂ᵢ, y₂ᵢ₊₁) = (x₂ᵢ · cos θ − x₂ᵢ₊₁ · sin θ, x₂ᵢ₊₁ · cos θ + x₂ᵢ · sin θ), θ = t · base^(−2i/r)

    at position t = 0, 1, …, for the first r = ⌊``fraction`` · features⌋ features; the others stay as they are. With
    ``pairs: halves`` pairs are (yᵢ, y_{r/2+i}), as in GPT-NeoX and Llama. Cosines and sines are computed in float64 and
    rounded. With ``offset`` a second input says at which t each example starts.

    Shapes: x, y (batch, positions, ..., features), such as (batch, positions, heads, features), offset (batch,) of
    int32.
    Source: Su et al. 2021, arXiv:2104.09864.
    """

    base: PositiveFloat = 10000.0
    pairs: Pairs = "interleaved"
    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    offset: bool = False

    def rotated(self, features: int) -> int:
        """How many of so many features are rotated.

        Raises:
            ShapeError: it is an odd number, or none.
        """
        count = int(self.fraction * features + 1e-9)  # 0.58 · 100 is 57.99… in binary
        if count % 2 or not count:
            raise ShapeError(
                f"RotaryPositions rotates pairs, which {count} of {features} features are not "
                f"(fraction {self.fraction:g})"
            )
        return count

    def frequencies(self, features: int) -> _Floats:
        """Those of the pairs, in radians per position."""
        return frequencies(self.rotated(features) // 2, self.base)

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = self.apart(shapes)
        if len(shape) < 3:
            raise ShapeError(
                f"RotaryPositions needs inputs of at least 3 axes (batch, positions and features), got {show(shape)}"
            )
        self.rotated(known(shape[-1], "the last axis of RotaryPositions's input"))
        return shape

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 3 * elements(shapes[0][:-1]) * self.rotated(shapes[0][-1])


@spec
class _PairBias(_Placed):
    """Base of layers that give a number for each pair of positions in each head, by their distance."""

    arity: ClassVar[int | None] = None
    num_heads: PositiveInt

    def takes(self) -> int | None:
        return None

    def output_dtype(self: Any, *dtypes: DType) -> DType:
        if self.offset:
            _Placed.output_dtype(self, "float", dtypes[-1])
        return "float"

    def output_shape(self, *shapes: Shape) -> Shape:
        what, shapes = type(self).__name__, self.apart(shapes)
        if len(shapes) > 2:
            raise ShapeError(f"{what} takes one or two sequences, got {len(shapes)} inputs")
        if min(map(len, shapes)) < 2:
            raise ShapeError(f"{what} needs inputs of at least 2 axes (batch and positions), got {show(shapes[-1])}")
        return (shapes[0][0], self.num_heads, shapes[0][1], shapes[-1][1])


@spec
class RelativePositionBias(_PairBias):
    """A learned number in each head for the distance between a query and a key, distances taken together in buckets.

    y[b, h, i, j] = embedding[bucket(j − i), h]

    One half of the buckets is for keys after the query, unless ``bidirectional`` is off, where those count as distance
    0. Of a half of n buckets the first e = ⌊n/2⌋ stand for one distance each, the others for distances that grow by
    a factor: bucket(d) = min(e + ⌊(n − e) · ln(d/e) / ln(max_distance/e)⌋, n − 1) for d ≥ e. Of the inputs, one
    sequence or queries and keys, only the lengths count. The result is the ``attention_bias`` of attention layers;
    T5's share one. With ``offset`` the last input says at which position the queries of each example start; keys start
    at 0.

    Shapes: x (batch, queries, ...), m (batch, keys, ...), embedding (num_buckets, num_heads), y (batch, num_heads,
    queries, keys), offset (batch,) of int32.
    The table is no kernel: weight decay that is restricted to kernels leaves it alone.
    Source: Raffel et al. 2020, arXiv:1910.10683. Default embedding_init is U(−0.05, 0.05).
    """

    num_buckets: PositiveInt = 32
    max_distance: PositiveInt = 128
    bidirectional: bool = True
    embedding_init: AnyInitializer = "uniform"
    offset: bool = False

    def __post_init__(self) -> None:
        if self.bidirectional and self.num_buckets % 2:
            raise SpecError(f"expected an even number of buckets for both directions, got {self.num_buckets}")
        if self._side < 2:
            raise SpecError("expected two buckets at least for each direction", ("num_buckets",))
        if self.max_distance <= self._side // 2:
            raise SpecError(
                f"expected a distance beyond {self._side // 2}, the buckets of one distance each", ("max_distance",)
            )

    @property
    def _side(self) -> int:
        return self.num_buckets // 2 if self.bidirectional else self.num_buckets

    def buckets(self) -> NDArray[np.int32]:
        """The buckets of the distances −max_distance, …, max_distance, beyond which nothing changes."""
        import numpy as np

        exact = self._side // 2
        offset = np.arange(-self.max_distance, self.max_distance + 1)
        distance = np.abs(offset) if self.bidirectional else np.maximum(-offset, 0)
        growing = np.log(np.maximum(distance, exact) / exact) / np.log(self.max_distance / exact)
        large = np.minimum(exact + (growing * (self._side - exact)).astype(np.int64), self._side - 1)
        after = self._side * (self.bidirectional & (offset > 0))
        found: NDArray[np.int32] = (np.where(distance < exact, distance, large) + after).astype(np.int32)
        return found

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return {"embedding": Param((self.num_buckets, self.num_heads), self.embedding_init)}

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class ALiBi(_PairBias):
    """A bias for attention that falls with the distance of a query and a key, in each head by its own slope.

    y[b, h, i, j] = −slope_h · |i − j|, with slope_h = 2^(−8(h+1)/num_heads) for heads h = 0, 1, …

    where num_heads is a power of 2; else the slopes are those of the next smaller power n, and after them every other
    one of those of 2n. Of the inputs, one sequence or queries and keys, only the lengths count. The result is the
    ``attention_bias`` of attention layers. With ``offset`` the last input says at which position the queries of each
    example start; keys start at 0.

    Shapes: x (batch, queries, ...), m (batch, keys, ...), y (batch, num_heads, queries, keys), offset (batch,) of
    int32.
    Source: Press et al. 2022, arXiv:2108.12409, whose queries see no keys after them.
    """

    offset: bool = False

    def slopes(self) -> _Floats:
        """Those of the heads."""
        import numpy as np

        power = 2 ** (self.num_heads.bit_length() - 1)
        own, more = (2.0 ** (-8 * np.arange(1, count + 1) / count) for count in (power, 2 * power))
        found: _Floats = np.concatenate([own, more[::2][: self.num_heads - power]])
        return found

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0
