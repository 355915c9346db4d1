"""Layers that drop or add noise at random in training, on bits computed inside the compiled step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from nnspec import random as bits
from nnspec.errors import BackendError
from nnspec.layers.dropout import (
    SELU_LIMIT,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    GaussianSample,
    SpatialDropout,
    StochasticDepth,
)
from nnspec.spec import dump, parse
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.random import keep_mask, normals
from nnspec_tensorflow.realize import Context, build, serializable, working
from nnspec_tensorflow.startup import keras, tf

Tensor = Any

# Which run this is, from 0, of the (nested) model that is being evaluated: nested models may be shared.
_run: ContextVar[int] = ContextVar("run", default=0)


def call_number(calls: int, use: int) -> int:
    """How often a layer has been called before, in node order, in this evaluation of the whole model.

    Args:
        calls: how many nodes of its model use the layer.
        use: which of them this is.
    """
    return _run.get() * calls + use


@contextmanager
def running(number: int) -> Iterator[None]:
    """Within, a model's own layers are evaluated for the time ``number``."""
    token = _run.set(number)
    try:
        yield
    finally:
        _run.reset(token)


class RandomState:
    """The seed (uint32, (2,)) and the step (uint32, ()) of a model, as its random layers read them.

    A plain object, so that Keras does not count the variables as each random layer's own.
    """

    def __init__(self, seed: Any, step: Any) -> None:
        self.seed, self.step = seed, step


class DrawingLayer(keras.layers.Layer):
    """A layer that draws Philox words.

    Args:
        place: the canonical path of the node, which names its random stream.
        calls: how many nodes of its model use the layer.
    """

    def __init__(self, place: str, calls: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.place, self.calls = place, calls
        self.state: RandomState | None = None

    def draw(self, purpose: str, use: int) -> tuple[Tensor, int, Tensor]:
        """The key, the stream and the step of a training-mode call."""
        if self.state is None:
            raise BackendError(
                f"the {purpose} layer {self.place!r} draws from the seed and step of the model it was built for"
            )
        stream = bits.stream_of(self.place, purpose, call_number(self.calls, use))
        return tf.convert_to_tensor(self.state.seed), stream, tf.convert_to_tensor(self.state.step)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "place": self.place, "calls": self.calls}


class RandomLayer(DrawingLayer):
    """A layer that drops on Philox masks.

    Args:
        rate: share of elements that is dropped.
        place, calls: see :class:`DrawingLayer`.
    """

    def __init__(self, rate: float, place: str, calls: int = 1, **options: Any) -> None:
        super().__init__(place, calls, **options)
        self.rate = rate

    def dropped(self, x: Tensor, use: int = 0) -> Tensor:
        """The tensor as training leaves it: each element kept and scaled, or zero."""
        return tf.where(self.mask(self.like(x, use), use), x / constant(1 - self.rate_of(use), x), tf.zeros_like(x))

    def rate_of(self, use: int) -> float:
        """The share of elements that is dropped in one of the layer's uses."""
        return self.rate

    def like(self, x: Tensor, use: int = 0) -> Tensor:
        """A tensor of the shape of the mask for this one."""
        return x

    def target(self, inputs: list[Tensor], use: int = 0) -> Tensor:
        """A tensor of the shape of the mask of a call on these inputs."""
        return self.like(inputs[0], use)

    def mask(self, x: Tensor, use: int = 0) -> Tensor:
        """The boolean keep-mask that a training-mode call uses at the current step on a tensor of this shape."""
        return keep_mask(self.rate_of(use), x, *self.draw("dropout", use))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


@serializable
class SpecDropout(RandomLayer):
    """Inverted dropout of the input, of elements or of what shares a mask.

    Args:
        spec: the layer of the spec, or its short form.
        place, calls: see :class:`DrawingLayer`.
    """

    def __init__(self, spec: Any, place: str, calls: int = 1, **options: Any) -> None:
        self.spec: Any = parse("layer", spec)
        options.pop("rate", None)  # stands in the spec
        super().__init__(self.spec.rate, place, calls, **options)

    def call(self, x: Tensor, training: bool | None = None, use: int = 0) -> Tensor:
        if not training or self.rate == 0:
            return x
        return self.dropped(x, use)

    def like(self, x: Tensor, use: int = 0) -> Tensor:
        kept = self.spec.mask_shape((2,) * x.shape.rank)  # 1 where all elements of the axis share the mask
        return x[tuple(slice(1) if size == 1 else slice(None) for size in kept)]

    def compute_output_spec(self, x: Any, training: bool | None = None, use: int = 0) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": dump(self.spec)}


@serializable
class SpecAlphaDropout(SpecDropout):
    """Dropout to what SELU tends to, with mean and variance kept."""

    def dropped(self, x: Tensor, use: int = 0) -> Tensor:
        mask, wide = self.mask(self.like(x), use), tf.cast(x, working(x.dtype.name))
        a, b = (constant(number, wide) for number in self.spec.affine)
        return tf.cast(a * tf.where(mask, wide, constant(SELU_LIMIT, wide)) + b, x.dtype)


@serializable
class SpecNoise(DrawingLayer):
    """Normal noise, added to the input or multiplied with it.

    Args:
        stddev: of the noise.
        multiplies: whether the input is multiplied by 1 + noise.
        place, calls: see :class:`DrawingLayer`.
    """

    def __init__(self, stddev: float, multiplies: bool, place: str, calls: int = 1, **options: Any) -> None:
        super().__init__(place, calls, **options)
        self.stddev, self.multiplies = stddev, multiplies

    def call(self, x: Tensor, training: bool | None = None, use: int = 0) -> Tensor:
        if not training or self.stddev == 0:
            return x
        wide = tf.cast(x, working(x.dtype.name))
        noise = constant(self.stddev, wide) * normals(wide, *self.draw("noise", use))
        return tf.cast(wide * (constant(1, wide) + noise) if self.multiplies else wide + noise, x.dtype)

    def compute_output_spec(self, x: Any, training: bool | None = None, use: int = 0) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "multiplies": self.multiplies}


@serializable
class SpecSample(DrawingLayer):
    """Samples of normal distributions in training, their means in inference.

    Args:
        place, calls: see :class:`DrawingLayer`.
    """

    def call(self, x: Tensor, training: bool | None = None, use: int = 0) -> Tensor:
        mean, log_variance = tf.split(x, 2, axis=-1)
        if not training:
            return mean
        wide, spread = (tf.cast(part, working(x.dtype.name)) for part in (mean, log_variance))
        return tf.cast(wide + tf.exp(spread / 2) * normals(wide, *self.draw("noise", use)), x.dtype)

    def compute_output_spec(self, x: Any, training: bool | None = None, use: int = 0) -> Any:
        return keras.KerasTensor((*x.shape[:-1], x.shape[-1] // 2), dtype=self.compute_dtype)


@build.register(Dropout)
@build.register(SpatialDropout)
@build.register(StochasticDepth)
def dropout(spec: Dropout | SpatialDropout | StochasticDepth, context: Context) -> keras.layers.Layer:
    return SpecDropout(spec, context.path, context.calls, **context.options)


@build.register
def alpha_dropout(spec: AlphaDropout, context: Context) -> keras.layers.Layer:
    return SpecAlphaDropout(spec, context.path, context.calls, **context.options)


@build.register(GaussianNoise)
@build.register(GaussianDropout)
def noise(spec: GaussianNoise | GaussianDropout, context: Context) -> keras.layers.Layer:
    multiplies = isinstance(spec, GaussianDropout)
    return SpecNoise(spec.stddev, multiplies, context.path, context.calls, **context.options)


@build.register
def sample(spec: GaussianSample, context: Context) -> keras.layers.Layer:
    return SpecSample(context.path, context.calls, **context.options)
