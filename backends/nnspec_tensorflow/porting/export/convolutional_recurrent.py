"""Recurrent layers that convolve."""

from __future__ import annotations

from typing import Any

from nnspec.layers.convolutional_recurrent import ConvLSTM
from nnspec.layers.window import per_axis
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.porting.export.recurrent import options_of, through_time
from nnspec_tensorflow.startup import keras

_STOCK = {1: keras.layers.ConvLSTM1D, 2: keras.layers.ConvLSTM2D, 3: keras.layers.ConvLSTM3D}


@native.register
def conv_lstm(spec: ConvLSTM, context: Context, *inputs: Tensor) -> Tensor:
    x, *others = inputs
    padding: Any = spec.padding
    if not isinstance(padding, str):  # each step by itself, which is all of them at once
        x = keras.ops.pad(x, [[0, 0], [0, 0], *map(list, padding), [0, 0]])
        padding = "valid"
    layer = context.layer(
        _STOCK[len(spec.kernel_size)],
        spec.features,
        spec.kernel_size,
        strides=per_axis(spec.strides, spec.kernel_size),
        padding=padding,
        data_format="channels_last",
        dilation_rate=1,
        unit_forget_bias=False,  # the bias comes with the file
        **options_of(spec, context),
    )
    y = through_time(spec, context, layer, (x, *others))
    for name in ("kernel", "recurrent_kernel", "bias"):
        context.hold(name, layer, f"cell.{name}")
    return y
