"""Layers that change images at random in training, on bits computed inside the compiled step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, singledispatch
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from nnspec.lacking import missing
from nnspec.layers.augmentation import Augmentation
from nnspec.random import threshold
from nnspec_jax.dropout import Normals
from nnspec_jax.random import wide_product
from nnspec_jax.realize import Context, rounded_once

# (batch, count) -> the words of one call, made by the model around: see nnspec_jax.model.Pass.
Words = Callable[[tuple[int, int]], jax.Array]


class Draws:
    """The random numbers of one call, by their place among those of an example; arrays are (batch, 1, 1, 1).

    Args:
        words: uint32 (batch, count).
        normals: what gives the standard normal numbers of the call, where the layer takes such.
    """

    def __init__(self, words: jax.Array, normals: Normals | None = None) -> None:
        self._words = words
        self._normals = normals

    def _word(self, place: int) -> jax.Array:
        return self._words[:, place, None, None, None]

    def after(self, count: int) -> Draws:
        """The numbers after the first ``count``, for the next of several changes."""
        return Draws(self._words[:, count:], self._normals)

    def happens(self, place: int, probability: float) -> jax.Array:
        """A decision of this probability."""
        word, limit = self._word(place), threshold(probability)
        if limit >= 2**32:  # no word reaches it, and it is no uint32
            return jnp.ones(word.shape, jnp.bool_)
        return word < np.uint32(limit)

    def whole(self, place: int, count: int) -> jax.Array:
        """An integer from 0 to count − 1, int32."""
        return wide_product(self._word(place), count)[0].astype(jnp.int32)

    def uniform(self, place: int, lower: float, upper: float, dtype: Any) -> jax.Array:
        """A number between these: computed in float64, which it keeps under ``jax.enable_x64`` alone."""
        k = (self._word(place) >> np.uint32(9)).astype(jnp.int32)
        with jax.enable_x64(True):
            return (lower + (upper - lower) * ((k.astype(jnp.float64) + 0.5) * 2.0**-23)).astype(dtype)

    def normals(self, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        """Standard normal numbers."""
        assert self._normals is not None, "the layer's class names no noise among its random streams"
        return self._normals(shape, dtype)


@singledispatch
def augmented(spec: Any, x: jax.Array, draws: Draws) -> jax.Array:
    """What a layer makes of images in training, computed in float32 at least. Families register their classes.

    Raises:
        BackendError: there is nothing for this class.
    """
    raise missing("jax", type(spec))


@singledispatch
def in_inference(spec: Any, x: jax.Array) -> jax.Array:
    """What a layer makes of images in inference: itself, unless its class says otherwise."""
    return x


class PhiloxAugmentation(nnx.Module):
    """An augmentation of images whose numbers come from the model's seed and step.

    ``train()`` and ``eval()`` switch it as they switch ``nnx.Dropout``.
    """

    def __init__(self, spec: Augmentation) -> None:
        self.spec = spec
        self.deterministic = False

    def __call__(self, x: jax.Array, words: Words, normals: Normals | None = None) -> jax.Array:
        if self.deterministic:
            return rounded_once(partial(in_inference, self.spec))(x)
        draws = Draws(words((x.shape[0], self.spec.draws())), normals)
        return rounded_once(lambda x: augmented(self.spec, x, draws))(x)


def augmentation(spec: Augmentation, context: Context) -> PhiloxAugmentation:
    """What ``build`` gives for an augmentation, under which families register their classes."""
    return PhiloxAugmentation(spec)
