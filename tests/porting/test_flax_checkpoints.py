"""Variables of Flax modules from files."""
# ruff: noqa: E402 - what follows needs JAX, which may not be installed

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp
import numpy as np
from flax import linen as nn, nnx, serialization
from flax.traverse_util import flatten_dict
from safetensors.numpy import save_file

from nnspec.errors import FileError, PortError
from nnspec.porting.formats import Reading
from nnspec_jax.porting.checkpoint import read
from nnspec_jax.porting.importer import FlaxImporter
from tests.porting.flax_check import check, data, random_module, random_variables

pytestmark = pytest.mark.jax
X = data(4, 3)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        return nn.Dense(2)(nn.relu(nn.BatchNorm(use_running_average=not train)(nn.Dense(5)(x))))


class NNXNet(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.blocks = nnx.List([nnx.Linear(3, 5, rngs=rngs), nnx.BatchNorm(5, rngs=rngs)])
        self.head = nnx.Linear(5, 2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        for block in self.blocks:
            x = block(x)
        return self.head(nnx.relu(x))


def _save(tree: Any, kind: str, path: Path) -> Path:
    plain = jax.tree.map(np.asarray, tree)
    if kind == "msgpack":
        path.write_bytes(serialization.msgpack_serialize(plain))
    elif kind == "orbax":
        import orbax.checkpoint as ocp

        with ocp.PyTreeCheckpointer() as writer:
            writer.save(path.absolute(), plain)
    else:
        flat = {"/".join(map(str, key)): array for key, array in flatten_dict(plain).items()}
        if kind == "npz":
            np.savez(path.with_suffix(".npz"), **flat)
            return path.with_suffix(".npz")
        save_file(flat, path)
    return path


@pytest.mark.parametrize("kind", ["msgpack", "orbax", "safetensors", "npz"])
@pytest.mark.filterwarnings("ignore")  # of Orbax's own
def test_variables_of_a_linen_module(kind: str, tmp_path: Path) -> None:
    variables = random_variables(Net(), X)
    path = _save(variables, kind, tmp_path / "weights")
    port = FlaxImporter().from_object(Net, Reading({"0": X}, weights=path))
    check(port, Net().apply(variables, X), [X], gradients=False)


@pytest.mark.parametrize("kind", ["msgpack", "safetensors"])
def test_parameters_alone(kind: str, tmp_path: Path) -> None:
    variables = random_variables(nn.Dense(4), X)
    path = _save(variables["params"], kind, tmp_path / "weights")
    port = FlaxImporter().from_object(nn.Dense(4), Reading({"0": X}, weights=path))
    check(port, nn.Dense(4).apply(variables, X), [X], gradients=False)


@pytest.mark.parametrize("kind", ["orbax", "safetensors", "npz"])
@pytest.mark.filterwarnings("ignore")
def test_variables_of_an_nnx_module(kind: str, tmp_path: Path) -> None:
    model = random_module(NNXNet(rngs=nnx.Rngs(0)))
    path = _save(nnx.to_pure_dict(nnx.state(model)), kind, tmp_path / "weights")
    fresh = NNXNet(rngs=nnx.Rngs(1))
    port = FlaxImporter().from_object(fresh, Reading({"0": X}, weights=path))
    model.eval()
    check(port, model(jnp.asarray(X)), [X], gradients=False)


def test_what_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        read(tmp_path / "missing")
    (tmp_path / "text").write_text("none of these")
    with pytest.raises(FileError, match="damaged"):
        read(tmp_path / "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match="no Orbax checkpoint"):
        read(tmp_path / "folder")
    objects = np.array([{}], dtype=object)
    np.savez(tmp_path / "objects.npz", w=objects)
    with pytest.raises(FileError, match="damaged"):
        read(tmp_path / "objects.npz")
    path = _save({"kernel": np.zeros((2, 4), np.float32), "bias": np.zeros(4, np.float32)}, "npz", tmp_path / "w")
    with pytest.raises(PortError, match="kernel has the shape"):
        FlaxImporter().from_object(nnx.Linear(3, 4, rngs=nnx.Rngs(0)), Reading({"0": X}, weights=path))
