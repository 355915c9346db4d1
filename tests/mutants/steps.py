"""Mistakes in the optimizers of signs, norms, noise and sums, in those that treat axes apart, and around others."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.steps", "optimizer")
_jax = planting("nnspec_jax.steps", "optimizer")
_tensorflow = planting("nnspec_tensorflow.steps", "optimizer")
_axes = planting("nnspec.reference.factored", "optimizer")
_jax_axes = planting("nnspec_jax.factored", "optimizer")
_tf_axes = planting("nnspec_tensorflow.factored", "optimizer")
_around = planting("nnspec.reference.wrappers", "optimizer")
_jax_around = planting("nnspec_jax.wrappers", "optimizer")
_tf_around = planting("nnspec_tensorflow.wrappers", "optimizer")

MUTANTS = [
    _reference("Rprop", "a step after a change of sign", "np.where(sign < 0, 0, np.sign(g))", "np.sign(g)"),
    _reference("Frozen", "decay that acts", "return w, {}", "return w - eta * decay, {}"),
    _reference("NoisySGD", "another stream", '"noise"', '"dropout"'),
    _reference("FTRL", "decay left out", "w, before = w - eta * decay, slots", "w, before = w, slots", hint="CYCLE"),
    _jax("Rprop", "no bounds", "jnp.clip(grown, spec.min_step, spec.max_step)", "grown", hint="CYCLE"),
    _jax("Fromage", "not made shorter", " / divisor), {}", "), {}"),
    _jax("NoisySGD", "noise of the next step", "stream, step.count - 1)", "stream, step.count)"),
    _jax(
        "OptimisticGradientDescent",
        "the last gradient taken back alone",
        "(spec.alpha + spec.beta) * step.g",
        "spec.alpha * step.g",
    ),
    _jax("FTRL", "the rounding of weights before", "return stepwise.Assigned(value),", "return value - step.w,"),
    _jax("PolyakSGD", "the norm for its square", "jnp.square(size) + spec.epsilon", "size + spec.epsilon", "training"),
    _tensorflow(
        "PolyakSGD",
        "no largest rate",
        "tf.minimum(gap / tf.where(none, tf.ones_like(square), square), most)",
        "gap / tf.where(none, tf.ones_like(square), square)",
        "training",
    ),
    _tensorflow(
        "Fromage", "no smallest norm", "tf.maximum(global_norm([x]), step.c(spec.min_norm))", "global_norm([x])"
    ),
    _tensorflow("NoisySGD", "variance for deviation", "spread = tf.sqrt(", "spread = tf.identity("),
    _tensorflow("OptimisticGradientDescent", "no first gradient", "tf.where(step.t == 1,", "tf.where(step.t == 0,"),
    _tensorflow("FTRL", "l2 halved", "step.c(2 * spec.l2)", "step.c(spec.l2)", hint="l2"),
    _axes("SM3", "the largest sum", "reduce(np.minimum, sums)", "reduce(np.maximum, sums)"),
    _axes("Adafactor", "clipped by the gradient's size", "max(1, _rms(d)", "max(1, _rms(g)"),
    _axes("Muon", "the cubic alone", " + c * (square @ square)", ""),
    _jax_axes("SM3", "sums for maxima", "s.max(tuple", "s.sum(tuple"),
    _jax_axes(
        "Adafactor",
        "t in float32",
        "rest = step.exact(lambda t: t**-spec.decay_rate)",
        "rest = step.exact(lambda t: t.astype(jnp.float32) ** -spec.decay_rate)",
    ),
    _jax_axes("Muon", "rows for columns", "spec.scale(*step.w.shape)", "spec.scale(*step.w.shape[::-1])", hint="wide"),
    _tf_axes("SM3", "no average", 'average(step, spec.momentum, "m", d)', "d"),
    _tf_axes(
        "Adafactor",
        "the mean of all rows",
        "tf.reduce_mean(row, rows, keepdims=True)",
        "tf.reduce_mean(row)",
        hint="matrices",
    ),
    _tf_axes("Muon", "no Nesterov", "mu * m + step.g if spec.nesterov else m", "m"),
    _around("GradientAccumulation", "the sum", "total / spec.every, t // spec.every)  #", "total, t // spec.every)  #"),
    _around("EMA", "the weights before", 'slots["average"], stepped)', 'slots["average"], w)'),
    _jax_around(
        "EMA", "momentum of the new", "average(spec.momentum, stepped, ", "average(1 - spec.momentum, stepped, "
    ),
    _around("GradientCentralization", "the mean of all", "g.mean(axes, keepdims=True)", "g.mean(keepdims=True)"),
    _jax_around("Lookahead", "slow weights apart", "jnp.where(synchronizes, new, fast)", "fast"),
    _jax_around("GradientAccumulation", "batches counted", "state.count // spec.every)", "state.count)"),
    _around("LossScale", "grown one update late", "count >= spec.growth_interval", "count > spec.growth_interval"),
    _jax_around("LossScale", "slots of what is left out", "jnp.where(made, new, old), after", "new, after"),
    _jax_around(
        "LossScale",
        "left out, and counted",
        "state.count + made, (within,)",
        "state.count + 1, (within,)",
        "training",
        dtype="float32",
    ),
    _jax_around(
        "LossScale", "no largest scale", "jnp.clip(scale * factor.astype(scale.dtype), low, high)", "scale * factor"
    ),
    _tf_around(
        "LossScale", "nothing left out", "return tf.where(step.made, stepped, step.w), kept", "return stepped, kept"
    ),
    _tf_around("LossScale", "not counted anew", "tf.where(made & ~grows,", "tf.where(made,"),
    _around("SAM", "towards smaller losses", "floats(w) + factor *", "floats(w) - factor *", "training"),
    _around("SAM", "weights' sizes once", "(sizes[name] * g[name])", "g[name]", "training"),
    _tf_around(
        "SAM",
        "each tensor by itself",
        "x + factor * (s * g) for",
        "x + factor * (s * g) * norm / global_norm([g]) for",
        "training",
    ),
    _jax_around("MultiOptimizer", "all by default", "parts[spec.part(name)]", "parts[0]"),
    _tf_around("Lookahead", "one update late", "floormod(step.t, spec.period)", "floormod(step.t - 1, spec.period)"),
    _tf_around(
        "GradientAccumulation",
        "slots of every batch",
        "tf.where(last, value, step.slots[slot])",
        "value",
    ),
]
