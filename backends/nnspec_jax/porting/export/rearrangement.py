"""Layers and operations that rearrange, pad, crop and resample."""

from __future__ import annotations

from nnspec import arrangement as ops
from nnspec.layers.geometry import CenterCrop
from nnspec.layers.padding import Crop, Pad
from nnspec.layers.resampling import Resize, Upsample
from nnspec.layers.shape import DepthToSpace, Flatten, Permute, RepeatVector, Reshape, SpaceToDepth
from nnspec_jax.porting.export.written import Place, Written, call, expression, written


def _sizes(sizes: tuple[int | None, ...], source: str = "{0}") -> str:
    """Sizes behind the batch, of which one may be unknown."""
    return ", ".join([f"{source}.shape[0]", *("-1" if size is None else str(size) for size in sizes)])


@written.register
def flatten(layer: Flatten, place: Place) -> Written:
    return Written("{0}.reshape({0}.shape[0], -1)", heavy=True)


@written.register
def reshape(layer: Reshape, place: Place) -> Written:
    sizes = place.output[1:]
    if sum(size is None for size in sizes) > 1:
        raise place.refuse("Reshape with several axes of any length", "give the input a shape")
    return Written(f"{{0}}.reshape({_sizes(sizes)})", heavy=True)


@written.register
def permute(layer: Permute, place: Place) -> Written:
    return Written(f"{{0}}.transpose(0, {', '.join(map(str, layer.axes))})", heavy=True)


@written.register
def repeat_vector(layer: RepeatVector, place: Place) -> Written:
    return Written(f"jnp.repeat({{0}}[:, None], {layer.n}, axis=1)", heavy=True)


@written.register(SpaceToDepth)
@written.register(DepthToSpace)
def blocks(layer: SpaceToDepth | DepthToSpace, place: Place) -> Written:
    name = "space_to_depth" if isinstance(layer, SpaceToDepth) else "depth_to_space"
    first = (layer.order == "channels_first", False)
    return Written(call(name, layer.block_size, channels_first=first), snippets=(name,), heavy=True)


@written.register
def pad(layer: Pad, place: Place) -> Written:
    around = ((0, 0), *layer.padding, (0, 0))
    options = {"mode": (layer.mode, "constant"), "constant_values": (layer.value, 0.0)}
    return Written(call("jnp.pad", around, **options))


def _cut(rank: int, axis: int, start: int | None, stop: int | None, step: int = 1) -> str:
    """An index along one axis."""
    text = f"{'' if start is None else start}:{'' if stop is None else stop}" + (f":{step}" if step != 1 else "")
    if axis == rank - 1 and rank > 2:
        return f"..., {text}"
    return ", ".join([*[":"] * axis, text])


def index(rank: int, axis: int, start: int | None, stop: int | None, step: int = 1) -> str:
    """``{0}`` cut along one axis."""
    return "{0}[" + _cut(rank, axis, start, stop, step) + "]"


@written.register
def crop(layer: Crop, place: Place) -> Written:
    cuts = [f"{before or ''}:{-after if after else ''}" for before, after in layer.cropping]
    return Written("{0}[" + ", ".join([":", *cuts]) + "]")


@written.register
def center_crop(layer: CenterCrop, place: Place) -> Written:
    text, shape = "{0}", place.shapes[0]
    needed: tuple[str, ...] = ()
    for part in layer.central(shape):
        inner = written(part, Place(place.path, (shape,), part.output_shape(shape)))
        if inner.call.count("{0}") != 1 and text != "{0}":
            raise place.refuse("CenterCrop of images that are too small", "crop and resize before the model")
        text = inner.call.replace("{0}", text)
        needed, shape = (*needed, *inner.snippets), part.output_shape(shape)
    return Written(text, snippets=needed)


@written.register
def upsample(layer: Upsample, place: Place) -> Written:
    text = "{0}"
    for axis, factor in enumerate(layer.factors, 1):
        text = f"jnp.repeat({text}, {factor}, axis={axis})" if factor > 1 else text
    return Written(text, heavy=True)


@written.register
def resize(layer: Resize, place: Place) -> Written:
    options = {
        "method": (layer.method, "linear"),
        "antialias": (layer.antialias, False),
        "align_corners": (layer.coordinates == "align_corners", False),
        "a": (layer.a, -0.5),
        "repeat_edges": (layer.edges == "repeat", False),
    }
    return Written(call("resize", layer.output_size, **options), snippets=("resize",), heavy=True)


@written.register
def flip(layer: ops.Flip, place: Place) -> Written:
    axes = layer.axes(place.shapes[0])
    return Written(call("jnp.flip", axis=(axes[0] if len(axes) == 1 else axes, None)))


@written.register
def roll(layer: ops.Roll, place: Place) -> Written:
    return Written(call("jnp.roll", layer.shift, axis=(layer.axis, None)))


@written.register
def tile(layer: ops.Tile, place: Place) -> Written:
    return Written(call("jnp.tile", (1, *layer.repeats)))


@written.register
def broadcast_to(layer: ops.BroadcastTo, place: Place) -> Written:
    sizes = ", ".join(map(str, layer.shape))
    return Written(f"jnp.broadcast_to({{0}}, ({{0}}.shape[0], {sizes}))", heavy=True)


@written.register
def tril(layer: ops.Tril, place: Place) -> Written:
    return Written(call("jnp.tril", k=(layer.k, 0)))


@written.register
def triu(layer: ops.Triu, place: Place) -> Written:
    return Written(call("jnp.triu", k=(layer.k, 0)))


def _diagonal(offset: int) -> str:
    return call("jnp.diagonal", offset=(offset, 0), axis1=(-2, 0), axis2=(-1, 1))


@written.register
def diagonal(layer: ops.Diagonal, place: Place) -> Written:
    return Written(_diagonal(layer.offset))


@written.register
def trace(layer: ops.Trace, place: Place) -> Written:
    return Written(f"{_diagonal(layer.offset)}.sum(-1)")


def text_of(values: object) -> str:
    """Values as the argument of ``jnp.array``."""
    if isinstance(values, tuple):
        return "[" + ", ".join(map(text_of, values)) + "]"
    return expression(values)
