"""Keras's operations one by one: a graph of each, traced and run by the reference, against Keras computing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

keras = pytest.importorskip("nnspec_tensorflow.startup", reason="the tensorflow backend is not installed").keras

from nnspec.errors import PortError  # noqa: E402
from nnspec.porting.formats import Reading  # noqa: E402
from nnspec.reference.model import run  # noqa: E402
from nnspec_tensorflow.porting.importer import KerasImporter  # noqa: E402

pytestmark = pytest.mark.tensorflow
ops = keras.ops
RNG = np.random.default_rng(11)
C = RNG.normal(size=(4, 3))
# The inputs by the names that functions give their arguments: floats, positive ones, within (-1, 1), whole, booleans.
SHAPES = {
    "x": (4, 3),
    "y": (4, 3),
    "v": (3,),
    "m": (3, 5),
    "image": (4, 6, 2),
    "positive": (4, 3),
    "unit": (4, 3),
    "i": (4, 3),
    "j": (4, 3),
    "ids": (4,),
    "p": (4, 3),
    "q": (4, 3),
    "n": (),
}
WHOLE, BOOLEAN = ("i", "j", "ids", "n"), ("p", "q")

ELEMENTWISE = [
    lambda x: ops.abs(x) + 1,
    lambda x: 2 - x,
    lambda x: 3 * x - 0.5,
    lambda x: x / 4,
    lambda positive: 2 / positive,
    lambda positive: 1 / positive,
    lambda x: x**2 + x**3,
    lambda positive: positive**0.5 + positive**-1 + positive**1.7 + positive**-0.5,
    lambda x: 2.0**x,
    lambda positive, y: positive**y,
    lambda x, y: x * y + x - y,
    lambda x, positive: x / positive,
    lambda x: x + C,
    lambda x: ops.subtract(C[0], x),
    lambda x: x * C[:, :1],
    lambda x: x * np.array([0.5, 2.0, -1.0]) + np.array([1, 2, 3]),
    lambda x, v: x + v[:, None, :] - ops.expand_dims(v, 1) * 2,
    lambda x, y: ops.maximum(x, y) - ops.minimum(x, 0.25),
    lambda x: ops.clip(x, -0.5, 0.75),
    lambda x: ops.clip(x, np.array([-0.5, -0.2, 0.0]), 0.4),
    lambda x: ops.exp(x) + ops.expm1(x) + ops.sin(x) * ops.cos(x) + ops.tan(x / 9) + ops.tanh(x),
    lambda positive: ops.log(positive) + ops.log2(positive) + ops.log10(positive) + ops.log1p(positive),
    lambda positive: ops.sqrt(positive) + ops.rsqrt(positive) + ops.reciprocal(positive),
    lambda x: ops.sinh(x) + ops.cosh(x) + ops.arcsinh(x) + ops.arctan(x),
    lambda unit: ops.arcsin(unit) + ops.arccos(unit) + ops.arctanh(unit),
    lambda positive: ops.arccosh(positive + 1),
    lambda x: ops.floor(x) + ops.ceil(x) * 10 + ops.sign(x) * 100 + ops.trunc(x) * 1000,
    lambda x: ops.round(x) + ops.round(x, decimals=2),
    lambda x: ops.erf(x) + ops.square(x) - ops.negative(x),
    lambda x, y: ops.arctan2(x, y) + ops.logaddexp(x, y) + ops.hypot(x, y),
    lambda x, positive: ops.mod(x, positive) + ops.floor_divide(x, positive),
    lambda x, p: ops.divide_no_nan(x, ops.cast(p, x.dtype)),
    lambda x: ops.exp2(x) + ops.deg2rad(x) + ops.rad2deg(x),
]
WHOLE_NUMBERS = [
    lambda i: i + 1,
    lambda i, j: i * j - i,
    lambda i: (i * 3 + 1) // 2 % 4,
    lambda i, x: i * x,
    lambda i: i / 2,
    lambda i: ops.sum(i, axis=1),
    lambda i: ops.cumsum(i, axis=-1),
    lambda i: ops.max(i, axis=-1) - ops.min(i, axis=-1),
    lambda i, j: ops.maximum(i, j) + ops.minimum(i, 2),
    lambda i: ops.matmul(i, ops.swapaxes(i, 1, 2)),
    lambda i: ops.abs(-i) ** 2,
]
LOGIC = [
    lambda x, y: ops.where(x > y, x, -1.0),
    lambda x: ops.where(x >= 0.1, 1.0, ops.where(x < -0.1, x, 2 * x)),
    lambda i, j: ops.cast(i == j, "float64") + ops.cast(ops.not_equal(i, 1), "float64"),
    lambda i: ops.cast(i > 1, "int32"),
    lambda x, i: ops.cast(x <= i, "float64"),
    lambda p, q: ops.cast(p & q, "int32") + ops.cast(ops.logical_or(p, ~q), "int32"),
    lambda p, q: ops.cast(ops.logical_xor(p, q), "int32"),
    lambda p, x: ops.where(p, x, ops.zeros_like(x)) + ops.ones_like(x) + ops.full_like(x, 0.5),
    lambda p: ops.cast(ops.any(p, axis=1), "int32") + ops.cast(ops.all(p, axis=1), "int32"),
    lambda p: ops.count_nonzero(p, axis=-1),
    lambda x: ops.cast(ops.cast(3 * x, "int32"), "float64"),
    lambda x, p: ops.cast(ops.isnan(ops.where(p, x, np.nan)), "int32") + ops.cast(ops.isinf(x), "int32"),
    lambda x, p: ops.cast(ops.isfinite(ops.where(p, x, np.inf)), "int32"),
    lambda x: ops.where(np.array([True, False, True]), x, 0),
]
REDUCTIONS = [
    lambda x: ops.sum(x, axis=-1),
    lambda x: ops.mean(x, axis=(1, 2)),
    lambda image: ops.max(image, axis=[1, 3], keepdims=True) + ops.amin(image, axis=2, keepdims=True),
    lambda x: ops.prod(x, axis=1),
    lambda x: ops.std(x, axis=-1) + ops.var(x, axis=-1),
    lambda x: ops.logsumexp(x, axis=1, keepdims=True),
    lambda x: ops.average(x, axis=1),
    lambda x: ops.add(*ops.moments(x, axes=[1])),
    lambda x: ops.norm(x, axis=-1) + ops.norm(x, ord=1, axis=-1) + ops.norm(x, ord=np.inf, axis=-1),
    lambda x: ops.norm(x, axis=(1, 2), keepdims=True),
    lambda x: ops.normalize(x, axis=1) + ops.normalize(x, axis=-1, order=1),
    lambda x: ops.argmax(x, axis=-1) + ops.argmin(x, axis=2),
    lambda x: ops.cumsum(x, axis=1) + ops.cumprod(x, axis=-1),
    lambda x: ops.sort(x, axis=1),
    lambda x: ops.argsort(x, axis=-1),
    lambda x: ops.top_k(x, 2)[0] + ops.cast(ops.top_k(x, 2)[1], x.dtype),
]
ARRANGEMENT = [
    lambda x: ops.transpose(x, (0, 2, 1)),
    lambda image: ops.moveaxis(image, 1, -1),
    lambda image: ops.transpose(ops.swapaxes(image, 1, 2), (0, 1, 3, 2))[:, 0],
    lambda x: ops.transpose(ops.cumsum(ops.transpose(x, (1, 0, 2)) * 2, axis=0), (1, 0, 2)),
    lambda x: ops.transpose(ops.expand_dims(ops.transpose(x), 0), (3, 0, 2, 1)),
    lambda x: ops.reshape(x, (-1, 12)),
    lambda x: ops.reshape(x, (-1, 2, 6)),
    lambda x: ops.reshape(ops.softmax(ops.reshape(x, (-1, 3))), (-1, 4, 3)),
    lambda x: ops.reshape(ops.matmul(ops.reshape(x, (-1, 3)), C.T), (-1, 2, 2, 4)),
    lambda image: ops.reshape(ops.max(ops.reshape(image, (-1, 6, 2)) * 2 + 1, axis=1), (-1, 4, 2)),
    lambda image: ops.reshape(ops.stack([ops.reshape(image, (-1, 2))] * 2, axis=0)[1][:, None], (-1, 24, 2)),
    lambda x: ops.expand_dims(x, (1, -1)) + ops.squeeze(ops.expand_dims(x, 0), 0)[:, None, :, :, None],
    lambda x: ops.concatenate([x, 2 * x, ops.cast(x > 0, x.dtype)], axis=1),
    lambda x, i: ops.concatenate([x, i], axis=-1),
    lambda x, y: ops.stack([x, y], axis=1),
    lambda x, y: ops.stack([x, y], axis=0)[1],
    lambda x, y: ops.append(x, y, axis=2),
    lambda x: ops.add(*ops.split(x, 2, axis=1)),
    lambda x: ops.concatenate(ops.split(x, [1, 2], axis=-1)[::-1], axis=-1),
    lambda x: ops.concatenate(ops.array_split(x, 3, axis=1)[::-1], axis=1),
    lambda x: ops.concatenate(ops.split(x, [2, 2], axis=1)[::-1], axis=1),
    lambda x: ops.unstack(x, axis=1)[2],
    lambda x: ops.repeat(x, 2, axis=1),
    lambda x: ops.reshape(ops.repeat(x, 2, axis=0), (-1, 8, 3)),
    lambda x: ops.tile(x, (1, 2, 3)),
    lambda x: ops.flip(x, axis=1) + ops.flip(x, axis=(1, 2)),
    lambda x: ops.roll(x, 1, axis=1) + ops.roll(x, (1, -2), axis=(1, 2)),
    lambda x: ops.tril(x) + ops.triu(x, k=1) * 2,
    lambda image: ops.diagonal(image, axis1=1, axis2=2),
    lambda x: ops.trace(x, offset=1, axis1=1, axis2=2),
    lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=0.5),
    lambda x: ops.pad(x, ((0, 0), (1, 1), (1, 1)), mode="reflect"),
    lambda i: ops.pad(i, ((0, 0), (1, 0), (0, 0))),
]
INDEXING = [
    lambda x: x[:, 1],
    lambda x: x[:, -1, ::2],
    lambda x: x[..., 1:] - x[:, :, :-1],
    lambda x: x[:, None, ::-1, ..., 0],
    lambda x: ops.take(x, [2, 0, 0], axis=1),
    lambda x: ops.take(x, 1, axis=-1),
    lambda x: ops.take(x, np.array([[0, 1], [2, 0]]), axis=2),
    lambda ids: ops.take(C, ids, axis=0),
    lambda ids: ops.take(C, ids % 3, axis=1)[1],
    lambda x, i: ops.take_along_axis(x, i % 4, axis=1),
    lambda ids: ops.one_hot(ids, 5) + ops.one_hot(ids, 5, axis=-1),
    lambda ids: ops.one_hot(ids, 4, axis=1, dtype="int32"),
    lambda ids: ops.multi_hot(ids, 5),
    lambda x, v: ops.slice_update(x, (0, 2, 0), v[:, None]),
]
CONTRACTIONS = [
    lambda x, y: ops.matmul(x, ops.transpose(y, (0, 2, 1))),
    lambda x, m: ops.matmul(x, m),
    lambda v, m: ops.matmul(v[:, None], m),
    lambda x: ops.matmul(x, C.T),
    lambda x: ops.matmul(C.T, x),
    lambda x: ops.dot(x, C[0]),
    lambda v: ops.dot(v, C.T),
    lambda x: ops.tensordot(x, C, axes=2),
    lambda x: ops.tensordot(x, C.T, axes=1),
    lambda x: ops.inner(x, C),
    lambda x, y: ops.einsum("bij,bkj->bik", x, y),
    lambda x, y: ops.einsum("b...j,b...j->b...", x, y),
    lambda x: ops.einsum("bij,jk,ik->b", x, C.T, C @ C.T),
    lambda x: ops.einsum("bij->bji", x),
    lambda image: ops.matmul(image, ops.transpose(image, (0, 1, 3, 2))),
]
FOURIER = [
    lambda x: ops.fft((x, ops.zeros_like(x)))[0],
    lambda x, y: ops.concatenate(ops.fft((x, y)), axis=-1),
    lambda x: ops.fft2((x, ops.zeros_like(x)))[0],
    lambda x, y: ops.concatenate(ops.fft2((x, y)), axis=1),
]
FUNCTIONS = [
    # A mask of queries: those that see no key get the mean of all values.
    lambda image, q: ops.dot_product_attention(
        image, ops.sin(image), image * 2, scale=0.5, mask=ops.reshape(q[:, :, :1], (-1, 1, 4, 1))
    ),
    lambda x: ops.exp(x - ops.stop_gradient(ops.max(x, axis=-1, keepdims=True))),
    lambda x: ops.relu(x) + ops.relu6(3 * x) + ops.leaky_relu(x, 0.25) + ops.elu(x, 0.7) + ops.selu(x),
    lambda x: ops.sigmoid(x) + ops.silu(x) + ops.softplus(x) + ops.softsign(x) + ops.log_sigmoid(x),
    lambda x: ops.hard_sigmoid(x) + ops.hard_silu(x) + ops.hard_tanh(x) + ops.tanh_shrink(x),
    lambda x: ops.soft_shrink(x, 0.3) + ops.hard_shrink(x, 0.4) + ops.threshold(x, 0.2, -3.0),
    lambda x: ops.celu(x, 0.5) + ops.squareplus(x, 3) + ops.sparse_plus(x) + ops.sparse_sigmoid(x),
    lambda x: ops.softmax(x, axis=1) + ops.log_softmax(x),
    lambda image: ops.glu(image),
    lambda x: ops.rms_normalization(x, scale=C[0], epsilon=1e-3) + ops.layer_normalization(x, C[0], C[1]),
]
WINDOWS = [
    lambda image: ops.max_pool(image, 2) + ops.average_pool(image, (2, 2)),
    lambda image: ops.average_pool(image, 3, strides=2, padding="same"),
    lambda image: ops.depth_to_space(ops.space_to_depth(image, 2), 2) + image,
    lambda image: ops.image.extract_patches(image, 2),
]
TABLE = {
    "elementwise": ELEMENTWISE,
    "whole numbers": WHOLE_NUMBERS,
    "logic": LOGIC,
    "reductions": REDUCTIONS,
    "arrangement": ARRANGEMENT,
    "indexing": INDEXING,
    "contractions": CONTRACTIONS,
    "Fourier transforms": FOURIER,
    "functions": FUNCTIONS,
    "windows": WINDOWS,
}


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    """Keras is the oracle, in float64."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def given(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Random inputs of these names."""
    made = {}
    for name in names:
        x = RNG.normal(size=(3, *SHAPES[name]))
        if name in WHOLE:
            made[name] = RNG.integers(0, 4, x.shape, dtype=np.int32)
        elif name in BOOLEAN:
            made[name] = x > 0
        else:
            made[name] = np.abs(x) + 0.3 if name == "positive" else np.tanh(x) if name == "unit" else x
    return made


def symbolic(names: tuple[str, ...]) -> dict[str, object]:
    kinds = dict.fromkeys(WHOLE, "int32") | dict.fromkeys(BOOLEAN, "bool")
    return {name: keras.Input(SHAPES[name], name=name, dtype=kinds.get(name, "float64")) for name in names}


@pytest.mark.parametrize(
    "function", [pytest.param(f, id=f"{name}-{i}") for name, table in TABLE.items() for i, f in enumerate(table)]
)
def test_an_operation_is_what_keras_computes(function: Callable[..., object]) -> None:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    tensors, inputs = symbolic(names), given(names)
    model = keras.Model(tensors, function(*tensors.values()))
    expected = np.asarray(model(inputs))
    port = KerasImporter().from_object(model, Reading())
    found = run(port.model, port.variables, inputs, dtype=np.float64).outputs[port.model.outputs[0]]
    assert found.shape == expected.shape
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    assert port.subject is not None
    for path, value in port.subject.nodes(inputs, dtype="float64").items():
        nodes = run(port.model, port.variables, inputs, dtype=np.float64).nodes
        np.testing.assert_allclose(nodes[path], value, rtol=1e-10, atol=1e-10, err_msg=path)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: ops.sum(x, axis=0), "axis 0 is the batch axis"),
        (lambda x: ops.sparsemax(x), "is not the projection"),
        (lambda x, y: ops.clip(x, y, 1.0), "bounds that are computed"),
        (lambda x: ops.stop_gradient(x) + 1, r"stop_gradient \(StopGradient\): .* gradients that stop"),
        (lambda x: ops.sort(ops.reshape(x, (-1,)), axis=0), "batch axis"),
        (lambda x: ops.reshape(x, (2, -1)), "joins or divides examples"),
        (lambda x: ops.rfft(x)[0], "RFFT has no counterpart"),
        (lambda x: ops.nonzero(x)[0], "Nonzero has no counterpart"),
        (lambda v: ops.matmul(v, ops.transpose(v)), "multiplies or sums examples"),
        (lambda x, ids: ops.take(x, ids, axis=1), "use ops.take_along_axis"),
        (lambda x: ops.transpose(x, (1, 0, 2)), "do not stand along the first axis"),
    ],
)
def test_what_the_spec_cannot_express_is_named(function: Callable[..., object], message: str) -> None:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    tensors = symbolic(names)
    model = keras.Model(tensors, function(*tensors.values()))
    with pytest.raises(PortError, match=message):
        KerasImporter().from_object(model, Reading())
