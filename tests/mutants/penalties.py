"""Mistakes in penalties and constraints, and in how the engines have them."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.penalties", "training", dtype="float32")
_jax = planting("nnspec_jax.penalties", "training", dtype="float32")
_tensorflow = planting("nnspec_tensorflow.penalties", "training", dtype="float32")
_jax_engine = planting("nnspec_jax.engine", "training", dtype="float32")
_tensorflow_engine = planting("nnspec_tensorflow.engine", "training", dtype="float32")

_MANY, _SUM = "penalties and constraints", "a divergence beside a sum"

MUTANTS = [
    _reference(_MANY, "norms of rows for columns", "x if spec.vectors ==", "x if spec.vectors !="),
    _reference(_MANY, "signs taken away", "np.maximum(w, 0)", "np.abs(w)"),
    _jax(_MANY, "of the sum of a node's values", "total / x.shape[0]", "total"),
    _jax(_MANY, "columns for rows", 'if spec.vectors == "rows"', 'if spec.vectors != "rows"'),
    _jax(_SUM, "a slope at 0", "jnp.sum(magnitude(x))", "jnp.sum(jnp.abs(x))"),
    _jax(_SUM, "the whole divergence twice", "- log_variance) / 2.0", "- log_variance)"),
    _jax_engine(_MANY, "reported alone", "value = value + total / share", "value = value + 0.0 * total"),
    _jax_engine(
        _MANY,
        "batches counted for examples",
        "share = 1.0 if self._objective.spec.summed else float(_count(batch))",
        "share = 1.0",
        "evaluation",
    ),
    _jax_engine(_MANY, "no constraints", "if self._constraints is None:", "if True:"),
    _tensorflow(_MANY, "pairs counted twice", "max(count * (count - 1) // 2, 1)", "max(count * (count - 1), 1)"),
    _tensorflow(_MANY, "no rate", "if spec.rate < 1:", "if False:"),
    _tensorflow(_MANY, "norms over all axes", "axis=spec.norm_axes(w.shape.rank), keepdims=True", "keepdims=True"),
    _tensorflow(_SUM, "variances that grow", "+ tf.math.expm1(log_variance) - log_variance", "+ log_variance"),
    _tensorflow_engine(
        _SUM,
        "examples counted beside a sum",
        "share = 1 if self._objective.spec.summed else _count(given)",
        "share = _count(given)",
    ),
]
