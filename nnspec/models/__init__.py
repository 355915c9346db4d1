"""Builders: well-known networks as functions from sizes to a ``Model``.

What they give is a spec like any other, to look at, to write to a file, to change and to train; none of them holds
weights. Defaults are those of the papers. In a spec file a builder stands where a model does, with its arguments as
fields::

    model: {resnet: {depth: 20, stem: cifar, num_classes: 10}}

or with its first argument alone (``mlp: [512, 10]``), or by its bare name (``lenet``). A builder's model can be a node
of another one, too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnspec.model import Model
    from nnspec.models.convolutional import lenet as lenet
    from nnspec.models.dense import autoencoder as autoencoder, mlp as mlp, vae as vae
    from nnspec.models.language import bert as bert, gpt2 as gpt2
    from nnspec.models.mobilenet import mobilenet_v2 as mobilenet_v2
    from nnspec.models.recurrent import lstm_classifier as lstm_classifier, seq2seq as seq2seq
    from nnspec.models.residual import resnet as resnet
    from nnspec.models.segmentation import unet as unet
    from nnspec.models.transformer import (
        transformer_decoder as transformer_decoder,
        transformer_encoder as transformer_encoder,
    )
    from nnspec.models.vision import vit as vit

# Which module each builder lives in: the only names that a file can have built.
BUILDERS = {
    "mlp": "nnspec.models.dense",
    "autoencoder": "nnspec.models.dense",
    "vae": "nnspec.models.dense",
    "lenet": "nnspec.models.convolutional",
    "resnet": "nnspec.models.residual",
    "mobilenet_v2": "nnspec.models.mobilenet",
    "unet": "nnspec.models.segmentation",
    "lstm_classifier": "nnspec.models.recurrent",
    "seq2seq": "nnspec.models.recurrent",
    "transformer_encoder": "nnspec.models.transformer",
    "transformer_decoder": "nnspec.models.transformer",
    "gpt2": "nnspec.models.language",
    "bert": "nnspec.models.language",
    "vit": "nnspec.models.vision",
}


def load(name: str) -> Callable[..., Model]:
    """The builder of that name; ``KeyError`` if there is none."""
    return getattr(importlib.import_module(BUILDERS[name]), name)  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    if name in BUILDERS:
        return load(name)
    raise AttributeError(f"module 'nnspec.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *BUILDERS])
