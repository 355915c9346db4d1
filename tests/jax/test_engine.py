"""The engine: equal to steps made one by one, one compilation per batch shape, state that stays on the device."""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import FloatType
from nnspec.errors import DataError, ShapeError, SpecError
from nnspec.reference import losses, metrics, optimizers
from nnspec.reference.model import run
from tests.jax.models import branches, classifier, randomized

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
export = pytest.importorskip("jax.export")

RNG = np.random.default_rng(12)
DATA = {"input": RNG.normal(size=(23, 6)), "targets": RNG.integers(0, 3, 23), "weights": RNG.uniform(0.5, 2, 23)}
ORDER = RNG.permutation(23).astype(np.int32)[:20].reshape(4, 5)
REST = np.setdiff1d(np.arange(23, dtype=np.int32), ORDER)[None]
LOSS = nn.SoftmaxCrossEntropy(0.1)
RATE = nn.ReduceOnPlateau(nn.WarmupCosine(0.05, 2, 9))
OPTIMIZER = nn.AdamW(RATE, b2=0.97, weight_decay=0.03, decay="kernels")
METRICS = [nn.Accuracy(), nn.TopKAccuracy(2)]
TAGS = {"accuracy": METRICS[0], "top_k_accuracy": METRICS[1]}


def engine_of(dtype: FloatType = "float64", device: str | None = None, **options: Any) -> Any:
    backend = nn.backend("jax")
    settings = {"loss": LOSS, "optimizer": OPTIMIZER, "metrics": METRICS, "clip": nn.Clip(global_norm=0.8), **options}
    engine = backend.engine(randomized(classifier(), dtype, device=device), **settings)
    engine.load("train", DATA)
    return engine


def by_hand(engine: Any, batches: list[Any]) -> tuple[dict[str, Any], dict[str, tuple[float, float]]]:
    """The same training with the net's gradients and the reference for all else: variables and totals."""
    backend, net = nn.backend("jax"), nn.backend("jax").build(engine.net.model, engine.net.variables(), dtype="float64")
    parameters = {n: x for n, x in net.variables().items() if n.endswith(("kernel", "bias", "scale", "slope"))}
    slots, sums = optimizers.init(OPTIMIZER, parameters), {name: np.zeros(2) for name in ("loss", *TAGS, "grad_norm")}
    for step, rows in enumerate(batches):
        x, (y, w) = {"input": DATA["input"][rows]}, (DATA["targets"][rows], DATA["weights"][rows])
        output = run(net.model, net.variables(), x, training=True, seed=5, step=step).outputs["dense_1"]
        cotangent = backend.loss(LOSS, output, y, w, dtype="float64")[1]
        gradients = net.gradients(x, {"dense_1": cotangent}, training=True).parameters
        sums["loss"] += losses.value(LOSS, output, y, w)
        for tag, metric in TAGS.items():
            sums[tag] += metrics.value(metric, output, y, w)
        sums["grad_norm"] += (optimizers.global_norm(gradients), 1)
        net.forward(x, training=True)
        clipped = optimizers.clip(nn.Clip(global_norm=0.8), gradients)
        kernels = frozenset({"dense/kernel", "dense_1/kernel"})
        parameters, slots = optimizers.update(OPTIMIZER, parameters, clipped, slots, step, decayed=kernels, scale=0.5)
        net.assign(parameters)
    named = {f"optimizer/{n}/{slot}": x for n, by_slot in slots.items() for slot, x in by_slot.items()}
    return {**net.variables(), **named}, {name: (float(a), float(b)) for name, (a, b) in sums.items()}


def test_training_is_the_same_as_step_by_step() -> None:
    engine = engine_of()
    engine.assign({"optimizer/learning_rate_scale": np.float64(0.5)})
    expected, sums = by_hand(engine, [*ORDER, *REST])
    engine.train(ORDER, 0, 3)
    engine.train(ORDER, 3, 4)
    engine.train(REST, 0, 1)
    found = engine.variables()
    assert found.pop("optimizer/step") == 5
    assert found.pop("optimizer/learning_rate_scale") == 0.5
    assert set(found) == set(expected)
    for name, x in expected.items():
        assert abs(found[name] - x).max() <= 1e-12 * abs(x).max(), name
    totals = engine.totals()
    assert list(totals) == ["loss", "accuracy", "top_k_accuracy", "grad_norm", "learning_rate"]
    rate, _ = totals.pop("learning_rate")
    assert rate == pytest.approx(
        0.5 * 0.05 * (1 + np.cos(np.pi * 2 / 7)) / 2, rel=1e-14
    )  # of update 4, two after the warm-up
    for name, pair in totals.items():
        assert pair == pytest.approx(sums[name], rel=1e-12)
    assert all(pair == (0.0, 0.0) for pair in engine.totals().values())


@pytest.mark.parametrize("reduction", ["sum", "weighted_mean"])
def test_gradients_of_a_batch(reduction: Any) -> None:
    loss = nn.SoftmaxCrossEntropy(reduction=reduction)
    engine = engine_of(loss=loss)
    before = engine.variables()
    rows = np.array([3, 1, 20, 3], np.int32)
    value, gradients = engine.loss_gradients("train", rows)
    x, y, w = ({"input": DATA["input"][rows]}, DATA["targets"][rows], DATA["weights"][rows])
    output = run(engine.net.model, before, x, training=True, seed=5).outputs["dense_1"]
    assert value == pytest.approx(loss.result(*losses.value(loss, output, y, w)), rel=1e-13)
    cotangent = nn.backend("jax").loss(loss, output, y, w, dtype="float64")[1]
    expected = engine.net.gradients(x, {"dense_1": cotangent}, training=True).parameters
    assert list(gradients) == list(expected)
    for name, gradient in expected.items():
        assert abs(gradients[name] - gradient).max() <= 1e-12 * abs(gradient).max() + 1e-15
    assert {n: a.tobytes() for n, a in engine.variables().items()} == {n: a.tobytes() for n, a in before.items()}


@pytest.mark.parametrize("batch_size", [23, 10, 100])
def test_evaluation_is_in_inference_mode_and_exact_over_a_rest(batch_size: int) -> None:
    engine = engine_of()
    before = engine.variables()
    output = run(engine.net.model, before, {"input": DATA["input"]}).outputs["dense_1"]
    found = engine.evaluate("train", batch_size)
    assert list(found) == ["loss", *TAGS]
    assert found["loss"] == pytest.approx(losses.value(LOSS, output, DATA["targets"], DATA["weights"]), rel=1e-13)
    for tag, metric in TAGS.items():
        assert found[tag] == pytest.approx(metrics.value(metric, output, DATA["targets"], DATA["weights"]), rel=1e-13)
    assert {n: a.tobytes() for n, a in engine.variables().items()} == {n: a.tobytes() for n, a in before.items()}


@pytest.mark.parametrize("device", [pytest.param(None, marks=pytest.mark.slow), "cpu:0"])
def test_one_compilation_per_batch_shape(device: str | None, caplog: pytest.LogCaptureFixture) -> None:
    engine = engine_of("float32", device=device)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        for start, stop in ((0, 1), (1, 4), (0, 4), (2, 2)):
            engine.train(ORDER, start, stop)
        engine.train(ORDER[::-1].copy(), 0, 4)
        engine.assign({"optimizer/learning_rate_scale": np.float64(0.1), "dense/bias": np.ones(9)})
        engine.train(ORDER, 0, 2)
        engine.totals()
        engine.train(REST, 0, 1)
        engine.train(ORDER, 0, 2)
        for _ in range(3):
            engine.evaluate("train", 10)
    compiled = [record.message for record in caplog.records if record.message.startswith("Compiling ")]
    assert sum("_updates" in message for message in compiled) == 2  # batches of 5, and of 3
    assert sum("_evaluation" in message for message in compiled) == 1


def test_the_order_is_transferred_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of("float32")
    engine.train(ORDER, 0, 1)
    placed: list[str] = []
    put = engine.net.put
    monkeypatch.setattr(engine.net, "put", lambda values: placed.extend(values) or put(values))
    with jax.transfer_guard_device_to_host("disallow"):
        engine.train(ORDER, 1, 3)
        engine.train(ORDER, 3, 4)
    assert placed == []
    engine.train(ORDER.copy(), 0, 1)
    assert placed == ["order"]


def test_state_is_donated() -> None:
    engine = engine_of("float32")
    engine.train(ORDER, 0, 1)
    old = engine.net.arrays()["dense/kernel"]
    engine.train(ORDER, 1, 2)
    assert old.is_deleted()


def test_a_run_resumes_where_it_was() -> None:
    through, first, second = engine_of("float32"), engine_of("float32"), engine_of("float32")
    through.train(ORDER, 0, 4)
    first.train(ORDER, 0, 2)
    second.assign(first.variables())
    second.train(ORDER, 2, 4)
    expected, found = through.variables(), second.variables()
    assert list(found) == list(expected)
    for name, x in expected.items():
        assert found[name].dtype == x.dtype
        np.testing.assert_array_equal(found[name], x, err_msg=name)


def test_engines_of_all_optimizers_give_and_take_their_slots() -> None:
    for optimizer in (
        nn.SGD(),
        nn.Momentum(learning_rate_in_velocity=True),
        nn.AdaGrad(),
        nn.RMSProp(centered=True, momentum=0.5, learning_rate_in_velocity=True),
        nn.Adafactor(),
        nn.GradientAccumulation(nn.Lookahead(nn.MultiOptimizer(nn.SM3(), (("bias", nn.Momentum()), ("_1", nn.SGD()))))),
    ):
        engine = nn.backend("jax").engine(randomized(classifier(), "float64"), loss=LOSS, optimizer=optimizer)
        state = engine.variables()
        slots = [name for name in state if name.count("/") == 3]
        parameters = {n: x for n, x in state.items() if n.endswith(("kernel", "bias", "scale", "slope"))}
        held = {n: optimizer.slots_of(n, x.shape) for n, x in parameters.items() if not n.startswith("optimizer")}
        wanted = {f"optimizer/{n}/{slot}": found[slot].shape for n, found in held.items() for slot in found}
        assert {name: state[name].shape for name in slots} == wanted
        given = {name: RNG.normal(size=state[name].shape) for name in slots}
        given |= {"optimizer/step": np.int64(41), "optimizer/learning_rate_scale": np.float64(0.1)}
        engine.assign(given)
        found = engine.variables()
        for name, x in {**state, **given}.items():
            np.testing.assert_array_equal(found[name], x)
            assert found[name].dtype == state[name].dtype


def test_assign_changes_all_or_nothing() -> None:
    engine = engine_of("float32")
    before = engine.variables()
    fine = {"dense/bias": np.zeros(9), "optimizer/step": np.int64(3), "optimizer/dense/bias/m": np.ones(9)}
    for wrong, message in [
        ({"optimizer/dense/bias/mm": np.ones(9)}, "there is no variable 'optimizer/dense/bias/mm'"),
        ({"optimizer/dense/bias/v": np.ones(8)}, r"has shape \[9\], got \[8\]"),
        ({"dense/kernel": np.ones(8)}, r"has shape \[6, 9\], got \[8\]"),
    ]:
        with pytest.raises(SpecError, match=message):
            engine.assign({**fine, **wrong})
        for name, x in engine.variables().items():
            np.testing.assert_array_equal(x, before[name])


def test_a_float64_engine_trains_in_another_thread() -> None:
    here, there = engine_of(), engine_of()
    here.train(ORDER, 0, 4)
    thread = threading.Thread(target=there.train, args=(ORDER, 0, 4))
    thread.start()
    thread.join()
    for name, x in here.variables().items():
        np.testing.assert_array_equal(there.variables()[name], x)
    assert here.variables()["optimizer/dense/kernel/v"].dtype == np.float64


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_learns(dtype: FloatType) -> None:
    engine = engine_of(dtype, optimizer=nn.Adam(0.05))
    order = np.tile(np.arange(23, dtype=np.int32), (60, 1))
    engine.train(order, 0, 1)
    first, _ = engine.totals()["loss"]
    engine.train(order, 1, 59)
    engine.totals()
    engine.train(order, 59, 60)
    assert engine.totals()["loss"][0] < 0.6 * first
    state = engine.variables()
    assert {state[name].dtype.name for name in state if name.endswith(("kernel", "/mean", "/m", "/v"))} == {dtype}


def test_float32_sums_do_not_lose_small_terms() -> None:
    # 2²⁴ + 1 + 1 + … stays 2²⁴ in float32; the first batch's loss is 2²⁴, each later one's 1.
    model = nn.Sequential([nn.Dense(1, use_bias=False)], input=[1])
    net = nn.backend("jax").build(model, {"dense/kernel": np.ones((1, 1))})
    engine = nn.backend("jax").engine(net, loss=nn.MeanSquaredError(), optimizer=nn.SGD(0.0))
    rows = 101
    engine.load("train", {"input": np.r_[4096.0, np.ones(rows - 1)][:, None], "targets": np.zeros((rows, 1))})
    engine.train(np.arange(rows, dtype=np.int32)[:, None], 0, rows)
    assert engine.totals()["loss"] == (2.0**24 + 100, 101.0)
    assert engine.evaluate("train", 1)["loss"] == (2.0**24 + 100, 101.0)
    engine.assign({"dense/kernel": np.full((1, 1), 1e30)})
    assert engine.evaluate("train", 1)["loss"] == (np.inf, 101.0)


def test_a_step_lowers_for_every_platform() -> None:
    for dtype in ("float32", "float64"):
        engine = engine_of(dtype)
        with jax.enable_x64(dtype == "float64"):
            carry = (engine.net.arrays(), engine._state, engine._sums)
            data, bound = engine._splits["train"], np.int32(1)
            scale = np.ones((), dtype)
            exported = export.export(engine._train, platforms=["cpu", "cuda", "tpu"])(
                carry, scale, data, ORDER, bound, bound
            )
        assert exported.platforms == ("cpu", "cuda", "tpu")
        assert "while" in exported.mlir_module()


def test_what_does_not_fit_is_refused() -> None:
    engine = engine_of("float32")
    x, y = DATA["input"], DATA["targets"]
    loads: list[Any] = [
        ({"input": x}, SpecError, "the split 'train' has no targets"),
        ({"x": x, "targets": y}, SpecError, "the model has no input 'x'"),
        ({"input": x, "targets": y[:5]}, ShapeError, r"targets: the inputs have 23 rows, got the shape \[5\]"),
        ({"input": x, "targets": y + 1}, DataError, r"class id 3 is not one of 3 classes \(0 to 2\)"),
        ({"input": x, "targets": y, "weights": np.ones(3)}, ShapeError, "weights: the inputs have 23 rows"),
    ]
    for data, error, message in loads:
        with pytest.raises(error, match=message):
            engine.load("train", data)
    with pytest.raises(DataError, match="rows 0 to 23 of the split 'train', which has 23"):
        engine.train(np.array([[0, 23]], np.int32), 0, 1)
    with pytest.raises(SpecError, match="updates 2 to 9 of an order of 4"):
        engine.train(ORDER, 2, 9)
    with pytest.raises(SpecError, match="the split 'trian' is not loaded; did you mean 'train'"):
        engine.evaluate("trian", 8)
    with pytest.raises(SpecError, match=r"several outputs: give each its loss, \{Losses: \{losses: \{concat: "):
        nn.backend("jax").engine(nn.backend("jax").build(branches()), loss=LOSS, optimizer=OPTIMIZER)
    with pytest.raises(SpecError, match=r"metrics\[1\]: top_k_accuracy is listed twice"):
        engine_of(metrics=[nn.TopKAccuracy(2), nn.TopKAccuracy(3)])
