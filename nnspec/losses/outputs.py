"""Losses of several outputs, and several losses of one output."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, WithJsonSchema

from nnspec.errors import SpecError, did_you_mean
from nnspec.spec import NonNegativeFloat, Spec, parse, spec

_LOSS: dict[str, Any] = {"$definition": "loss"}
_WRITTEN = {"anyOf": [_LOSS, {"type": "array", "items": _LOSS, "minItems": 1}, {"type": "null"}]}


def _entry(value: Any) -> Any:
    """What stands behind the name of an output: a loss, several of them, or none."""
    if value is None:
        return None
    if not isinstance(value, tuple | list):
        return _one(value)
    if not value:
        raise SpecError("expected a loss or a list of losses; null is for an output that is not trained")
    found = []
    for i, held in enumerate(value):
        try:
            found.append(_one(held))
        except SpecError as error:
            raise error.under(i) from None
    return found[0] if len(found) == 1 else tuple(found)


def _one(value: Any) -> Any:
    made = parse("loss", value)
    if isinstance(made, Losses):
        raise SpecError("Losses cannot hold another Losses: list the losses of an output behind its name")
    return made


@spec
class Losses(Spec):
    """The losses of a model's outputs, and what each of them weighs in their sum, which is minimized.

    L = Σ weight · l

    over all losses l, each reduced by its own ``reduction``, over a batch or over all examples of an epoch.
    Targets and metrics are by output then, too, and sample weights may be. A loss is recorded as it is, without its
    weight, as ``<output>/loss``; where an output has several, each is ``<output>/<its class>``.

    Attributes:
        losses: for each output of the model its loss, or a list of losses of different classes; null for one that is
            not trained, which has neither targets nor metrics.
        weights: for an output the weight of its loss, or a list of one for each of its losses; 1 unless given. What
            weighs 0 is recorded, but not minimized.

    Source: ``loss`` and ``loss_weights`` of Keras's ``Model.compile``.

    Raises:
        SpecError: no losses, two of one class for one output, or weights of other outputs or of another number.
    """

    kind: ClassVar[str] = "loss"

    losses: dict[str, Annotated[Any, BeforeValidator(_entry), WithJsonSchema(_WRITTEN)]]
    weights: dict[str, NonNegativeFloat | tuple[NonNegativeFloat, ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for output in self.losses:
            names = [type(loss).__name__ for loss in self.of(output)]
            for i, name in enumerate(names):
                if name in names[:i]:
                    raise SpecError(f"{name} is listed twice", ("losses", output, i))
        for output, given in self.weights.items():
            if not self.of(output):
                hint = did_you_mean(output, self.trained)
                raise SpecError(f"a weight for the output {output!r}, which has no losses{hint}", ("weights", output))
            count = len(self.of(output))
            if isinstance(given, tuple) and len(given) != count:
                raise SpecError(
                    f"{len(given)} weights for the losses of {output!r}, which are {count}", ("weights", output)
                )
            if not isinstance(given, tuple) and count > 1:
                raise SpecError(f"{output!r} has {count} losses: give a list of {count} weights", ("weights", output))
        if not any(weight for output in self.losses for weight in self.weights_of(output)):
            nothing = "no output has a loss" if not self.trained else "all weights are 0"
            raise SpecError(f"{nothing}: there is nothing to minimize", ("weights",) if self.trained else ("losses",))

    def __hash__(self) -> int:
        return hash((frozenset(self.losses.items()), frozenset(self.weights.items())))

    @property
    def trained(self) -> tuple[str, ...]:
        """The outputs that have losses."""
        return tuple(output for output in self.losses if self.of(output))

    def of(self, output: str) -> tuple[Any, ...]:
        """The losses of an output."""
        held = self.losses.get(output)
        return held if isinstance(held, tuple) else () if held is None else (held,)

    def weights_of(self, output: str) -> tuple[float, ...]:
        """The weight of each loss of an output."""
        given = self.weights.get(output, (1.0,) * len(self.of(output)))
        return given if isinstance(given, tuple) else (given,)
