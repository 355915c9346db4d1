"""Mistakes in the reference's losses, metrics, optimizers and schedules."""

from __future__ import annotations

from tests.mutants.mutant import planting

_loss = planting("nnspec.reference.losses.base", "loss")
_classes = planting("nnspec.reference.losses.classification", "loss")
_numbers = planting("nnspec.reference.losses.regression", "loss")
_metric = planting("nnspec.reference.metrics.means", "metric")
_decided = planting("nnspec.reference.metrics.base", "metric")
_optimizer = planting("nnspec.reference.optimizers", "optimizer")
_schedule = planting("nnspec.reference.schedules", "schedule")

_objective = planting("nnspec.reference.objective", "training", "evaluation", dtype="float32")
_named = planting("nnspec.objective", "training", "evaluation", dtype="float32")

_RMSPROP_ROOT = "np.sqrt(power + spec.epsilon) if spec.epsilon_in_root else np.sqrt(power) + spec.epsilon"

MUTANTS = [
    _classes(
        "SoftmaxCrossEntropy",
        "smoothing over K − 1",
        "y * (1 - spec.label_smoothing) + spec.label_smoothing / outcomes",
        "y * (1 - spec.label_smoothing) + (1 - y) * spec.label_smoothing / (outcomes - 1)",
        hint="label_smoothing",
    ),
    _classes(
        "SoftmaxCrossEntropy",
        "probabilities not normalized",
        "p / p.sum(-1, keepdims=True)",
        "p",
        hint="from_probabilities",
    ),
    _loss("SoftmaxCrossEntropy", "divided by the number of examples", "float(losses.size)", "len(losses)", hint="rank"),
    _loss(
        "SoftmaxCrossEntropy",
        "divided by the weights",
        'if spec.reduction == "weighted_mean"',
        "if True",
        hint="weights",
    ),
    _classes(
        "BinaryCrossEntropy",
        "smoothing not halved",
        "spec.label_smoothing / outcomes",
        "spec.label_smoothing",
        hint="0.2",
    ),
    _numbers(
        "Huber",
        "not halved",
        "** 2 / 2, spec.delta * (e - spec.delta / 2)",
        "** 2, 2 * spec.delta * (e - spec.delta / 2)",
    ),
    _numbers(
        "MeanSquaredError", "halved", "(x - elementwise(x, targets)) ** 2", "(x - elementwise(x, targets)) ** 2 / 2"
    ),
    _classes("KLDivergence", "targets' entropy left out", "_dot(y, own - logs)", "_dot(y, -logs)"),
    _metric(
        "Accuracy",
        "the last of equal outputs",
        "x.argmax(-1) == labels",
        "x.shape[-1] - 1 - x[..., ::-1].argmax(-1) == labels",
        hint="ties",
    ),
    _metric("TopKAccuracy", "ties count for all", "(np.arange(x.shape[-1]) < label)", "False", hint="ties"),
    _decided("BinaryAccuracy", "logits against the threshold", "else sigmoid(x)", "else x", hint="0.8"),
    _metric(
        "BinaryAccuracy",
        "at the threshold counts",
        "(probabilities(spec, x) >",
        "(probabilities(spec, x) >=",
        hint="ties",
    ),
    _optimizer(
        "Adam",
        "t off by one",
        "c1, c2 = 1 - spec.b1**t, 1 - spec.b2**t",
        "c1, c2 = 1 - spec.b1 ** (t + 1), 1 - spec.b2 ** (t + 1)",
    ),
    _optimizer("Adam", "no bias correction", "c1, c2 = 1 - spec.b1**t, 1 - spec.b2**t", "c1, c2 = 1.0, 1.0"),
    _optimizer(
        "Adam",
        "powers of the betas in float32",
        "c1, c2 = 1 - spec.b1**t, 1 - spec.b2**t",
        "c1, c2 = (float(1 - np.float32(b) ** np.float32(t)) for b in (spec.b1, spec.b2))",
    ),
    _optimizer("Adam", "the other epsilon", 'if spec.epsilon_mode == "paper"', 'if spec.epsilon_mode == "hat"'),
    _optimizer(
        "AdamW",
        "decay coupled with the gradient",
        "m = spec.b1 * slots",
        "g, decay = g + decay, 0; m = spec.b1 * slots",
    ),
    _optimizer(
        "Momentum",
        "learning rate inside the velocity",
        "+ g\n    return w - eta * (v + decay), {",
        "- eta * g\n    return w + v - eta * decay, {",
    ),
    _optimizer("Nesterov", "plain momentum", "(spec.momentum * v + g + decay)", "(v + decay)"),
    _optimizer(
        "Adam", "corrected before the maximum", 'v if spec.amsgrad == "raw" else v / c2)', "v / c2)", hint="amsgrad=raw"
    ),
    _optimizer("AdaGrad", "epsilon outside the root", "np.sqrt(a + spec.epsilon)", "(np.sqrt(a) + spec.epsilon)"),
    _optimizer("RMSProp", "epsilon on the other side", _RMSPROP_ROOT, _RMSPROP_ROOT.replace("if spec", "if not spec")),
    _optimizer(
        "RMSProp", "mean not squared", 'power - np.square(new["mean"])', 'power - np.abs(new["mean"])', hint="centered"
    ),
    _optimizer(
        "clip global_norm",
        "each tensor by its own norm",
        "_shortened(g, norm, spec.global_norm)",
        "_shortened(g, global_norm({name: g}), spec.global_norm)",
    ),
    _schedule(
        "CosineDecay",
        "one step late",
        "share = np.minimum(s, spec",
        "share = np.minimum(s + 1, spec",
    ),
    _schedule("Piecewise", "the old value at the boundary", 'side="right")]', 'side="left")]'),
    _schedule(
        "WarmupCosine",
        "decay_steps without the warm-up",
        "length = spec.decay_steps - spec.warmup_steps",
        "length = spec.decay_steps",
    ),
    _schedule("ExponentialDecay", "end not reached", "** exponent, spec.end)", "** exponent, 0)"),
    _schedule("OneCycle", "falls one step early", "np.where(s <= up, rising", "np.where(s < up - 1, rising"),
    _schedule("InverseSquareRoot", "counted from zero", "(s + 1) / spec.warmup_steps,", "s / spec.warmup_steps,"),
    _schedule(
        "CosineRestarts",
        "peaks not multiplied",
        "spec.initial * np.float64(spec.m_mul) ** cycle",
        "spec.initial",
        hint="m_mul",
    ),
    _schedule("Warmup", "what follows is not shifted", "np.maximum(s - spec.warmup_steps, 0)", "s"),
    _schedule("StepDecay", "a step early", "(s // spec.every)", "((s + 1) // spec.every)"),
    _schedule("Cyclic", "the first half longer by a step", "passed <= spec.steps_up,", "passed <= spec.steps_up + 1,"),
    _schedule("Join", "what follows is not shifted", "value(held, np.maximum(s - boundary, 0))", "value(held, s)"),
    _schedule(
        "InverseTimeDecay",
        "staircase ignored",
        "_stretches(s, spec.decay_steps, spec.staircase))",
        "s / spec.decay_steps)",
    ),
    _schedule("PolynomialDecay", "power left out", "left**spec.power", "left", hint="2.0"),
    _objective("three outputs", "losses not weighed", "sum(term.weight * term.loss", "sum(1.0 * term.loss"),
    _objective(
        "two losses of one output",
        "metrics count what a loss ignores",
        "for loss in objective.losses(measure.output):",
        "for loss in ():",
        "evaluation",
    ),
    _named(
        "three outputs",
        "a weight forgotten in records",
        "return sum(term.weight * term.loss.result",
        "return sum(1.0 * term.loss.result",
        "evaluation",
    ),
    _objective(
        "three outputs",
        "an output's own weights overlooked",
        'own = data.get(f"weights/{output}")',
        "own = None",
    ),
]
