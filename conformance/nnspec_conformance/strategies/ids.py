"""What fits into the fields of layers of ids."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnspec.layers.lookup import Discretization, HashedCrossing, Hashing, IntegerLookup
from nnspec.layers.tokens import TokenDropout, TokenMasking
from nnspec_conformance.strategies.fields import Hints, numbers

# Layers from int32 to int32.
CLASSES = (Discretization, HashedCrossing, Hashing, IntegerLookup, TokenDropout, TokenMasking)
_WHOLE = st.integers(-9, 9)
_ANY = st.integers(-(2**31), 2**31 - 1)
_SALT = st.none() | st.integers(-5, 2**63) | st.tuples(_WHOLE, _WHOLE).map(list)
HINTS: dict[type[Any], Hints] = {
    Discretization: {"bin_boundaries": st.lists(numbers(-500, 500), min_size=1, max_size=5, unique=True).map(sorted)},
    HashedCrossing: {"num_bins": st.integers(1, 2**31 - 1)},
    Hashing: {"num_bins": st.integers(1, 2**31 - 1), "mask_value": st.none() | _WHOLE, "salt": _SALT},
    IntegerLookup: {
        "vocabulary": st.lists(_WHOLE | _ANY, min_size=1, max_size=6, unique=True),
        "num_oov_indices": st.integers(0, 4),
        "mask_token": st.none() | _ANY,
        "oov_token": _ANY,
        "salt": _SALT,
    },
    TokenDropout: {
        "replacement": _WHOLE,
        "special_ids": st.lists(st.integers(0, 9), max_size=3),
        "num_embeddings": st.none() | st.integers(1, 9),
    },
    TokenMasking: {
        "num_embeddings": st.integers(10, 2**31 - 1),
        "mask_id": st.integers(0, 9),
        "special_ids": st.lists(st.integers(0, 9), max_size=3),
        "mask_fraction": numbers(0, 0.7),
        "random_fraction": numbers(0, 0.3),
        "ignore_label": _WHOLE,
    },
}
