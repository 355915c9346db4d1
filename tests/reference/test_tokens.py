"""Random changes of token ids: what the words say by hand, and how often."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import random
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

IDS = np.random.default_rng(8).integers(0, 50, (6, 4, 9), dtype=np.int32)
SPECIAL = (0, 1, 2)


@pytest.mark.parametrize("layer", [nn.TokenMasking(50, 3), nn.TokenMasking(50, 3, 0.6, 0.5, 0.3, SPECIAL)])
def test_masking_by_hand(layer: nn.TokenMasking) -> None:
    """Devlin et al., appendix A.1, position by position, in exact arithmetic."""
    words = random.words(11, random.stream_of("node", "augmentation", 0), 4, 2 * IDS.size).astype(object).tolist()
    expected, labels = [], []
    for i, token in enumerate(IDS.ravel().tolist()):
        u, v = words[2 * i], words[2 * i + 1]
        chosen = u < round(layer.rate * 2**32) and token not in layer.special_ids
        y = token
        if chosen and u < round(layer.rate * layer.mask_fraction * 2**32):
            y = 3
        elif chosen and u < round(layer.rate * (layer.mask_fraction + layer.random_fraction) * 2**32):
            y = v * 50 // 2**32
        expected.append(y)
        labels.append(token if chosen else -1)
    found = value(layer, IDS, training=True, seed=11, step=4)
    np.testing.assert_array_equal(found, np.reshape(expected, IDS.shape))
    assert found.dtype == np.int32 and (found != IDS).any()
    both = dataclasses.replace(layer, return_labels=True)
    pairs = value(both, IDS, training=True, seed=11, step=4)
    np.testing.assert_array_equal(pairs, np.stack([expected, labels], -1).reshape(*IDS.shape, 2))


def test_how_often_what_happens() -> None:
    """15 % are chosen, of which 80 % are masked, 10 % random and 10 % as they were; random ids are uniform."""
    x = np.full((300, 500), 7, np.int32)
    pairs = value(nn.TokenMasking(1000, 3, return_labels=True), x, training=True, seed=5)
    y, chosen = pairs[..., 0], pairs[..., 1] == 7
    assert (y[~chosen] == 7).all() and set(np.unique(pairs[..., 1])) == {-1, 7}
    count = chosen.sum()
    assert abs(count / x.size - 0.15) < 4 * np.sqrt(0.15 * 0.85 / x.size)
    drawn = y[chosen & (y != 3) & (y != 7)]
    for share, found in ((0.8, (y == 3).sum()), (0.1, (y[chosen] == 7).sum()), (0.1, len(drawn))):
        assert abs(found / count - share) < 4 * np.sqrt(share * (1 - share) / count) + 2e-3
    in_tenths = np.bincount(drawn // 100, minlength=10)
    assert len(in_tenths) == 10 and np.abs(in_tenths - len(drawn) / 10).max() < 5 * np.sqrt(len(drawn) / 10)


def test_at_least_one_is_chosen() -> None:
    x = np.random.default_rng(5).integers(0, 6, (400, 2, 3), dtype=np.int32)
    layer = nn.TokenMasking(50, 9, 0.1, special_ids=SPECIAL, return_labels=True)
    found = value(layer, x, training=True, seed=3)
    plain = value(dataclasses.replace(layer, at_least_one=False), x, training=True, seed=3)
    words = random.words(3, random.stream_of("node", "augmentation", 0), 0, 2 * x.size).reshape(*x.shape, 2)[..., 0]
    forced = 0
    for before, ids, after, u in zip(plain, x, found, words, strict=True):
        if (before[..., 1] != -1).any() or (ids < 3).all():
            np.testing.assert_array_equal(after, before)
            continue
        place = min((int(u[i]), i) for i in np.ndindex(u.shape) if ids[i] >= 3)[1]
        expected = before.copy()
        expected[place] = 9, ids[place]
        np.testing.assert_array_equal(after, expected)
        forced += 1
    assert forced > 100


def test_nothing_is_masked() -> None:
    layer = nn.TokenMasking(50, 3, 1.0, return_labels=True, ignore_label=-100)
    quiet = value(layer, IDS)
    np.testing.assert_array_equal(quiet[..., 0], IDS)
    assert (quiet[..., 1] == -100).all()
    np.testing.assert_array_equal(value(nn.TokenMasking(50, 3, 0.0), IDS, training=True), IDS)
    untouched = value(nn.TokenMasking(50, 3, 1.0, 1.0, 0.0, SPECIAL), IDS, training=True)
    np.testing.assert_array_equal(untouched, np.where(np.isin(IDS, SPECIAL), IDS, 3))


def test_dropout_by_hand() -> None:
    found = single(nn.TokenDropout(0.3, 49, SPECIAL), IDS, training=True, seed=11, step=4)
    words = random.words(11, random.stream_of("node", "dropout", 0), 4, IDS.size).reshape(IDS.shape)
    kept = words.astype(object) < 0.7 * 2**32
    np.testing.assert_array_equal(found.masks["node"], kept)
    expected = np.where(kept | (IDS < 3), IDS, 49)
    np.testing.assert_array_equal(found.outputs["node"], expected)
    assert (found.outputs["node"] != IDS).any()
    np.testing.assert_array_equal(value(nn.TokenDropout(0.3, 49), IDS), IDS)
    np.testing.assert_array_equal(value(nn.TokenDropout(0.0, 49), IDS, training=True), IDS)


def test_an_id_is_dropped_in_all_of_its_places_or_in_none() -> None:
    ids = np.random.default_rng(3).integers(-2, 12, (200, 3, 20), dtype=np.int32)
    found = single(nn.TokenDropout(0.4, 99, (5,), 10), ids, training=True, seed=2)
    words = random.words(2, random.stream_of("node", "dropout", 0), 0, 2000).reshape(200, 10)
    dropped = words.astype(object) >= 0.6 * 2**32
    for row, ids_of_row, after in zip(dropped, ids, found.outputs["node"], strict=True):
        gone = {i for i in range(10) if row[i] and i != 5}
        np.testing.assert_array_equal(after, np.where(np.isin(ids_of_row, list(gone)), 99, ids_of_row))
    assert abs(dropped.mean() - 0.4) < 4 * np.sqrt(0.24 / 2000)


@pytest.mark.parametrize(
    ("make", "place", "reason"),
    [
        (lambda: nn.TokenMasking(10, 10), "mask_id", "ids below num_embeddings, which is 10, got 10"),
        (lambda: nn.TokenMasking(10, 3, special_ids=(0, 12)), "special_ids", "got 12"),
        (lambda: nn.TokenMasking(10, 3, 0.1, 0.75, 0.5), "random_fraction", "at most the 0.25 .* leaves, got 0.5"),
        (lambda: nn.TokenMasking(10, 3, 1.1), "rate", "1"),
        (lambda: nn.TokenDropout(1.0), "rate", "1"),
    ],
)
def test_what_is_refused(make: Any, place: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason) as found:
        make()
    assert found.value.place[0] == place


def test_ids_are_whole_numbers() -> None:
    for layer in (nn.TokenMasking(5, 3), nn.TokenDropout(0.5)):
        with pytest.raises(ShapeError, match=f"{type(layer).__name__} changes int32 ids, got float input"):
            layer.output_dtype("float")
