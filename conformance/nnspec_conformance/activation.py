"""Cases of the activations and of PReLU.

The slopes are written from the docstrings of ``nnspec.layers.activation``: what y′ is where two pieces meet.
"""

from __future__ import annotations

import math
from typing import Any

from nnspec.layers import activation as specs
from nnspec.layers.base import Layer
from nnspec_conformance.case import Case
from nnspec_conformance.example import Example

SELU_AT_ZERO = 1.0507009873554805 * 1.6732632423543772


def _at(spec: Layer, shape: tuple[int, ...] = (8,), **options: Any) -> Case:
    return Case(spec, shape, extremes=True, **options)


CASES = [
    _at(specs.CELU(), slopes=((0.0, 1.0),)),
    _at(specs.CELU(0.4), slopes=((0.0, 1.0),)),
    _at(specs.ELU(), slopes=((0.0, 1.0),)),
    _at(specs.ELU(0.3), slopes=((0.0, 0.3),)),
    _at(specs.ELU(0.0), slopes=((0.0, 0.0),)),
    _at(specs.Exponential(), ceiling=10.0),  # e¹¹ is beyond float16
    _at(specs.GELU()),
    _at(specs.GELU(), scale=4.0, id="wide"),
    _at(specs.GELU(approximate=True)),
    _at(specs.GELU(approximate=True), scale=4.0, id="wide"),
    _at(specs.GLU()),
    _at(specs.GLU(), (2, 4), id="rank 3"),
    _at(specs.GLU(axis=1), (4, 3)),
    _at(specs.HardShrink(), slopes=((0.5, 0.0), (-0.5, 0.0))),
    _at(specs.HardShrink(0.2), slopes=((0.2, 0.0), (-0.2, 0.0))),
    _at(specs.HardShrink(0.0), slopes=((0.0, 0.0),)),
    _at(specs.HardSigmoid(), scale=3.0, slopes=((3.0, 0.0), (-3.0, 0.0))),
    _at(specs.HardSigmoid("keras2"), scale=3.0, slopes=((2.5, 0.0), (-2.5, 0.0))),
    _at(specs.HardSilu(), scale=3.0, slopes=((-3.0, 0.0), (3.0, 1.0))),
    _at(specs.HardTanh(), slopes=((1.0, 0.0), (-1.0, 0.0))),
    _at(specs.Identity()),
    _at(specs.LeakyReLU(), slopes=((0.0, 0.01),)),
    _at(specs.LeakyReLU(0.3), slopes=((0.0, 0.3),)),
    _at(specs.LeakyReLU(0.0), slopes=((0.0, 0.0),)),
    _at(specs.LeakyReLU(1.5), slopes=((0.0, 1.5),)),
    _at(specs.LogSigmoid()),
    _at(specs.LogSigmoid(), scale=20.0, id="wide"),
    _at(specs.LogSoftmax(), masked=True),
    _at(specs.LogSoftmax(), (3, 4), id="rank 3", masked=True),
    _at(specs.LogSoftmax(axis=1), (3, 4), masked=True),
    _at(specs.LogSoftmax(), scale=20.0, id="wide"),
    _at(specs.Mish()),
    _at(specs.Mish(), scale=10.0, id="wide"),
    _at(specs.PReLU(), kinks=(0.0,)),
    _at(specs.PReLU(), (2, 3, 4), kinks=(0.0,), id="rank 4"),
    _at(specs.PReLU(slope_init={"uniform": -0.5}), kinks=(0.0,)),
    _at(specs.PReLU(shared=True), (3, 4), kinks=(0.0,)),
    _at(specs.ReLU(), slopes=((0.0, 0.0),)),
    _at(specs.ReLU(negative_slope=0.1), slopes=((0.0, 0.1),)),
    _at(specs.ReLU(max_value=1.5), slopes=((0.0, 0.0), (1.5, 0.0))),
    _at(specs.ReLU(threshold=0.7), slopes=((0.7, 0.0),)),
    _at(specs.ReLU(0.1, max_value=1.0, threshold=0.25), slopes=((0.25, 0.1), (1.0, 0.0))),
    _at(specs.ReLU(0.1, max_value=0.5, threshold=1.0), slopes=((1.0, 0.1),), id="threshold above max_value"),
    _at(specs.ReLU6(), scale=4.0, slopes=((0.0, 0.0), (6.0, 0.0))),
    _at(specs.SELU(), slopes=((0.0, SELU_AT_ZERO),)),
    _at(specs.Sigmoid()),
    _at(specs.Sigmoid(), scale=20.0, id="wide"),
    _at(specs.Silu()),
    _at(specs.Silu(), scale=20.0, id="wide"),
    _at(specs.SoftShrink(), slopes=((0.5, 0.0), (-0.5, 0.0))),
    _at(specs.SoftShrink(0.2), slopes=((0.2, 0.0), (-0.2, 0.0))),
    _at(specs.SoftShrink(0.0), slopes=((0.0, 0.0),)),
    _at(specs.SoftSign(), slopes=((0.0, 1.0),)),
    _at(specs.Softmax(), masked=True),
    _at(specs.Softmax(), (3, 4), id="rank 3", masked=True),
    _at(specs.Softmax(axis=1), (3, 4), masked=True),
    _at(specs.Softmax(axis=-2), (3, 4), masked=True),
    _at(specs.Softmax(), scale=20.0, id="wide"),
    _at(specs.Softmax(), offset=1e3, id="large offset"),
    _at(specs.Softplus()),
    _at(specs.Softplus(), scale=20.0, id="wide"),
    _at(specs.SparsePlus(), slopes=((-1.0, 0.0), (1.0, 1.0))),
    _at(specs.SparseSigmoid(), slopes=((-1.0, 0.0), (1.0, 0.0))),
    _at(specs.Sparsemax(), (6,), levels=(0.9, 0.6, 0.4, -0.5, -1.2, -2.0)),
    _at(specs.Sparsemax(), (2, 3), levels=(1.0, 0.5, -0.8), id="rank 3"),
    _at(specs.Sparsemax(), (1, 1, 4, 4), levels=(1.0, 0.5, -0.8, -1.5), id="rank 5"),
    _at(specs.Sparsemax(axis=1), (3, 4), levels=(1.0, 0.5, -0.8)),
    _at(specs.Sparsemax(), (4,), levels=(3.0, 1.0, 0.0, -1.0), id="one in the support"),
    _at(specs.Squareplus()),
    _at(specs.Squareplus(b=0.5)),
    _at(specs.Squareplus(b=0.0), slopes=((0.0, 0.0),)),
    _at(specs.Standardize()),
    _at(specs.Standardize(), (3, 4), id="rank 3"),
    _at(specs.Standardize(axis=1), (6, 4)),
    _at(specs.Standardize(epsilon=0.1), (8,)),
    _at(specs.Standardize(), offset=1e3, id="large mean"),
    _at(specs.Tanh()),
    _at(specs.Tanh(), scale=10.0, id="wide"),
    _at(specs.TanhShrink()),
    _at(specs.TanhShrink(), scale=0.1, id="near zero"),
    _at(specs.Threshold(), slopes=((0.0, 0.0),)),
    _at(specs.Threshold(value=1.0), slopes=((0.0, 0.0),), id="a jump at zero"),
    _at(specs.Threshold(0.5, -1.0), slopes=((0.5, 0.0),)),
    _at(specs.Threshold(-0.5, 0.1), slopes=((-0.5, 0.0),)),
]

EXAMPLES = [
    Example(
        specs.PReLU(),
        (((0.0, 0.0, -0.0), (0.0, 2.0, -2.0)),),
        id="slope at zero, nothing for the slope",
        variables={"slope": (0.25, -0.5, 3.0)},
        output=((0.0, 0.0, 0.0), (0.0, 2.0, -6.0)),
        gradients=(((0.25, -0.5, 3.0), (0.25, 1.0, 3.0)),),
        parameter_gradients={"slope": (0.0, 0.0, -2.0)},
    ),
    Example(
        specs.Sparsemax(),
        # Rows: two equal above the rest; all equal; the second exactly at the threshold, hence off the support.
        (((1.0, 1.0, 0.0), (2.0, 2.0, 2.0), (1.0, 0.0, -1.0)),),
        id="ties and an element at the threshold",
        cotangents=((1.0, 3.0, 5.0), (1.0, 2.0, 6.0), (7.0, 2.0, 1.0)),
        gradients=(((-1.0, 1.0, 0.0), (-2.0, -1.0, 3.0), (0.0, 0.0, 0.0)),),
    ),
    Example(
        specs.GELU(),
        (((0.0, -0.0),),),
        id="half at zero",
        output=((0.0, 0.0),),
        gradients=(((0.5, 0.5),),),
    ),
    Example(
        specs.GELU(approximate=True),
        (((0.0, -0.0),),),
        id="half at zero",
        output=((0.0, 0.0),),
        gradients=(((0.5, 0.5),),),
    ),
    Example(
        specs.Softplus(),
        (((0.0, -0.0),),),
        id="half at zero",
        output=((math.log(2), math.log(2)),),
        gradients=(((0.5, 0.5),),),
    ),
    Example(
        specs.SparsePlus(),
        (((-1.0, 1.0, 0.0, -3.0, 4.0),),),
        id="pieces",
        output=((0.0, 1.0, 0.25, 0.0, 4.0),),
        gradients=(((0.0, 1.0, 0.5, 0.0, 1.0),),),
    ),
]
