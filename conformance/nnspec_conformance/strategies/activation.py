"""What the docstrings of activations say about the points where two pieces meet, for any options."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from nnspec.layers import activation as specs
from nnspec.layers.base import Layer
from nnspec_conformance import suite
from nnspec_conformance.activation import SELU_AT_ZERO
from nnspec_conformance.case import Case

Slopes = tuple[tuple[float, float], ...]


def _both_sides(threshold: float) -> Slopes:
    return ((threshold, 0.0), (-threshold, 0.0)) if threshold else ((0.0, 0.0),)


def _relu(spec: specs.ReLU) -> Slopes:
    at_threshold = (spec.threshold, spec.negative_slope)
    if spec.max_value is None:
        return (at_threshold,)
    return (at_threshold, (spec.max_value, 0.0)) if spec.max_value > spec.threshold else (at_threshold,)


def _hard_sigmoid(spec: specs.HardSigmoid) -> Slopes:
    return _both_sides(3.0 if spec.convention == "relu6" else 2.5)


# Pairs (x, y′(x)), written from the docstrings of nnspec.layers.activation.
SLOPES: dict[type[Any], Callable[[Any], Slopes]] = {
    specs.CELU: lambda spec: ((0.0, 1.0),),
    specs.ELU: lambda spec: ((0.0, spec.alpha),),
    specs.HardShrink: lambda spec: _both_sides(spec.threshold),
    specs.HardSigmoid: _hard_sigmoid,
    specs.HardSilu: lambda spec: ((-3.0, 0.0), (3.0, 1.0)),
    specs.HardTanh: lambda spec: _both_sides(1.0),
    specs.LeakyReLU: lambda spec: ((0.0, spec.negative_slope),),
    specs.ReLU: _relu,
    specs.ReLU6: lambda spec: ((0.0, 0.0), (6.0, 0.0)),
    specs.SELU: lambda spec: ((0.0, SELU_AT_ZERO),),
    specs.SoftShrink: lambda spec: _both_sides(spec.threshold),
    specs.SoftSign: lambda spec: ((0.0, 1.0),),
    specs.SparsePlus: lambda spec: ((-1.0, 0.0), (1.0, 1.0)),
    specs.SparseSigmoid: lambda spec: _both_sides(1.0),
    specs.Squareplus: lambda spec: () if spec.b else ((0.0, 0.0),),
    specs.Threshold: lambda spec: ((spec.threshold, 0.0),),
}


def known(spec: Layer) -> dict[str, Any]:
    """Fields of a case that are known for a layer whatever its options: kinks, and whether extremes are asked for."""
    slopes = SLOPES[type(spec)](spec) if type(spec) in SLOPES else ()
    kinks = (0.0,) if isinstance(spec, specs.PReLU) else ()
    return {"slopes": slopes, "kinks": kinks, **_extremes().get(type(spec), {})}


@cache
def _extremes() -> dict[type[Any], dict[str, Any]]:
    """Classes whose listed cases are all finite at extremes, with the lowest ceiling, and whose kinks are known."""
    by_class: dict[type[Any], list[Case]] = {}
    for _, case in suite.cases():
        if isinstance(case, Case):
            by_class.setdefault(type(case.spec), []).append(case)
    return {
        cls: {"extremes": True, "ceiling": min(case.ceiling for case in cases), **_masks(cases)}
        for cls, cases in by_class.items()
        if any(case.extremes for case in cases)
        and (cls in SLOPES or cls is specs.PReLU or not any(case.slopes or case.kinks for case in cases))
    }


def _masks(cases: list[Case]) -> dict[str, Any]:
    return {"masked": True} if any(case.masked for case in cases) else {}
