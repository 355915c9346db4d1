"""Optimizers of Flax models: read out of Optax's closures and states, and written as source with its state."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnspec
from nnspec.backends import Array
from nnspec.errors import PortError, VerificationError
from nnspec.porting import from_flax
from nnspec.porting.optimizer import SCALE, STEP, of_kernels, reference, started, trained
from nnspec.porting.port import OptimizerState, Port
from nnspec.porting.porting import port
from tests.porting.flax_files import port_of, ruff

jax = pytest.importorskip("jax", reason="the jax backend is not installed")
nnx = pytest.importorskip("flax.nnx", reason="the jax backend is not installed")
optax = pytest.importorskip("optax", reason="the jax backend is not installed")
pytest.importorskip("nnspec_jax.backend", reason="the jax backend is not installed")
jnp = jax.numpy
pytestmark = pytest.mark.jax


class Net(nnx.Module):  # type: ignore[misc, name-defined, unused-ignore]
    """What a user has written."""

    def __init__(self, rngs: Any) -> None:
        self.first = nnx.Linear(5, 6, rngs=rngs)
        self.norm = nnx.BatchNorm(6, rngs=rngs)
        self.last = nnx.Linear(6, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.last(jnp.tanh(self.norm(self.first(x))))


def trained_by(transformation: Any, updates: int = 4) -> tuple[Net, Any]:
    """A module and its optimizer after a few updates of real training."""
    model = Net(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, transformation, wrt=nnx.Param)
    rng = np.random.default_rng(0)

    @nnx.jit
    def update(model: Net, optimizer: Any, x: Any) -> None:
        optimizer.update(model, nnx.grad(lambda model: (model(x) ** 2).mean())(model))

    for _ in range(updates):
        update(model, optimizer, jnp.asarray(rng.normal(size=(4, 5)), jnp.float32))
    return model, optimizer


def kernels(params: Any) -> Any:
    def is_kernel(path: Any, _: Any) -> bool:
        return any(getattr(key, "key", "") == "kernel" for key in path)

    return jax.tree_util.tree_map_with_path(is_kernel, params)


ADAM = nnspec.Adam(0.01)
READ: dict[str, tuple[Callable[[], Any], Any]] = {
    "adam": (lambda: optax.adam(0.01), ADAM),
    "adamw": (
        lambda: optax.adamw(optax.warmup_cosine_decay_schedule(0.0, 0.1, 3, 30), mask=kernels),
        nnspec.AdamW(nnspec.WarmupCosine(0.1, 3, 30), weight_decay=1e-4, decay="kernels"),
    ),
    "nesterov": (
        lambda: optax.sgd(optax.exponential_decay(0.1, 10, 0.9), momentum=0.9, nesterov=True),
        nnspec.Nesterov(nnspec.ExponentialDecay(0.1, 10, 0.9)),
    ),
    "rmsprop": (
        lambda: optax.rmsprop(0.1, momentum=0.5, centered=True),
        nnspec.RMSProp(0.1, epsilon=1e-8, centered=True, momentum=0.5, learning_rate_in_velocity=True),
    ),
    "frozen": (
        lambda: optax.partition({"a": optax.adam(0.01), "b": optax.set_to_zero()}, lambda p: jax.tree.map(
            lambda kernel: "a" if kernel else "b", kernels(p)
        )),
        None,
    ),
}  # fmt: skip
MORE: dict[str, tuple[Callable[[], Any], Any]] = {
    "sgd": (lambda: optax.sgd(0.1), nnspec.SGD(0.1)),
    "clipped": (
        lambda: optax.chain(
            optax.clip_by_global_norm(0.1), optax.adam(optax.piecewise_constant_schedule(0.1, {3: 0.5}))
        ),
        nnspec.Adam(nnspec.Piecewise((3,), (0.1, 0.05))),
    ),
    "lion": (lambda: optax.lion(0.1), nnspec.Lion(0.1, weight_decay=1e-3)),
    "lamb": (lambda: optax.lamb(0.1, weight_decay=0.1), nnspec.LAMB(0.1, weight_decay=0.1)),
    "adagrad": (lambda: optax.adagrad(0.1), nnspec.AdaGrad(0.1)),
    "adadelta": (lambda: optax.adadelta(0.1), nnspec.AdaDelta(0.1)),
    "adamax": (lambda: optax.adamax(0.1), nnspec.Adamax(0.1)),
    "nadam": (lambda: optax.nadam(0.1), nnspec.NAdam(0.1, momentum_decay=None)),
    "radam": (lambda: optax.radam(0.1), nnspec.RAdam(0.1)),
    "adabelief": (lambda: optax.adabelief(0.1), nnspec.AdaBelief(0.1)),
    "amsgrad": (lambda: optax.amsgrad(0.1), nnspec.Adam(0.1, amsgrad="corrected")),
    "yogi": (lambda: optax.yogi(0.1), nnspec.Yogi(0.1)),
    "adan": (
        lambda: optax.adan(0.1, weight_decay=0.1),
        nnspec.Adan(0.1, epsilon_root=1e-8, factor="1 - b2", weight_decay=0.1),
    ),
    "novograd": (
        lambda: optax.novograd(0.1, weight_decay=0.1),
        nnspec.NovoGrad(0.1, 0.9, 0.25, epsilon=1e-6, weight_decay=0.1),
    ),
    "adafactor": (
        lambda: optax.adafactor(0.1, min_dim_size_to_factor=5, weight_decay_rate=0.01),
        nnspec.Adafactor(0.1, weight_decay=0.01 / 0.1, relative_step=False, axes="largest", min_size_to_factor=5),
    ),
    "adafactor without": (
        lambda: optax.adafactor(
            optax.exponential_decay(0.1, 10, 0.9), multiply_by_parameter_scale=False, clipping_threshold=None
        ),
        nnspec.Adafactor(
            nnspec.ExponentialDecay(0.1, 10, 0.9),
            clip_threshold=None,
            relative_step=False,
            scale_parameter=False,
            axes="largest",
            min_size_to_factor=128,
        ),
    ),
    "lars": (
        lambda: optax.lars(0.1, weight_decay=0.01, weight_decay_mask=kernels, eps=1e-3),
        nnspec.LARS(0.1, weight_decay=0.01, decay="kernels", epsilon=1e-3, joint_norm=True),
    ),
    "sm3": (lambda: optax.sm3(0.1), nnspec.SM3(0.1)),
    "accumulation": (lambda: optax.MultiSteps(optax.adam(0.01), 3), nnspec.GradientAccumulation(ADAM, 3)),
    "injected": (lambda: optax.inject_hyperparams(optax.sgd)(learning_rate=0.5), nnspec.SGD(0.5)),
}  # fmt: skip


@pytest.mark.parametrize("name", [*READ, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)])
def test_what_a_transformation_is(name: str) -> None:
    """Recognized by its closures; from_flax makes the next updates of both and compares them."""
    make, spec = {**READ, **MORE}[name]
    model, optimizer = trained_by(make())
    made = from_flax(model, jnp.ones((2, 5)), optimizer=optimizer, backend="jax")
    state = made.optimizer
    assert state is not None
    assert int(state.variables[STEP]) == 4
    assert spec is None or state.optimizer == spec
    assert state.clip == (nnspec.Clip(global_norm=0.1) if name == "clipped" else None)
    if name == "frozen":
        assert state.optimizer.of("first/bias") == nnspec.Frozen()
        assert state.optimizer.of("first/kernel") == ADAM
    if name == "adam":  # as it lies in Optax's state
        mu = optimizer.opt_state[0].mu["first"]["kernel"]
        np.testing.assert_array_equal(state.variables["optimizer/first/kernel/m"], np.asarray(mu[...]))


def test_tensors_that_lie_otherwise_have_other_rows_and_columns() -> None:
    from nnspec_jax.porting.optax_places import Places

    turned = Places(("w",), ((2, 3),), {"dense/kernel": np.arange(6).reshape(2, 3).T})
    turned.demand_tensors()
    assert turned.tensor("dense/kernel") == "w"
    with pytest.raises(PortError, match="looks at rows and columns, and dense/kernel has others in Flax"):
        turned.demand_tensors(in_order=True)
    Places(("w",), ((2, 3),), {"dense/kernel": np.arange(6).reshape(2, 3)}).demand_tensors(in_order=True)


def test_a_transformation_with_its_state() -> None:
    model, optimizer = trained_by(optax.adam(0.01))
    given = nnx.as_pure(optimizer.opt_state)
    made = from_flax(model, jnp.ones((2, 5)), optimizer=optimizer.tx, state=given, backend="jax")
    assert made.optimizer is not None and made.optimizer.optimizer == ADAM


def test_an_optimizer_that_the_user_names() -> None:
    """A transformation of the user's own is told by name, and verified."""

    def halved(inner: Any) -> Any:
        def update(grads: Any, state: Any, params: Any = None) -> Any:
            updates, state = inner.update(grads, state, params)
            return jax.tree.map(lambda u: u / 2, updates), state

        return optax.GradientTransformation(inner.init, update)

    model, optimizer = trained_by(halved(optax.adam(0.01)))
    x = jnp.ones((2, 5))
    with pytest.raises(PortError, match="is not Optax's own: name the optimizer yourself"):
        from_flax(model, x, optimizer=optimizer, check=False)
    made = from_flax(model, x, optimizer=nnspec.Adam(0.005), state=optimizer, backend="jax")
    assert made.optimizer is not None and int(made.optimizer.variables[STEP]) == 4
    with pytest.raises(VerificationError, match="diverges"):
        from_flax(model, x, optimizer=nnspec.Adam(0.01), state=optimizer, backend="jax")
    state = nnx.as_pure(optimizer.opt_state)
    told = from_flax(model, x, optimizer=nnspec.Adam(0.005), state=state, check=False)
    assert told.optimizer is not None and told.optimizer.subject is None
    with pytest.raises(PortError, match="has the slot velocity, and no state has trace"):
        from_flax(model, x, optimizer=nnspec.Momentum(0.1), state=state, check=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax.fromage(0.1), "scale_by_"),
        (lambda: optax.rprop(0.1), "takes each step one update late"),
        (lambda: optax.chain(optax.contrib.scale_by_muon(), optax.scale(-0.1)), "the spec's adds them up"),
        (lambda: optax.adafactor(0.1, momentum=0.9), "is none that nnspec knows"),
        (lambda: optax.lars(0.1, trust_ratio_mask=kernels), "optax.masked around scale_by_trust_ratio"),
        (lambda: optax.lars(0.1, nesterov=True), "trace with nesterov=True"),
        (lambda: optax.adam(lambda step: 0.1), "the schedule"),
        (lambda: optax.adam(0.1, eps_root=1e-3), "eps_root"),
        (lambda: optax.scale_by_adam(), "has no learning rate"),
        (lambda: optax.chain(optax.scale_by_adam(), optax.scale(0.1)), "goes up the gradient"),
    ],
)
def test_transformations_that_the_spec_lacks(make: Callable[[], Any], message: str) -> None:
    from nnspec_jax.porting.optax_parts import taken_apart
    from nnspec_jax.porting.optax_rules import rule

    transformation = make()
    with pytest.raises(PortError, match=message):
        rule(taken_apart(transformation, transformation.init({"w": jnp.ones(3)})).parts)


# -- source -----------------------------------------------------------------------------------------------------------

MODEL = nnspec.Sequential((nnspec.Dense(6), nnspec.BatchNorm(), nnspec.Dense(3)), input=(5,))


def with_state(spec: Any, clip: nnspec.Clip | None = None, updates: int = 6) -> Port:
    """A port with an optimizer after updates with random gradients, in float32."""
    made = port_of(MODEL)
    params, rng = MODEL.params(), np.random.default_rng(3)
    values = {name: made.variables[name].astype(np.float64) for name in trained(params)}
    start = started(spec, values)
    state = OptimizerState(spec, {**start, STEP: np.array(0), SCALE: np.array(1.0)}, clip)
    gradients = [{name: rng.normal(size=x.shape) for name, x in values.items()} for _ in range(updates)]
    after = reference(state, values, gradients, of_kernels(params))
    slots = {name: after[name].astype(np.float32) for name in start}
    variables: dict[str, Array] = {**slots, STEP: np.array(updates), SCALE: np.array(1.0)}
    return Port(made.model, made.variables, optimizer=OptimizerState(spec, variables, clip))


HAT = {"epsilon_mode": "hat"}
WRITTEN: dict[str, tuple[Any, nnspec.Clip | None]] = {
    "adamw": (
        nnspec.AdamW(nnspec.WarmupCosine(0.01, 4, 30), weight_decay=0.1, decay="kernels", **HAT),
        nnspec.Clip(value=0.3),
    ),
    "parts": (
        nnspec.MultiOptimizer(ADAM, (("dense/bias", nnspec.Momentum(0.1)), ("scale", nnspec.Frozen()))),
        nnspec.Clip(global_norm=0.5),
    ),
    "nadam": (nnspec.NAdam(0.01, momentum_decay=1.0), None),
}
ALSO: dict[str, tuple[Any, nnspec.Clip | None]] = {
    "sgd": (nnspec.SGD(0.1), None),
    "momentum": (
        nnspec.Momentum(0.1, learning_rate_in_velocity=True, weight_decay=0.1, decay="kernels"),
        nnspec.Clip(norm=0.5),
    ),
    "nesterov": (nnspec.Nesterov(nnspec.CosineDecay(0.1, 50)), None),
    "amsgrad": (nnspec.Adam(0.01, amsgrad="raw", **HAT), None),
    "amsgrad of optax": (nnspec.Adam(0.01, amsgrad="corrected"), None),
    "adagrad": (nnspec.AdaGrad(nnspec.InverseTimeDecay(0.1, 5, 0.5)), None),
    "rmsprop": (
        nnspec.RMSProp(
            nnspec.ExponentialDecay(0.01, 10, 0.9), centered=True, momentum=0.9, learning_rate_in_velocity=True
        ),
        None,
    ),
    "rmsprop beside": (nnspec.RMSProp(0.01, momentum=0.9, epsilon_in_root=False, weight_decay=0.1), None),
    "adamax": (nnspec.Adamax(0.01), None),
    "adamax of keras": (nnspec.Adamax(0.01, epsilon_in_maximum=False), None),
    "nadam of optax": (nnspec.NAdam(0.01, momentum_decay=None), None),
    "radam": (nnspec.RAdam(0.01), None),
    "adabelief": (nnspec.AdaBelief(0.01), None),
    "lion": (nnspec.Lion(0.01), None),
    "adadelta": (nnspec.AdaDelta(1.0), None),
    "lamb": (nnspec.LAMB(0.01, weight_decay=0.1), None),
    "lamb of keras": (nnspec.LAMB(0.01, decay_in_ratio=False), None),
    "accumulation": (nnspec.GradientAccumulation(nnspec.Adam(nnspec.LinearDecay(0.01, 9)), 3), None),
    "yogi": (nnspec.Yogi(0.01, weight_decay=0.1), None),
    "adan": (nnspec.Adan(0.01, factor="1 - b2", weight_decay=0.1), None),
    "novograd": (nnspec.NovoGrad(0.01, weight_decay=0.1), nnspec.Clip(global_norm=0.5)),
    "lars": (nnspec.LARS(0.1, weight_decay=0.1, decay="kernels", joint_norm=True), None),
    "lars without": (nnspec.LARS(nnspec.CosineDecay(0.1, 50), epsilon=1e-3), None),
    "adafactor": (nnspec.Adafactor(0.01, relative_step=False, weight_decay=0.1, axes="largest"), None),
    "adafactor of keras": (nnspec.Adafactor(0.5), None),
    "adafactor of keras by a schedule": (nnspec.Adafactor(nnspec.LinearDecay(0.5, 20)), None),
    "adafactor whole": (
        nnspec.Adafactor(0.01, relative_step=False, scale_parameter=False, clip_threshold=None, min_size_to_factor=99),
        None,
    ),
    "parts of many": (
        nnspec.MultiOptimizer(
            nnspec.Adan(0.01, factor="1 - b2"), (("dense/bias", ADAM), ("dense_1/kernel", nnspec.NovoGrad(0.1)))
        ),
        None,
    ),
}  # fmt: skip
# Runs the source where nnspec cannot be imported, and says what an update makes of the first kernel.
ALONE = """
import sys, json
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("nnspec", "nnspec_jax", "tensorflow", "keras"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import jax, model, optimizer
net = model.load()
made = optimizer.load(net)
before = net.dense.kernel[...].copy()
made.update(net, jax.tree.map(jax.numpy.ones_like, model.nnx.state(net, model.nnx.Param)))
print(json.dumps([int(made.step[...]), float(abs(net.dense.kernel[...] - before).max())]))
"""


@pytest.mark.parametrize("name", [*WRITTEN, *(pytest.param(name, marks=pytest.mark.slow) for name in ALSO)])
def test_source_goes_on_from_the_state(tmp_path: Path, name: str) -> None:
    """It is loaded as its users will, holds the state bit for bit, and updates as the spec says."""
    spec, clip = {**WRITTEN, **ALSO}[name]
    out = tmp_path / "out"
    made = port(with_state(spec, clip), "flax", out, gradients=False, dtypes=["float32"], backend="jax").report
    assert made.passed and "optimizer export" in made.checks, made.notes
    assert not made.checks["optimizer export"].missing
    text = (out / "optimizer.py").read_text()
    assert "nnspec" not in text
    ruff(out / "optimizer.py")


def test_source_runs_without_nnspec(tmp_path: Path) -> None:
    out = tmp_path / "out"
    port(with_state(nnspec.Adam(0.01, **HAT)), "flax", out, gradients=False, dtypes=["float32"], backend="jax")
    done = subprocess.run([sys.executable, "-c", ALONE, str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    step, change = json.loads(done.stdout)
    assert step == 7
    assert 0.001 < change < 0.02


def test_an_optimizer_without_source_is_left_out(tmp_path: Path) -> None:
    made = port(
        with_state(nnspec.EMA(ADAM)), "flax", tmp_path / "out", gradients=False, dtypes=["float32"], backend="jax"
    ).report
    assert made.passed
    assert any(note.startswith("The optimizer was left out: EMA") for note in made.notes)
    assert not (tmp_path / "out" / "optimizer.py").exists()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (nnspec.Muon(), "Muon has no source of Optax's transformations: Optax's averages gradients"),
        (nnspec.FTRL(), "Optax has none"),
        (nnspec.SM3(), "files of arrays do not hold"),
        (nnspec.Rprop(), "each step one update late"),
        (nnspec.LossScale(ADAM), "a training loop does"),
        (nnspec.Adan(), "factor 1 - b2"),
        (nnspec.LARS(weight_decay=0.1), "joint_norm"),
        (nnspec.NovoGrad(weight_decay=0.1, decay="kernels"), "decay of some parameters"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_why_an_optimizer_has_no_source(spec: Any, why: str) -> None:
    from nnspec_jax.porting.export.module import Source
    from nnspec_jax.porting.export.optimizer_module import OptimizerSource

    params = MODEL.params()
    with pytest.raises(PortError, match=why):
        OptimizerSource(OptimizerState(spec, {STEP: np.array(0)}), Source(MODEL), params)


def test_rows_and_columns_that_optax_takes_otherwise() -> None:
    """The last two axes of a kernel are not the two largest."""
    from nnspec_jax.porting.export.module import Source
    from nnspec_jax.porting.export.optimizer_module import OptimizerSource

    model = nnspec.Sequential((nnspec.Conv(2, (3, 3)),), input=(8, 8, 2))
    state = OptimizerState(nnspec.Adafactor(relative_step=False), {STEP: np.array(0)})
    with pytest.raises(PortError, match="the two largest axes of conv/kernel for rows and columns"):
        OptimizerSource(state, Source(model), model.params())


def test_a_format_that_holds_no_optimizer_says_so(tmp_path: Path) -> None:
    made = port(
        with_state(ADAM), "stablehlo", tmp_path / "out", gradients=False, dtypes=["float32"], backend="jax"
    ).report
    assert any("stablehlo holds no optimizer" in note for note in made.notes)


def test_nnspec_directories_keep_it_with_its_clipping(tmp_path: Path) -> None:
    given = with_state(nnspec.AdamW(0.01), nnspec.Clip(norm=0.5))
    made = port(given, "nnspec", tmp_path / "out", gradients=False, dtypes=["float32"], backend="jax").report
    assert made.passed
    from nnspec.porting.directory import DirectoryImporter
    from nnspec.porting.formats import Reading

    found = DirectoryImporter().from_file(tmp_path / "out", Reading()).optimizer
    assert found is not None and given.optimizer is not None
    assert (found.optimizer, found.clip) == (given.optimizer.optimizer, given.optimizer.clip)
    left = port(
        given, "nnspec", tmp_path / "bare", optimizer=False, gradients=False, dtypes=["float32"], backend="jax"
    ).report
    assert not any("ptimizer" in note for note in left.notes)
    assert not (tmp_path / "bare" / "optimizer.yaml").exists()
