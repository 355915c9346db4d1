"""What training and inference may cost, in counts: compilations, compiled calls, and bytes between host and device.

These guard the speed without a clock. Each limit is shown to catch the mistake that it is there for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Backend, Engine
from nnspec.training import pace
from tests.backends.meter import Meter, metered

ROWS, HELD_OUT, WIDTH, BATCH, EPOCHS = 70, 22, 300, 16, 3
STEPS = ROWS // BATCH
RNG = np.random.default_rng(2)
X = RNG.normal(size=(ROWS + HELD_OUT, WIDTH)).astype(np.float32)
Y = RNG.integers(0, 3, ROWS + HELD_OUT).astype(np.int32)
LAYERS = [nn.Dense(8), nn.BatchNorm(), "gelu", nn.Dropout(0.2), nn.Dense(3)]
# Scalars that a call is given: the bounds, the learning rate's scale.
SCALARS = 64
# Sums that a call gives back: loss, metrics, norm and rate as (total, count), with what rounding has lost of them.
SUMS = 256
# An order may be given room to grow, up to twice its size.
ORDER = 2 * 4 * STEPS * BATCH


class Epochs:
    """A progress display that keeps the counts of each epoch."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.compilations: list[Counter[str]] = []
        self.calls: list[Counter[str]] = []
        self.to_device: list[int] = []

    def start(self, epochs: int, steps: int) -> None:
        self.compilations.append(Counter(self.meter.compilations))
        self.meter.reset()

    def update(self, epoch: int, step: int, values: Mapping[str, float]) -> None: ...

    def epoch(self, record: Mapping[str, float], note: str) -> None:
        self.compilations.append(Counter(self.meter.compilations))
        self.calls.append(Counter(self.meter.calls))
        self.to_device.append(self.meter.to_device)
        self.meter.reset()

    def stop(self) -> None: ...


def trained(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Epochs:
    """A run of some epochs with a remainder and validation, each epoch's full batches in calls of 1, 4, 16, … updates.

    The number of updates in a call is taken from the clock otherwise.
    """
    monkeypatch.setattr(pace, "CALL_SECONDS", 1e6)
    with metered(backend.name, monkeypatch) as meter:
        epochs = Epochs(meter)
        nn.train(
            nn.Sequential(LAYERS),
            (X[:ROWS], Y[:ROWS]),
            loss="SoftmaxCrossEntropy",
            metrics=["accuracy"],
            optimizer="AdamW",
            clip={"global_norm": 1.0},
            validation=(X[ROWS:], Y[ROWS:]),
            backend=backend,
            epochs=EPOCHS,
            batch_size=BATCH,
            progress=epochs,
        )
    return epochs


def check_run(epochs: Epochs) -> None:
    """Two shapes of batches and the evaluation are compiled in the first epoch, and nothing later."""
    _, first, *later = epochs.compilations
    assert not any(later), f"compiled again in later epochs: {later}"
    assert sum(first.values()) <= 3, f"more compilations than batch shapes and the evaluation: {first}"
    for calls in epochs.calls[1:]:
        # The full batches, the remainder, the evaluation.
        assert sum(calls.values()) == 3, (
            f"more than one compiled call for each of full batches, rest and validation: {calls}"
        )
    for moved in epochs.to_device:
        assert moved <= ORDER + 4 * BATCH + 5 * SCALARS, f"{moved} bytes were sent to the device in an epoch"


def engine_of(backend: Backend) -> Engine:
    net = backend.build(nn.Sequential(LAYERS, input=[WIDTH]), seed=1)
    return backend.engine(
        net, loss=nn.SoftmaxCrossEntropy(), optimizer=nn.AdamW(), metrics=[nn.Accuracy()], clip=nn.Clip(global_norm=1.0)
    )


def check_engine(backend: Backend, meter: Meter) -> None:
    """Data goes to the device once, an order once, and then a call moves scalars alone."""
    engine = engine_of(backend)
    meter.reset()
    engine.load("train", {"input": X, "targets": Y})
    assert X.nbytes + Y.nbytes <= meter.to_device <= X.nbytes + Y.nbytes + SCALARS
    order = RNG.permutation(ROWS)[: STEPS * BATCH].reshape(STEPS, BATCH).astype(np.int32)
    engine.train(order, 0, 1)
    meter.reset()
    for start, stop in (1, 2), (2, 4), (0, 4):
        engine.train(order, start, stop)
    assert not meter.compilations, f"compiled again for other bounds: {meter.compilations}"
    assert sum(meter.calls.values()) == 3, f"an update is more than one compiled call: {meter.calls}"
    assert meter.to_device <= 3 * SCALARS, f"{meter.to_device} bytes were sent to the device in three calls"
    assert meter.to_host <= 3 * SUMS, f"{meter.to_host} bytes were read in three calls"
    meter.reset()
    engine.totals()
    assert 16 <= meter.to_host <= SUMS
    engine.train(order.copy(), 0, 4)
    assert order.nbytes <= meter.to_device <= ORDER + SCALARS
    engine.load("validation", {"input": X[:HELD_OUT], "targets": Y[:HELD_OUT]})
    engine.evaluate("validation", BATCH)
    meter.reset()
    engine.evaluate("validation", BATCH)
    assert sum(meter.calls.values()) == 1 and not meter.compilations
    assert meter.to_device <= SCALARS and 16 <= meter.to_host <= SUMS


def check_inference(backend: Backend, meter: Meter) -> None:
    """Once compiled, a call is one call, and moves its inputs and outputs alone."""
    net = backend.build(nn.Sequential(LAYERS, input=[WIDTH]), seed=1)
    for infer, rows in (net.compiled(BATCH), BATCH), (net.forward, BATCH):
        infer({"input": X[:rows]})
        meter.reset()
        for _ in range(3):
            infer({"input": X[:rows]})
        assert sum(meter.calls.values()) == 3 and not meter.compilations
        assert meter.to_device == 3 * X[:rows].nbytes
        assert meter.to_host == 3 * 4 * 3 * rows
    meter.reset()
    infer = net.compiled(BATCH)
    assert sum(meter.compilations.values()) == 1
    meter.reset()
    for rows in range(1, BATCH):
        infer({"input": X[:rows]})
    net.assign({"dense/bias": np.ones(8)})
    infer({"input": X[:1]})
    assert sum(meter.calls.values()) == BATCH and not meter.compilations


def check_predictions(backend: Backend, meter: Meter) -> None:
    """A file costs one compilation: the last batch is filled up."""
    run = nn.train(nn.Sequential(LAYERS), (X, Y), loss="SoftmaxCrossEntropy", backend=backend, epochs=1, progress=False)
    meter.reset()
    run.predict(X, batch_size=BATCH)
    assert sum(meter.compilations.values()) == 1
    assert sum(meter.calls.values()) == -(-len(X) // BATCH)


CHECKS = [check_engine, check_inference, check_predictions]


def test_a_run_compiles_each_batch_shape_once(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = trained(backend, monkeypatch)
    check_run(epochs)
    # The meter saw them at all.
    assert len(epochs.calls) == EPOCHS and sum(epochs.compilations[1].values()) >= 2
    assert min(epochs.to_device) >= 4 * STEPS * BATCH


@pytest.mark.parametrize("check", CHECKS)
def test_counts(backend: Backend, monkeypatch: pytest.MonkeyPatch, check: Callable[[Backend, Meter], None]) -> None:
    with metered(backend.name, monkeypatch) as meter:
        check(backend, meter)


# -- mistakes that the limits are there for -------------------------------------------------------------------------


def engine_class(backend: Backend) -> Any:
    return type(engine_of(backend))


def forget(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call traces and compiles anew."""
    if backend.name == "jax":
        import jax

        train = engine_class(backend).train

        def train_anew(self: Any, *args: Any) -> None:
            jax.clear_caches()
            train(self, *args)

        monkeypatch.setattr(engine_class(backend), "train", train_anew)
        return
    from nnspec_tensorflow.compilation import Compiled

    call = Compiled.__call__

    def call_anew(self: Any, *args: Any) -> Any:
        self._made.clear()
        return call(self, *args)

    monkeypatch.setattr(Compiled, "__call__", call_anew)


def send_the_data(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call has the data sent to the device again."""
    train = engine_class(backend).train

    def train_sending(self: Any, *args: Any) -> None:
        self.load("train", {"input": X[:ROWS], "targets": Y[:ROWS]})
        train(self, *args)

    monkeypatch.setattr(engine_class(backend), "train", train_sending)


def send_the_order(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call has the order sent to the device again."""
    train = engine_class(backend).train

    def train_sending(self: Any, order: Any, start: int, stop: int) -> None:
        train(self, order.copy(), start, stop)

    monkeypatch.setattr(engine_class(backend), "train", train_sending)


def call_for_each_update(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every update is a call of its own."""
    train = engine_class(backend).train

    def train_singly(self: Any, order: Any, start: int, stop: int) -> None:
        for k in range(start, stop):
            train(self, order, k, k + 1)

    monkeypatch.setattr(engine_class(backend), "train", train_singly)


Plant = Callable[[Backend, pytest.MonkeyPatch], None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (forget, "compiled again in later epochs"),
        (send_the_data, "bytes were sent to the device in an epoch"),
        (call_for_each_update, "more than one compiled call"),
    ],
)
def test_mistakes_in_a_run_are_caught(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, plant: Plant, message: str
) -> None:
    plant(backend, monkeypatch)
    epochs = trained(backend, monkeypatch)
    with pytest.raises(AssertionError, match=message):
        check_run(epochs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (forget, "compiled again for other bounds"),
        (send_the_order, "bytes were sent to the device in three calls"),
        (call_for_each_update, "an update is more than one compiled call"),
    ],
)
def test_mistakes_in_an_engine_are_caught(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, plant: Plant, message: str
) -> None:
    plant(backend, monkeypatch)
    with metered(backend.name, monkeypatch) as meter, pytest.raises(AssertionError, match=message):
        check_engine(backend, meter)
