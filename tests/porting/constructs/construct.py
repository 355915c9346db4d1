"""One construct: a small model as people write them, and what it is called on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnspec_tensorflow.startup import keras

Layer: Any = keras.layers.Layer
ops = keras.ops


@dataclass(frozen=True)
class Construct:
    """A model and its inputs.

    Attributes:
        name: what people call it.
        build: makes it, a model or a layer.
        shapes: of its inputs, without the batch.
        whole: for inputs of whole numbers, what they are drawn below.
        low: the least of the float inputs, where it is not any number.
    """

    name: str
    build: Callable[[], Any]
    shapes: Mapping[str, tuple[int, ...]]
    whole: Mapping[str, int] = field(default_factory=dict)
    low: float | None = None

    def inputs(self, batch: int = 3) -> dict[str, Any]:
        """Random inputs."""
        rng = np.random.default_rng(len(self.name))
        made = {}
        for name, shape in self.shapes.items():
            if name in self.whole:
                made[name] = rng.integers(0, self.whole[name], (batch, *shape), dtype=np.int32)
            else:
                x = rng.normal(size=(batch, *shape))
                made[name] = x if self.low is None else np.abs(x) + self.low
        return made

    def model(self) -> Any:
        """A functional model of it, with random weights."""
        tensors = {
            name: keras.Input(shape, name=name, dtype="int32" if name in self.whole else "float64")
            for name, shape in self.shapes.items()
        }
        made = self.build()
        given = list(tensors.values())
        outputs = made(given[0] if len(given) == 1 else given)
        model = keras.Model(tensors, outputs)
        rng = np.random.default_rng(7)
        for weight in model.weights:
            if "float" in weight.dtype:
                spread = 1 / np.sqrt(max(weight.shape[0], 1)) if len(weight.shape) > 1 else 0.3
                noise = rng.normal(scale=spread, size=weight.shape)
                positive = "variance" in weight.name or "gamma" in weight.name
                weight.assign(np.abs(noise) + 0.5 if positive else noise + np.asarray(weight) * 0.5)
        return model


def chain(*layers: Any) -> Any:
    """Layers one after the other."""
    return keras.Sequential(list(layers))
