"""A Keras optimizer as a subject: a copy of it makes the updates, in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnspec.backends import Array, Arrays
from nnspec.porting.optimizer import STEP
from nnspec.porting.port import OptimizerState
from nnspec.wrappers import MultiOptimizer, held
from nnspec_tensorflow.porting import rates as read_rates
from nnspec_tensorflow.porting.trainables import Trainables
from nnspec_tensorflow.startup import keras, tf

_of = keras.optimizers


class KerasOptimizerSubject:
    """See :class:`nnspec.porting.port.OptimizerSubject`. The optimizer is left as it is.

    Keras rounds Python floats to float32 where it casts them, Adam's betas in its bias correction for one: the copy has
    them as ``np.float64``, which it casts as they are. Learning rates, which are float32 in Keras, are compared by
    themselves; the copy has the spec's.

    Args:
        optimizer: the optimizer.
        trainables: how the model's parameters lie in the variables that it trains.
        state: what it is in nnspec's terms.
        parameters: the model's parameters.
    """

    def __init__(self, optimizer: Any, trainables: Trainables, state: OptimizerState, parameters: Arrays) -> None:
        self.label = f"{type(optimizer).__name__} of Keras {keras.__version__}"
        self._optimizer, self._trainables, self._state = optimizer, trainables, state
        self._shapes = {name: np.asarray(x).shape for name, x in parameters.items()}
        nadam = any(isinstance(o, _of.Nadam) for o in _innermost(optimizer))
        self.rounds = "Keras's Nadam rounds 0.96 to float32" if nadam else ""

    def update(self, parameters: Arrays, gradients: Sequence[Arrays]) -> dict[str, Array]:
        """Parameters and slots by canonical name after updates with these gradients."""
        from nnspec_tensorflow.porting.optimizer_state import slots_of

        trained = self._trainables
        start = trained.spread({n: np.asarray(parameters[n], np.float64) for n in trained.numbers})
        variables = [_copied(value, v) for value, v in zip(start, trained.variables, strict=True)]
        copy = self._copy(variables)
        for given in gradients:
            scale = float(copy.dynamic_scale) if isinstance(copy, _of.LossScaleOptimizer) else None
            scale = scale or copy.loss_scale_factor or 1.0
            spread = trained.spread({n: np.asarray(given[n], np.float64) for n in trained.numbers})
            copy.apply([tf.constant(g * scale) for g in spread], variables)
        after = Trainables(variables, trained.numbers, trained.frozen)
        zeros = {name: np.broadcast_to(np.float64(0), shape) for name, shape in self._shapes.items()}
        slots = slots_of(copy, after, self._state.optimizer, zeros)
        if not int(self._state.variables[STEP]):  # Keras starts averages with the first update
            slots = {name: value for name, value in slots.items() if not name.endswith("/average")}
        frozen = {name: np.asarray(parameters[name], np.float64) for name in trained.frozen}
        step = {STEP: np.asarray(_innermost(copy)[0]._iterations)}
        return {**after.gather(variables), **frozen, **slots, **step}

    def rates(self, steps: Sequence[int]) -> Array:
        """Learning rates after so many updates, as Keras gives them."""
        rate = self._rated()._learning_rate
        if isinstance(rate, _of.schedules.LearningRateSchedule):
            return np.array([float(rate(step)) for step in steps])
        return np.full(len(steps), float(rate))

    def _rated(self) -> Any:
        """The optimizer whose rate is the spec's: of several that of what the default updates."""
        own = _innermost(self._optimizer)
        if len(own) == 1:
            return own[0]
        from nnspec_tensorflow.porting.optimizer_state import responsible

        multi = next((each for each in held(self._state.optimizer) if isinstance(each, MultiOptimizer)), None)
        name = next(n for n in self._trainables.numbers if multi is None or multi.part(n) == 0)
        return responsible(self._optimizer, self._trainables, name)

    def _copy(self, variables: list[Any]) -> Any:
        """The optimizer with its state, for these variables in float64."""
        given, original = self._optimizer, self._trainables.variables
        copy = type(given).from_config(given.get_config())
        decays: dict[tuple[int, Any], bool] = {}
        for o, own in zip(_innermost(given), _innermost(copy), strict=True):
            _exact(own, read_rates.read(o._learning_rate, "", exact=any(v.dtype == "float64" for v in original)))
            for v, new in zip(original, variables, strict=True):
                decays[id(own), own._var_key(new)] = o._use_weight_decay(v)
            own._use_weight_decay = lambda v, own=own: decays[id(own), own._var_key(v)]
        copy.build(variables)
        if given.built:
            for new, old in zip(copy.variables, given.variables, strict=True):
                new.assign(tf.cast(tf.convert_to_tensor(old.value), new.dtype))
        return copy


def _innermost(optimizer: Any) -> list[Any]:
    from nnspec_tensorflow.porting.optimizer_state import innermost

    return innermost(optimizer)


def _copied(value: Array, variable: Any) -> Any:
    """A variable in float64 that is called as another one: some optimizers go by paths."""
    made = keras.Variable(value, dtype="float64", name=variable.name)
    made._path = variable.path
    return made


def _exact(optimizer: Any, rate: Any) -> None:
    """Give an optimizer its numbers and its rate in float64."""
    from nnspec.reference.schedules import value

    for name, number in list(vars(optimizer).items()):
        if type(number) is float:
            setattr(optimizer, name, np.float64(number))
    optimizer._learning_rate = lambda: tf.constant(float(value(rate, int(optimizer._iterations))), tf.float64)
    if isinstance(optimizer, _of.Muon) and optimizer.rms_rate is not None:
        optimizer.lr_adjust = lambda x: x * np.sqrt(np.float64(max(x.shape[0], x.shape[1]))) * optimizer.rms_rate
