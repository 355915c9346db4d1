"""An optimizer file that was written, imported and run as its users will."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from nnspec import variables as files
from nnspec.backends import Array, Arrays
from nnspec.porting.optimizer import STEP, UPDATES, rates, step_of
from nnspec_jax.porting.export.module import MODULE, Source
from nnspec_jax.porting.export.optimizer_module import OPTIMIZER, STATE, OptimizerSource
from nnspec_jax.porting.source_subject import import_file


def fresh(path: Path) -> dict[str, Array]:
    """The arrays of the optimizer of a directory before its first update, by the names of the file."""
    optimizer = import_file(path / OPTIMIZER)
    model = import_file(path / MODULE).load()
    made = nnx.Optimizer(model, optimizer.make(), wrt=nnx.Param)
    return {name: np.asarray(variable.get_value()) for name, variable in _flat(nnx.state(made))}


def _flat(state: Any) -> list[tuple[str, Any]]:
    """The variables of a state with their names; where a part of an optimizer is not asked, it has a mask for one."""
    found = ((".".join(map(str, place)), variable) for place, variable in nnx.to_flat_state(state))
    return [(name, variable) for name, variable in found if hasattr(variable.get_value(), "dtype")]


class OptimizerSourceSubject:
    """See :class:`nnspec.porting.port.OptimizerSubject`.

    Args:
        path: the directory.
        source: the model's source.
        optimizer: the optimizer's.
    """

    def __init__(self, path: Path, source: Source, optimizer: OptimizerSource) -> None:
        self.label = f"{path.name}/{OPTIMIZER} in Optax {optax.__version__}"
        self.rounds = optimizer.rounds
        self._path, self._source, self._optimizer = path, source, optimizer
        self._module = import_file(path / OPTIMIZER)
        self._model = import_file(path / MODULE)

    def update(self, parameters: Arrays, gradients: Sequence[Arrays]) -> dict[str, Array]:
        """Parameters and slots by canonical name after updates with these gradients."""
        with jax.enable_x64(True):
            model = self._model.load()
            for _, part in nnx.iter_graph(model):
                if isinstance(part, nnx.Param | nnx.BatchStat):
                    part.set_value(jnp.asarray(part.get_value(), jnp.float64))
            self._set(model, parameters)
            optimizer = nnx.Optimizer(model, self._exact().make(), wrt=nnx.Param)
            arrays, _ = files.load(self._path / STATE)
            state = nnx.state(optimizer)
            for name, variable in _flat(state):
                value = self._optimizer.exact(name, arrays[name])
                variable.set_value(jnp.asarray(value, variable.get_value().dtype))
            nnx.update(optimizer, state)
            update = nnx.jit(lambda model, optimizer, grads: optimizer.update(model, grads))
            for given in gradients:
                grads = jax.tree.map(jnp.array, nnx.state(model, nnx.Param))  # other variables than the model's
                self._set(grads, given)
                update(model, optimizer, grads)
            after = {name: np.asarray(variable.get_value()) for name, variable in _flat(nnx.state(optimizer))}
            own = {name: np.asarray(variable.get_value()) for name, variable in _flat(nnx.state(model, nnx.Param))}
        found = {}
        for name in parameters:
            place = self._source.variables[name]
            found[name] = place.layout.back(own[place.name]) if place.name in own else np.asarray(parameters[name])
        step = step_of(self._optimizer.state) + len(gradients)
        return {**found, **self._optimizer.back(after), STEP: np.array(step)}

    def _exact(self) -> Any:
        """The module with the spec's learning rate, where Optax's schedules are in float32."""
        module: Any = import_file(self._path / OPTIMIZER)
        state = self._optimizer.state
        if callable(module.learning_rate):
            first = step_of(state) // self._optimizer.every
            table = jnp.asarray(rates(state, (s * self._optimizer.every for s in range(first, first + UPDATES + 1))))
            module.learning_rate = lambda count: table[count - first]
        return module

    def _set(self, target: Any, arrays: Arrays) -> None:
        """Write arrays by canonical name into a module or a state of its parameters."""
        state = target if isinstance(target, nnx.State) else nnx.state(target, nnx.Param)
        held = dict(_flat(state))
        for name, value in arrays.items():
            place = self._source.variables[name]
            if place.name in held:
                held[place.name].set_value(jnp.asarray(place.layout.to(np.asarray(value))))
        if not isinstance(target, nnx.State):
            nnx.update(target, state)

    def rates(self, steps: Sequence[int]) -> Array:
        """Learning rates after so many updates."""
        rate, every = self._module.learning_rate, self._optimizer.every
        with jax.enable_x64(True):
            return np.array([float(rate(jnp.int32(s // every))) if callable(rate) else float(rate) for s in steps])
