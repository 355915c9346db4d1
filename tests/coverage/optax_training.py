"""Answers for the optimizers, losses and schedules of Optax."""

from __future__ import annotations

from tests.coverage.answers import none, one_of, to

ROOT = "`eps_root`"
WHERE = "another axis than the last, masks (`where`)"

OPTIMIZERS = {
    "adabelief": to("AdaBelief", how="`eps_root` as `epsilon_root`", lacking="`nesterov`"),
    "adadelta": to("AdaDelta", lacking="decay inside of the gradient"),
    "adafactor": to(
        "Adafactor",
        how="`axes: largest`, `min_size_to_factor: 128`, `relative_step: false`",
        lacking="`momentum`, `decay_offset`; decay without the learning rate",
    ),
    "adagrad": to("AdaGrad"),
    "adam": one_of("Adam", "NAdam", how="the second, `momentum_decay: null`, for `nesterov`", lacking=ROOT),
    "adamax": to("Adamax"),
    "adamaxw": to("Adamax", how="`weight_decay`"),
    "adamw": one_of("AdamW", "NAdam", how="the second, `momentum_decay: null`, for `nesterov`", lacking=ROOT),
    "adan": to("Adan", how="`factor: 1 - b2`; `eps_root` as `epsilon_root`"),
    "amsgrad": to("Adam", how="`amsgrad: corrected`", lacking=f"{ROOT}; moments that are not corrected"),
    "fromage": to("Fromage"),
    "lamb": to("LAMB", lacking=ROOT),
    "lars": to("LARS", how="`joint_norm: true`", lacking="`nesterov`; parameters without a trust ratio"),
    "lbfgs": none("steps from a memory of gradients"),
    "lion": to("Lion"),
    "noisy_sgd": to("NoisySGD", how="`variance` is its `eta`, `decay_rate` its `gamma`; other random numbers"),
    "novograd": to("NovoGrad", lacking=ROOT),
    "optimistic_adam": to(
        "OptimisticAdam",
        how="`learning_rate: 1`, `alpha` its learning rate, `beta` its `optimism`; `nesterov`",
        lacking=ROOT,
    ),
    "optimistic_adam_v2": to("OptimisticAdam", how="`nesterov: true` unless it is off", lacking=ROOT),
    "optimistic_gradient_descent": to("OptimisticGradientDescent", lacking="schedules of `alpha` and `beta`"),
    "polyak_sgd": to("PolyakSGD", how="`positive` for the variant sps+", lacking="`scaling`; tiny norms taken for 0"),
    "radam": to("RAdam", lacking=f"{ROOT}, `nesterov`"),
    "rmsprop": to(
        "RMSProp",
        how="`learning_rate_in_velocity: true`; `eps_in_sqrt` as `epsilon_in_root`",
        lacking="`initial_scale`, `bias_correction`, `nesterov`",
    ),
    "rprop": to("Rprop", how="its learning rate as `initial_step`", lacking="updates that lag behind by one"),
    "sgd": one_of("SGD", "Momentum", "Nesterov"),
    "sign_sgd": to("Lion", how="`b1: 0`"),
    "signum": to("Lion", how="`b1` and `b2` are both its `beta`"),
    "sm3": to("SM3"),
    "yogi": to("Yogi"),
}

LOSSES = {
    "binary_dice_loss": to("Dice", how="`smooth` twice Optax's"),
    "convex_kl_divergence": to("GeneralizedKLDivergence", lacking=WHERE),
    "cosine_distance": to("CosineDistance", how="`epsilon` the root of Optax's", lacking=WHERE),
    "cosine_similarity": to("CosineDistance", how="`form: negative`, with the other sign", lacking=WHERE),
    "ctc_loss": to("CTC", how="`step_counts: true` for padded logits; the blank pads labels", lacking="`log_epsilon`"),
    "ctc_loss_with_forward_probs": to(
        "CTC", how="`step_counts: true` for padded logits; the blank pads labels", lacking="the forward probabilities"
    ),
    "dice_loss": to(
        "Tversky",
        how="`multiclass`, `per_class`; `smooth`, `alpha` and `beta` as in Optax",
        lacking="weights of classes; a class that is left out; other axes",
    ),
    "generalized_kl_divergence": to("GeneralizedKLDivergence", lacking=WHERE),
    "hinge_loss": to("Hinge"),
    "huber_loss": to("Huber"),
    "kl_divergence": to("KLDivergence", lacking=f"log-probabilities that are not normalized; {WHERE}"),
    "kl_divergence_with_log_targets": to(
        "KLDivergence", how="`log_targets: true`", lacking=f"log-probabilities that are not normalized; {WHERE}"
    ),
    "l2_loss": to("HalfSquaredError"),
    "log_cosh": to("LogCosh"),
    "multiclass_generalized_dice_loss": to(
        "GeneralizedDice", how="`smooth` twice Optax's", lacking="a class that is left out"
    ),
    "multiclass_hinge_loss": to("CategoricalHinge"),
    "multiclass_perceptron_loss": to("CategoricalHinge", how="`margin: 0`"),
    "multiclass_sparsemax_loss": to("SparsemaxLoss"),
    "ntxent": to("NTXent"),
    "perceptron_loss": to("Hinge", how="`margin: 0`"),
    "poly_loss_cross_entropy": to("PolyCrossEntropy", how="`epsilon` as `epsilon1`", lacking=WHERE),
    "ranking_softmax_loss": to(
        "SoftmaxCrossEntropy", how="relevances as targets", lacking="masks and weights of items"
    ),
    "safe_softmax_cross_entropy": to("SoftmaxCrossEntropy"),
    "sigmoid_binary_cross_entropy": to("BinaryCrossEntropy"),
    "sigmoid_focal_loss": to("BinaryFocalCrossEntropy", lacking="`alpha` and `gamma` by element"),
    "softmax_cross_entropy": to("SoftmaxCrossEntropy", lacking=WHERE),
    "softmax_cross_entropy_with_integer_labels": to("SoftmaxCrossEntropy", how="class ids as targets", lacking=WHERE),
    "sparsemax_loss": to("BinarySparsemaxLoss"),
    "squared_error": to("MeanSquaredError"),
    "triplet_margin_loss": to(
        "Stack", "TripletMargin", how="`axis: -2` of the three outputs, targets of 1", lacking="other norms and axes"
    ),
}
LOSSES_LEFT_OUT = {
    "a maker of losses from functions, which are no data": ("make_fenchel_young_loss",),
    "a change of targets: `label_smoothing` of the cross-entropies": ("smooth_labels",),
}

SCHEDULES = {
    "constant_schedule": to("ConstantSchedule"),
    "cosine_decay_schedule": to("CosineDecay"),
    "cosine_onecycle_schedule": to("PiecewiseInterpolate", how="`interpolation: cosine`"),
    "exponential_decay": to(
        "ExponentialDecay", how="after a constant, in a Join, for `transition_begin`", lacking="an end from above"
    ),
    "join_schedules": to("Join"),
    "linear_onecycle_schedule": to("PiecewiseInterpolate"),
    "linear_schedule": to("LinearDecay", how="after a constant, in a Join, for `transition_begin`"),
    "piecewise_constant_schedule": to("Piecewise", how="`values` are the products of Optax's scales"),
    "piecewise_interpolate_schedule": to("PiecewiseInterpolate", how="`values` are the products of Optax's scales"),
    "polynomial_schedule": to("PolynomialDecay", how="after a constant, in a Join, for `transition_begin`"),
    "sgdr_schedule": to("Join", "WarmupCosine"),
    "warmup_constant_schedule": to("Warmup", "ConstantSchedule"),
    "warmup_cosine_decay_schedule": to("WarmupCosine"),
    "warmup_exponential_decay_schedule": to("Warmup", "ExponentialDecay", lacking="an end from above"),
}
SCHEDULES_LEFT_OUT = {
    "a change of an optimizer's numbers from outside, no schedule": (
        "inject_hyperparams",
        "inject_stateful_hyperparams",
    ),
}
