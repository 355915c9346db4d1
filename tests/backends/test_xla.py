"""TensorFlow: everything is compiled by XLA as a whole, and nothing in it waits for the host.

What is compiled comes from the vocabulary and from the conformance cases of its classes: a new class is asked for by
itself. XLA's program is made, not run.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import FloatType
from nnspec_conformance.case import Case
from nnspec_conformance.training import TrainingCase
from tests.backends.captured import Captured, catching, passes
from tests.backends.cases import chosen, families

pytest.importorskip("tensorflow", reason="the tensorflow backend is not installed")
pytestmark = pytest.mark.tensorflow

# Operations of a graph that run on the host, and what a program waits for it by.
HOST_OPS = {
    "PyFunc",
    "EagerPyFunc",
    "PyFuncStateless",
    "Print",
    "PrintV2",
    "NumpyFunction",
    "HostCompute",
    "OutfeedEnqueue",
}
HOST = re.compile(r"infeed|outfeed|\bsend\(|\brecv\(|callback|xla_python", re.IGNORECASE)
DTYPES: list[Any] = ["float32", *(pytest.param(dtype, marks=pytest.mark.slow) for dtype in ("bfloat16", "float64"))]


def compile_whole(function: Any, *args: Any, **kwargs: Any) -> str:
    """XLA's program for a function.

    Raises:
        AssertionError: it talks to the host.
        tf.errors.InvalidArgumentError: XLA cannot compile it as a whole.
    """
    from nnspec_tensorflow.startup import tf

    traced = tf.function(lambda *inner: function(*inner, **kwargs), jit_compile=True, autograph=False)
    graph = traced.get_concrete_function(*args).graph.as_graph_def()
    nodes = [*graph.node, *(node for definition in graph.library.function for node in definition.node_def)]
    found = {node.op for node in nodes} & HOST_OPS
    assert not found, f"the graph talks to the host: {', '.join(sorted(found))}"
    program: str = traced.experimental_get_compiler_ir(*args)(stage="hlo")
    talk = HOST.search(program)
    assert talk is None, f"the program talks to the host: {talk[0]}"
    return program


def compile_captured(found: Captured) -> str:
    return compile_whole(found.function, *found.given, **found.named)


def compile_layers(cases: list[Case], dtype: FloatType, monkeypatch: pytest.MonkeyPatch) -> None:
    for found in passes("tensorflow", cases, dtype, monkeypatch):
        assert "ENTRY" in compile_captured(found)


@pytest.mark.slow  # the suite compiles layers in its own tests
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("cases", families())
def test_layers(cases: list[Case], dtype: FloatType, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_layers(cases, dtype, monkeypatch)


def tensors(dtype: FloatType, *given: Any) -> list[Any]:
    """Floats in a dtype, integers as they are."""
    from nnspec_tensorflow.startup import tf

    return [x if x is None else tf.constant(x) if x.dtype.kind in "iub" else tf.cast(x, dtype) for x in given]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("check", ["loss", "metric", "schedule", "optimizer"])
def test_the_rest_of_the_vocabulary(check: str, dtype: FloatType, monkeypatch: pytest.MonkeyPatch) -> None:
    for _, case in chosen(check):
        with catching("tensorflow", monkeypatch) as catcher:
            found = catcher.call(answer, check, case, dtype)
        assert "ENTRY" in compile_captured(found)


def answer(check: str, case: Any, dtype: FloatType) -> None:
    """What the suite asks a backend for."""
    backend = nn.backend("tensorflow")
    if check in ("loss", "metric"):
        forget_compiled()
        outputs, targets, weights = case.draw(dtype)
        getattr(backend, check)(case.spec, outputs, targets, weights, dtype=dtype)
    elif check == "schedule":
        backend.schedule(case.spec, case.steps, dtype=dtype)
    else:
        parameters, gradients = case.draw(dtype)
        backend.optimize(case.spec, parameters, gradients, clip=case.clip, decayed=case.decayed, dtype=dtype)


def forget_compiled() -> None:
    """Have losses and metrics traced anew."""
    from nnspec_tensorflow import backend

    for function in vars(backend).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [case for _, case in chosen("training", "all")], ids=lambda case: case.name)
def test_training(case: TrainingCase, dtype: FloatType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many updates as one call, and validation with a last partial batch."""
    with catching("tensorflow", monkeypatch) as catcher:
        backend = nn.backend("tensorflow")
        net = backend.build(case.case.model, dtype=dtype)
        engine = backend.engine(net, loss=case.loss, optimizer=case.optimizer, metrics=case.metrics, clip=case.clip)
        for split in ("train", "validation"):
            engine.load(split, case.data(split, dtype))
        updates = catcher.call(engine.train, case.order(), 0, 3)
        scores = catcher.call(engine.evaluate, "validation", 8)
    assert "while" in compile_captured(updates)
    assert "ENTRY" in compile_captured(scores)


def test_a_function_that_calls_back_is_caught() -> None:
    from nnspec_tensorflow.startup import tf

    def calling(x: Any) -> Any:
        return tf.numpy_function(np.sin, [x], tf.float32)

    def printing(x: Any) -> Any:
        tf.print(x)
        return x

    for function in (calling, printing):
        with pytest.raises(AssertionError, match="the graph talks to the host"):
            compile_whole(function, tf.ones(2))
