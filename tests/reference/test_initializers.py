"""Initializers: bits that never change, and the distributions they are drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import nnspec as nn
from nnspec import initializers as specs, random, vocabulary
from nnspec.errors import BackendError, ShapeError
from nnspec.reference.initializers import draw, fans

NAME = "dense/kernel"
SHAPE = (3, 40, 50)  # 3 · 40 in, 3 · 50 out

# Bit for bit in float64 everywhere: only sums, products and a square root are made of the words.
EXACT: list[tuple[Any, tuple[int, ...], list[str]]] = [
    (
        nn.Uniform(),
        (3,),
        ["0x1.9591e503f88fcp-5", "-0x1.92b11dff45b0fp-5", "-0x1.3b9e3307fd888p-7"],
    ),
    (
        nn.GlorotUniform(),
        (2, 3),
        [
            "0x1.15acbb0bf80d5p+0",
            "-0x1.13b44b2be4a4ap+0",
            "-0x1.b02d7dafaabb4p-3",
            "-0x1.4c0cd868ec920p-4",
            "-0x1.1aa812196a0c0p-6",
            "0x1.1dd890e0d35acp-2",
        ],
    ),
]
# The last bit of these may depend on the C library's logarithm, and on LAPACK.
CLOSE: list[tuple[Any, tuple[int, ...], list[float]]] = [
    (nn.Normal(1.0), (3,), [2.5814329748726346, -2.3896253712481164, -0.24383052109297762]),
    (nn.TruncatedNormal(1.0), (3,), [1.919732543756274, -1.8691752054802742, -0.23252901071652204]),
    (nn.TruncatedNormal(1.0, 0.0, 1.0, 3.0), (3,), [1.0032033370378606, 2.7849958993633814, 1.5152773745125372]),
    (
        nn.HeNormal(),
        (2, 3),
        [
            2.182442633039042,
            -2.124966662844453,
            -0.26434996273655864,
            -0.10077655143498651,
            -0.021419632253300767,
            0.35211027167345554,
        ],
    ),
    (
        nn.Orthogonal(),
        (2, 3),
        [
            0.7320877242962809,
            -0.677691583312948,
            -0.06914970601153865,
            -0.1105318089531273,
            -0.21833836016297467,
            0.9695932547676333,
        ],
    ),
]


@pytest.mark.parametrize(("spec", "shape", "expected"), EXACT, ids=lambda v: type(v).__name__)
def test_bits_never_change(spec: Any, shape: tuple[int, ...], expected: list[str]) -> None:
    drawn = draw(spec, shape, 7, NAME)
    assert drawn.shape == shape
    assert [v.hex() for v in drawn.ravel().tolist()] == expected


@pytest.mark.parametrize(("spec", "shape", "expected"), CLOSE, ids=lambda v: type(v).__name__)
def test_values_never_change(spec: Any, shape: tuple[int, ...], expected: list[float]) -> None:
    np.testing.assert_allclose(draw(spec, shape, 7, NAME).ravel(), expected, rtol=1e-14)


def test_numbers_are_those_of_the_stream() -> None:
    """Element i is made of the uniform number i of the stream (name, "init"), for any distribution."""
    u = random.uniforms(5, random.stream_of("a/b", "init"), 0, 6).reshape(2, 3)
    np.testing.assert_array_equal(draw(nn.Uniform(-2.0, 3.0), (2, 3), 5, "a/b"), -2 + 5 * u)
    np.testing.assert_allclose(draw(nn.Normal(2.0, 1.0), (2, 3), 5, "a/b"), 1 + 2 * stats.norm.ppf(u), rtol=1e-13)
    np.testing.assert_allclose(
        draw(nn.TruncatedNormal(2.0, 1.0, -1.0, 0.5), (2, 3), 5, "a/b"),
        stats.truncnorm.ppf(u, -1.0, 0.5, loc=1, scale=2),
        rtol=1e-12,
    )


def test_seed_and_name_choose_the_numbers() -> None:
    drawn = [
        draw(nn.Normal(), (4,), seed, name).tobytes() for seed, name in ((0, "a"), (0, "b"), (1, "a"), (2**32, "a"))
    ]
    assert len(set(drawn)) == 4
    assert draw(nn.Normal(), (4,), 0, "a").tobytes() == drawn[0]


VARIANCES = [
    (nn.GlorotUniform(), 2 / 270, "uniform"),
    (nn.GlorotNormal(), 2 / 270, "truncated"),
    (nn.HeUniform(), 2 / 120, "uniform"),
    (nn.HeNormal(), 2 / 120, "truncated"),
    # PyTorch's kaiming_uniform_ has the bound gain · √(3/fan), gain = √(2/(1 + a²)).
    (nn.HeUniform("fan_out", 0.5), 2 / 1.25 / 150, "uniform"),
    (nn.HeNormal("fan_in", 0.1), 2 / 1.01 / 120, "truncated"),
    (nn.DepthScaled(nn.LecunNormal(), 9), 1 / 9 / 120, "truncated"),
    (nn.LecunUniform(), 1 / 120, "uniform"),
    (nn.LecunNormal(), 1 / 120, "truncated"),
    (nn.VarianceScaling(0.7, "fan_out", "normal"), 0.7 / 150, "normal"),
    (nn.VarianceScaling(3.0, "fan_geo_avg", "uniform"), 3 / math.sqrt(120 * 150), "uniform"),
    (nn.VarianceScaling(1.5, "fan_in"), 1.5 / 120, "truncated"),
]


def distribution(name: str, variance: float) -> Any:
    """SciPy's distribution of that name with mean 0 and that variance."""
    if name == "uniform":
        return stats.uniform(-math.sqrt(3 * variance), 2 * math.sqrt(3 * variance))
    if name == "normal":
        return stats.norm(0, math.sqrt(variance))
    return stats.truncnorm(-2, 2, scale=math.sqrt(variance) / stats.truncnorm(-2, 2).std())


@pytest.mark.parametrize(("spec", "variance", "name"), VARIANCES, ids=str)
def test_variance_scaling(spec: Any, variance: float, name: str) -> None:
    drawn = draw(spec, SHAPE, 0, "conv/kernel").ravel()
    expected = distribution(name, variance)
    assert expected.var() == pytest.approx(variance, rel=1e-12)
    assert stats.kstest(drawn, expected.cdf).pvalue > 1e-2
    assert abs(drawn.mean()) < 4 * math.sqrt(variance / drawn.size)
    assert drawn.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (nn.Normal(0.3, -1.0), stats.norm(-1.0, 0.3)),
        (nn.Uniform(-0.2, 0.6), stats.uniform(-0.2, 0.8)),
        (nn.TruncatedNormal(0.3, 2.0), stats.truncnorm(-2, 2, 2.0, 0.3)),
        (nn.TruncatedNormal(1.0, 0.0, -0.5, 3.0), stats.truncnorm(-0.5, 3)),
        (nn.TruncatedNormal(1.0, 0.0, 5.0, 9.0), stats.truncnorm(5, 9)),
        (nn.TruncatedNormal(1.0, 0.0, -9.0, -5.0), stats.truncnorm(-9, -5)),
        (nn.TruncatedNormal(1.0, 0.0, 12.0, 13.0), stats.truncnorm(12, 13)),
    ],
    ids=lambda value: str(value) if isinstance(value, specs.Initializer) else "",
)
def test_distribution(spec: Any, expected: Any) -> None:
    drawn = draw(spec, (20000,), 1, "x")
    low, high = expected.support()
    assert low <= drawn.min() and drawn.max() <= high
    assert stats.kstest(drawn, expected.cdf).pvalue > 1e-2


def test_truncated_normal_far_out_stays_in_its_bounds() -> None:
    """Where Φ underflows, only the bounds are known."""
    drawn = draw(nn.TruncatedNormal(1.0, 0.0, 40.0, 41.0), (100,), 0, "x")
    assert ((drawn >= 40) & (drawn <= 41)).all()


def test_degenerate_widths() -> None:
    assert draw(nn.Normal(0.0, 1.5), (3,), 0, "x").tolist() == [1.5] * 3
    assert draw(nn.Uniform(0.25, 0.25), (3,), 0, "x").tolist() == [0.25] * 3


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_constants(shape: tuple[int, ...]) -> None:
    for spec, expected in ((nn.Zeros(), 0.0), (nn.Ones(), 1.0), (nn.Constant(-2.5), -2.5)):
        drawn = draw(spec, shape, 0, "x")
        assert drawn.dtype == np.float64
        assert drawn.shape == shape
        assert (drawn == expected).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((7,), (7, 7)), ((7, 5), (7, 5)), ((3, 7, 5), (21, 15)), ((3, 2, 7, 5), (42, 30))],
)
def test_fans(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert fans(shape) == expected


@pytest.mark.parametrize("shape", [(8, 8), (20, 6), (6, 20), (3, 3, 4, 5), (7,)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    drawn = draw(nn.Orthogonal(1.5), shape, 3, "x")
    assert drawn.shape == shape and drawn.flags.c_contiguous
    matrix = drawn.reshape(-1, shape[-1])
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix.T @ matrix, 2.25 * np.eye(matrix.shape[1]), atol=1e-14)


def test_orthogonal_is_the_unitary_factor_of_the_normal_matrix() -> None:
    """Gram and Schmidt's Q, whose R has a positive diagonal; for a wide matrix that of its transpose."""
    for shape in ((5, 3), (3, 5)):
        normal = draw(nn.Normal(1.0), shape, 3, "x")
        drawn = draw(nn.Orthogonal(), shape, 3, "x")
        tall, q = (normal, drawn) if shape == (5, 3) else (normal.T, drawn.T)
        for i in range(3):
            rest = tall[:, i] - q[:, :i] @ (q[:, :i].T @ tall[:, i])
            np.testing.assert_allclose(q[:, i], rest / np.linalg.norm(rest), atol=1e-13)


def test_orthogonal_is_haar_distributed() -> None:
    """The angle of the first column is uniform; without the signs of R's diagonal it would be on one side."""
    columns = np.stack([draw(nn.Orthogonal(), (2, 2), seed, "x") for seed in range(2000)])
    angles = np.arctan2(columns[:, 1, 0], columns[:, 0, 0]) / (2 * math.pi) + 0.5
    assert stats.kstest(angles, "uniform").pvalue > 1e-2
    assert abs((np.linalg.det(columns) > 0).mean() - 0.5) < 0.05


@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 5, 5), (2, 3, 4, 6)])
def test_delta_orthogonal(shape: tuple[int, ...]) -> None:
    """A circular convolution with it keeps norms, times the gain, which is what the paper wants of it."""
    w = draw(nn.DeltaOrthogonal(1.5), shape, 3, "x")
    middle = tuple((k - 1) // 2 for k in shape[:-2])
    np.testing.assert_allclose(w[middle] @ w[middle].T, 2.25 * np.eye(shape[-2]), atol=1e-14)
    assert np.count_nonzero(w) == shape[-2] * shape[-1]
    window = tuple(range(len(middle)))
    spectrum = np.fft.fftn(w, (8,) * len(middle), axes=window)
    x = np.fft.fftn(np.random.default_rng(0).normal(size=(8,) * len(middle) + shape[-2:-1]), axes=window)
    y = np.einsum("...i,...io->...o", x, spectrum)
    assert np.linalg.norm(y) == pytest.approx(1.5 * np.linalg.norm(x), rel=1e-13)


def test_sparse() -> None:
    """As many zeros into each unit, in random places, and normal numbers elsewhere."""
    w = draw(nn.Sparse(0.3, 0.5), (5, 41, 60), 3, "x").reshape(205, 60)
    assert (np.count_nonzero(w == 0, axis=0) == math.ceil(0.3 * 205)).all()
    assert stats.kstest(w[w != 0], stats.norm(0, 0.5).cdf).pvalue > 1e-2
    inputs = np.count_nonzero(w == 0, axis=1)
    assert stats.chisquare(inputs, np.full(205, inputs.mean())).pvalue > 1e-2
    assert not draw(nn.Sparse(1.0), (3, 4), 3, "x").any()
    assert draw(nn.Sparse(0.0), (3, 4), 3, "x").all()


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
def test_identity(shape: tuple[int, int]) -> None:
    drawn = draw(nn.IdentityInit(2.5), shape, 0, "x")
    for i, j in np.ndindex(shape):
        assert drawn[i, j] == (2.5 if i == j else 0.0)


def test_shapes_that_cannot_be_drawn() -> None:
    with pytest.raises(ShapeError, match=r"identity draws variables of 2 axes, got shape \[3\]"):
        draw(nn.IdentityInit(), (3,), 0, "x")
    for shape in ((4, 4), (3, 5, 4)):
        with pytest.raises(ShapeError, match=r"delta_orthogonal draws kernels .* got shape \["):
            draw(nn.DeltaOrthogonal(), shape, 0, "x")
    for shape in ((), (4,)):  # a vector's elements are the only inputs of their units: ⌈sparsity · 1⌉ would be all
        with pytest.raises(ShapeError, match=r"sparse draws kernels .* fewer than 2 axes .* got shape \["):
            draw(nn.Sparse(0.5), shape, 0, "x")
    with pytest.raises(ShapeError, match="orthogonal draws matrices"):
        draw(nn.Orthogonal(), (), 0, "x")


def test_the_forget_gate_is_the_second_of_four() -> None:
    drawn = draw(nn.ForgetBias(0.7), (8,), 3, "lstm/bias")
    assert drawn.tolist() == [0.0, 0.0, 0.7, 0.7, 0.0, 0.0, 0.0, 0.0]


def test_every_initializer_is_tested() -> None:
    constants: list[Callable[..., Any]] = [nn.Zeros, nn.Ones, nn.Constant, nn.IdentityInit, nn.ForgetBias]
    own_tests = {nn.DeltaOrthogonal, nn.Sparse}
    tested = {type(spec) for spec, *_ in (*EXACT, *CLOSE, *VARIANCES)} | set(constants) | own_tests
    assert {vocabulary.load(name) for name in vocabulary.class_names("initializer")} == tested


def test_unknown_class() -> None:
    with pytest.raises(BackendError, match="the reference has no realization of Initializer"):
        draw(specs.Initializer(), (3,), 0, "x")
