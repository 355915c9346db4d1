"""Cases of whole models: what single layers cannot show (branches, sharing, nesting, several inputs and outputs)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nnspec.bidirectional import Bidirectional
from nnspec.indexing import UpdateSlice
from nnspec.layers.activation import GELU, Mish, ReLU, Softplus, Tanh
from nnspec.layers.attention import AdditiveAttention, DotProductAttention, MultiHeadAttention
from nnspec.layers.convolution import Conv
from nnspec.layers.convolutional_recurrent import ConvLSTM
from nnspec.layers.dropout import Dropout
from nnspec.layers.embedding import Embedding
from nnspec.layers.linear import Dense
from nnspec.layers.masking import PaddingMask
from nnspec.layers.normalization import BatchNorm, LayerNorm
from nnspec.layers.pooling import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec.layers.recurrent import GRU, LSTM, MGU, SimpleRNN
from nnspec.layers.shape import Flatten, Reshape
from nnspec.layers.stablehlo import StableHLO
from nnspec.model import Input, Model, Node, Sequential, call_layer, symbol
from nnspec.ops import Concat, Multiply, Slice, Squeeze
from nnspec_conformance.case import Case
from nnspec_conformance.stablehlo import program


def mlp() -> Model:
    """Blocks as in the handbook's network: Dense, BatchNorm, GELU, Dropout."""
    return Sequential(
        [
            Dense(12, use_bias=False),
            BatchNorm(momentum=0.9),
            GELU(),
            Dropout(0.3),
            Dense(9, use_bias=False),
            BatchNorm(momentum=0.8),
            GELU(),
            Dropout(0.25),
            Dense(5),
        ],
        input=[10],
    )


def cnn() -> Model:
    """A small convolutional network: a block of convolution, norm and activation, pooled, beside the input's maxima.

    The maxima are those of the input, where elements are well apart: deeper ones would stand near ties.
    """
    x = symbol([6, 6, 2])
    block = GELU()(BatchNorm(momentum=0.9)(Conv(4, (3, 3), use_bias=False)(x)))
    reduced = Concat()(AvgPool((2, 2))(block), MaxPool((3, 3), strides=2, padding="same")(x))
    body = Conv(5, (3, 2), strides=2, activation="silu")(reduced)
    return Model(inputs=x, outputs=Dense(3)(Flatten()(body)))


def temporal() -> Model:
    """Causal convolutions, dilated and depthwise, around a skip connection; pooled over time."""
    x = symbol([8, 3])
    inner = Conv(4, (3,), padding="causal", activation="tanh")(x)
    deep = Conv(4, (2,), padding="causal", dilation=2, groups=4, activation="tanh")(inner)
    return Model(inputs=x, outputs=Dense(2)(Concat()(GlobalAvgPool()(inner + deep), GlobalMaxPool()(x))))


def volumes() -> Model:
    """A convolution over three axes, averaged over three: TensorFlow lacks kernels of both for some dtypes."""
    layers = [Conv(3, (2, 2, 2), use_bias=False), AvgPool((2, 1, 2), strides=1, padding="same"), Flatten(), Dense(2)]
    return Sequential(layers, input=[3, 4, 3, 2])


def residual() -> Model:
    """Two blocks with skip connections."""
    x = symbol([6])
    y = x
    for _ in range(2):
        y = y + Dense(6)(Tanh()(Dense(8)(LayerNorm()(y))))
    return Model(inputs=x, outputs=Dense(3)(y))


def programs() -> Model:
    """Two results of one program as nodes that share its variables."""
    text = program("products")
    nodes = tuple(
        Node(name, StableHLO(text, 2, ("kernel", "bias"), k), ("a", "b"), None if k == 0 else "product")
        for k, name in enumerate(("product", "total"))
    )
    return Model({"a": Input((4, 3)), "b": Input((3, 2))}, nodes, ("product", "total"))


def shared() -> Model:
    """One layer, one norm and one dropout used twice: variables are shared, masks are not."""
    left, right = symbol([4], "left"), symbol([4], "right")
    dense, norm, drop = Dense(5, "tanh"), BatchNorm(momentum=0.7), Dropout(0.4)
    ends = [drop(norm(dense(x))) for x in (left, right)]
    return Model(inputs=[left, right], outputs=ends[0] - ends[1])


def unrolled() -> Model:
    """A recurrent network unrolled in time: one cell, with a norm and a dropout, that is called four times."""
    x, start = symbol([3], "x"), symbol([4], "start")
    state = start
    cell, norm, drop = Dense(4, "tanh"), BatchNorm(momentum=0.8), Dropout(0.3)
    for _ in range(4):
        state = drop(norm(cell(Concat()(x, state))))
    return Model(inputs=[x, start], outputs=Dense(2)(state))


def sequence() -> Model:
    """Ids of words through an embedding and two recurrent layers, as texts are classified."""
    ids = symbol([6], "ids", dtype="int32")
    words = Embedding(7, 4)(ids)
    states = LSTM(5, return_sequences=True)(words)
    return Model(inputs=ids, outputs=Dense(3)(GRU(4, reverse=True)(states)))


def nested() -> Model:
    """A model within a model within a model, the middle one used twice."""
    inner = Sequential([Dense(4), Mish(), Dropout(0.5)], input=[5], name="inner")
    x = symbol([5])
    middle = Sequential([inner, BatchNorm(momentum=0.6), Dense(5)], input=[5], name="encoder")
    once = middle(x)
    return Model(inputs=x, outputs=Dense(2)(once + middle(once)))


def transformer() -> Model:
    """A causal language model: ids, two pre-norm blocks of attention and a perceptron, and logits for each position."""
    ids = symbol([5], dtype="int32")
    x = Embedding(7, 6, embedding_init={"normal": 1.0})(ids)
    for _ in range(2):
        x = x + MultiHeadAttention(2, causal=True, dropout_rate=0.2)(LayerNorm()(x))
        x = x + Dropout(0.2)(Dense(6)(GELU()(Dense(12)(LayerNorm()(x)))))
    return Model(inputs=ids, outputs=Dense(7)(LayerNorm()(x)))


def tied() -> Model:
    """A table of vectors that is looked up, multiplied with, and looked up again."""
    ids, context = symbol([3], "ids", "int32"), symbol([4], "context", "int32")
    table = Embedding(6, 4)
    words = DotProductAttention()(Tanh()(table(ids)), table(context))
    return Model(inputs=[ids, context], outputs=table.attend(words))


def masked_attention() -> Model:
    """A layer of attention that is used twice, and two with masks: of keys by position, and of pairs in each head.

    Some queries have all of their keys masked. What they gather is looked up again without projections.
    """
    x, memory = symbol([4, 4], "x"), symbol([3, 6], "memory")
    padding, pairs = symbol([3], "padding", "bool"), symbol([2, 4, 4], "pairs", "bool")
    rows = symbol([4], "rows", "bool")
    again = MultiHeadAttention(2, causal=True, dropout_rate=0.3)
    crossed = MultiHeadAttention(2, mask=True, dropout_rate=0.2)(x, memory, padding)
    own = MultiHeadAttention(2, mask=True, out_features=3)(again(again(x)), pairs)
    looked_up = AdditiveAttention(mask=True)(DotProductAttention(mask=True)(own, own, crossed, rows), rows)
    return Model(inputs=[x, memory, padding, pairs, rows], outputs=Concat()(crossed, own, looked_up))


def scored() -> Model:
    """Attention with dropout, its scores beside it, and what they gather when they are used again."""
    x = symbol([3, 4], "x")
    attention, looked_up = MultiHeadAttention(2, dropout_rate=0.3, causal=True), DotProductAttention(dropout_rate=0.2)
    y = attention(x)
    scores = attention.scores(y)
    return Model(inputs=x, outputs=[looked_up(attention(y)), scores, looked_up.scores(y)])


def remembered() -> Model:
    """A piece of a sequence: its keys and values go into a cache, and it attends to those of all."""
    x, cache, start = symbol([2, 4], "x"), symbol([5, 1, 4], "cache"), symbol([], "start", "int32")
    whole = MultiHeadAttention(2, num_kv_heads=1, rotary="RotaryPositions", causal=True, decode=True)
    own = replace(whole, returns="keys_values")
    kept = UpdateSlice()(cache, own(x, start), start)
    return Model(inputs=[x, cache, start], outputs=[call_layer(whole, x, kept, start, variables=own), kept])


def masked(kind: Any, size: int, *shape: int, **options: Any) -> Model:
    """A recurrent layer that starts from a state, and one in the other direction, with masks of any pattern."""
    x, mask = symbol(shape, "x"), symbol(shape[:1], "mask", "bool")
    start = symbol([*shape[1:-1], size], "start")
    kept = kind(**options, mask=True, initial_state=True, return_sequences=True)(x, start, mask)
    last = kind(**options, mask=True, zero_output_for_mask=True, return_sequences=True, reverse=True)(kept, mask)
    return Model(inputs=[x, start, mask], outputs=[kept, last])


def padded() -> Model:
    """Texts and numbers that end in padding, of ids and of vectors, through layers that leave it out."""
    ids, x = symbol([4], "ids", dtype="int32"), symbol([4, 1], "x")
    gates = ReLU()(x)
    words = Bidirectional(LSTM(2, mask=True, return_sequences=True))(Embedding(4, 3)(ids), PaddingMask(2.0)(ids))
    numbers = GRU(4, mask=True, return_sequences=True)(gates, PaddingMask(axis=-1)(gates))
    return Model(inputs=[ids, x], outputs=words * numbers)


def both_ways() -> Model:
    """Recurrent layers in both directions, merged in every way, one with a layer of another kind backwards.

    The last ones drop states, each by masks of its own.
    """
    x, states = symbol([3, 2], "x"), [symbol([2], "ahead"), symbol([2], "back")]
    y = Bidirectional(LSTM(2, return_sequences=True), backward=GRU(3, return_sequences=True, reverse=True))(x)
    y = Bidirectional(SimpleRNN(2, return_sequences=True, initial_state=True), "mul")(y, *states)
    y = Bidirectional(GRU(2, return_sequences=True), "sum")(y)
    return Model(inputs=[x, *states], outputs=Bidirectional(MGU(2, recurrent_dropout_rate=0.4), "ave")(y))


def streaming() -> Model:
    """A layer that goes on from a state, with what it gives and the state to go on from as outputs."""
    x, before = symbol([3, 2], "x"), symbol([6], "before")
    states = LSTM(3, initial_state=True, return_state=True, return_sequences=True)(x, before)
    h = Slice(stop=3)(states)
    after = Squeeze(1)(Slice(start=-1, axis=1)(states))
    return Model(inputs=[x, before], outputs=[Dense(2)(h), after])


def two_inputs() -> Model:
    """Inputs of two ranks, joined by operations."""
    image, features = symbol([2, 6], "image"), symbol([3], "features")
    gate = Dense(4, "sigmoid")(features)
    wide = Dense(4)(Reshape((12,))(image))
    return Model(inputs=[image, features], outputs=Dense(2)(Concat()(Multiply()(gate, wide), features)))


def two_outputs() -> Model:
    """Two heads, one of them an inner node that the other one builds on."""
    x = symbol([5])
    body = Softplus()(Dense(4)(x))
    return Model(inputs=x, outputs=[body, Dense(2, "log_softmax")(body)])


def passed_through() -> Model:
    """An input that is an output, and a node used by two others."""
    x = symbol([4])
    y = Dense(4)(x)
    return Model(inputs=x, outputs=[x, y * y])


def heads() -> Model:
    """A trunk with masks, three heads, one of which sees another, and an output that is not trained."""
    x = symbol([7], "x")
    trunk = Dropout(0.25)(Dense(8, "tanh")(x))
    digit = Dense(4, name="digit")(trunk)
    parity = Dense(3, name="parity")(trunk)
    size = Dense(2, name="size")(Concat()(trunk, digit))
    return Model(inputs=x, outputs=[digit, parity, size, Dense(2, name="unused")(parity)])


def two_tasks() -> Model:
    """A region and its size, from one layer."""
    x = symbol([6], "x")
    trunk = Dense(5, "tanh")(x)
    return Model(inputs=x, outputs=[Dense(4, name="mask")(trunk), Dense(1, name="area")(trunk)])


CASES = [
    Case(mlp(), id="MLP"),
    Case(residual(), id="residual"),
    Case(cnn(), id="convolutional", distinct=True),
    Case(temporal(), id="temporal convolutions", distinct=True),
    Case(volumes(), id="volumes"),
    Case(shared(), id="shared layers"),
    Case(programs(), id="several results of a program"),
    Case(unrolled(), id="unrolled in time"),
    Case(sequence(), id="recurrent"),
    Case(nested(), id="nested models"),
    Case(transformer(), id="transformer"),
    Case(masked_attention(), id="masked attention"),
    Case(scored(), id="scores of attention"),
    Case(remembered(), id="attention to a cache", integers=(0, 4)),
    Case(masked(SimpleRNN, 3, 4, 3, features=3), id="masked SimpleRNN"),
    Case(masked(LSTM, 6, 4, 3, features=3), id="masked LSTM"),
    Case(masked(GRU, 3, 4, 3, features=3), id="masked GRU"),
    Case(masked(MGU, 3, 4, 3, features=3), id="masked MGU"),
    Case(masked(ConvLSTM, 4, 3, 3, 2, features=2, kernel_size=(2,)), id="masked ConvLSTM"),
    Case(padded(), id="PaddingMask", kinks=(0.0,)),
    Case(both_ways(), id="bidirectional"),
    Case(streaming(), id="LSTM from state to state"),
    Case(tied(), id="tied weights"),
    Case(two_inputs(), id="two inputs"),
    Case(two_outputs(), id="two outputs"),
    Case(passed_through(), id="input as output"),
]
