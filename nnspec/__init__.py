"""nnspec: one neural network, written once, that means the same in JAX and in TensorFlow."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

# Everything else is imported when it is first asked for: the command line must not pay for what it does not use.
_LAZY = {
    "Model": "nnspec.model",
    "Sequential": "nnspec.model",
    "Input": "nnspec.model",
    "Layer": "nnspec.layers.base",
    "Node": "nnspec.model",
    "symbol": "nnspec.model",
    "backend": "nnspec.backends",
    "train": "nnspec.training.trainer",
    "load": "nnspec.training.run",
    "compare": "nnspec.training.compare",
    "Experiment": "nnspec.experiment",
    "Training": "nnspec.experiment",
    "Data": "nnspec.experiment",
    "Clip": "nnspec.optimizers",
    "NNSpecError": "nnspec.errors",
    "SpecError": "nnspec.errors",
    "ShapeError": "nnspec.errors",
    "DataError": "nnspec.errors",
    "FileError": "nnspec.errors",
    "BackendError": "nnspec.errors",
}


def __getattr__(name: str) -> Any:
    import importlib

    module = _LAZY.get(name)
    if module is not None:
        return getattr(importlib.import_module(module), name)
    import nnspec.vocabulary as vocabulary

    if name in vocabulary.class_names():
        return vocabulary.load(name)
    raise AttributeError(f"module 'nnspec' has no attribute {name!r}")


def __dir__() -> list[str]:
    import nnspec.vocabulary as vocabulary

    return sorted([*globals(), *_LAZY, *vocabulary.class_names()])
