"""How the parts of an experiment fit together, as far as that can be told without reading the data."""

from __future__ import annotations

import math
from collections.abc import Mapping

from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.layers.base import Shape, show
from nnspec.losses.base import of_classes
from nnspec.objective import Measure, Objective, Term
from nnspec.source import SKLEARN, Data
from nnspec.vocabulary import tag_of


def check_names(data: Data, objective: Objective) -> None:
    """What the data have by output against the outputs that have losses."""
    for field in ("target", "weights", "one_hot"):
        held = getattr(data, field)
        given = held if isinstance(held, Mapping) or (field == "one_hot" and isinstance(held, tuple)) else ()
        for name in given:
            if name not in objective.outputs:
                known = ", ".join(objective.outputs)
                hint = did_you_mean(name, objective.outputs)
                raise SpecError(f"no output {name!r} has a loss{hint} (outputs: {known})", ("data", field))
    trained = objective.outputs
    if data.sklearn is not None and len(trained) > 1:
        why = f"{data.sklearn} has one target, but losses are of {', '.join(trained)}"
        raise SpecError(f"{why}: name targets of a csv or npz file by output", ("data", "sklearn"))
    if data.csv is not None and len(trained) > 1 and not isinstance(data.target, Mapping):
        example = ", ".join(f"{name}: COLUMN" for name in trained)
        raise SpecError(f"the losses are by output: name a target column for each, {{{example}}}", ("data", "target"))


def check_output(data: Data | None, objective: Objective, output: str, shape: Shape) -> None:
    """Losses and metrics of an output against its shape."""
    terms, measures = objective.of_output(output)
    for term in terms:
        _check_loss(data, term, shape)
    for measure in measures:
        for term in terms:
            _check_metric(data, measure, term, shape)


def _check_loss(data: Data | None, term: Term, shape: Shape) -> None:
    loss, last = term.loss, shape[-1]
    name = tag_of(type(loss))
    if len(shape) < 2:
        raise SpecError(f"{name} needs an output with features, got {show(shape)}", term.place)
    try:
        loss.positions(shape)
    except ShapeError as error:
        raise SpecError(error.reason, term.place) from None
    if loss.alone and last == 1:
        raise SpecError(f"{name} {loss.alone}", term.place)
    for field in ("class_weights", "pos_weight"):
        numbers = getattr(loss, field, None)
        if isinstance(numbers, tuple) and isinstance(last, int):
            try:
                of_classes(field, numbers, last)
            except ShapeError as error:
                raise SpecError(error.reason, (*term.place, name, field)) from None
    if data is None or data.sklearn is None:
        return
    known = SKLEARN[data.sklearn]
    if len(shape) > 2:
        where = f"the model's output is {show(shape)}: put Flatten before its last layers"
        raise SpecError(f"{data.sklearn} has one target per example, {where}", ("model",))
    if known.classes is not None and isinstance(last, int):
        needed = known.classes if loss.targets == "labels" or data.encodes(term.output) else 1
        if last < needed:
            raise SpecError(
                f"{data.sklearn} has {known.classes} classes, the model's output is {show(shape)}", ("model",)
            )
    if known.classes is None and loss.targets != "values":
        wanted = "use MeanSquaredError or Huber"
        raise SpecError(f"{data.sklearn} has numbers to predict, no classes: {wanted}", term.place)


def _check_metric(data: Data | None, measure: Measure, term: Term, shape: Shape) -> None:
    """A metric against a loss of its output, whose targets it shares, and the shape of the output."""
    metric, loss, last = measure.metric, term.loss, shape[-1]
    tag, name, wanted = tag_of(type(metric)), tag_of(type(loss)), loss.target_shape(shape)
    decides = getattr(metric, "threshold", 0) is None
    if wanted != shape:
        why = f"but {name} has targets {show(wanted)} for outputs {show(shape)}"
        raise SpecError(f"{tag} compares outputs with targets, {why}: leave it out", measure.place)
    if metric.axes and loss.targets == "values" and getattr(loss, "ignore_label", None) is not None:
        why = f"but {name} may ignore some of its elements"
        better = "set its threshold" if decides else "use binary_accuracy"
        raise SpecError(f"{tag} takes a position as a whole, {why}: {better}", measure.place)
    if metric.targets == "labels" and last == 1:
        better = "use mae or rmse" if math.isinf(loss.target_bounds()[1]) else "use binary_accuracy"
        better = "set its threshold" if decides else better
        raise SpecError(f"{tag} compares classes, but there is one output: {better}", measure.place)
    try:
        metric.shapes(shape)
    except ShapeError as error:
        raise SpecError(f"{tag}: {error.reason}", measure.place) from None
    # An array may hold distributions; a column or one of scikit-learn's sets holds ids.
    hot = data is not None and data.encodes(term.output)
    ids = loss.targets == "labels" and data is not None and data.npz is None and not hot
    if metric.targets == "values" and ids:
        raise SpecError(f"{tag} compares values, but the targets are class ids: set data.one_hot", measure.place)
    if isinstance(last, int) and getattr(metric, "k", 0) > last:
        raise SpecError(f"the top {getattr(metric, 'k', 0)} of {last} classes are always right: lower k", measure.place)
