"""Recurrent layers that convolve: one convolution for the inputs of all steps, then a loop over time.

Keras's own convolves each step's input by itself, and each gate by itself.
"""

from __future__ import annotations

from typing import Any

from nnspec.layers.convolution import Conv
from nnspec.layers.convolutional_recurrent import ConvLSTM
from nnspec.layers.window import pads
from nnspec_tensorflow.realize import Context, build, serializable, sizes
from nnspec_tensorflow.recurrence import State
from nnspec_tensorflow.recurrent import RecurrentLayer, activated, layer_of
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def _convolved(spec: Conv, x: Tensor, kernel: Tensor) -> Tensor:
    around = pads(spec.padding, tuple(x.shape[1:-1]), spec.kernel_size, spec.stride, spec.dilations)
    x = tf.pad(x, ((0, 0), *around, (0, 0)))
    return tf.nn.convolution(x, kernel, strides=spec.stride, padding="VALID")


@serializable
class SpecConvLSTM(RecurrentLayer):
    """LSTM that convolves, with the gates i, f, g, o side by side."""

    states = 2

    def multiplied(self, x: Tensor, kernel: Tensor) -> Tensor:
        steps, batch, *rest = sizes(x)
        together = _convolved(self.spec.of_input, tf.reshape(x, (-1, *rest)), kernel)
        return tf.reshape(together, (steps, batch, *together.shape[1:]))

    def advance(self, given: Tensor, fed: Tensor, state: State, kernel: Tensor) -> State:
        spec = self.spec
        i, f, g, o = tf.split(given + _convolved(spec.of_state, fed, kernel), 4, axis=-1)
        i, f, o = (activated(spec.recurrent_activation, gate) for gate in (i, f, o))
        c = f * state[1] + i * activated(spec.activation, g)
        return o * activated(spec.activation, c), c


@build.register
def conv_lstm(spec: ConvLSTM, context: Context) -> keras.layers.Layer:
    return layer_of(SpecConvLSTM, spec, context)
