"""Optimizers: the spec's update formulas in a Keras optimizer, and clipping.

An update is computed in its variable's dtype, float32 at least, and rounded once. What depends on the step alone (the
rate, the powers of Adam's betas) is computed in float64 from the integer step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce, singledispatch
from typing import Any

from nnspec import optimizers as specs
from nnspec.spec import dump, parse
from nnspec.wrappers import LossScale
from nnspec_tensorflow import sums
from nnspec_tensorflow.realize import missing, serializable, working
from nnspec_tensorflow.schedules import SpecSchedule
from nnspec_tensorflow.startup import keras, tf

Tensor = Any


@serializable
class SpecOptimizer(keras.optimizers.Optimizer):
    """An optimizer of the spec as a Keras optimizer, for ``compile(optimizer=...)`` or ``apply``.

    Args:
        spec: the optimizer.
        clip: what happens to the gradients first.
        decayed: for each variable, in the order of ``build``, whether ``decay="kernels"`` reaches it. Without, those
            whose Keras name ends in "kernel".
        names: the variables' canonical names, in the same order. Without, their paths in Keras.
    """

    def __init__(
        self,
        spec: Any,
        clip: Any = None,
        decayed: Sequence[bool] | None = None,
        name: str | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        parsed = parse("optimizer", spec)
        schedule = _rate_of(parsed)
        super().__init__(schedule, name=name or type(parsed).__name__.lower())
        self.spec: specs.Optimizer = parsed
        self.clip: specs.Clip | None = specs.Clip(**clip) if isinstance(clip, dict) else clip
        self.decayed = None if decayed is None else list(decayed)
        self.names = None if names is None else list(names)
        #: What ReduceOnPlateau multiplies the learning rate by.
        self.learning_rate_scale = self.add_variable((), "ones", dtype="float64", name="learning_rate_scale")
        schedule.scale = self.learning_rate_scale
        #: By slot, for each variable; None where one has no such slot.
        self.slots: dict[str, list[Any]] = {}
        #: By slot, those that all variables share.
        self.shared: dict[str, Any] = {}
        #: Whether the update that is traced is made, where one may be left out.
        self._made: Tensor = None
        #: For each variable its optimizer, and that one's rate.
        self._own: list[Any] = []
        self._rates: list[SpecSchedule] = []

    def build(self, variables: list[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        self.names = self.names or [variable.path for variable in variables]
        self._own = [self.spec.of(name) for name in self.names]
        self._rates = [_rate_of(own, self.learning_rate_scale) for own in self._own]
        found = [self.spec.slots_of(n, tuple(v.shape)) for n, v in zip(self.names, variables, strict=True)]
        for slot in dict.fromkeys(slot for held in found for slot in held):
            self.slots[slot] = [self._slot(v, slot, held.get(slot)) for v, held in zip(variables, found, strict=True)]
        dtype = working(tf.as_dtype(variables[0].dtype).name) if variables else "float32"
        for slot, start in self.spec.shared_slots().items():
            self.shared[slot] = self.add_variable((), _filled(start), dtype, name=slot)
        kernels = self.decayed or [variable.name.endswith("kernel") for variable in variables]
        self.decayed = [own.decay == "all" or named for own, named in zip(self._own, kernels, strict=True)]

    def _slot(self, variable: Any, slot: str, held: specs.Slot | None) -> Any:
        if held is None:
            return None
        if held.start is None:
            return self.add_variable_from_reference(
                variable, slot, lambda shape, dtype=None: tf.identity(variable.value)
            )
        if held.shape == tuple(variable.shape):
            return self.add_variable_from_reference(variable, slot, _filled(held.start))
        name = f"{variable.path.replace('/', '_')}_{slot}"
        return self.add_variable(held.shape, _filled(held.start), variable.dtype, name=name)

    def apply(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[Any] | None = None, value: Tensor = None
    ) -> None:
        """One update; ``value`` is the reduced loss of the batch, for optimizers that ask for it."""
        specs.demand_value(self.spec, value)
        before = tf.identity(self._iterations.value)
        self._made = all_finite(grads) if self.spec.leaves_out else None
        super().apply(together(self.spec, clipped(self.clip, grads), value), trainable_variables)
        if self._made is not None:
            self._iterations.assign(before + tf.cast(self._made, before.dtype))
            for slot, new in shared(self.spec, self._shared_values(), self._made).items():
                self.assign(self.shared[slot], new)
            self._made = None

    def _shared_values(self) -> dict[str, Tensor]:
        return {slot: tf.convert_to_tensor(variable) for slot, variable in self.shared.items()}

    def apply_gradients(self, grads_and_vars: Any) -> Any:
        """One update with the gradients of what :meth:`scale_loss` gave, as Keras's training makes it."""
        pairs = list(grads_and_vars)
        gradients = self.unscaled([gradient for gradient, _ in pairs])
        return super().apply_gradients(zip(gradients, (variable for _, variable in pairs), strict=True))

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss that gradients are taken of: with LossScale it is larger."""
        factor = self._factor()
        return loss if factor is None else loss * tf.cast(factor, loss.dtype)

    def unscaled(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the loss by those of what :meth:`scale_loss` made of it, in float32 at least."""
        factor = self._factor()
        if factor is None:
            return list(gradients)
        wide = [g if g is None else tf.cast(g, working(g.dtype.name)) for g in gradients]
        return [g if g is None else g / tf.cast(factor, g.dtype) for g in wide]

    def _factor(self) -> Any:
        """What the loss is multiplied by; None for most optimizers."""
        if not isinstance(self.spec, LossScale):
            return None
        return self.shared.get("loss_scale", self.spec.initial_scale)  # not built yet, or it never changes

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)
        dtype = working(tf.as_dtype(variable.dtype).name)
        w = tf.cast(variable, dtype)
        own = self._own[index]
        if own is not self.spec:
            learning_rate = self._rates[index](self._iterations)
        decays = bool(own.weight_decay) and self.decayed is not None and self.decayed[index]
        held = {slot: variables[index] for slot, variables in self.slots.items() if variables[index] is not None}
        update = Update(
            name=self.names[index] if self.names else "",
            w=w,
            g=tf.cast(tf.convert_to_tensor(gradient), dtype),
            decay=tf.constant(own.weight_decay, dtype) * w if decays else tf.zeros_like(w),
            slots={slot: tf.cast(variable, dtype) for slot, variable in held.items()},
            t=tf.cast(self._iterations, tf.float64) + tf.constant(1, tf.float64),
            eta=tf.cast(learning_rate, dtype),
            made=self._made,
        )
        stepped, slots = advance(own, update)
        self.assign(variable, stepped)
        for slot, value in slots.items():
            self.assign(held[slot], value)

    def get_config(self) -> dict[str, Any]:
        clip = None if self.clip is None else {k: v for k, v in vars(self.clip).items() if v is not None}
        given = {"clip": clip, "decayed": self.decayed, "name": self.name, "names": self.names}
        return {"spec": dump(self.spec), **given}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> SpecOptimizer:
        return cls(**config)


def _rate_of(spec: Any, scale: Any = None) -> SpecSchedule:
    """An optimizer's learning rate by the number of batches before."""
    rate = SpecSchedule(spec.learning_rate, "float64", scale)
    rate.counted = spec.counted
    return rate


def _filled(start: float) -> Any:
    return lambda shape, dtype=None: tf.constant(start, dtype, shape)


# -- clipping ---------------------------------------------------------------------------------------------------------


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """√ΣΣg², the Euclidean norm of all gradients together, in their dtype (in float32 at least)."""
    squares = [sums.of_squares(tf.cast(g, working(g.dtype.name))) for g in gradients]
    return tf.sqrt(reduce(tf.add, squares))


def clipped(spec: specs.Clip | None, gradients: Sequence[Tensor]) -> list[Tensor]:
    """The gradients after clipping, in their dtypes."""
    if spec is None:
        return list(gradients)
    if spec.value is not None:
        return [_cut(g, spec.value) for g in gradients]
    if spec.norm is not None:
        return [_shortened(g, global_norm([g]), spec.norm) for g in gradients]
    assert spec.global_norm is not None
    norm = global_norm(gradients)
    return [_shortened(g, norm, spec.global_norm) for g in gradients]


def _cut(gradient: Tensor, bound: float) -> Tensor:
    g = tf.cast(gradient, working(gradient.dtype.name))
    c = tf.constant(bound, g.dtype)
    return tf.cast(tf.where(g > c, c, tf.where(g < -c, -c, g)), gradient.dtype)


def _shortened(gradient: Tensor, norm: Tensor, bound: float) -> Tensor:
    """g · c/n where n is above c, else g bit for bit; with an infinite n finite elements become 0.

    A factor for all elements is nothing that XLA would keep an array for. It does not underflow, since the norm is the
    root of a sum of squares: below 2⁶⁴ in float32, or infinite.
    """
    c = tf.constant(bound, norm.dtype)
    factor = tf.where(norm <= c, tf.ones_like(c), c / norm)
    return tf.cast(tf.cast(gradient, norm.dtype) * factor, gradient.dtype)


# -- formulas ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Update:
    """One parameter's update.

    Attributes:
        name: the parameter's canonical name.
        w, g: the parameter and its clipped gradient.
        decay: weight_decay · w where decay applies to this parameter, else 0.
        slots: by name.
        t: the number of the update, from 1, in float64.
        eta: the learning rate.
        made: whether the update is made, where it may be left out.
    """

    name: str
    w: Tensor
    g: Tensor
    decay: Tensor
    slots: dict[str, Tensor]
    t: Tensor
    eta: Tensor
    made: Tensor = None

    def c(self, number: Any) -> Tensor:
        """A number in the parameter's dtype, rounded once."""
        return tf.cast(number, self.w.dtype) if tf.is_tensor(number) else tf.constant(number, self.w.dtype)

    def down(self, direction: Tensor) -> Tensor:
        """w − η · (u + weight_decay · w)."""
        return self.w - self.eta * (direction + self.decay)


Stepped = tuple[Tensor, dict[str, Tensor]]


@singledispatch
def together(spec: Any, gradients: list[Tensor], value: Tensor) -> list[Tensor]:
    """What an optimizer makes of all gradients together, and of the loss's value: mostly nothing."""
    return gradients


@singledispatch
def shared(spec: Any, slots: dict[str, Tensor], made: Tensor) -> dict[str, Tensor]:
    """The slots that all parameters share after an update that was made or left out."""
    return slots


def all_finite(gradients: Sequence[Tensor]) -> Tensor:
    """Whether all elements of all gradients are finite."""
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients if g is not None])


def average(step: Update, decay: float, slot: str, new: Tensor) -> Tensor:
    return step.c(decay) * step.slots[slot] + step.c(1 - decay) * new


def exact(number: float) -> Tensor:
    """A number in float64."""
    return tf.constant(number, tf.float64)


def correction(decay: float, t: Tensor) -> Tensor:
    """1 − decayᵗ in float64."""
    return 1 - tf.pow(exact(decay), t)


def ratio(norm: Tensor, other: Tensor, coefficient: float = 1.0) -> Tensor:
    """coefficient · norm/other, and 1 where one of them is 0."""
    one = tf.ones_like(norm)
    none = (norm == 0) | (other == 0)
    return tf.where(none, one, tf.constant(coefficient, norm.dtype) * norm / tf.where(none, one, other))


@singledispatch
def advance(spec: Any, step: Update) -> Stepped:
    """The parameter and its slots after the update.

    Raises:
        BackendError: there is no realization of this class.
    """
    raise missing(spec)


@advance.register
def _sgd(spec: specs.SGD, step: Update) -> Stepped:
    return step.down(step.g), {}


@advance.register
def _momentum(spec: specs.Momentum, step: Update) -> Stepped:
    mu = step.c(spec.momentum)
    if spec.learning_rate_in_velocity:
        v = mu * step.slots["velocity"] - step.eta * step.g
        return step.w + v - step.eta * step.decay, {"velocity": v}
    v = mu * step.slots["velocity"] + step.g
    return step.down(v), {"velocity": v}


@advance.register
def _nesterov(spec: specs.Nesterov, step: Update) -> Stepped:
    mu = step.c(spec.momentum)
    if spec.learning_rate_in_velocity:
        v = mu * step.slots["velocity"] - step.eta * step.g
        return step.w + mu * v - step.eta * step.g - step.eta * step.decay, {"velocity": v}
    v = mu * step.slots["velocity"] + step.g
    return step.down(mu * v + step.g), {"velocity": v}


def adam_direction(
    step: Update, m: Tensor, v: Tensor, c1: Tensor, c2: Tensor, epsilon: float, *, hat: bool = False
) -> Tensor:
    """(m/c1) / (√(v/c2) + epsilon), or with epsilon's ``hat`` (√c2/c1) · m / (√v + epsilon); c1, c2 in float64.

    As m / (a·√v + b) it has one division for each element, and needs no array in between.
    """
    a = c1 / tf.sqrt(c2)
    b = tf.constant(epsilon, tf.float64) * (a if hat else c1)
    return m / (step.c(a) * tf.sqrt(v) + step.c(b))


@advance.register(specs.Adam)
@advance.register(specs.AdamW)
def _adam(spec: specs.Adam, step: Update) -> Stepped:
    m = step.c(spec.b1) * step.slots["m"] + step.c(1 - spec.b1) * step.g
    v = step.c(spec.b2) * step.slots["v"] + step.c(1 - spec.b2) * tf.square(step.g)
    c1, c2 = (1 - tf.pow(tf.constant(b, tf.float64), step.t) for b in (spec.b1, spec.b2))
    new, power = {"m": m, "v": v}, v
    if spec.amsgrad is not None:
        power = new["v_max"] = tf.maximum(step.slots["v_max"], v if spec.amsgrad == "raw" else v / step.c(c2))
    if spec.amsgrad == "corrected":
        c2 = tf.ones_like(c2)
    return step.down(adam_direction(step, m, power, c1, c2, spec.epsilon, hat=spec.epsilon_mode == "hat")), new


@advance.register
def _adagrad(spec: specs.AdaGrad, step: Update) -> Stepped:
    a = step.slots["accumulator"] + tf.square(step.g)
    return step.down(step.g / tf.sqrt(a + step.c(spec.epsilon))), {"accumulator": a}


@advance.register
def _rmsprop(spec: specs.RMSProp, step: Update) -> Stepped:
    rho, rest, epsilon = step.c(spec.rho), step.c(1 - spec.rho), step.c(spec.epsilon)
    new = {"v": rho * step.slots["v"] + rest * tf.square(step.g)}
    power = new["v"]
    if spec.centered:
        new["mean"] = rho * step.slots["mean"] + rest * step.g
        power = tf.maximum(power - tf.square(new["mean"]), 0)
    d = step.g / (tf.sqrt(power + epsilon) if spec.epsilon_in_root else tf.sqrt(power) + epsilon)
    if not spec.momentum:
        return step.down(d), new
    mu = step.c(spec.momentum)
    if spec.learning_rate_in_velocity:
        new["velocity"] = mu * step.slots["velocity"] + step.eta * d
        return step.w - new["velocity"] - step.eta * step.decay, new
    new["velocity"] = mu * step.slots["velocity"] + d
    return step.down(new["velocity"]), new


from nnspec_tensorflow import adaptive, factored, steps, wrappers  # noqa: E402, F401  (they register their classes)
