"""Ids made of numbers: bins, vocabularies and hashes. They are exact in every float type, and have no gradient.

``OneHot`` makes vectors of ids, ``Embedding`` learned ones. What a data set decides, bins of equal size or the words
that occur in it, is told here by numbers: nothing adapts itself.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Shape, show
from nnspec.spec import NonNegativeInt, spec

# What an int32 holds, and how many different ids there may be.
LOWEST, HIGHEST = -(2**31), 2**31 - 1
Whole = Annotated[int, Field(ge=LOWEST, le=HIGHEST)]
Bins = Annotated[int, Field(ge=1, le=HIGHEST)]
_Key = Annotated[int, Field(ge=-(2**63), lt=2**64)]
# The key of a hash: two numbers of 64 bits, or one for both.
Salt = _Key | tuple[_Key, _Key] | None


@spec
class _Ids(Layer):
    """Base of layers that make int32 ids of int32 numbers."""

    def output_dtype(self, *dtypes: DType) -> DType:
        for dtype in dtypes:
            if dtype != "int32":
                raise ShapeError(f"{type(self).__name__} takes int32 numbers, got {dtype} input")
        return "int32"

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class Discretization(_Ids):
    """In which bin a number lies: y = the number of boundaries b with b ≤ x, from 0 to their count.

    The first bin reaches from −∞ up to the first boundary, which is the first number of the second bin. NaN is in the
    last one. Floats are compared with boundaries rounded to their own dtype, int32 with the boundaries as they are.

    Shapes: x (batch, ...) of floats or int32; y of int32, as x.
    Source: ``numpy.digitize``; ``keras.layers.Discretization``.

    Attributes:
        bin_boundaries: where one bin ends and the next begins, rising.
    """

    bin_boundaries: Annotated[tuple[float, ...], Field(min_length=1)]

    def __post_init__(self) -> None:
        for i, (low, high) in enumerate(pairwise(self.bin_boundaries)):
            if low >= high:
                raise SpecError(f"expected more than the boundary {low} before, got {high}", ("bin_boundaries", i + 1))

    def output_dtype(self, *dtypes: DType) -> DType:
        if dtypes[0] == "bool":
            raise ShapeError("Discretization finds bins of numbers, got bool input")
        return "int32"

    @property
    def whole(self) -> tuple[int, ...]:
        """The boundaries for int32: the smallest whole number from each on, without those that are above all int32."""
        return tuple(max(math.ceil(b), LOWEST) for b in self.bin_boundaries if b <= HIGHEST)


@spec
class IntegerLookup(_Ids):
    """The place of a number in a vocabulary: its id.

    y = start + i   where x = vocabulary[i],   start = num_oov_indices + (1 if there is a mask_token, else 0)
    y = 0           where x = mask_token

    Ids before ``start`` are for numbers that are out of the vocabulary (oov): with one such id it is theirs, with n of
    them x takes number x mod n, in [0, n), or n bins of Hashing (``oov_method: hash``). Without any, y = −1, for which
    an Embedding has no vector, hence gives NaN.

    ``invert`` goes the other way: y = vocabulary[x − start], ``mask_token`` where x = 0 and there is one, else
    ``oov_token``.

    Shapes: x (batch, ...) of int32; y of int32, as x.
    Source: ``keras.layers.IntegerLookup``, which refuses numbers out of the vocabulary where no id is for them.

    Attributes:
        vocabulary: the numbers that have ids of their own, without ``mask_token``.
        num_oov_indices: how many ids there are for all others.
        mask_token: a number whose id is 0.
        oov_token: what ``invert`` gives for ids of no number.
        invert: whether ids become numbers.
        oov_method: how several ids are shared out.
        salt: the key of that hash.
    """

    vocabulary: Annotated[tuple[Whole, ...], Field(min_length=1)]
    num_oov_indices: NonNegativeInt = 1
    mask_token: Whole | None = None
    oov_token: Whole = -1
    invert: bool = False
    oov_method: Literal["remainder", "hash"] = "remainder"
    salt: Salt = None

    def __post_init__(self) -> None:
        known = set(self.vocabulary)
        if len(known) < len(self.vocabulary):
            seen: set[int] = set()
            for i, token in enumerate(self.vocabulary):
                if token in seen:
                    raise SpecError(f"{token} stands in the vocabulary twice", ("vocabulary", i))
                seen.add(token)
        if self.mask_token in known:
            raise SpecError(f"{self.mask_token} stands in the vocabulary, too", ("mask_token",))
        if self.invert and self.oov_token in known:
            raise SpecError(f"{self.oov_token} stands in the vocabulary, too", ("oov_token",))
        if self.salt is not None and self.oov_method != "hash":
            raise SpecError("a salt belongs to oov_method: hash", ("salt",))
        if self.start + len(self.vocabulary) > HIGHEST:
            raise SpecError("ids would be more than an int32 holds", ("num_oov_indices",))

    @property
    def masks(self) -> int:
        """How many ids, none or one, are for the mask's number."""
        return int(self.mask_token is not None)

    @property
    def start(self) -> int:
        """The id of the vocabulary's first number."""
        return self.masks + self.num_oov_indices

    @property
    def hashing(self) -> Hashing:
        """What shares out several ids by ``oov_method: hash``."""
        return Hashing(self.num_oov_indices, salt=self.salt)


@spec
class Hashing(_Ids):
    """The bin of a number by a hash of its decimal text, so that as many bins as one likes do for any numbers.

    y = h(text of x) mod num_bins, with ``mask_value`` 0 for that value and 1 + h(text of x) mod (num_bins − 1) for all
    others (if there is more than one bin)

    The text is that of Python's ``str``: ``-12`` has three bytes. h is FarmHash's Fingerprint64, or with a ``salt``
    SipHash-2-4 with it as the key. The same ids as Keras's layer gives, bit for bit, on every backend.

    Shapes: x (batch, ...) of int32; y of int32, as x.
    Source: Weinberger et al. 2009, arXiv:0902.2206; ``keras.layers.Hashing``; FarmHash (Pike, Google 2014); Aumasson &
    Bernstein 2012, *SipHash: a fast short-input PRF*.

    Attributes:
        num_bins: how many ids there are.
        mask_value: a number whose id is 0 and no other's.
        salt: the key of SipHash: two numbers of 64 bits, or one for both.
    """

    num_bins: Bins
    mask_value: Whole | None = None
    salt: Salt = None

    @property
    def masked(self) -> bool:
        """Whether the first bin is for one value alone."""
        return self.mask_value is not None and self.num_bins > 1

    @property
    def key(self) -> tuple[int, int] | None:
        """SipHash's key as numbers from 0 to 2⁶⁴ − 1; None for FarmHash."""
        if self.salt is None:
            return None
        first, second = self.salt if isinstance(self.salt, tuple) else (self.salt, self.salt)
        return first % 2**64, second % 2**64


# Where HashedCrossing's fingerprint starts: TensorFlow's key for crossed columns.
CROSSING_KEY = 0xDECAFCAFFE


@spec
class HashedCrossing(_Ids):
    """The bin of several numbers together, a feature of its own for each combination ("feature cross").

    y = h mod num_bins,   h = cat(… cat(cat(0xDECAFCAFFE, x₁), x₂) …, xₙ)

    cat joins two fingerprints a, b, all modulo 2⁶⁴, b being x as a number of 64 bits in two's complement:

    mix(v) = v xor ⌊v / 2⁴⁷⌋,   k = 0xC6A4A7935BD1E995
    r = (a xor k xor (mix(b·k) · k)) · k,   cat(a, b) = mix(mix(r) · k)

    The same ids as Keras's layer gives for whole numbers, bit for bit, on every backend. The order of inputs matters.

    Shapes: each x (batch, ...) of int32, all of one shape; y of int32, as they.
    Source: ``keras.layers.HashedCrossing``; FingerprintCat64 in TensorFlow's ``fingerprint.h``.

    Attributes:
        num_bins: how many ids there are.
    """

    arity: ClassVar[int | None] = None
    num_bins: Bins

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes) < 2:
            raise ShapeError("HashedCrossing needs at least 2 inputs, got 1")
        first = shapes[0]
        for other in shapes[1:]:
            if len(other) != len(first) or any(a != b for a, b in zip(first, other, strict=True) if None not in (a, b)):
                raise ShapeError(f"HashedCrossing takes inputs of one shape, got {show(first)} and {show(other)}")
        return first
