"""Attention layers: what each position of a sequence gathers from those of another one, or of its own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.attending import _Attention, check_features, gathered, mask_shape as mask_shape, scored
from nnspec.layers.base import DType, Param, Shape, elements, known, show
from nnspec.layers.positions import RotaryPositions
from nnspec.spec import (
    AnyInitializer,
    AnyOptionalInitializer,
    Fraction,
    PositiveFloat,
    PositiveInt,
    parse,
    spec,
    written,
)

_PROJECTIONS = ("query", "key", "value", "out")
# What a layer gives: what is gathered, or the weights that it is gathered with.
Returns = Literal["output", "scores"]


def _read_rotary(value: Any) -> Any:
    made = None if value is None else parse("layer", value)
    if made is not None and not isinstance(made, RotaryPositions):
        raise SpecError(f"expected RotaryPositions, got {type(made).__name__}")
    if made is not None and made.offset:
        raise SpecError("positions start where the attention's do: leave it out", ("offset",))
    return made


AnyRotary = Annotated[Any, BeforeValidator(_read_rotary), written("layer", optional=True)]


@spec
class MultiHeadAttention(_Attention):
    """Scaled dot-product attention in several heads: of a sequence to itself, or to others.

    q, k, v = x · query/kernel + query/bias, m · key/kernel + key/bias, n · value/kernel + value/bias
    s = q · kᵀ · scale + bias, a = softmax(s) over the keys, y = (a · v of all heads) · out/kernel + out/bias

    with ``scale`` 1/√d by default and d = ``head_features`` (by default in / num_heads), in each head by itself. One
    input attends to itself, m = n = x; of two the first, x, attends to the second, m = n; three are x, m and n.
    Further inputs follow. With ``attention_bias`` one of floats that is added to the scores, with ``mask`` one of
    booleans: x attends to m where it is true. Both have the shape (batch, keys), (batch, queries, keys) or
    (batch, heads, queries, keys), where axes of size 1 stand for any; the bias comes first. With ``causal`` position i
    attends to positions j ≤ i only, with ``window`` to those with |i − j| < window. What is hidden by any of these, or
    has the bias −∞, has a = 0 exactly and no gradient; where everything is hidden all a are 0, and y is out/bias.

    With ``num_kv_heads`` heads share keys and values (grouped-query attention; one such head is multi-query attention):
    head h of the queries uses head ⌊h · num_kv_heads / num_heads⌋. With ``rotary`` queries and keys are rotated by
    their positions before they are multiplied, in each head as :class:`RotaryPositions` says. ``soft_cap`` c keeps
    products within ±c: s = c · tanh(q · kᵀ · scale / c) + bias.

    With ``returns: scores`` y is a. A node of it that ``shares`` the layer of another node gives the scores beside the
    output, from the same variables; it may differ in every field on which no variable depends. In Python
    ``attention.scores(x)`` makes such a node beside ``attention(x)``. Scores are those before dropout.

    ``decode`` computes a sequence piece by piece: x is a piece, whose first position in each example, t, is the last
    input. Two nodes share the layer. One with ``returns: keys_values`` gives the piece's keys, rotated, and its values
    side by side, which UpdateSlice writes at t into an array of all positions. The other takes this array after x, and
    attends to it as ``causal`` and ``window`` say for queries at t, t + 1, …; what is beyond the array's end gives NaN.
    :func:`nnspec.decoding` makes these nodes of a trained model.

    In training the weights a are dropped as by Dropout: a = where(keep, a / (1 − dropout_rate), 0), with a keep-mask of
    shape (batch, heads, queries, keys) from the stream (node, "dropout", call); with ``broadcast_dropout`` all examples
    and heads share one of shape (1, 1, queries, keys).

    Shapes: x (batch, queries, in), m (batch, keys, in of m), n (batch, keys, in of n); query/kernel (in, heads, d),
    key/kernel (in of m, kv heads, d), value/kernel (in of n, kv heads, v), their biases without the first axis,
    out/kernel (heads, v, out), out/bias (out,), y (batch, queries, out), scores (batch, heads, queries, keys); v is
    ``value_features``, by default d, and ``out_features`` is the size of x's last axis by default. Keys and values are
    (batch, positions, kv heads, d + v), t (batch,) of int32. Kernels are drawn as the matrices (in, heads · d) and
    (heads · v, out), hence with their fans.
    Source: Vaswani et al. 2017, arXiv:1706.03762; groups: Ainslie et al. 2023, arXiv:2305.13245; multi-query: Shazeer
    2019, arXiv:1911.02150; caps: Gemma Team 2024, arXiv:2408.00118.

    Attributes:
        use_bias: whether projections have biases: all or none of them, or those that are named.
        out_kernel_init: of out/kernel; ``kernel_init`` if left out.
        out_bias_init: of out/bias; ``bias_init`` if left out.
    """

    num_heads: PositiveInt
    head_features: PositiveInt | None = None
    out_features: PositiveInt | None = None
    use_bias: bool | Annotated[tuple[Literal["query", "key", "value", "out"], ...], Field(min_length=1)] = True
    causal: bool = False
    mask: bool = False
    dropout_rate: Fraction = 0.0
    kernel_init: AnyInitializer = "glorot_uniform"
    bias_init: AnyInitializer = "zeros"
    num_kv_heads: PositiveInt | None = None
    value_features: PositiveInt | None = None
    scale: PositiveFloat | None = None
    rotary: AnyRotary = None
    window: PositiveInt | None = None
    attention_bias: bool = False
    broadcast_dropout: bool = False
    soft_cap: PositiveFloat | None = None
    returns: Literal["output", "scores", "keys_values"] = "output"
    out_kernel_init: AnyOptionalInitializer = None
    out_bias_init: AnyOptionalInitializer = None
    decode: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decode and not self.causal:
            raise SpecError("what comes later is not there yet: set causal, too", ("decode",))
        if self.returns == "keys_values" and not self.decode:
            raise SpecError("keys and values are kept where a sequence is decoded: set decode, too", ("returns",))
        if self.returns == "keys_values" and (self.mask or self.attention_bias):
            raise SpecError("keys and values are of x alone", ("mask" if self.mask else "attention_bias",))
        if self.num_heads % self._kv_heads:
            raise SpecError(
                f"cannot divide {self.num_heads} heads of queries among {self.num_kv_heads} of keys", ("num_kv_heads",)
            )

    @property
    def _kv_heads(self) -> int:
        """How many heads keys and values have."""
        return self.num_kv_heads or self.num_heads

    @property
    def biased(self) -> tuple[str, ...]:
        """Which projections have biases."""
        if isinstance(self.use_bias, bool):
            return _PROJECTIONS if self.use_bias else ()
        return self.use_bias

    def sequences(self, *shapes: Shape) -> tuple[Shape, Shape, Shape]:
        return (shapes[0],) * 3 if self.decode else super().sequences(*shapes)

    def sizes(self, *shapes: Shape) -> tuple[int, int, int, int]:
        """The last axes of x and of m, d, and the last axis of y.

        Raises:
            ShapeError: x cannot be divided among the heads.
        """
        x, m, _ = self._features(shapes)
        if self.head_features is None and x % self.num_heads:
            raise ShapeError(
                f"MultiHeadAttention cannot divide {x} features among {self.num_heads} heads: set head_features"
            )
        return x, m, self.head_features or x // self.num_heads, self.out_features or x

    def params(self, *shapes: Shape) -> dict[str, Param]:
        x, m, d, out = self.sizes(*shapes)
        heads, shared, v = self.num_heads, self._kv_heads, self.value_features or d
        made = {}
        for name, size, count, width in (
            ("query", x, heads, d),
            ("key", m, shared, d),
            ("value", self._features(shapes)[2], shared, v),
        ):
            matrix = (size, count * width)
            made[f"{name}/kernel"] = Param((size, count, width), self.kernel_init, decay=True, drawn=matrix)
            if name in self.biased:
                made[f"{name}/bias"] = Param((count, width), self.bias_init, drawn=(count * width,))
        init = self.out_kernel_init or self.kernel_init
        made["out/kernel"] = Param((heads, v, out), init, decay=True, drawn=(heads * v, out))
        if "out" in self.biased:
            made["out/bias"] = Param((out,), self.out_bias_init or self.bias_init)
        return made

    def output_shape(self, *shapes: Shape) -> Shape:
        scores = None if self.decode else self._check(shapes, self.num_heads)
        *_, d, out = self.sizes(*shapes)
        if self.rotary is not None:
            self.rotary.rotated(d)
        kept = (*shapes[0][:2], self._kv_heads, d + (self.value_features or d))
        if scores is None:
            scores = self._check_piece(shapes, kept)
        if self.returns == "keys_values":
            return kept
        return scores if self.returns == "scores" else (*shapes[0][:-1], out)

    def _check_piece(self, shapes: tuple[Shape, ...], kept: Shape) -> Shape:
        """What decoding asks of its inputs' shapes; gives the scores' shape."""
        cached = self.returns != "keys_values"
        count = 2 + cached + self.attention_bias + self.mask
        if len(shapes) != count:
            raise ShapeError(f"MultiHeadAttention decodes with {count} inputs, got {len(shapes)}")
        x, *others, start = shapes
        if len(x) != 3 or start != x[:1]:
            raise ShapeError(
                f"MultiHeadAttention decodes inputs of 3 axes from one position in each example, got {show(x)} and "
                f"positions {show(start)}"
            )
        if cached and (len(others[0]) != 4 or (others[0][0], *others[0][2:]) != (kept[0], *kept[2:])):
            wanted = show((kept[0], None, *kept[2:]))
            raise ShapeError(f"MultiHeadAttention needs keys and values {wanted}, got {show(others[0])}")
        scores = (x[0], self.num_heads, x[1], others[0][1] if cached else x[1])
        self._check_further(tuple(others), scores)
        return scores

    def output_dtype(self, *dtypes: DType) -> DType:
        if self.decode and dtypes[-1] != "int32":
            raise ShapeError(f"MultiHeadAttention decodes from int32 positions, its last input, got {dtypes[-1]} input")
        return super().output_dtype(*(dtypes[:-1] if self.decode else dtypes))

    def flops(self, *shapes: tuple[int, ...]) -> int:
        size, _, d, out = self.sizes(*shapes)
        x, m, n = self.sequences(*shapes)
        heads, shared, v = self.num_heads, self._kv_heads, self.value_features or d
        queries, keys = elements(x[:-1]), elements(m[:-1])
        cached = self.decode and self.returns != "keys_values"
        wanted = {"output": _PROJECTIONS, "scores": ("query", "key"), "keys_values": ("key", "value")}[self.returns]
        made = {
            "query": (queries, size, heads * d),
            "key": (0 if cached else keys, m[-1], shared * d),
            "value": (0 if cached else keys, n[-1], shared * v),
            "out": (queries, heads * v, out),
        }
        total = 0
        for name in wanted:
            positions, inputs, width = made[name]
            total += positions * width * (2 * known(inputs, "every axis") - 1 + (name in self.biased))
        if self.rotary is not None and "query" in wanted:
            total += self.rotary.flops((*x[:-1], heads, d))
        if self.rotary is not None and not cached:
            total += self.rotary.flops((*m[:-1], shared, d))
        if self.returns == "keys_values":
            return total
        scores = queries * heads * known(shapes[1][1] if cached else m[1], "every axis")
        return total + scored(self, scores, d) + gathered(self, scores, queries * heads, v)

    def _features(self, shapes: tuple[Shape, ...]) -> tuple[int, int, int]:
        """The sizes of the last axes of x, m and n."""
        x, m, n = (
            known(shape[-1], "the last axis of MultiHeadAttention's inputs") for shape in self.sequences(*shapes)
        )
        return x, m, n


@spec
class DotProductAttention(_Attention):
    """Attention to given queries, keys and values, without projections.

    s = scale · q · kᵀ + bias   or, with ``score_mode: concat``, s = weight · Σ tanh(scale · (q + k)) + bias
    a = softmax(s) over the keys, y = a · v

    One input attends to itself; of two the first, q, attends to the second, k = v; three are q, k and v. Inputs of four
    axes have heads, each by itself; k and v may have fewer, h, of which each serves as many heads of q as the others,
    in order. ``scale`` is 1/√features by default, or 1 with ``concat``; with ``use_scale`` it is multiplied by a
    learned number. ``attention_bias``, ``mask``, ``causal``, ``window``, ``soft_cap`` (of s without the bias),
    ``returns`` and the dropout of a are those of :class:`MultiHeadAttention`; where everything is hidden y is 0.

    Shapes: q (batch, queries, features), k (batch, keys, features), v (batch, keys, out), y (batch, queries, out), or
    with heads (batch, positions, heads, features); scores (batch, queries, keys), or (batch, heads, queries, keys);
    scale, weight (1,).
    Source: Luong et al. 2015, arXiv:1508.04025; the default scale: Vaswani et al. 2017, arXiv:1706.03762; ``concat`` as
    in ``keras.layers.Attention``.
    """

    scale: PositiveFloat | None = None
    score_mode: Literal["dot", "concat"] = "dot"
    use_scale: bool = False
    scale_init: AnyInitializer = "ones"
    weight_init: AnyInitializer = "ones"
    causal: bool = False
    window: PositiveInt | None = None
    attention_bias: bool = False
    mask: bool = False
    dropout_rate: Fraction = 0.0
    broadcast_dropout: bool = False
    soft_cap: PositiveFloat | None = None
    returns: Returns = "output"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        made = {"scale": Param((1,), self.scale_init)} if self.use_scale else {}
        return {**made, "weight": Param((1,), self.weight_init)} if self.score_mode == "concat" else made

    def output_shape(self, *shapes: Shape) -> Shape:
        q, k, v = self.sequences(*shapes)
        scores = self._check(shapes, known(q[2], "the heads") if len(q) == 4 else 1, (3, 4))
        check_features("DotProductAttention", q, k)
        if len(q) == 4 and (k[2] != v[2] or known(q[2], "the heads") % known(k[2], "the heads")):
            raise ShapeError(
                f"DotProductAttention cannot divide the heads of queries {show(q)} among those of keys {show(k)} and "
                f"values {show(v)}"
            )
        if self.returns == "scores":
            return scores if len(q) == 4 else (scores[0], *scores[2:])
        return (*q[:-1], v[-1])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        q, k, v = self.sequences(*shapes)
        scores, width = elements(q[:-1]) * known(k[1], "every axis"), known(q[-1], "every axis")
        # A sum, a factor, tanh and the sum of all, in the place of a product.
        more = 2 * scores * width if self.score_mode == "concat" else 0
        summed = gathered(self, scores, elements(q[:-1]), known(v[-1], "every axis"))
        return scored(self, scores, width) + more + summed


@spec
class AdditiveAttention(_Attention):
    """Attention whose scores are a small perceptron's: of given queries, keys and values, without projections.

    s = Σ scale · tanh(q + k) + bias, with Σ over the features, a = softmax(s) over the keys, y = a · v

    Bahdanau's W and U are two Dense before it, without biases: q = W(x), k = U(m), with v = m as the third input. One
    input attends to itself; of two the first, q, attends to the second, k = v. ``attention_bias``, ``mask``,
    ``causal``, ``window``, ``soft_cap`` (of s without the bias), ``returns`` and the dropout of a are those of
    :class:`MultiHeadAttention`; where everything is hidden y is 0.

    Shapes: q (batch, queries, features), k (batch, keys, features), v (batch, keys, out), scale (features,), y (batch,
    queries, out), scores (batch, queries, keys).
    Source: Bahdanau et al. 2015, arXiv:1409.0473; without projections as in ``keras.layers.AdditiveAttention``.
    """

    use_scale: bool = True
    scale_init: AnyInitializer = "glorot_uniform"
    causal: bool = False
    window: PositiveInt | None = None
    attention_bias: bool = False
    mask: bool = False
    dropout_rate: Fraction = 0.0
    broadcast_dropout: bool = False
    soft_cap: PositiveFloat | None = None
    returns: Returns = "output"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = known(shapes[0][-1], "the last axis of AdditiveAttention's inputs")
        return {"scale": Param((features,), self.scale_init)} if self.use_scale else {}

    def output_shape(self, *shapes: Shape) -> Shape:
        q, k, v = self.sequences(*shapes)
        self._check(shapes, 1)
        check_features("AdditiveAttention", q, k)
        return (*q[:-1], k[1] if self.returns == "scores" else v[-1])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        q, k, v = self.sequences(*shapes)
        scores, width = elements(q[:-1]) * known(k[1], "every axis"), known(q[-1], "every axis")
        # The small perceptron in the place of a product and its scaling.
        more = scores * width * (1 + self.use_scale) - scores
        return scored(self, scores, width) + more + gathered(self, scores, elements(q[:-1]), known(v[-1], "every axis"))
