"""Philox4x32-10 in PyTorch, the bits of :mod:`nnspec.random`: words of 32 bits held in int64, which cannot overflow."""

from __future__ import annotations

import torch
from torch import Tensor

from nnspec.random import KEY_INCREMENTS, MULTIPLIERS, ROUNDS, keep_threshold

WORD = 0xFFFFFFFF


def _product(x: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """The high and the low word of x · factor, by halves of the factor: int64 has no room for 64 unsigned bits."""
    high, low = x * (factor >> 16), x * (factor & 0xFFFF)
    return (high + (low >> 16)) >> 16, (((high & 0xFFFF) << 16) + low) & WORD


def words(seed: Tensor, stream: int, step: Tensor | int, count: int, start: int = 0) -> Tensor:
    """Words ``start`` to ``start + count`` of the draw; ``seed`` is int64 (2,), the low and the high word."""
    blocks = torch.arange(start // 4, -(-(start + count) // 4), dtype=torch.int64, device=seed.device)
    c0, c1, c2, c3 = blocks & WORD, blocks >> 32, torch.zeros_like(blocks) + step, torch.full_like(blocks, stream)
    k0, k1 = seed
    for _ in range(ROUNDS):
        (high0, low0), (high1, low1) = _product(c0, MULTIPLIERS[0]), _product(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + KEY_INCREMENTS[0]) & WORD, (k1 + KEY_INCREMENTS[1]) & WORD
    return torch.stack((c0, c1, c2, c3), -1).reshape(-1)[start % 4 : start % 4 + count]


def keep_mask(rate: float, like: Tensor, seed: Tensor, stream: int, step: Tensor) -> Tensor:
    """Dropout's mask for a tensor: True where an element is kept."""
    return (words(seed, stream, step, like.numel()) < keep_threshold(rate)).reshape(like.shape)
