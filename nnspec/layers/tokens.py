"""Random changes of token ids in training: ids that are masked, and ids that are dropped."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Shape
from nnspec.spec import Fraction, NonNegativeInt, PositiveInt, Probability, spec

Ids = tuple[NonNegativeInt, ...]
Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]


@spec
class _Tokens(Layer):
    """Base of layers from int32 ids to int32 ids."""

    def output_dtype(self, *dtypes: DType) -> DType:
        if dtypes[0] != "int32":
            raise ShapeError(f"{type(self).__name__} changes int32 ids, got {dtypes[0]} input")
        return "int32"

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 0


@spec
class TokenMasking(_Tokens):
    """BERT's masking: in training some ids are chosen, and most of these become the one that says "masked".

    With the words u = 2t and v = 2t + 1 of position t of an example and T(p) = round(p · 2³²), a position whose id is
    not among ``special_ids`` is chosen where u < T(rate), and of those chosen

    y = mask_id              where u < T(rate · mask_fraction),
    y = ⌊v · num_embeddings / 2³²⌋   else where u < T(rate · (mask_fraction + random_fraction)): a random id,
    y = x                    else

    An example of which nothing would be chosen has the first position of the smallest u become mask_id, as BERT's code
    does: a loss of nothing is NaN. Without ``at_least_one``, or for rate 0, it stays as it is, and so does one of
    special ids alone. In inference y = x. The words are of the stream (node, "augmentation", call), 2n for
    an example of n positions (docs/randomness.md), so that ids are the same on every backend, and however a batch is
    split.

    BERT's loss counts the positions chosen alone. With ``return_labels`` the layer gives what it needs beside the ids,
    in a last axis of two: y, and the label, which is x where chosen and ``ignore_label`` elsewhere.

    Shapes: x (batch, ...) of int32; y of int32, as x, or (batch, ..., 2).
    Source: Devlin et al. 2018, arXiv:1810.04805, section 3.1; drawn anew in each step as in RoBERTa (Liu et al. 2019,
    arXiv:1907.11692).

    Attributes:
        num_embeddings: how many ids there are: a random id is one of them.
        mask_id: the id of "masked".
        rate: the share of ids that are chosen.
        mask_fraction: the share of these that become mask_id.
        random_fraction: the share of these that become random ids; the others stay.
        special_ids: ids that are never chosen: padding, starts and ends of sequences.
        at_least_one: whether every example has a chosen position.
        return_labels: whether labels stand beside the ids.
        ignore_label: the label of positions that are not chosen.
    """

    random: ClassVar[tuple[str, ...]] = ("augmentation",)
    num_embeddings: PositiveInt
    mask_id: NonNegativeInt
    rate: Probability = 0.15
    mask_fraction: Probability = 0.8
    random_fraction: Probability = 0.1
    special_ids: Ids = ()
    at_least_one: bool = True
    return_labels: bool = False
    ignore_label: Whole = -1

    def __post_init__(self) -> None:
        for name, ids in (("mask_id", (self.mask_id,)), ("special_ids", self.special_ids)):
            for i in ids:
                if i >= self.num_embeddings:
                    raise SpecError(
                        f"expected ids below num_embeddings, which is {self.num_embeddings}, got {i}", (name,)
                    )
        if self.mask_fraction + self.random_fraction > 1:
            left = 1 - self.mask_fraction
            raise SpecError(
                f"expected at most the {left:g} that mask_fraction leaves, got {self.random_fraction:g}",
                ("random_fraction",),
            )

    @property
    def limits(self) -> tuple[int, int, int]:
        """Below which word a position is masked, masked or random, and chosen; up to 2³²."""
        from nnspec.random import threshold  # brings NumPy, which no command that reads specs needs

        shares = self.mask_fraction, self.mask_fraction + self.random_fraction, 1.0
        masked, changed, chosen = (threshold(self.rate * share) for share in shares)
        return masked, changed, chosen

    def draws(self, shape: tuple[int, ...]) -> int:
        """How many words an example takes: two for each position."""
        return 2 * math.prod(shape[1:])

    def output_shape(self, *shapes: Shape) -> Shape:
        return (*shapes[0], 2) if self.return_labels else shapes[0]


@spec
class TokenDropout(_Tokens):
    """Word dropout: in training each id is replaced by that of unknown words, or of padding, with probability ``rate``.

    y = where(mask or x among special_ids, x, replacement),   mask = bits < round((1 − rate) · 2³²)

    The mask is Dropout's: one word for each position. With ``num_embeddings`` it is one word for each id of each
    example, so that an id is replaced in all of its places or in none (Gal & Ghahramani); other ids stay. In inference,
    and for rate 0, y = x.

    Shapes: x, y (batch, ...) of int32; the mask as x, or (batch, num_embeddings).
    Source: Iyyer et al. 2015, *Deep unordered composition rivals syntactic methods for text classification*; Bowman et
    al. 2016, arXiv:1511.06349; Gal & Ghahramani 2016, arXiv:1512.05287.

    Attributes:
        rate: the probability with which an id is replaced.
        replacement: by which id.
        special_ids: ids that are never replaced.
        num_embeddings: how many ids there are, where all places of an id share a word of the mask.
    """

    random: ClassVar[tuple[str, ...]] = ("dropout",)
    rate: Fraction
    replacement: Whole = 0
    special_ids: Ids = ()
    num_embeddings: PositiveInt | None = None

    def mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The mask's shape for an input of this shape."""
        return shape if self.num_embeddings is None else (shape[0], self.num_embeddings)
