"""Mistakes in what losses, metrics, optimizers and schedules become in JAX."""

from __future__ import annotations

from tests.mutants.mutant import planting

_loss = planting("nnspec_jax.losses.base", "loss", "loss kinks", "loss extremes")
_classes = planting("nnspec_jax.losses.classification", "loss", "loss kinks", "loss extremes")
_activation = planting("nnspec_jax.activation", "loss", "loss kinks")
_numbers = planting("nnspec_jax.losses.regression", "loss", "loss kinks", "loss extremes")
_metric = planting("nnspec_jax.metrics.means", "metric")
_decided = planting("nnspec_jax.metrics.base", "metric")
_optimizer = planting("nnspec_jax.optimizers", "optimizer")
_schedule = planting("nnspec_jax.schedules", "schedule")
_SPREAD = "jnp.broadcast_to(spread, values.shape).sum()"
_CORRECTION = "-jnp.expm1(t * math.log(decay)) if decay else jnp.ones_like(t)"

MUTANTS = [
    _loss(
        "SoftmaxCrossEntropy",
        "divided by the weights",
        'weight if self.spec.reduction == "weighted_mean" else positions',
        "weight if True else positions",
        hint="weights",
    ),
    _loss("MeanSquaredError", "weights counted per example", _SPREAD, "spread.sum()", hint="weighted_mean"),
    _loss("BinaryCrossEntropy", "weights ignored", "if weights is None:", "if True:", hint="weights"),
    _classes(
        "SoftmaxCrossEntropy",
        "smoothing over K − 1",
        "spec.label_smoothing / outcomes",
        "spec.label_smoothing / (outcomes - 1)",
        hint="smoothing",
    ),
    _classes(
        "SoftmaxCrossEntropy",
        "probabilities not normalized",
        "clip(p / p.sum(-1, keepdims=True), spec",
        "clip(p, spec",
        hint="from_prob",
    ),
    _classes(
        "SoftmaxCrossEntropy",
        "logarithm of the softmax",
        "return -_dot(y, jax.nn.log_softmax(x, axis=-1))",
        "return -_dot(y, jnp.log(jax.nn.softmax(x, axis=-1)))",
        "loss extremes",
    ),
    _classes(
        "SoftmaxCrossEntropy",
        "gradient of the fused kernel",
        "return -_dot(y, jax.nn.log_softmax(x, axis=-1))",
        "z = jax.nn.logsumexp(x, -1); return z + jax.lax.stop_gradient((y.sum(-1) - 1) * z) - _dot(y, x)",
        hint="unnormalized",
    ),
    _classes(
        "BinaryCrossEntropy",
        "overflows",
        "return softplus(x) - x * y",
        "return jnp.log(1 + jnp.exp(x)) - x * y",
        "loss extremes",
    ),
    _classes(
        "BinaryCrossEntropy",
        "smoothing not halved",
        "spec.label_smoothing / outcomes",
        "spec.label_smoothing",
        hint="smoothing",
    ),
    _activation(
        "BinaryCrossEntropy",
        "½ at the bounds",
        "differentiated_as(form)(lambda x: jnp.clip(x, low, high))(x)",
        "jnp.clip(x, low, high)",
        "loss kinks",
    ),
    _classes("KLDivergence", "targets' entropy left out", "own - logs", "-logs"),
    _numbers("Huber", "delta for delta/2", "(e - delta / 2.0)", "(e - delta)"),
    _numbers(
        "MeanAbsoluteError",
        "1 at zero",
        "magnitude(x - elementwise(x, targets))\n\n",
        "jnp.abs(x - elementwise(x, targets))\n\n",
        "loss kinks",
    ),
    _numbers(
        "MeanSquaredError",
        "halved",
        "jnp.square(x - elementwise(x, targets))",
        "jnp.square(x - elementwise(x, targets)) / 2",
    ),
    _metric(
        "TopKAccuracy",
        "ties count for all",
        "| ((x == own) & (jnp.arange(x.shape[-1], dtype=label.dtype) < label))",
        "",
        hint="ties",
    ),
    _metric(
        "Accuracy",
        "the last of equal outputs",
        "jnp.argmax(x, axis=-1) ==",
        "x.shape[-1] - 1 - jnp.argmax(x[..., ::-1], axis=-1) ==",
        hint="ties",
    ),
    _decided("BinaryAccuracy", "logits against the threshold", "jax.nn.sigmoid(x)", "x", hint="0.8"),
    _metric(
        "RMSE",
        "root of each error",
        "return jnp.square(x - elementwise(x, targets))",
        "return jnp.abs(x - elementwise(x, targets))",
    ),
    _optimizer("RMSProp", "epsilon on the other side", "0.0, spec.epsilon_in_root", "0.0, not spec.epsilon_in_root"),
    _optimizer(
        "RMSProp", "centered ignored", "power = jnp.maximum(v - jnp.square(m), 0.0)", "power = v", hint="centered"
    ),
    _optimizer(
        "RMSProp",
        "velocity of the bare direction",
        "    if spec.learning_rate_in_velocity:\n        # The",
        "    if False:\n        # The",
        hint="in_velocity",
    ),
    _optimizer("Adam", "t off by one", "count = state.count + 1\n        mu", "count = state.count + 2\n        mu"),
    _optimizer("Adam", "no bias correction", _CORRECTION, "jnp.ones_like(t)"),
    _optimizer(
        "Adam",
        "powers of the betas in float32",
        _CORRECTION,
        "(1 - jnp.asarray(decay, jnp.float32) ** t.astype(jnp.float32)).astype(t.dtype)",
    ),
    _optimizer("Adam", "1 − b2ᵗ cancels", _CORRECTION, "1.0 - decay**t", dtype="float32"),
    _optimizer("Adam", "the other epsilon", 'spec.epsilon_mode == "hat"', 'spec.epsilon_mode != "hat"'),
    _optimizer("Adam", "epsilon not corrected", "epsilon * (a if hat else c1)", "epsilon * (a if hat else 1.0)"),
    _optimizer(
        "AdamW",
        "decay not scaled by the rate",
        "with_decay(spec, updates, params, decayed, -eta)",
        "with_decay(spec, updates, params, decayed, -1.0)",
    ),
    _optimizer(
        "AdamW",
        "decay of biases",
        "keys[-1] in decayed if decayed is not None else",
        "True if decayed is not None else",
        hint="kernels",
    ),
    _optimizer(
        "LAMB",
        "norm before the decay",
        "scaled(updates, with_decay(spec, params, params, decayed, -eta))",
        "scaled(updates, params)",
        hint="decay_in_ratio=False",
    ),
    _optimizer(
        "Momentum",
        "learning rate inside the velocity",
        "if spec.learning_rate_in_velocity:\n        return",
        "if True:\n        return",
    ),
    _optimizer("Nesterov", "plain momentum", "nesterov=isinstance(spec, optimizers.Nesterov)", "nesterov=False"),
    _optimizer(
        "AdaGrad", "epsilon left out", "spec.initial_accumulator, spec.epsilon)", "spec.initial_accumulator, 0.0)"
    ),
    _optimizer(
        "SGD",
        "schedule one step early",
        "rate(state.count, learning_rate_scale)",
        "rate(state.count + 1, learning_rate_scale)",
    ),
    _optimizer(
        "SGD",
        "learning rate in float32",
        "eta = rate(state.count, learning_rate_scale)",
        "eta = rate(state.count, learning_rate_scale).astype(jnp.float32)",
    ),
    _optimizer(
        "clip global_norm",
        "each tensor by its own norm",
        "_shortened(g, norm, spec.global_norm)",
        "_shortened(g, global_norm(g), spec.global_norm)",
    ),
    _optimizer(
        "clip norm",
        "elements instead of norms",
        "_shortened(g, global_norm(g), spec.norm)",
        "jnp.clip(g, -spec.norm, spec.norm)",
    ),
    _optimizer(
        "clip value", "by the norm", "jnp.clip(g, -spec.value, spec.value)", "_shortened(g, global_norm(g), spec.value)"
    ),
    _optimizer(
        "clip global_norm",
        "always scaled to the bound",
        "jnp.where(norm <= bound, 1.0",
        "jnp.where(norm <= 0, 1.0",
    ),
    _optimizer("clip global_norm", "norm of means", "jnp.sum(jnp.square(_wide(g)))", "jnp.mean(jnp.square(_wide(g)))"),
    _schedule(
        "Cyclic",
        "halved a cycle early",
        "jnp.exp2(-cycle.astype(dtype))",
        "jnp.exp2(-(cycle + 1).astype(dtype))",
        hint="triangular2",
    ),
    _schedule(
        "PiecewiseInterpolate",
        "goes on past the end",
        "jnp.minimum(passed.astype(dtype) / jnp.asarray(np.diff(marks), dtype)[piece], 1.0)",
        "passed.astype(dtype) / jnp.asarray(np.diff(marks), dtype)[piece]",
    ),
    _schedule(
        "WarmupStableDecay", "no plateau", "_counted(spec.warmup_steps + spec.stable_steps)", "spec.warmup_steps"
    ),
    _schedule(
        "StepDecay",
        "factor in float32",
        "jnp.asarray(spec.factor, dtype)",
        "jnp.asarray(spec.factor, jnp.float32).astype(dtype)",
        hint="0.9",
    ),
    _schedule("Piecewise", "the old value at the boundary", "s[..., None] >= reached", "s[..., None] > reached"),
    _schedule(
        "ExponentialDecay",
        "staircase ignored",
        "astype(dtype) if whole else",
        "astype(dtype) if False else",
        hint="staircase",
    ),
    _schedule(
        "LinearDecay",
        "goes on past the end",
        "jnp.minimum(s, _counted(steps)).astype(dtype) / float(steps)",
        "s.astype(dtype) / float(steps)",
    ),
    _schedule(
        "CosineDecay",
        "one step late",
        "jnp.minimum(s, _counted(steps)).astype(dtype) / float(steps)",
        "jnp.minimum(s + 1, _counted(steps)).astype(dtype) / float(steps)",
    ),
    _schedule(
        "OneCycle",
        "total_steps without the warm-up",
        "(spec.total_steps - up), 0.0, 1.0)",
        "spec.total_steps, 0.0, 1.0)",
    ),
    _schedule(
        "Warmup", "what follows is not shifted", "rate(jnp.maximum(s - _counted(spec.warmup_steps), 0))", "rate(s)"
    ),
    _schedule(
        "WarmupCosine",
        "decay_steps without the warm-up",
        "spec.decay_steps - spec.warmup_steps, dtype",
        "spec.decay_steps, dtype",
    ),
    _schedule("InverseSquareRoot", "counted from zero", "(s.astype(dtype) + 1.0)", "s.astype(dtype)"),
    _schedule("ReduceOnPlateau", "minimum ignored", "spec.minimum)", "0.0)", hint="minimum"),
    _schedule("PolynomialDecay", "power left out", "left**spec.power", "left", hint="2.0"),
    _metric(
        "MSE",
        "halved",
        "return jnp.square(x - elementwise(x, targets))",
        "return jnp.square(x - elementwise(x, targets)) / 2",
    ),
    _schedule(
        "ConstantSchedule",
        "in float32",
        "jnp.full(jnp.shape(count), value, dtype)",
        "jnp.full(jnp.shape(count), value, jnp.float32).astype(dtype)",
    ),
    _optimizer(
        "clip norm",
        "bound in float32",
        "1.0, bound / norm)",
        "1.0, jnp.float32(bound) / norm)",
    ),
    # What only lower precision shows.
    _loss(
        "SoftmaxCrossEntropy",
        "computed in bfloat16",
        "widened(outputs)",
        "outputs",
        dtype="bfloat16",
    ),
    _optimizer(
        "Adam",
        "slots and steps in bfloat16",
        "inner.update(_wide(updates), _wide(state), _wide(params), **extra)",
        "inner.update(updates, state, params, **extra)",
        dtype="bfloat16",
    ),
    _optimizer(
        "Adam",
        "epsilon below float16's smallest",
        "inner.update(_wide(updates), _wide(state), _wide(params), **extra)",
        "inner.update(updates, state, params, **extra)",
        dtype="float16",
    ),
    _optimizer(
        "clip global_norm",
        "squares beyond float16",
        "jnp.sum(jnp.square(_wide(g)))",
        "jnp.sum(jnp.square(g))",
        dtype="float16",
    ),
    _loss(
        "MeanSquaredError",
        "computed in float16",
        "widened(outputs)",
        "outputs",
        dtype="float16",
    ),
]
