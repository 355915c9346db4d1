"""Penalties and constraints against their formulas in scikit-learn, PyTorch and NumPy, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

import nnspec as nn
from nnspec.errors import ShapeError, SpecError
from nnspec.experiment import Training
from nnspec.reference import penalties

RNG = np.random.default_rng(53)
MODEL = nn.Sequential([nn.Dense(5, "tanh"), nn.BatchNorm(), nn.Dense(3)], input=[4])
PARAMETERS = {n: RNG.normal(size=p.shape) for n, p in MODEL.params().items() if p.kind == "parameter"}
KERNELS = (PARAMETERS["dense/kernel"], PARAMETERS["dense_1/kernel"])


def value(*specs: nn.Penalty, **nodes: Any) -> float:
    return penalties.value(specs, MODEL, PARAMETERS, nodes)


def held(w: Any, **fields: Any) -> Any:
    return penalties.constrained([nn.Constraint(**fields, parameters="dense/kernel")], MODEL, {"dense/kernel": w})[
        "dense/kernel"
    ]


def test_sizes_of_kernels() -> None:
    ones, squares = (sum(np.linalg.norm(w.ravel(), p) ** p for w in KERNELS) for p in (1, 2))
    assert value(nn.Penalty(l1=0.3)) == pytest.approx(0.3 * ones, rel=1e-13)
    assert value(nn.Penalty(l2=0.2)) == pytest.approx(0.2 * squares, rel=1e-13)
    assert value(nn.Penalty(0.3, 0.2)) == pytest.approx(0.3 * ones + 0.2 * squares, rel=1e-13)
    assert value(nn.Penalty(l1=0.3), nn.Penalty(l2=0.2)) == pytest.approx(value(nn.Penalty(0.3, 0.2)), rel=1e-13)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("kernels", ["dense/kernel", "dense_1/kernel"]),
        ("dense/", ["dense/kernel", "dense/bias"]),
        ("^.*_1/(bias|kernel)$", ["dense_1/kernel", "dense_1/bias"]),
        (("bias$", "batch_norm/scale"), ["dense/bias", "batch_norm/scale", "batch_norm/bias", "dense_1/bias"]),
        (("kernels", "^dense_1/"), ["dense/kernel", "dense_1/kernel", "dense_1/bias"]),
    ],
)
def test_patterns(patterns: Any, names: list[str]) -> None:
    for spec in (nn.Penalty(l2=1.0, parameters=patterns), nn.Constraint(1.0, parameters=patterns)):
        assert list(spec.names(MODEL)) == names


def test_orthogonality() -> None:
    w = KERNELS[0]
    for vectors, rows in (("rows", w), ("columns", w.T)):
        cosines = np.abs(cosine_similarity(rows))
        mean = cosines[~np.eye(len(rows), dtype=bool)].mean()
        spec = nn.Penalty(orthogonal=0.4, vectors=vectors, parameters="dense/kernel")
        assert value(spec) == pytest.approx(0.4 * mean, rel=1e-13)
    single = nn.Sequential([nn.Dense(3)], input=[1])
    alone = nn.Penalty(orthogonal=1.0)
    assert penalties.value([alone], single, {"dense/kernel": np.ones((1, 3))}, {}) == 0


def test_values_of_a_node_are_of_each_example() -> None:
    a = RNG.normal(size=(6, 5))
    expected = (0.1 * np.abs(a).sum(1) + 0.3 * (a**2).sum(1)).mean()
    assert value(nn.Penalty(0.1, 0.3, node="dense"), dense=a) == pytest.approx(expected, rel=1e-13)


def test_the_divergence_of_normal_distributions() -> None:
    torch = pytest.importorskip("torch")
    a = RNG.normal(size=(6, 4))
    mean, log_variance = torch.from_numpy(a).chunk(2, -1)
    normal = torch.distributions.Normal
    each = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0))
    model = nn.Sequential([nn.Dense(4), nn.GaussianSample()], input=[3])
    found = penalties.value([nn.Penalty(kl=0.3, node="dense")], model, {}, {"dense": a})
    assert found == pytest.approx(0.3 * each.sum(1).mean().item(), rel=1e-13)
    both = penalties.value([nn.Penalty(kl=0.3, l2=0.1, node="dense")], model, {}, {"dense": a})
    assert both == pytest.approx(found + 0.1 * (a**2).sum(1).mean(), rel=1e-13)


def test_what_has_no_factor_is_not_asked_for() -> None:
    """A number that is too large to be squared has a size."""
    huge = {"dense/kernel": np.full((4, 5), 1e200), "dense_1/kernel": np.ones((5, 3))}
    assert penalties.value([nn.Penalty(l1=1.0)], MODEL, huge, {}) == pytest.approx(20e200)


def test_nodes_within_shared_models() -> None:
    encoder = nn.Sequential([nn.Dense(4, name="inner")], input=[3], name="encoder")
    left, right = nn.symbol((3,), "left"), nn.symbol((3,), "right")
    model = nn.Model(inputs=[left, right], outputs=nn.Add()(encoder(left), encoder(right)))
    for node in ("encoder/inner", "encoder_1/inner", "encoder_1"):
        assert nn.Penalty(l2=1.0, node=node).names(model) == ()


def test_norms_come_into_their_bounds() -> None:
    w = RNG.normal(size=(4, 5)) * np.array([0.1, 0.3, 1.0, 2.0, 0.0])
    norms = np.linalg.norm(w, axis=0)
    found = held(w, max_norm=0.9, min_norm=0.5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0)[:4], np.clip(norms, 0.5, 0.9)[:4], rtol=1e-14)
    assert not found[:, 4].any()
    np.testing.assert_allclose(found[:, :4] / np.linalg.norm(found[:, :4], axis=0), w[:, :4] / norms[:4], rtol=1e-13)
    inside = np.array([[0.1], [0.7], [0.2], [0.3]]) * np.ones((1, 5))
    np.testing.assert_array_equal(held(inside, max_norm=0.9), inside)
    rows = held(w, max_norm=0.5, axes=1)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.minimum(np.linalg.norm(w, axis=1), 0.5), rtol=1e-14)
    each = held(w, max_norm=0.5, axes=())
    np.testing.assert_allclose(each, np.clip(w, -0.5, 0.5), rtol=1e-15)
    half = held(w, max_norm=0.5, rate=0.5)
    np.testing.assert_allclose(np.linalg.norm(half, axis=0), (np.minimum(norms, 0.5) + norms) / 2, rtol=1e-14)


def test_signs_and_dtypes() -> None:
    w = RNG.normal(size=(4, 5)).astype(np.float16)
    found = held(w, non_negative=True)
    np.testing.assert_array_equal(found, np.where(w > 0, w, 0), strict=True)
    both = held(w, non_negative=True, max_norm=0.1)
    assert both.dtype == np.float16
    assert (both >= 0).all()
    assert np.linalg.norm(both.astype(float), axis=0).max() == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Penalty(), "give l1, l2, orthogonal or kl a number above 0"),
        (lambda: nn.Penalty(kl=1.0), "kl: kl is for the values of a node: set node"),
        (lambda: nn.Penalty(l1=-1.0), "l1: input should be greater than or equal to 0"),
        (lambda: nn.Penalty(l1=1.0, node="dense", parameters="bias"), "node is for l1, l2 and kl of its values"),
        (lambda: nn.Penalty(orthogonal=1.0, node="dense"), "node is for l1, l2 and kl of its values"),
        (lambda: nn.Penalty(1.0, parameters="*/bias"), r"parameters: '\*/bias' is no regular expression"),
        (lambda: nn.Constraint(1.0, parameters=("dense", "(")), r"parameters\[1\]: '\(' is no regular expression"),
        (lambda: nn.Constraint(1.0, parameters=()), "parameters: .*at least 1 item"),
        (lambda: nn.Constraint(), "give max_norm, min_norm or non_negative"),
        (lambda: nn.Constraint(max_norm=0.5, min_norm=1.0), "min_norm 1 is above max_norm 0.5"),
        (lambda: nn.Penalty(l2=1.0, parameters="dens/kernel").names(MODEL), "no parameter is called 'dens/kernel'; di"),
        (lambda: nn.Penalty(l2=1.0, parameters="batch_norm/mean").names(MODEL), "no parameter is called"),
        (lambda: nn.Penalty(l2=1.0, node="dens").names(MODEL), "the model has no node 'dens'; did you mean 'dense'"),
    ],
)
def test_what_is_refused(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"orthogonal is for matrices, dense/bias has the shape \[5\]"):
        nn.Penalty(orthogonal=1.0, parameters="dense/").names(MODEL)
    for axes in (1, (0, -1)):
        with pytest.raises(ShapeError, match=r"axes: dense/bias of 1 axes has not each of the axes .* once"):
            nn.Constraint(1.0, axes=axes, parameters="dense/bias").names(MODEL)
    with pytest.raises(ShapeError, match=r"kl needs as many log variances as means, dense has the shape \(batch, 5\)"):
        nn.Penalty(kl=1.0, node="dense").names(MODEL)
    compared = nn.Sequential([nn.ArgMax()], input=[3])
    with pytest.raises(ShapeError, match=r"penalties are of floats, argmax is of int32"):
        nn.Penalty(1.0, node="argmax").names(compared)


def test_in_a_spec_file() -> None:
    parts: dict[str, Any] = {"model": MODEL, "loss": "MeanSquaredError"}
    held_to = [{"max_norm": 2.0, "parameters": "^dense/"}]
    experiment = nn.Experiment(**parts, penalties={"l2": 0.01}, constraints=held_to)
    assert experiment.penalties == (nn.Penalty(l2=0.01),)
    written = experiment.to_file()
    assert written["penalties"] == [{"l2": 0.01}]
    assert written["constraints"] == held_to
    assert nn.Experiment.from_file(written) == experiment
    with pytest.raises(SpecError, match=r"constraints\[1\].parameters: no parameter is called 'head'"):
        nn.Experiment(**parts, constraints=[{"max_norm": 2.0}, {"max_norm": 1.0, "parameters": "head"}])


def test_the_data_tell_what_the_model_leaves_open() -> None:
    parts: dict[str, Any] = {"model": nn.Sequential([nn.Dense(10)]), "loss": "SoftmaxCrossEntropy"}
    assert nn.Experiment(**parts, penalties={"l1": 1.0, "parameters": "dens_"})  # only with its data
    with pytest.raises(SpecError, match=r"penalties\[0\].parameters: no parameter is called 'dens_'"):
        nn.Experiment(**parts, penalties={"l1": 1.0, "parameters": "dens_"}, data=nn.Data(sklearn="digits"))


def test_what_can_be_monitored() -> None:
    parts: dict[str, Any] = {"model": MODEL, "loss": "MeanSquaredError"}
    assert nn.Experiment(**parts, penalties={"l2": 0.1}, training=Training(monitor="val_penalty"))
    with pytest.raises(SpecError, match="nothing is called 'val_penalty'"):
        nn.Experiment(**parts, training=Training(monitor="val_penalty"))
