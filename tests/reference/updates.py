"""A hundred updates of the reference's optimizers, and what PyTorch, Optax and formulas for one number make of them."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import vocabulary
from nnspec.reference import optimizers, schedules

UPDATES = 100
# A rate that changes at every update, by factors of up to 4.
RATE = nn.Warmup(nn.CosineRestarts(0.05, 7, 2, 0.8, 0.01), 13, 0.002)
RNG = np.random.default_rng(9)
PARAMETERS = {"dense/kernel": RNG.normal(size=(3, 4)), "dense/bias": RNG.normal(size=4)}


def gradients_at(t: int) -> dict[str, np.ndarray]:
    """Gradients of every size down to 1e-12, with zeros, from their own stream."""
    rng = np.random.default_rng([10, t])
    made = {}
    for name, w in PARAMETERS.items():
        sizes = 10.0 ** np.linspace(-12, 1, w.size).reshape(w.shape)
        made[name] = rng.normal(size=w.shape) * sizes
        made[name].flat[t % w.size] = 0.0
    return made


def trajectory(
    spec: Any, dtype: Any = np.float64, updates: int = UPDATES, **options: Any
) -> tuple[dict[str, Any], Any]:
    """Parameters and slots after so many updates."""
    parameters: dict[str, Any] = {name: w.astype(dtype) for name, w in PARAMETERS.items()}
    slots = optimizers.init(spec, parameters)
    for step in range(updates):
        gradients = {name: g.astype(dtype) for name, g in gradients_at(step).items()}
        parameters, slots = optimizers.update(spec, parameters, gradients, slots, step, **options)
    return parameters, slots


def agree(found: Any, expected: Any) -> None:
    """Within 1e-12 of the distance that was moved, and what 100 roundings of w leave."""
    for name, w in found.items():
        moved = np.abs(w - PARAMETERS[name])
        assert moved.max() > 1e-3
        np.testing.assert_allclose(w - PARAMETERS[name], expected[name] - PARAMETERS[name], rtol=1e-12, atol=2e-15)


def check_against_pytorch(spec: Any, cls: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    if cls == "NAdam":  # its product of momenta is of the default type
        monkeypatch.setattr(importlib.import_module("torch.optim.nadam"), "_get_scalar_dtype", lambda: torch.float64)
    tensors = {name: torch.nn.Parameter(torch.from_numpy(w.copy())) for name, w in PARAMETERS.items()}
    optimizer = getattr(torch.optim, cls)(tensors.values(), lr=1.0, **arguments)
    for step in range(UPDATES):
        for key, gradient in gradients_at(step).items():
            tensors[key].grad = torch.from_numpy(gradient)
        optimizer.param_groups[0]["lr"] = float(schedules.value(RATE, step))
        optimizer.step()
    agree(trajectory(spec)[0], {key: tensor.detach().numpy() for key, tensor in tensors.items()})


def check_against_optax(spec: Any, function: str | Callable[..., Any], arguments: dict[str, Any]) -> None:
    """``function``: the name of one of Optax's aliases, or a function of Optax and of a schedule."""
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    with jax.enable_x64(True):
        rates = jax.numpy.asarray(schedules.value(RATE, range(UPDATES)))
        make = getattr(optax, function) if isinstance(function, str) else functools.partial(function, optax)
        rule = make(lambda count: rates[count], **arguments)
        parameters = {key: jax.numpy.asarray(w) for key, w in PARAMETERS.items()}
        state, update = rule.init(parameters), jax.jit(rule.update)
        for step in range(UPDATES):
            changes, state = update(gradients_at(step), state, parameters)
            parameters = optax.apply_updates(parameters, changes)
        agree(trajectory(spec)[0], {key: np.asarray(w) for key, w in parameters.items()})


# A paper's or a framework's formula for one number: (w, g, state, t, η) -> w, with slots in ``state``.
Formula = Callable[[float, float, dict[str, float], int, float], float]


def check_number_by_number(spec: Any, formula: Formula) -> None:
    """Parameters and slots."""
    expected, states = {}, {}
    for key, start in PARAMETERS.items():
        w = start.copy()
        state = [dict(spec.slots()) for _ in range(w.size)]
        for step in range(UPDATES):
            gradient, eta = gradients_at(step)[key], float(schedules.value(RATE, step))
            for i in range(w.size):
                w.flat[i] = formula(float(w.flat[i]), float(gradient.flat[i]), state[i], step + 1, eta)
        expected[key], states[key] = w, state
    found, slots = trajectory(spec)
    agree(found, expected)
    for key, state in states.items():
        for slot in spec.slots():
            numbers = np.array([s[slot] for s in state]).reshape(PARAMETERS[key].shape)
            np.testing.assert_allclose(slots[key][slot], numbers, rtol=1e-11, atol=1e-300)


def check_type(spec: Any, dtype: str) -> None:
    """Parameters and slots keep their type, in which they are near to float64's."""
    parameters, slots = trajectory(spec, dtype)
    assert {w.dtype for w in parameters.values()} == {np.dtype(dtype)}
    assert {s.dtype for by_slot in slots.values() for s in by_slot.values()} <= {np.dtype(dtype)}
    if dtype == "float32":
        for key, w in trajectory(spec)[0].items():
            np.testing.assert_allclose(parameters[key], w, atol=1e-5, rtol=1e-4)


def optimizers_of(module: str) -> set[type[Any]]:
    """The vocabulary's optimizers that are defined there."""
    loaded = (vocabulary.load(name) for name in vocabulary.class_names("optimizer"))
    return {cls for cls in loaded if cls.__module__ == module}
