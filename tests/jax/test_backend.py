"""The backend: the protocol, devices, what is realized, and what importing it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import nnspec as nn
from nnspec import backends, vocabulary
from nnspec.errors import BackendError
from nnspec.layers.base import Layer
from nnspec.spec import spec
from tests.jax.models import classifier

jax = pytest.importorskip("jax", reason="the jax backend is not installed")


@spec
class Unheard(Layer):
    """A layer that no backend knows."""


def test_the_protocols_are_fulfilled() -> None:
    backend = nn.backend("jax")
    net = backend.build(classifier())
    assert isinstance(backend, backends.Backend)
    assert isinstance(net, backends.Net)
    assert isinstance(backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.SGD()), backends.Engine)
    assert set(backend.versions()) == {"jax", "jaxlib", "flax", "optax"}


def test_nothing_of_the_vocabulary_is_lacking() -> None:
    backend = nn.backend("jax")
    assert [name for name in vocabulary.class_names() if backend.lacks(vocabulary.load(name))] == []
    assert backend.lacks(Unheard)
    with pytest.raises(BackendError, match="the jax backend has no realization of Unheard"):
        backend.build(nn.Sequential([Unheard()], input=[3]))
    with pytest.raises(BackendError, match="no realization of Unheard"):
        backend.realize(Unheard())


def test_devices() -> None:
    backend = nn.backend("jax")
    names = backend.devices()
    assert "cpu:0" in names
    assert len(names) == len(set(names))
    for given in ("cpu:0", "cpu"):
        net = backend.build(classifier(), device=given)
        assert net.native.layers["dense"].kernel.get_value().device == jax.devices("cpu")[0]
        assert net.forward({"input": np.ones((2, 6))})["dense_1"].shape == (2, 3)


def test_only_its_own_nets_are_trained() -> None:
    class Other:
        backend = "other"

    with pytest.raises(BackendError, match="got one of other"):
        nn.backend("jax").engine(Other(), loss=nn.MeanSquaredError(), optimizer=nn.SGD())  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, pytest.param("true", marks=pytest.mark.slow)])
def test_memory_is_shared_with_a_tensorflow_beside_it(given: str | None) -> None:
    environment = {n: x for n, x in os.environ.items() if n != "XLA_PYTHON_CLIENT_PREALLOCATE"}
    if given is not None:
        environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = given
    code = (
        "import importlib.util as u, os, nnspec; nnspec.backend('jax');"
        "print(u.find_spec('tensorflow') is not None, os.environ.get('XLA_PYTHON_CLIENT_PREALLOCATE'))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    beside, value = out.split()
    assert value == (given or ("false" if beside == "True" else "None"))


def test_an_optimizer_by_itself_knows_all_classes() -> None:
    code = """
import jax.numpy as jnp
import nnspec as nn
from nnspec_jax.optimizers import build
w = {"w": jnp.array([3.0, 4.0])}
rule = build(nn.LAMB(2**-1.5), jnp.float32)
print((w["w"] + rule.update({"w": jnp.ones(2)}, rule.init(w), w)[0]["w"]).round(4).tolist())
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[1.75, 2.75]\n", done.stderr


def test_no_switch_of_the_process_is_changed() -> None:
    # Every option of JAX before and after a training run in each precision.
    code = """
import jax
before = dict(jax.config.values)
import numpy as np
import nnspec as nn
backend = nn.backend("jax")
for dtype in ("float32", "float64", "bfloat16"):
    net = backend.build(nn.Sequential([nn.Dense(2), nn.Dropout(0.5)], input=[3]), dtype=dtype)
    engine = backend.engine(net, loss=nn.MeanSquaredError(), optimizer=nn.Adam())
    engine.load("train", {"input": np.ones((4, 3)), "targets": np.ones((4, 2))})
    engine.train(np.arange(4, dtype=np.int32)[:, None], 0, 4)
changed = {k: v for k, v in jax.config.values.items() if before.get(k, v) != v}
print(changed)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{}"
