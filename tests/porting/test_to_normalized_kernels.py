"""Layers whose kernel is normalized before it is used, written for each target and verified."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnspec as nn
from nnspec import porting
from nnspec.errors import PortError
from tests.porting.exports import exported

pytest.importorskip("nnspec_jax.backend", reason="the jax backend is not installed")
pytest.importorskip("nnspec_tensorflow.backend", reason="the tensorflow backend is not installed")

pytestmark = [
    *(pytest.mark.jax, pytest.mark.tensorflow),
    # TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

MODELS = {
    "WeightNorm of Dense": nn.Sequential([nn.WeightNorm(nn.Dense(4, "tanh"), epsilon=0.1), nn.Dense(2)], input=[5]),
    "WeightNorm of Conv": nn.Sequential(
        [
            nn.WeightNorm(nn.Conv(4, (3, 2), strides=(2, 1), padding="same", use_bias=False), use_scale=False),
            nn.GlobalAvgPool(),
        ],
        input=[7, 6, 3],
    ),
    "SpectralNorm of Dense": nn.Sequential([nn.SpectralNorm(nn.Dense(4)), nn.Dense(2)], input=[5]),
    "SpectralNorm of Conv": nn.Sequential(
        [nn.SpectralNorm(nn.Conv(4, (3, 2)), n_steps=2), nn.GlobalAvgPool()], input=[7, 6, 3]
    ),
}
SUFFIXES = {"flax": "", "keras": ".keras", "keras-source": ".py", "stablehlo": "", "savedmodel": ""}
LACKING = {
    ("SpectralNorm", "keras"): "SpectralNormalization overwrites it in training",
    ("SpectralNorm", "keras-source"): "SpectralNormalization overwrites it in training",
}


@pytest.mark.slow
@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("name", MODELS)
def test_export(name: str, target: str, tmp_path: Path) -> None:
    kind = name.partition(" ")[0]
    port = exported(name, MODELS[name]).port
    out = tmp_path / f"model{SUFFIXES[target]}"
    if (kind, target) in LACKING:
        with pytest.raises(PortError, match=LACKING[kind, target]):
            porting.port(port, target, out)
        assert not out.exists()
        return
    check = porting.port(port, target, out).report.checks["export"]
    assert check.passed
    assert ("float64" in {each.dtype for each in check.passes}) == (target not in ("stablehlo", "savedmodel"))
    # What iterates in training is compared there, too, where the target trains.
    assert any(each.training for each in check.passes) == (kind == "SpectralNorm" and target == "flax")
    compared = {figure.kind for each in check.passes for figure in each.figures}
    assert any("gradient" in word for word in compared) == (target != "savedmodel")


@pytest.mark.parametrize("name", ["WeightNorm of Dense", "SpectralNorm of Dense"])
def test_onnx_has_none(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    with pytest.raises(PortError, match="has no counterpart in ONNX: port to StableHLO"):
        porting.port(exported(name, MODELS[name]).port, "onnx", tmp_path / "model.onnx")
