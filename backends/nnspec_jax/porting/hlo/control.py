"""Calls, loops and branches."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnspec.errors import PortError
from nnspec.stablehlo.module import Operation
from nnspec_jax.porting.hlo.evaluate import Run, rule

# So many steps of a loop are written out, as of JAX's own.
MOST = 512


@rule("func.call")
def call(run: Run, operation: Operation, *given: Any) -> Any:
    return run.call(operation.attributes["callee"], given)


@rule("composite")
def composite(run: Run, operation: Operation, *given: Any) -> Any:
    return run.call(operation.attributes["decomposition"], given)


@rule("tuple", "get_tuple_element", "rng", "rng_bit_generator", "fft", "infeed", "outfeed", "send", "recv")
def refused(run: Run, operation: Operation, *given: Any) -> Any:
    why = {"rng": "draws random numbers", "rng_bit_generator": "draws random numbers"}.get(operation.name, "")
    raise PortError(f"{run.where(operation)} has no counterpart in nnspec" + (f": it {why}" if why else ""))


@rule("while")
def loop(run: Run, operation: Operation, *given: Any, values: Any) -> Any:
    """A loop whose end is known beforehand, written out; another is JAX's loop."""
    condition, body = operation.blocks
    state = list(given)
    for _ in range(MOST + 1):
        (going,) = run.block(condition, state, values)
        if not isinstance(going, np.ndarray):
            break
        if not bool(going):
            return state
        state = run.block(body, state, values)
    raise PortError(
        f"{run.where(operation)}: a loop whose number of steps depends on the inputs, or is above {MOST}, has no "
        "counterpart in nnspec"
    )


@rule("case", "if")
def branch(run: Run, operation: Operation, index: Any, *given: Any, values: Any) -> Any:
    """A branch that is known beforehand; of one that depends on values, both where a choice of each element is that."""
    blocks = operation.blocks if operation.name == "case" else operation.blocks[::-1]
    if isinstance(index, np.ndarray):
        at = int(index.reshape(-1)[0])
        return run.block(blocks[at if 0 <= at < len(blocks) else -1], given, values)
    raise PortError(
        f"{run.where(operation)}: a branch that depends on values has no counterpart in nnspec: compute both and "
        "choose with tf.where"
    )
