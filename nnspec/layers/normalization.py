"""Normalization layers."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from nnspec.errors import ShapeError, SpecError
from nnspec.layers.base import Axes, Layer, Param, Shape, elements, feature_axes, known, show
from nnspec.spec import AnyInitializer, NonNegativeFloat, PositiveFloat, PositiveInt, Probability, spec


def _scale_and_bias(
    layer: BatchNorm | BatchRenorm | GroupNorm | InstanceNorm | LayerNorm, *sizes: int
) -> dict[str, Param]:
    made = {}
    if layer.use_scale:
        made["scale"] = Param(sizes, layer.scale_init)
    if layer.use_bias:
        made["bias"] = Param(sizes, layer.bias_init)
    return made


def _sizes(shape: Shape, axes: Axes, what: str) -> tuple[int, ...]:
    """The sizes of the axes that a layer keeps parameters for."""
    return tuple(known(shape[axis], f"axis {axis} of {what}'s input") for axis in feature_axes(shape, axes, what))


def _with_features(shape: Shape, what: str) -> Shape:
    if len(shape) < 2:
        raise ShapeError(f"{what} needs inputs of at least 2 axes (batch and features), got {show(shape)}")
    return shape


@spec
class BatchNorm(Layer):
    """Batch normalization over all axes but the last, or but the one that is given.

    y = (x − mean) / √(var + epsilon) · scale + bias

    In training, mean and var are the batch's (var two-pass and biased, 1/n), gradients flow through both, and the
    running statistics become momentum · running + (1 − momentum) · batch, with the same biased variance. In inference
    mean and var are the running statistics.

    Shapes: x, y (batch, ..., features); scale, bias, mean, var (features,). ``mean`` starts at 0, ``var`` at 1.
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167 (which keeps an unbiased running variance; Flax and Keras do not).

    Attributes:
        axis: the axis of the features.
        use_running_average: whether training, too, uses the running statistics and leaves them as they are.
    """

    momentum: Probability = 0.99
    epsilon: PositiveFloat = 1e-5
    use_scale: bool = True
    use_bias: bool = True
    scale_init: AnyInitializer = "ones"
    bias_init: AnyInitializer = "zeros"
    axis: int = -1
    use_running_average: bool = False

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = _sizes(_with_features(shapes[0], "BatchNorm"), self.axis, "BatchNorm")
        return {
            **_scale_and_bias(self, *features),
            "mean": Param(features, "zeros", kind="statistic"),
            "var": Param(features, "ones", kind="statistic"),
        }

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axes(_with_features(shapes[0], "BatchNorm"), self.axis, "BatchNorm")
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 2 * elements(shapes[0])  # statistics, scale and bias come to one factor and one shift per feature


@spec
class BatchRenorm(Layer):
    """Batch renormalization: batch normalization that is corrected towards what inference will do.

    y = ((x − m) / s · r + d) · scale + bias, with the batch's mean m and deviation s = √(var + epsilon), var biased

    r = clip(s / stddev, 1/r_max, r_max), d = clip((m − mean) / stddev, −d_max, d_max)

    in training, with the running statistics as they are before. Gradients flow through m and s, and take r and d for
    constants. The running statistics become momentum · running + (1 − momentum) · batch, of m and of s. Unclipped, y is
    what inference gives: y = (x − mean) / stddev · scale + bias. With ``r_max: 1`` and ``d_max: 0``, as the paper
    starts, training is that of BatchNorm.

    Shapes: x, y (batch, ..., features); scale, bias, mean, stddev (features,). ``mean`` starts at 0, ``stddev`` at 1.
    Source: Ioffe 2017, arXiv:1702.03275. Keras's ``BatchNormalization(renorm=True)`` keeps the statistics twice, by two
    momenta; with equal ones they are these.

    Attributes:
        axis: the axis of the features.
    """

    momentum: Probability = 0.99
    epsilon: PositiveFloat = 1e-5
    r_max: Annotated[float, Field(ge=1)] = 3.0
    d_max: NonNegativeFloat = 5.0
    use_scale: bool = True
    use_bias: bool = True
    scale_init: AnyInitializer = "ones"
    bias_init: AnyInitializer = "zeros"
    axis: int = -1

    def params(self, *shapes: Shape) -> dict[str, Param]:
        features = _sizes(_with_features(shapes[0], "BatchRenorm"), self.axis, "BatchRenorm")
        return {
            **_scale_and_bias(self, *features),
            "mean": Param(features, "zeros", kind="statistic"),
            "stddev": Param(features, "ones", kind="statistic"),
        }

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axes(_with_features(shapes[0], "BatchRenorm"), self.axis, "BatchRenorm")
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 2 * elements(shapes[0])  # as BatchNorm


@spec
class LayerNorm(Layer):
    """Layer normalization over the last axis, or over those that are given.

    y = (x − mean) / √(var + epsilon) · scale + bias, with the mean and the biased (1/n, two-pass) variance over
    ``axes``, in training and in inference.

    Shapes: x, y (batch, ..., features); scale, bias (features,), or for several axes their sizes in the input's order.
    Source: Ba et al. 2016, arXiv:1607.06450.
    """

    epsilon: PositiveFloat = 1e-6
    use_scale: bool = True
    use_bias: bool = True
    scale_init: AnyInitializer = "ones"
    bias_init: AnyInitializer = "zeros"
    axes: Axes = -1

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return _scale_and_bias(self, *_sizes(_with_features(shapes[0], "LayerNorm"), self.axes, "LayerNorm"))

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axes(_with_features(shapes[0], "LayerNorm"), self.axes, "LayerNorm")
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        # The sum, the difference, its square, their sum, the division; scale and bias. Per position: √, ÷ and +.
        return (5 + self.use_scale + self.use_bias) * elements(shapes[0]) + 4 * _groups(shapes[0], self.axes)


@spec
class RMSNorm(Layer):
    """Root mean square normalization over the last axis, or over those that are given.

    y = x / √(mean(x²) + epsilon) · scale, with the mean over ``axes``, in training and in inference.

    Shapes: x, y (batch, ..., features); scale (features,), or for several axes their sizes in the input's order.
    Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    """

    epsilon: PositiveFloat = 1e-6
    use_scale: bool = True
    scale_init: AnyInitializer = "ones"
    axes: Axes = -1

    def params(self, *shapes: Shape) -> dict[str, Param]:
        sizes = _sizes(_with_features(shapes[0], "RMSNorm"), self.axes, "RMSNorm")
        return {"scale": Param(sizes, self.scale_init)} if self.use_scale else {}

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axes(_with_features(shapes[0], "RMSNorm"), self.axes, "RMSNorm")
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        # The square, its sum, the division; scale. Per position: √, ÷ and +.
        return (3 + self.use_scale) * elements(shapes[0]) + 3 * _groups(shapes[0], self.axes)


@spec
class UnitNorm(Layer):
    """Division by the Euclidean norm over the last axis, or over those that are given.

    y = x / max(‖x‖, epsilon), with ‖x‖ = √(Σx²) over ``axes``. Where ‖x‖ ≤ epsilon, epsilon included, the derivative is
    that of x / epsilon.

    Shapes: y as x.
    Source: ``keras.layers.UnitNormalization``, ``torch.nn.functional.normalize``.
    """

    axes: Axes = -1
    epsilon: PositiveFloat = 1e-12

    def output_shape(self, *shapes: Shape) -> Shape:
        feature_axes(_with_features(shapes[0], "UnitNorm"), self.axes, "UnitNorm")
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        return 3 * elements(shapes[0]) + 2 * _groups(shapes[0], self.axes)  # square, sum, division; √ and maximum


@spec
class GroupNorm(Layer):
    """Group normalization: over all axes but the batch's, within groups of neighboring channels.

    y = (x − mean) / √(var + epsilon) · scale + bias, with the mean and the biased (1/n, two-pass) variance of each
    example and group, in training and in inference. One group makes it a layer normalization with a scale and a bias
    for each channel, groups of one channel make it InstanceNorm.

    Shapes: x, y (batch, ..., channels); scale, bias (channels,).
    Source: Wu & He 2018, arXiv:1803.08494.

    Attributes:
        num_groups: how many groups; 32, as in the paper, unless ``group_size`` is given.
        group_size: how many channels are in a group.
    """

    num_groups: PositiveInt | None = None
    group_size: PositiveInt | None = None
    epsilon: PositiveFloat = 1e-6
    use_scale: bool = True
    use_bias: bool = True
    scale_init: AnyInitializer = "ones"
    bias_init: AnyInitializer = "zeros"

    def __post_init__(self) -> None:
        if self.num_groups is not None and self.group_size is not None:
            raise SpecError("GroupNorm takes num_groups or group_size, not both", ("group_size",))

    def groups(self, shape: Shape) -> int:
        """How many groups the channels of an input fall into.

        Raises:
            ShapeError: they cannot be divided so.
        """
        channels = known(_with_features(shape, "GroupNorm")[-1], "the last axis of GroupNorm's input")
        what, size = ("groups", 32 if self.num_groups is None else self.num_groups)
        if self.group_size is not None:
            what, size = "channels in a group", self.group_size
        if channels % size:
            raise ShapeError(f"GroupNorm: {channels} channels cannot be divided by {size} {what}: {show(shape)}")
        return size if self.group_size is None else channels // size

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return _scale_and_bias(self, known(shapes[0][-1], "the last axis of GroupNorm's input"))

    def output_shape(self, *shapes: Shape) -> Shape:
        self.groups(shapes[0])
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        groups = shapes[0][0] * self.groups(shapes[0])
        return (5 + self.use_scale + self.use_bias) * elements(shapes[0]) + 4 * groups  # as LayerNorm


@spec
class InstanceNorm(Layer):
    """Instance normalization: each channel of each example by itself, over the axes between batch and channels.

    y = (x − mean) / √(var + epsilon) · scale + bias, with the mean and the biased (1/n, two-pass) variance over these
    axes, in training and in inference.

    Shapes: x, y (batch, ..., channels), with at least one axis between; scale, bias (channels,).
    Source: Ulyanov et al. 2016, arXiv:1607.08022.
    """

    epsilon: PositiveFloat = 1e-6
    use_scale: bool = True
    use_bias: bool = True
    scale_init: AnyInitializer = "ones"
    bias_init: AnyInitializer = "zeros"

    def params(self, *shapes: Shape) -> dict[str, Param]:
        return _scale_and_bias(self, known(shapes[0][-1], "the last axis of InstanceNorm's input"))

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) < 3:
            raise ShapeError(f"InstanceNorm needs an axis between batch and channels, got {show(shapes[0])}")
        return shapes[0]

    def flops(self, *shapes: tuple[int, ...]) -> int:
        (batch, *_, channels) = shapes[0]
        return (5 + self.use_scale + self.use_bias) * elements(shapes[0]) + 4 * batch * channels  # as LayerNorm


def _groups(shape: tuple[int, ...], axes: Axes) -> int:
    """How many groups of elements are normalized, each by itself."""
    return elements(shape) // math.prod(shape[axis] for axis in feature_axes(shape, axes, "normalization"))
