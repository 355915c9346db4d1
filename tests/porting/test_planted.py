"""Mistakes that ports really have, planted one at a time: each is found, and the node that has it is named."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec
from nnspec.backends import Array, Arrays, FloatType, Gradients, backend as find_backend
from nnspec.model import Model, Sequential
from nnspec.porting.net_subject import NetSubject
from nnspec.porting.verify import verify
from tests.porting.subjects import ReferenceSubject, changed, random_variables, with_layer

pytestmark = pytest.mark.jax
DEPTH = 12


def deep() -> Model:
    """Twelve blocks with square kernels, of which each could be transposed, behind a recurrent layer and a norm."""
    x = nnspec.symbol((5, 6), name="x")
    h = nnspec.LSTM(8, return_sequences=True)(x)
    h = nnspec.BatchNorm(epsilon=1e-3)(h)
    for _ in range(DEPTH):
        y = nnspec.LayerNorm(epsilon=1e-5)(h)
        y = nnspec.Dense(8)(y)
        y = nnspec.GELU()(y)
        h = h + y
    return Model(inputs=x, outputs=nnspec.Dense(3)(nnspec.GlobalAvgPool()(h)))


MODEL = deep()
VARIABLES = random_variables(MODEL)


def found(subject: ReferenceSubject) -> tuple[str, float]:
    """The first node that diverges, and its relative error."""
    made = verify(MODEL, VARIABLES, subject, backend="jax", gradients=False, training=False)
    assert not made.passed and made.first is not None
    assert made.first.name in made.message()
    return made.first.name, made.first.relative


def swapped_gates(kernel: Array) -> Array:
    i, f, g, o = np.split(kernel, 4, -1)
    return np.concatenate([i, f, o, g], -1)


def test_the_right_variables_pass() -> None:
    made = verify(MODEL, VARIABLES, ReferenceSubject(MODEL, VARIABLES), backend="jax", gradients=False)
    assert made.passed, made.message()
    assert [each.name for each in made.passes] == [
        *("float64, inference", "float64, training"),
        *("float32, inference", "float32, training"),
    ]
    assert made.counted("node") == 2 + 4 * DEPTH + 2 and made.counted("statistic") == 2
    assert not made.missing and not made.rounding


@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32",)], ids=["float64", "float32 alone"])
def test_a_transposed_square_kernel(dtypes: tuple[FloatType, ...]) -> None:
    wrong = changed(VARIABLES, "dense_7/kernel", VARIABLES["dense_7/kernel"].T)
    assert found(ReferenceSubject(MODEL, wrong, dtypes=dtypes))[0] == "dense_7"


def test_exchanged_gates() -> None:
    wrong = {name: swapped_gates(v) if name.startswith("lstm/") else v for name, v in VARIABLES.items()}
    assert found(ReferenceSubject(MODEL, wrong))[0] == "lstm"


def test_exchanged_statistics() -> None:
    wrong = {
        **VARIABLES,
        "batch_norm/mean": VARIABLES["batch_norm/var"],
        "batch_norm/var": VARIABLES["batch_norm/mean"] ** 2,
    }
    assert found(ReferenceSubject(MODEL, wrong))[0] == "batch_norm"


@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32",)], ids=["float64", "float32 alone"])
def test_another_epsilon(dtypes: tuple[FloatType, ...]) -> None:
    wrong = with_layer(MODEL, "layer_norm_9", nnspec.LayerNorm(epsilon=1.2e-4))
    assert found(ReferenceSubject(wrong, VARIABLES, dtypes=dtypes))[0] == "layer_norm_9"


def test_an_epsilon_in_single_precision() -> None:
    """The smallest mistake there is: a constant that went through float32."""
    wrong = with_layer(MODEL, "batch_norm", nnspec.BatchNorm(epsilon=float(np.float32(1e-3))))
    name, error = found(ReferenceSubject(wrong, VARIABLES))
    assert name == "batch_norm" and 1e-13 < error < 1e-9


@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32",)], ids=["float64", "float32 alone"])
def test_the_other_gelu_in_one_layer_of_twelve(dtypes: tuple[FloatType, ...]) -> None:
    wrong = with_layer(MODEL, "gelu_10", nnspec.GELU(approximate=True))
    name, error = found(ReferenceSubject(wrong, VARIABLES, dtypes=dtypes))
    assert name == "gelu_10" and error < 1e-2


def test_small_faults_in_single_precision() -> None:
    """The largest weight of 64, off by a ten-thousandth."""
    kernel = VARIABLES["dense_3/kernel"].copy()
    kernel.reshape(-1)[np.abs(kernel).argmax()] *= 1.0001
    wrong = changed(VARIABLES, "dense_3/kernel", kernel)
    assert found(ReferenceSubject(MODEL, wrong, dtypes=("float32",)))[0] == "dense_3"


def test_a_mistake_in_a_node_that_is_not_shown() -> None:
    """The next node that is shown is named, and the hidden one as where it may be."""
    wrong = changed(VARIABLES, "dense_7/kernel", VARIABLES["dense_7/kernel"].T)
    subject = ReferenceSubject(MODEL, wrong, hidden=frozenset(("dense_7", "layer_norm_7")))
    made = verify(MODEL, VARIABLES, subject, backend="jax", gradients=False, training=False)
    assert made.first is not None and made.first.name == "gelu_7"
    assert made.missing == ("layer_norm_7", "dense_7")
    assert made.suspects("gelu_7") == ("dense_7", "layer_norm_7")
    assert "not compared right before it: dense_7, layer_norm_7" in made.message()


def test_another_momentum_shows_in_training_alone() -> None:
    wrong = with_layer(MODEL, "batch_norm", nnspec.BatchNorm(epsilon=1e-3, momentum=0.9))
    made = verify(MODEL, VARIABLES, ReferenceSubject(wrong, VARIABLES), backend="jax", gradients=False)
    assert not made.passed and made.diverging is not None
    each, figure = made.diverging
    assert (figure.kind, figure.name, each.training) == ("statistic", "batch_norm/mean", True)
    assert all(f.status == "passed" for each in made.passes for f in each.of("node"))


class Stopped(NetSubject):
    """A subject in which the second layer's kernel has no gradient."""

    def gradients(self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False) -> Gradients:
        found = super().gradients(inputs, cotangents, dtype=dtype, training=training)
        stopped = {name: 0 * v if name == "dense_1/kernel" else v for name, v in found.parameters.items()}
        return Gradients(found.inputs, stopped)


def test_a_wrong_gradient() -> None:
    model = Sequential([{"Dense": 5}, "tanh", {"Dense": 5}, "tanh", {"Dense": 2}], (4,))
    variables = random_variables(model)
    subject = Stopped(model, variables, find_backend("jax"))
    made = verify(model, variables, subject, backend="jax", dtypes=["float64"])
    assert not made.passed and made.first is not None
    assert (made.first.kind, made.first.name, made.first.what) == ("gradient", "dense_1/kernel", "Dense")
    assert "a gradient does not: dense_1/kernel" in made.message()


def test_not_a_number_where_there_is_none() -> None:
    class Broken(ReferenceSubject):
        def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, Array]:
            values = super().nodes(inputs, dtype=dtype, training=training)
            values["gelu_2"] = np.where(values["gelu_2"] == values["gelu_2"].max(), np.nan, values["gelu_2"])
            return values

    made = verify(MODEL, VARIABLES, Broken(MODEL, VARIABLES), backend="jax", gradients=False, training=False)
    assert made.first is not None and made.first.name == "gelu_2"
    assert made.first.error == float("inf") and "nan instead of" in made.first.where
