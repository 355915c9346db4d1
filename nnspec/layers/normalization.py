"""Normalization layers."""

from __future__ import annotations

from nnspec.errors import ShapeError
from nnspec.layers.base import Layer, Param, Shape, elements, known, show
from nnspec.spec import AnyInitializer, PositiveFloat, Probability, spec


def _scale_and_bias(layer: BatchNorm | LayerNorm, features: int) -> dict[str, Param]:
    made = {}
    if layer.use_scale:
        made["scale"] = Param((features,), layer.scale_init)
    if layer.use_bias:
        made["bias"] = Param((features,), layer.bias_init)
    return made


@spec
class BatchNorm(Layer):
    """Batch normalization over all axes but the last.

    y = (x − mean) / √(var + epsilon) · scale + bias

    In training, mean and var are the batch's (var two-pass and biased, 1/n), gradients flow through both, and the
    running statistics become momentum · running + (1 − momentum) · batch, with the same biased variance. In inference
    mean and var are the running statistics.

    Shapes: x, y (batch, ..., features); scale, bias, mean, var (features,). ``mean`` starts at 0, ``var`` at 1.
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167 (which keeps an unbiased running variance; Flax and Keras do not).
    """

    momentum: Probability = 0.99
    epsilon: PositiveFloat = 1e-5
    use_scale: bool = True
    use_bias: bool = True
    scale_init: AnyInitializer = "ones"
    bias_init: AnyInitializer = "zeros"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = known(shapes[0][-1], "the last axis of BatchNorm's input")
        return {
            **_scale_and_bias(self, features),
            "mean": Param((features,), "zeros", kind="statistic"),
            "var": Param((features,), "ones", kind="statistic"),
        }

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 2:
            raise ShapeError(f"BatchNorm needs inputs of at least 2 axes (batch and features), got {show(shape)}")
        return shape

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 2 * elements(shapes[0])  # statistics, scale and bias come to one factor and one shift per feature


@spec
class LayerNorm(Layer):
    """Layer normalization over the last axis.

    y = (x − mean) / √(var + epsilon) · scale + bias, with the mean and the biased (1/n, two-pass) variance of the
    last axis, in training and in inference.

    Shapes: x, y (batch, ..., features); scale, bias (features,).
    Source: Ba et al. 2016, arXiv:1607.06450.
    """

    epsilon: PositiveFloat = 1e-6
    use_scale: bool = True
    use_bias: bool = True
    scale_init: AnyInitializer = "ones"
    bias_init: AnyInitializer = "zeros"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return _scale_and_bias(self, known(shapes[0][-1], "the last axis of LayerNorm's input"))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 2:
            raise ShapeError(f"LayerNorm needs inputs of at least 2 axes (batch and features), got {show(shape)}")
        return shape

    def flops(self, *shapes: tuple[int, ...]) -> int:
        # The sum, the difference, its square, their sum, the division; scale and bias. Per position: √, ÷ and +.
        return (5 + self.use_scale + self.use_bias) * elements(shapes[0]) + 4 * elements(shapes[0][:-1])
