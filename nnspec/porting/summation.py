"""Errors that the order of a sum makes, which no spec pins: how large they may be at each node of a model."""

from __future__ import annotations

import math

from nnspec.calls import Call, Opened
from nnspec.rounding import summation
from nnspec.vocabulary import tag_of

# One output of so many inputs' sum.
_REDUCING = frozenset(
    (
        *(
            "GlobalAvgPool",
            "AvgPool",
            "AdaptiveAvgPool",
            "sum",
            "mean",
            "std",
            "var",
            "prod",
            "vector_norm",
            "logsumexp",
        ),
        "trace",
    )
)
# Every output depends on sums over as much as an example, of those of the batch in training.
_WHOLE = frozenset(
    (
        *("LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm", "UnitNorm", "standardize"),
        *("softmax", "log_softmax", "cumulative_sum", "cumulative_prod"),
    )
)
_OF_THE_BATCH = frozenset(("BatchNorm", "BatchRenorm"))


def orders(graph: Opened, rows: int, *, training: bool) -> dict[str, float]:
    """For each call the error that another order of sums makes, in units in the last place of its own scale.

    It is one at least, and what comes after a sum inherits its error.

    Args:
        graph: of a model whose sizes are known, but for the batch.
        rows: the size of the batch.
        training: whether batch norms take sums.
    """
    found: dict[str, float] = {}
    for call in graph.calls:
        own = summation(_terms(call, rows, training))
        found[call.path] = max([1.0, own, *(found[source] for source in call.inputs if source in found)])
    return found


def _terms(call: Call, rows: int, training: bool) -> int:
    """Of how many terms the longest sum is; none where a layer's own error in one order shows those of others."""
    tag = tag_of(type(call.layer))
    sizes = math.prod(size or 1 for size in call.shapes[0][1:]) if call.shapes else 0
    if tag in _REDUCING:
        return sizes // max(math.prod(size or 1 for size in call.output[1:]), 1)
    if call.layer.convolves:
        # TensorFlow adds the products of a window from first to last, XLA in blocks; matrix products both in blocks.
        return max((math.prod(param.shape[:-1]) for param in call.params.values() if len(param.shape) > 1), default=0)
    if tag in _OF_THE_BATCH and training:
        return rows * sizes // (call.shapes[0][-1] or 1)
    return sizes if tag in _WHOLE else 0
