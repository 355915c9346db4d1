"""The engine of an experiment."""

from __future__ import annotations

from nnspec.backends import Backend, Engine, Net
from nnspec.experiment import Experiment
from nnspec.lacking import demand


def engine_of(experiment: Experiment, backend: Backend, net: Net) -> Engine:
    """Training of a net as the experiment has it.

    Raises:
        UnsupportedError: there are penalties, constraints or a mixing, and the backend has none.
    """
    # Not given where there are none: a backend of another package may do without them.
    held = {"penalties": experiment.penalties, "constraints": experiment.constraints, "mixing": experiment.mixing}
    beside = {name: specs for name, specs in held.items() if specs}
    demand(backend, *beside.values())
    return backend.engine(
        net,
        loss=experiment.loss,
        optimizer=experiment.optimizer,
        metrics=experiment.metrics,
        clip=experiment.clip,
        **beside,
    )
