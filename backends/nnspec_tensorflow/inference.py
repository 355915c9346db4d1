"""Inference at one batch shape as one function, traced and compiled ahead of time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.inference import BatchShape, Exact, Inference
from nnspec_tensorflow.arrays import as_inputs, numpy_dtype
from nnspec_tensorflow.compilation import concrete, flat
from nnspec_tensorflow.startup import tf

if TYPE_CHECKING:
    from nnspec_tensorflow.net import TensorFlowNet


class TensorFlowInference(Inference):
    """A TensorFlow net's :class:`~nnspec.inference.Inference`: nothing is traced or compiled after it is made.

    An array or a tensor of the full batch's shape, in the dtype that the function takes, is taken as it is.
    """

    def __init__(self, net: TensorFlowNet, shape: BatchShape) -> None:
        super().__init__(net, shape)
        self._net = net
        kinds = {"float": numpy_dtype(net.dtype), "int32": np.int32, "bool": np.bool_}
        dtypes = {name: kinds[declared.dtype] for name, declared in net.model.inputs.items()}
        self._exact = Exact(self.shapes, dtypes)
        given = [tf.TensorSpec(size, tf.as_dtype(dtypes[name])) for name, size in self.shapes.items()]
        with net.placed():
            self._execute = flat(concrete(partial(net.listed, training=False), *given, xla=net.xla))
        # XLA compiles when a function is first called.
        self._compute([np.zeros(size, dtypes[name]) for name, size in self.shapes.items()])

    def __call__(self, inputs: Arrays) -> dict[str, Array]:
        ready = self._exact(inputs)
        return super().__call__(inputs) if ready is None else self._compute(ready)

    def run(self, inputs: Arrays) -> dict[str, Array]:
        return self._compute(self._converted(inputs))

    def on_device(self, inputs: Arrays) -> dict[str, Any]:
        ready = self._exact(inputs)
        if ready is None:
            self._full(inputs)
            ready = self._converted(inputs)
        return dict(zip(self._net.model.outputs, self._outputs_of(ready), strict=True))

    def _converted(self, inputs: Arrays) -> list[Any]:
        return [*as_inputs(self._net.model, inputs, self._net.dtype).values()]

    def to_host(self, arrays: Mapping[str, Any]) -> dict[str, Array]:
        return {name: x.numpy() for name, x in arrays.items()}

    def _compute(self, given: list[Any]) -> dict[str, Array]:
        return self.to_host(dict(zip(self._net.model.outputs, self._outputs_of(given), strict=True)))

    def _outputs_of(self, given: list[Any]) -> list[Any]:
        with self._net.placed():
            found: list[Any] = self._execute(*(x if isinstance(x, tf.Tensor) else tf.constant(x) for x in given))
        return found
