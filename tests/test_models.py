"""Builders: their sizes are the published ones, files can name them, and what does not fit is refused by name."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nnspec as nn
from nnspec import models
from nnspec.errors import SpecError
from nnspec.experiment import Experiment, load_experiment, load_model
from nnspec.model import Model
from nnspec.spec import dump

Build = Callable[[], Model]

# Of each builder a model that is small in every size.
SMALL: dict[str, Build] = {
    "mlp": lambda: models.mlp((7, 5, 3), norm="BatchNorm", dropout_rate=0.2, input=(4,)),
    "autoencoder": lambda: models.autoencoder((6, 5), 2, input=(2, 4)),
    "vae": lambda: models.vae((6, 5), 2, input=(2, 4)),
    "lenet": lambda: models.lenet(3, input=(16, 16, 2)),
    "resnet": lambda: models.resnet((1, 2), 3, version=2, block="bottleneck", features=2, input=(9, 12, 3)),
    "mobilenet_v2": lambda: models.mobilenet_v2(3, 0.5, groups=((1, 8, 1, 1), (3, 8, 2, 2)), input=(9, 8, 3)),
    "unet": lambda: models.unet(2, 3, levels=1, input=(20, 22, 1)),
    "lstm_classifier": lambda: models.lstm_classifier(3, 4, num_layers=2, bidirectional=True, num_embeddings=9),
    "seq2seq": lambda: models.seq2seq(9, 11, 4, num_layers=2, embedding_features=3, score="general"),
    "transformer_encoder": lambda: models.transformer_encoder(1, 4, 2, 5, num_embeddings=9, num_classes=3),
    "transformer_decoder": lambda: models.transformer_decoder(1, 4, 2, 5, num_embeddings=9, mask=True),
    "gpt2": lambda: models.gpt2(2, 4, 2, num_embeddings=9, max_length=6),
    "bert": lambda: models.bert(1, 4, 2, num_embeddings=9, max_length=6, head="mlm", mask=True),
    "vit": lambda: models.vit(3, 4, num_layers=1, features=4, num_heads=2, input=(8, 12, 2)),
}


def counts(model: Model) -> dict[str, int]:
    """Numbers in parameters and in statistics."""
    found = {"parameter": 0, "statistic": 0}
    for param in model.params().values():
        found[param.kind] += math.prod(param.shape)
    return found


def page(root: Path) -> list[tuple[str, int]]:
    """The expressions and the numbers of docs/models.md."""
    text = (root / "docs/models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\(.*\))` \| ([\d,]+) \|", text, re.MULTILINE)
    return [(code, int(number.replace(",", ""))) for code, number in rows]


def test_published_sizes(root: Path) -> None:
    builders = {name: models.load(name) for name in models.BUILDERS}
    rows = page(root)
    assert {re.match(r"\w+", code)[0] for code, _ in rows} >= set(models.BUILDERS) - {"mlp"}  # type: ignore[index]
    for code, number in rows:
        model = eval(code, {"__builtins__": {}}, builders)
        shapes = [] if all(i.shape for i in model.inputs.values()) else [(None, 64, 64, 3)]
        found = sum(math.prod(p.shape) for p in model.params(*shapes).values() if p.kind == "parameter")
        assert found == number, code


def test_sizes_of_keras() -> None:
    """The totals that ``keras.applications`` documents: with biases where Keras has them, and with statistics."""
    image = (224, 224, 3)
    assert sum(counts(models.resnet(50, use_bias=True, input=image)).values()) == 25_636_712
    assert counts(models.resnet(50, input=image))["statistic"] == 53_120
    assert sum(counts(models.mobilenet_v2(input=image)).values()) == 3_538_984


@pytest.mark.parametrize("name", models.BUILDERS)
def test_small_models_hold_together(name: str) -> None:
    """Shapes are inferred, and the model is written to a file and read again."""
    model = SMALL[name]()
    assert None not in next(iter(model.output_shapes().values()))[2:]
    assert Model.from_file(model.to_file()) == model
    assert counts(model)["parameter"] < 20_000


@pytest.mark.parametrize("name", models.BUILDERS)
def test_arguments_are_explained(name: str) -> None:
    function = models.load(name)
    assert getattr(models, name) is function
    assert getattr(nn.models, name) is function and name in dir(nn.models)
    documented = re.findall(r"^    (\w+): ", inspect.getdoc(function).partition("Args:\n")[2], re.MULTILINE)  # type: ignore[union-attr]
    assert documented == list(inspect.signature(function).parameters)
    assert "Source:" in (function.__doc__ or "")
    assert not models.BUILDERS[name].endswith(f".{name}")  # a module of that name would hide the function


def test_unknown_builders_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="resnets"):
        models.resnets  # noqa: B018


# -- each one ---------------------------------------------------------------------------------------------------------


def test_mlp() -> None:
    model = models.mlp((8, 3), "tanh", norm=nn.LayerNorm(), dropout_rate=0.5, input=(4,))
    assert [dump(node.layer) for node in model.nodes] == [
        {"Dense": {"features": 8, "use_bias": False}},
        "LayerNorm",
        "tanh",
        {"Dropout": 0.5},
        {"Dense": 3},
    ]
    deep = models.mlp([8, 8, 3], norm="BatchNorm", input=(4,))
    assert len(deep.params()) == 2 * 5 + 2  # no norm shares another's variables
    assert counts(models.mlp((5, 3), input=(4,))) == {"parameter": 4 * 5 + 5 + 5 * 3 + 3, "statistic": 0}


def test_an_autoencoder_of_images() -> None:
    model = models.autoencoder((9,), 2, activation="relu", output_activation="sigmoid", input=(3, 4, 1))
    assert model.output_shape() == (None, 3, 4, 1)
    assert {name: p.shape for name, p in model.params().items() if name.endswith("kernel")} == {
        "encoder/dense/kernel": (12, 9),
        "encoder/dense_1/kernel": (9, 2),
        "decoder/dense/kernel": (2, 9),
        "decoder/dense_1/kernel": (9, 12),
    }
    inferred = model.infer()
    assert inferred["encoder"].output == (None, 2)


def test_a_vae_of_images() -> None:
    model = models.vae((9, 7), 2, activation="relu", output_activation="sigmoid", input=(3, 4, 1))
    assert model.output_shape() == (None, 3, 4, 1)
    assert {name: p.shape for name, p in model.params().items() if name.endswith("kernel")} == {
        "encoder/dense/kernel": (12, 9),
        "encoder/dense_1/kernel": (9, 7),
        "encoder/dense_2/kernel": (7, 4),
        "decoder/dense/kernel": (2, 7),
        "decoder/dense_1/kernel": (7, 9),
        "decoder/dense_2/kernel": (9, 12),
    }
    inferred = model.infer()
    assert [inferred[name].output for name in ("encoder", "sample")] == [(None, 4), (None, 2)]
    assert nn.Penalty(kl=1.0, node="encoder").names(model) == ()


def test_lenet_of_padded_and_unpadded_digits() -> None:
    for model in (models.lenet(), models.lenet(padding="same", input=(28, 28, 1))):
        inferred = model.infer()
        outputs = [inferred[name].output[1:] for name in ("conv", "avg_pool", "conv_1", "avg_pool_1", "flatten")]
        assert outputs == [(28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (400,)]
    kinds = [node.name for node in models.lenet(pooling="max").nodes]
    assert kinds.count("max_pool") == 1 and "avg_pool" not in kinds


@pytest.mark.parametrize(("depth", "layers"), [(18, 18), (34, 34), (50, 50), (101, 101), (152, 152), (200, 200)])
def test_resnet_has_as_many_layers_as_it_is_called(depth: int, layers: int) -> None:
    names = models.resnet(depth, input=(64, 64, 3)).params()
    found = [name for name in names if name.endswith("kernel") and "projection" not in name]
    assert len(found) == layers


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("block", "depth"), [("basic", 14), ("bottleneck", 20)])
@pytest.mark.parametrize("shortcut", ["projection", "padding"])
def test_resnet_of_cifar(version: Any, block: Any, depth: int, shortcut: Any) -> None:
    model = models.resnet(depth, None, version=version, stem="cifar", block=block, shortcut=shortcut, input=(32, 30, 3))
    wide = 4 if block == "bottleneck" else 1
    inferred = model.infer()
    assert [inferred[f"stage_{i}"].output[1:] for i in (1, 2, 3)] == [
        (32, 30, 16 * wide),
        (16, 15, 32 * wide),
        (8, 8, 64 * wide),
    ]
    found = [name for name in model.params() if name.endswith("kernel") and "projection" not in name]
    assert len(found) == depth - 1  # the last layer is left out
    assert any("projection" in name for name in model.params()) == (shortcut == "projection")


def test_rounded_channels() -> None:
    """Of the authors' code: the nearest multiple of 8, but no less than 0.9 of it."""
    from nnspec.models.mobilenet import rounded

    assert [rounded(c, 8) for c in (1, 8, 11.2, 12, 16, 18, 19.9, 44.8, 33.6)] == [8, 8, 16, 16, 16, 24, 24, 48, 32]
    kernels = models.mobilenet_v2(width_multiplier=0.35).params((None, 32, 32, 3))
    assert kernels["stem/kernel"].shape[-1] == 16 and kernels["last/kernel"].shape[-1] == 1280
    assert models.mobilenet_v2(width_multiplier=1.4).params((None, 32, 32, 3))["last/kernel"].shape[-1] == 1792


def test_unet_of_the_paper() -> None:
    model = models.unet()
    inferred = model.infer()
    sizes = {name: inferred[name].output[1:] for name in inferred}
    assert sizes["down_1"] == (568, 568, 64) and sizes["down_4"] == (64, 64, 512) and sizes["bottom"] == (28, 28, 1024)
    assert sizes["concat_4"] == (56, 56, 1024) and sizes["up_1"] == (388, 388, 64)
    assert model.output_shape() == (None, 388, 388, 2)
    same = models.unet(3, 4, levels=2, padding="same", norm="BatchNorm", input=(None, 12, 1))
    assert same.output_shape((2, 8, 12, 1)) == (2, 8, 12, 3)
    assert "down_1/conv_1/bias" not in same.params()
    assert len({node.name for node in same.nodes if "crop" in node.name}) == 0


def test_lstm_of_vectors_and_of_ids() -> None:
    vectors = models.lstm_classifier(3, 4, num_layers=2, dropout_rate=0.5, input=(None, 5))
    assert vectors.output_shape((7, 11, 5)) == (7, 3)
    assert counts(vectors)["parameter"] == 4 * 4 * (5 + 4 + 1) + 4 * 4 * (4 + 4 + 1) + 4 * 3 + 3
    ids = models.lstm_classifier(3, 4, num_embeddings=10, embedding_features=6)
    assert ids.inputs == {"input": nn.Input((None,), "int32")}
    assert ids.params()["embedding/embedding"].shape == (10, 6)


def test_blocks_of_a_transformer() -> None:
    post = models.transformer_encoder(1, 4, 2, 5, positions=None)
    (block,) = (node.layer for node in post.nodes if isinstance(node.layer, Model))
    assert [(node.name, node.inputs) for node in block.nodes] == [
        ("attention", ("x",)),
        ("attention_dropout", ("attention",)),
        ("attention_sum", ("x", "attention_dropout")),
        ("attention_norm", ("attention_sum",)),
        ("mlp_in", ("attention_norm",)),
        ("mlp_out", ("mlp_in",)),
        ("mlp_dropout", ("mlp_out",)),
        ("mlp_sum", ("attention_norm", "mlp_dropout")),
        ("mlp_norm", ("mlp_sum",)),
    ]
    pre = models.transformer_encoder(1, 4, 2, 5, positions=None, norm="pre", dropout_rate=0.0)
    (block,) = (node.layer for node in pre.nodes if isinstance(node.layer, Model))
    assert [(node.name, node.inputs) for node in block.nodes] == [
        ("attention_norm", ("x",)),
        ("attention", ("attention_norm",)),
        ("attention_sum", ("x", "attention")),
        ("mlp_norm", ("attention_sum",)),
        ("mlp_in", ("mlp_norm",)),
        ("mlp_out", ("mlp_in",)),
        ("mlp_sum", ("attention_sum", "mlp_out")),
    ]
    assert pre.nodes[-1].name == "last_norm"


def test_gpt2_is_tied_and_draws_narrow_ends_of_branches() -> None:
    model = models.gpt2(3, 4, 2, num_embeddings=9, max_length=6)
    params = model.params()
    assert model.nodes[-1].shares == "embedding"
    assert params["block_2/mlp_out/kernel"].init == nn.DepthScaled(nn.Normal(0.02), 6)
    assert params["block_2/mlp_in/kernel"].init == params["embedding/embedding"].init == nn.Normal(0.02)
    assert model.output_shape((2, 5)) == (2, 5, 9)


def test_an_encoder_and_a_decoder_as_nodes() -> None:
    """The example of docs/models.md, smaller."""
    source, target = nn.symbol((None,), "source", "int32"), nn.symbol((None,), "target", "int32")
    memory = models.transformer_encoder(1, 4, 2, 5, num_embeddings=9)(source)
    logits = models.transformer_decoder(1, 4, 2, 5, num_embeddings=11)(target, memory)
    model = nn.Model(inputs=[source, target], outputs=logits)
    assert model.output_shape((2, 5), (2, 7)) == (2, 7, 11)


# -- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "place", "message"),
    [
        (lambda: models.mlp(()), ("features",), "at least 1 item"),
        (lambda: models.mlp((3, 0)), ("features", 1), "greater than 0, got 0"),
        (lambda: models.mlp((3,), "rleu"), ("activation",), "unknown activation 'rleu'; did you mean 'relu'"),
        (lambda: models.mlp((3,), norm="BatchNrm"), ("norm",), "did you mean 'BatchNorm'"),
        (lambda: models.mlp((3,), dropout_rate=1.0), ("dropout_rate",), "less than 1, got 1.0"),
        (lambda: models.mlp((3,), droput_rate=0.1), (), "mlp has no field 'droput_rate'; did you mean 'dropout_rate'"),
        (lambda: models.mlp(), (), "mlp needs the field 'features'"),
        (lambda: models.mlp((3,), "relu", 3), (), "mlp takes 2 positional values"),
        (lambda: models.mlp(("3",)), ("features", 0), "expected an integer, got '3'"),
        (lambda: models.lenet(input=(8, 8, 1)), ("input",), r"images of 16×16 at least.*enlarge them, or set padding"),
        (lambda: models.lenet(input=(64,)), ("input",), r"\[rows, columns, channels\], got \[64\]"),
        (lambda: models.resnet(51), ("depth",), "after the stem of ImageNet there are 18, 34, 50, .* layers, got 51"),
        (lambda: models.resnet(True), ("depth",), "expected an integer or a list, got True"),
        (
            lambda: models.resnet(50, block="basic"),
            ("block",),
            r"50 layers have bottleneck blocks.*depth: \[3, 4, 6, 3\]",
        ),
        (lambda: models.resnet(21, stem="cifar"), ("depth",), r"6n \+ 2 layers, got 21: 20\?"),
        (lambda: models.resnet(3, stem="cifar", block="bottleneck"), ("depth",), r"9n \+ 2 layers, got 3: 11\?"),
        (lambda: models.resnet(version=3), ("version",), "1 or 2, got 3"),
        (lambda: models.mobilenet_v2(groups=((1, 8, 1),)), ("groups", 0, 3), r"expected one more, got \[1, 8, 1\]"),
        (
            lambda: models.unet(input=(512, 512, 1)),
            ("input",),
            "512 cannot be halved evenly on 4 levels: take 508 or 524",
        ),
        (lambda: models.unet(input=(1, 1, 1)), ("input",), "take 188"),
        (lambda: models.unet(padding="same", input=(24, 32, 1)), ("input",), "24 cannot .*: take 16 or 32"),
        (lambda: models.lstm_classifier(2, input=(5,)), ("input",), r"\[time, features\], got \[5\]"),
        (lambda: models.lstm_classifier(2, num_embeddings=3, input=(5, 2)), ("input",), r"\[time\], of ids, got"),
        (lambda: models.gpt2(1, 10, 4), ("num_heads",), "10 features .* among 4 heads: take 2, or a multiple of 4"),
        (lambda: models.gpt2(length=2000), ("max_length",), "2000 positions .* got 1024: set max_length: 2000"),
        (lambda: models.bert(length=513), ("max_length",), "set max_length: 513"),
        (lambda: models.bert(num_classes=3), ("num_classes",), "set head: classifier, or leave num_classes out"),
        (lambda: models.bert(head="classifier"), ("num_classes",), "set num_classes"),
        (lambda: models.transformer_encoder(features=9, num_heads=3), ("features",), "in pairs, got 9"),
        (lambda: models.transformer_encoder(num_classes=3, mask=True), ("pool",), "set pool: first, or leave out"),
        (
            lambda: models.transformer_decoder(positions="learned", max_length=3, length=4),
            ("max_length",),
            "set max_length: 4",
        ),
        (lambda: models.vit(input=(224, 250, 3)), ("input",), r"224×250 .* patches of 16: take \[224, 256\]"),
    ],
)
def test_mistakes_are_named(build: Any, place: tuple[Any, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        build()
    assert caught.value.path == place


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_file_names_a_builder() -> None:
    assert Model.from_file("lenet") == models.lenet()
    assert Model.from_file({"lenet": None}) == models.lenet()
    assert Model.from_file({"mlp": [8, 3]}) == models.mlp((8, 3))
    given = {"depth": [1, 1], "num_classes": 5, "block": "basic", "kernel_init": {"normal": 0.1}, "input": [8, 8, 3]}
    expected = models.resnet((1, 1), 5, block="basic", kernel_init=nn.Normal(0.1), input=(8, 8, 3))
    assert Model.from_file({"resnet": given}) == expected
    named = Model.from_file({"resnet": given, "name": "trunk"})
    assert named.name == "trunk" and named.nodes == expected.nodes


def test_a_builder_within_a_model() -> None:
    chain = Model.from_file({"layers": [{"Sequential": {"mlp": [8, 4], "name": "trunk"}}, "relu", {"Dense": 2}]})
    assert list(chain.params((None, 3))) == [
        "trunk/dense/kernel",
        "trunk/dense/bias",
        "trunk/dense_1/kernel",
        "trunk/dense_1/bias",
        "dense/kernel",
        "dense/bias",
    ]


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ({"resnets": 20}, ("model",), "a model has no field 'resnets'; did you mean 'resnet'"),
        ({"resnet": 20, "input": [8, 8, 3]}, ("model",), "a model has no field 'input'"),
        ({"resnet": {"dept": 20}}, ("model", "resnet"), "resnet has no field 'dept'; did you mean 'depth'"),
        ({"resnet": {"depth": 20}}, ("model", "resnet", "depth"), "after the stem of ImageNet"),
        ({"mlp": None}, ("model", "mlp"), "mlp needs the field 'features'"),
        ("resnets", ("model",), "expected a mapping with 'layers' or 'nodes', got 'resnets'; did you mean 'resnet'"),
    ],
)
def test_mistakes_in_files_are_named(written: Any, place: tuple[Any, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        Experiment.from_file({"nnspec": 1, "model": written, "loss": "SoftmaxCrossEntropy"})
    assert caught.value.path == place


def test_overrides_reach_the_arguments(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(
        "nnspec: 1\nmodel: {resnet: {depth: 20, num_classes: 10, stem: cifar, input: [32, 32, 3]}}\n"
        "loss: SoftmaxCrossEntropy\n"
    )
    deeper = models.resnet(56, 10, stem="cifar", input=(32, 32, 3))
    assert load_experiment(path, ["model.resnet.depth=56"]).model == deeper
    assert load_experiment(path, ["model.depth=56"]).model == deeper
    with pytest.raises(SpecError, match="the file has resnet here, not 'dept'; did you mean 'depth'"):
        load_experiment(path, ["model.dept=56"])
    path.write_text("nnspec: 1\nmodel: lenet\n")
    assert load_model(path, ["model.num_classes=3"])[0] == models.lenet(3)
    path.write_text("nnspec: 1\nmodel: {mlp: [8, 3]}\n")
    assert load_model(path, ["model.mlp.activation=tanh"])[0] == models.mlp((8, 3), "tanh")


def test_what_a_run_writes_is_the_graph() -> None:
    written = {"nnspec": 1, "model": {"mlp": {"features": [8, 10], "input": [64]}}, "loss": "SoftmaxCrossEntropy"}
    experiment = Experiment.from_file(written)
    assert experiment.to_file()["model"] == {
        "input": [64],
        "layers": [{"Dense": {"features": 8, "activation": "relu"}}, {"Dense": 10}],
    }
