"""Check recorded answers without nnspec: dense layers and softmax, by the arithmetic of this file alone.

    python examples/check_record.py DIRECTORY

DIRECTORY is what ``nnspec conformance --backend NAME --record DIRECTORY`` wrote. Needs NumPy and safetensors. The
format is described in docs/conformance-record.md; an implementation in another language does what this file does.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


ACTIVATIONS: dict[str, Callable[..., np.ndarray]] = {"softmax": softmax, "tanh": np.tanh}


def layer_of(written: Any) -> tuple[str, dict[str, Any]]:
    """A layer in its short form: a name, {name: value of the first field}, or {name: fields}."""
    if isinstance(written, str):
        return written, {}
    ((name, fields),) = written.items()
    return name, fields if isinstance(fields, dict) else {"": fields}


def outputs(model: dict[str, Any], inputs: dict[str, np.ndarray], variables: dict[str, np.ndarray]) -> Any:
    """The output of a model of one layer, or None where this file does not know the layer."""
    if len(model["inputs"]) != 1 or len(model.get("nodes", ())) != 1:
        return None
    ((node, held),) = model["nodes"].items()
    kind, fields = layer_of(held["layer"])
    x = inputs[held["inputs"]]
    if kind == "softmax":
        return softmax(x, **fields)
    activation = fields.get("activation", "linear")
    if kind == "Dense" and (activation == "linear" or activation in ACTIVATIONS):
        y = x @ variables[f"{node}/kernel"]
        y = y + variables.get(f"{node}/bias", 0)
        return y if activation == "linear" else ACTIVATIONS[activation](y)
    return None


def check(directory: Path) -> tuple[int, int]:
    """How many answers were compared, and how many of them are wrong."""
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["nnspec_record"] == 1, "another format"
    compared = wrong = 0
    for family in manifest["families"]:
        content = {name: (directory / name).read_bytes() for name in (family["questions"], family["tensors"])}
        for name, data in content.items():
            assert hashlib.sha256(data).hexdigest() == manifest["files"][name]["sha256"], f"{name} was changed"
        if family["dtype"] == "bfloat16":  # NumPy has none
            continue
        tensors = load(content[family["tensors"]])

        def below(path: str, tensors: dict[str, np.ndarray] = tensors) -> dict[str, np.ndarray]:
            return {name.removeprefix(path): value for name, value in tensors.items() if name.startswith(path)}

        for number, case in enumerate(json.loads(content[family["questions"]])["cases"]):
            for answer in case["answers"]:
                if case["kind"] != "model" or answer["of"] != "outputs" or answer["rule"] != "absolute":
                    continue
                point = f"{number}/{answer['point']}"
                got = outputs(case["specs"]["model"]["Model"], below(f"{point}/inputs/"), below(f"{point}/variables/"))
                if got is None:
                    continue
                for against, limit in (("value", answer.get("limit", 0.0)), ("truth", answer.get("truth_limit", 0.0))):
                    if against in answer:
                        error = np.max(np.abs(got.astype(np.float64) - tensors[answer[against]].astype(np.float64)))
                        compared, wrong = compared + 1, wrong + (not error <= limit)
                        if not error <= limit:
                            print(
                                f"{case['case']} at {answer['point']}: {error:.3g} from its {against}, over {limit:.3g}"
                            )
    return compared, wrong


if __name__ == "__main__":
    compared, wrong = check(Path(sys.argv[1]))
    print(f"{compared} comparisons, {wrong} beyond their limits")
    sys.exit(1 if wrong or not compared else 0)
