"""What all attention layers have in common: their inputs, what they hide and drop, and their scores as outputs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Shape, known, show
from nnspec.spec import spec

if TYPE_CHECKING:
    from nnspec.graph import Tensor

_Size = TypeVar("_Size", int, int | None)
# No variable depends on these fields: nodes that share a layer may differ in them.
_FREE = (
    *("returns", "causal", "window", "mask", "attention_bias", "scale", "soft_cap"),
    *("dropout_rate", "broadcast_dropout", "rotary", "decode"),
)


@spec
class _Attention(Layer):
    """Base of attention layers, which have fields of the same names: their inputs, and what is dropped."""

    arity: ClassVar[int | None] = None

    @property
    def random(self: Any) -> tuple[str, ...]:  # type: ignore[override]  # depends on the rate
        """The purposes of the random streams: none where nothing is dropped."""
        return ("dropout",) if self.dropout_rate else ()

    variants: ClassVar[bool] = True

    def __post_init__(self: Any) -> None:
        if self.returns != "output" and self.dropout_rate:
            raise SpecError(f"nothing of {self.returns} is dropped: leave it out", ("dropout_rate",))

    def scores(self: Any, *inputs: Tensor) -> Tensor:
        """The scores of the same attention, as a node beside it that shares this layer's variables."""
        from nnspec.graph import call_layer

        quiet = dataclasses.replace(self, returns="scores", dropout_rate=0.0, broadcast_dropout=False, name=None)
        return call_layer(quiet, *inputs, variables=self)

    def shares_with(self, owner: Layer) -> bool:
        if type(self) is not type(owner):
            return False
        there = {field.name for field in dataclasses.fields(self)}
        return self == dataclasses.replace(owner, **{name: getattr(self, name) for name in _FREE if name in there})

    def output_dtype(self: Any, *dtypes: DType) -> DType:
        if self.mask and dtypes[-1] != "bool":
            raise ShapeError(f"the last input of {type(self).__name__} with a mask is boolean, got {dtypes[-1]} input")
        return Layer.output_dtype(self, *(dtypes[:-1] if self.mask else dtypes))

    def sequences(self: Any, *shapes: Shape) -> tuple[Shape, Shape, Shape]:
        """The shapes of what queries, keys and values are made of.

        Raises:
            ShapeError: there are too few or too many inputs.
        """
        given = shapes[: len(shapes) - self.mask - self.attention_bias]
        if not 1 <= len(given) <= 3:
            more = [name for name, there in (("a bias", self.attention_bias), ("a mask", self.mask)) if there]
            what = " and ".join(["one to three sequences", *more])
            raise ShapeError(f"{type(self).__name__} takes {what}, got {len(shapes)} input{'s' * (len(shapes) != 1)}")
        return given[0], given[min(1, len(given) - 1)], given[-1]

    def mask_of_dropout(self: Any, scores: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the keep-mask for scores of this shape."""
        return (1, 1, *scores[-2:]) if self.broadcast_dropout else scores

    def _check(self: Any, shapes: tuple[Shape, ...], heads: int, axes: tuple[int, ...] = (3,)) -> Shape:
        """What all attention asks of its inputs' shapes; gives the scores' shape, (batch, heads, queries, keys)."""
        what = type(self).__name__
        x, k, v = self.sequences(*shapes)
        for shape in (x, k, v):
            if len(shape) not in axes or len(shape) != len(x):
                many = " or ".join(map(str, axes))
                raise ShapeError(
                    f"{what} needs inputs of {many} axes (batch, positions and features), got {show(shape)}"
                )
        if k[1] != v[1]:
            raise ShapeError(f"{what} needs a value for each key, got keys {show(k)} and values {show(v)}")
        scores = (x[0], heads, x[1], k[1])
        self._check_further(shapes, scores)
        return scores

    def _check_further(self: Any, shapes: tuple[Shape, ...], scores: Shape) -> None:
        """The bias and the mask, the last of these shapes, fit the scores."""
        if self.attention_bias:
            self._check_broadcast("bias", shapes[-2] if self.mask else shapes[-1], scores)
        if self.mask:
            self._check_broadcast("mask", shapes[-1], scores)

    def _check_broadcast(self, what: str, shape: Shape, scores: Shape) -> None:
        name = type(self).__name__
        if not 2 <= len(shape) <= 4:
            raise ShapeError(
                f"the {what} of {name} has the axes (batch, keys), (batch, queries, keys) or "
                f"(batch, heads, queries, keys), got {show(shape)}"
            )
        batch, *rest = mask_shape(shape)
        if batch != scores[0] or any(size not in (1, wide) for size, wide in zip(rest, scores[1:], strict=True)):
            raise ShapeError(f"{name} cannot use a {what} of shape {show(shape)} for scores {show(scores)}")


def scored(layer: Any, scores: int, features: int) -> int:
    """Operations of so many scores: a product and its scaling, a cap, what is added, and the softmax as everywhere."""
    capped = 3 * (layer.soft_cap is not None)
    return scores * (2 * features + 1 + capped + int(layer.attention_bias))


def gathered(layer: Any, scores: int, sums: int, features: int) -> int:
    """Operations of the weighted sums of values; none where the scores are the output."""
    return 0 if layer.returns == "scores" else 2 * scores * features - sums * features


def mask_shape(shape: tuple[_Size, ...]) -> tuple[_Size | int, ...]:
    """A mask's or a bias's shape with the axes (batch, heads, queries, keys)."""
    ones: tuple[_Size | int, ...] = (1,) * (4 - len(shape))
    return shape[:1] + ones + shape[1:]


def check_features(what: str, q: Shape, k: Shape) -> None:
    """Queries and keys have as many features.

    Raises:
        ShapeError: they have not.
    """
    if known(q[-1], f"the last axis of {what}'s inputs") != k[-1]:
        raise ShapeError(f"{what} needs queries and keys of as many features, got {show(q)} and {show(k)}")
