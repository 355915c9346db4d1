"""KerasHub's tasks in small, as ``nnspec port`` takes them: ``tests.porting.keras_hub.tasks:text_classifier``."""

from __future__ import annotations

from typing import Any

from tests.porting.keras_hub.catalogue import Entry, Part
from tests.porting.keras_hub.made import random
from tests.porting.keras_hub.text import TINY
from tests.porting.keras_hub.vision import VISION


def text_classifier() -> Any:
    """A BERT that tells three kinds of texts."""
    return _made("BertTextClassifier", "BertBackbone", {**TINY, "max_sequence_length": 8}, num_classes=3, dropout=0.1)


def image_classifier() -> Any:
    """A Vision Transformer that tells four kinds of images."""
    return _made("ViTImageClassifier", "ViTBackbone", {**VISION, "mlp_dim": 12}, num_classes=4)


def _made(task: str, backbone: str, config: dict[str, Any], **options: Any) -> Any:
    return random(Entry(Part(task, {"backbone": Part(backbone, config), "preprocessor": None, **options})))
