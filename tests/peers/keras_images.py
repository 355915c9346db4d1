"""Stand-ins for Keras's layers that change images."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec as nn
from nnspec.backends import Array
from tests.peers.driver import Namespace
from tests.peers.keras_layers import KerasLayer
from tests.peers.outcome import NoValues
from tests.peers.subjects import Subject

FORMATS = {None: -1, "channels_last": -1, "channels_first": 1}
# What Keras asks for in a constructor, and ours has no use for.
OTHERS = ("seed", "data_format", "bounding_box_format", "dtype", "name")


class ImageLayer(KerasLayer):
    """One of our layers, which trains unless it is told not to, as Keras's do, and takes single images too."""

    def __call__(self, x: Any, training: bool = True, mask: Any = None) -> Array:
        if not hasattr(x, "__array__"):
            raise NoValues("boxes beside images, or symbolic tensors")
        images = np.asarray(x, np.float32)
        if images.ndim == 3:
            return super().__call__(images[None], training)[0]
        return super().__call__(images, training)


def layers(subject: Subject) -> dict[str, Any]:
    """The global ``layers`` of Keras's tests of layers that change images."""

    def made(cls: Any, *names: str) -> Any:
        """The stand-in of a class whose fields have these names, in Keras's order."""

        def build(*values: Any, **options: Any) -> ImageLayer:
            options |= dict(zip(names, values, strict=False))
            axis = FORMATS[options.get("data_format")]
            fields = {name: _plain(value) for name, value in options.items() if name not in OTHERS}
            return ImageLayer(subject, cls(**fields), axis=axis)

        return build

    namespace = Namespace(
        CenterCrop=made(nn.CenterCrop, "height", "width"),
        RandomCrop=made(nn.RandomCrop, "height", "width"),
        RandomRotation=made(nn.RandomRotation, "factor"),
        RandomTranslation=made(nn.RandomTranslation, "height_factor", "width_factor"),
        RandomZoom=made(nn.RandomZoom, "height_factor", "width_factor"),
    )
    return {"layers": namespace}


def _plain(value: Any) -> Any:
    """A field as a spec holds it: Keras takes whole numbers for factors."""
    return tuple(map(float, value)) if isinstance(value, tuple | list) else value
