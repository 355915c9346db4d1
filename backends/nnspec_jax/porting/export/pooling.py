"""Pooling."""

from __future__ import annotations

from nnspec.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from nnspec_jax.porting.export.written import Place, Raw, Written, call, written


@written.register
def max_pool(layer: MaxPool, place: Place) -> Written:
    return Written(_windowed("nnx.max_pool", layer), heavy=True)


@written.register
def avg_pool(layer: AvgPool, place: Place) -> Written:
    include = layer.count_include_pad or layer.padding == "valid"
    return Written(_windowed("nnx.avg_pool", layer, count_include_pad=(include, True)), heavy=True)


def _windowed(function: str, layer: MaxPool | AvgPool, **options: tuple[object, object]) -> str:
    ones = (1,) * len(layer.window)
    strides = (layer.stride, ones)
    return call(function, layer.window, strides=strides, padding=(layer.padding.upper(), "VALID"), **options)


def _between(place: Place) -> tuple[int, ...]:
    """The axes between batch and channels."""
    return tuple(range(1, len(place.shapes[0]) - 1))


@written.register
def global_avg_pool(layer: GlobalAvgPool, place: Place) -> Written:
    return Written(call("jnp.mean", axis=(_between(place), None)), heavy=True)


@written.register
def global_max_pool(layer: GlobalMaxPool, place: Place) -> Written:
    return Written(call("jnp.max", axis=(_between(place), None)), heavy=True)


@written.register
def adaptive_avg_pool(layer: AdaptiveAvgPool, place: Place) -> Written:
    return Written(call("adaptive_pool", layer.output_size, Raw("jnp.mean")), snippets=("adaptive_pool",))


@written.register
def adaptive_max_pool(layer: AdaptiveMaxPool, place: Place) -> Written:
    return Written(call("adaptive_pool", layer.output_size, Raw("jnp.max")), snippets=("adaptive_pool",))
