"""Axes of any size: what does not fit is refused once their sizes are known, and what fits is computed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend
from nnspec.errors import ShapeError
from nnspec.model import Model
from nnspec.reference.model import run

RNG = np.random.default_rng(31)


def cropped() -> Model:
    """Of sequences of at most three steps, it leaves nothing."""
    return nn.Sequential([nn.Crop(((1, 2),)), nn.GlobalAvgPool()], [None, 3])


def refusal(model: Model, inputs: dict[str, Any]) -> str:
    """What the reference says of two rows of inputs, as a pattern; backends leave the number of rows open."""
    with pytest.raises(ShapeError) as found:
        run(model, {}, inputs)
    return f"^{re.escape(str(found.value).replace('(2, ', '(batch, '))}$"


def test_a_net_refuses_what_the_reference_refuses(backend: Backend) -> None:
    net = backend.build(cropped())
    short, fine = ({"input": np.ones((2, steps, 3))} for steps in (3, 4))
    towards = {"global_avg_pool": np.ones((2, 3))}
    words = refusal(net.model, short)
    assert "crop: Crop of" in words.replace("\\", "")
    for compute in (net.forward, net.nodes, net.masks, lambda inputs: net.gradients(inputs, towards)):
        with pytest.raises(ShapeError, match=words):
            compute(short)
    with pytest.raises(ShapeError, match=words):
        net.compiled((2, 3, 3))
    assert net.forward(fine)["global_avg_pool"].tolist() == np.ones((2, 3)).tolist()


def test_an_engine_refuses_what_the_reference_refuses(backend: Backend) -> None:
    engine = backend.engine(backend.build(cropped()), loss=nn.MeanSquaredError(), optimizer=nn.SGD(0.1))
    short = {"input": np.ones((2, 3, 3))}
    with pytest.raises(ShapeError, match=refusal(cropped(), short)):
        engine.load("train", {**short, "targets": np.ones((2, 3))})


def test_a_batch_of_no_rows_has_a_mask_of_none(backend: Backend) -> None:
    net = backend.build(nn.Sequential([nn.Dropout(0.5)], [3]))
    empty = {"input": np.zeros((0, 3))}
    assert net.masks(empty)["dropout"].shape == net.forward(empty, training=True)["dropout"].shape == (0, 3)


# Layers whose outputs are of one size for inputs of any.
LAYERS: list[Any] = [
    nn.AdaptiveAvgPool((1, 1)),
    nn.AdaptiveMaxPool((2, 3)),
    nn.Resize((3, 7)),
    nn.Resize((4, 3), "nearest"),
    nn.Std((1, 2), correction=1.0),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_shared_model_takes_inputs_of_two_sizes(backend: Backend, layer: Any) -> None:
    inner = nn.Sequential([nn.Conv(4, (3, 3)), layer], name="inner")
    x, y = nn.symbol([8, 8, 3], "x"), nn.symbol([6, 5, 3], "y")
    net = backend.build(nn.Model(inputs=[x, y], outputs=nn.Add()(inner(x), inner(y))), dtype="float64")
    inputs = {name: RNG.normal(size=(2, *given.shape)) for name, given in net.model.inputs.items()}
    expected = run(net.model, net.variables(), inputs).outputs["add"]
    np.testing.assert_allclose(net.forward(inputs)["add"], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("layer", LAYERS[:3], ids=str)
def test_inputs_of_any_size(backend: Backend, layer: Any) -> None:
    net = backend.build(nn.Sequential([nn.Conv(4, (3, 3)), layer], [None, None, 3]), dtype="float64")
    (output,) = net.model.outputs
    for sizes in ((5, 4), (7, 9)):
        inputs = {"input": RNG.normal(size=(2, *sizes, 3))}
        expected = run(net.model, net.variables(), inputs).outputs[output]
        np.testing.assert_allclose(net.forward(inputs)[output], expected, rtol=1e-12, atol=1e-13)


def test_a_stream_of_chunks_of_any_length(backend: Backend) -> None:
    """Each chunk starts from the state that the one before has left; masked steps may stand anywhere."""
    x, start, mask = nn.symbol([None, 3], "x"), nn.symbol([4], "start"), nn.symbol([None], "mask", "bool")
    options = {"return_sequences": True, "initial_state": True, "mask": True}
    states = nn.LSTM(2, return_state=True, **options, name="states")(x, start, mask)
    net = backend.build(nn.Model(inputs=[x, start, mask], outputs=states), dtype="float64")
    rows, seen, state = RNG.normal(size=(2, 9, 3)), RNG.random((2, 9)) < 0.6, RNG.normal(size=(2, 4))
    whole = net.forward({"x": rows, "start": state, "mask": seen})["states"]
    for first, last in ((0, 1), (1, 6), (6, 9)):
        given = {"x": rows[:, first:last], "start": state, "mask": seen[:, first:last]}
        chunk = net.forward(given)["states"]
        np.testing.assert_allclose(chunk, whole[:, first:last], rtol=1e-12, atol=1e-14)
        state = chunk[:, -1]
