"""Verification: no false alarms, what is rounding alone, what cannot be compared, and which net is asked."""

from __future__ import annotations

import numpy as np
import pytest

import nnspec
from nnspec.backends import Arrays, FloatType, Gradients, backend as find_backend
from nnspec.errors import PortError, UnsupportedError
from nnspec.model import Model, Sequential
from nnspec.porting.net_subject import NetSubject
from nnspec.porting.verify import same_bits, verify
from tests.porting.subjects import ReferenceSubject, random_variables


@pytest.mark.jax
@pytest.mark.tensorflow
def test_two_backends_agree_in_everything() -> None:
    """Gradients, statistics and training mode; the net is the other framework's by itself."""
    x = nnspec.symbol((9, 8, 3), name="x")
    h = nnspec.Conv(4, (3, 2), strides=(2, 1), activation="relu")(x)
    h = nnspec.BatchNorm(epsilon=1e-3, momentum=0.9)(h)
    h = nnspec.Dropout(0.4)(nnspec.MaxPool((2, 2))(h))
    model = Model(inputs=x, outputs=nnspec.Dense(5, activation="softmax")(nnspec.Flatten()(h)))
    variables = random_variables(model)
    made = verify(model, variables, NetSubject(model, variables, find_backend("tensorflow")))
    assert made.passed, made.message()
    assert made.net.startswith("nnspec on jax") and made.subject.startswith("nnspec on tensorflow")
    assert [each.name for each in made.passes][:2] == ["float64, inference", "float64, training"]
    parameters = [f"{node}/{name}" for node in ("conv", "dense") for name in ("kernel", "bias")]
    for each in made.passes:
        names = {f.name for f in each.of("gradient")}
        asked = {"input x", *parameters, "batch_norm/scale", "batch_norm/bias"} if each.dtype == "float64" else set()
        assert names == asked
        assert {f.name for f in each.of("statistic")} == (
            {"batch_norm/mean", "batch_norm/var"} if each.training else set()
        )
    worst = max(f.relative for f in made.passes[0].figures if f.status == "passed")
    assert worst < 1e-12


@pytest.mark.jax
@pytest.mark.tensorflow
def test_a_saturated_softmax_raises_no_alarm() -> None:
    """All gradients behind it are rounding: they are named, and held to no bound."""
    model = Sequential([{"Dense": 6}, "tanh", {"Dense": 4}, "softmax"], (5,))
    variables = random_variables(model)
    variables["dense_1/kernel"] = (variables["dense_1/kernel"] * 3000).astype(np.float32)
    made = verify(model, variables, NetSubject(model, variables, find_backend("tensorflow")), backend="jax")
    assert made.passed, made.message()


@pytest.mark.jax
@pytest.mark.parametrize("kind", ["plain", "residual"])
def test_deep_networks_raise_no_alarm(kind: str) -> None:
    x = nnspec.symbol((12,), name="x")
    h = x
    for i in range(60):
        y = nnspec.Dense(12, kernel_init={"normal": 0.4})(h)
        y = nnspec.Tanh()(y) if i % 2 else nnspec.ReLU()(nnspec.LayerNorm()(y))
        h = y if kind == "plain" else h + y
    model = Model(inputs=x, outputs=nnspec.Dense(2)(h))
    variables = random_variables(model)
    made = verify(model, variables, ReferenceSubject(model, variables), backend="jax", gradients=False)
    assert made.passed, made.message()


@pytest.mark.jax
def test_infinities_and_nan_in_equal_places_are_equal() -> None:
    model = Sequential([{"Dense": 4}, "log", "exponential"], (3,))
    variables = random_variables(model)
    with np.errstate(invalid="ignore"):
        made = verify(model, variables, ReferenceSubject(model, variables), backend="jax", gradients=False)
    assert made.passed, made.message()


@pytest.mark.jax
def test_integers_are_equal_and_free_axes_are_given_sizes() -> None:
    ids = nnspec.symbol((None,), "ids", dtype="int32")
    h = nnspec.Embedding(11, 6)(ids)
    model = Model(inputs=ids, outputs=[nnspec.ArgMax(axis=-1)(h), nnspec.LSTM(3)(h)])
    variables = random_variables(model)
    made = verify(model, variables, ReferenceSubject(model, variables), backend="jax", gradients=False)
    assert made.passed, made.message()
    (shape, dtype) = made.inputs["ids"]
    assert dtype == "int32" and shape[1] > 1


@pytest.mark.jax
def test_weights_in_double_precision_have_another_truth_in_single() -> None:
    """A float32 subject rounds its weights: that is no mistake of its arithmetic."""
    model = Sequential([{"Dense": 5}, "tanh", {"Dense": 2}], (4,))
    rng = np.random.default_rng(0)
    variables = {name: rng.standard_normal(v.shape) for name, v in random_variables(model).items()}
    made = verify(model, variables, ReferenceSubject(model, variables), backend="jax", gradients=False)
    assert made.passed, made.message()


@pytest.mark.jax
def test_what_a_subject_cannot_do_is_said() -> None:
    class Frozen(ReferenceSubject):
        def nodes(self, inputs: Arrays, *, dtype: FloatType, training: bool = False) -> dict[str, object]:  # type: ignore[override]
            if training:
                raise UnsupportedError("it only predicts")
            return {"dense_1": super().nodes(inputs, dtype=dtype)["dense_1"]}

    model = Sequential([{"Dense": 5}, {"Dropout": 0.5}, {"Dense": 2}], (4,))
    variables = random_variables(model)
    made = verify(model, variables, Frozen(model, variables), backend="jax")
    assert made.passed and made.missing == ("dense", "dropout")
    assert made.notes == (
        "gradients were not compared: the reference has no gradients",
        "training mode was not compared: it only predicts",
    )


@pytest.mark.jax
def test_outputs_have_to_be_shown() -> None:
    model = Sequential([{"Dense": 5}, {"Dense": 2}], (4,))
    variables = random_variables(model)
    with pytest.raises(PortError, match="does not show the output 'dense_1'"):
        verify(model, variables, ReferenceSubject(model, variables, hidden=frozenset(["dense_1"])), backend="jax")


@pytest.mark.jax
def test_inputs_of_ones_own() -> None:
    model = Sequential([{"Dense": 5}], (4,))
    variables = random_variables(model)
    subject = ReferenceSubject(model, variables)
    made = verify(model, variables, subject, backend="jax", inputs={"0": np.ones((3, 4))}, gradients=False)
    assert made.passed and made.inputs == {"input": ((3, 4), "float32")}
    with pytest.raises(PortError, match="examples of the input 'input' are missing"):
        verify(model, variables, subject, backend="jax", inputs={"a": np.ones((3, 4)), "b": np.ones(3)})
    with pytest.raises(PortError, match="do not fit the model"):
        verify(model, variables, subject, backend="jax", inputs={"input": np.ones((3, 5))})


@pytest.mark.jax
def test_gradients_beyond_the_floor() -> None:
    """A small gradient is held to a bound of the largest one's scale, no gradient of it to nothing."""

    class Off(NetSubject):
        def gradients(
            self, inputs: Arrays, cotangents: Arrays, *, dtype: FloatType, training: bool = False
        ) -> Gradients:
            found = super().gradients(inputs, cotangents, dtype=dtype, training=training)
            return Gradients(found.inputs, {n: v * (1 + 1e-7) for n, v in found.parameters.items()})

    model = Sequential([{"Dense": 5}, "tanh", {"Dense": 2}], (4,))
    variables = random_variables(model)
    made = verify(model, variables, Off(model, variables, find_backend("jax")), backend="jax", dtypes=["float64"])
    assert {f.name for f in made.passes[0].figures if f.status == "failed"} == {
        *("dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias")
    }


@pytest.mark.jax
def test_outputs_that_rounding_decides_are_not_verified() -> None:
    """Where an input's last bit moves an output by its scale, another function would pass as well."""
    right, wrong = ([{"Rescaling": {"scale": 1e18}}, function, {"Dense": 2}] for function in ("sin", "cos"))
    model = Sequential(right, (4,))
    variables = random_variables(model)
    subject = ReferenceSubject(Sequential(wrong, (4,), name=model.name), variables)
    made = verify(model, variables, subject, backend="jax", gradients=False)
    assert made.blind and not made.passed
    assert "nothing can be said of them, from this node on: dense" in made.message()


@pytest.mark.jax
def test_whole_numbers_are_not_rounded() -> None:
    """A mask of ones, less a unit in the last place, would be a mask of zeros: no rounding makes that of it."""
    x = nnspec.symbol((5,), "x")
    seen = nnspec.AsType("bool")(nnspec.AsType("int32")(nnspec.Parameter((5,), name="mask")(x)))
    model = Model(inputs=[x], outputs=nnspec.Dense(3)(nnspec.Where()(seen, x, nnspec.Negative()(x))))
    variables = random_variables(model)
    variables["mask/value"] = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    made = verify(model, variables, ReferenceSubject(model, variables), backend="jax", dtypes=["float64"])
    assert made.passed and made.rounding == ()


def test_same_bits() -> None:
    before = {"a": np.array([1.0, -0.0], np.float32), "b": np.array([np.nan], np.float64), "c": np.zeros(2)}
    assert same_bits(before, {name: value.copy() for name, value in before.items()}) == []
    after = {"a": np.array([1.0, 0.0], np.float32), "b": before["b"].astype(np.float32), "d": np.zeros(2)}
    assert same_bits(before, after) == [
        "c is missing",
        "d was not there before",
        "a has other bits (88% of its bytes are equal)",
        "b is float32 [1] instead of float64 [1]",
    ]
