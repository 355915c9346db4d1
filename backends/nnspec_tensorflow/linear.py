"""Linear layers."""

from __future__ import annotations

from typing import Any

from nnspec.layers.linear import Bilinear, Dense, DenseGeneral, EinsumDense
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import function
from nnspec_tensorflow.realize import Context, build, serializable, sizes, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


def product(x: Tensor, kernel: Tensor) -> Tensor:
    """(…, inputs) times (inputs, features), as a product of two matrices.

    Where several axes are contracted in the kernel's gradient, XLA for CPUs transposes them in memory first.
    """
    rows = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), kernel)
    return tf.reshape(rows, (*sizes(x)[:-1], kernel.shape[-1]))


@build.register
def dense(spec: Dense, context: Context) -> keras.layers.Layer:
    return keras.layers.Dense(
        spec.features,
        activation=None if spec.activation is None else function(spec.activation),
        use_bias=spec.use_bias,
        kernel_initializer="zeros",
        bias_initializer="zeros",
        **context.options,
    )


class _Multiplied(keras.layers.Layer):
    """A layer that computes in float32 at least and rounds once.

    Args:
        spec: the layer of the spec, or its short form.
    """

    def __init__(self, spec: Any, **options: Any) -> None:
        super().__init__(**options)
        self.spec: Any = parse("layer", spec)

    def build(self, input_shape: Any) -> None:
        # When Keras loads a model, the shape of a single input is a list, too.
        shapes = input_shape if isinstance(input_shape[0], list | tuple) else [input_shape]
        for name, param in self.spec.params(*map(tuple, shapes)).items():
            setattr(self, name, self.add_weight(name=name, shape=param.shape, initializer="zeros"))

    def compute_output_spec(self, inputs: Any) -> Any:
        given = inputs if isinstance(inputs, list | tuple) else [inputs]
        return keras.KerasTensor(self.spec.output_shape(*(tuple(x.shape) for x in given)), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


@serializable
class Contraction(_Multiplied):
    """A product with a kernel of several axes."""

    def call(self, inputs: Tensor) -> Tensor:
        x, shape = tf.cast(inputs, working(self.compute_dtype)), tuple(inputs.shape)
        y = tf.einsum(str(self.spec.spelled(shape)), x, tf.cast(self.kernel, x.dtype))
        bias = self.spec.biases(shape)
        if bias is not None:
            y += tf.reshape(tf.cast(self.bias, x.dtype), bias)
        if self.spec.activation is not None:
            y = keras.activations.get(function(self.spec.activation))(y)
        return tf.cast(y, self.compute_dtype)


@serializable
class BilinearForms(_Multiplied):
    """A form of two inputs for each feature."""

    def call(self, inputs: Any) -> Tensor:
        wide = working(self.compute_dtype)
        x1, x2, kernel = (tf.cast(x, wide) for x in (*inputs, self.kernel))
        forms = product(x1, tf.reshape(kernel, (kernel.shape[0], kernel.shape[1] * kernel.shape[2])))
        forms = tf.reshape(forms, (*sizes(x1)[:-1], *kernel.shape[1:]))
        y = tf.reduce_sum(forms * x2[..., None], -2)
        if self.spec.use_bias:
            y += tf.cast(self.bias, wide)
        return tf.cast(y, self.compute_dtype)


@build.register(DenseGeneral)
@build.register(EinsumDense)
def contraction(spec: DenseGeneral | EinsumDense, context: Context) -> keras.layers.Layer:
    return Contraction(spec, **context.options)


@build.register
def bilinear(spec: Bilinear, context: Context) -> keras.layers.Layer:
    return BilinearForms(spec, **context.options)
