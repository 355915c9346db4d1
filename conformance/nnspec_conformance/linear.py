"""Cases of the linear layers."""

from __future__ import annotations

from nnspec.layers.activation import GELU, HardSigmoid, Softmax
from nnspec.layers.linear import Bilinear, Dense, DenseGeneral, EinsumDense
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
    Case(DenseGeneral(5), (2, 3)),
    Case(DenseGeneral((2, 3), (1, -1), GELU()), (2, 5, 3)),
    Case(DenseGeneral((3,), 1, use_bias=False), (2, 3, 2)),
    Case(DenseGeneral(2, kernel_init={"normal": 0.3}, bias_init={"uniform": -1.0}), (4,)),
    Case(EinsumDense("abc,cde->abde", (None, 3, 2), "de"), (2, 4)),
    Case(EinsumDense("...x,xy->...y", (4, 3), "y", "hard_sigmoid"), (2, 3, 4), scale=0.5),
    Case(EinsumDense("abc,dbc->adb", (3, None, None), "d", bias_init="normal"), (4, 2), id="a kernel for each step"),
    Case(EinsumDense("abc,bd->adc", (None, 5), kernel_init="normal"), (4, 3), id="without bias"),
    Case(Bilinear(4), ((3,), (5,))),
    Case(Bilinear(1, use_bias=False), ((2, 3), (2, 2))),
    Case(Bilinear(2, kernel_init="normal", bias_init={"uniform": -1.0}), ((2, 2, 3), (2, 2, 3))),
]
