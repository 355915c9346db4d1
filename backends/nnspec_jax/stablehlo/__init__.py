"""StableHLO programs as nodes: their operations as JAX's own, for all examples at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nnspec.backends import FloatType
from nnspec.errors import UnsupportedError
from nnspec.layers.stablehlo import NO_DERIVATIVE, StableHLO
from nnspec.stablehlo.module import Module
from nnspec_jax.attributes import attribute
from nnspec_jax.realize import Context, at_least_float32, build
from nnspec_jax.stablehlo import (  # noqa: F401 - each registers its rules
    arrangement,
    control,
    elementwise,
    linear,
    reductions,
)
from nnspec_jax.stablehlo.evaluate import Run


class Program(nnx.Module):
    """A StableHLO program with its variables."""

    def __init__(self, spec: StableHLO, context: Context) -> None:
        self._spec, self._dtype = spec, context.dtype
        for name, param in spec.params(*context.shapes).items():
            setattr(self, attribute(name), nnx.BatchStat(jnp.zeros(param.shape, context.dtype)))

    def __call__(self, *inputs: jax.Array, spec: StableHLO | None = None) -> jax.Array:
        spec = spec or self._spec
        wide = np.dtype(at_least_float32(self._dtype))
        variables = [getattr(self, attribute(name))[...] for name in spec.variables]
        y = _refused(lambda *given: _results(spec, wide, given))(*inputs, *variables)
        return y.astype(self._dtype if spec.result_dtype == "float" else y.dtype)


def _results(spec: StableHLO, dtype: np.dtype[Any], given: tuple[jax.Array, ...]) -> jax.Array:
    """The program's result for each example. Whole numbers have up to 64 bits in programs."""
    kind = spec.result_dtype
    with jax.enable_x64(True):
        run, types = Run(spec.module, dtype), spec.module.main.types
        operands = [x.astype(run.dtype(of)) for x, of in zip(given, types, strict=True)]
        variables = operands[spec.inputs :]

        def one(*inputs: jax.Array) -> jax.Array:
            return run.main([*(x[None] for x in inputs), *variables])[spec.output][0]

        y = jax.vmap(one)(*operands[: spec.inputs])
        return y.astype({"float": dtype, "int32": np.dtype(np.int32), "bool": np.dtype(np.bool_)}[kind])


def run_module(module: Module, arrays: Sequence[Any], dtype: FloatType) -> list[np.ndarray[Any, Any]]:
    """What a whole module gives for arrays, floats in ``dtype``."""
    with jax.enable_x64(True):
        run = Run(module, np.dtype(dtype))
        given = [np.asarray(x).astype(run.dtype(of)) for x, of in zip(arrays, module.main.types, strict=True)]
        return [np.asarray(x) for x in jax.jit(lambda *x: run.main(x))(*given)]


def _refused(function: Any) -> Any:
    """A function that has no derivative."""
    known = jax.custom_jvp(function)

    @known.defjvp
    def no_derivative(primals: Any, tangents: Any) -> Any:
        raise UnsupportedError(NO_DERIVATIVE)

    return known


@build.register
def program(spec: StableHLO, context: Context) -> Program:
    return Program(spec, context)
