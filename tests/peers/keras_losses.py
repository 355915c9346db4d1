"""Stand-ins for Keras's losses and metrics."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from nnspec.losses import Loss
from nnspec.metrics import Metric, Sums, added
from tests.peers.driver import Namespace
from tests.peers.outcome import NotExpressible, NoValues
from tests.peers.subjects import Subject, unreduced

_KERAS_DICE = nn.Dice(1e-7, smooth_numerator=False, from_probabilities=True)
_KERAS_TVERSKY = nn.Tversky(smooth=1e-7, smooth_numerator=False, from_probabilities=True)
REDUCTIONS = {"sum_over_batch_size": "mean", "mean": "mean", "mean_with_sample_weight": "weighted_mean", "sum": "sum"}


class KerasLoss:
    """One of our losses, or one for a number of classes, behind Keras's arguments.

    Keras takes the mean over the last axis of elementwise losses first and then reduces; we reduce all elements at
    once. For a mean this is the same; for a sum the weights take up the division.
    """

    def __init__(self, subject: Subject, spec: Any, *, elementwise: bool, ids: bool, reduction: Any, axis: int) -> None:
        self.subject, self.spec, self.elementwise, self.ids = subject, spec, elementwise, ids
        self.reduction, self.axis = reduction, axis

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        outputs = np.moveaxis(np.asarray(y_pred, np.float32), self.axis, -1)
        spec = self.spec if isinstance(self.spec, Loss) else self.spec(outputs.shape[-1])
        targets = self._targets(np.asarray(y_true), outputs)
        positions = outputs.shape[:-1]
        weights = _weights(sample_weight, positions)
        if self.reduction in (None, "none"):
            elements = outputs.shape if self.elementwise else positions
            losses = unreduced(self.subject, spec, outputs, targets, elements)
            losses = losses.mean(-1) if self.elementwise else losses
            return losses if weights is None else losses * weights
        if self.reduction == "sum" and self.elementwise:
            weights = np.full(positions, 1.0) if weights is None else weights
            weights = weights / outputs.shape[-1]
        return self.subject.loss(spec, outputs, targets, weights)[0]

    def __getattr__(self, name: str) -> Any:
        raise NoValues(name)

    def _targets(self, targets: Array, outputs: Array) -> Array:
        if self.ids:
            rank = outputs.ndim - 1
            single = targets.ndim > rank and targets.shape[self.axis] == 1
            return (np.squeeze(targets, self.axis) if single else targets).astype(np.int32)
        if targets.ndim == outputs.ndim - 1 and outputs.shape[-1] == 1:
            targets = targets[..., None]
        return np.moveaxis(targets, self.axis, -1).astype(np.float32)


def _signs(targets: Any) -> Array:
    """Targets of hinge losses as −1 and 1: Keras takes a batch of nothing but 0 and 1 for binary."""
    values = np.asarray(targets)
    return 2 * values - 1 if np.isin(values, (0, 1)).all() else values


def _weights(given: Any, positions: tuple[int, ...]) -> Array | None:
    """Keras's weights broadcast to the positions; a last axis of 1 too many is dropped."""
    if given is None:
        return None
    weights = np.asarray(given, np.float32)
    if weights.ndim == len(positions) + 1 and weights.shape[-1] == 1:
        weights = weights[..., 0]
    weights = weights.reshape(weights.shape + (1,) * (len(positions) - weights.ndim)) if weights.ndim else weights
    return np.broadcast_to(weights, positions)


def losses(subject: Subject) -> dict[str, Any]:
    """The global ``losses`` of Keras's tests of losses."""

    def loss(make: Any, *, elementwise: bool = True, ids: bool = False, signs: bool = False) -> Any:
        def construct(
            *,
            reduction: Any = "sum_over_batch_size",
            name: str | None = None,
            dtype: Any = None,
            axis: int = -1,
            ignore_class: int | None = None,
            **options: Any,
        ) -> KerasLoss:
            if dtype not in (None, "float32"):
                raise NoValues("dtype policies")
            options |= {} if ignore_class is None else {"ignore_label": ignore_class}
            spec = make(reduction=REDUCTIONS.get(reduction, "mean"), **options)
            made = KerasLoss(subject, spec, elementwise=elementwise, ids=ids, reduction=reduction, axis=axis)
            return (lambda y_true, *given, **more: made(_signs(y_true), *given, **more)) if signs else made

        return construct

    def cross_entropy(cls: Any) -> Any:
        def make(*, from_logits: bool = False, **options: Any) -> Loss:
            spec: Loss = cls(from_probabilities=not from_logits, **options)
            return spec

        return make

    def overlap(make: Any) -> Any:
        """Keras sums over the whole batch unless it is given the axes of each example."""

        def construct(
            *, reduction: Any = "mean", name: Any = None, axis: Any = None, dtype: Any = None, **o: Any
        ) -> Any:
            def call(y_true: Any, y_pred: Any) -> Any:
                outputs, targets = (np.asarray(v, np.float32) for v in (y_pred, y_true))
                if axis is None:
                    spec = dataclasses.replace(make(**o), over_batch=True)
                    return subject.loss(spec, outputs, targets)[0]
                if tuple(axis) != tuple(range(1, outputs.ndim)):
                    raise NotExpressible("sums over some axes of an example")
                if reduction in (None, "none"):
                    return unreduced(subject, make(**o), outputs, targets, outputs.shape[:1])
                return subject.loss(make(**o), outputs, targets)[0]

            return call

        return construct

    def circle(*, reduction: Any = "mean", dtype: Any = None, name: Any = None, **options: Any) -> Any:
        """Keras's mean is over examples whose loss is above 0."""
        spec = nn.Circle(mean_of_positive=True, reduction=REDUCTIONS.get(reduction, "mean"), **options)

        def call(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            outputs, groups = np.asarray(y_pred, np.float32), np.asarray(y_true, np.int32)
            if dtype is not None:
                raise NoValues("dtype policies")
            if reduction is None:
                return unreduced(subject, spec, outputs, groups, groups.shape)
            if spec.reduction == "weighted_mean":
                raise NotExpressible("weights of examples whose loss is above 0, as the divisor")
            weights = None if sample_weight is None else np.asarray(sample_weight, np.float32)
            return subject.loss(spec, outputs, groups, weights)[0]

        return call

    def ctc(*, dtype: Any = None, name: Any = None) -> Any:
        def call(y_true: Any, y_pred: Any) -> Any:
            ids = np.asarray(y_true, np.int32)
            if dtype is not None:
                raise NoValues("dtype policies")
            if ((ids[:, :-1] == 0) & (ids[:, 1:] != 0)).any():
                raise NotExpressible("blanks within a sequence")
            return subject.loss(nn.CTC(), np.asarray(y_pred, np.float32), ids)[0]

        return call

    def binary_focal(
        *, from_logits: bool = False, apply_class_balancing: bool = False, alpha: float = 0.25, **o: Any
    ) -> Loss:
        return nn.BinaryFocalCrossEntropy(
            from_probabilities=not from_logits, alpha=alpha if apply_class_balancing else None, **o
        )

    def categorical_focal(options: dict[str, Any], classes: int) -> Loss:
        alpha = np.broadcast_to(options.get("alpha", 0.25), classes)
        others = {name: value for name, value in options.items() if name not in ("alpha", "from_logits")}
        return nn.CategoricalFocalCrossEntropy(
            from_probabilities=not options.get("from_logits", False), class_weights=tuple(map(float, alpha)), **others
        )

    classes = {
        "MeanSquaredError": loss(nn.MeanSquaredError),
        "MeanAbsoluteError": loss(nn.MeanAbsoluteError),
        "Huber": loss(nn.Huber),
        "MeanAbsolutePercentageError": loss(nn.MeanAbsolutePercentageError),
        "MeanSquaredLogarithmicError": loss(nn.MeanSquaredLogarithmicError),
        "LogCosh": loss(nn.LogCosh),
        "Poisson": loss(lambda **o: nn.PoissonNLL(log_input=False, epsilon=1e-7, **o)),
        "CosineSimilarity": loss(lambda **o: nn.CosineDistance("negative", epsilon=1e-7, **o), elementwise=False),
        "Hinge": loss(nn.Hinge, signs=True),
        "SquaredHinge": loss(nn.SquaredHinge, signs=True),
        "CategoricalHinge": loss(lambda **o: nn.CategoricalHinge(rival="masked", **o), elementwise=False),
        "KLDivergence": loss(lambda **o: nn.KLDivergence(from_probabilities=True, **o), elementwise=False),
        "BinaryCrossentropy": loss(cross_entropy(nn.BinaryCrossEntropy)),
        "Dice": overlap(lambda: _KERAS_DICE),
        "Tversky": overlap(lambda alpha=0.5, beta=0.5: dataclasses.replace(_KERAS_TVERSKY, alpha=beta, beta=alpha)),
        "CTC": ctc,
        "Circle": circle,
        "CategoricalGeneralizedCrossEntropy": loss(
            lambda **o: nn.GeneralizedCrossEntropy(from_probabilities=True, epsilon=1e-30, **o),
            elementwise=False,
            ids=True,
        ),
        "BinaryFocalCrossentropy": loss(binary_focal),
        "CategoricalFocalCrossentropy": loss(lambda **o: functools.partial(categorical_focal, o), elementwise=False),
        "CategoricalCrossentropy": loss(cross_entropy(nn.SoftmaxCrossEntropy), elementwise=False),
        "SparseCategoricalCrossentropy": loss(cross_entropy(nn.SoftmaxCrossEntropy), elementwise=False, ids=True),
    }
    return {"losses": Namespace(**classes)}


class KerasMetric:
    """One of our metrics behind Keras's ``update_state`` and ``result``."""

    def __init__(self, subject: Subject, spec: Metric, *, ids: bool) -> None:
        self.subject, self.spec, self.ids = subject, spec, ids
        self.sums: Sums | None = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        outputs, targets = np.asarray(y_pred, np.float32), np.asarray(y_true)
        if self.ids:
            targets = targets.reshape(outputs.shape[:-1]).astype(np.int32)  # Keras lets axes of size 1 be
        else:
            if targets.ndim == outputs.ndim - 1:
                targets = targets[..., None]
            targets = targets.astype(np.float32)
        positions = outputs.shape[: outputs.ndim - self.spec.axes]
        sums = self.subject.metric(self.spec, outputs, targets, _weights(sample_weight, positions))
        self.sums = added(self.spec, self.sums, sums)

    def result(self) -> float:
        assert self.sums is not None
        return float(self.spec.result(*self.sums))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def __getattr__(self, name: str) -> Any:
        raise NoValues(name)


_R2_ARGUMENTS = ("class_aggregation", "num_regressors")


def r2(class_aggregation: str | None = "uniform_average", num_regressors: int = 0) -> Metric:
    """Keras's R2Score."""
    averages = {"uniform_average": "uniform", "variance_weighted_average": "variance_weighted"}
    if class_aggregation not in averages:
        raise NotExpressible("a score for each output") if class_aggregation is None else NoValues("R2Score")
    if num_regressors:
        raise NotExpressible("a score that is adjusted for the number of regressors")
    return nn.R2(averages[class_aggregation])  # type: ignore[arg-type]


def cosine_similarity(axis: int = -1) -> Metric:
    """Keras's CosineSimilarity, of matrices along their last axis."""
    return nn.CosineSimilarity(1e-7)


def metrics(subject: Subject) -> dict[str, Any]:
    """The globals of Keras's tests of metrics."""

    def metric(make: Any, *, ids: bool = False) -> Any:
        def construct(*, name: str | None = None, dtype: Any = None, **options: Any) -> KerasMetric:
            if options.pop("from_sorted_ids", False):
                raise NotExpressible("outputs that are sorted ids")
            return KerasMetric(subject, make(**options), ids=ids)

        return construct

    found = Namespace(
        BinaryAccuracy=metric(lambda **o: nn.BinaryAccuracy(from_probabilities=True, **o)),
        CategoricalAccuracy=metric(nn.Accuracy),
        SparseCategoricalAccuracy=metric(nn.Accuracy, ids=True),
        TopKCategoricalAccuracy=metric(nn.TopKAccuracy),
        SparseTopKCategoricalAccuracy=metric(nn.TopKAccuracy, ids=True),
        MeanSquaredError=metric(nn.MSE),
        RootMeanSquaredError=metric(nn.RMSE),
        MeanAbsoluteError=metric(nn.MAE),
        MeanAbsolutePercentageError=metric(nn.MAPE),
        MeanSquaredLogarithmicError=metric(nn.MSLE),
        CosineSimilarity=metric(cosine_similarity),
        R2Score=lambda *given, **options: metric(r2)(**dict(zip(_R2_ARGUMENTS, given, strict=False)), **options),
    )
    return {"accuracy_metrics": found, "metrics": found}
