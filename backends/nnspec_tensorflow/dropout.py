"""Layers that drop at random in training, on masks computed inside the compiled step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from nnspec import random as bits
from nnspec.errors import BackendError
from nnspec.layers.dropout import Dropout
from nnspec_tensorflow.activation import constant
from nnspec_tensorflow.random import keep_mask
from nnspec_tensorflow.realize import Context, build, serializable
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


class RandomLayer(keras.layers.Layer):
    """A layer that drops on Philox masks.

    Args:
        rate: share of elements that is dropped.
        place: the canonical path of the node, which names its random stream.
        calls: how many nodes of its model use the layer.
    """

    def __init__(self, rate: float, place: str, calls: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.rate, self.place, self.calls = rate, place, calls
        self.state: RandomState | None = None

    def dropped(self, x: Tensor, use: int = 0) -> Tensor:
        """The tensor as training leaves it: each element kept and scaled, or zero."""
        return tf.where(self.mask(x, use), x / constant(1 - self.rate, x), tf.zeros_like(x))

    def target(self, inputs: list[Tensor]) -> Tensor:
        """A tensor of the shape of what is dropped in a call on these inputs."""
        return inputs[0]

    def mask(self, x: Tensor, use: int = 0) -> Tensor:
        """The boolean keep-mask that a training-mode call uses at the current step on a tensor of this shape."""
        if self.state is None:
            raise BackendError(
                f"the dropout layer {self.place!r} draws from the seed and step of the model it was built for"
            )
        stream = bits.stream_of(self.place, "dropout", call_number(self.calls, use))
        seed, step = tf.convert_to_tensor(self.state.seed), tf.convert_to_tensor(self.state.step)
        return keep_mask(self.rate, x, seed, stream, step)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "place": self.place, "calls": self.calls}


@serializable
class SpecDropout(RandomLayer):
    """Inverted dropout of the input."""

    def call(self, x: Tensor, training: bool | None = None, use: int = 0) -> Tensor:
        if not training or self.rate == 0:
            return x
        return self.dropped(x, use)

    def compute_output_spec(self, x: Any, training: bool | None = None, use: int = 0) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)


@build.register
def dropout(spec: Dropout, context: Context) -> keras.layers.Layer:
    return SpecDropout(spec.rate, context.path, context.calls, **context.options)
