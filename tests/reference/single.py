"""One layer of the reference by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nnspec.model import Input, Model, Node
from nnspec.reference.model import Result, run


def single(layer: Any, *inputs: Any, variables: Mapping[str, Any] | None = None, **options: Any) -> Result:
    """The run of a model of one node, ``node``, on these inputs; variables under their names within the layer."""
    arrays = {f"x{i}": np.asarray(x) for i, x in enumerate(inputs)}
    kinds: dict[Any, Any] = {np.dtype(bool): "bool", np.dtype(np.int32): "int32"}
    declared = {name: Input(x.shape[1:], kinds.get(x.dtype, "float")) for name, x in arrays.items()}
    model = Model(declared, (Node("node", layer, tuple(arrays)),), ("node",))
    return run(model, {f"node/{name}": np.asarray(v) for name, v in (variables or {}).items()}, arrays, **options)


def value(layer: Any, *inputs: Any, dtype: DTypeLike = np.float64, **options: Any) -> Any:
    """The output of that run."""
    return single(layer, *inputs, dtype=dtype, **options).outputs["node"]
