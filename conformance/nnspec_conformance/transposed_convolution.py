"""Cases of transposed convolution: every option over one, two and three axes, windows below and above the strides."""

from __future__ import annotations

from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec_conformance.case import Case

CASES = [
    Case(ConvTranspose(3, (3,), 2), (4, 2)),
    Case(ConvTranspose(2, (4, 3), (2, 1)), (3, 3, 2), id="two lost, two added"),
    Case(ConvTranspose(2, (3, 2, 3), (2, 1, 2)), (2, 3, 2, 2)),
    Case(ConvTranspose(2, (3, 2), (2, 3), "valid"), (3, 2, 3), id="valid, a window within the strides"),
    Case(ConvTranspose(2, (2, 3, 1), (1, 2, 2), "valid", use_bias=False), (2, 2, 3, 2)),
    Case(ConvTranspose(2, (3, 3), 2, ((1, 0), (0, 2)), (1, 0)), (3, 2, 2), id="unequal losses"),
    Case(ConvTranspose(2, (2,), 3, "valid", 2, activation="tanh"), (3, 2), id="zeros at the end"),
    Case(ConvTranspose(2, (3,), padding=((3, 1),)), (5, 2), id="more lost than the window"),
    Case(ConvTranspose(2, (3, 2), 2, dilation=(2, 1)), (3, 3, 2)),
    Case(ConvTranspose(2, (2, 2, 2), (1, 2, 1), dilation=(1, 1, 2)), (2, 2, 2, 2)),
    Case(ConvTranspose(4, (3, 3), 2, groups=2), (3, 2, 6)),
    Case(ConvTranspose(6, (3,), 2, ((1, 1),), 1, groups=3), (4, 3), id="two features of each channel"),
    Case(ConvTranspose(2, (2,), kernel_init="lecun_normal", bias_init="ones"), (3, 2)),
]
