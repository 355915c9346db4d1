"""Recurrent networks."""

from __future__ import annotations

from typing import Any, Literal

from nnspec.graph import Tensor, symbol
from nnspec.layers.attention import DotProductAttention
from nnspec.layers.dropout import Dropout
from nnspec.layers.embedding import Embedding
from nnspec.layers.linear import Dense
from nnspec.layers.recurrent import LSTM
from nnspec.model import Model
from nnspec.models.builder import InputShape, builder, refuse
from nnspec.ops import Concat, Slice
from nnspec.reductions import Sum
from nnspec.spec import AnyInitializer, Fraction, PositiveInt


@builder
def lstm_classifier(
    num_classes: PositiveInt,
    features: PositiveInt = 128,
    *,
    num_layers: PositiveInt = 1,
    bidirectional: bool = False,
    num_embeddings: PositiveInt | None = None,
    embedding_features: PositiveInt = 128,
    dropout_rate: Fraction = 0.0,
    kernel_init: AnyInitializer = "glorot_uniform",
    recurrent_init: AnyInitializer = "orthogonal",
    input: InputShape = None,
) -> Model:
    """A classifier of sequences: LSTMs, one on the other, and a dense layer of the last one's state.

    With ``bidirectional`` each layer goes both ways, by two LSTMs with variables of their own, "forward_i" and
    "backward_i", whose outputs stand side by side; the last layer's are those after the whole sequence, each in its
    direction.

    Shapes: x (batch, time, in), or ids (batch, time) of int32 with ``num_embeddings``, of any length; y (batch,
    num_classes), logits. An LSTM of in to f features has 4f · (in + f + 1) parameters.
    Source: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Schuster & Paliwal 1997,
    doi:10.1109/78.650093 (both directions); Zaremba et al. 2014, arXiv:1409.2329 (where Dropout stands).

    Args:
        num_classes: the number of outputs.
        features: the size of each LSTM's state.
        num_layers: how many LSTMs stand on each other.
        bidirectional: whether each layer goes forward and backward.
        num_embeddings: how many ids have a vector; null for a sequence of vectors.
        embedding_features: the size of an id's vector.
        dropout_rate: of the embedded ids, and of what each layer gives.
        kernel_init: of the kernels of inputs and of the dense layer.
        recurrent_init: of the kernels of states.
        input: the input's shape, [time, features] or, of ids, [time]; null for any time.
    """
    axes = 2 if num_embeddings is None else 1
    if input is not None and len(input) != axes:
        what = "[time, features]" if num_embeddings is None else "[time], of ids"
        raise refuse("input", f"expected the shape of sequences, {what}, got {list(input)}")

    def dropped(x: Tensor) -> Tensor:
        return Dropout(dropout_rate)(x) if dropout_rate else x

    def lstm(name: str, **options: Any) -> LSTM:
        return LSTM(features, kernel_init=kernel_init, recurrent_init=recurrent_init, name=name, **options)

    if num_embeddings is None:
        y = x = symbol(input, "input")
    else:
        x = symbol((None,) if input is None else input, "input", "int32")
        y = dropped(Embedding(num_embeddings, embedding_features, name="embedding")(x))
    for i in range(1, num_layers + 1):
        every = i < num_layers
        if bidirectional:
            forward = lstm(f"forward_{i}", return_sequences=every)(y)
            backward = lstm(f"backward_{i}", return_sequences=every, reverse=True)(y)
            if every:  # its steps come in the order they were taken in
                backward = Slice(step=-1, axis=1)(backward)
            y = Concat()(forward, backward)
        else:
            y = lstm(f"lstm_{i}", return_sequences=every)(y)
        y = dropped(y)
    return Model(inputs=x, outputs=Dense(num_classes, kernel_init=kernel_init, name="head")(y))


@builder
def seq2seq(
    source_embeddings: PositiveInt,
    target_embeddings: PositiveInt,
    features: PositiveInt = 1000,
    *,
    num_layers: PositiveInt = 4,
    embedding_features: PositiveInt = 1000,
    score: Literal["dot", "general"] = "dot",
    mask: bool = False,
    dropout_rate: Fraction = 0.2,
    kernel_init: AnyInitializer = "glorot_uniform",
    recurrent_init: AnyInitializer = "orthogonal",
    embedding_init: AnyInitializer = "uniform",
) -> Model:
    """From one sequence to another: an encoder of LSTMs, a decoder that starts from its states, and attention.

    Each LSTM of the decoder starts from the last state of the encoder's of the same level. With the encoder's last
    outputs m_s and the decoder's h_t, at each position of the target

    a_t = softmax(h_t · m_s) over s, or with ``score: general`` softmax((h_t · W) · m_s)
    y_t = tanh([Σ a_ts · m_s, h_t] · V) · kernel + bias

    In training the target is given, shifted by one position: the logits at t are those of the id that follows the t-th.

    Shapes: source ids (batch, source length), target ids (batch, target length), of int32 and of any length; with
    ``mask`` a third input of booleans (batch, source length), false where the source is padded at its end; y (batch,
    target length, target_embeddings), logits.
    Source: Luong et al. 2015, arXiv:1508.04025, global attention without input feeding; Sutskever et al. 2014,
    arXiv:1409.3215.

    Args:
        source_embeddings: how many ids the source has.
        target_embeddings: how many ids the target has.
        features: the size of each LSTM's state, and of the layer before the last.
        num_layers: how many LSTMs stand on each other, on either side.
        embedding_features: the size of an id's vector.
        score: how h and m are compared.
        mask: whether a mask of the source is given.
        dropout_rate: of the embedded ids, of what each LSTM gives, and before the last layer.
        kernel_init: of the kernels of inputs and of the dense layers.
        recurrent_init: of the kernels of states.
        embedding_init: of the ids' vectors.
    """

    def dropped(x: Tensor) -> Tensor:
        return Dropout(dropout_rate)(x) if dropout_rate else x

    def vectors(name: str, count: int, ids: Tensor) -> Tensor:
        return dropped(Embedding(count, embedding_features, embedding_init, name=name)(ids))

    def lstm(name: str, **options: Any) -> LSTM:
        return LSTM(
            features,
            return_sequences=True,
            kernel_init=kernel_init,
            recurrent_init=recurrent_init,
            name=name,
            **options,
        )

    source, target = symbol((None,), "source", "int32"), symbol((None,), "target", "int32")
    masks = [symbol((None,), "mask", "bool")] if mask else []
    memory, last = vectors("source_embedding", source_embeddings, source), []
    for i in range(1, num_layers + 1):
        states = lstm(f"encoder_{i}", return_state=True, mask=mask)(memory, *masks)  # h and c, side by side
        last.append(Sum(axis=1)(Slice(start=-1, axis=1)(states)))
        memory = dropped(Slice(stop=features)(states))
    h = vectors("target_embedding", target_embeddings, target)
    for i, state in enumerate(last, 1):
        h = dropped(lstm(f"decoder_{i}", initial_state=True)(h, state))
    query = h if score == "dot" else Dense(features, use_bias=False, kernel_init=kernel_init, name="score")(h)
    context = DotProductAttention(1.0, mask=mask, name="context")(query, memory, *masks)
    attended = Dense(features, "tanh", False, kernel_init, name="attended")(Concat()(context, h))
    logits = Dense(target_embeddings, kernel_init=kernel_init, name="head")(dropped(attended))
    return Model(inputs=[source, target, *masks], outputs=logits)
