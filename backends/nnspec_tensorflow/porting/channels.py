"""Layers whose channels come first: their inputs and outputs are transposed, since the spec's channels come last."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context


def last(context: Context, x: Value) -> Value:
    """A value with its channels moved from the front to the end."""
    rank = len(context.shapes[x])
    return context.call(nnspec.Permute((*range(2, rank), 1)), x, part="channels_last") if rank > 2 else x


def first(context: Context, x: Value) -> Value:
    """A value with its channels moved from the end to the front."""
    rank = len(context.shapes[x])
    return context.call(nnspec.Permute((rank - 1, *range(1, rank - 1))), x, part="channels_first") if rank > 2 else x


def either(function: Callable[..., Value]) -> Callable[..., Value]:
    """A conversion that is written for channels that come last, for layers with a ``data_format``."""

    @wraps(function)
    def convert(layer: Any, context: Context, inputs: Value, **options: Any) -> Value:
        if layer.data_format == "channels_last":
            return function(layer, context, inputs, **options)
        return first(context, function(layer, context, last(context, inputs), **options))

    return convert
