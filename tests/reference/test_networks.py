"""Whole networks of the builders against PyTorch: its own modules, or the papers' code written with its functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import models
from nnspec.reference.model import run

RNG = np.random.default_rng(41)


def drawn(model: nn.Model, *shapes: Any) -> dict[str, np.ndarray]:
    """Random values for all variables, none of them 0 or 1, of a size that keeps that of the values."""
    made = {}
    for name, param in model.params(*shapes).items():
        fan = np.prod(param.shape[:-1]) if name.endswith("kernel") else 4
        made[name] = RNG.normal(size=param.shape) / np.sqrt(fan)
        if name.endswith(("/var", "/scale")):
            made[name] = 1 + made[name] / 4
    return made


class Torch:
    """PyTorch's functions on variables of ours; images have their channels first."""

    def __init__(self, variables: dict[str, np.ndarray], path: str = "") -> None:
        self.torch = pytest.importorskip("torch")
        self.f = self.torch.nn.functional
        self.variables, self.path = variables, path

    def below(self, name: str) -> Torch:
        return Torch(self.variables, f"{self.path}{name}/")

    def get(self, name: str, axes: tuple[int, ...] = ()) -> Any:
        value = self.variables[self.path + name]
        return self.torch.from_numpy(np.ascontiguousarray(value.transpose(axes) if axes else value))

    def maybe(self, name: str) -> Any:
        return self.get(name) if self.path + name in self.variables else None

    def conv(self, name: str, x: Any, strides: int = 1, padding: int | None = None) -> Any:
        kernel = self.get(f"{name}/kernel", (3, 2, 0, 1))
        pads = kernel.shape[-1] // 2 if padding is None else padding
        return self.f.conv2d(x, kernel, self.maybe(f"{name}/bias"), strides, pads)

    def norm(self, name: str, x: Any) -> Any:
        mean, var, scale, bias = (self.get(f"{name}/{part}") for part in ("mean", "var", "scale", "bias"))
        return self.f.batch_norm(x, mean, var, scale, bias, eps=1e-5)

    def dense(self, name: str, x: Any) -> Any:
        return self.f.linear(x, self.get(f"{name}/kernel", (1, 0)), self.maybe(f"{name}/bias"))


def check(model: nn.Model, variables: dict[str, np.ndarray], x: Any, expected: Any) -> None:
    (found,) = run(model, variables, {"input": x}).outputs.values()
    assert found.std() > 1e-3  # what is compared is not all alike
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())


def first(array: Any) -> Any:
    """Images with their channels first, for PyTorch."""
    return pytest.importorskip("torch").from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1)))


def block_of_resnet(t: Torch, x: Any, channels: int, *, strides: tuple[int, ...], version: int, kind: Any) -> Any:
    """A block as in github.com/facebookarchive/fb.resnet.torch, models/resnet.lua and models/preresnet.lua.

    ``kind`` is "same", "first" of a stage, or "very first".
    """
    relu = t.f.relu
    count = len(strides)

    def shortcut(x: Any) -> Any:
        if f"{t.path}projection/kernel" in t.variables:
            y = t.conv("projection", x, np.prod(strides))
            return t.norm("projection_norm", y) if version == 1 else y
        step = int(np.prod(strides))
        return t.f.pad(x[:, :, ::step, ::step], (0, 0, 0, 0, 0, channels - x.shape[1]))

    if version == 1:
        y = x
        for i, step in enumerate(strides, 1):
            y = t.norm(f"norm_{i}", t.conv(f"conv_{i}", y, step))
            y = relu(y) if i < count else y
        return relu(shortcut(x) + y)
    y = x if kind == "very first" else relu(t.norm("norm_1", x))
    both = y if kind != "same" else x
    for i, step in enumerate(strides, 1):
        y = t.conv(f"conv_{i}", y if i == 1 else relu(t.norm(f"norm_{i}", y)), step)
    return shortcut(both) + y


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("block", "in_1x1"), [("basic", None), ("bottleneck", True), ("bottleneck", False)])
@pytest.mark.parametrize(("stem", "shortcut"), [("imagenet", "projection"), ("cifar", "padding")])
def test_resnet(version: Any, block: Any, in_1x1: Any, stem: Any, shortcut: Any) -> None:
    depth, wide = (2, 1, 1), 4 if block == "bottleneck" else 1
    model = models.resnet(
        depth,
        5,
        version=version,
        block=block,
        stem=stem,
        shortcut=shortcut,
        stride_in_1x1=in_1x1,
        features=3,
        input=(17, 12, 2),
    )
    v, x = drawn(model), RNG.normal(size=(2, 17, 12, 2))
    t = Torch(v)
    y = t.conv("stem", first(x), 2 if stem == "imagenet" else 1)
    y = t.f.relu(t.norm("stem_norm", y))
    if stem == "imagenet":
        y = t.f.max_pool2d(y, 3, 2, 1)
    for stage, count in enumerate(depth):
        for number in range(count):
            step = 2 if stage and not number else 1
            strides = (step, 1) if block == "basic" else (step, 1, 1) if in_1x1 else (1, step, 1)
            kind = "same" if number else "first" if stage else "very first"
            within = t.below(f"stage_{stage + 1}").below(f"block_{number + 1}")
            channels = 3 * 2**stage * wide
            y = block_of_resnet(within, y, channels, strides=strides, version=version, kind=kind)
    if version == 2:
        y = t.f.relu(t.norm("last_norm", y))
    check(model, v, x, t.dense("head", y.mean((2, 3))).numpy())


def test_where_resnet_strides_by_default() -> None:
    """Version 1 of the paper in the first convolution of a bottleneck, version 2 in the second."""
    for version, strided in ((1, "conv_1"), (2, "conv_2")):
        model = models.resnet(50, version=version)  # type: ignore[arg-type]
        layers = {path: node.layer for path, node in model.walk()}
        found = {name: layers[f"stage_2/block_1/{name}"].strides for name in ("conv_1", "conv_2", "conv_3")}
        assert found == {name: 2 if name == strided else 1 for name in found}


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_unet(padding: Any) -> None:
    size = (52, 44) if padding == "valid" else (8, 12)
    model = models.unet(3, 2, levels=2, padding=padding, input=(*size, 2))
    v, x = drawn(model), RNG.normal(size=(2, *size, 2))
    t = Torch(v)
    pads = 0 if padding == "valid" else 1

    def pair(name: str, y: Any) -> Any:
        for conv in ("conv_1", "conv_2"):
            y = t.f.relu(t.below(name).conv(conv, y, padding=pads))
        return y

    y, passed = first(x), []
    for level in (1, 2):
        y = pair(f"down_{level}", y)
        passed.append(y)
        y = t.f.max_pool2d(y, 2)
    y = pair("bottom", y)
    for level in (2, 1):
        kernel, bias = t.get(f"up_sample_{level}/kernel", (2, 3, 0, 1)), t.get(f"up_sample_{level}/bias")
        y = t.f.conv_transpose2d(y, kernel, bias, 2)
        skip = passed[level - 1]
        rows, columns = ((skip.shape[axis] - y.shape[axis]) // 2 for axis in (2, 3))
        skip = skip[:, :, rows : rows + y.shape[2], columns : columns + y.shape[3]]
        y = pair(f"up_{level}", pytest.importorskip("torch").cat([skip, y], 1))
    check(model, v, x, np.moveaxis(t.conv("head", y).numpy(), 1, -1))


@pytest.mark.parametrize("score", ["dot", "general"])
def test_seq2seq(score: Any) -> None:
    """``torch.nn.LSTM`` as encoder and decoder, which takes all of the encoder's last states; attention by formula.

    Padding that a mask leaves out changes nothing.
    """
    torch = pytest.importorskip("torch")
    layers, size = 2, 4
    model = models.seq2seq(9, 11, size, num_layers=layers, embedding_features=3, score=score, dropout_rate=0.0)
    source, target = RNG.integers(0, 9, (2, 5)).astype(np.int32), RNG.integers(0, 11, (2, 7)).astype(np.int32)
    v = drawn(model, source.shape, target.shape)

    def lstm(side: str, ids: Any, state: Any = None) -> Any:
        theirs = torch.nn.LSTM(3, size, layers, batch_first=True, dtype=torch.float64)
        weights = {}
        for i in range(layers):
            weights[f"weight_ih_l{i}"] = v[f"{side}_{i + 1}/kernel"].T
            weights[f"weight_hh_l{i}"] = v[f"{side}_{i + 1}/recurrent_kernel"].T
            weights[f"bias_ih_l{i}"] = v[f"{side}_{i + 1}/bias"]
            weights[f"bias_hh_l{i}"] = np.zeros(4 * size)
        theirs.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(w)) for name, w in weights.items()})
        table = v[f"{'source' if side == 'encoder' else 'target'}_embedding/embedding"]
        with torch.no_grad():
            return theirs(torch.from_numpy(table[ids]), state)

    memory, state = lstm("encoder", source)
    h, _ = lstm("decoder", target, state)
    memory, h = memory.numpy(), h.numpy()
    query = h if score == "dot" else h @ v["score/kernel"]
    scores = np.exp(np.einsum("btf,bsf->bts", query, memory))
    context = np.einsum("bts,bsf->btf", scores / scores.sum(-1, keepdims=True), memory)
    attended = np.tanh(np.concatenate([context, h], -1) @ v["attended/kernel"])
    expected = attended @ v["head/kernel"] + v["head/bias"]
    (found,) = run(model, v, {"source": source, "target": target}).outputs.values()
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    masked = models.seq2seq(
        9, 11, size, num_layers=layers, embedding_features=3, score=score, dropout_rate=0.0, mask=True
    )
    padded, mask = np.pad(source, ((0, 0), (0, 2))), np.arange(7) < np.full((2, 1), 5)
    (found,) = run(masked, v, {"source": padded, "target": target, "mask": mask}).outputs.values()
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_lstm_classifier(bidirectional: bool) -> None:
    """``torch.nn.LSTM`` of several layers; its gates stand in our order, and it has two biases, which are added."""
    torch = pytest.importorskip("torch")
    model = models.lstm_classifier(3, 4, num_layers=3, bidirectional=bidirectional, input=(None, 5))
    x = RNG.normal(size=(2, 7, 5))
    v = drawn(model, x.shape)
    theirs = torch.nn.LSTM(5, 4, 3, batch_first=True, bidirectional=bidirectional, dtype=torch.float64)
    directions = [("forward", ""), ("backward", "_reverse")] if bidirectional else [("lstm", "")]
    state = {}
    for layer in range(3):
        for ours, suffix in directions:
            name = f"{ours}_{layer + 1}"
            state[f"weight_ih_l{layer}{suffix}"] = v[f"{name}/kernel"].T
            state[f"weight_hh_l{layer}{suffix}"] = v[f"{name}/recurrent_kernel"].T
            state[f"bias_ih_l{layer}{suffix}"] = v[f"{name}/bias"]
            state[f"bias_hh_l{layer}{suffix}"] = np.zeros(16)
    theirs.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(w)) for name, w in state.items()})
    with torch.no_grad():
        _, (h, _) = theirs(torch.from_numpy(x))
    last = np.concatenate(list(h[-len(directions) :].numpy()), -1)
    check(model, v, x, last @ v["head/kernel"] + v["head/bias"])
