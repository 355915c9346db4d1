"""Weights that mean harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.porting.hostile import (
    KERNEL,
    OLD_KERNEL,
    edited,
    poisoned,
    replaced,
    with_weights,
)


def arrays(new: bytes, old: bytes, other: Path) -> dict[str, bytes]:
    """Weights that lie elsewhere, claim more than they have, or are no numbers."""

    def weights(change: Callable[[h5py.File], Any]) -> bytes:
        return with_weights(new, change)

    def group_of_itself(file: h5py.File) -> None:
        file["layers/dense/again"] = file["layers"]

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((5, 4), "float32")
        layout[:] = h5py.VirtualSource(str(other), "x", (5, 4))
        del file[KERNEL]
        file.create_virtual_dataset(KERNEL, layout)

    def linked(kind: Any) -> Callable[[h5py.File], None]:
        def change(file: h5py.File) -> None:
            del file[KERNEL]
            file[KERNEL] = kind

        return change

    def attribute(name: str, value: Any) -> bytes:
        return edited(old, lambda f: f["model_weights"].attrs.__setitem__(name, value))

    huge = {"shape": (1 << 20, 1 << 14), "dtype": "float32"}
    return {
        "external link": weights(linked(h5py.ExternalLink(str(other), "x"))),
        "soft link": weights(linked(h5py.SoftLink("/layers/output/vars/0"))),
        "soft link to nothing": weights(linked(h5py.SoftLink("/nowhere"))),
        "external storage": weights(
            lambda f: replaced(f, KERNEL, shape=(5, 4), dtype="float32", external=[("/etc/passwd", 0, 80)])
        ),
        "virtual array": weights(virtual),
        "texts for weights": weights(lambda f: replaced(f, KERNEL, data=["a"] * 4, dtype=h5py.string_dtype())),
        "records for weights": weights(lambda f: replaced(f, KERNEL, data=np.zeros(4, [("a", "f4"), ("b", "i4")]))),
        "references for weights": weights(lambda f: replaced(f, KERNEL, shape=(2,), dtype=h5py.ref_dtype)),
        "lists for weights": weights(lambda f: replaced(f, KERNEL, shape=(2,), dtype=h5py.vlen_dtype("float32"))),
        "no numbers": weights(lambda f: replaced(f, KERNEL, data=h5py.Empty("f"))),
        "array of gigabytes in chunks": weights(
            lambda f: replaced(f, KERNEL, chunks=(1024, 1024), compression="gzip", **huge)
        ),
        "array of gigabytes": weights(lambda f: replaced(f, KERNEL, **huge)),
        "chunk of gigabytes": weights(
            lambda f: replaced(
                f, KERNEL, shape=(5, 4), maxshape=(None, None), chunks=(1 << 15, 1 << 14), dtype="float32"
            )
        ),
        "groups in a circle": weights(group_of_itself),
        "groups in depth": weights(lambda f: f.create_group("/".join("a" * 100))),
        "datatype among the groups": weights(lambda f: f.__setitem__("layers/type", np.dtype("f4"))),
        "NaN": weights(lambda f: poisoned(f, KERNEL, np.nan)),
        "infinity": weights(lambda f: poisoned(f, KERNEL, -np.inf)),
        "NaN in an old file": edited(old, lambda f: poisoned(f, OLD_KERNEL, np.nan)),
        "other shape": weights(lambda f: replaced(f, KERNEL, data=np.ones((4, 5), "float32"))),
        "other shape in an old file": edited(old, lambda f: replaced(f, OLD_KERNEL, data=np.ones((4, 5), "float32"))),
        "layer without weights": weights(lambda f: f.pop("layers/dense/vars")),
        "weight too many": weights(lambda f: f.__setitem__("layers/dense/vars/2", np.ones(3))),
        "group for an array": edited(old, lambda f: (f.pop(OLD_KERNEL), f.create_group(OLD_KERNEL))),
        "old file without weights": edited(old, lambda f: f.pop("model_weights")),
        "old file without layers": attribute("layer_names", np.asarray([], "S1")),
        "old file with numbers for names": attribute("layer_names", np.arange(4.0)),
        "names of groups that are not there": attribute("layer_names", np.asarray([b"x", b"y"])),
        "names that lead out": attribute("layer_names", np.asarray([b"../../first", b"/output"])),
        "names that are one long text": attribute(
            "layer_names", np.asarray(["a" * (2 << 20)] * 2 + ["b"] * 1500, object)
        ),
        "version that is an array": edited(old, lambda f: f.attrs.__setitem__("keras_version", np.arange(9))),
        "config that is a number": edited(old, lambda f: f.attrs.__setitem__("model_config", 7)),
        "config that is empty": edited(old, lambda f: f.attrs.__setitem__("model_config", h5py.Empty("S1"))),
    }
