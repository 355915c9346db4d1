"""Normalization layers."""

from __future__ import annotations

from typing import Any

from flax import linen as nn, nnx

from nnspec.layers.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Layout, NoConversionError, convert
from nnspec_jax.porting.marker import POINTWISE
from nnspec_jax.porting.modules.variables import variables

POINTWISE.update((nnx.LayerNorm, nnx.RMSNorm, nn.LayerNorm, nn.RMSNorm))


def _checked(module: Any, context: Context, mask: Any) -> dict[str, Any]:
    """What all norms have in common, once nothing stands in the way."""
    if mask is not None:
        raise NoConversionError("a mask of positions")
    if getattr(module, "use_fast_variance", False):
        context.note(
            "Norms of the original take E[x²] − E[x]² for the variance (use_fast_variance), which loses digits where "
            "the mean is large; here the mean is subtracted first."
        )
    return {"epsilon": float(module.epsilon), "use_scale": bool(module.use_scale)}


def _axes(axes: Any, rank: int) -> tuple[int, ...]:
    given = (axes,) if isinstance(axes, int) else tuple(axes)
    return tuple(sorted({axis % rank - rank for axis in given}))


@convert.register(nnx.BatchNorm)
@convert.register(nn.BatchNorm)
def batch_norm(
    module: nnx.BatchNorm | nn.BatchNorm,
    context: Context,
    x: Value,
    use_running_average: bool | None = None,
    *,
    mask: Any = None,
) -> Value:
    options = _checked(module, context, mask)
    (axis, *more) = _axes(module.axis, len(context.shapes[x]))
    if more:
        raise NoConversionError("several axes of features")
    given = module.use_running_average if use_running_average is None else use_running_average
    layer = BatchNorm(
        momentum=float(module.momentum),
        use_bias=bool(module.use_bias),
        axis=axis,
        use_running_average=bool(given),
        **options,
    )
    statistics = variables(module, "mean", "var", collection="batch_stats")
    return context.call(layer, x, variables={**variables(module, "scale", "bias"), **statistics})


def _over_axes(module: Any, context: Context, x: Value) -> tuple[Any, dict[str, Any]]:
    """The axes of a norm, and its variables."""
    rank = len(context.shapes[x])
    if context.layouts.get(x, Layout()) != Layout() and not _from_the_end(module):
        raise NoConversionError("axes counted from one that is not the first here")
    axes = _axes(module.reduction_axes, rank)
    if axes != _axes(module.feature_axes, rank) or -rank in axes:
        raise NoConversionError("scales along other axes than the mean")
    sizes = [size for size in (context.shapes[x][axis] for axis in axes) if size is not None]
    own = {name: array.reshape(sizes) for name, array in variables(module, "scale", "bias").items()}
    return (axes if len(axes) > 1 else axes[0]), own


def _from_the_end(module: Any) -> bool:
    axes = (module.reduction_axes, module.feature_axes)
    return all(axis < 0 for given in axes for axis in ((given,) if isinstance(given, int) else given))


@convert.register(nnx.LayerNorm)
@convert.register(nn.LayerNorm)
def layer_norm(module: nnx.LayerNorm | nn.LayerNorm, context: Context, x: Value, *, mask: Any = None) -> Value:
    options = _checked(module, context, mask)
    axes, own = _over_axes(module, context, x)
    return context.call(LayerNorm(use_bias=bool(module.use_bias), axes=axes, **options), x, variables=own)


@convert.register(nnx.RMSNorm)
@convert.register(nn.RMSNorm)
def rms_norm(module: nnx.RMSNorm | nn.RMSNorm, context: Context, x: Value, mask: Any = None) -> Value:
    if mask is not None:
        raise NoConversionError("a mask of positions")
    axes, own = _over_axes(module, context, x)
    layer = RMSNorm(epsilon=float(module.epsilon), use_scale=bool(module.use_scale), axes=axes)
    return context.call(layer, x, variables=own)


@convert.register(nnx.GroupNorm)
@convert.register(nn.GroupNorm)
def group_norm(module: nnx.GroupNorm | nn.GroupNorm, context: Context, x: Value, *, mask: Any = None) -> Value:
    options = _checked(module, context, mask)
    rank = len(context.shapes[x])
    if module.reduction_axes is not None and _axes(module.reduction_axes, rank) != tuple(range(1 - rank, 0)):
        raise NoConversionError("some axes alone")
    by_size = isinstance(module, nn.GroupNorm) and module.group_size is not None
    groups = {"group_size": module.group_size} if by_size else {"num_groups": module.num_groups}
    layer = GroupNorm(**groups, use_bias=bool(module.use_bias), **options)
    return context.call(layer, x, variables=variables(module, "scale", "bias"))


@convert.register(nnx.InstanceNorm)
@convert.register(nn.InstanceNorm)
def instance_norm(module: nnx.InstanceNorm | nn.InstanceNorm, context: Context, x: Value, *, mask: Any = None) -> Value:
    options = _checked(module, context, mask)
    if _axes(module.feature_axes, len(context.shapes[x])) != (-1,):
        raise NoConversionError("channels in other axes")
    layer = InstanceNorm(use_bias=bool(module.use_bias), **options)
    return context.call(layer, x, variables=variables(module, "scale", "bias"))
