"""Transformers of the builders against PyTorch's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import models
from nnspec.reference.model import run

RNG = np.random.default_rng(47)
FEATURES, HEADS, WIDE, LAYERS = 6, 2, 9, 2
SIZES = {"num_layers": LAYERS, "features": FEATURES, "num_heads": HEADS, "mlp_features": WIDE, "dropout_rate": 0.0}


def drawn(model: nn.Model, *shapes: Any) -> dict[str, np.ndarray]:
    """Random values for all variables, none of them 0 or 1."""
    return {
        name: RNG.normal(size=p.shape) / math.sqrt(FEATURES) + name.endswith("/scale")
        for name, p in model.params(*shapes).items()
    }


def attention(v: dict[str, np.ndarray], path: str) -> dict[str, Any]:
    """The variables of a ``MultiHeadAttention`` under PyTorch's names."""
    parts = ("query", "key", "value")
    kernels = [v[f"{path}/{part}/kernel"].reshape(FEATURES, -1).T for part in parts]
    return {
        "in_proj_weight": np.concatenate(kernels),
        "in_proj_bias": np.concatenate([v[f"{path}/{part}/bias"].ravel() for part in parts]),
        "out_proj.weight": v[f"{path}/out/kernel"].reshape(-1, FEATURES).T,
        "out_proj.bias": v[f"{path}/out/bias"],
    }


def block(v: dict[str, np.ndarray], path: str, theirs: dict[str, str]) -> dict[str, Any]:
    """A block's variables under PyTorch's names; ``theirs`` leads from our branches to their attention or norm."""
    made = {
        "linear1.weight": v[f"{path}/mlp_in/kernel"].T,
        "linear1.bias": v[f"{path}/mlp_in/bias"],
        "linear2.weight": v[f"{path}/mlp_out/kernel"].T,
        "linear2.bias": v[f"{path}/mlp_out/bias"],
    }
    for number, (ours, name) in enumerate(theirs.items(), 1):
        made |= {f"{name}.{key}": value for key, value in attention(v, f"{path}/{ours}").items()} if name else {}
        made[f"norm{number}.weight"] = v[f"{path}/{ours}_norm/scale"]
        made[f"norm{number}.bias"] = v[f"{path}/{ours}_norm/bias"]
    return made


ENCODER = {"attention": "self_attn", "mlp": ""}
DECODER = {"attention": "self_attn", "cross_attention": "multihead_attn", "mlp": ""}


def stack(kind: str, v: dict[str, np.ndarray], *, norm: str, epsilon: float, activation: str = "relu") -> Any:
    """PyTorch's stack of blocks with our variables, in float64."""
    torch = pytest.importorskip("torch")
    own = {"Encoder": ENCODER, "Decoder": DECODER}[kind]
    options = {"dropout": 0.0, "activation": activation, "layer_norm_eps": epsilon, "norm_first": norm == "pre"}
    layer = getattr(torch.nn, f"Transformer{kind}Layer")(
        FEATURES, HEADS, WIDE, batch_first=True, dtype=torch.float64, **options
    )
    last = torch.nn.LayerNorm(FEATURES, epsilon, dtype=torch.float64) if norm == "pre" else None
    extra = {"enable_nested_tensor": False} if kind == "Encoder" else {}
    made = getattr(torch.nn, f"Transformer{kind}")(layer, LAYERS, last, **extra).eval()
    state = {f"layers.{i}.{n}": w for i in range(LAYERS) for n, w in block(v, f"block_{i + 1}", own).items()}
    if last is not None:
        state |= {"norm.weight": v["last_norm/scale"], "norm.bias": v["last_norm/bias"]}
    made.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(w)) for name, w in state.items()})
    return made


def output(model: nn.Model, v: dict[str, np.ndarray], **inputs: Any) -> Any:
    (found,) = run(model, v, inputs).outputs.values()
    return found


def close(found: Any, expected: Any) -> None:
    assert expected.std() > 1e-2  # what is compared is not all alike
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


def tensors(*arrays: Any) -> list[Any]:
    torch = pytest.importorskip("torch")
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize(("causal", "masked"), [(False, True), (True, False)])
def test_encoder(norm: Any, causal: bool, masked: bool) -> None:
    torch = pytest.importorskip("torch")
    model = models.transformer_encoder(
        **SIZES, positions=None, norm=norm, activation="gelu", causal=causal, mask=masked, epsilon=1e-3
    )
    v, x = drawn(model), RNG.normal(size=(3, 5, FEATURES))
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2, [True] * 4 + [False]])
    (given, hidden) = tensors(x, ~mask)
    theirs = stack("Encoder", v, norm=norm, epsilon=1e-3, activation="gelu")
    later = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1) if causal else None
    with torch.no_grad():
        expected = theirs(given, later, hidden if masked else None).numpy()
    close(output(model, v, input=x, **({"mask": mask} if masked else {})), expected)


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("masked", [False, True])
def test_decoder(norm: Any, masked: bool) -> None:
    torch = pytest.importorskip("torch")
    model = models.transformer_decoder(**SIZES, positions=None, norm=norm, mask=masked, epsilon=1e-3)
    v, x, memory = drawn(model), RNG.normal(size=(3, 5, FEATURES)), RNG.normal(size=(3, 4, FEATURES))
    mask = np.array([[True] * 4, [True] * 3 + [False], [True, False, True, True]])
    given, kept, hidden = tensors(x, memory, ~mask)
    later = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    theirs = stack("Decoder", v, norm=norm, epsilon=1e-3)
    with torch.no_grad():
        expected = theirs(given, kept, later, memory_key_padding_mask=hidden if masked else None).numpy()
    close(output(model, v, input=x, memory=memory, **({"mask": mask} if masked else {})), expected)


@pytest.mark.parametrize("tied", [True, False])
def test_decoder_of_ids(tied: bool) -> None:
    """Embedded ids times √features and learned positions, the blocks, and logits by the ids' vectors or a kernel."""
    torch = pytest.importorskip("torch")
    model = models.transformer_decoder(
        **SIZES, num_embeddings=7, positions="learned", max_length=5, memory_features=4, tied=tied, epsilon=1e-3
    )
    ids, memory = RNG.integers(0, 7, (2, 5)).astype(np.int32), RNG.normal(size=(2, 3, 4))
    v = drawn(model, ids.shape, memory.shape)
    # PyTorch's decoder wants a memory of as many features: rows of zeros make it.
    for name in [name for name in v if "cross_attention/key/kernel" in name or "cross_attention/value/kernel" in name]:
        v[name] = np.concatenate([v[name], np.zeros((2, *v[name].shape[1:]))])
    x = v["embedding/embedding"][ids] * math.sqrt(FEATURES) + v["positions/embedding"]
    given, kept = tensors(x, np.concatenate([memory, np.zeros((2, 3, 2))], -1))
    later = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    with torch.no_grad():
        y = stack("Decoder", v, norm="post", epsilon=1e-3)(given, kept, later).numpy()
    for name in [name for name in v if "cross_attention/key/kernel" in name or "cross_attention/value/kernel" in name]:
        v[name] = v[name][:4]
    kernel = v["embedding/embedding"].T if tied else v["head/kernel"]
    close(output(model, v, input=ids, memory=memory), y @ kernel)


def test_sizes_of_pytorch() -> None:
    """``torch.nn.Transformer`` with its defaults, those of the paper, and a norm after each stack."""
    torch = pytest.importorskip("torch")
    theirs = sum(p.numel() for p in torch.nn.Transformer(batch_first=True, device="meta").parameters())
    builders = (models.transformer_encoder, models.transformer_decoder)
    ours = sum(math.prod(p.shape) for build in builders for p in build(positions=None, norm="pre").params().values())
    assert ours == theirs == 44_140_544


@pytest.mark.parametrize("pool", ["mean", "first"])
def test_classifier_of_ids(pool: Any) -> None:
    """Embedded ids times √features, waves by their formula, the blocks, and a dense layer."""
    torch = pytest.importorskip("torch")
    model = models.transformer_encoder(**SIZES, num_embeddings=7, num_classes=3, pool=pool, epsilon=1e-3)
    ids = RNG.integers(0, 7, (2, 5)).astype(np.int32)
    v = drawn(model, ids.shape)
    waves = np.zeros((5, FEATURES))
    for t in range(5):
        for i in range(FEATURES // 2):
            angle = t / 10000 ** (2 * i / FEATURES)
            waves[t, 2 * i : 2 * i + 2] = math.sin(angle), math.cos(angle)
    (embedded,) = tensors(v["embedding/embedding"][ids] * math.sqrt(FEATURES) + waves)
    with torch.no_grad():
        y = stack("Encoder", v, norm="post", epsilon=1e-3)(embedded).numpy()
    pooled = y.mean(1) if pool == "mean" else y[:, 0]
    close(output(model, v, input=ids), pooled @ v["head/kernel"] + v["head/bias"])


@pytest.mark.parametrize("tied", [True, False])
def test_gpt2(tied: bool) -> None:
    torch = pytest.importorskip("torch")
    sizes = {"num_embeddings": 7, "max_length": 8, "mlp_features": WIDE}
    model = models.gpt2(LAYERS, FEATURES, HEADS, tied=tied, activation="relu", **sizes)  # type: ignore[arg-type]
    ids = RNG.integers(0, 7, (2, 5)).astype(np.int32)
    v = drawn(model, ids.shape)
    later = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    (embedded,) = tensors(v["embedding/embedding"][ids] + v["positions/embedding"][:5])
    with torch.no_grad():
        y = stack("Encoder", v, norm="pre", epsilon=1e-5)(embedded, later).numpy()
    close(output(model, v, input=ids), y @ (v["embedding/embedding"].T if tied else v["head/kernel"]))


@pytest.mark.parametrize("head", ["none", "pooler", "classifier", "mlm"])
def test_bert(head: Any) -> None:
    torch = pytest.importorskip("torch")
    model = models.bert(
        LAYERS,
        FEATURES,
        HEADS,
        num_embeddings=7,
        max_length=5,
        mlp_features=WIDE,
        head=head,
        num_classes=3 if head == "classifier" else None,
        mask=True,
    )
    ids, segments = RNG.integers(0, 7, (2, 5)).astype(np.int32), RNG.integers(0, 2, (2, 5)).astype(np.int32)
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2])
    v = drawn(model, *[ids.shape] * 3)
    norm = torch.nn.functional.layer_norm

    def normalized(name: str, x: Any) -> Any:
        return norm(*tensors(x), (FEATURES,), *tensors(v[f"{name}/scale"], v[f"{name}/bias"]), 1e-12).numpy()

    x = v["embedding/embedding"][ids] + v["segment_embedding/embedding"][segments] + v["positions/embedding"]
    given, hidden = tensors(normalized("embedding_norm", x), ~mask)
    with torch.no_grad():
        y = stack("Encoder", v, norm="post", epsilon=1e-12, activation="gelu")(given, None, hidden).numpy()

    def dense(name: str, x: Any) -> Any:
        return x @ v[f"{name}/kernel"] + v[f"{name}/bias"]

    if head == "mlm":
        inner = torch.nn.functional.gelu(*tensors(dense("head_in", y))).numpy()
        y = normalized("head_norm", inner) @ v["embedding/embedding"].T + v["head_bias/embedding"]
    elif head != "none":
        y = np.tanh(dense("pooler", y[:, 0]))
        y = dense("head", y) if head == "classifier" else y
    close(output(model, v, ids=ids, segments=segments, mask=mask), y)


@pytest.mark.parametrize("pool", ["token", "mean"])
def test_vit(pool: Any) -> None:
    """The patches of a convolution in row-major order, a vector before them, learned positions, and the blocks."""
    torch = pytest.importorskip("torch")
    model = models.vit(
        3,
        4,
        num_layers=LAYERS,
        features=FEATURES,
        num_heads=HEADS,
        mlp_features=WIDE,
        pool=pool,
        input=(8, 12, 2),
    )
    v, x = drawn(model), RNG.normal(size=(2, 8, 12, 2))
    kernel = v["patches/kernel"]
    given, weight, bias = tensors(np.moveaxis(x, -1, 1), kernel.transpose(3, 2, 0, 1), v["patches/bias"])
    patches = torch.nn.functional.conv2d(given, weight, bias, 4).flatten(2).transpose(1, 2).numpy()
    if pool == "token":
        patches = np.concatenate([np.broadcast_to(v["token/embedding"], (2, 1, FEATURES)), patches], 1)
    (embedded,) = tensors(patches + v["positions/embedding"])
    with torch.no_grad():
        y = stack("Encoder", v, norm="pre", epsilon=1e-6, activation="gelu")(embedded).numpy()
    pooled = y.mean(1) if pool == "mean" else y[:, 0]
    close(output(model, v, input=x), pooled @ v["head/kernel"] + v["head/bias"])
