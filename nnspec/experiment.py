"""Experiments: a model with all that training it takes, as a spec file holds it."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from nnspec import document
from nnspec.advice import advice as advice, without_effect as without_effect
from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.layers.base import Shape, show
from nnspec.losses.base import of_classes
from nnspec.model import Model
from nnspec.optimizers import Clip
from nnspec.overrides import apply_override, apply_overrides as apply_overrides
from nnspec.source import SKLEARN, Data as Data, fit_input
from nnspec.spec import (
    AnyLoss,
    AnyMetric,
    AnyOptimizer,
    NonNegativeFloat,
    PositiveInt,
    Spec,
    changed_fields,
    dump,
    nested,
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
        monitor: what decides which epoch is best, hence kept: loss, a metric, or ``val_`` and one of these. Without
            validation rows "val_loss" means "loss".
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


def _metrics(value: Any) -> Any:
    return (value,) if isinstance(value, str | Spec | Mapping) else tuple(value) if isinstance(value, list) else value


@spec
class Experiment(Spec):
    """A model, its loss, and how it is trained: what a spec file holds.

    Raises:
        SpecError: parts that do not fit together, as far as that can be told without the data.
    """

    model: Annotated[Any, BeforeValidator(_model), written("model")]
    loss: AnyLoss
    optimizer: AnyOptimizer = "Adam"
    metrics: Annotated[tuple[AnyMetric, ...], BeforeValidator(_metrics)] = ()
    clip: Annotated[Any, nested(Clip, optional=True), written("clip", optional=True)] = None
    data: Annotated[Any, nested(Data, optional=True), written("data", optional=True)] = None
    training: Annotated[Any, nested(Training), written("training")] = dataclasses.field(default_factory=Training)

    def __post_init__(self) -> None:
        tags = [tag_of(type(metric)) for metric in self.metrics]
        for i, tag in enumerate(tags):
            if tag in tags[:i]:
                raise SpecError(f"{tag} is listed twice", ("metrics", i))
        if len(self.model.outputs) > 1:
            outputs = ", ".join(self.model.outputs)
            raise SpecError(f"training takes a model with one output for now, got {outputs}", ("model", "outputs"))
        self._check_monitors([tag for tag, metric in zip(tags, self.metrics, strict=True) if metric.scalar])
        shape = self.output_shape()
        if shape is not None:
            _check_output(self, shape)

    def _check_monitors(self, tags: Sequence[str]) -> None:
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
        known = [prefix + name for name in ("loss", *tags) for prefix in ("", "val_")]
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

    def output_shape(self) -> Shape | None:
        """The shape of the model's output, batch axis included; None where only the data can tell."""
        shapes = self.input_shapes()
        known = [shape for shape in shapes if shape is not None]
        if len(known) < len(shapes):
            return None
        try:
            (shape,) = self.model.output_shapes(*known).values()
        except ShapeError as error:
            raise error.under("model") from None
        return shape  # type: ignore[no-any-return]

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


def _check_output(experiment: Experiment, shape: Shape) -> None:
    """Loss and metrics against the shape of the output."""
    loss, data = experiment.loss, experiment.data
    name, last = tag_of(type(loss)), shape[-1]
    if len(shape) < 2:
        raise SpecError(f"{name} needs an output with features, got {show(shape)}", ("loss",))
    try:
        loss.positions(shape)
    except ShapeError as error:
        raise SpecError(error.reason, ("loss",)) from None
    if loss.alone and last == 1:
        raise SpecError(f"{name} {loss.alone}", ("loss",))
    for field in ("class_weights", "pos_weight"):
        numbers = getattr(loss, field, None)
        if isinstance(numbers, tuple) and isinstance(last, int):
            try:
                of_classes(field, numbers, last)
            except ShapeError as error:
                raise SpecError(error.reason, ("loss", name, field)) from None
    known = SKLEARN.get(data.sklearn) if data is not None and data.sklearn else None
    if known is not None and len(shape) > 2:
        where = f"the model's output is {show(shape)}: put Flatten before its last layers"
        raise SpecError(f"{data.sklearn} has one target per example, {where}", ("model",))
    if known is not None and known.classes is not None and isinstance(last, int):
        needed = known.classes if loss.targets == "labels" or data.one_hot else 1
        if last < needed:
            raise SpecError(
                f"{data.sklearn} has {known.classes} classes, the model's output is {show(shape)}", ("model",)
            )
    if known is not None and known.classes is None and loss.targets != "values":
        raise SpecError(f"{data.sklearn} has numbers to predict, no classes: use MeanSquaredError or Huber", ("loss",))
    _check_metrics(experiment, shape)


def _check_metrics(experiment: Experiment, shape: Shape) -> None:
    """Metrics against the loss, whose targets they share, and the shape of the output."""
    loss, data, last = experiment.loss, experiment.data, shape[-1]
    name, wanted = tag_of(type(loss)), loss.target_shape(shape)
    for i, metric in enumerate(experiment.metrics):
        tag = tag_of(type(metric))
        if wanted != shape:
            why = f"but {name} has targets {show(wanted)} for outputs {show(shape)}"
            raise SpecError(f"{tag} compares outputs with targets, {why}: leave it out", ("metrics", i))
        decides = getattr(metric, "threshold", 0) is None
        if metric.axes and loss.targets == "values" and getattr(loss, "ignore_label", None) is not None:
            why = f"but {name} may ignore some of its elements"
            better = "set its threshold" if decides else "use binary_accuracy"
            raise SpecError(f"{tag} takes a position as a whole, {why}: {better}", ("metrics", i))
        if metric.targets == "labels" and last == 1:
            better = "use mae or rmse" if math.isinf(loss.target_bounds()[1]) else "use binary_accuracy"
            better = "set its threshold" if decides else better
            raise SpecError(f"{tag} compares classes, but there is one output: {better}", ("metrics", i))
        try:
            metric.shapes(shape)
        except ShapeError as error:
            raise SpecError(f"{tag}: {error.reason}", ("metrics", i)) from None
        # An array may hold distributions; a column or one of scikit-learn's sets holds ids.
        ids = loss.targets == "labels" and data is not None and data.npz is None and not data.one_hot
        if metric.targets == "values" and ids:
            raise SpecError(f"{tag} compares values, but the targets are class ids: set data.one_hot", ("metrics", i))
        if tag == "top_k_accuracy" and isinstance(last, int) and metric.k > last:
            raise SpecError(f"the top {metric.k} of {last} classes are always right: lower k", ("metrics", i))
