"""Cases of the recurrent layers. Sizes differ, so that no axis can be taken for another.

Masks are of another dtype than sequences: cases with masks are whole models.
"""

from __future__ import annotations

from nnspec.layers.recurrent import GRU, LSTM, MGU, SimpleRNN
from nnspec_conformance.case import Case

CASES = [
    Case(SimpleRNN(4), (5, 3)),
    Case(SimpleRNN(4, return_sequences=True), (5, 3)),
    Case(SimpleRNN(3, reverse=True), (4, 2)),
    Case(SimpleRNN(3, return_sequences=True, reverse=True), (4, 2)),
    Case(SimpleRNN(4, use_bias=False), (5, 3)),
    Case(SimpleRNN(4, activation="softplus"), (3, 2)),
    Case(SimpleRNN(4, activation=None), (5, 3)),
    Case(SimpleRNN(3, kernel_init="he_normal", recurrent_init={"normal": 0.3}, bias_init="normal"), (4, 2)),
    Case(SimpleRNN(2), (1, 3), id="one step"),
    Case(SimpleRNN(3), (40, 2), id="forty steps"),
    Case(SimpleRNN(3, residual=True), (4, 2)),
    Case(SimpleRNN(4, initial_state=True, return_sequences=True), ((3, 2), (4,))),
    Case(SimpleRNN(4, recurrent_dropout_rate=0.3), (5, 3)),
    Case(LSTM(4), (5, 3)),
    Case(LSTM(4, return_sequences=True), (5, 3)),
    Case(LSTM(3, reverse=True), (4, 2)),
    Case(LSTM(3, return_sequences=True, reverse=True), (4, 2)),
    Case(LSTM(4, use_bias=False), (5, 3)),
    Case(LSTM(3, activation="softplus"), (3, 2)),
    Case(LSTM(3, activation=None), (3, 2)),
    Case(LSTM(3, recurrent_activation="softmax"), (3, 2), id="softmax over the features of a gate"),
    Case(LSTM(3, recurrent_activation=None), (2, 2), scale=0.5),
    Case(LSTM(3, kernel_init="he_normal", recurrent_init={"normal": 0.3}, bias_init={"forget_bias": 2.0}), (4, 2)),
    Case(LSTM(2), (1, 3), id="one step"),
    Case(LSTM(3), (40, 2), id="forty steps"),
    Case(LSTM(4), (5, 3), scale=8.0, id="saturated gates"),
    Case(LSTM(3, return_state=True), (4, 2)),
    Case(LSTM(3, initial_state=True, return_state=True, return_sequences=True, reverse=True), ((4, 2), (6,))),
    Case(LSTM(3, initial_state=True, activation="softplus"), ((3, 2), (6,))),
    Case(LSTM(4, recurrent_dropout_rate=0.5, return_sequences=True), (5, 3)),
    Case(GRU(4), (5, 3)),
    Case(GRU(4, return_sequences=True), (5, 3)),
    Case(GRU(3, reverse=True), (4, 2)),
    Case(GRU(3, return_sequences=True, reverse=True), (4, 2)),
    Case(GRU(4, use_bias=False), (5, 3)),
    Case(GRU(4, reset_after=False), (5, 3)),
    Case(GRU(4, reset_after=False, use_bias=False, return_sequences=True, reverse=True), (5, 3)),
    Case(GRU(3, activation="softplus"), (3, 2)),
    Case(GRU(3, activation=None, reset_after=False), (3, 2)),
    Case(GRU(3, recurrent_activation="softmax"), (3, 2), id="softmax over the features of a gate"),
    Case(GRU(3, recurrent_activation=None), (2, 2), scale=0.5),  # a polynomial that grows fast
    Case(GRU(3, kernel_init="he_normal", recurrent_init={"normal": 0.3}, bias_init="normal"), (4, 2)),
    Case(GRU(2), (1, 3), id="one step"),
    Case(GRU(3), (40, 2), id="forty steps"),
    Case(GRU(4), (5, 3), scale=8.0, id="saturated gates"),
    Case(GRU(3, recurrent_bias="candidate"), (4, 2)),
    Case(GRU(3, recurrent_bias="none", return_sequences=True), (4, 2)),
    Case(GRU(4, initial_state=True), ((3, 2), (4,))),
    Case(GRU(4, recurrent_dropout_rate=0.3), (5, 3)),
    Case(GRU(4, reset_after=False, recurrent_dropout_rate=0.5, initial_state=True), ((3, 2), (4,))),
    Case(MGU(4), (5, 3)),
    Case(MGU(3, return_sequences=True, reverse=True), (4, 2)),
    Case(MGU(4, reset_gate=False), (5, 3)),
    Case(MGU(4, use_bias=False, activation="softplus", recurrent_activation="softmax"), (3, 2)),
    Case(MGU(4, initial_state=True, recurrent_dropout_rate=0.3), ((3, 2), (4,))),
    Case(
        MGU(3, kernel_init="he_normal", recurrent_init={"normal": 0.3}, bias_init="normal", forget_bias_init="normal"),
        (4, 2),
    ),
]
