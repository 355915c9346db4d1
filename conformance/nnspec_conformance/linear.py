"""Cases of the linear layers."""

from __future__ import annotations

from nnspec.layers.activation import GELU, HardSigmoid, Softmax
from nnspec.layers.linear import Dense
from nnspec_conformance.case import Case

CASES = [
    Case(Dense(5), (7,)),
    Case(Dense(5, use_bias=False), (7,)),
    Case(Dense(1), (1,), id="one by one"),
    Case(Dense(3), (2, 4, 5), id="rank 4"),
    Case(Dense(3, GELU()), (4,)),
    Case(Dense(3, HardSigmoid()), (4,), scale=0.5),
    Case(Dense(3, Softmax()), (2, 4)),
    Case(Dense(33), (65,), id="odd sizes"),
    Case(Dense(4), (128,), id="long sums"),
    Case(Dense(5), (7,), offset=1e3, id="large inputs"),
    Case(Dense(5, kernel_init={"normal": 0.3}, bias_init={"uniform": -1.0}), (7,)),
]
