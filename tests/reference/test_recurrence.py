"""What all recurrent layers have beside their formulas: masks, states as inputs and outputs, recurrent dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from tests.reference.single import single, value

RNG = np.random.default_rng(6)
INPUTS, FEATURES, STEPS, BATCH = 3, 4, 6, 5


def variables(layer: Any) -> dict[str, Any]:
    return {n: RNG.normal(size=p.shape) * 0.7 for n, p in layer.params((None, STEPS, INPUTS)).items()}


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def packed(module: str, given: dict[str, Any], x: Any, lengths: list[int], start: Any) -> tuple[Any, Any]:
    """PyTorch's module on sequences of these lengths: outputs, zero beyond them, and the last states side by side."""
    torch = pytest.importorskip("torch")
    zeros = np.zeros_like(given["bias"])
    made = getattr(torch.nn, module)(INPUTS, FEATURES, batch_first=True, dtype=torch.float64)
    weights = [given["kernel"].T, given["recurrent_kernel"].T, given["bias"], given.get("recurrent_bias", zeros)]
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    made.load_state_dict({n: torch.from_numpy(np.ascontiguousarray(w)) for n, w in zip(names, weights, strict=True)})
    states = [
        torch.from_numpy(np.ascontiguousarray(part))[None] for part in np.split(start, start.shape[1] // FEATURES, 1)
    ]
    rows = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(x), lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        outputs, last = made(rows, tuple(states) if len(states) > 1 else states[0])
        every = torch.nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True, total_length=x.shape[1])[0]
    last = last if isinstance(last, tuple) else (last,)
    return every.numpy(), np.concatenate([part[0].numpy() for part in last], axis=-1)


@pytest.mark.parametrize(("module", "layer"), [("RNN", nn.SimpleRNN), ("LSTM", nn.LSTM), ("GRU", nn.GRU)])
def test_masks_and_states_against_torch(module: str, layer: Any) -> None:
    """Sequences of several lengths: what PyTorch packs is masked at the end."""
    x, lengths = RNG.normal(size=(BATCH, STEPS, INPUTS)), [3, 6, 1, 4, 5]
    given = variables(layer(FEATURES))
    start = RNG.normal(size=(BATCH, layer.states * FEATURES))
    every, last = packed(module, given, x, lengths, start)
    mask = np.arange(STEPS) < np.array(lengths)[:, None]
    x[~mask] = np.nan  # nobody reads it
    options = {"mask": True, "initial_state": True}
    zeroed = layer(FEATURES, return_sequences=True, zero_output_for_mask=True, **options)
    np.testing.assert_allclose(value(zeroed, x, start, mask, variables=given), every, rtol=1e-12, atol=1e-14)
    whole = layer(FEATURES, **options, **({"return_state": True} if module == "LSTM" else {}))
    np.testing.assert_allclose(value(whole, x, start, mask, variables=given), last, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("layer", [nn.SimpleRNN, nn.LSTM, nn.GRU, nn.MGU])
def test_a_masked_step_is_as_if_it_were_not_there(layer: Any, reverse: bool) -> None:
    x = RNG.normal(size=(1, STEPS, INPUTS))
    given = variables(layer(FEATURES))
    mask = np.array([[False, True, False, False, True, True]])
    shorter = value(layer(FEATURES, return_sequences=True, reverse=reverse), x[:, mask[0]], variables=given)[0]
    masked = layer(FEATURES, return_sequences=True, reverse=reverse, mask=True)
    found = value(masked, x, mask, variables=given)[0]
    taken = mask[0, ::-1] if reverse else mask[0]
    np.testing.assert_array_equal(found[taken], shorter)
    before = np.concatenate([np.zeros((1, FEATURES)), found[:-1]])
    np.testing.assert_array_equal(found[~taken], before[~taken])
    np.testing.assert_array_equal(
        value(layer(FEATURES, reverse=reverse, mask=True), x, mask, variables=given)[0], found[-1]
    )


def test_recurrent_dropout_against_cells_of_torch() -> None:
    """Only what the recurrent kernel sees is dropped, by one mask for all steps; nothing in inference."""
    torch = pytest.importorskip("torch")
    x, rate = RNG.normal(size=(BATCH, STEPS, INPUTS)), 0.4
    layer = nn.LSTM(FEATURES, recurrent_dropout_rate=rate)
    given = variables(layer)
    run = single(layer, x, variables=given, training=True, seed=3, step=2)
    keep = run.masks["node"]
    assert keep.shape == (BATCH, FEATURES) and 0 < keep.sum() < keep.size
    cell = torch.nn.LSTMCell(INPUTS, FEATURES, dtype=torch.float64)
    weights = [given["kernel"].T, given["recurrent_kernel"].T, given["bias"], np.zeros_like(given["bias"])]
    cell.load_state_dict({n: torch.tensor(w) for n, w in zip(cell.state_dict(), weights, strict=True)})
    h = c = torch.zeros(BATCH, FEATURES, dtype=torch.float64)
    with torch.no_grad():
        for t in range(STEPS):
            h, c = cell(torch.tensor(x[:, t]), (h * torch.tensor(keep) / (1 - rate), c))
    np.testing.assert_allclose(run.outputs["node"], h.numpy(), rtol=1e-12, atol=1e-14)
    plain = value(nn.LSTM(FEATURES), x, variables=given)
    np.testing.assert_array_equal(value(layer, x, variables=given), plain)


@pytest.mark.parametrize("reset_after", [True, False])
def test_dropout_of_a_gru_by_hand(reset_after: bool) -> None:
    """The state that z keeps is not dropped. One unit of which the mask drops the state, or keeps and scales it."""
    kernel, recurrent, bias = [0.5, -1.5, 0.75], [-0.3, 0.8, 1.1], [0.1, 0.9, -0.2]
    layer = nn.GRU(1, reset_after=reset_after, recurrent_bias="full", recurrent_dropout_rate=0.5)
    given = {"kernel": [kernel], "recurrent_kernel": [recurrent], "bias": bias}
    given |= {"recurrent_bias": [0.0] * 3} if reset_after else {}
    x = np.tile([[[0.7], [-1.3], [0.4]]], (8, 1, 1))
    run = single(layer, x, variables=given, training=True)
    assert len(set(run.masks["node"][:, 0])) == 2
    for kept, found in zip(run.masks["node"][:, 0], run.outputs["node"][:, 0], strict=True):
        h = 0.0
        for step in x[0, :, 0]:
            fed = 2 * h if kept else 0.0
            r = sigmoid(step * kernel[0] + fed * recurrent[0] + bias[0])
            z = sigmoid(step * kernel[1] + fed * recurrent[1] + bias[1])
            h = (1 - z) * math.tanh(step * kernel[2] + r * fed * recurrent[2] + bias[2]) + z * h
        np.testing.assert_allclose(found, h, rtol=1e-14)


@pytest.mark.parametrize("layer", [nn.SimpleRNN, nn.LSTM, nn.GRU, nn.MGU])
def test_chunk_by_chunk_is_the_whole(layer: Any) -> None:
    """The state of one chunk starts the next: nothing else is kept."""
    x = RNG.normal(size=(BATCH, STEPS, INPUTS))
    option = {"return_state": True} if layer is nn.LSTM else {}
    streaming = layer(FEATURES, initial_state=True, return_sequences=True, **option)
    given = variables(streaming)
    state, found = np.zeros((BATCH, layer.states * FEATURES)), []
    for chunk in np.split(x, [1, 4], axis=1):
        states = value(streaming, chunk, state, variables=given)
        state = states[:, -1]
        found.append(states[..., :FEATURES])
    whole = value(layer(FEATURES, return_sequences=True), x, variables=given)
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, rtol=1e-13, atol=1e-15)


def test_further_inputs_are_checked() -> None:
    layer = nn.LSTM(4, initial_state=True, mask=True, return_state=True, return_sequences=True)
    assert layer.output_shape((None, 5, 3), (None, 8), (None, 5)) == (None, 5, 8)
    with pytest.raises(ShapeError, match=r"initial state of LSTM has the shape \(batch, 8\), got \(batch, 4\)"):
        layer.output_shape((None, 5, 3), (None, 4), (None, 5))
    with pytest.raises(ShapeError, match=r"the mask of LSTM has the shape \(batch, 5\), as batch and time, got"):
        layer.output_shape((None, 5, 3), (None, 8), (None, 4))
    with pytest.raises(ShapeError, match="the last input of GRU with a mask is boolean, got int32 input"):
        nn.GRU(4, mask=True).output_dtype("float", "int32")
    with pytest.raises(SpecError, match="LSTM takes 3 inputs, got 1"):
        nn.Sequential([layer], input=[5, 3])
    with pytest.raises(SpecError, match="there is no mask"):
        nn.GRU(4, zero_output_for_mask=True)
    with pytest.raises(SpecError, match="masked steps keep the state"):
        nn.LSTM(4, mask=True, zero_output_for_mask=True, return_state=True)
    for options in ({"reset_after": False}, {"use_bias": False}):
        with pytest.raises(SpecError, match="with use_bias and reset_after alone"):
            nn.GRU(4, recurrent_bias="none", **options)
