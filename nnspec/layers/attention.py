"""Attention layers."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from nnspec.errors import ShapeError
from nnspec.layers.base import DType, Layer, Param, Shape, elements, known, show
from nnspec.spec import AnyInitializer, Fraction, PositiveInt, spec

_Size = TypeVar("_Size", int, int | None)


@spec
class MultiHeadAttention(Layer):
    """Scaled dot-product attention in several heads: of a sequence to itself, or to a second one.

    q, k, v = x · query/kernel + query/bias, m · key/kernel + key/bias, m · value/kernel + value/bias
    s = q · kᵀ / √d, a = softmax(s) over the keys, y = (a · v of all heads) · out/kernel + out/bias

    with d = ``head_features`` (by default in / num_heads), in each head by itself. One input attends to itself, m = x;
    of two the first, x, attends to the second, m. With ``causal`` position i attends to positions j ≤ i only. With
    ``mask`` one more input of booleans follows, of shape (batch, keys), (batch, queries, keys) or
    (batch, heads, queries, keys), where axes of size 1 stand for any: x attends to m where it is true. What is masked
    has a = 0 exactly and no gradient; where everything is masked all a are 0, and y is out/bias. In training the
    weights a are dropped as by Dropout: a = where(keep, a / (1 − dropout_rate), 0), with a keep-mask of shape
    (batch, heads, queries, keys) from the stream (node, "dropout", call).

    Shapes: x (batch, queries, in), m (batch, keys, in of m), query/kernel (in, heads, d), key/kernel and value/kernel
    (in of m, heads, d), their biases (heads, d), out/kernel (heads, d, out), out/bias (out,), y (batch, queries, out);
    ``out_features`` is the size of x's last axis by default. Kernels are drawn as the matrices (in, heads · d) and
    (heads · d, out), hence with their fans.
    Source: Vaswani et al. 2017, arXiv:1706.03762.
    """

    random: ClassVar[tuple[str, ...]] = ("dropout",)
    arity: ClassVar[int | None] = None
    num_heads: PositiveInt
    head_features: PositiveInt | None = None
    out_features: PositiveInt | None = None
    use_bias: bool = True
    causal: bool = False
    mask: bool = False
    dropout_rate: Fraction = 0.0
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"

    def sizes(self, *shapes: Shape) -> tuple[int, int, int, int]:
        """The last axes of x and of m, d, and the last axis of y.

        Raises:
            ShapeError: x cannot be divided among the heads.
        """
        x, m = (known(shape[-1], "the last axis of MultiHeadAttention's inputs") for shape in self._sequences(shapes))
        if self.head_features is None and x % self.num_heads:
            raise ShapeError(
                f"MultiHeadAttention cannot divide {x} features among {self.num_heads} heads: set head_features"
            )
        return x, m, self.head_features or x // self.num_heads, self.out_features or x

    def params(self, *shapes: Shape) -> dict[str, Param]:
        x, m, d, out = self.sizes(*shapes)
        heads, made = self.num_heads, {}
        for name, size in (("query", x), ("key", m), ("value", m)):
            matrix = (size, heads * d)
            made[f"{name}/kernel"] = Param((size, heads, d), self.kernel_init, decay=True, drawn=matrix)
            if self.use_bias:
                made[f"{name}/bias"] = Param((heads, d), self.bias_init, drawn=(heads * d,))
        made["out/kernel"] = Param((heads, d, out), self.kernel_init, decay=True, drawn=(heads * d, out))
        if self.use_bias:
            made["out/bias"] = Param((out,), self.bias_init)
        return made

    def output_shape(self, *shapes: Shape) -> Shape:
        x, m = self._sequences(shapes)
        for shape in (x, m):
            if len(shape) != 3:
                raise ShapeError(
                    f"MultiHeadAttention needs inputs of 3 axes (batch, positions and features), got {show(shape)}"
                )
        if self.mask:
            self._check_mask(shapes[-1], (x[0], self.num_heads, x[1], m[1]))
        return (*x[:-1], self.sizes(*shapes)[-1])

    def output_dtype(self, *dtypes: DType) -> DType:
        if self.mask and dtypes[-1] != "bool":
            raise ShapeError(f"the last input of MultiHeadAttention with a mask is boolean, got {dtypes[-1]} input")
        return super().output_dtype(*(dtypes[:-1] if self.mask else dtypes))

    def flops(self, *shapes: tuple[int, ...]) -> int:
        sizes_x, sizes_m, d, out = self.sizes(*shapes)
        x, m = self._sequences(shapes)
        queries, keys, inner = elements(x[:-1]), elements(m[:-1]), self.num_heads * d
        projected = inner * (queries * (2 * sizes_x - 1 + self.use_bias) + 2 * keys * (2 * sizes_m - 1 + self.use_bias))
        scores = queries * self.num_heads * known(m[1], "every axis")
        # A product of d and its scaling; the softmax as everywhere; and the weighted sum of the values.
        attended = scores * (2 * d + 1) + 2 * scores * d - queries * inner
        return projected + attended + queries * out * (2 * inner - 1 + self.use_bias)

    def _sequences(self, shapes: tuple[Shape, ...]) -> tuple[Shape, Shape]:
        """The shapes of x and m."""
        given = shapes[:-1] if self.mask else shapes
        if not 1 <= len(given) <= 2:
            what = "one or two sequences and a mask" if self.mask else "one or two sequences"
            raise ShapeError(f"MultiHeadAttention takes {what}, got {len(shapes)} input{'s' * (len(shapes) != 1)}")
        return given[0], given[-1]

    def _check_mask(self, mask: Shape, scores: Shape) -> None:
        if not 2 <= len(mask) <= 4:
            raise ShapeError(
                "the mask of MultiHeadAttention has the axes (batch, keys), (batch, queries, keys) or "
                f"(batch, heads, queries, keys), got {show(mask)}"
            )
        batch, *rest = mask_shape(mask)
        if batch != scores[0] or any(size not in (1, wide) for size, wide in zip(rest, scores[1:], strict=True)):
            raise ShapeError(f"MultiHeadAttention cannot use a mask of shape {show(mask)} for scores {show(scores)}")


def mask_shape(shape: tuple[_Size, ...]) -> tuple[_Size | int, ...]:
    """A mask's shape with the axes (batch, heads, queries, keys)."""
    ones: tuple[_Size | int, ...] = (1,) * (4 - len(shape))
    return shape[:1] + ones + shape[1:]
