"""Cases of layers whose kernel is normalized before it is used.

u and v of spectral normalization are constants for gradients, and functions of the kernel for differences: the two
agree where they have converged, after many steps, or after one with a kernel of rank one.
"""

from __future__ import annotations

from nnspec.layers.convolution import Conv, DepthwiseConv
from nnspec.layers.linear import Bilinear, Dense, DenseGeneral, EinsumDense
from nnspec.layers.transposed_convolution import ConvTranspose
from nnspec.layers.weight_normalization import SpectralNorm, WeightNorm
from nnspec_conformance.case import Case

CASES = [
    Case(SpectralNorm(Dense(1)), (5,)),
    Case(SpectralNorm(Dense(3, "tanh"), n_steps=60), (4,)),
    Case(SpectralNorm(Conv(2, (2,), use_bias=False), n_steps=60, stored_sigma=True), (5, 2)),
    Case(SpectralNorm(Dense(1, use_bias=False), epsilon=1e-3), (3,)),
    Case(SpectralNorm(EinsumDense("abc,cd->abd", (None, 1), "d")), (3, 4)),
    Case(WeightNorm(Dense(3)), (4,)),
    Case(WeightNorm(DenseGeneral((2, 3)), (-2, -1)), (4,)),
    Case(WeightNorm(Bilinear(2), (0, -1)), ((3,), (2,))),
    Case(WeightNorm(Conv(3, (2, 2)), (-2, -1), epsilon=0.1), (3, 3, 2)),
    Case(WeightNorm(ConvTranspose(2, (2,)), None, scale_init={"normal": 0.5}), (3, 2)),
    Case(WeightNorm(DepthwiseConv((2,)), use_scale=False), (4, 3)),
]
