"""The lists of the page: which classes the installed peers have, with the answer for each."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from tests.coverage import flax_layers, keras_layers, keras_training, optax_training
from tests.coverage.answers import Answer

# What has to be there beside the package itself: Keras on TensorFlow, as the backend has it.
_NEEDS = {"keras": ("keras", "tensorflow"), "flax": ("flax",), "optax": ("optax",)}


@dataclass(frozen=True)
class List:
    """The classes, or functions, of one kind that a peer has.

    Attributes:
        title: where they are, or what they are.
        package: what has to be installed to look.
        names: what the installed version has.
        answers: what becomes of each.
        left_out: those that belong to no count, by reason.
    """

    title: str
    package: str
    names: Callable[[], set[str]]
    answers: Mapping[str, Answer]
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def missing(self) -> str | None:
        """Why there is nothing to look at here, or None."""
        lacking = [name for name in _NEEDS[self.package] if importlib.util.find_spec(name) is None]
        return f"{' and '.join(lacking)} is not installed" if lacking else None

    @property
    def mapped(self) -> int:
        return sum(answer.mapped for answer in self.answers.values())

    def known(self) -> set[str]:
        """Every name that there is an answer, or a reason to leave it out, for."""
        return {*self.answers, *(name for names in self.left_out.values() for name in names)}

    def problems(self) -> list[str]:
        """What the answers and the installed version do not agree on."""
        found = self.names()
        new = [f"{self.title}: {name} has no answer" for name in sorted(found - self.known())]
        return new + [f"{self.title}: there is no {name} any more" for name in sorted(self.known() - found)]


def versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in dict.fromkeys(each.package for each in LISTS))


def start(name: str) -> Any:
    """A module of a peer; before Keras, TensorFlow as the backend starts it: without its log on the terminal."""
    if name.partition(".")[0] == "keras":
        from nnspec import backends

        backends.backend("tensorflow")
    return importlib.import_module(name)


def _classes(module: str, base: str) -> set[str]:
    """Classes that are ``base`` or made from it, each under one name: a second name is not a second class."""
    found = start(module)
    parent = getattr(found, base)
    names: dict[type[Any], list[str]] = {}
    for name, value in sorted(vars(found).items()):
        if inspect.isclass(value) and issubclass(value, parent):
            names.setdefault(value, []).append(name)
    return {cls.__name__ if cls.__name__ in known else known[0] for cls, known in names.items()}


def _functions(module: str, home: str = "") -> set[str]:
    """Public functions, or those of them that are defined in ``home``."""
    named = vars(start(module)).items()
    return {n for n, f in named if inspect.isfunction(f) and n[0] != "_" and home in ("", f.__module__)}


def _keras_layers(*, preprocessing: bool) -> set[str]:
    layers = start("keras.layers")
    prepares = {n: ".preprocessing." in getattr(layers, n).__module__ for n in _classes("keras.layers", "Layer")}
    return {name for name, is_so in prepares.items() if is_so == preprocessing}


def _application_layers() -> set[str]:
    """What the sources of Keras's applications take from ``layers``, and the layers they define.

    A function ``layers.add`` stands for the class of its name.
    """
    layers = start("keras.layers")
    package = start("keras.src.applications")
    modules = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.endswith("_test")]
    found = set()
    for module in (start(f"{package.__name__}.{name}") for name in modules):
        own = {n: c for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, layers.Layer)}
        found |= {name for name, cls in own.items() if cls.__module__ == module.__name__}
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            of_layers = (
                isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "layers"
            )
            if of_layers and hasattr(layers, node.attr):
                found.add(node.attr[0].upper() + node.attr[1:])
    return found


LISTS = (
    List(
        "Layers of keras.applications",
        "keras",
        _application_layers,
        keras_layers.APPLICATIONS,
        keras_layers.APPLICATIONS_LEFT_OUT,
    ),
    List(
        "keras.layers",
        "keras",
        lambda: _keras_layers(preprocessing=False),
        keras_layers.LAYERS,
        keras_layers.LAYERS_LEFT_OUT,
    ),
    List(
        "keras.layers: preprocessing",
        "keras",
        lambda: _keras_layers(preprocessing=True),
        keras_layers.PREPROCESSING,
        keras_layers.PREPROCESSING_LEFT_OUT,
    ),
    List("flax.nnx", "flax", lambda: _classes("flax.nnx", "Module"), flax_layers.NNX, flax_layers.NNX_LEFT_OUT),
    List("flax.linen", "flax", lambda: _classes("flax.linen", "Module"), flax_layers.LINEN, flax_layers.LINEN_LEFT_OUT),
    List(
        "keras.optimizers",
        "keras",
        lambda: _classes("keras.optimizers", "Optimizer"),
        keras_training.OPTIMIZERS,
        keras_training.OPTIMIZERS_LEFT_OUT,
    ),
    List("Optimizers of optax", "optax", lambda: _functions("optax", "optax._src.alias"), optax_training.OPTIMIZERS),
    List(
        "keras.losses",
        "keras",
        lambda: _classes("keras.losses", "Loss"),
        keras_training.LOSSES,
        keras_training.LOSSES_LEFT_OUT,
    ),
    List(
        "optax.losses",
        "optax",
        lambda: _functions("optax.losses"),
        optax_training.LOSSES,
        optax_training.LOSSES_LEFT_OUT,
    ),
    List(
        "keras.regularizers",
        "keras",
        lambda: _classes("keras.regularizers", "Regularizer"),
        keras_training.REGULARIZERS,
        keras_training.REGULARIZERS_LEFT_OUT,
    ),
    List(
        "keras.constraints",
        "keras",
        lambda: _classes("keras.constraints", "Constraint"),
        keras_training.CONSTRAINTS,
        keras_training.CONSTRAINTS_LEFT_OUT,
    ),
    List(
        "keras.optimizers.schedules",
        "keras",
        lambda: _classes("keras.optimizers.schedules", "LearningRateSchedule"),
        keras_training.SCHEDULES,
        keras_training.SCHEDULES_LEFT_OUT,
    ),
    List(
        "optax.schedules",
        "optax",
        lambda: _functions("optax.schedules"),
        optax_training.SCHEDULES,
        optax_training.SCHEDULES_LEFT_OUT,
    ),
)
