"""What layers that change images at random draw for each of them."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from nnspec import random
from nnspec.layers.augmentation import Augmentation
from nnspec.reference.base import Array, Scope


class Draws:
    """The random numbers of one call, by their place among those of an example; arrays are (batch, 1, 1, 1).

    Args:
        spec: the layer, which says how many there are.
        scope: of the call.
        batch: the number of examples.
    """

    def __init__(self, spec: Augmentation, scope: Scope, batch: int) -> None:
        self._words = scope.words("augmentation", (batch, spec.draws()))
        self._scope = scope

    def _word(self, place: int) -> NDArray[np.uint32]:
        return self._words[:, place, None, None, None]

    def after(self, count: int) -> Draws:
        """The numbers after the first ``count``, for the next of several changes."""
        rest = copy.copy(self)
        rest._words = self._words[:, count:]
        return rest

    def happens(self, place: int, probability: float) -> NDArray[np.bool_]:
        """A decision of this probability."""
        decided: NDArray[np.bool_] = self._word(place) < np.uint64(random.threshold(probability))
        return decided

    def whole(self, place: int, count: int) -> NDArray[np.int64]:
        """An integer from 0 to count − 1."""
        return random.whole(self._word(place), count)

    def uniform(self, place: int, lower: float, upper: float) -> Array:
        """A number between these, in float64."""
        return lower + (upper - lower) * random.coarse(self._word(place))

    def normals(self, shape: tuple[int, ...]) -> Array:
        """Standard normal numbers, an array of this shape for each example, in float64."""
        return self._scope.normals((len(self._words), *shape))
