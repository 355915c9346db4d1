"""Files as Keras 1 and early Keras 2 wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py

Config = dict[str, Any]


def old_file(
    path: Path,
    layers: list[tuple[str, Config, list[Any]]],
    *,
    version: str = "1.2.2",
    backend: str | None = None,
    rename: bool = False,
) -> Path:
    """A Sequential as Keras 1 and early 2 write them: a list of layers, each with its group of arrays."""
    with h5py.File(path, "w") as file:
        entries = [{"class_name": kind, "config": config} for kind, config, _ in layers]
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": entries}).encode()
        file.attrs["keras_version"] = version.encode()
        if backend:
            file.attrs["backend"] = backend.encode()
        group = file.create_group("model_weights")
        names = [f"other_{i}" if rename else str(config["name"]) for i, (_, config, _) in enumerate(layers)]
        group.attrs["layer_names"] = [name.encode() for name in names]
        for name, (_, _, arrays) in zip(names, layers, strict=True):
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [f"{name}_W{i}".encode() for i in range(len(arrays))]
            for i, array in enumerate(arrays):
                inner[f"{name}_W{i}"] = array
    return path
