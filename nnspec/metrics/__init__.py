"""Metrics.

A metric accumulates sums over the examples on the device, for each of its accumulators a number or an array of fixed
shape, and is computed from them once, in float64 on the host: hence it is exact over batches of any size, and of each
epoch as a whole. Positions have the sample weights w that broadcast from the front, 1 without.

A position whose target is the ``ignore_label`` of the loss that is trained with is none for the metrics either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nnspec.metrics.base import Metric as Metric, Metrics as Metrics, Sums as Sums, added as added

if TYPE_CHECKING:  # at run time __getattr__ imports what is asked for
    from nnspec.metrics.classification import (
        BalancedAccuracy as BalancedAccuracy,
        CohenKappa as CohenKappa,
        ConfusionMatrix as ConfusionMatrix,
        FBeta as FBeta,
        MatthewsCorrelation as MatthewsCorrelation,
        MeanIoU as MeanIoU,
        Precision as Precision,
        Recall as Recall,
        Specificity as Specificity,
    )
    from nnspec.metrics.curves import AUC as AUC
    from nnspec.metrics.means import (
        MAE as MAE,
        MAPE as MAPE,
        MSE as MSE,
        MSLE as MSLE,
        RMSE as RMSE,
        Accuracy as Accuracy,
        BinaryAccuracy as BinaryAccuracy,
        CosineSimilarity as CosineSimilarity,
        Perplexity as Perplexity,
        TopKAccuracy as TopKAccuracy,
    )
    from nnspec.metrics.moments import (
        R2 as R2,
        ExplainedVariance as ExplainedVariance,
        PearsonCorrelation as PearsonCorrelation,
    )


def __getattr__(name: str) -> Any:
    from nnspec import vocabulary

    return vocabulary.attribute(__name__, "metric", name)
