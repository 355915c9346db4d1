"""Experiments: a model with all that training it takes, as a spec file holds it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema

from nnspec import document, parts
from nnspec.advice import advice as advice, without_effect as without_effect
from nnspec.errors import ShapeError, SpecError, did_you_mean
from nnspec.layers.base import Shape
from nnspec.losses.outputs import Losses
from nnspec.mixing import check as check_mixing
from nnspec.model import Model
from nnspec.objective import Objective
from nnspec.optimizers import Clip, demand_names
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
            parts.check_names(self.data, objective)
        shapes = self.output_shapes() or {}
        for output in objective.outputs if shapes else ():
            parts.check_output(self.data, objective, output, shapes[output])
        if shapes:
            demand_names(self.optimizer, self.model.params(*self.input_shapes()))
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
