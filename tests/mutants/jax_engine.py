"""Mistakes in the engine of JAX: the loop of updates, and what it counts."""

from __future__ import annotations

from tests.mutants.mutant import planting

# In float32, where a run compiles one size of batches.
_engine = planting("nnspec_jax.engine", "training", "evaluation", "divided", dtype="float32")

_objective = planting("nnspec_jax.objective", "training", "evaluation", dtype="float32")

_ALL, _WEIGHTED, _REGRESSION, _PLATEAU = "everything on", "weighted labels", "residual regression", "plateau"
_HEADS, _TWO = "three outputs", "two losses of one output"
_OUTCOME = "self._outcome(outputs, run, variables, batch)"

MUTANTS = [
    _engine(_ALL, "trained in inference mode", "batch, training=True)", "batch, training=False)"),
    _engine(_ALL, "evaluated in training mode", "batch, training=False)", "batch, training=True)", "evaluation"),
    _engine(
        _ALL,
        "the last batch dropped",
        "return self._score(variables, data, sums, rows - rest, batch_size=rest) if rest else sums",
        "return sums",
        "evaluation",
    ),
    _engine(
        _ALL,
        "the last batch filled up",
        "rows - rest, batch_size=rest)",
        "rows - batch_size, batch_size=batch_size)",
        "evaluation",
    ),
    _engine(
        _ALL,
        "mean of the batches' means",
        f"self._added(sums, {_OUTCOME})",
        f"self._added(sums, {{n: (a / b, 1) for n, (a, b) in {_OUTCOME}.items()}})",
        "evaluation",
    ),
    _engine(
        _ALL,
        "totals not reset",
        "self._sums = self._placed(self._zero(self._counted))\n        return found",
        "self._sums = self._sums\n        return found",
    ),
    _engine(
        _ALL,
        "norm of the clipped gradients",
        "norm = global_norm(gradients)",
        "norm = global_norm(self._clip.update(gradients, None)[0])",
    ),
    _engine(_ALL, "no clipping", "self._optimizer.update(clipped, state", "self._optimizer.update(gradients, state"),
    _engine(_ALL, "statistics not kept", "{**variables, **changed, **updated}", "{**variables, **updated}"),
    _engine(_ALL, "the next update's batch", "_rows(data, order[k]), c)", "_rows(data, order[k + 1]), c)"),
    _engine(
        _ALL,
        "the schedule's step not assigned",
        "set_slots(self._state, slots, step)",
        "set_slots(self._state, slots)",
        "divided",
    ),
    _engine(_ALL, "slots not assigned", "set_slots(self._state, slots, step)", "set_slots(self._state, {}, step)"),
    _engine(
        _ALL, "the next update's rate reported", "self._rate(count, scale), 1.0)", "self._rate(count + 1, scale), 1.0)"
    ),
    _objective(
        _WEIGHTED,
        "weights ignored",
        "targets, weights = self.spec.given(output, batch)",
        "targets, weights = self.spec.given(output, batch)[0], None",
    ),
    _objective(
        _WEIGHTED,
        "metrics count what the loss ignores",
        "targets, weights = for_metrics(term.loss, targets, weights)",
        "pass",
        "evaluation",
    ),
    _engine(
        _WEIGHTED,
        "loss summed instead of averaged",
        "value = self._objective.reduced(outcome)",
        'value = outcome["loss"][0]',
    ),
    _objective("Losses", "outputs' weights exchanged", "zip(weights, reduced,", "zip(weights[::-1], reduced,"),
    _objective(
        _HEADS,
        "the targets of another output",
        "self.spec.given(output, batch)",
        "self.spec.given(self.spec.outputs[0], batch)",
        raises=True,
    ),
    _objective(_TWO, "the second loss not minimized", "zip(weights, reduced,", "zip(weights[:1], reduced[:1],"),
    _engine("LossScale", "looked at after clipping", "all_finite(gradients)", "all_finite(clipped)"),
    _engine("SAM", "the gradient at w", "_, gradients, _ = self._gradients({**", "self._gradients({**"),
    _engine(_PLATEAU, "the plateau's scale ignored", "learning_rate_scale=scale,", "learning_rate_scale=1.0,"),
    _engine(_PLATEAU, "the plateau's scale not assigned", "float(own.get(_SCALE, self._scale))", "1.0"),
]
