"""Decoders: each piece gives what the whole gives, compiled once for each length; texts are the same everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import models, random
from nnspec.backends import Backend
from nnspec.decoder import chosen
from nnspec.errors import ShapeError, SpecError
from tests.backends.meter import metered

RNG = np.random.default_rng(59)
LENGTH, BATCH, IDS = 6, 2, 11


def net_of(backend: Backend, model: Any, dtype: Any = "float64") -> Any:
    net = backend.build(model, dtype=dtype, seed=1)
    names = [name for name in net.variables() if not name.startswith("random/")]
    rng = np.random.default_rng(2)
    net.assign({name: rng.normal(size=net.variables()[name].shape) * 0.5 for name in names})
    return net


def gpt2(layers: int = 2) -> Any:
    return models.gpt2(layers, 8, 2, num_embeddings=IDS, max_length=LENGTH)


def ids(length: int = LENGTH) -> Any:
    return RNG.integers(0, IDS, (BATCH, length), dtype=np.int32)


@pytest.mark.parametrize("kind", [pytest.param("gpt2", marks=pytest.mark.slow), "decoder"])
def test_pieces_are_the_whole(backend: Backend, kind: str) -> None:
    model = gpt2() if kind == "gpt2" else models.transformer_decoder(1, 8, 2, 6, num_embeddings=IDS, mask=True)
    net, given = net_of(backend, model), {"input": ids()}
    if kind == "decoder":
        given |= {"memory": RNG.normal(size=(BATCH, 4, 8)), "mask": np.array([[True] * 4, [True, True, False, False]])}
    whole = net.forward(given)
    decoder = nn.Decoder(net, LENGTH, BATCH)
    for _ in range(2):
        for first, last in (0, 3), (3, 4), (4, 5), (5, 6):
            found = decoder({**given, "input": given["input"][:, first:last]})
            assert list(found) == list(whole)
            for name, expected in whole.items():
                np.testing.assert_allclose(found[name], expected[:, first:last], rtol=1e-12, atol=1e-12)
        assert decoder.positions.tolist() == [LENGTH, LENGTH]
        decoder.reset()


@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "bfloat16"])
def test_lower_precision_is_as_good(backend: Backend, dtype: str) -> None:
    """Keys and values are rounded to the net's dtype where the whole pass keeps float32: one rounding more."""
    net, given = net_of(backend, gpt2(1), dtype), {"input": ids()}
    (name,) = net.model.outputs
    whole = net.forward(given)[name].astype(np.float64)
    decoder = nn.Decoder(net, LENGTH, BATCH)
    found = np.concatenate([decoder({"input": given["input"][:, t : t + 1]})[name] for t in range(LENGTH)], 1)
    epsilon = {"float32": 2.0**-23, "bfloat16": 2.0**-7}[dtype]
    assert found.dtype == net.forward(given)[name].dtype
    np.testing.assert_allclose(found.astype(np.float64), whole, atol=8 * epsilon * np.abs(whole).max())


def test_each_length_is_compiled_once(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    with metered(backend.name, monkeypatch) as meter:
        decoder = nn.Decoder(backend.build(gpt2(1), seed=1), LENGTH, BATCH)
        meter.reset()
        decoder.compile({"input": (BATCH, 1)})
        assert sum(meter.compilations.values()) == 1
        decoder({"input": ids(2)})
        meter.reset()
        for _ in range(3):
            decoder({"input": ids(1)})
        assert sum(meter.calls.values()) == 3 and not meter.compilations
        # Neither do the caches leave the device, nor anything but ids and positions come to it.
        assert meter.to_device == 3 * (4 * BATCH + 4 * BATCH)
        assert meter.to_host == 3 * 4 * BATCH * IDS


def test_full_caches_and_wrong_inputs(backend: Backend) -> None:
    decoder = nn.Decoder(backend.build(gpt2(1), seed=1), LENGTH, BATCH)
    decoder({"input": ids(5)}, lengths=[5, 2])
    with pytest.raises(ShapeError, match=r"input: the caches hold 6 positions: 5 are taken, and 2 more do not fit"):
        decoder({"input": ids(2)})
    assert decoder.positions.tolist() == [5, 2]
    decoder({"input": ids(2)}, lengths=[1, 2])
    assert decoder.positions.tolist() == [6, 4]
    with pytest.raises(SpecError, match=r"the decoder keeps 'position' itself"):
        decoder({"input": ids(1), "position": np.zeros(BATCH, np.int32)})
    with pytest.raises(SpecError, match=r"the input 'input' is missing"):
        decoder({})
    with pytest.raises(ShapeError, match=r"expected 2 sequences of one position or more, got shape \[3, 1\]"):
        decoder({"input": np.zeros((3, 1), np.int32)})
    with pytest.raises(ShapeError, match=r"expected 2 lengths from 0 to 1, got \[2, 0\]"):
        decoder({"input": ids(1)}, lengths=[2, 0])


def test_texts(backend: Backend) -> None:
    """Greedy and drawn, after prompts of several lengths, against whole passes over what there is so far."""
    net = net_of(backend, gpt2())
    prompt, lengths, count = ids(3), [3, 1], 3
    decoder = nn.Decoder(net, LENGTH, BATCH)
    (name,) = net.model.outputs
    stream = random.stream_of("generate", "sample")
    for options in {}, {"temperature": 0.7, "seed": 5}, {"temperature": 1.3, "top_k": 3, "seed": 6}:
        found = nn.generate(decoder, prompt, count, lengths=lengths, **options)
        for row, length in enumerate(lengths):
            text = list(prompt[row, :length])
            for step in range(count):
                # What comes after does not count, and one length is compiled once.
                padded = np.array([[*text, *[0] * (LENGTH - len(text))]], np.int32)
                logits = net.forward({"input": padded})[name][0, len(text) - 1]
                uniform = random.uniforms(options.get("seed", 0), stream, step, BATCH)[row]
                kept = np.sort(logits)[-options.get("top_k", IDS)]
                weights = np.where(logits >= kept, np.exp(logits / options.get("temperature", 1)), 0)
                drawn = int(np.searchsorted(np.cumsum(weights) / weights.sum(), uniform))
                text.append(drawn if "temperature" in options else int(logits.argmax()))
            assert found[row].tolist() == text[length:]


def test_draws_follow_the_softmax() -> None:
    logits = np.log(np.tile([[0.1, 0.2, 0.3, 0.4]], (4, 1)))
    uniforms = np.array([0.05, 0.15, 0.59, 0.999])
    assert chosen(logits, uniforms, 1.0, None).tolist() == [0, 1, 2, 3]
    assert chosen(logits, uniforms, 1.0, 2).tolist() == [2, 2, 3, 3]
    assert chosen(logits, uniforms, 0.0, None).tolist() == [3, 3, 3, 3]
    assert chosen(np.zeros((1, 3)), uniforms[:1], 0.0, None).tolist() == [0]


def test_what_generates_no_text(backend: Backend) -> None:
    decoder = nn.Decoder(backend.build(gpt2(1), seed=1), LENGTH, BATCH)
    with pytest.raises(SpecError, match=r"temperature: expected a number from 0 up, got -1"):
        nn.generate(decoder, ids(1), 2, temperature=-1.0)
    with pytest.raises(SpecError, match=r"lengths: each prompt has one id at least"):
        nn.generate(decoder, ids(2), 2, lengths=[0, 2])
    with pytest.raises(ShapeError, match=r"the caches hold 6 positions"):
        nn.generate(decoder, ids(4), 4)
