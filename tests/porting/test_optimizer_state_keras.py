"""Keras's optimizers in nnspec's terms and back: state bit for bit, and the same updates afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec
from nnspec.errors import PortError
from nnspec.porting.formats import Reading
from nnspec.porting.optimizer import SCALE, STEP, of_kernels, reference, verify_updates
from nnspec.porting.port import OptimizerState, Port
from nnspec.porting.verify import same_bits

keras = pytest.importorskip("keras", reason="the tensorflow backend is not installed")
tf = pytest.importorskip("tensorflow", reason="the tensorflow backend is not installed")
pytest.importorskip("nnspec_tensorflow.backend", reason="the tensorflow backend is not installed")
from nnspec_tensorflow.porting import keras_file, live, optimizer_state  # noqa: E402
from nnspec_tensorflow.porting.export import graph, optimizers as export  # noqa: E402
from nnspec_tensorflow.porting.trainables import Trainables  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    # TensorFlow's variables have an ``__array__`` without the ``copy`` of NumPy 2, which Keras calls when it saves.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
K, S = keras.optimizers, keras.optimizers.schedules
UPDATES = 5


def network(gru: bool = True) -> Any:
    """A model whose GRU has both biases in one variable, and its gates in another order than the spec's."""
    inputs = keras.Input((5, 3))
    y = keras.layers.GRU(4, name="gru")(inputs) if gru else keras.layers.Flatten(name="flat")(inputs)
    y = keras.layers.Dense(6, activation="tanh", name="a")(y)
    y = keras.layers.BatchNormalization(name="norm")(y)
    model = keras.Model(inputs, keras.layers.Dense(2, name="b")(y))
    rng = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(rng.uniform(0.2, 1, variable.shape) * rng.choice([-1, 1], variable.shape))
    return model


class Model:
    """A Keras model with its port."""

    def __init__(self, gru: bool) -> None:
        self.model = network(gru)
        self.port = live.port(self.model, Reading())
        self.params = self.port.model.params()
        self.names = [name for name, param in self.params.items() if param.kind == "parameter"]
        subject: Any = self.port.subject
        self.trainables = Trainables.read(self.model.trainable_variables, subject.sources(), self.names)

    def trained(self, optimizer: Any, updates: int = UPDATES) -> OptimizerState:
        """The state of an optimizer after updates with random gradients; the model's weights stay as they are."""
        rng, variables = np.random.default_rng(2), self.model.trainable_variables
        before = [np.array(variable) for variable in variables]
        optimizer.build(variables)
        for _ in range(updates):
            scaled = isinstance(optimizer, K.LossScaleOptimizer)
            factor = float(optimizer.dynamic_scale) if scaled else optimizer.loss_scale_factor or 1.0
            gradients = [tf.constant(rng.normal(size=v.shape), v.dtype) * factor for v in variables]
            optimizer.apply(gradients, variables)
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        return optimizer_state.read(optimizer, self.trainables, self.params, self.port.variables)


@pytest.fixture(scope="module")
def recurrent() -> Model:
    return Model(gru=True)


@pytest.fixture(scope="module")
def dense() -> Model:
    return Model(gru=False)


def excluding(optimizer: Any, *names: str) -> Any:
    optimizer.exclude_from_weight_decay(var_names=list(names))
    return optimizer


HAT = {"b1": 0.9, "b2": 0.999, "epsilon": 1e-7, "epsilon_mode": "hat"}
ADAM = nnspec.Adam(0.01, **HAT)
# What is made, and what the spec calls it.
CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "Adam": (lambda: K.Adam(0.01), ADAM),
    "AMSGrad": (lambda: K.Adam(0.01, amsgrad=True), nnspec.Adam(0.01, **HAT, amsgrad="raw")),
    "AdamW": (
        lambda: K.AdamW(S.CosineDecay(0.01, 50, alpha=0.1, warmup_target=0.1, warmup_steps=4)),
        nnspec.AdamW(nnspec.WarmupCosine(0.1, 4, 54, start=0.01, end=0.1 * 0.1), **HAT, weight_decay=0.004),
    ),
    "AdamW of kernels": (
        lambda: excluding(K.AdamW(0.01), "bias", "gamma", "beta"),
        nnspec.AdamW(0.01, **HAT, weight_decay=0.004, decay="kernels"),
    ),
    "SGD": (lambda: K.SGD(0.1), nnspec.SGD(0.1)),
    "momentum": (
        lambda: K.SGD(S.ExponentialDecay(0.1, 10, 0.9), momentum=0.9, weight_decay=0.01),
        nnspec.Momentum(nnspec.ExponentialDecay(0.1, 10, 0.9), learning_rate_in_velocity=True, weight_decay=0.01),
    ),
    "Nesterov": (
        lambda: K.SGD(S.PiecewiseConstantDecay([3, 6], [0.1, 0.05, 0.01]), momentum=0.8, nesterov=True),
        nnspec.Nesterov(nnspec.Piecewise((4, 7), (0.1, 0.05, 0.01)), 0.8, learning_rate_in_velocity=True),
    ),
    "RMSprop": (lambda: K.RMSprop(0.01), nnspec.RMSProp(0.01)),
    "RMSprop, all of it": (
        lambda: K.RMSprop(0.01, 0.8, 0.7, 1e-3, centered=True),
        nnspec.RMSProp(0.01, 0.8, 1e-3, centered=True, momentum=0.7, learning_rate_in_velocity=True),
    ),
    "Adagrad": (lambda: K.Adagrad(S.PolynomialDecay(0.1, 20)), nnspec.AdaGrad(nnspec.PolynomialDecay(0.1, 20, 1e-4))),
    "Adadelta": (lambda: K.Adadelta(1.0), nnspec.AdaDelta(1.0, 0.95, 1e-7)),
    "Adamax": (lambda: K.Adamax(0.01), nnspec.Adamax(0.01, epsilon=1e-7, epsilon_in_maximum=False)),
    "Nadam": (lambda: K.Nadam(0.01), nnspec.NAdam(0.01, epsilon=1e-7, momentum_decay=1.0)),
    "Lion": (lambda: K.Lion(0.01, weight_decay=0.1), nnspec.Lion(0.01, weight_decay=0.1)),
    "Ftrl": (
        lambda: K.Ftrl(S.InverseTimeDecay(0.1, 5, 0.5), l1_regularization_strength=0.01, beta=0.1),
        nnspec.FTRL(nnspec.InverseTimeDecay(0.1, 5, 0.5), l1=0.01, beta=0.1),
    ),
    "average": (lambda: K.Adam(0.01, use_ema=True, ema_momentum=0.9), nnspec.EMA(ADAM, 0.9)),
    "accumulation": (
        lambda: K.Adam(0.01, gradient_accumulation_steps=3, use_ema=True),
        nnspec.EMA(nnspec.GradientAccumulation(ADAM, 3), 0.99),
    ),
    "loss scale": (
        lambda: K.LossScaleOptimizer(K.Adam(0.01), dynamic_growth_steps=4),
        nnspec.LossScale(ADAM, growth_interval=4),
    ),
    "fixed loss scale": (
        lambda: K.Adam(0.01, loss_scale_factor=128.0),
        nnspec.LossScale(ADAM, 128.0, growth_interval=None),
    ),
}
# These look at each tensor as a whole.
WHOLE: dict[str, tuple[Callable[[], Any], Any]] = {
    "Lamb": (
        lambda: K.Lamb(0.01, weight_decay=0.1),
        nnspec.LAMB(0.01, epsilon=1e-7, weight_decay=0.1, decay_in_ratio=False),
    ),
    "Adafactor": (lambda: K.Adafactor(0.01), nnspec.Adafactor(0.01)),
    "Muon": (lambda: K.Muon(0.01, exclude_layers=["^b/"], adam_weight_decay=0.1, nesterov=False), None),
    "clipped": (lambda: K.Adam(0.01, clipnorm=0.1), ADAM),
    "cut": (lambda: K.SGD(0.1, clipvalue=0.3), nnspec.SGD(0.1)),
    "clipped together": (lambda: K.SGD(0.1, global_clipnorm=0.5), nnspec.SGD(0.1)),
    "several": (
        lambda: K.MultiOptimizer(K.OptimizerMap(K.SGD(0.1, momentum=0.5), {".*bias": K.Adam(0.02)})),
        None,
    ),
}
CLIPS = {
    "clipped": nnspec.Clip(norm=0.1),
    "cut": nnspec.Clip(value=0.3),
    "clipped together": nnspec.Clip(global_norm=0.5),
}


def check(made: Model, state: OptimizerState) -> None:
    """The original updates as the spec does, and what is written for Keras is the state bit for bit, and does too."""
    assert int(state.variables[STEP]) == UPDATES
    found = verify_updates(state, made.params, made.port.variables, state.subject)  # type: ignore[arg-type]
    assert found.passed, found.message()
    assert not found.missing
    native = graph.realize(made.port.model, "float32")
    graph.write(native, made.port.variables)
    trainables = Trainables.written(native, native.model, made.names)
    written = export.realize(state, trainables, made.params)
    back = optimizer_state.read(written, trainables, made.params, made.port.variables)
    assert (back.optimizer, back.clip) == (state.optimizer, state.clip)
    assert not same_bits(state.variables, back.variables)
    found = verify_updates(state, made.params, made.port.variables, back.subject)  # type: ignore[arg-type]
    assert found.passed, found.message()


@pytest.mark.parametrize("name", CASES)
def test_an_optimizer_and_back(recurrent: Model, name: str) -> None:
    make, spec = CASES[name]
    state = recurrent.trained(make())
    assert state.optimizer == spec
    check(recurrent, state)


@pytest.mark.parametrize("name", WHOLE)
def test_an_optimizer_of_tensors_and_back(dense: Model, name: str) -> None:
    make, spec = WHOLE[name]
    state = dense.trained(make())
    assert spec is None or state.optimizer == spec
    assert state.clip == CLIPS.get(name)
    check(dense, state)


def test_slots_lie_as_their_parameters(recurrent: Model) -> None:
    """Gates change places in slots as in the kernel, against a formula of this test's own."""
    state = recurrent.trained(K.Adagrad(0.1, initial_accumulator_value=0.5), updates=1)
    rng = np.random.default_rng(2)
    gradient = rng.normal(size=(3, 12)).astype(np.float32)  # of the first variable, the kernel: z, r, n
    z, r, n = np.split(0.5 + gradient**2, 3, axis=-1)
    expected = np.concatenate([r, z, n], axis=-1)
    np.testing.assert_allclose(state.variables["optimizer/gru/kernel/accumulator"], expected, rtol=1e-6)


def test_one_that_has_not_begun(dense: Model) -> None:
    optimizer = K.Adagrad(0.1, initial_accumulator_value=0.5)
    state = optimizer_state.read(optimizer, dense.trainables, dense.params, dense.port.variables)
    assert int(state.variables[STEP]) == 0
    assert set(np.unique(state.variables["optimizer/a/kernel/accumulator"])) == {0.5}
    assert not optimizer.built  # it is left as it is


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: K.Adam(0.01, use_ema=True, ema_overwrite_frequency=3), "ema_overwrite_frequency"),
        (lambda: K.Adam(0.01, gradient_accumulation_steps=2, clipnorm=1.0), "clips the mean of accumulated gradients"),
        (lambda: K.SGD(S.CosineDecay(0.1, 9), gradient_accumulation_steps=2), "schedule counts batches"),
        (lambda: K.Adafactor(0.01, weight_decay=0.1), "weight_decay"),
        (lambda: K.SGD(lambda: 0.1), "its learning rate is a function"),
        (lambda: K.SGD(S.CosineDecayRestarts(0.1, 9, t_mul=1.5)), "t_mul=1.5"),
        (lambda: type("Mine", (K.SGD,), {})(0.1), "Mine, which is not one of Keras's own"),
        (lambda: K.ScheduleFreeAdamW(0.01), "takes z as it is after the update"),
    ],
)
def test_what_cannot_be_said_is_refused(dense: Model, make: Callable[[], Any], message: str) -> None:
    with pytest.raises(PortError, match=message):
        dense.trained(make(), updates=0)


def test_tensors_that_are_others_in_keras(recurrent: Model) -> None:
    with pytest.raises(PortError, match="gru/bias is another one in Keras"):
        recurrent.trained(K.Lamb(0.01), updates=0)


def test_keras_has_schedule_free_z_from_after_the_update() -> None:
    """Why ScheduleFreeAdamW is refused. If this fails, Keras has changed: it can be ported, then."""
    variable = keras.Variable(np.array([1.0, -2.0], np.float32))
    optimizer = K.ScheduleFreeAdamW(0.1)
    optimizer.build([variable])
    w = z = np.array([1.0, -2.0])
    v, wrong = np.zeros(2), w
    for t in range(1, 4):
        gradient = np.array([0.5, 0.3]) * t
        optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
        v = 0.999 * v + 0.001 * gradient**2
        after = z - 0.1 * gradient / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        for mistaken in (False, True):
            y, old = (wrong, after) if mistaken else (w, z)
            x = (1 - 1 / t) * (y - 0.1 * old) / 0.9 + after / t
            if mistaken:
                wrong = 0.1 * after + 0.9 * x
            else:
                w = 0.1 * after + 0.9 * x
        z = after
    np.testing.assert_allclose(np.array(variable), wrong, rtol=1e-4)
    assert np.abs(np.array(variable) - w).max() > 1e-3


def test_a_wrong_convention_is_found(dense: Model) -> None:
    """The same state as an Adam with the other epsilon: verification names the first that diverges."""
    state = dense.trained(K.Adam(0.01))
    wrong = OptimizerState(nnspec.Adam(0.01, epsilon=1e-7), state.variables)
    found = verify_updates(wrong, dense.params, dense.port.variables, state.subject)  # type: ignore[arg-type]
    assert not found.passed
    assert found.first is not None and found.first.what == "parameter"
    broken = dict(state.variables)
    broken["optimizer/a/kernel/v"] = broken["optimizer/a/kernel/v"] * 1.001
    wrong = OptimizerState(state.optimizer, broken)
    found = verify_updates(wrong, dense.params, dense.port.variables, state.subject)  # type: ignore[arg-type]
    failed = {figure.name for figure in found.figures() if figure.status == "failed"}
    assert failed == {"a/kernel", "optimizer/a/kernel/v"}


@pytest.mark.jax
@pytest.mark.parametrize(
    "name",
    [
        "Adam",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("AMSGrad", "Nesterov", "RMSprop, all of it")),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("Nadam", "Ftrl", "loss scale")),
    ],
)
def test_optax_goes_on_from_it(recurrent: Model, name: str) -> None:
    """The state in Optax's own states, by nnspec's backend: the next updates are Keras's."""
    pytest.importorskip("nnspec_jax.backend", reason="the jax backend is not installed")
    jax = pytest.importorskip("jax", reason="the jax backend is not installed")
    optax = pytest.importorskip("optax", reason="the jax backend is not installed")
    from nnspec_jax.optimizers import build
    from nnspec_jax.slots import get_slots, set_slots

    state = recurrent.trained(CASES[name][0]())
    rng = np.random.default_rng(5)
    parameters = {n: np.asarray(recurrent.port.variables[n], np.float64) for n in recurrent.names}
    gradients = [{n: rng.normal(size=x.shape) for n, x in parameters.items()} for _ in range(3)]
    assert state.subject is not None
    by_keras = state.subject.update(parameters, gradients)
    slots: dict[str, dict[str, Any]] = {}
    for full, value in state.variables.items():
        if full not in (STEP, SCALE):
            parameter, _, slot = full.removeprefix("optimizer/").rpartition("/")
            slots.setdefault(slot, {})[parameter] = value.astype(np.float64)
    with jax.enable_x64(True):
        transformation = build(state.optimizer, jax.numpy.dtype("float64"), of_kernels(recurrent.params))
        values = {n: jax.numpy.asarray(x) for n, x in parameters.items()}
        own = set_slots(transformation.init(values), slots, jax.numpy.int32(UPDATES))
        for given in gradients:
            updates, own = transformation.update(given, own, values)
            values = optax.apply_updates(values, updates)
        found = {slot: dict(held) for slot, held in get_slots(state.optimizer, own).items()}
    tolerance = 1e-6 if name == "Nadam" else 1e-11  # Keras's Nadam rounds 0.96
    for n in parameters:
        np.testing.assert_allclose(values[n], by_keras[n], rtol=tolerance, atol=tolerance)
        for slot, held in found.items():
            if n in held:
                np.testing.assert_allclose(held[n], by_keras[f"optimizer/{n}/{slot}"], rtol=tolerance, atol=1e-14)


# -- files ------------------------------------------------------------------------------------------------------------


def compiled(optimizer: Any, *, frozen: bool = False) -> Any:
    model = network(gru=False)
    model.get_layer("a").trainable = not frozen
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(32, 5, 3)), rng.normal(size=(32, 2)), epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_files_hold_their_optimizer(tmp_path: Path, suffix: str) -> None:
    model = compiled(K.AdamW(S.CosineDecay(0.01, 50), clipnorm=0.7))
    model.save(tmp_path / f"model{suffix}")
    from nnspec_tensorflow.porting.importer import KerasImporter

    found, own = (
        KerasImporter().from_file(tmp_path / f"model{suffix}", Reading()),
        KerasImporter().from_object(model, Reading()),
    )
    assert found.optimizer is not None and own.optimizer is not None
    assert found.optimizer.optimizer == own.optimizer.optimizer
    assert found.optimizer.clip == nnspec.Clip(norm=0.7)
    assert not same_bits(found.optimizer.variables, own.optimizer.variables)
    assert any("exclude_from_weight_decay" in note for note in found.notes)


def test_parameters_that_are_not_trained_stay(tmp_path: Path) -> None:
    """A frozen layer has no slots; what is written for Keras leaves it as it is, too."""
    model = compiled(K.SGD(0.1, momentum=0.9), frozen=True)
    port = live.port(model, Reading())
    assert port.optimizer is not None
    assert isinstance(port.optimizer.optimizer, nnspec.MultiOptimizer)
    assert port.optimizer.optimizer.of("a/kernel") == nnspec.Frozen()
    assert "optimizer/a/kernel/velocity" not in port.optimizer.variables
    exporter = keras_file.KerasExporter()
    exporter.write(port, tmp_path / "out.keras")
    again = keras.models.load_model(tmp_path / "out.keras")
    before = np.array(again.get_layer("a").kernel)
    again.compile(again.optimizer, "mse")
    again.train_on_batch(np.ones((4, 5, 3)), np.ones((4, 2)))
    np.testing.assert_array_equal(before, np.array(again.get_layer("a").kernel))


def test_training_goes_on_in_the_file_that_was_written(tmp_path: Path) -> None:
    """Plain Keras loads it with its optimizer, and the next losses are those of the original."""
    model = compiled(excluding(K.AdamW(0.01, weight_decay=0.1), "bias"))
    port = live.port(model, Reading())
    exporter = keras_file.KerasExporter()
    exporter.write(port, tmp_path / "out.keras")
    again = keras.models.load_model(tmp_path / "out.keras")
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations)
    again.compile(again.optimizer, "mse")
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(16, 5, 3)), rng.normal(size=(16, 2))
    for _ in range(10):
        np.testing.assert_allclose(again.train_on_batch(x, y), model.train_on_batch(x, y), rtol=1e-5)


QUICK = ["--backend", "jax", "--no-gradients", "--verify-in", "float32"]


@pytest.mark.jax
def test_a_user_ports_a_file_with_its_optimizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keras's file to Flax source: the optimizer comes along by itself, stays behind on request, and is verified."""
    pytest.importorskip("nnspec_jax.backend", reason="the jax backend is not installed")
    from nnspec.cli.main import run

    monkeypatch.chdir(tmp_path)
    compiled(K.Adam(0.01)).save("model.keras")
    asked = ["port", "model.keras", "--to", "flax", *QUICK]
    assert run([*asked, "-o", "out", "--report", "r.json", "--report", "r.html"]) == 0
    printed = capsys.readouterr().out
    assert "and the optimizer updates as it did" in printed
    assert "The optimizer, Adam, came along with its state after 2 updates." in printed
    assert "scale_by_adam_hat(b1=0.9, b2=0.999, eps=1e-7)" in Path("out/optimizer.py").read_text()
    checks = json.loads(Path("r.json").read_text())["checks"]
    for name in ("optimizer import", "optimizer export"):
        rows = {row["name"]: row for row in checks[name]["passes"][0]["figures"]}
        assert rows["optimizer/a/kernel/v"]["status"] == "passed" and rows["a/kernel"]["what"] == "parameter"
    assert "optimizer/a/kernel/v" in Path("r.html").read_text()
    assert run([*asked, "-o", "bare", "--no-optimizer"]) == 0
    assert not Path("bare/optimizer.py").exists()
    # An importer that takes epsilon for the paper's.
    monkeypatch.setattr(optimizer_state, "plain", lambda optimizer, exact: nnspec.Adam(0.01, epsilon=1e-7))
    capsys.readouterr()
    assert run([*asked, "-o", "wrong"]) == 1
    assert "the optimizer of what was read does not update as the other side does" in capsys.readouterr().err
    assert not Path("wrong").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_name": "Popen"}, "Popen, which is not one of Keras's own"),
        ({"config": {"learning_rate": {"class_name": "function", "config": "os:system"}}}, "damaged"),
        ({"config": {"learning_rate": 0.1, "momentum": [{"a": 1}]}}, "is no number"),
        ({"config": {"learning_rate": 0.1, "shell": "true"}}, "no option 'shell'"),
        ({"config": {"learning_rate": "x" * 5}}, "damaged"),
        ({"config": 3}, "damaged"),
    ],
)
def test_hostile_configs_are_data(change: dict[str, Any], message: str) -> None:
    from nnspec_tensorflow.porting.optimizer_files import made

    entry = {"class_name": "SGD", "config": {"learning_rate": 0.1}, **change}
    with pytest.raises(PortError, match=message):
        made(json.loads(json.dumps(entry)), "3.15.1")


def test_optimizers_of_keras_2(dense: Model) -> None:
    """Before 2.11 the count stands first, then each slot of all variables, and time decays rates."""
    from nnspec_tensorflow.porting.optimizer_files import _ordered, made, translated

    entry = {"class_name": "Adam", "config": {"name": "Adam", "learning_rate": 0.01, "decay": 0.1, "beta_1": 0.8}}
    optimizer = made(translated(entry, "2.4.0"), "2.4.0")
    optimizer.build(dense.model.trainable_variables)
    rng = np.random.default_rng(3)
    shapes = [tuple(v.shape) for v in dense.model.trainable_variables]
    m, v = ([rng.uniform(size=shape) for shape in shapes] for _ in range(2))
    variables = [("iter", np.array(7)), *((str(i), x) for i, x in enumerate([*m, *v]))]
    for variable, value in zip(optimizer.variables, _ordered(optimizer, variables, True), strict=True):
        variable.assign(tf.cast(value, variable.dtype))
    state = optimizer_state.read(optimizer, dense.trainables, dense.params, dense.port.variables)
    assert state.optimizer == nnspec.Adam(nnspec.InverseTimeDecay(0.01, 1, 0.1), **{**HAT, "b1": 0.8})
    assert int(state.variables[STEP]) == 7
    np.testing.assert_array_equal(state.variables["optimizer/a/kernel/v"], v[0].astype(np.float32))
    for name in ("Adagrad", "Nadam", "RMSprop"):
        with pytest.raises(PortError, match=f"{name} of Keras 2.4.0"):
            translated({"class_name": name, "config": {"learning_rate": 0.1}}, "2.4.0")
    with pytest.raises(PortError, match="not those of this model"):
        _ordered(optimizer, variables[:-1], True)


def test_reference_goes_on_by_itself(dense: Model) -> None:
    """The reference in float64 is no other thing than SGD by hand."""
    state = dense.trained(K.SGD(0.1), updates=0)
    w = {"a/kernel": np.ones((2, 2))}
    found = reference(state, w, [{"a/kernel": np.full((2, 2), 0.5)}] * 2, frozenset())
    np.testing.assert_allclose(found["a/kernel"], 0.9)
    assert isinstance(dense.port, Port)
