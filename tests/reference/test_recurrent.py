"""Recurrent layers against PyTorch, and worked out by hand where PyTorch has no such option."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError
from nnspec.reference.initializers import draw
from tests.reference.single import single, value

RNG = np.random.default_rng(5)
INPUTS, FEATURES, STEPS, BATCH = 3, 4, 6, 5


def variables(layer: Any, inputs: int = INPUTS) -> dict[str, Any]:
    return {n: RNG.normal(size=p.shape) * 0.7 for n, p in layer.params((None, STEPS, inputs)).items()}


def torch_of(module: Any, given: dict[str, Any], x: Any) -> Any:
    """PyTorch's module of that name with these variables: outputs of all steps."""
    torch = pytest.importorskip("torch")
    zeros = np.zeros_like(given["bias"])
    weights = {
        "weight_ih_l0": given["kernel"].T,
        "weight_hh_l0": given["recurrent_kernel"].T,
        "bias_ih_l0": given["bias"],
        "bias_hh_l0": given.get("recurrent_bias", zeros),
    }
    made = getattr(torch.nn, module)(INPUTS, FEATURES, batch_first=True, dtype=torch.float64)
    made.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(w)) for name, w in weights.items()})
    with torch.no_grad():
        return made(torch.from_numpy(np.ascontiguousarray(x)))[0].numpy()


@pytest.mark.parametrize(("module", "layer"), [("RNN", nn.SimpleRNN), ("LSTM", nn.LSTM), ("GRU", nn.GRU)])
@pytest.mark.parametrize("reverse", [False, True])
def test_against_torch(module: str, layer: Any, reverse: bool) -> None:
    """PyTorch's gates are in the same order: i, f, g, o and r, z, n."""
    x = RNG.normal(size=(BATCH, STEPS, INPUTS))
    given = variables(layer(FEATURES))
    expected = torch_of(module, given, x[:, ::-1] if reverse else x)
    every = value(layer(FEATURES, return_sequences=True, reverse=reverse), x, variables=given)
    np.testing.assert_allclose(every, expected, rtol=1e-12, atol=1e-14)
    last = value(layer(FEATURES, reverse=reverse), x, variables=given)
    np.testing.assert_array_equal(last, every[:, -1])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_one_unit_by_hand() -> None:
    """Two steps of one unit, written out with the math module."""
    kernel, recurrent = [0.5, -1.5, 0.75, 1.25], [-0.3, 0.8, 1.1, -0.6]
    bias = [0.1, 0.9, -0.2, 0.4]
    h, c, steps = 0.0, 0.0, (0.7, -1.3)
    for x in steps:
        i, f, g, o = (x * k + h * u + b for k, u, b in zip(kernel, recurrent, bias, strict=True))
        c = sigmoid(f) * c + sigmoid(i) * math.tanh(g)
        h = sigmoid(o) * math.tanh(c)
    given = {"kernel": [kernel], "recurrent_kernel": [recurrent], "bias": bias}
    found = value(nn.LSTM(1), np.reshape(steps, (1, 2, 1)), variables=given)
    np.testing.assert_allclose(found, [[h]], rtol=1e-14)


@pytest.mark.parametrize("use_bias", [True, False])
def test_gru_that_resets_before_by_hand(use_bias: bool) -> None:
    kernel, recurrent = [0.5, -1.5, 0.75], [-0.3, 0.8, 1.1]
    bias = [0.1, 0.9, -0.2] if use_bias else [0.0] * 3
    h, steps = 0.0, (0.7, -1.3, 0.4)
    for x in steps:
        r = sigmoid(x * kernel[0] + h * recurrent[0] + bias[0])
        z = sigmoid(x * kernel[1] + h * recurrent[1] + bias[1])
        n = math.tanh(x * kernel[2] + r * h * recurrent[2] + bias[2])
        h = (1 - z) * n + z * h
    layer = nn.GRU(1, reset_after=False, use_bias=use_bias)
    given = {"kernel": [kernel], "recurrent_kernel": [recurrent], **({"bias": bias} if use_bias else {})}
    assert set(layer.params((None, 3, 1))) == set(given)
    found = value(layer, np.reshape(steps, (1, 3, 1)), variables=given)
    np.testing.assert_allclose(found, [[h]], rtol=1e-14)


def test_reset_before_and_after_differ_by_more_than_biases() -> None:
    x = RNG.normal(size=(BATCH, STEPS, INPUTS))
    given = variables(nn.GRU(FEATURES, use_bias=False))
    after, before = (value(nn.GRU(FEATURES, use_bias=False, reset_after=a), x, variables=given) for a in (True, False))
    assert np.abs(after - before).max() > 1e-2
    # With one unit r is a number, and it does not matter what it is multiplied with first.
    one = {"kernel": given["kernel"][:, :3], "recurrent_kernel": given["recurrent_kernel"][:1, :3]}
    pair = [value(nn.GRU(1, use_bias=False, reset_after=a), x, variables=one) for a in (True, False)]
    np.testing.assert_allclose(*pair, rtol=1e-13)


def test_other_activations() -> None:
    """Without any, an RNN is a sum of powers of its recurrent kernel."""
    x = RNG.normal(size=(BATCH, 3, INPUTS))
    given = variables(nn.SimpleRNN(FEATURES, use_bias=False))
    u, projected = given["recurrent_kernel"], x @ given["kernel"]
    expected = projected[:, 0] @ u @ u + projected[:, 1] @ u + projected[:, 2]
    found = value(nn.SimpleRNN(FEATURES, activation=None, use_bias=False), x, variables=given)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    # Gates that are always open add up g.
    given = variables(nn.LSTM(FEATURES))
    given["kernel"][:, [*range(8), *range(12, 16)]] = 0
    given["recurrent_kernel"][...] = 0
    given["bias"][...] = np.repeat([1.0, 1.0, 0.0, 1.0], FEATURES)
    found = value(nn.LSTM(FEATURES, activation=None, recurrent_activation="relu"), x, variables=given)
    np.testing.assert_allclose(found, (x @ given["kernel"][:, 8:12]).sum(1), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("layer", [nn.SimpleRNN(3), nn.LSTM(3, return_sequences=True), nn.GRU(3)], ids=str)
def test_other_types(layer: Any, dtype: str) -> None:
    """Small types are computed in float32 from the first step to the last, and rounded once."""
    x = RNG.normal(size=(2, STEPS, INPUTS)).astype(dtype)
    given = {name: v.astype(dtype) for name, v in variables(layer).items()}
    found = single(layer, x, variables=given, dtype=dtype).outputs["node"]
    assert found.dtype == np.dtype(dtype)
    wide = {name: v.astype(np.float32) for name, v in given.items()}
    exact = single(layer, x.astype(np.float32), variables=wide, dtype=np.float32).outputs["node"]
    np.testing.assert_array_equal(found, exact.astype(dtype))


def test_first_variables() -> None:
    params = nn.LSTM(3).params((None, STEPS, INPUTS))
    assert {name: p.shape for name, p in params.items()} == {
        "kernel": (INPUTS, 12),
        "recurrent_kernel": (3, 12),
        "bias": (12,),
    }
    assert [p.decay for p in params.values()] == [True, True, False]
    np.testing.assert_array_equal(draw(params["bias"].init, (12,), 0, "lstm/bias"), np.repeat([0.0, 1.0, 0, 0], 3))
    rows = draw(params["recurrent_kernel"].init, (3, 12), 4, "lstm/recurrent_kernel")
    np.testing.assert_allclose(rows @ rows.T, np.eye(3), atol=1e-14)
    assert {name: p.shape for name, p in nn.GRU(2).params((None, None, 5)).items()} == {
        "kernel": (5, 6),
        "recurrent_kernel": (2, 6),
        "bias": (6,),
        "recurrent_bias": (6,),
    }


def test_a_forget_bias_needs_four_gates() -> None:
    np.testing.assert_array_equal(draw(nn.ForgetBias(0.5), (2, 4), 0, "x"), [[0, 0.5, 0, 0]] * 2)
    with pytest.raises(ShapeError, match="four gates"):
        draw(nn.ForgetBias(), (6,), 0, "x")


@pytest.mark.parametrize("layer", [nn.SimpleRNN, nn.LSTM, nn.GRU])
def test_shapes(layer: Any) -> None:
    assert layer(4).output_shape((None, None, 3)) == (None, 4)
    assert layer(4, return_sequences=True).output_shape((None, None, 3)) == (None, None, 4)
    with pytest.raises(ShapeError, match=r"needs inputs of 3 axes \(batch, time and features\), got \(batch, 3\)"):
        layer(4).output_shape((None, 3))
    with pytest.raises(ShapeError, match="last axis"):
        layer(4).output_shape((None, 3, None))
    with pytest.raises(ShapeError, match=r"the activation of \w+ has to keep the shape \(batch, 4\)"):
        layer(4, activation="glu").output_shape((None, 3, 2))


def test_flops() -> None:
    """Counted by hand for one step of one unit on one input."""
    assert nn.SimpleRNN(1).flops((1, 1, 1)) == 2 + 1 + 1 + 1  # two products, their sum, the bias, tanh
    assert nn.SimpleRNN(1, activation=None, use_bias=False).flops((1, 7, 1)) == 7 * 3
    tanh, sigmoid = nn.Tanh().flops((1, 1)), nn.Sigmoid().flops((1, 1))
    assert nn.LSTM(1).flops((1, 1, 1)) == 4 * 4 + 4 + 2 * tanh + 3 * sigmoid
    assert nn.GRU(1).flops((1, 1, 1)) == 3 * 5 + 5 + tanh + 2 * sigmoid
    assert nn.GRU(1, reset_after=False).flops((1, 1, 1)) == 3 * 4 + 5 + tanh + 2 * sigmoid
    assert nn.GRU(1, recurrent_bias="candidate").flops((1, 1, 1)) == 3 * 4 + 6 + tanh + 2 * sigmoid
    # Two products, their sum and the bias, twice; f ⊙ (b_n + bias); 1 − f, two products and a sum.
    assert nn.MGU(1).flops((1, 1, 1)) == 2 * 4 + 2 + 4 + tanh + sigmoid
    assert nn.SimpleRNN(1, residual=True).flops((1, 1, 1)) == 5 + tanh


def test_parts_of_the_recurrent_bias() -> None:
    """Fewer parts are the same as zeros for the others."""
    x = RNG.normal(size=(BATCH, STEPS, INPUTS))
    given = variables(nn.GRU(FEATURES, recurrent_bias="candidate"))
    assert given["recurrent_bias"].shape == (FEATURES,)
    full = given | {"recurrent_bias": np.concatenate([np.zeros(2 * FEATURES), given["recurrent_bias"]])}
    found = value(nn.GRU(FEATURES, recurrent_bias="candidate"), x, variables=given)
    np.testing.assert_array_equal(found, value(nn.GRU(FEATURES), x, variables=full))
    none = {name: given[name] for name in ("kernel", "recurrent_kernel", "bias")}
    found = value(nn.GRU(FEATURES, recurrent_bias="none"), x, variables=none)
    np.testing.assert_array_equal(found, value(nn.GRU(FEATURES), x, variables=none | {"recurrent_bias": np.zeros(12)}))


@pytest.mark.parametrize("reset_gate", [True, False])
def test_mgu_by_hand(reset_gate: bool) -> None:
    kernel, recurrent = [0.5, -1.5], [-0.3, 0.8]
    given = {"kernel": [kernel], "recurrent_kernel": [recurrent], "forget_bias": [0.9], "bias": [-0.2]}
    given |= {"recurrent_bias": [0.6]} if reset_gate else {}
    h, steps = 0.0, (0.7, -1.3, 0.4)
    for x in steps:
        f = sigmoid(x * kernel[0] + h * recurrent[0] + 0.9)
        n = math.tanh(x * kernel[1] - 0.2 + (f * (h * recurrent[1] + 0.6) if reset_gate else h * recurrent[1]))
        h = (1 - f) * n + f * h
    layer = nn.MGU(1, reset_gate=reset_gate)
    assert set(layer.params((None, 3, 1))) == set(given)
    np.testing.assert_allclose(value(layer, np.reshape(steps, (1, 3, 1)), variables=given), [[h]], rtol=1e-14)


def test_residual_by_hand() -> None:
    given = {"kernel": [[0.5]], "recurrent_kernel": [[-0.3]], "bias": [0.1]}
    h, steps = 0.0, (0.7, -1.3, 0.4)
    for x in steps:
        h = math.tanh(x * 0.5 - h * 0.3 + 0.1 + h)
    found = value(nn.SimpleRNN(1, residual=True), np.reshape(steps, (1, 3, 1)), variables=given)
    np.testing.assert_allclose(found, [[h]], rtol=1e-14)
