"""Sequences computed piece by piece against the whole at once, and what cannot be taken apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import models
from nnspec.errors import ShapeError, SpecError
from nnspec.piecewise import Decoding, decoding
from nnspec.reference.model import initial_variables, run
from tests.reference.single import value

RNG = np.random.default_rng(53)
LENGTH, BATCH = 7, 3


def gpt2() -> Any:
    return models.gpt2(2, 8, 2, num_embeddings=11, max_length=9)


def decoder() -> Any:
    return models.transformer_decoder(2, 8, 2, 6, num_embeddings=11, mask=True, norm="pre")


def learned() -> Any:
    """Vectors in, learned positions, post-norm blocks."""
    return models.transformer_encoder(1, 4, 2, 5, positions="learned", causal=True, max_length=LENGTH)


def modern() -> Any:
    """Grouped queries, rotary positions, a window and a cap; gated perceptrons, RMSNorm, scores as a second output."""
    ids = nn.symbol([None], "ids", "int32")
    table = nn.Embedding(11, 8)
    x, scores = table(ids), []
    for _ in range(2):
        rotary = nn.RotaryPositions(pairs="halves", fraction=0.5)
        attention = nn.MultiHeadAttention(
            *(4, 4),
            num_kv_heads=2,
            value_features=3,
            rotary=rotary,
            causal=True,
            window=3,
            soft_cap=2.0,
            use_bias=False,
        )
        normed = nn.RMSNorm()(x)
        x = x + attention(normed)
        scores.append(attention.scores(normed))
        x = x + nn.Dense(8)(nn.Silu()(nn.Dense(6)(x)) * nn.Dense(6)(x))
    return nn.Model(inputs=ids, outputs=[table.attend(nn.LayerNorm()(x)), scores[1]])


def biased() -> Any:
    """T5's bias, shared by two layers, and ALiBi; one layer that is used twice."""
    x = nn.symbol([None, 4], "x")
    bias, slopes = nn.RelativePositionBias(2, 4, 5, bidirectional=False)(x), nn.ALiBi(2)(x)
    again = nn.MultiHeadAttention(2, causal=True, attention_bias=True)
    y = again(again(x, bias), bias)
    return nn.Model(inputs=x, outputs=nn.MultiHeadAttention(2, causal=True, attention_bias=True)(y, slopes))


MODELS = [gpt2, decoder, learned, modern, biased]


def given(model: Any, length: int = LENGTH) -> dict[str, Any]:
    """Whole sequences, and a memory with its mask where the model has one."""
    found: dict[str, Any] = {}
    for name, declared in model.inputs.items():
        shape = (BATCH, *(length if size is None else size for size in declared.shape))
        drawn = {"int32": lambda s: RNG.integers(0, 11, s, dtype=np.int32), "bool": lambda s: RNG.random(s) < 0.7}
        found[name] = drawn.get(declared.dtype, lambda s: RNG.normal(size=s))(shape)
    return found


def variables_of(model: Any) -> dict[str, Any]:
    drawn = initial_variables(model, 3, np.float64)
    return {name: RNG.normal(size=np.shape(x)) * 0.6 for name, x in drawn.items() if not name.startswith("random/")}


def in_pieces(made: Decoding, variables: Any, inputs: Any, sizes: list[int], starts: Any = 0) -> dict[str, Any]:
    """The outputs of all pieces, one after the other, by their names for the whole."""
    state = {name: np.zeros((BATCH, *made.model.inputs[name].shape)) for name in made.caches}
    found: dict[str, list[Any]] = {name: [] for name in made.outputs}
    first = 0
    for size in sizes:
        piece = {**inputs, made.sequence: inputs[made.sequence][:, first : first + size]}
        at = np.full(BATCH, first, np.int32) + np.asarray(starts, np.int32)
        outputs = run(made.model, made.variables(variables), {**piece, made.position: at, **state}).outputs
        state = {name: outputs[kept] for name, kept in made.caches.items()}
        for name, here in made.outputs.items():
            found[name].append(outputs[here])
        first += size
    return {name: np.concatenate(parts, 2 if parts[0].ndim == 4 else 1) for name, parts in found.items()}


@pytest.mark.parametrize("sizes", [[1] * LENGTH, [4, 1, 2], [LENGTH]], ids=["one by one", "a prompt first", "at once"])
@pytest.mark.parametrize("make", MODELS)
def test_pieces_are_the_whole(make: Any, sizes: list[int]) -> None:
    model = make()
    inputs, variables = given(model), variables_of(model)
    made = decoding(model, LENGTH)
    whole = run(model, variables, inputs).outputs
    found = in_pieces(made, variables, inputs, sizes)
    assert list(found) == list(whole)
    for name, expected in whole.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-12, atol=1e-12)


def test_variables_keep_what_follows_the_node() -> None:
    made = decoding(gpt2(), LENGTH)
    assert made.names["block_1/attention/query/kernel"] == "block_1_attention/query/kernel"
    assert set(made.model.params()) == set(made.names.values())
    assert made.model.params().keys() == made.variables(gpt2().params()).keys()


def test_each_example_has_a_position_of_its_own() -> None:
    """A prompt that is padded at the end: what is padding is overwritten before it is seen."""
    model = gpt2()
    variables, inputs = variables_of(model), given(model)
    made = decoding(model, LENGTH)
    ids, lengths = inputs["input"], np.array([4, 2, 3], np.int32)
    state = {name: np.zeros((BATCH, *made.model.inputs[name].shape)) for name in made.caches}
    at = np.zeros(BATCH, np.int32)
    for piece, more in (ids[:, :4], lengths), (ids[np.arange(BATCH), lengths][:, None], np.ones(BATCH, np.int32)):
        outputs = run(made.model, made.variables(variables), {"input": piece, "position": at, **state}).outputs
        state, at = {name: outputs[kept] for name, kept in made.caches.items()}, at + more
    (name,) = model.outputs
    whole = run(model, variables, inputs).outputs[name]
    np.testing.assert_allclose(outputs[made.outputs[name]][:, 0], whole[np.arange(BATCH), lengths], atol=1e-12)


def test_what_lies_beyond_the_caches_is_nan() -> None:
    layer = nn.MultiHeadAttention(1, causal=True, decode=True)
    params = layer.params((BATCH, 2, 4), (BATCH, 3, 1, 8), (BATCH,))
    given = {name: RNG.normal(size=p.shape) for name, p in params.items()}
    cache, at = RNG.normal(size=(BATCH, 3, 1, 8)), np.array([0, 2, 3], np.int32)
    found = value(layer, RNG.normal(size=(BATCH, 2, 4)), cache, at, variables=given)
    assert np.isnan(found).all(-1).tolist() == [[False, False], [False, True], [True, True]]


@pytest.mark.parametrize("start", [-2, 0, 3, 4, 9])
def test_update_slice_is_an_assignment(start: int) -> None:
    x, update = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 2, 3))
    expected = np.concatenate([np.zeros((2, 9, 3)), x, np.zeros((2, 12, 3))], 1)
    expected[:, 9 + start : 11 + start] = update
    at = np.full(2, start, np.int32)
    np.testing.assert_array_equal(value(nn.UpdateSlice(), x, update, at), expected[:, 9:14])
    turned = value(nn.UpdateSlice(-1), x.swapaxes(1, 2), update.swapaxes(1, 2), at)
    np.testing.assert_array_equal(turned.swapaxes(1, 2), expected[:, 9:14])


def chain(*layers: Any, shape: Any = (None, 4)) -> Any:
    return nn.Sequential([*layers, nn.MultiHeadAttention(2, causal=True)], input=shape)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: decoding(gpt2(), 10), r"positions: 10 positions need as many vectors, there are 9"),
        (lambda: decoding(gpt2(), 0), r"a length from 1 up, got 0"),
        (lambda: decoding(gpt2(), 5, "inputs"), r"no input 'inputs'; did you mean 'input'"),
        (lambda: decoding(models.transformer_encoder(1, 4, 2, 5), 5), r"block_1.attention.causal: .*set causal"),
        (
            lambda: decoding(models.transformer_encoder(1, 4, 2, 5, causal=True, mask=True), 5),
            r"block_1.attention.mask: a mask of the sequence is not kept",
        ),
        (lambda: decoding(chain(nn.LSTM(4, return_sequences=True)), 5), r"lstm: LSTM joins positions of the sequence"),
        (lambda: decoding(chain(nn.Softmax(axis=1)), 5), r"softmax: Softmax joins positions"),
        (lambda: decoding(chain(nn.LayerNorm(axes=(1, 2)), shape=(5, 4)), 5), r"layer_norm: LayerNorm joins positions"),
        (lambda: decoding(nn.Sequential([nn.Dense(3)], input=[None, 4]), 5), r"nothing is to be kept"),
        (
            lambda: nn.MultiHeadAttention(2, decode=True),
            r"decode: what comes later is not there yet: set causal, too",
        ),
        (lambda: nn.MultiHeadAttention(2, returns="keys_values"), r"returns: .*set decode, too"),
        (
            lambda: nn.MultiHeadAttention(2, causal=True, decode=True, returns="keys_values", mask=True),
            r"mask: keys and values are of x alone",
        ),
        (lambda: nn.MultiHeadAttention(2, dropout_rate=0.1, returns="scores"), r"nothing of scores is dropped"),
        (
            lambda: nn.MultiHeadAttention(2, rotary=nn.RotaryPositions(offset=True)),
            r"offset: positions start where the attention's do",
        ),
    ],
)
def test_what_cannot_be_decoded(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


@pytest.mark.parametrize(
    ("layer", "shapes", "words"),
    [
        (nn.LearnedPositions(5, offset=True), [(None, 3, 4), (None, 3)], r"starts at one position in each example"),
        (nn.MultiHeadAttention(2, causal=True, decode=True), [(None, 3, 4), (None,)], r"with 3 inputs, got 2"),
        (
            nn.MultiHeadAttention(2, causal=True, decode=True),
            [(None, 3, 4), (None, 5, 2, 3), (None,)],
            r"needs keys and values \(batch, \?, 2, 4\), got \(batch, 5, 2, 3\)",
        ),
        (nn.UpdateSlice(), [(None, 3, 4), (None, 2, 3), (None,)], r"update \(batch, 2, 3\) does not fit input"),
        (nn.UpdateSlice(), [(None, 3, 4), (None, 2, 4), (None, 1)], r"one place in each example"),
    ],
)
def test_what_does_not_fit(layer: Any, shapes: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        layer.output_shape(*shapes)
