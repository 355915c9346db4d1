"""Constructs as people write them, traced and run by the reference in float64, against Keras running the original."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

keras = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed").keras

from nnspec.porting.formats import Reading  # noqa: E402
from nnspec.reference.model import run  # noqa: E402
from nnspec_tensorflow.porting.importer import KerasImporter  # noqa: E402
from tests.porting.constructs import attention, blocks, embeddings, gates, sequences, statistics  # noqa: E402
from tests.porting.constructs.construct import Construct  # noqa: E402

pytestmark = pytest.mark.tensorflow
ALL = [c for family in (attention, blocks, embeddings, gates, sequences, statistics) for c in family.CONSTRUCTS]


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    """Models are built in float64: Keras is the oracle, and its rounding no excuse."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


@pytest.mark.parametrize("construct", ALL, ids=lambda c: c.name)
def test_the_port_computes_what_keras_does(construct: Construct) -> None:
    model, inputs = construct.model(), construct.inputs()
    expected = [np.asarray(y) for y in keras.tree.flatten(model(inputs, training=False))]
    port = KerasImporter().from_object(model, Reading())
    found = run(port.model, port.variables, inputs, dtype=np.float64).outputs
    assert len(expected) == len(port.model.outputs)
    for name, y in zip(port.model.outputs, expected, strict=True):
        assert np.ptp(y) > 1e-3, "an output without a spread shows nothing"
        # Keras rounds constants to float32 on their way, in gelu and in the scale of attention, say.
        np.testing.assert_allclose(found[name], y, rtol=2e-6, atol=2e-7 * np.abs(y).max())
    assert port.subject is not None
    nodes = run(port.model, port.variables, inputs, dtype=np.float64).nodes
    for path, value in port.subject.nodes(inputs, dtype="float64").items():
        np.testing.assert_allclose(nodes[path], value, rtol=1e-9, atol=1e-10 * np.abs(value).max(), err_msg=path)


def test_there_are_sixty() -> None:
    assert len({construct.name for construct in ALL}) == len(ALL) >= 60
