"""Inference at one batch shape as one executable of XLA, made ahead of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.inference import BatchShape, Exact, Inference
from nnspec_jax.arrays import as_inputs
from nnspec_jax.compilation import compiler_options

if TYPE_CHECKING:
    from nnspec_jax.net import DeviceArrays, JaxNet


class JaxInference(Inference):
    """A JAX net's :class:`~nnspec.inference.Inference`: nothing is traced or compiled after it is made.

    An array of the full batch's shape, in the dtype that the program takes, goes to the executable as it is.
    """

    def __init__(self, net: JaxNet, shape: BatchShape) -> None:
        super().__init__(net, shape)
        self._net = net
        self._wide = net.dtype == "float64"
        kinds = {"float": jnp.dtype(net.dtype), "int32": np.dtype(np.int32), "bool": np.dtype(np.bool_)}
        dtypes = {name: kinds[declared.dtype] for name, declared in net.model.inputs.items()}
        self._exact = Exact(self.shapes, dtypes)
        where = None if net.device is None else jax.sharding.SingleDeviceSharding(net.device)
        given = [jax.ShapeDtypeStruct(size, dtypes[name], sharding=where) for name, size in self.shapes.items()]
        with jax.enable_x64(self._wide):
            options = compiler_options(net.model, net.platform)
            self._execute = jax.jit(self._outputs, compiler_options=options).lower(net.arrays(), given).compile()

    def _outputs(self, variables: DeviceArrays, inputs: Sequence[jax.Array]) -> list[jax.Array]:
        outputs, _, _ = self._net.apply(variables, dict(zip(self.shapes, inputs, strict=True)), training=False)
        return [outputs[name] for name in self._net.model.outputs]

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
        return [*as_inputs(self._net.model, inputs, jnp.dtype(self._net.dtype)).values()]

    def _compute(self, given: list[Any]) -> dict[str, Array]:
        # Copies, since JAX's own are read-only.
        return self.to_host(dict(zip(self._net.model.outputs, self._outputs_of(given), strict=True)))

    def _outputs_of(self, given: list[Any]) -> list[jax.Array]:
        if not self._wide:
            return self._execute(self._net.arrays(), given)
        with jax.enable_x64(True):
            return self._execute(self._net.arrays(), given)
