"""Cases of layers at each step of a sequence."""

from __future__ import annotations

from nnspec.layers.attention import MultiHeadAttention
from nnspec.layers.convolution import Conv
from nnspec.layers.normalization import BatchNorm
from nnspec.layers.pooling import MaxPool
from nnspec.layers.shape import Flatten
from nnspec.layers.time_distributed import TimeDistributed
from nnspec_conformance.case import Case

CASES = [
    Case(TimeDistributed(Conv(2, (2, 2), activation="tanh")), (3, 3, 4, 2)),
    Case(TimeDistributed(MaxPool((2,))), (3, 4, 2), distinct=True),
    Case(TimeDistributed(BatchNorm(momentum=0.7)), (3, 2)),
    Case(TimeDistributed(Flatten()), (3, 2, 4)),
    Case(TimeDistributed(MultiHeadAttention(1)), (2, 3, 2)),
]
