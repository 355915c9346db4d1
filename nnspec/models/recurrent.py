"""Recurrent networks."""

from __future__ import annotations

from typing import Any

from nnspec.graph import Tensor, symbol
from nnspec.layers.dropout import Dropout
from nnspec.layers.embedding import Embedding
from nnspec.layers.linear import Dense
from nnspec.layers.recurrent import LSTM
from nnspec.model import Model
from nnspec.models.builder import InputShape, builder, refuse
from nnspec.ops import Concat, Slice
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
