"""KerasHub's backbones in small, with random weights: ported, and what becomes of each is what the page says."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed").keras
pytest.importorskip("keras_hub", reason="keras-hub is not installed")

from nnspec.errors import PortError  # noqa: E402
from nnspec.porting.formats import Reading  # noqa: E402
from nnspec.porting.samples import samples  # noqa: E402
from nnspec.reference.model import run  # noqa: E402
from nnspec_tensorflow.porting.importer import KerasImporter  # noqa: E402
from tests.porting.keras_hub import made, page  # noqa: E402
from tests.porting.keras_hub.catalogue import UNTRIED, Entry, entries  # noqa: E402
from tests.porting.keras_hub.outcome import told, tried  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of Keras about KerasHub's layers
]
KNOWN = {each.name: each for each in told(page.facts())}


@pytest.fixture(autouse=True)
def _names_from_one_on() -> None:
    """Models are named by how many of their kind there were."""
    keras.backend.clear_session()


def test_none_is_forgotten() -> None:
    assert {each.part.name for each in entries()} | set(UNTRIED) == set(made.classes())


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_what_becomes_of_it_is_what_the_page_says(entry: Entry) -> None:
    assert tried(entry, "nothing").told == KNOWN[entry.name].told


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_the_port_computes_what_keras_does(entry: Entry) -> None:
    """By the reference; on JAX, ``python -m tests.porting.keras_hub`` compares them node by node."""
    if KNOWN[entry.name].status not in ("ported", "read"):
        pytest.skip(KNOWN[entry.name].reason)
    model = made.of_known_lengths(made.random(entry), entry)
    try:
        port = KerasImporter().from_object(model, Reading())
    finally:
        keras.backend.clear_session()
    assert port.subject is not None
    inputs = samples(port.model, port.variables)
    exact = "float64" in port.subject.dtypes
    expected = port.subject.nodes(inputs, dtype="float64" if exact else "float32")
    found = run(port.model, port.variables, inputs, dtype=np.float64).outputs
    for name in port.model.outputs:
        scale = np.abs(found[name]).max()
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=scale * (1e-11 if exact else 1e-4))


def test_a_refusal_names_the_layer() -> None:
    (entry,) = (each for each in entries() if each.name == "XLNetBackbone")
    model = made.of_known_lengths(made.random(entry), entry)
    with pytest.raises(PortError, match=r"encoder_block_attn_mask_layer/reshape .* joins or divides examples"):
        KerasImporter().from_object(model, Reading())
