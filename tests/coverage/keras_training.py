"""Answers for the losses, optimizers and schedules of Keras."""

from __future__ import annotations

from tests.coverage.answers import one_of, to

PROBABILITIES = "`from_probabilities` unless `from_logits`"
ANOTHER_AXIS = "classes along another axis than the last"
OVER_BATCH = "`over_batch` unless it is given the axes of an example; `smooth: 1e-7`, `smooth_numerator: false`"

OPTIMIZERS = {
    "Adadelta": to("AdaDelta"),
    "Adafactor": to(
        "Adafactor", how="its `relative_step` in any case", lacking="decay before the weights' size is taken"
    ),
    "Adagrad": to("AdaGrad"),
    "Adam": to("Adam", how="`epsilon_mode: hat`; with its `amsgrad`, `amsgrad: raw`"),
    "AdamW": to("AdamW", how="`epsilon_mode: hat`; with its `amsgrad`, `amsgrad: raw`"),
    "Adamax": to("Adamax", how="`epsilon_in_maximum: false`"),
    "Ftrl": to("FTRL", how="`power` is −`learning_rate_power`"),
    "Lamb": to("LAMB", how="`decay_in_ratio: false`"),
    "Lion": to("Lion"),
    "LossScaleOptimizer": to("LossScale", how="`growth_interval` is `dynamic_growth_steps`"),
    "MultiOptimizer": to("MultiOptimizer", how="patterns are found anywhere in a name, unless between ^ and $"),
    "Muon": to(
        "Muon",
        how="`scaling: rms`, `epsilon_mode: hat`; `exclude` holds embedding and its `exclude_layers`",
        lacking="another decay for Adam",
    ),
    "Nadam": to("NAdam", how="`momentum_decay: 1`"),
    "RMSprop": to("RMSProp", how="`learning_rate_in_velocity: true`"),
    "SGD": one_of("SGD", "Momentum", "Nesterov", how="with momentum `learning_rate_in_velocity: true`"),
    "ScheduleFreeAdamW": to(
        "ScheduleFreeAdamW",
        how="in a Warmup for `warmup_steps`",
        lacking="decay of weights, not of z",
    ),
}
OPTIMIZERS_LEFT_OUT = {"a base of optimizers, no optimizer": ("Optimizer",)}

LOSSES = {
    "BinaryCrossentropy": to("BinaryCrossEntropy", how=PROBABILITIES),
    "BinaryFocalCrossentropy": to(
        "BinaryFocalCrossEntropy", how=f"{PROBABILITIES}; `alpha` if `apply_class_balancing`"
    ),
    "CTC": to("CTC", lacking="blanks within a sequence"),
    "CategoricalCrossentropy": to("SoftmaxCrossEntropy", how=PROBABILITIES, lacking=ANOTHER_AXIS),
    "CategoricalFocalCrossentropy": to(
        "CategoricalFocalCrossEntropy", how=f"{PROBABILITIES}; its `alpha` as `class_weights`", lacking=ANOTHER_AXIS
    ),
    "CategoricalGeneralizedCrossEntropy": to(
        "GeneralizedCrossEntropy", how="`from_probabilities: true`; `epsilon: 1e-30`, since Keras does not clip"
    ),
    "CategoricalHinge": to("CategoricalHinge", how="`rival: masked`"),
    "Circle": to("Circle", how="`mean_of_positive: true`", lacking="references beside the batch"),
    "CosineSimilarity": to("CosineDistance", how="`form: negative`; `epsilon: 1e-7`", lacking=ANOTHER_AXIS),
    "Dice": to("Dice", how=f"`from_probabilities: true`; {OVER_BATCH}", lacking="some axes of an example"),
    "Hinge": to("Hinge", how="`binary_targets` for targets 0 and 1"),
    "Huber": to("Huber"),
    "KLDivergence": to("KLDivergence", how="`from_probabilities: true`", lacking="targets that are clipped"),
    "LogCosh": to("LogCosh"),
    "MeanAbsoluteError": to("MeanAbsoluteError"),
    "MeanAbsolutePercentageError": to("MeanAbsolutePercentageError"),
    "MeanSquaredError": to("MeanSquaredError"),
    "MeanSquaredLogarithmicError": to("MeanSquaredLogarithmicError"),
    "Poisson": to("PoissonNLL", how="`log_input: false`; `epsilon: 1e-7`"),
    "SparseCategoricalCrossentropy": to(
        "SoftmaxCrossEntropy", how=f"{PROBABILITIES}; `ignore_class` as `ignore_label`", lacking=ANOTHER_AXIS
    ),
    "SquaredHinge": to("SquaredHinge", how="`binary_targets` for targets 0 and 1"),
    "Tversky": to(
        "Tversky",
        how=f"`from_probabilities: true`, `alpha` and `beta` exchanged; {OVER_BATCH}",
        lacking="some axes of an example",
    ),
}
LOSSES_LEFT_OUT = {"a base of losses, no loss": ("Loss",)}

SCHEDULES = {
    "CosineDecay": one_of("CosineDecay", "WarmupCosine", how="the second with `warmup_steps`"),
    "CosineDecayRestarts": to(
        "CosineRestarts", lacking="cycles that do not grow by a whole number; `alpha` together with `m_mul`"
    ),
    "ExponentialDecay": to("ExponentialDecay"),
    "InverseTimeDecay": to("InverseTimeDecay"),
    "PiecewiseConstantDecay": to("Piecewise", how="`boundaries` one step later: Keras's hold the old value"),
    "PolynomialDecay": to("PolynomialDecay"),
}
SCHEDULES_LEFT_OUT = {"a base of schedules, no schedule": ("LearningRateSchedule",)}

REGULARIZERS = {
    "L1": to("Penalty", how="`l1`, of a layer's kernel, bias or activity: of `parameters` or of a `node`"),
    "L1L2": to("Penalty", how="`l1` and `l2`"),
    "L2": to("Penalty", how="`l2`"),
    "OrthogonalRegularizer": to("Penalty", how="`orthogonal`; its `mode` as `vectors`"),
}
REGULARIZERS_LEFT_OUT = {"a base of regularizers, no regularizer": ("Regularizer",)}

CONSTRAINTS = {
    "MaxNorm": to("Constraint", how="`max_norm`; `epsilon: 1e-7`"),
    "MinMaxNorm": to("Constraint", how="`min_norm`, `max_norm` and `rate`; `epsilon: 1e-7`"),
    "NonNeg": to("Constraint", how="`non_negative: true`"),
    "UnitNorm": to("Constraint", how="`min_norm: 1.0`, `max_norm: 1.0`; `epsilon: 1e-7`"),
}
CONSTRAINTS_LEFT_OUT = {"a base of constraints, no constraint": ("Constraint",)}
