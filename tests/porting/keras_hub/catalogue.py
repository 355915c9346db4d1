"""All backbones of KerasHub in small: the class of each, its arguments, and what it is called on.

A name stands in the catalogue as often as there are variants worth trying; the first is the plain one. That none is
forgotten, :mod:`tests.porting.keras_hub.test_backbones` asks the installed package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """An object that a backbone is made of, or a backbone itself.

    Attributes:
        name: its class: one of KerasHub's backbones, layers and models by its own name, any other as ``module:Class``
            within ``keras_hub.src.models``.
        config: its arguments; parts among them are made first.
    """

    name: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """A backbone to try.

    Attributes:
        part: the class and its arguments.
        title: what tells it from another entry of the same class.
        shapes: of inputs that do not have a fixed one, without the batch: six of any axis of any length by default.
        without: outputs that are left out, since they are the same for all examples and have no batch.
    """

    part: Part
    title: str = ""
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``GemmaBackbone (soft caps)``."""
        return f"{self.part.name} ({self.title})" if self.title else self.part.name


def entry(
    name: str,
    title: str = "",
    shapes: Mapping[str, Shape] | None = None,
    without: tuple[str, ...] = (),
    **config: Any,
) -> Entry:
    """A backbone by its class and arguments."""
    return Entry(Part(name, config), title, shapes or {}, without)


def entries() -> list[Entry]:
    """The whole catalogue, by name."""
    from tests.porting.keras_hub import mixed, text, vision

    return sorted([*text.ENTRIES, *vision.ENTRIES, *mixed.ENTRIES], key=lambda each: each.name)


# Those whose gradients are compared, too, which takes as long again.
WITH_GRADIENTS = frozenset({
    "AlbertBackbone", "BertBackbone", "CLIPTextEncoder", "DebertaV3Backbone", "FNetBackbone", "GPT2Backbone",
    "GemmaBackbone", "GptOssBackbone", "Llama3Backbone", "MiTBackbone", "MixtralBackbone", "MMDiT", "Qwen3Backbone",
    "SAMBackbone", "T5Backbone", "ViTBackbone", "WhisperBackbone",
})  # fmt: skip

# Classes that are not tried, and why.
UNTRIED = {
    "BASNetBackbone": "it cannot be made small: its decoder has eight times the 64 channels its encoder has",
    "FeaturePyramidBackbone": "a base class of image backbones, without layers of its own",
}
