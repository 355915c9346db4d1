"""The architectures of keras.applications, with random weights and statistics, as ports: to JAX, to Flax, and back."""

from __future__ import annotations

import dataclasses
import gc
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nnspec.porting.port import Port
from nnspec.porting.verification import Figure, Verification
from nnspec.porting.verify import verify
from tests.porting.applications import ALL, application, images
from tests.porting.flax_files import run_alone
from tests.porting.keras_models import ported

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.jax,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

FOUR = ["MobileNetV2", "ResNet50", "EfficientNetB0", "ConvNeXtTiny"]


def test_the_list_is_complete() -> None:
    from nnspec_tensorflow.startup import keras

    assert {name for name in dir(keras.applications) if name[0].isupper()} == set(ALL)


@pytest.mark.parametrize("name", FOUR)
def test_four_of_them_in_float64_with_gradients(name: str) -> None:
    found = beside_keras(ported(application(name)), images(name, 1), gradients=True)
    assert len({figure.name for figure in found.figures() if figure.kind == "gradient"}) > 100
    check(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_all_of_them_there_and_back(name: str, tmp_path: Path) -> None:
    there_and_back(name, tmp_path)


@pytest.fixture(autouse=True)
def _compiled_for_one_run() -> Iterator[None]:
    """Programs that run a few times are not worth the time that it takes to make them fast."""
    import jax

    option = "jax_disable_most_optimizations"
    before = getattr(jax.config, option, None)  # JAX 0.12 has no such option
    if before is not None:
        jax.config.update(option, True)
    yield
    if before is not None:
        jax.config.update(option, before)
    release()


def there_and_back(name: str, path: Path) -> Verification:
    """From Keras to the spec, beside Keras on JAX; from the spec to Flax, and to Keras again."""
    model, image = application(name), images(name, 2)
    expected, weights = np.asarray(model(image, training=False)), bits(model)
    port = ported(model)
    del model
    found = beside_keras(port, image)
    check(found)
    (output,) = port.model.outputs
    limit = next(figure.limit for figure in found.passes[-1].figures if figure.name == output)
    port = dataclasses.replace(port, subject=None)
    release()
    source = in_flax(port, image, path / "flax")
    again = in_keras(port, path / "model.keras")
    assert bits(again) == weights
    for values in (source, np.asarray(again(image, training=False))):
        # Each of the two is as near to the truth as float32 allows.
        assert np.abs(values - expected).max() <= 2 * limit
    return found


def beside_keras(port: Port, image: NDArray[Any], gradients: bool = False) -> Verification:
    """The port on JAX beside the model itself, node by node; gradients in float64 alone."""
    (name,) = port.model.inputs
    dtypes: Any = ["float64"] if gradients else ["float64", "float32"]
    return verify(
        port.model,
        port.variables,
        port.subject,
        backend="jax",
        inputs={name: image},
        dtypes=dtypes,
        gradients=gradients,
        training=False,
    )


def check(found: Verification) -> None:
    """Every node was compared, and keeps to its bound without any allowance for rounding."""
    assert found.passed, found.message()
    assert found.rounding == ()
    # A layer of Keras's that is two nodes here shows the value of the second.
    for hidden in found.missing:
        readers = [name for name, sources in found.sources.items() if hidden in sources]
        assert readers and not set(readers) & set(found.missing), hidden
    exact: list[Figure] = [figure for figure in found.passes[0].figures if figure.status != "missing"]
    beyond = [str(f) for f in exact if f.relative > {"node": 1e-11, "gradient": 1e-9}[f.kind]]
    assert beyond == []
    assert all(np.isfinite(f.scale) and f.scale > 0 for f in exact if f.kind == "node")


def in_flax(port: Port, image: NDArray[Any], path: Path) -> NDArray[Any]:
    """What Flax source gives where nnspec and TensorFlow are not installed."""
    from nnspec_jax.porting.flax_source import FlaxExporter

    FlaxExporter().write(port, path)
    np.savez(path / "inputs.npz", image)
    run_alone([path])
    return np.load(path / "outputs.npz")["output"]


def in_keras(port: Port, path: Path) -> Any:
    """What plain Keras loads."""
    from nnspec_tensorflow.porting.keras_file import KerasExporter
    from nnspec_tensorflow.startup import keras

    KerasExporter().write(port, path)
    return keras.models.load_model(path, safe_mode=True)


def bits(model: Any) -> Counter[tuple[tuple[int, ...], str]]:
    """The weights of a model bit for bit, whatever they are called.

    That is all numbers which a model computes with, not what generators of random numbers and ``Normalization.adapt``
    count. Axes of one element in front say nothing: the mean of a Normalization comes back as (1, 3) instead of (3,).
    """
    arrays = [np.asarray(w) for w in model.weights if "float" in w.dtype]
    return Counter((_front(array.shape), hashlib.sha256(np.ascontiguousarray(array)).hexdigest()) for array in arrays)


def _front(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[next((i for i, size in enumerate(shape) if size != 1), len(shape)) :]


def release() -> None:
    """Give back what programs hold: forty of them are more than a machine's memory."""
    import jax

    from nnspec_tensorflow.startup import keras

    jax.clear_caches()
    keras.backend.clear_session()
    gc.collect()
