"""Embeddings and positions."""

from __future__ import annotations

from nnspec.layers.embedding import Embedding, Unembedding
from nnspec.layers.parameter import Parameter
from nnspec.layers.positions import (
    ALiBi,
    LearnedPositions,
    RelativePositionBias,
    RotaryPositions,
    SinusoidalPositions,
)
from nnspec_jax.porting.export.written import (
    Argument,
    Made,
    Place,
    Written,
    at,
    call,
    expression,
    free_array,
    own,
    written,
)


def _embed(count: int, features: int) -> Made:
    return Made(
        "nnx.Embed",
        (Argument("num_embeddings", count, positional=True), Argument("features", features, positional=True)),
    )


@written.register
def embedding(layer: Embedding, place: Place) -> Written:
    return Written("{self}({0})", _embed(layer.num_embeddings, layer.features), own("embedding"), heavy=True)


@written.register
def unembedding(layer: Unembedding, place: Place) -> Written:
    made = _embed(layer.num_embeddings, place.features)
    return Written("{self}.attend({0})", made, own("embedding"), heavy=True)


@written.register
def learned_positions(layer: LearnedPositions, place: Place) -> Written:
    if layer.offset:
        raise place.refuse("LearnedPositions with an offset", "port a model without it, as it was trained")
    made = free_array("nnx.Param", (layer.max_length, place.features))
    vectors = "{self}[...]" if place.shapes[0][1] == layer.max_length else "{self}[: {0}.shape[1]]"
    expressed = f"{{0}} + {vectors}" if layer.add else f"jnp.broadcast_to({vectors}, {{0}}.shape)"
    return Written(expressed, made, {"embedding": at()}, heavy=True)


@written.register
def parameter(layer: Parameter, place: Place) -> Written:
    made = free_array("nnx.Param" if layer.trainable else "nnx.BatchStat", layer.shape)
    sizes = "".join(f", {size}" for size in layer.shape) or ","
    return Written(f"jnp.broadcast_to({{self}}[...], ({{0}}.shape[0]{sizes}))", made, {"value": at()}, heavy=True)


@written.register
def sinusoidal_positions(layer: SinusoidalPositions, place: Place) -> Written:
    if layer.offset:
        raise place.refuse("SinusoidalPositions with an offset", "port a model without it, as it was trained")
    options = [f"base={expression(layer.base)}"] * (layer.base != 10000.0)
    options += [f"pairs={expression(layer.pairs)}"] * (layer.pairs != "interleaved")
    waves = f"sinusoidal_positions({', '.join(['{0}', *options])})"
    return Written(f"{{0}} + {waves}" if layer.add else waves, snippets=("sinusoidal_positions",), heavy=True)


@written.register
def rotary_positions(layer: RotaryPositions, place: Place) -> Written:
    if layer.offset:
        raise place.refuse("RotaryPositions with an offset", "port a model without it, as it was trained")
    return Written(rotation(layer, place.features), snippets=("rotated",))


def rotation(layer: RotaryPositions, features: int) -> str:
    """The call that rotates heads of so many features."""
    return call(
        "rotated",
        count=(layer.rotated(features), features),
        base=(layer.base, 10000.0),
        pairs=(layer.pairs, "interleaved"),
    )


@written.register
def relative_position_bias(layer: RelativePositionBias, place: Place) -> Written:
    if layer.offset:
        raise place.refuse("RelativePositionBias with an offset", "port a model without it, as it was trained")
    arguments = (
        Argument("num_heads", layer.num_heads, positional=True),
        Argument("num_buckets", layer.num_buckets, 32),
        Argument("max_distance", layer.max_distance, 128),
        Argument("bidirectional", layer.bidirectional, True),
    )
    made = Made("RelativePositionBias", arguments)
    given = "{0}, {1}" if len(place.shapes) > 1 else "{0}, {0}"
    return Written(f"{{self}}({given})", made, own("embedding"), ("RelativePositionBias",))


@written.register
def alibi(layer: ALiBi, place: Place) -> Written:
    if layer.offset:
        raise place.refuse("ALiBi with an offset", "port a model without it, as it was trained")
    given = "{0}, {1}" if len(place.shapes) > 1 else "{0}, {0}"
    return Written(f"alibi({given}, {layer.num_heads})", snippets=("alibi",))
