"""BERT's pre-training on the docstrings of Python itself."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nnspec as nn
from nnspec import models

SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
PAD, CLS, SEP, MASK = range(4)
LENGTH = 16
IGNORED = -1


def sentences() -> list[list[str]]:
    """What the methods of text, lists and the like say about themselves, sentence by sentence, in words."""
    texts = [inspect.getdoc(getattr(cls, n)) or "" for cls in (str, list, dict, set) for n in dir(cls) if n[0] != "_"]
    found = [re.findall(r"[a-z]+", part.lower()) for text in texts for part in re.split(r"\.\s|\n\n", text)]
    return [words[: LENGTH - 2] for words in found if len(words) >= 4]


def tokens() -> tuple[NDArray[np.int32], int]:
    """Sentences as ids, from [CLS] to [SEP], padded; and how many ids there are."""
    found = sentences()
    words = sorted({word for sentence in found for word in sentence})
    ids = {word: i for i, word in enumerate((*SPECIAL, *words))}
    rows = [[CLS, *(ids[word] for word in sentence), SEP] for sentence in found]
    padded = [row + [PAD] * (LENGTH - len(row)) for row in rows]
    return np.array(padded, np.int32), len(ids)


def experiment(ids: int, **options: Any) -> dict[str, Any]:
    masking = {"num_embeddings": ids, "mask_id": MASK, "special_ids": [PAD, CLS, SEP], **options}
    return {
        "loss": {"SoftmaxCrossEntropy": {"ignore_label": IGNORED}},
        "mixing": {"MaskedLM": {"masking": {"TokenMasking": masking}, "input": "ids"}},
        "progress": False,
    }


@pytest.mark.slow
def test_what_is_masked_is_learned(backend_name: str) -> None:
    """A small BERT tells masked words of sentences that it has read better than by how often they occur."""
    rows, ids = tokens()
    model = models.bert(1, 48, 4, num_embeddings=ids, max_length=LENGTH, head="mlm", dropout_rate=0.0, length=LENGTH)
    counts = np.bincount(rows[rows > MASK], minlength=ids)
    shares = counts[counts > 0] / counts.sum()
    unigrams = float(-(shares * np.log(shares)).sum())
    found = nn.train(
        model,
        {"ids": rows, "segments": np.zeros_like(rows), "targets": rows},
        optimizer={"Adam": {"learning_rate": 3e-3}},
        metrics=["accuracy"],
        backend=backend_name,
        epochs=40,
        batch_size=32,
        **experiment(ids),
    )
    losses = [record["loss"] for record in found.history]
    assert losses[0] > 0.9 * unigrams
    assert np.mean(losses[-5:]) < 0.87 * unigrams
