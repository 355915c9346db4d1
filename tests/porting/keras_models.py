"""Keras models for tests of porting: with random variables, never symmetric ones, and random inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Arrays
from nnspec.porting.formats import Reading
from nnspec.porting.port import Port

Array = NDArray[Any]


def randomized(model: Any, seed: int = 0, scale: float = 1.0) -> Any:
    """The model with random variables: variances positive, kernels of a size that keeps activations in range."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "float" not in variable.dtype:
            continue
        shape = tuple(variable.shape)
        positive = any(word in variable.name for word in ("variance", "stddev", "gamma")) or variable.name == "scale"
        if positive:
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) < 2 or "kernel" not in variable.name:
            value = rng.normal(0.0, 0.3, shape)
        else:  # a depthwise kernel sums up its window alone
            alone = len(shape) > 2 and ("depthwise" in variable.path or shape[-1] == 1)
            fan_in = np.prod(shape[:-2] if alone else shape[:-1])
            value = rng.normal(0.0, scale / np.sqrt(fan_in), shape)
        variable.assign(value)
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):  # Normalization computes with copies
            layer.finalize_state()
    return model


def ported(model: Any, **how: Any) -> Port:
    """A live model as a port."""
    from nnspec_tensorflow.porting.importer import KerasImporter

    importer = KerasImporter()
    assert importer.knows(model)
    return importer.from_object(model, Reading(**how))


def examples(port: Port, batch: int = 3, seed: int = 1, free: int = 6, ids: int = 5) -> dict[str, Array]:
    """Random inputs of a port; free axes have one size, and whole numbers are small."""
    rng = np.random.default_rng(seed)
    made: dict[str, Array] = {}
    for name, declared in port.model.inputs.items():
        shape = (batch, *(free if size is None else size for size in declared.shape))
        if declared.dtype == "float":
            made[name] = rng.normal(0.0, 1.0, shape).astype(np.float32)
        elif declared.dtype == "int32":
            made[name] = rng.integers(0, ids, shape).astype(np.int32)
        else:
            made[name] = rng.random(shape) < 0.7
    return made


def difference(found: Array, expected: Array) -> float:
    """The largest error relative to the largest value."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    if not expected.size:
        return 0.0
    return float(np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-6))


def reference(port: Port, inputs: Arrays, **options: Any) -> Any:
    """The port run by the reference, in float64."""
    from nnspec.reference.model import run

    variables = {name: np.asarray(value, np.float64) for name, value in port.variables.items()}
    wide = {name: x.astype(np.float64) if x.dtype.kind == "f" else x for name, x in inputs.items()}
    return run(port.model, variables, wide, **options)


def check_against_keras(model: Any, port: Port, inputs: Arrays, tolerance: float = 2e-5) -> None:
    """The port's outputs are those of the model: in float32 of the model itself, in float64 of what Keras runs."""
    from nnspec_tensorflow.startup import keras

    result = reference(port, inputs)
    own = keras.tree.flatten(model_outputs(model, port, inputs))
    for name, expected in zip(port.model.outputs, own, strict=True):
        assert difference(result.outputs[name], np.asarray(expected)) < tolerance, name
    if port.subject is not None and "float64" in port.subject.dtypes:
        nodes = port.subject.nodes(inputs, dtype="float64")
        for name in port.model.outputs:
            if name in nodes:
                assert difference(nodes[name], result.outputs[name]) < 1e-11, name


def model_outputs(model: Any, port: Port, inputs: Arrays) -> Any:
    """What the model itself gives."""
    from nnspec_tensorflow.startup import keras

    given = list(inputs.values())
    if isinstance(model, keras.Function):
        return model(keras.tree.pack_sequence_as(model.input, given), training=False)
    return model(*given, training=False)
