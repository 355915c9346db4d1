"""Cases of the recurrent layers that convolve. Sizes differ, so that no axis can be taken for another."""

from __future__ import annotations

from nnspec.layers.convolutional_recurrent import ConvLSTM
from nnspec_conformance.case import Case

CASES = [
    Case(ConvLSTM(2, (3,)), (3, 4, 2)),
    Case(ConvLSTM(2, (2,), strides=2, padding="valid", return_sequences=True, reverse=True), (2, 5, 3)),
    Case(ConvLSTM(2, (2, 3), padding=((1, 0), (1, 2)), recurrent_dropout_rate=0.3), (2, 3, 4, 2)),
    Case(
        ConvLSTM(1, (2, 1, 2), use_bias=False, return_state=True, initial_state=True), ((2, 2, 3, 2, 2), (2, 3, 2, 2))
    ),
    Case(ConvLSTM(2, (2,), activation="softplus", recurrent_activation="softmax"), (2, 3, 2)),
    Case(
        ConvLSTM(2, (2,), kernel_init="he_normal", recurrent_init={"normal": 0.3}, bias_init={"forget_bias": 2.0}),
        (2, 3, 2),
    ),
]
