"""Mistakes in StableHLO programs as nodes, in every wing."""

from __future__ import annotations

from tests.mutants.mutant import planting

_reference = planting("nnspec.reference.stablehlo", "forward")
_sorting = planting("nnspec.reference.stablehlo.sorting", "forward")
_control = planting("nnspec.reference.stablehlo.control", "forward")
_indexing = planting("nnspec_jax.stablehlo.arrangement", "forward")
_jax = planting("nnspec_jax.stablehlo", "forward")
_order = planting("nnspec_jax.stablehlo.reductions", "forward")
_branches = planting("nnspec_jax.stablehlo.control", "forward")
_tensorflow = planting("nnspec_tensorflow.stablehlo", "forward", "NaN")
_NAME = "StableHLO"

MUTANTS = [
    _reference(_NAME, "the first result", "results[spec.output][0]", "results[0][0]"),
    _sorting(
        _NAME,
        "not stable",
        "before(np.where(right, order, other), np.where(right, other, order)) != right",
        "before(np.where(right, other, order), np.where(right, order, other)) == right",
    ),
    _control(
        _NAME,
        "the loop's body once",
        "while _true(call.runner.block(condition, state)):",
        "if _true(call.runner.block(condition, state)):",
    ),
    _jax(_NAME, "the first result", "[spec.output][0]", "[0][0]"),
    _jax(_NAME, "the first example for all", "x[None] for x in inputs", "x[None] * 0 for x in inputs"),
    _indexing(
        _NAME,
        "beyond the table are zeros",
        "mode=lax.GatherScatterMode.CLIP",
        "mode=lax.GatherScatterMode.FILL_OR_DROP",
    ),
    _order(_NAME, "the last first", "jnp.sum(others | ", "jnp.sum(me_first | "),
    _branches(_NAME, "the first branch alone", "lax.switch(at, ", "lax.switch(at * 0, "),
    _tensorflow(_NAME, "zeros for its inputs", "x[None] for x in examples", "tf.zeros_like(x)[None] for x in examples"),
    _tensorflow(_NAME, "NaN lost in maxima", "written(propagating(spec.module), ", "written(spec.module, ", "NaN"),
]
