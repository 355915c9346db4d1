"""Mixing of examples; see :mod:`nnspec.mixing`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.special import betaincinv

from nnspec import mixing as specs, random
from nnspec.reference.base import Array, floats, missing, rounded
from nnspec.reference.tokens import masked

Arrays = Mapping[str, Array]


@functools.cache
def shares(alpha: float) -> NDArray[np.float64]:
    """The quantiles of Beta(alpha, alpha) in the middles of 2¹² equal parts, in multiples of 2⁻²⁴.

    So they are float32's, too, and what SciPy rounds in another version is rounded away.
    """
    found: NDArray[np.float64] = betaincinv(alpha, alpha, (np.arange(2**specs.BITS) + 0.5) / 2**specs.BITS)
    return np.round(found * 2.0**24) / 2.0**24


def halves(alpha: float, sizes: tuple[int, ...]) -> NDArray[np.int32]:
    """Half the sides of boxes that leave these shares of an image."""
    ratio = (1 - shares(alpha)) ** (1 / len(sizes))
    sides: NDArray[np.int32] = np.floor(ratio[:, None] * np.array(sizes)).astype(np.int32)
    return sides // 2


def mixed(
    spec: specs.Mixing, loss: Any, batch: Arrays, classes: int, *, seed: int, step: int, dtype: DTypeLike = np.float64
) -> dict[str, Array]:
    """A batch of training with each example mixed with the one before it; nothing given is changed.

    Args:
        batch: inputs by name, ``targets`` and, if there are any, ``weights``.
        classes: the size of the output's last axis.
        seed, step: what the words are drawn from.
        dtype: that of mixed targets and weights, float32 at least.
    """
    inputs = {name: np.asarray(x) for name, x in batch.items() if name not in ("targets", "weights")}
    own = spec.chosen(inputs)
    shapes = [x.shape for x in own.values()]
    rows = shapes[0][0]
    words = random.words(seed, random.stream_of("data", "mixing"), step, rows * spec.words(*shapes))
    made, share = mix(spec, own, words.reshape(rows, -1))
    targets = np.asarray(batch["targets"])
    if isinstance(spec, specs.MaskedLM):
        return {**batch, **made, "targets": np.where(share, targets.astype(np.int64), spec.label(loss))}
    if loss.targets == "labels" and targets.dtype.kind in "iu":
        targets = targets[..., None] == np.arange(classes)
    made["targets"] = _combined(targets.astype(dtype), share)
    if "weights" in batch:
        made["weights"] = _combined(np.asarray(batch["weights"]).astype(dtype), share)
    return made


@functools.singledispatch
def mix(spec: Any, inputs: Arrays, words: Array) -> tuple[dict[str, Array], Array]:
    """The inputs, and the share of each example that it keeps, or which positions the loss is to count.

    The ways to mix are registered here.

    Args:
        words: (examples, ``spec.words``).

    Raises:
        BackendError: the class is not registered.
    """
    raise missing(spec)


@mix.register(specs.MaskedLM)
def _masked_lm(spec: specs.MaskedLM, inputs: Arrays, words: Array) -> tuple[dict[str, Array], Array]:
    ((name, x),) = inputs.items()
    y, chosen = masked(spec.masking, x, words)
    return {name: y}, chosen


@mix.register(specs.MixUp)
def _mix_up(spec: specs.MixUp, inputs: Arrays, words: Array) -> tuple[dict[str, Array], Array]:
    share = spec.shares()[words[:, 0] >> (32 - specs.BITS)]
    return {name: rounded(_combined(floats(x), share), x.dtype) for name, x in inputs.items()}, share


@mix.register(specs.CutMix)
def _cut_mix(spec: specs.CutMix, inputs: Arrays, words: Array) -> tuple[dict[str, Array], Array]:
    ((name, x),) = inputs.items()
    sizes = spec.sizes(x.shape)
    half = spec.halves(sizes)[words[:, 0] >> (32 - specs.BITS)]
    center = ((words[:, 1:] >> 16) * np.array(sizes, np.uint32) >> 16).astype(np.int32)
    inside = np.ones(x.shape[:-1], bool)
    for axis, size in enumerate(sizes):
        place = np.arange(size)
        own = (place >= (center - half)[:, axis, None]) & (place < (center + half)[:, axis, None])
        inside &= own.reshape(len(x), *(size if a == axis else 1 for a in range(len(sizes))))
    left = ~inside.reshape(len(x), -1)
    return {name: np.where(inside[..., None], np.roll(x, 1, 0), x)}, left.mean(1)


def _combined(x: Array, share: Array) -> Array:
    """λ·xᵢ + (1 − λ)·xᵢ₋₁ in the dtype of x."""
    kept = share.astype(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
    return np.asarray(kept * x + (1 - kept) * np.roll(x, 1, 0))
