"""Attention layers: what each position of a sequence gathers from those of another one, or of its own."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import DType, Layer, Param, Shape, elements, known, show
from nnspec.layers.positions import RotaryPositions
from nnspec.spec import AnyInitializer, Fraction, PositiveFloat, PositiveInt, parse, spec, written

_Size = TypeVar("_Size", int, int | None)


def _read_rotary(value: Any) -> Any:
    made = None if value is None else parse("layer", value)
    if made is not None and not isinstance(made, RotaryPositions):
        raise SpecError(f"expected RotaryPositions, got {type(made).__name__}")
    return made


AnyRotary = Annotated[Any, BeforeValidator(_read_rotary), written("layer", optional=True)]


@spec
class _Attention(Layer):
    """Base of attention layers, which have fields of the same names: their inputs, and what is dropped."""

    random: ClassVar[tuple[str, ...]] = ("dropout",)
    arity: ClassVar[int | None] = None

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

    def _check(self: Any, shapes: tuple[Shape, ...], heads: int, axes: tuple[int, ...] = (3,)) -> None:
        """What all attention asks of its inputs' shapes."""
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


def mask_shape(shape: tuple[_Size, ...]) -> tuple[_Size | int, ...]:
    """A mask's or a bias's shape with the axes (batch, heads, queries, keys)."""
    ones: tuple[_Size | int, ...] = (1,) * (4 - len(shape))
    return shape[:1] + ones + shape[1:]


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
    their positions before they are multiplied, in each head as :class:`RotaryPositions` says.

    In training the weights a are dropped as by Dropout: a = where(keep, a / (1 − dropout_rate), 0), with a keep-mask of
    shape (batch, heads, queries, keys) from the stream (node, "dropout", call); with ``broadcast_dropout`` all examples
    and heads share one of shape (1, 1, queries, keys).

    Shapes: x (batch, queries, in), m (batch, keys, in of m), n (batch, keys, in of n); query/kernel (in, heads, d),
    key/kernel (in of m, kv heads, d), value/kernel (in of n, kv heads, v), their biases without the first axis,
    out/kernel (heads, v, out), out/bias (out,), y (batch, queries, out); v is ``value_features``, by default d, and
    ``out_features`` is the size of x's last axis by default. Kernels are drawn as the matrices (in, heads · d) and
    (heads · v, out), hence with their fans.
    Source: Vaswani et al. 2017, arXiv:1706.03762; groups: Ainslie et al. 2023, arXiv:2305.13245; multi-query: Shazeer
    2019, arXiv:1911.02150.
    """

    num_heads: PositiveInt
    head_features: PositiveInt | None = None
    out_features: PositiveInt | None = None
    use_bias: bool = True
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

    def __post_init__(self) -> None:
        if self.num_heads % self._kv_heads:
            raise SpecError(
                f"cannot divide {self.num_heads} heads of queries among {self.num_kv_heads} of keys", ("num_kv_heads",)
            )

    @property
    def _kv_heads(self) -> int:
        """How many heads keys and values have."""
        return self.num_kv_heads or self.num_heads

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
            if self.use_bias:
                made[f"{name}/bias"] = Param((count, width), self.bias_init, drawn=(count * width,))
        made["out/kernel"] = Param((heads, v, out), self.kernel_init, decay=True, drawn=(heads * v, out))
        if self.use_bias:
            made["out/bias"] = Param((out,), self.bias_init)
        return made

    def output_shape(self, *shapes: Shape) -> Shape:
        self._check(shapes, self.num_heads)
        *_, d, out = self.sizes(*shapes)
        if self.rotary is not None:
            self.rotary.rotated(d)
        return (*shapes[0][:-1], out)

    def flops(self, *shapes: tuple[int, ...]) -> int:
        size, _, d, out = self.sizes(*shapes)
        x, m, n = self.sequences(*shapes)
        heads, shared, v = self.num_heads, self._kv_heads, self.value_features or d
        queries, keys, scores = elements(x[:-1]), elements(m[:-1]), elements(x[:-1]) * heads * known(m[1], "every axis")
        made = (queries, size, heads * d), (keys, m[-1], shared * d), (keys, n[-1], shared * v)
        projected = sum(
            positions * width * (2 * known(inputs, "every axis") - 1 + self.use_bias)
            for positions, inputs, width in made
        )
        attended = _scored(scores, d, self.attention_bias) + _gathered(scores, queries * heads, v)
        if self.rotary is not None:
            attended += self.rotary.flops((*x[:-1], heads, d)) + self.rotary.flops((*m[:-1], shared, d))
        return projected + attended + queries * out * (2 * heads * v - 1 + self.use_bias)

    def _features(self, shapes: tuple[Shape, ...]) -> tuple[int, int, int]:
        """The sizes of the last axes of x, m and n."""
        x, m, n = (
            known(shape[-1], "the last axis of MultiHeadAttention's inputs") for shape in self.sequences(*shapes)
        )
        return x, m, n


def _scored(scores: int, features: int, biased: bool) -> int:
    """Operations of so many scores: a product and its scaling, what is added, and the softmax as everywhere."""
    return scores * (2 * features + 1 + biased)


def _gathered(scores: int, sums: int, features: int) -> int:
    """Operations of the weighted sums of values."""
    return 2 * scores * features - sums * features


@spec
class DotProductAttention(_Attention):
    """Attention to given queries, keys and values, without projections.

    s = scale · q · kᵀ + bias   or, with ``score_mode: concat``, s = weight · Σ tanh(scale · (q + k)) + bias
    a = softmax(s) over the keys, y = a · v

    One input attends to itself; of two the first, q, attends to the second, k = v; three are q, k and v. Inputs of four
    axes have heads, each by itself; k and v may have fewer, h, of which each serves as many heads of q as the others,
    in order. ``scale`` is 1/√features by default, or 1 with ``concat``; with ``use_scale`` it is multiplied by a
    learned number. ``attention_bias``, ``mask``, ``causal``, ``window`` and the dropout of a are those of
    :class:`MultiHeadAttention`; where everything is hidden y is 0.

    Shapes: q (batch, queries, features), k (batch, keys, features), v (batch, keys, out), y (batch, queries, out), or
    with heads (batch, positions, heads, features); scale, weight (1,).
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

    def params(self, *shapes: Shape) -> dict[str, Param]:
        made = {"scale": Param((1,), self.scale_init)} if self.use_scale else {}
        return {**made, "weight": Param((1,), self.weight_init)} if self.score_mode == "concat" else made

    def output_shape(self, *shapes: Shape) -> Shape:
        q, k, v = self.sequences(*shapes)
        self._check(shapes, known(q[2], "the heads") if len(q) == 4 else 1, (3, 4))
        _check_features("DotProductAttention", q, k)
        if len(q) == 4 and (k[2] != v[2] or known(q[2], "the heads") % known(k[2], "the heads")):
            raise ShapeError(
                f"DotProductAttention cannot divide the heads of queries {show(q)} among those of keys {show(k)} and "
                f"values {show(v)}"
            )
        return (*q[:-1], v[-1])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        q, k, v = self.sequences(*shapes)
        scores, width = elements(q[:-1]) * known(k[1], "every axis"), known(q[-1], "every axis")
        # A sum, a factor, tanh and the sum of all, in the place of a product.
        more = 2 * scores * width if self.score_mode == "concat" else 0
        gathered = _gathered(scores, elements(q[:-1]), known(v[-1], "every axis"))
        return _scored(scores, width, self.attention_bias) + more + gathered


@spec
class AdditiveAttention(_Attention):
    """Attention whose scores are a small perceptron's: of given queries, keys and values, without projections.

    s = Σ scale · tanh(q + k) + bias, with Σ over the features, a = softmax(s) over the keys, y = a · v

    Bahdanau's W and U are two Dense before it, without biases: q = W(x), k = U(m), with v = m as the third input. One
    input attends to itself; of two the first, q, attends to the second, k = v. ``attention_bias``, ``mask``,
    ``causal``, ``window`` and the dropout of a are those of :class:`MultiHeadAttention`; where everything is hidden y
    is 0.

    Shapes: q (batch, queries, features), k (batch, keys, features), v (batch, keys, out), scale (features,), y (batch,
    queries, out).
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

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = known(shapes[0][-1], "the last axis of AdditiveAttention's inputs")
        return {"scale": Param((features,), self.scale_init)} if self.use_scale else {}

    def output_shape(self, *shapes: Shape) -> Shape:
        q, k, v = self.sequences(*shapes)
        self._check(shapes, 1)
        _check_features("AdditiveAttention", q, k)
        return (*q[:-1], v[-1])

    def flops(self, *shapes: tuple[int, ...]) -> int:
        q, k, v = self.sequences(*shapes)
        scores, width = elements(q[:-1]) * known(k[1], "every axis"), known(q[-1], "every axis")
        summed = scores * width * (3 + self.use_scale) - scores
        gathered = _gathered(scores, elements(q[:-1]), known(v[-1], "every axis"))
        return summed + scores * (1 + self.attention_bias) + gathered


def _check_features(what: str, q: Shape, k: Shape) -> None:
    if known(q[-1], f"the last axis of {what}'s inputs") != k[-1]:
        raise ShapeError(f"{what} needs queries and keys of as many features, got {show(q)} and {show(k)}")
