"""Cases of the convolutions: every option over one, two and three axes, and where padding is odd."""

from __future__ import annotations

from nnspec.layers.activation import GELU, Softmax
from nnspec.layers.convolution import Conv
from nnspec_conformance.case import Case

CASES = [
    Case(Conv(4, (3,)), (6, 3)),
    Case(Conv(3, (3, 3)), (5, 4, 2)),
    Case(Conv(2, (2, 3, 2)), (3, 4, 3, 2)),
    Case(Conv(3, (1, 1)), (3, 4, 5), id="pointwise"),
    Case(Conv(3, (3, 2), use_bias=False), (5, 4, 2)),
    Case(Conv(3, (4,), padding="valid"), (7, 2)),
    Case(Conv(2, (3, 2), padding="valid"), (5, 4, 3)),
    Case(Conv(2, (2, 2, 3), padding="valid"), (3, 3, 4, 2)),
    # "same" with an odd zero: of two by stride, of a window of even size, of both.
    Case(Conv(3, (3,), strides=2), (6, 2)),
    Case(Conv(3, (2,)), (5, 2)),
    Case(Conv(2, (3, 4), strides=(2, 3)), (6, 7, 2)),
    Case(Conv(2, (2, 3, 3), strides=(1, 2, 2)), (3, 4, 4, 2)),
    Case(Conv(2, (2, 2), strides=3), (7, 7, 2), id="strides beyond the window"),
    Case(Conv(2, (5, 5)), (2, 3, 2), id="a window larger than the input"),
    Case(Conv(2, (3, 3), strides=2, padding="valid"), (7, 6, 2)),
    Case(Conv(2, (3,), dilation=2), (7, 2)),
    Case(Conv(2, (3, 2), dilation=(2, 3)), (6, 5, 2)),
    Case(Conv(2, (2, 2, 2), dilation=(1, 2, 2), padding="valid"), (3, 4, 4, 2)),
    Case(Conv(2, (3, 3), strides=2, dilation=2), (6, 7, 2)),
    Case(Conv(2, (2, 2, 2), strides=(2, 1, 2), dilation=2), (4, 3, 4, 2)),
    Case(Conv(2, (1, 2, 2), (1, 3, 3), ((0, 0), (1, 2), (0, 1)), (3, 3, 1)), (3, 4, 2, 1), id="dilated unequally"),
    Case(Conv(4, (2, 1, 2), dilation=(1, 2, 3), groups=2), (3, 3, 5, 4)),
    Case(Conv(4, (3,), groups=2), (5, 6)),
    Case(Conv(6, (3, 3), groups=3, strides=2), (5, 4, 3)),
    Case(Conv(4, (2, 2, 2), groups=2), (3, 3, 3, 4)),
    Case(Conv(6, (3, 2), groups=3), (5, 4, 3), id="two features of each channel"),
    Case(Conv(2, (3,), groups=2, padding="causal", strides=2, use_bias=False), (6, 2)),
    Case(Conv(2, (2, 2, 2), groups=2, padding=((1, 0), (0, 1), (0, 0)), dilation=2, activation="tanh"), (3, 3, 3, 2)),
    Case(Conv(4, (3, 3), groups=4, padding="valid", dilation=(1, 2)), (5, 6, 4), id="one channel each"),
    Case(Conv(3, (3,), padding="causal"), (6, 2)),
    Case(Conv(3, (3,), padding="causal", dilation=2), (6, 2)),
    Case(Conv(3, (2,), padding="causal", strides=2), (5, 2)),
    Case(Conv(2, (3,), padding=((0, 3),)), (5, 2)),
    Case(Conv(2, (3, 2), padding=((2, 0), (1, 1)), strides=2), (5, 4, 2)),
    Case(Conv(2, (2, 2, 2), padding=((1, 0), (0, 1), (0, 0))), (3, 3, 3, 2)),
    Case(Conv(4, (3, 3), activation=GELU()), (4, 4, 2)),
    Case(Conv(4, (3,), activation=Softmax(), groups=2), (4, 2)),
    Case(Conv(3, (3, 3)), (8, 8, 16), id="long sums"),
    Case(Conv(2, (3, 3)), (4, 4, 2), offset=1e3, id="large inputs"),
    Case(Conv(3, (3, 3), kernel_init="lecun_normal", bias_init={"uniform": -1.0}), (5, 4, 2)),
]
