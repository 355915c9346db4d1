"""JAX: what is compiled can be compiled for GPUs and TPUs, and nothing in it waits for the host.

Everything is lowered by ``jax.export``, which needs no such device. What is lowered comes from the vocabulary and from
the conformance cases of its classes: a new class is asked for by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import vocabulary
from nnspec.backends import FloatType
from nnspec_conformance.case import Case
from nnspec_conformance.training import TrainingCase
from tests.backends.captured import Captured, catching, passes
from tests.backends.cases import chosen, families

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
pytestmark = pytest.mark.jax

# TPUs have no float64.
PLACES: list[Any] = [
    pytest.param("cuda", "float32"),
    pytest.param("cuda", "bfloat16", marks=pytest.mark.slow),
    pytest.param("tpu", "float32", marks=pytest.mark.slow),
    pytest.param("tpu", "bfloat16"),
    pytest.param("cuda", "float64", marks=pytest.mark.slow),
    pytest.param("cuda", "float16", marks=pytest.mark.slow),
]
# What a program waits for the host by; callbacks are custom calls, and on TPUs sends and receives.
HOST = re.compile(r"infeed|outfeed|stablehlo\.(send|recv)|callback|debug_print|host_transfer|SendToHost", re.IGNORECASE)


def lower(function: Any, platform: str, *args: Any, **kwargs: Any) -> str:
    """The program for a platform.

    Raises:
        AssertionError: it talks to the host.
    """
    exported = jax.export.export(function, platforms=[platform])(*args, **kwargs)
    assert exported.platforms == (platform,)
    program = exported.mlir_module()
    found = HOST.search(program)
    assert found is None, f"the program talks to the host: {found[0]}"
    assert not exported.ordered_effects and not exported.unordered_effects
    return program


def lower_captured(found: Captured, platform: str) -> str:
    return lower(jax.jit(found.function, **found.options), platform, *found.given, **found.named)


def test_every_class_of_the_vocabulary_is_lowered() -> None:
    layers = [c for check in ("forward", "loss", "metric", "optimizer", "schedule") for _, c in chosen(check)]
    trained = [c for _, c in chosen("training", "all")]
    found = {cls for c in (*layers, *trained) for cls in c.classes}
    kinds = [kind for kind in vocabulary.KINDS if kind != "initializer"]  # initial weights are drawn on the host
    wanted = {vocabulary.load(name) for kind in kinds for name in vocabulary.class_names(kind)}
    assert not {cls.__name__ for cls in wanted - found - {nn.Model}}


def lower_layers(cases: list[Case], platform: str, dtype: FloatType, monkeypatch: pytest.MonkeyPatch) -> None:
    for found in passes("jax", cases, dtype, monkeypatch):
        with jax.enable_x64(dtype == "float64"):
            assert "func.func public @main" in lower_captured(found, platform)


@pytest.mark.parametrize(("platform", "dtype"), PLACES)
@pytest.mark.parametrize("cases", families())
def test_layers(cases: list[Case], platform: str, dtype: FloatType, monkeypatch: pytest.MonkeyPatch) -> None:
    lower_layers(cases, platform, dtype, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("cases", families("all"))
def test_all_cases_of_layers(cases: list[Case], platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lower_layers(cases, platform, "float32", monkeypatch)


def arrays(dtype: FloatType, *given: Any) -> list[Any]:
    """Floats in a dtype, integers as they are."""
    return [x if x is None or x.dtype.kind in "iub" else jax.numpy.asarray(x, dtype) for x in given]


def check_each(check: str, function: Callable[[Any, FloatType], Any], platform: str, dtype: FloatType) -> None:
    with jax.enable_x64(dtype == "float64"):
        for _, case in chosen(check):
            program, args = function(case, dtype)
            assert "func.func public @main" in lower(jax.jit(program), platform, *args)


@pytest.mark.parametrize(("platform", "dtype"), PLACES)
def test_losses(platform: str, dtype: FloatType) -> None:
    def program(case: Any, dtype: FloatType) -> Any:
        wide = dtype if dtype == "float64" else "float32"
        outputs, targets, weights = case.draw(dtype)
        function = nn.backend("jax").realize(case.spec, dtype=dtype)
        return jax.value_and_grad(function), arrays(dtype, outputs) + arrays(wide, targets, weights)

    check_each("loss", program, platform, dtype)


@pytest.mark.parametrize(("platform", "dtype"), PLACES)
def test_metrics(platform: str, dtype: FloatType) -> None:
    def program(case: Any, dtype: FloatType) -> Any:
        wide = dtype if dtype == "float64" else "float32"
        outputs, targets, weights = case.draw(dtype)
        return nn.backend("jax").realize(case.spec, dtype=dtype), arrays(dtype, outputs) + arrays(
            wide, targets, weights
        )

    check_each("metric", program, platform, dtype)


@pytest.mark.parametrize(("platform", "dtype"), PLACES)
def test_schedules(platform: str, dtype: FloatType) -> None:
    def program(case: Any, dtype: FloatType) -> Any:
        return nn.backend("jax").realize(case.spec, dtype=dtype), [np.int32(case.steps[-1])]

    check_each("schedule", program, platform, dtype)


@pytest.mark.parametrize(("platform", "dtype"), PLACES)
def test_optimizers(platform: str, dtype: FloatType) -> None:
    def program(case: Any, dtype: FloatType) -> Any:
        parameters, gradients = case.draw(dtype)
        parameters = dict(zip(parameters, arrays(dtype, *parameters.values()), strict=True))
        given = {name: x[0] for name, x in zip(gradients, arrays(dtype, *gradients.values()), strict=True)}
        optimizer = nn.backend("jax").realize(case.spec, dtype=dtype)
        return optimizer.update, [given, optimizer.init(parameters), parameters]

    check_each("optimizer", program, platform, dtype)


def engine_of(case: TrainingCase, dtype: FloatType) -> Any:
    net = nn.backend("jax").build(case.case.model, dtype=dtype)
    engine = nn.backend("jax").engine(
        net, loss=case.loss, optimizer=case.optimizer, metrics=case.metrics, clip=case.clip
    )
    for split in ("train", "validation"):
        engine.load(split, case.data(split, dtype))
    return engine


@pytest.mark.parametrize(("platform", "dtype"), PLACES)
@pytest.mark.parametrize("case", [case for _, case in chosen("training", "all")], ids=lambda case: case.name)
def test_training(case: TrainingCase, platform: str, dtype: FloatType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many updates as one call, and validation with a last partial batch."""
    # Where an engine computes decides how it calls what it compiles.
    monkeypatch.setattr("nnspec_jax.net.JaxNet.platform", "gpu" if platform == "cuda" else platform)
    with catching("jax", monkeypatch) as catcher:
        engine = engine_of(case, dtype)
        updates = catcher.call(engine.train, case.order(), 0, 3)
        scores = catcher.call(engine.evaluate, "validation", 8)
    with jax.enable_x64(dtype == "float64"):
        assert "stablehlo.while" in lower_captured(updates, platform)
        assert "func.func public @main" in lower_captured(scores, platform)


def test_a_layer_that_calls_back_is_caught() -> None:
    def printing(x: Any) -> Any:
        jax.debug.print("{x}", x=x)
        return x

    def calling(x: Any) -> Any:
        return jax.pure_callback(np.sin, x, x)

    x = jax.numpy.ones(2)
    for function in (printing, calling):
        assert HOST.search(jax.jit(function).lower(x).as_text())
        for platform in ("cpu", "cuda", "tpu"):
            with pytest.raises((ValueError, NotImplementedError), match=r"callback|platform"):
                lower(jax.jit(function), platform, x)
