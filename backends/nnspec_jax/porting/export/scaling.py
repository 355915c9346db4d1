"""Layers that scale by numbers, masks of positions, and layers around others."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from nnspec.layers.masking import PaddingMask
from nnspec.layers.scaling import LayerScale, Normalization, Rescaling
from nnspec.layers.time_distributed import TimeDistributed, step_shape
from nnspec.layers.weight_normalization import SpectralNorm, WeightNorm
from nnspec_jax.porting.export.linear import activated
from nnspec_jax.porting.export.rearrangement import text_of
from nnspec_jax.porting.export.written import (
    Argument,
    Layout,
    Made,
    Place,
    Raw,
    Written,
    at,
    constructor,
    expression,
    free_array,
    own,
    written,
)


def _numbers(value: Any) -> str:
    return f"jnp.array({text_of(value)})" if isinstance(value, tuple) else expression(float(value))


@written.register
def rescaling(layer: Rescaling, place: Place) -> Written:
    text = "{0}" if layer.scale == 1.0 else f"{{0}} * {_numbers(layer.scale)}"
    if not isinstance(layer.offset, tuple) and layer.offset < 0:
        text += f" - {_numbers(-layer.offset)}"
    elif layer.offset != 0.0:
        text += f" + {_numbers(layer.offset)}"
    return Written(text)


@written.register
def normalization(layer: Normalization, place: Place) -> Written:
    if layer.mean is None or layer.var is None:
        arguments = (
            Argument("features", place.features, positional=True),
            Argument("epsilon", layer.epsilon, 1e-7),
            Argument("invert", layer.invert, False),
        )
        made = Made("Normalization", arguments, rngs=False)
        return Written("{self}({0})", made, own("mean", "var"), ("Normalization",))
    var = layer.var if isinstance(layer.var, tuple) else (layer.var,)
    found = tuple(max(math.sqrt(v), layer.epsilon) for v in var)
    deviation = _numbers(found if isinstance(layer.var, tuple) else found[0])
    mean = _numbers(layer.mean)
    return Written(f"{{0}} * {deviation} + {mean}" if layer.invert else f"({{0}} - {mean}) / {deviation}")


@written.register
def layer_scale(layer: LayerScale, place: Place) -> Written:
    return Written("{0} * {self}[...]", free_array("nnx.Param", (place.features,), 1e-6), {"scale": at()})


@written.register
def padding_mask(layer: PaddingMask, place: Place) -> Written:
    whole = place.dtypes[:1] == ("int32",)
    value = layer.whole if whole else layer.value
    differs = f"{{0}} != {expression(value)}" if value is not None else "jnp.ones({0}.shape, bool)"
    return Written(differs if layer.axis is None else f"jnp.any({differs}, axis={layer.axis})")


@written.register
def time_distributed(layer: TimeDistributed, place: Place) -> Written:
    steps = step_shape(place.shapes[0])
    inner = written(layer.layer, Place(place.path, (steps,), layer.layer.output_shape(steps), place.dtypes))
    function = "{self}" if inner.call == "{self}({0})" else f"lambda x: {inner.call.replace('{0}', 'x')}"
    layouts = {f"layer/{name}": layout for name, layout in inner.layouts.items()}
    call = f"per_step({{0}}, {function})"
    return replace(inner, call=call, layouts=layouts, snippets=("per_step", *inner.snippets), heavy=True)


def _within(layer: SpectralNorm | WeightNorm, place: Place) -> tuple[Written, dict[str, Layout]]:
    """The layer within without its activation, and where its variables lie."""
    linear: Any = layer.layer
    if getattr(linear, "activation", None) is not None:
        linear = replace(linear, activation=None)
    inner = written(linear, place)
    assert inner.made is not None
    return inner, {
        f"layer/{name}": Layout(("layer", *layout.path), layout.to, layout.back)
        for name, layout in inner.layouts.items()
    }


def _around(layer: Any, place: Place, inner: Written, made: Made, layouts: dict[str, Layout]) -> Written:
    around = Written(inner.call, made, layouts, (made.kind, *inner.snippets), heavy=True)
    return activated(layer.layer, place, around) if hasattr(layer.layer, "activation") else around


@written.register
def weight_norm(layer: WeightNorm, place: Place) -> Written:
    inner, layouts = _within(layer, place)
    assert inner.made is not None
    params = layer.params(*place.shapes)
    kernel = params["layer/kernel"].shape
    summed = layer.summed(len(kernel))
    if "kernel" in inner.layouts and inner.made.kind.endswith("ConvTranspose") and len(summed) < len(kernel) - 1:
        raise place.refuse("WeightNorm of a ConvTranspose over axes of its window", "give it other feature_axes")
    arguments = (
        Argument("layer", Raw(constructor(inner.made)), positional=True),
        Argument("axes", summed),
        Argument("use_scale", layer.use_scale, True),
        Argument("epsilon", layer.epsilon, 1e-12),
    )
    if layer.use_scale:
        layouts["scale"] = own("scale")["scale"]
    return _around(layer, place, inner, Made("WeightNorm", arguments, rngs=False), layouts)


@written.register
def spectral_norm(layer: SpectralNorm, place: Place) -> Written:
    inner, layouts = _within(layer, place)
    assert inner.made is not None
    if inner.made.kind.endswith("ConvTranspose"):
        raise place.refuse("SpectralNorm of a ConvTranspose", "store the normalized kernel, and take it off")
    arguments = (
        Argument("layer", Raw(constructor(inner.made)), positional=True),
        Argument("n_steps", layer.n_steps, 1),
        Argument("epsilon", layer.epsilon, 1e-12),
        Argument("stored_sigma", layer.stored_sigma, False),
    )
    layouts |= own("u", *(["sigma"] if layer.stored_sigma else []))
    made = Made("SpectralNorm", arguments)
    return _around(layer, place, inner, made, layouts)
