"""Layers that drop elements or add noise in training, from the streams of ``nnx.Rngs``."""

from __future__ import annotations

from nnspec.layers.dropout import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GaussianSample,
    SpatialDropout,
    StochasticDepth,
)
from nnspec_jax.porting.export.written import Argument, Made, Place, Written, written


@written.register(Dropout)
@written.register(SpatialDropout)
@written.register(StochasticDepth)
def dropout(layer: Dropout | SpatialDropout | StochasticDepth, place: Place) -> Written:
    shared = layer.shared(len(place.shapes[0]))
    arguments = (Argument("rate", layer.rate, positional=True), Argument("broadcast_dims", shared, ()))
    return Written("{self}({0})", Made("nnx.Dropout", arguments))


@written.register
def alpha_dropout(layer: AlphaDropout, place: Place) -> Written:
    arguments = (
        Argument("rate", layer.rate, positional=True),
        Argument("broadcast_dims", layer.broadcast_dims, ()),
    )
    return Written("{self}({0})", Made("AlphaDropout", arguments), snippets=("AlphaDropout",))


@written.register
def gaussian_noise(layer: GaussianNoise, place: Place) -> Written:
    made = Made("GaussianNoise", (Argument("stddev", layer.stddev, positional=True),))
    return Written("{self}({0})", made, snippets=("GaussianNoise",))


@written.register
def gaussian_dropout(layer: GaussianDropout, place: Place) -> Written:
    made = Made("GaussianDropout", (Argument("rate", layer.rate, positional=True),))
    return Written("{self}({0})", made, snippets=("GaussianDropout",))


@written.register
def gaussian_sample(layer: GaussianSample, place: Place) -> Written:
    return Written("{self}({0})", Made("GaussianSample"), snippets=("GaussianSample",))
