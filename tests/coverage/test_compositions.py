"""Answers that are several nodes, or a class in another's clothes, give the peer's numbers.

What is mapped to one class by its name is held to the peers by `tests/peers` and by the backends made of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec.backends import Array
from tests.coverage.lists import LISTS, start
from tests.peers.subjects import Reference, network, unreduced

pytestmark = pytest.mark.slow

SUBJECT = Reference()
Nodes = Sequence[tuple[str, nn.Layer, Sequence[str]]]


@pytest.fixture
def keras() -> Any:
    return _package("keras")


@pytest.fixture
def nnx() -> Any:
    return _package("flax", "flax.nnx")


@pytest.fixture
def optax() -> Any:
    return _package("optax")


def _package(name: str, module: str = "") -> Any:
    missing = next(each.missing for each in LISTS if each.package == name)
    if missing:
        pytest.skip(missing)
    return start(module or name)


def numbers(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def check(expected: Any, nodes: Nodes, inputs: dict[str, Array], variables: dict[str, Any] | None = None) -> None:
    given = {name: np.asarray(value) for name, value in (variables or {}).items()}
    ours = SUBJECT.forward(network({n: x.shape[1:] for n, x in inputs.items()}, nodes), inputs, given)[0]
    np.testing.assert_allclose(ours, np.asarray(expected), rtol=0, atol=2e-6 * max(1.0, np.abs(expected).max()))


# -- layers of Keras --------------------------------------------------------------------------------------------------


def both_ways(kind: type[nn.LSTM | nn.GRU | nn.SimpleRNN], join: nn.Layer) -> Nodes:
    return [
        ("f", kind(3, return_sequences=True), ["x"]),
        ("b", kind(3, return_sequences=True, reverse=True), ["x"]),
        ("r", nn.Slice(step=-1, axis=1), ["b"]),
        ("y", join, ["f", "r"]),
    ]


@pytest.mark.parametrize(("mode", "join"), [("concat", nn.Concat()), ("sum", nn.Add()), ("mul", nn.Multiply())])
def test_bidirectional(keras: Any, mode: str, join: nn.Layer) -> None:
    layer = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True), merge_mode=mode)
    x = numbers(2, 5, 4)
    layer.build(x.shape)
    weights = [numbers(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())]
    layer.set_weights(weights)
    names = [f"{node}/{name}" for node in "fb" for name in ("kernel", "recurrent_kernel", "bias")]
    check(layer(x), both_ways(nn.LSTM, join), {"x": x}, dict(zip(names, weights, strict=True)))


def test_stacked_cells(keras: Any) -> None:
    cells = [keras.layers.SimpleRNNCell(3), keras.layers.SimpleRNNCell(2)]
    layer = keras.layers.RNN(keras.layers.StackedRNNCells(cells))
    x = numbers(2, 5, 4)
    layer.build(x.shape)
    weights = [numbers(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())]
    layer.set_weights(weights)
    nodes = [("a", nn.SimpleRNN(3, return_sequences=True), ["x"]), ("b", nn.SimpleRNN(2), ["a"])]
    names = [f"{node}/{name}" for node in "ab" for name in ("kernel", "recurrent_kernel", "bias")]
    check(layer(x), nodes, {"x": x}, dict(zip(names, weights, strict=True)))


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_cells(keras: Any, kind: str) -> None:
    """A cell is a sequence of one step from a state to the next."""
    cell = getattr(keras.layers, f"{kind}Cell")(3)
    x, states = numbers(2, 4), [numbers(2, 3, seed=i) for i in (1, 2)][: 2 if kind == "LSTM" else 1]
    cell.build(x.shape)
    weights = [numbers(*w.shape, seed=i) for i, w in enumerate(cell.get_weights())]
    cell.set_weights(weights)
    given = dict(zip(("y/kernel", "y/recurrent_kernel", "y/bias"), weights, strict=True))
    if kind == "GRU":  # z, r, n in Keras

        def ordered(w: Array) -> Array:
            return np.concatenate([np.split(w, 3, axis=-1)[i] for i in (1, 0, 2)], axis=-1)

        given = {name: ordered(w) for name, w in given.items()}
        given["y/bias"], given["y/recurrent_bias"] = given["y/bias"]
    options = {"return_state": True} if kind == "LSTM" else {}
    layer = getattr(nn, kind)(3, initial_state=True, **options)
    inputs = {"x": x, "start": np.concatenate(states, axis=-1)}
    expected = np.concatenate([np.asarray(state) for state in cell(x, states)[1]], axis=-1)
    check(expected, [("s", nn.ExpandDims(1), ["x"]), ("y", layer, ["s", "start"])], inputs, given)


@pytest.mark.parametrize(
    ("options", "ours"),
    [
        ({}, nn.DotProductAttention(1.0)),
        ({"use_scale": True}, nn.DotProductAttention(1.0, use_scale=True)),
        ({"use_scale": True, "score_mode": "concat"}, nn.DotProductAttention(None, "concat", use_scale=True)),
    ],
)
def test_attention(keras: Any, options: dict[str, Any], ours: nn.Layer) -> None:
    q, v, k = numbers(2, 4, 3), numbers(2, 5, 2, seed=1), numbers(2, 5, 3, seed=2)
    layer = keras.layers.Attention(**options)
    layer([q, v, k])
    weights = [np.float32(0.6 + i) for i, _ in enumerate(layer.get_weights())]
    layer.set_weights(weights)
    variables = {f"y/{name}": w[None] for name, w in zip(("scale", "weight"), weights, strict=False)}
    check(layer([q, v, k]), [("y", ours, ["q", "k", "v"])], {"q": q, "k": k, "v": v}, variables)
    causal = dataclasses.replace(ours, causal=True)
    expected = layer([q, v, k], use_causal_mask=True)
    check(expected, [("y", causal, ["q", "k", "v"])], {"q": q, "k": k, "v": v}, variables)


def test_additive_attention(keras: Any) -> None:
    q, v, scale = numbers(2, 4, 3), numbers(2, 5, 3, seed=1), numbers(3, seed=2)
    layer = keras.layers.AdditiveAttention()
    layer([q, v])
    layer.set_weights([scale])
    check(layer([q, v]), [("y", nn.AdditiveAttention(), ["q", "v"])], {"q": q, "v": v}, {"y/scale": scale})


_PROJECTIONS = [f"y/{name}/{kind}" for name in ("query", "key", "value", "out") for kind in ("kernel", "bias")]


@pytest.mark.parametrize("causal", [False, True])
def test_groups_of_heads(keras: Any, causal: bool) -> None:
    x, v, k = numbers(2, 4, 6), numbers(2, 5, 3, seed=1), numbers(2, 5, 2, seed=2)
    layer = keras.layers.GroupQueryAttention(5, 4, 2, sliding_window=2)
    layer(x, v, k)
    weights = [numbers(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())]
    layer.set_weights(weights)
    ours = nn.MultiHeadAttention(4, 5, num_kv_heads=2, window=2, causal=causal)
    inputs = {"x": x, "k": k, "v": v}
    variables = dict(zip(_PROJECTIONS, weights, strict=True))
    check(layer(x, v, k, use_causal_mask=causal), [("y", ours, ["x", "k", "v"])], inputs, variables)


def test_values_of_another_size(keras: Any) -> None:
    x, v, k = numbers(2, 4, 6), numbers(2, 5, 3, seed=1), numbers(2, 5, 2, seed=2)
    layer = keras.layers.MultiHeadAttention(2, 5, value_dim=4, output_shape=7)
    layer(x, v, k)
    weights = [numbers(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())]
    layer.set_weights(weights)
    ours = nn.MultiHeadAttention(2, 5, 7, value_features=4)
    variables = dict(zip(_PROJECTIONS, weights, strict=True))
    check(layer(x, v, k), [("y", ours, ["x", "k", "v"])], {"x": x, "k": k, "v": v}, variables)


def test_reversible_embedding(keras: Any) -> None:
    x = numbers(2, 4, 3)
    layer = keras.layers.ReversibleEmbedding(5, 3)
    layer.build((2, 4))
    table = numbers(5, 3, seed=1)
    layer.set_weights([table])
    check(layer(x, reverse=True), [("y", nn.Unembedding(5), ["x"])], {"x": x}, {"y/embedding": table})


def test_a_cap_of_logits(keras: Any) -> None:
    x, table = numbers(2, 4, 3), numbers(5, 3, seed=1)
    layer = keras.layers.ReversibleEmbedding(5, 3, logit_soft_cap=1.5)
    layer.build((2, 4))
    layer.set_weights([table])
    nodes = [("logits", nn.Unembedding(5), ["x"]), ("shares", nn.Rescaling(1 / 1.5), ["logits"])]
    nodes += [("bounded", nn.Tanh(), ["shares"]), ("y", nn.Rescaling(1.5), ["bounded"])]
    check(layer(x, reverse=True), nodes, {"x": x}, {"logits/embedding": table})


@pytest.mark.parametrize("queries", [False, True])
def test_scores_and_a_mask_of_queries(keras: Any, queries: bool) -> None:
    q, v = numbers(2, 4, 3), numbers(2, 5, 3, seed=1)
    mask = np.array([[True, False, True, True], [False, True, True, True]])
    y, scores = keras.layers.Attention()([q, v], mask=[mask, None] if queries else None, return_attention_scores=True)
    if queries:  # Keras leaves the scores of such queries as they are
        nodes = [("wide", nn.ExpandDims(axis=2), ["m"])]
        nodes += [("y", nn.DotProductAttention(1.0, mask=True), ["q", "v", "wide"])]
        given = {"q": q, "v": v, "m": mask}
        declared = {name: nn.Input(x.shape[1:], "bool" if name == "m" else "float") for name, x in given.items()}
        model = nn.Model(declared, [nn.Node(name, layer, tuple(names)) for name, layer, names in nodes], "y")
        np.testing.assert_allclose(SUBJECT.forward(model, given, {})[0], np.asarray(y), atol=2e-6)
    else:
        check(scores, [("y", nn.DotProductAttention(1.0, returns="scores"), ["q", "v"])], {"q": q, "v": v}, {})


def test_batch_renormalization(keras: Any) -> None:
    x, start = numbers(7, 3), np.abs(numbers(3, seed=1)) + 0.5
    clipping = {"rmax": 1.2, "rmin": 1 / 1.2, "dmax": 0.3}
    layer = keras.layers.BatchNormalization(momentum=0.8, renorm=True, renorm_momentum=0.8, renorm_clipping=clipping)
    layer.build(x.shape)
    for weight in layer.weights:
        values = {"gamma": numbers(3, seed=2), "beta": numbers(3, seed=3)}.get(weight.name)
        centers = numbers(3, seed=4) if "mean" in weight.name else start if "stddev" in weight.name else start**2
        weight.assign(centers if values is None else values)
    variables = {
        "y/scale": layer.gamma.numpy(),
        "y/bias": layer.beta.numpy(),
        "y/mean": layer.moving_mean.numpy(),
        "y/stddev": start,
    }
    ours = nn.BatchRenorm(momentum=0.8, epsilon=1e-3, r_max=1.2, d_max=0.3)
    expected = np.asarray(layer(x, training=True))
    model = network({"x": x.shape[1:]}, [("y", ours, ["x"])])
    found, after = SUBJECT.forward(model, {"x": x}, variables, training=True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-6)
    for name in "mean", "stddev":
        np.testing.assert_allclose(after[f"y/{name}"], getattr(layer, f"moving_{name}").numpy(), rtol=1e-6)


def test_dot(keras: Any) -> None:
    a, b = numbers(2, 4, 3), numbers(2, 5, 3, seed=1)
    matrices: Nodes = [("t", nn.Permute((2, 1)), ["b"]), ("y", nn.Matmul(), ["a", "t"])]
    check(keras.layers.Dot(2)([a, b]), matrices, {"a": a, "b": b})
    u, v = numbers(2, 3), numbers(2, 3, seed=1)
    vectors: Nodes = [
        ("n", nn.UnitNorm(epsilon=1e-7), ["u"]),
        ("m", nn.UnitNorm(epsilon=1e-7), ["v"]),
        ("product", nn.Multiply(), ["n", "m"]),
        ("y", nn.Sum(-1, keepdims=True), ["product"]),
    ]
    check(keras.layers.Dot(1, normalize=True)([u, v]), vectors, {"u": u, "v": v})


@pytest.mark.parametrize(("mode", "join"), [("multi_hot", nn.Max(1)), ("count", nn.Sum(1))])
def test_categories(keras: Any, mode: str, join: nn.Layer) -> None:
    ids = np.array([[0, 2, 2], [3, 1, 0]], np.int32)
    nodes = [nn.Node("hot", nn.OneHot(4), ("x",)), nn.Node("y", join, ("hot",))]
    model = nn.Model({"x": nn.Input((3,), "int32")}, nodes, "y")
    expected = keras.layers.CategoryEncoding(num_tokens=4, output_mode=mode)(ids)
    np.testing.assert_array_equal(SUBJECT.forward(model, {"x": ids}, {})[0], np.asarray(expected))


@pytest.mark.parametrize(("mode", "join"), [("one_hot", None), ("multi_hot", nn.Max(1)), ("count", nn.Sum(1))])
def test_bins(keras: Any, mode: str, join: nn.Layer | None) -> None:
    x = numbers(3, 5)
    nodes: list[Any] = [
        ("d", nn.Discretization((-0.5, 0.2)), ["x"]),
        ("y" if join is None else "h", nn.OneHot(3), ["d"]),
    ]
    nodes += [] if join is None else [("y", join, ["h"])]
    check(keras.layers.Discretization([-0.5, 0.2], output_mode=mode)(x), nodes, {"x": x})


def test_bands_before_frames(keras: Any) -> None:
    x = numbers(2, 60)
    layer = keras.layers.MelSpectrogram(16, 8, sampling_rate=800, num_mel_bins=4, top_db=20.0)
    ours = nn.MelSpectrogram(16, 8, sampling_rate=800.0, num_mel_bins=4, top_db=20.0, over_batch=True)
    check(layer(x), [("m", ours, ["x"]), ("y", nn.Permute((2, 1)), ["m"])], {"x": x})


def test_average(keras: Any) -> None:
    x = {name: numbers(2, 3, seed=i) for i, name in enumerate("abc")}
    check(keras.layers.Average()(list(x.values())), [("s", nn.Add(), list(x)), ("y", nn.Rescaling(1 / 3), ["s"])], x)


@pytest.mark.parametrize(
    ("equation", "output", "bias_axes", "kernel"),
    [
        ("abc,cde->abde", (None, 3, 2), "de", (None, 3, 2)),
        ("abc,cde->abde", (None, 3, 2), "d", (4, 3, 2)),
        ("...x,xy->...y", (3,), "y", (None, 3)),
        ("abc,bcd->abd", (5, 2), None, (None, None, 2)),
    ],
)
def test_einsum_dense(keras: Any, equation: str, output: Any, bias_axes: str | None, kernel: Any) -> None:
    layer = keras.layers.EinsumDense(equation, output, bias_axes=bias_axes)
    x = numbers(2, 5, 4)
    layer.build(x.shape)
    weights = [numbers(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())]
    layer.set_weights(weights)
    ours = nn.EinsumDense(equation, kernel, bias_axes)
    variables = {
        f"y/{name}": w.reshape(param.shape)
        for (name, param), w in zip(ours.params(x.shape).items(), weights, strict=True)
    }
    check(layer(x), [("y", ours, ["x"])], {"x": x}, variables)


@pytest.mark.parametrize(
    ("name", "options", "ours"),
    [
        ("UnitNormalization", {}, nn.UnitNorm()),
        ("CenterCrop", {"height": 3, "width": 4}, nn.Crop(((1, 2), (1, 1)))),
        ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, nn.Resize((12, 18))),
        ("UpSampling2D", {"size": (2, 3)}, nn.Upsample((2, 3))),
        ("Resizing", {"height": 4, "width": 7, "interpolation": "nearest"}, nn.Resize((4, 7), "nearest")),
        ("Resizing", {"height": 4, "width": 7, "antialias": True}, nn.Resize((4, 7), antialias=True)),
        # Without antialias TensorFlow takes the cubic weights from a table, to three digits.
        (
            "Resizing",
            {"height": 4, "width": 7, "interpolation": "bicubic", "antialias": True},
            nn.Resize((4, 7), "cubic", antialias=True),
        ),
        ("GlobalAveragePooling2D", {"keepdims": True}, nn.Mean((1, 2), keepdims=True)),
        ("GlobalMaxPooling2D", {"keepdims": True}, nn.Max((1, 2), keepdims=True)),
        ("AdaptiveAveragePooling2D", {"output_size": (4, 5)}, nn.AdaptiveAvgPool((4, 5))),
    ],
)
def test_in_other_clothes(keras: Any, name: str, options: dict[str, Any], ours: nn.Layer) -> None:
    x = numbers(2, 6, 6, 3)
    check(getattr(keras.layers, name)(**options)(x), [("y", ours, ["x"])], {"x": x})


# -- layers of Flax ---------------------------------------------------------------------------------------------------


def test_circular_convolution(nnx: Any) -> None:
    layer = nnx.Conv(3, 4, (3,), padding="CIRCULAR", rngs=nnx.Rngs(0))
    x = numbers(2, 6, 3)
    nodes: Nodes = [
        ("p", nn.Pad(((1, 1),), mode="wrap"), ["x"]),
        ("y", nn.Conv(4, (3,), padding="valid"), ["p"]),
    ]
    check(layer(x), nodes, {"x": x}, {"y/kernel": layer.kernel[...], "y/bias": layer.bias[...]})


def test_low_rank(nnx: Any) -> None:
    layer = nnx.LoRALinear(4, 3, lora_rank=2, b_initializer=nnx.initializers.normal(), rngs=nnx.Rngs(0))
    x = numbers(5, 4)
    nodes: Nodes = [
        ("base", nn.Dense(3), ["x"]),
        ("a", nn.Dense(2, use_bias=False), ["x"]),
        ("b", nn.Dense(3, use_bias=False), ["a"]),
        ("y", nn.Add(), ["base", "b"]),
    ]
    variables = {
        "base/kernel": layer.kernel[...],
        "base/bias": layer.bias[...],
        "a/kernel": layer.lora.lora_a[...],
        "b/kernel": layer.lora.lora_b[...],
    }
    check(layer(x), nodes, {"x": x}, variables)


def test_linear_along_several_axes(nnx: Any) -> None:
    x = numbers(2, 6, 4, 3)
    layer = nnx.LinearGeneral((6, 3), (2, 5), axis=(1, -1), bias_init=nnx.initializers.normal(), rngs=nnx.Rngs(0))
    variables = {"y/kernel": layer.kernel[...], "y/bias": layer.bias[...]}
    check(layer(x), [("y", nn.DenseGeneral((2, 5), (1, -1)), ["x"])], {"x": x}, variables)


def test_einsum(nnx: Any) -> None:
    layer = nnx.Einsum("abc,cde->abde", (4, 3, 2), (3, 2), bias_init=nnx.initializers.normal(), rngs=nnx.Rngs(0))
    x = numbers(2, 5, 4)
    variables = {"y/kernel": layer.kernel[...], "y/bias": layer.bias[...]}
    check(layer(x), [("y", nn.EinsumDense("abc,cde->abde", (None, 3, 2), "de"), ["x"])], {"x": x}, variables)


def test_attending_to_a_table(nnx: Any) -> None:
    layer = nnx.Embed(5, 3, rngs=nnx.Rngs(0))
    x = numbers(2, 4, 3)
    check(layer.attend(x), [("y", nn.Unembedding(5), ["x"])], {"x": x}, {"y/embedding": layer.embedding[...]})


def test_heads_that_share_a_key(nnx: Any) -> None:
    layer = nnx.MultiHeadAttention(4, 6, 12, num_kv_heads=2, in_kv_features=5, decode=False, rngs=nnx.Rngs(0))
    x, k, v = numbers(2, 4, 6), numbers(2, 3, 5, seed=1), numbers(2, 3, 5, seed=2)
    variables = {
        name: getattr(getattr(layer, part), kind)[...] for name in _PROJECTIONS for _, part, kind in [name.split("/")]
    }
    ours = nn.MultiHeadAttention(4, 3, num_kv_heads=2)
    check(layer(x, k, v), [("y", ours, ["x", "k", "v"])], {"x": x, "k": k, "v": v}, variables)


def test_simple_cell_both_ways(nnx: Any) -> None:
    rngs = nnx.Rngs(0)
    cells = [nnx.SimpleCell(4, 3, rngs=rngs) for _ in range(2)]
    layer = nnx.Bidirectional(*map(nnx.RNN, cells))
    x = numbers(2, 5, 4)
    variables = {
        f"{node}/{name}": value
        for node, cell in zip("fb", cells, strict=True)
        for name, value in {
            "kernel": cell.dense_i.kernel[...],
            "recurrent_kernel": cell.dense_h.kernel[...],
            "bias": cell.dense_i.bias[...],
        }.items()
    }
    check(layer(x), both_ways(nn.SimpleRNN, nn.Concat()), {"x": x}, variables)


# -- losses and optimizers of Optax -----------------------------------------------------------------------------------


def test_overlaps(optax: Any) -> None:
    x, y = numbers(2, 3, 4), (numbers(2, 3, 4, seed=1) > 0).astype(np.float32)
    ours = unreduced(SUBJECT, nn.Dice(2 * 0.7), x, y, (2,))
    np.testing.assert_allclose(ours, optax.losses.binary_dice_loss(x, y, smooth=0.7), rtol=0, atol=1e-6)
    spec = nn.Tversky(0.3, 0.6, 0.7, multiclass=True, per_class=True)
    theirs = optax.losses.dice_loss(x, y, smooth=0.7, alpha=0.3, beta=0.6)
    np.testing.assert_allclose(unreduced(SUBJECT, spec, x, y, (2, 4)).mean(-1), theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["ranking_softmax_loss", "safe_softmax_cross_entropy"])
def test_cross_entropies(optax: Any, name: str) -> None:
    x, y = numbers(3, 4), np.abs(numbers(3, 4, seed=1))
    if name == "safe_softmax_cross_entropy":
        x[0, 1], y[0, 1] = -np.inf, 0
    ours, _ = SUBJECT.loss(nn.SoftmaxCrossEntropy(), x, y)
    np.testing.assert_allclose(ours, np.mean(getattr(optax.losses, name)(x, y)), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "ours"),
    [
        ("sign_sgd", {}, nn.Lion(b1=0.0)),
        ("signum", {"beta": 0.7}, nn.Lion(b1=0.7, b2=0.7)),
        ("adamaxw", {"weight_decay": 0.02}, nn.Adamax(weight_decay=0.02)),
        ("adam", {"nesterov": True}, nn.NAdam(momentum_decay=None)),
        ("amsgrad", {}, nn.Adam(amsgrad="corrected")),
        ("lars", {"weight_decay": 0.02, "momentum": 0.9}, nn.LARS(joint_norm=True, weight_decay=0.02)),
        ("rmsprop", {"momentum": 0.8}, nn.RMSProp(epsilon=1e-8, momentum=0.8, learning_rate_in_velocity=True)),
        ("adabelief", {}, nn.AdaBelief()),
        ("lamb", {"weight_decay": 0.02}, nn.LAMB(weight_decay=0.02)),
        ("adafactor", {}, nn.Adafactor(axes="largest", min_size_to_factor=128, relative_step=False)),
        ("adan", {}, nn.Adan(epsilon_root=1e-8, factor="1 - b2")),
        ("fromage", {}, nn.Fromage()),
        ("novograd", {}, nn.NovoGrad(b1=0.9, b2=0.25, epsilon=1e-6)),
        ("optimistic_adam_v2", {}, nn.OptimisticAdam(nesterov=True)),
        ("optimistic_gradient_descent", {}, nn.OptimisticGradientDescent()),
        ("sm3", {}, nn.SM3()),
        ("yogi", {}, nn.Yogi()),
    ],
)
def test_optimizers(optax: Any, name: str, options: dict[str, Any], ours: Any) -> None:
    start, gradients = numbers(5), numbers(6, 5, seed=1)
    rule = getattr(optax, name)(0.01, **options)
    theirs, state, path = start, rule.init(start), []
    for gradient in gradients:
        update, state = rule.update(gradient, state, theirs)
        theirs = np.asarray(theirs + update)
        path.append(theirs)
    spec = dataclasses.replace(ours, learning_rate=0.01)
    found = SUBJECT.optimize(spec, {"w": start}, {"w": gradients})["w"]
    np.testing.assert_allclose(found, np.stack(path), rtol=0, atol=1e-6)
