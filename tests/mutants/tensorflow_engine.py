"""Mistakes in the engine of TensorFlow: the loop of updates, and what it counts."""

from __future__ import annotations

from tests.mutants.mutant import planting

# In float32, where a run compiles one size of batches.
_engine = planting("nnspec_tensorflow.engine", "training", "evaluation", "divided", dtype="float32")

_objective = planting("nnspec_tensorflow.objective", "training", "evaluation", dtype="float32")

_books = planting("nnspec_tensorflow.metrics.books", "training", "evaluation", "divided")

_ALL, _WEIGHTED, _PLATEAU = "everything on", "weighted labels", "plateau"
_HEADS, _TWO = "three outputs", "two losses of one output"

MUTANTS = [
    _engine(
        _ALL,
        "trained in inference mode",
        "outcome = self._outcome(batch, training=True)",
        "outcome = self._outcome(batch, training=False)",
    ),
    _engine(
        _ALL,
        "evaluated in training mode",
        "tf.range(size)), training=False)",
        "tf.range(size)), training=True)",
        "evaluation",
    ),
    _engine(
        _ALL,
        "the last batch dropped",
        "score(sums, tf.constant(full * batch_size), rest) if rest else sums",
        "sums",
        "evaluation",
    ),
    _engine(_ALL, "totals not reset", "self._sums.assign(tf.zeros_like(self._sums))", "pass"),
    _engine(_ALL, "sums doubled", "tf.concat([self._sums[:-2],", "tf.concat([2 * self._sums[:-2],"),
    _engine(
        _ALL,
        "the next update's rate reported",
        "(rate, 1.0)}",
        "(self._optimizer.learning_rate, 1.0)}",
    ),
    _engine(_ALL, "the next update's batch", "order[k])", "order[k + 1])"),
    _engine(
        _ALL,
        "gradients move the state",
        "with self._net.unchanged():\n            value, gradients, _",
        "if True:\n            value, gradients, _",
    ),
    _engine(
        _ALL,
        "slots not assigned",
        "**self._state}, variables)",
        "**self._state}, {n: x for n, x in variables.items() if n[:10] != 'optimizer/' or n[-2:] not in ('/m', '/v')})",
    ),
    _books(
        _ALL,
        "sums in float32",
        "tf.cast(x, tf.float64) for x in batch",
        "tf.cast(tf.cast(x, tf.float32), tf.float64) for x in batch",
        dtype="float64",
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
    _objective(_HEADS, "losses not weighed", "[weight * value for", "[value for"),
    _objective(
        _HEADS,
        "weights in float16",
        "tf.constant(term.weight, value.dtype)",
        "tf.cast(tf.constant(term.weight, tf.float16), value.dtype)",
    ),
    _objective(
        _TWO,
        "what weighs nothing is minimized",
        "terms = self.spec.minimized",
        "terms = tuple(type(t)(t.name, t.output, t.loss, t.weight or 1.0, t.place) for t in self.spec.terms)",
    ),
    _engine("SAM", "other masks", "*gradients), *before))", "*gradients), *after[len(parameters) :]))"),
    _engine(
        "SAM",
        "the step of two passes",
        "_assign((*parameters, *states), after)",
        "_assign(parameters, after[: len(parameters)])",
    ),
    _engine("LossScale", "not divided", "self._optimizer.unscaled(gradients), outcome", "gradients, outcome"),
    _engine(
        _PLATEAU,
        "the plateau's scale not assigned",
        "**self._state}, variables)",
        "**self._state}, {n: x for n, x in variables.items() if n[-5:] != 'scale'})",
    ),
]
