"""Experiments: a model with all that training it takes, as a spec file holds it."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from nnspec import document
from nnspec.advice import advice as advice, without_effect as without_effect
from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.layers.base import Shape, show
from nnspec.losses.base import of_classes
from nnspec.losses.outputs import Losses
from nnspec.mixing import check as check_mixing
from nnspec.model import Model
from nnspec.objective import Measure, Objective, Term
from nnspec.optimizers import Clip
from nnspec.overrides import apply_override, apply_overrides as apply_overrides
from nnspec.penalties import Constraint, Penalty
from nnspec.source import SKLEARN, Data as Data, fit_input
from nnspec.spec import (
    AnyLoss,
    AnyMixing,
    AnyOptimizer,
    NonNegativeFloat,
    PositiveInt,
    Spec,
    changed_fields,
    dump,
    nested,
    parse,
    shown,
    spec,
    written,
)
from nnspec.vocabulary import tag_of

_T = TypeVar("_T")
FloatType = Literal["float64", "float32", "bfloat16", "float16"]


@spec
class EarlyStopping(Spec):
    """Stop after ``patience`` epochs in a row in which ``monitor`` did not improve by more than ``min_delta``.

    With ``restore_best`` the net ends with the variables of its best epoch (by ``training.monitor``).
    """

    patience: PositiveInt
    monitor: str = "val_loss"
    min_delta: NonNegativeFloat = 0.0
    restore_best: bool = True


@spec
class Training(Spec):
    """How long, in which batches and from which random bits.

    Attributes:
        epochs: passes over the training rows.
        batch_size: rows per update; the last update of an epoch takes the rows that remain.
        seed: all random bits follow from it, 0 to 2⁶⁴ − 1.
        dtype: the arithmetic of the net.
        drop_remainder: leave out the rows that do not fill the last batch.
        shuffle: a new order of the rows in every epoch.
        early_stopping: when to stop before the last epoch.
        monitor: what decides which epoch is best, hence kept: loss, penalty, a metric, or ``val_`` and one of these; of
            an output among several, ``digit/loss`` or ``val_digit/accuracy``. Without validation rows "val_loss" means
            "loss".
    """

    epochs: PositiveInt = 10
    batch_size: PositiveInt = 32
    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 0
    dtype: FloatType = "float32"
    drop_remainder: bool = False
    shuffle: bool = True
    early_stopping: Annotated[Any, nested(EarlyStopping, optional=True), written("early_stopping", optional=True)] = (
        None
    )
    monitor: str = "val_loss"


def _model(value: Any) -> Model:
    return value if isinstance(value, Model) else Model.from_file(value)


def _metrics(value: Any, info: ValidationInfo) -> Any:
    """Metrics of the only output, or with losses by output, those of each of them."""
    if not (isinstance(value, Mapping) and isinstance(info.data.get("loss"), Losses)):
        return _listed(value, ())
    return {name: _listed(held, (name,)) for name, held in value.items()}


def _listed(value: Any, place: tuple[str, ...]) -> tuple[Any, ...]:
    """One metric, or a list of them."""
    listed = (value,) if isinstance(value, str | Spec | Mapping) else value
    if not isinstance(listed, tuple | list):
        raise SpecError(f"expected a list, got {shown(value)}", place)
    found = []
    for i, held in enumerate(listed):
        try:
            found.append(parse("metric", held))
        except SpecError as error:
            raise error.under(*place, i) from None
    return tuple(found)


_METRIC: dict[str, Any] = {"$definition": "metric"}
_METRICS = {"anyOf": [{"type": "array", "items": _METRIC}, _METRIC]}
_WRITTEN = {"anyOf": [*_METRICS["anyOf"], {"type": "object", "additionalProperties": _METRICS}]}


def _list_of(cls: type[Any]) -> Callable[[Any], Any]:
    """Reads a list of one class, or one of it by itself."""
    return lambda value: (
        (value,) if isinstance(value, cls | Mapping) else tuple(value) if isinstance(value, list) else value
    )


@spec
class Experiment(Spec):
    """A model, its loss, and how it is trained: what a spec file holds.

    A model of several outputs has a loss for each, as :class:`Losses`, and metrics by output.

    Raises:
        SpecError: parts that do not fit together, as far as that can be told without the data.
    """

    model: Annotated[Any, BeforeValidator(_model), written("model")]
    loss: AnyLoss
    optimizer: AnyOptimizer = "Adam"
    metrics: Annotated[Any, BeforeValidator(_metrics), WithJsonSchema(_WRITTEN)] = ()
    clip: Annotated[Any, nested(Clip, optional=True), written("clip", optional=True)] = None
    penalties: Annotated[
        tuple[Annotated[Any, nested(Penalty), written("penalty")], ...], BeforeValidator(_list_of(Penalty))
    ] = ()
    constraints: Annotated[
        tuple[Annotated[Any, nested(Constraint), written("constraint")], ...], BeforeValidator(_list_of(Constraint))
    ] = ()
    mixing: AnyMixing = None
    data: Annotated[Any, nested(Data, optional=True), written("data", optional=True)] = None
    training: Annotated[Any, nested(Training), written("training")] = dataclasses.field(default_factory=Training)

    def __post_init__(self) -> None:
        objective = self.objective
        self._check_monitors([*objective.monitored(), *(["penalty"] if self.penalties else [])])
        if self.data is not None:
            _check_names(self.data, objective)
        shapes = self.output_shapes() or {}
        for output in objective.outputs if shapes else ():
            _check_output(self, objective, output, shapes[output])
        if shapes and (self.penalties or self.constraints):
            self._check_patterns()
        if self.mixing is not None:
            check_mixing(self.mixing, self.model, self.loss, shapes.get(self.model.outputs[0]))

    def _check_patterns(self) -> None:
        """Penalties and constraints against the names and shapes of what they are for."""
        model = self.model.with_inputs(*(shape[1:] for shape in self.input_shapes() if shape is not None))
        for field in ("penalties", "constraints"):
            for i, held in enumerate(getattr(self, field)):
                try:
                    held.names(model)
                except SpecError as error:
                    raise error.under(field, i) from None

    @property
    def objective(self) -> Objective:
        """The losses and metrics of the model's outputs."""
        return Objective.of(self.loss, self.metrics, self.model.outputs)

    def _check_monitors(self, names: Sequence[str]) -> None:
        places: dict[tuple[str, ...], str] = {("training", "monitor"): self.training.monitor}
        if self.training.early_stopping is not None:
            places["training", "early_stopping", "monitor"] = self.training.early_stopping.monitor
        rate = self.optimizer.learning_rate
        if tag_of(type(rate)) == "ReduceOnPlateau":
            held: Any = self.optimizer
            place: tuple[str, ...] = ("optimizer", tag_of(type(held)))
            while within := getattr(held, "within", ""):
                held = getattr(held, within)
                place = (*place, within, tag_of(type(held)))
            places[*place, "learning_rate", "ReduceOnPlateau", "monitor"] = rate.monitor
        known = [prefix + name for name in names for prefix in ("", "val_")]
        for path, name in places.items():
            if name not in known:
                hint = did_you_mean(name, known)
                raise SpecError(f"nothing is called {name!r}{hint} (known: {', '.join(known)})", path)
            falls_back = path == ("training", "monitor") and name == "val_loss"
            if name.startswith("val_") and self.data is not None and not self.data.validates and not falls_back:
                other = name.removeprefix("val_")
                raise SpecError(f"{name} needs validation rows: set data.validation_split, or monitor {other}", path)

    def input_shapes(self) -> tuple[Shape | None, ...]:
        """The inputs' shapes, batch axis included, as far as the model or the name of its data tells; else None."""
        model: Model = self.model
        name = None if self.data is None else self.data.sklearn
        given = [declared.shape for declared in model.inputs.values()]
        if name is not None:
            if len(given) != 1:
                raise SpecError(f"{name} has one input, the model has {len(given)}", ("model", "inputs"))
            given = [fit_input(given[0], SKLEARN[name].features, name)]
        return tuple(None if shape is None else (None, *shape) for shape in given)

    def output_shapes(self) -> dict[str, Shape] | None:
        """The shape of each output of the model, batch axis included; None where only the data can tell."""
        shapes = self.input_shapes()
        known = [shape for shape in shapes if shape is not None]
        if len(known) < len(shapes):
            return None
        try:
            return self.model.output_shapes(*known)  # type: ignore[no-any-return]
        except ShapeError as error:
            raise error.under("model") from None

    # -- files --------------------------------------------------------------------------------------------------------

    @classmethod
    def from_file(cls, data: Any) -> Experiment:
        """The experiment that the content of a spec file describes."""
        if not isinstance(data, Mapping):
            raise SpecError("an experiment is a mapping with a model and a loss")
        return cls(**{str(name): value for name, value in data.items() if name != "nnspec"})

    def to_file(self) -> dict[str, Any]:
        """The content of a spec file that describes this experiment: what differs from the defaults."""
        written = {"nnspec": document.FORMAT, **changed_fields(self), "model": self.model.to_file()}
        order = ["nnspec", *(field.name for field in dataclasses.fields(self))]
        return {name: dump(written[name]) for name in order if name in written}

    def dumps(self, source: str = "spec.yaml") -> str:
        """The text of a spec file, YAML or (if ``source`` ends in .json) JSON; it reads back as an equal experiment."""
        return document.dumps(self.to_file(), source)

    def located(self, base: str | os.PathLike[str]) -> Experiment:
        """The same with the paths of its data made absolute."""
        return self if self.data is None else dataclasses.replace(self, data=self.data.located(base))


def load_experiment(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Experiment:
    """The experiment of a spec file. Relative paths of its data start at the file's directory.

    Args:
        path: a YAML file, or a JSON file whose name ends in ``.json``.
        overrides: ``path=value``, as in ``training.epochs=5`` or ``model.layers[0].Dense.features=64``, in order.

    Raises:
        FileError: the file cannot be read.
        SpecError: what is wrong in it, with file and line, or in which override.
    """
    return _load(path, overrides, Experiment.from_file).located(Path(path).parent)


def load_model(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> tuple[Model, Experiment | None]:
    """The model of a spec file, which may hold nothing else, and the experiment if it is one."""

    def build(data: Any) -> tuple[Model, Experiment | None]:
        if isinstance(data, Mapping) and set(data) == {"nnspec", "model"}:
            try:
                return _model(data["model"]), None
            except SpecError as error:
                raise error.under("model") from None
        experiment = Experiment.from_file(data)
        return experiment.model, experiment

    return _load(path, overrides, build)


def _load(path: str | os.PathLike[str], overrides: Sequence[str], build: Callable[[Any], _T]) -> _T:
    """What ``build`` makes of a spec file's content; its errors get the place in the file, or the override at fault."""
    read = document.read(path)
    read.check_format()
    data = apply_overrides(read.data, overrides)
    try:
        return build(data)
    except SpecError as error:
        error.source = _culprit(read.data, overrides, build) or read.locate(error.place)
        raise


def _culprit(data: Any, overrides: Sequence[str], build: Callable[[Any], Any]) -> str | None:
    """The first override with which the file is no longer valid; None if it is not without any."""
    for override in (None, *overrides):
        data = data if override is None else apply_override(data, override)
        try:
            build(data)
        except SpecError:
            return None if override is None else f"--set {override}"
    return None


def _check_names(data: Data, objective: Objective) -> None:
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


def _check_output(experiment: Experiment, objective: Objective, output: str, shape: Shape) -> None:
    """Losses and metrics of an output against its shape."""
    terms, measures = objective.of_output(output)
    for term in terms:
        _check_loss(experiment, term, shape)
    for measure in measures:
        for term in terms:
            _check_metric(experiment, measure, term, shape)


def _check_loss(experiment: Experiment, term: Term, shape: Shape) -> None:
    loss, data = term.loss, experiment.data
    name, last = tag_of(type(loss)), shape[-1]
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
    known = SKLEARN.get(data.sklearn) if data is not None and data.sklearn else None
    if known is not None and len(shape) > 2:
        where = f"the model's output is {show(shape)}: put Flatten before its last layers"
        raise SpecError(f"{data.sklearn} has one target per example, {where}", ("model",))
    if known is not None and known.classes is not None and isinstance(last, int):
        needed = known.classes if loss.targets == "labels" or data.encodes(term.output) else 1
        if last < needed:
            raise SpecError(
                f"{data.sklearn} has {known.classes} classes, the model's output is {show(shape)}", ("model",)
            )
    if known is not None and known.classes is None and loss.targets != "values":
        wanted = "use MeanSquaredError or Huber"
        raise SpecError(f"{data.sklearn} has numbers to predict, no classes: {wanted}", term.place)


def _check_metric(experiment: Experiment, measure: Measure, term: Term, shape: Shape) -> None:
    """A metric against a loss of its output, whose targets it shares, and the shape of the output."""
    metric, loss, data, last = measure.metric, term.loss, experiment.data, shape[-1]
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
