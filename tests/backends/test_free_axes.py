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
