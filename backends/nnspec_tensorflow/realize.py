"""Realizations: one singledispatch function for layers, to which each family's file registers its classes.

Losses, metrics, schedules and optimizers have a function of this kind each, in the file of their name, that holds the
formula; the Keras object around it is the same for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from nnspec import lacking
from nnspec.backends import FloatType
from nnspec.errors import BackendError
from nnspec.layers.base import Shape
from nnspec_tensorflow.startup import keras, tf

PACKAGE = "nnspec"
# Keras's names of weights -> canonical names; every other weight is named canonically.
CANONICAL = {
    "gamma": "scale",
    "beta": "bias",
    "moving_mean": "mean",
    "moving_variance": "var",
    "embeddings": "embedding",
}


@dataclass(frozen=True)
class Context:
    """What the realization of a node's layer may need.

    Attributes:
        dtype: the net's dtype, in which the layer holds its variables and computes.
        name: the node's name, which becomes the Keras layer's.
        path: the canonical path of the node that owns the layer (``encoder/dropout``).
        shapes: the shapes of the owner's inputs, batch axis included.
        calls: how many nodes of the model use the layer.
        uses: the layers of these nodes, for a layer with variants; else none.
    """

    dtype: FloatType
    name: str
    path: str
    shapes: tuple[Shape, ...]
    calls: int = 1
    uses: tuple[Any, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments that every Keras layer gets."""
        return {"name": self.name, "dtype": self.dtype}


@singledispatch
def build(spec: Any, context: Context) -> keras.layers.Layer:
    """The Keras layer for a layer of the spec.

    Raises:
        BackendError: there is none for this class.
    """
    raise missing(spec)


def missing(spec: Any) -> BackendError:
    return lacking.missing("tensorflow", type(spec))


def variables_of(layer: keras.layers.Layer) -> dict[str, Any]:
    """A layer's own Keras variables by their canonical names, which the layer may know itself."""
    if isinstance(layer, keras.layers.Wrapper) and not hasattr(layer, "canonical"):
        return {f"layer/{name}": weight for name, weight in variables_of(layer.layer).items()}
    names = getattr(layer, "canonical", CANONICAL)
    return {names.get(weight.name, weight.name): weight for weight in layer.weights}


def working(dtype: str) -> FloatType:
    """The dtype of losses, metrics, schedules and norms: the net's, in float32 at least."""
    return "float64" if dtype == "float64" else "float32"


def sizes(x: Any) -> list[Any]:
    """A tensor's shape; what is known of it only when it is computed, as scalars."""
    return [tf.shape(x)[i] if size is None else size for i, size in enumerate(x.shape)]


def traced_sizes(spec: Any, x: Any, axes: Iterable[int]) -> list[int]:
    """A tensor's sizes along axes, for formulas that are written for them.

    Raises:
        BackendError: they are not known where the formula is traced.
    """
    found = [x.shape[axis] for axis in axes]
    if None in found:
        raise BackendError(
            f"{type(spec).__name__} computes by sizes that have to be known: give the model inputs of known shape"
        )
    return found


# Makes a class loadable from a ``.keras`` file wherever nnspec is installed.
serializable: Callable[[type[Any]], type[Any]] = keras.saving.register_keras_serializable(package=PACKAGE)
