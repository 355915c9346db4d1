"""g2p-en, spelling to phonemes, which its package ships trained: as Keras users and as Flax users would write it.

The package computes with NumPy: that code is the oracle.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

import nnspec
from nnspec import porting
from tests.porting import trained

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
pytest.importorskip("nnspec_jax.porting.importer", reason="the jax backend is not installed")

pytestmark = [
    *(pytest.mark.slow, pytest.mark.tensorflow, pytest.mark.jax),
    # TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
WORDS = ("activist", "tungsten", "notebook", "zwieback", "qwertyui")
START, STEPS, UNITS = 2, 10, 256
LIMIT = 1e-5


@pytest.fixture(scope="module")
def package() -> Any:
    """The package's object, without the dictionaries that it would download."""
    source = trained.located("g2p_en/g2p.py")
    if source is None:
        pytest.skip("g2p_en is not installed")
    names = ("nltk", "nltk.corpus", "nltk.tokenize", "inflect")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its source has an old escape
        for name in names:
            patch.setitem(sys.modules, name, MagicMock())
        import g2p_en.g2p

        made = g2p_en.g2p.G2p()
    for name in [name for name in sys.modules if name.partition(".")[0] == "g2p_en"]:
        del sys.modules[name]  # it holds on to what was there in place of others
    assert Path(g2p_en.g2p.__file__) == source
    return made


@pytest.fixture(scope="module")
def letters(package: Any) -> Any:
    ids = [[package.g2idx[letter] for letter in word] + [package.g2idx["</s>"]] for word in WORDS]
    return np.array(ids, np.int32)


@pytest.fixture(scope="module")
def spelled(package: Any) -> tuple[Any, Any]:
    """Its own numbers: what goes into each step of decoding, and the logits of each."""
    tokens, logits = np.full((len(WORDS), STEPS), START), np.zeros((len(WORDS), STEPS, len(package.phonemes)))
    for i, word in enumerate(WORDS):
        encoded = package.gru(package.encode(word), len(word) + 1, *_weights(package, "enc"))
        h, token = encoded[:, -1], START
        for step in range(STEPS):
            tokens[i, step] = token
            h = package.grucell(package.dec_emb[[token]], h, *_weights(package, "dec"))
            logits[i, step] = h @ package.fc_w.T + package.fc_b
            token = logits[i, step].argmax()
    return tokens.astype(np.int32), logits


def _weights(package: Any, part: str) -> tuple[Any, ...]:
    return tuple(getattr(package, f"{part}_{name}") for name in ("w_ih", "w_hh", "b_ih", "b_hh"))


def _phonemes(package: Any, logits: Any) -> list[str]:
    found = [int(step.argmax()) for step in logits]
    return [package.idx2p[i] for i in found[: found.index(3) if 3 in found else None]]


def in_keras(package: Any) -> Any:
    """Encoder and decoder; the decoder is told the phonemes so far."""
    keras = startup.keras
    letters, phonemes = keras.Input((None,), dtype="int32"), keras.Input((STEPS,), dtype="int32")
    x = keras.layers.Embedding(len(package.graphemes), UNITS, name="letters")(letters)
    state = keras.layers.GRU(UNITS, name="encoder")(x)
    y = keras.layers.Embedding(len(package.phonemes), UNITS, name="phonemes")(phonemes)
    y = keras.layers.GRU(UNITS, return_sequences=True, name="decoder")(y, initial_state=state)
    model = keras.Model([letters, phonemes], keras.layers.Dense(len(package.phonemes), name="head")(y))
    model.get_layer("letters").set_weights([package.enc_emb])
    model.get_layer("phonemes").set_weights([package.dec_emb])
    model.get_layer("head").set_weights([package.fc_w.T, package.fc_b])
    for part, name in (("enc", "encoder"), ("dec", "decoder")):
        w_ih, w_hh, b_ih, b_hh = (_update_gate_first(x) for x in _weights(package, part))
        model.get_layer(name).set_weights([w_ih.T, w_hh.T, np.stack([b_ih, b_hh])])
    return model


def _update_gate_first(x: Any) -> Any:
    """Keras's order of gates: z, r, n."""
    r, z, n = np.split(x, 3)
    return np.concatenate([z, r, n])


def in_flax(package: Any) -> tuple[Any, Any]:
    """Greedy decoding in the module: each phoneme is the likeliest one after those before it."""
    from flax import linen as nn
    from jax import numpy as jnp

    class Speller(nn.Module):
        @nn.compact
        def __call__(self, letters: Any) -> Any:
            x = nn.Embed(len(package.graphemes), UNITS, name="letters")(letters)
            h, _ = nn.RNN(nn.GRUCell(UNITS, name="encoder"), return_carry=True)(x)
            phonemes = nn.Embed(len(package.phonemes), UNITS, name="phonemes")
            cell = nn.GRUCell(UNITS, name="decoder")
            head = nn.Dense(len(package.phonemes), name="head")
            found = []
            token = jnp.full(letters.shape[:1], START)
            for _ in range(STEPS):
                h, _ = cell(h, phonemes(token))
                found.append(head(h))
                token = found[-1].argmax(-1)
            return jnp.stack(found, 1)

    def cell(part: str) -> Any:
        """Flax's biases are those of x, and one of h: the package has two of each gate."""
        w_ih, w_hh, b_ih, b_hh = (np.split(x, 3) for x in _weights(package, part))
        own: dict[str, Any] = {f"i{gate}": {"kernel": w.T} for gate, w in zip("rzn", w_ih, strict=True)}
        own |= {f"h{gate}": {"kernel": w.T} for gate, w in zip("rzn", w_hh, strict=True)}
        for i, gate in enumerate("rz"):
            own[f"i{gate}"]["bias"] = b_ih[i] + b_hh[i]
        own["in"]["bias"], own["hn"]["bias"] = b_ih[2], b_hh[2]
        return own

    params = {
        "letters": {"embedding": package.enc_emb},
        "phonemes": {"embedding": package.dec_emb},
        "encoder": cell("enc"),
        "decoder": cell("dec"),
        "head": {"kernel": package.fc_w.T, "bias": package.fc_b},
    }
    return Speller(), {"params": params}


def test_keras_to_jax(package: Any, letters: Any, spelled: tuple[Any, Any]) -> None:
    tokens, wanted = spelled
    port = porting.from_keras(in_keras(package))
    run = nnspec.backend("jax").build(port.model, port.variables, dtype="float32")
    (found,) = run.forward(dict(zip(port.model.inputs, (letters, tokens), strict=True))).values()
    assert np.abs(found - wanted).max() / np.abs(wanted).max() < LIMIT
    for word, logits in zip(WORDS, found, strict=True):
        assert _phonemes(package, logits) == package.predict(word)[:STEPS]


def test_flax_to_keras(package: Any, letters: Any, spelled: tuple[Any, Any]) -> None:
    module, variables = in_flax(package)
    # Not compared with Flax itself, which takes minutes of compiling ten steps: the package's numbers are the judge.
    port = porting.from_flax(module, letters, variables=variables, check=False)
    found = np.asarray(porting.to_keras(port)(letters))
    assert np.abs(found - spelled[1]).max() / np.abs(spelled[1]).max() < LIMIT
    for word, logits in zip(WORDS, found, strict=True):
        assert _phonemes(package, logits) == package.predict(word)[:STEPS]
