"""Mistakes in the optimizers that adapt the rate of each parameter, or of each tensor."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.adaptive", "optimizer")
_jax = planting("nnspec_jax.adaptive", "optimizer")
_tensorflow = planting("nnspec_tensorflow.adaptive", "optimizer")
_jax_shared = planting("nnspec_jax.optimizers", "optimizer")
_tf_shared = planting("nnspec_tensorflow.optimizers", "optimizer")

MUTANTS = [
    _reference("Adamax", "epsilon on the other side", "divisor = v if spec", "divisor = v if not spec"),
    _reference("NAdam", "momentum of the step before", "mu = _momenta(spec, t + 1)", "mu = _momenta(spec, t + 2)[1:]"),
    _reference("RAdam", "never rectified", "if rho > spec.threshold", "if rho < 0"),
    _reference("Lion", "the average that is kept", "np.sign(average(spec.b1,", "np.sign(average(spec.b2,"),
    _reference("LAMB", "decay outside of the norm", "if spec.decay_in_ratio", "if False", hint="CYCLE"),
    _jax("AdaBelief", "surprise at the gradient alone", "jnp.square(g - m)", "jnp.square(g)"),
    _jax("NAdam", "the product not continued", "mu(t + 1.0) / left(t + 1.0)", "mu(t + 1.0) / left(t)"),
    _jax("NAdam", "t in float32", "count.astype(jnp.float64))", "count.astype(jnp.float32))"),
    _jax("RAdam", "ρ in float32", "with jax.enable_x64(True)", "with jax.enable_x64(False)", dtype="float32"),
    _jax("LARS", "decay left out of the divisor", "+ spec.weight_decay * global_norm(w)", ""),
    _jax_shared(
        "LAMB",
        "the ratio upside down",
        "coefficient * norm / jnp.where(none, 1.0, other)",
        "coefficient * other / norm",
    ),
    _tensorflow("Adamax", "the mean for the maximum", "v = tf.maximum(step.c(spec.b2)", "v = tf.add(step.c(spec.b2)"),
    _tensorflow("NAdam", "momentum constant", "if spec.momentum_decay is None", "if True"),
    _tensorflow("RAdam", "threshold of the paper", "rho > spec.threshold", "rho > 4"),
    _tensorflow("AdaDelta", "the update's square too early", "tf.sqrt(before + epsilon)", "tf.sqrt(e + epsilon)"),
    _tensorflow("Lion", "momentum of the sign", '"m": average(step, spec.b2,', '"m": average(step, spec.b1,'),
    _tf_shared("LARS", "the coefficient left out", "tf.constant(coefficient, norm.dtype) * norm", "norm"),
    _tensorflow("LAMB", "norm of the moment", "global_norm([d])) * d, new", "global_norm([new['m']])) * d, new"),
    _tensorflow(
        "LAMB", "norm before the decay", "(global_norm([w]), ", "(global_norm([step.w]), ", hint="decay_in_ratio=False"
    ),
    _reference("Yogi", "v follows as Adam's", 'np.sign(slots["v"] - square) * square', '(slots["v"] - square)'),
    _reference("Adan", "a first difference", "if t > 1 else np.zeros_like(g)", "if t > 0 else np.zeros_like(g)"),
    _jax("Yogi", "away from the square", "jnp.sign(before - square)", "jnp.sign(square - before)"),
    _jax(
        "NovoGrad",
        "decay outside of the momentum",
        "+ spec.epsilon) + step.decay\n    return -step.eta * m,",
        "+ spec.epsilon)\n    return -step.eta * (m + step.decay),",
        hint="CYCLE",
    ),
    _jax("OptimisticAdam", "correction of this step", "step.t + 1.0)", "step.t)", hint="nesterov"),
    _tensorflow("NovoGrad", "no first norm", "tf.where(step.t == 1, square, ", "tf.where(step.t == 0, square, "),
    _tensorflow("Adan", "differences whole in the square", "tf.square(g + weight * change)", "tf.square(g + change)"),
    _jax("ScheduleFreeAdamW", "t off by one", "step.exact(lambda t: 1.0 / t)", "step.exact(lambda t: 1.0 / (t + 1))"),
    _tensorflow("ScheduleFreeAdamW", "no decay", "step.eta * (d + step.decay)", "step.eta * d", hint="kernels"),
    _tensorflow("OptimisticAdam", "a first direction of 0", "tf.where(t == 1, d, ", "tf.where(t == 0, d, "),
]
