"""The optimizer of a Keras file: known classes, plain options, and its variables in the order in which Keras has them.

Nothing that the config names is imported, as for layers (:mod:`nnspec_tensorflow.porting.rebuild`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnspec.backends import Array
from nnspec.errors import PortError
from nnspec_tensorflow.porting import stock
from nnspec_tensorflow.porting.files import Loaded, optimizer_state
from nnspec_tensorflow.porting.optimizer_state import innermost
from nnspec_tensorflow.porting.optimizers import KINDS
from nnspec_tensorflow.startup import keras, tf

_of = keras.optimizers
_CLASSES = {kind.__name__: kind for kind in (*KINDS, _of.ScheduleFreeAdamW)}
_SCHEDULES = {
    kind.__name__: kind
    for kind in (
        _of.schedules.CosineDecay,
        _of.schedules.CosineDecayRestarts,
        _of.schedules.ExponentialDecay,
        _of.schedules.InverseTimeDecay,
        _of.schedules.PiecewiseConstantDecay,
        _of.schedules.PolynomialDecay,
    )
}
# Options of Keras 2 that mean nothing to an update.
_DROPPED = frozenset({"jit_compile", "is_legacy_optimizer", "decay"})
_DEPTH = 4


def attach(path: Path, loaded: Loaded, notes: list[str]) -> None:
    """Give the model of a file the optimizer that it was compiled with, and its variables; what is in the way is noted.

    Raises:
        FileError: the variables are damaged.
    """
    assert loaded.optimizer is not None
    variables = optimizer_state(path)
    try:
        entry = loaded.optimizer
        early = _is_early(loaded, entry)
        optimizer = made(translated(entry, loaded.version) if early else entry, loaded.version)
        if variables:
            optimizer.build(loaded.model.trainable_variables)
            values = _ordered(optimizer, variables, early)
            _assign(optimizer, values)
        loaded.model.optimizer = optimizer
        if any(o.weight_decay for o in innermost(optimizer)):
            notes.append("Keras's files do not say which variables exclude_from_weight_decay named: all decay.")
        if not variables:
            notes.append("The file holds no variables of its optimizer: it goes on as from its first update.")
    except PortError as error:
        notes.append(f"The optimizer was left out: {error}.")


def made(entry: Any, version: str, depth: int = 0) -> Any:
    """The optimizer of a config entry.

    Raises:
        PortError: its class is not one of Keras's own, or an option is none of its class.
    """
    name, options = _parts(entry, "optimizer")
    if depth > _DEPTH:
        raise PortError(f"{name}: optimizers within optimizers without end")
    if name == "LossScaleOptimizer":
        inner = made(options.get("inner_optimizer"), version, depth + 1)
        given = {key: options[key] for key in ("initial_scale", "dynamic_growth_steps") if key in options}
        return _guarded(
            name, lambda: _of.LossScaleOptimizer(inner, **{k: _number(name, k, v) for k, v in given.items()})
        )
    if name == "MultiOptimizer":
        return _multi(options, version, depth)
    kind = _CLASSES.get(name)
    if kind is None:
        raise PortError(f"the optimizer is a {name}, which is not one of Keras's own")
    known = stock.parameters(kind)
    clean: dict[str, Any] = {}
    for key, value in options.items():
        if key in _DROPPED or key == "name":
            continue
        if key not in known:
            raise PortError(f"{name}: it has no option {key!r} in Keras 3")
        clean[key] = _rate(name, value) if key == "learning_rate" else _number(name, key, value)
    return _guarded(name, lambda: kind(**clean))


def _multi(options: Mapping[str, Any], version: str, depth: int) -> Any:
    _, given = _parts(options.get("optimizer_map"), "optimizer_map")
    default = made(given.get("default_optimizer"), version, depth + 1)
    table = given.get("optimizer_map")
    if not isinstance(table, dict):
        raise PortError("MultiOptimizer: its map is damaged")
    parts = {str(pattern): made(entry, version, depth + 1) for pattern, entry in table.items()}
    factor = options.get("loss_scale_factor")
    return _guarded(
        "MultiOptimizer", lambda: _of.MultiOptimizer(_of.OptimizerMap(default, parts), loss_scale_factor=factor)
    )


def _parts(entry: Any, what: str) -> tuple[str, dict[str, Any]]:
    if isinstance(entry, dict):
        name, options = entry.get("class_name"), entry.get("config")
        if isinstance(name, str) and isinstance(options, dict):
            return name.rpartition(">")[2][:80], dict(options)
    raise PortError(f"the entry of its {what} is damaged")


def _rate(name: str, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    kind, options = _parts(value, "learning rate")
    schedule = _SCHEDULES.get(kind)
    if schedule is None:
        raise PortError(f"{name}: the schedule {kind} is not one of Keras's own")
    clean = {k: _number(name, k, v) for k, v in options.items() if k != "name"}
    unknown = [key for key in clean if key not in stock.parameters(schedule)]
    if unknown:
        raise PortError(f"{name}: {kind} has no option {unknown[0]!r}")
    return _guarded(kind, lambda: schedule(**clean))


def _number(name: str, key: str, value: Any) -> Any:
    """Plain data: numbers, words, and lists of them."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list) and all(isinstance(x, int | float | str) for x in value):
        return value
    raise PortError(f"{name}: the option {key!r} is no number")


def _guarded(name: str, make: Any) -> Any:
    try:
        return make()
    except (TypeError, ValueError) as error:
        raise PortError(f"{name}: Keras refuses it: {str(error).strip().splitlines()[0]}") from error


def _assign(optimizer: Any, values: Sequence[Array]) -> None:
    """Write variables in Keras's order.

    Raises:
        PortError: there are more or fewer, or one has another shape.
    """
    own = optimizer.variables
    if len(own) != len(values):
        raise PortError(f"the file holds {len(values)} variables of it, and Keras 3 has {len(own)} for this model")
    for variable, value in zip(own, values, strict=True):
        if tuple(variable.shape) != value.shape:
            raise PortError(f"its {variable.path} has the shape {list(value.shape)}, not {list(variable.shape)}")
    for variable, value in zip(own, values, strict=True):
        variable.assign(tf.cast(value, variable.dtype))


# -- Keras 2 ----------------------------------------------------------------------------------------------------------

# Optimizers before 2.11 whose updates are Keras 3's, with their slots in the order in which they are made.
_EARLY: dict[str, tuple[str, ...]] = {
    "SGD": ("momentum",),
    "Adam": ("m", "v", "vhat"),
    "Adamax": ("m", "v"),
    "RMSprop": ("rms", "momentum", "mg"),
    "Adadelta": ("accum_grad", "accum_var"),
}
_SLOTS = {
    ("SGD", "momentum"): "momentums",
    ("Adam", "m"): "_momentums",
    ("Adam", "v"): "_velocities",
    ("Adam", "vhat"): "_velocity_hats",
    ("Adamax", "m"): "_m",
    ("Adamax", "v"): "_u",
    ("RMSprop", "rms"): "_velocities",
    ("RMSprop", "momentum"): "_momentums",
    ("RMSprop", "mg"): "_average_gradients",
    ("Adadelta", "accum_grad"): "_accumulated_grads",
    ("Adadelta", "accum_var"): "_accumulated_delta_vars",
}


def _is_early(loaded: Loaded, entry: Mapping[str, Any]) -> bool:
    """Whether it is one of the optimizers before Keras 2.11, which count and name their variables otherwise."""
    if loaded.version.startswith("3"):
        return False
    options = entry.get("config")
    return not (isinstance(options, dict) and ("jit_compile" in options or options.get("is_legacy_optimizer") is False))


def translated(entry: Mapping[str, Any], version: str) -> dict[str, Any]:
    """The entry of an optimizer before Keras 2.11 as Keras 3 would write it.

    Raises:
        PortError: its update is another one there.
    """
    name, options = _parts(entry, "optimizer")
    if name in ("Adagrad", "Nadam"):
        what = "epsilon stands beside the root" if name == "Adagrad" else "its momenta follow another schedule"
        raise PortError(f"{name} of Keras {version}: there {what}, which no optimizer of Keras 3 does")
    if name not in _EARLY:
        raise PortError(f"the optimizer is a {name} of Keras {version}, which nnspec does not read")
    if name == "RMSprop" and not options.get("momentum"):
        raise PortError(f"RMSprop of Keras {version} without momentum: epsilon stands beside the root there")
    rate = options.pop("lr", options.get("learning_rate", 0.001))
    decay = options.pop("decay", 0.0) or 0.0
    if decay and isinstance(rate, int | float):
        config = {"initial_learning_rate": float(rate), "decay_steps": 1, "decay_rate": float(decay)}
        rate = {"class_name": "InverseTimeDecay", "config": config}
    options["learning_rate"] = rate
    return {"class_name": name, "config": options}


def _ordered(optimizer: Any, variables: Sequence[tuple[str, Array]], early: bool) -> list[Array]:
    """The variables in the order of a built optimizer of Keras 3.

    Raises:
        PortError: they are not those of this optimizer.
    """
    if not early:
        return [value for _, value in variables]
    name, own = type(optimizer).__name__, innermost(optimizer)[0]
    # An early optimizer has the count first, then each slot for all variables of the model, one slot after the other.
    count, rest = variables[0][1], [value for _, value in variables[1:]]
    trained = own._trainable_variables
    slots = [
        attribute
        for slot in _EARLY[name]
        if (attribute := _SLOTS[name, slot]) and len(getattr(own, attribute, ()) or ())
    ]
    if name == "Adam" and len(rest) == 3 * len(trained) and "_velocity_hats" not in slots:
        rest = rest[: 2 * len(trained)]  # Keras 2.0 keeps zeros there
    if name == "SGD" and not slots:
        rest = []  # Keras 2.0 keeps velocities without momentum, too
    if np.size(count) != 1 or len(rest) != len(slots) * len(trained):
        raise PortError(f"the file holds {len(variables)} variables of {name}, which are not those of this model")
    held = {id(own._iterations): np.asarray(count).reshape(())}
    for i, attribute in enumerate(slots):
        for variable, value in zip(getattr(own, attribute), rest[i * len(trained) :], strict=False):
            held[id(variable)] = value
    return [held.get(id(variable), np.asarray(variable)) for variable in own.variables]
