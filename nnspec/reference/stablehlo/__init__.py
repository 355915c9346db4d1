"""StableHLO programs, as their specification defines them: one file per kind of operation.

What it leaves open is as XLA has it: integers divided by zero, floats that no integer holds, reductions of windows that
are padded. So are windows of a scatter that lie partly outside, which XLA leaves out as a whole.

Source: StableHLO specification (openxla.org/stablehlo/spec).
"""

from __future__ import annotations

import numpy as np

from nnspec.layers.stablehlo import StableHLO
from nnspec.reference.base import Array, Scope, apply, computing

# The kinds are imported because they register their operations.
from nnspec.reference.stablehlo import (
    arrangement,
    calls,
    control,
    conversions,
    elementwise,
    indexing,
    linear,
    reductions,
    sorting,
)
from nnspec.reference.stablehlo.evaluate import run
from nnspec.stablehlo.module import computed_dtype

__all__ = [
    "arrangement",
    "calls",
    "control",
    "conversions",
    "elementwise",
    "indexing",
    "linear",
    "reductions",
    "run",
    "sorting",
]


@apply.register(StableHLO)
def stablehlo(spec: StableHLO, scope: Scope, *inputs: Array) -> Array:
    module, dtype = spec.module, computing(scope.state.dtype)
    main = module.main
    variables = [scope[name] for name in spec.variables]
    # Whole numbers come as int32, in whatever width the program has them.
    given = [x.astype(computed_dtype(of.dtype, dtype), copy=False) for x, of in zip(inputs, main.types, strict=False)]
    left = {"float": dtype, "int32": np.dtype(np.int32), "bool": np.dtype(np.bool_)}[spec.result_dtype]
    y = np.empty((len(given[0]), *spec.result_types[spec.output].shape[1:]), left)
    for b in range(len(y)):
        results = run(module, [*(x[b : b + 1] for x in given), *variables], dtype)
        y[b] = results[spec.output][0].astype(left)
    return y
