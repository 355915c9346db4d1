"""Scales and shifts, against Keras's layers and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from tests.reference.single import single, value

RNG = np.random.default_rng(4)
X = RNG.normal(0.5, 2.0, (5, 2, 3))


@pytest.mark.parametrize(("scale", "offset"), [(1 / 255, -0.5), ((0.1, -2.0, 3.0), 0.25), (2.0, (0.1, 0.2, 0.3))])
def test_rescaling(scale: Any, offset: Any) -> None:
    np.testing.assert_array_equal(value(nn.Rescaling(scale, offset), X), X * np.array(scale) + np.array(offset))
    assert value(nn.Rescaling(scale, offset), X, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("fixed", [False, True])
def test_normalization(invert: bool, fixed: bool) -> None:
    """Keras computes in float32."""
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    mean, var = (0.5, -1.0, 2.0), (0.25, 3.0, 0.0)
    theirs = keras.layers.Normalization(axis=-1, mean=mean, variance=var, invert=invert, dtype="float32")
    x = X.copy()
    x[..., 2] = mean[2] + 1e-6 * x[..., 2]  # a variance of zero divides by epsilon
    layer = nn.Normalization(mean, var, invert=invert) if fixed else nn.Normalization(invert=invert)
    variables = {} if fixed else {"mean": np.array(mean), "var": np.array(var)}
    for training in (False, True):
        found = single(layer, x, variables=variables, training=training)
        by_hand = np.sqrt(np.maximum(var, 1e-14))
        expected = x * by_hand + mean if invert else (x - mean) / by_hand
        np.testing.assert_allclose(found.outputs["node"], expected, rtol=1e-13)
        assert found.updates == {}
    near = theirs(x.astype(np.float32)).numpy()
    np.testing.assert_allclose(near[..., :2], found.outputs["node"][..., :2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(near[..., 2], found.outputs["node"][..., 2], rtol=0.2, atol=1.5)


def test_layer_scale() -> None:
    scale = RNG.normal(size=3)
    np.testing.assert_array_equal(value(nn.LayerScale(), X, variables={"scale": scale}), X * scale)
    assert nn.LayerScale().params((None, 3))["scale"].init == nn.Constant(1e-6)


@pytest.mark.parametrize(
    ("layer", "shape", "reason"),
    [
        (nn.Rescaling((1.0, 2.0)), (None, 3), "Rescaling's scale has 2 numbers, one for each channel"),
        (nn.Rescaling(1.0, (1.0, 2.0)), (None,), "Rescaling's offset has 2 numbers"),
        (nn.Normalization((0.0, 1.0), 1.0), (None, 3), "Normalization's mean has 2 numbers"),
        (nn.Normalization(), (None,), "Normalization needs inputs of at least 2 axes"),
        (nn.LayerScale(), (None,), "LayerScale needs inputs of at least 2 axes"),
    ],
)
def test_inputs_that_do_not_fit(layer: Any, shape: tuple[int | None, ...], reason: str) -> None:
    with pytest.raises(nn.ShapeError, match=reason):
        layer.output_shape(shape)


@pytest.mark.parametrize(("given", "lacking"), [("mean", "var"), ("var", "mean")])
def test_mean_and_variance_come_together(given: str, lacking: str) -> None:
    with pytest.raises(nn.SpecError, match=f"{lacking} is missing"):
        nn.Normalization(**{given: 1.0})
