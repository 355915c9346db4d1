"""The backend: the protocol, devices, and what is realized."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec as nn
from nnspec import backends, vocabulary
from nnspec.backends import FloatType
from nnspec.errors import BackendError
from nnspec.layers.base import Activation, Layer
from nnspec.schedules import Schedule
from nnspec.spec import spec
from tests.tensorflow.models import classifier

startup = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed")
tf, keras = startup.tf, startup.keras


@spec
class Unheard(Layer):
    """A layer that no backend knows."""


@spec
class Unknown(Activation):
    """An activation that no backend knows."""


@spec
class Never(Schedule):
    """A schedule that no backend knows."""


def test_the_protocols_are_fulfilled() -> None:
    backend = nn.backend("tensorflow")
    net = backend.build(classifier())
    assert isinstance(backend, backends.Backend)
    assert isinstance(net, backends.Net)
    assert isinstance(backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.SGD()), backends.Engine)
    assert set(backend.versions()) == {"tensorflow", "keras", "numpy"}


def test_nothing_of_the_vocabulary_is_lacking() -> None:
    backend = nn.backend("tensorflow")
    assert [name for name in vocabulary.class_names() if backend.lacks(vocabulary.load(name))] == []
    assert backend.lacks(Unheard)
    with pytest.raises(BackendError, match="the tensorflow backend has no realization of Unheard"):
        backend.build(nn.Sequential([Unheard()], input=[3]))
    with pytest.raises(BackendError, match="no realization of Unheard"):
        backend.realize(Unheard())
    with pytest.raises(BackendError, match="dense: the tensorflow backend has no realization of Unknown"):
        backend.build(nn.Sequential([nn.Dense(2, Unknown())], input=[3]))
    with pytest.raises(BackendError, match="no realization of Never"):
        backend.realize(nn.SGD(nn.Warmup(Never(), 3)))
    net = backend.build(classifier())
    with pytest.raises(BackendError, match="no realization of Never"):
        backend.engine(net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.Adam(Never()))


def test_devices() -> None:
    backend = nn.backend("tensorflow")
    names = backend.devices()
    assert "cpu:0" in names
    assert len(names) == len(set(names))
    for given in ("cpu:0", "cpu"):
        net = backend.build(classifier(), device=given)
        assert net.native.get_layer("dense").kernel.value.device.endswith("CPU:0")
        assert net.forward({"input": np.ones((2, 6))})["dense_1"].shape == (2, 3)


def test_only_its_own_nets_are_trained() -> None:
    class Other:
        backend = "other"

    with pytest.raises(BackendError, match="got one of other"):
        nn.backend("tensorflow").engine(Other(), loss=nn.MeanSquaredError(), optimizer=nn.SGD())  # type: ignore[arg-type]


def test_what_is_realized_is_kerass() -> None:
    backend = nn.backend("tensorflow")
    assert isinstance(backend.realize(nn.Huber()), keras.losses.Loss)
    assert isinstance(backend.realize(nn.Accuracy()), keras.metrics.Metric)
    assert isinstance(backend.realize(nn.StepDecay(0.1, 3)), keras.optimizers.schedules.LearningRateSchedule)
    assert isinstance(backend.realize(nn.AdaGrad()), keras.optimizers.Optimizer)
    with pytest.raises(BackendError, match="Dense is realized within a model"):
        backend.realize(nn.Dense(3))


@pytest.mark.parametrize(("dtype", "wide"), [("float64", "float64"), ("float32", "float32"), ("bfloat16", "float32")])
def test_losses_metrics_and_schedules_are_at_least_float32(dtype: FloatType, wide: str) -> None:
    backend = nn.backend("tensorflow")
    assert backend.realize(nn.Huber(), dtype=dtype).dtype == wide
    assert backend.realize(nn.MSE(), dtype=dtype).total.dtype == wide
    assert backend.realize(nn.StepDecay(0.1, 3), dtype=dtype)(0).dtype == wide
