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
        return self._compute([*as_inputs(self._net.model, inputs, jnp.dtype(self._net.dtype)).values()])

    def _compute(self, given: list[Any]) -> dict[str, Array]:
        if self._wide:
            with jax.enable_x64(True):
                outputs = self._execute(self._net.arrays(), given)
        else:
            outputs = self._execute(self._net.arrays(), given)
        # Copies, since JAX's own are read-only.
        return {name: np.array(x) for name, x in zip(self._net.model.outputs, outputs, strict=True)}
