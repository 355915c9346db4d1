"""Experiments: read with file and line in every error, checked as a whole, overridden, and the same after writing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nnspec as nn
from nnspec import document
from nnspec.errors import FileError, SpecError
from nnspec.experiment import (
    Data,
    EarlyStopping,
    Experiment,
    Training,
    advice,
    apply_overrides,
    load_experiment,
    load_model,
    without_effect,
)
from nnspec.reference.model import run
from tests.strategies import of_kind

# The forms of writing, all in one.
WHITEBOARD = """\
nnspec: 1
model:
  input: [64]
  layers:
    - Dense: {features: 512, kernel_init: he_normal}
    - BatchNorm
    - gelu
    - Dropout: 0.3
    - Dense: 10
loss: SoftmaxCrossEntropy
metrics: [accuracy]
optimizer:
  AdamW:
    learning_rate: {WarmupCosine: {peak: 1.0e-3, warmup_steps: 40, decay_steps: 360}}  # including the warm-up
    weight_decay: 1.0e-4
clip: {global_norm: 1.0}
data: {sklearn: digits, standardize: true, validation_split: 0.15}
training: {epochs: 30, batch_size: 128, seed: 0, early_stopping: {patience: 5}}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(WHITEBOARD)
    return path


def test_the_whiteboard(spec: Path) -> None:
    assert load_experiment(spec) == Experiment(
        model=nn.Sequential(
            [nn.Dense(512, kernel_init="he_normal"), nn.BatchNorm(), nn.GELU(), nn.Dropout(0.3), nn.Dense(10)], [64]
        ),
        loss=nn.SoftmaxCrossEntropy(),
        metrics=(nn.Accuracy(),),
        optimizer=nn.AdamW(nn.WarmupCosine(1e-3, 40, 360), weight_decay=1e-4),
        clip=nn.Clip(global_norm=1.0),
        data=Data(sklearn="digits", standardize=True, validation_split=0.15),
        training=Training(epochs=30, batch_size=128, seed=0, early_stopping=EarlyStopping(5)),
    )


def test_defaults_are_short() -> None:
    experiment = Experiment(nn.Sequential([nn.Dense(3)], [4]), "SoftmaxCrossEntropy")
    assert experiment.to_file() == {
        "nnspec": 1,
        "model": {"input": [4], "layers": [{"Dense": 3}]},
        "loss": "SoftmaxCrossEntropy",
    }
    assert experiment.optimizer == nn.Adam() and experiment.training == Training()


@pytest.mark.parametrize("source", ["again.yaml", "again.json"])
def test_written_and_read_again(spec: Path, source: str) -> None:
    experiment = load_experiment(spec)
    again = spec.with_name(source)
    again.write_text(experiment.dumps(source))
    assert load_experiment(again) == experiment
    assert load_experiment(again).dumps(source) == experiment.dumps(source)


@settings(max_examples=60)
@given(st.data())
def test_any_experiment_is_written_and_read_again(data: st.DataObject) -> None:
    written = {
        "model": {"input": [4], "layers": [{"Dense": 3}, "relu", {"Dense": 3}]},
        "loss": data.draw(of_kind("loss")),
        "optimizer": data.draw(of_kind("optimizer")),
        "metrics": [data.draw(of_kind("metric"))],
        "training": {
            "epochs": data.draw(st.integers(1, 10**9)),
            "seed": data.draw(st.integers(0, 2**64 - 1)),
            "dtype": data.draw(st.sampled_from(["float64", "float32", "bfloat16", "float16"])),
            "shuffle": data.draw(st.booleans()),
            "early_stopping": data.draw(st.sampled_from([None, 3, {"patience": 1, "monitor": "loss"}])),
        },
        "clip": data.draw(st.sampled_from([None, 1.0, {"value": 0.5}, {"norm": 2}])),
    }
    try:
        experiment = Experiment.from_file(written)
    except SpecError:
        return
    for source in ("a.yaml", "a.json"):
        read = document.loads(experiment.dumps(source), source)
        read.check_format()
        assert Experiment.from_file(read.data) == experiment


def test_files_of_data_start_at_the_spec(tmp_path: Path) -> None:
    text = "nnspec: 1\nmodel: [{Dense: 1}]\nloss: MeanSquaredError\ndata: {csv: sub/a.csv, target: y}\n"
    (tmp_path / "s.yaml").write_text(text)
    data = load_experiment(tmp_path / "s.yaml").data
    assert data.csv == str(tmp_path / "sub" / "a.csv")
    assert data.located("/elsewhere") == data
    assert Data(npz="a.npz", validation="b.npz").located("/d") == Data(npz="/d/a.npz", validation="/d/b.npz")


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (5, "    - Dens: 512", r"spec.yaml:5: model.layers\[0\]: unknown layer 'Dens'; did you mean 'Dense'"),
        (5, "    - Dense: {features: 1e-3}", r":5: model.layers\[0\].Dense.features: expected an integer, got 0.001"),
        (5, "    - Dense: 010", ":5: 010 is ambiguous"),
        (
            5,
            "    - Dense:\n        features: 3\n        units: 512",
            r":7: model.layers\[0\].Dense: Dense has no field 'units' \(fields: features",
        ),
        (5, "    - Dense: {features: 5, features: 6}", ":5: the key 'features' is given twice"),
        (
            5,
            "    - Dense: {features: 512, kernel_init: {glorot_normal: 3}}",
            ":5: .*kernel_init.glorot_normal: GlorotNormal takes 0",
        ),
        (8, "    - Dropout: 1.5", r":8: model.layers\[3\].Dropout.rate: input should be less than 1, got 1.5"),
        (8, "    - Dropout", r":8: model.layers\[3\]: Dropout needs the field 'rate'"),
        (9, "    - Dense: 5", "digits has 10 classes, the model's output is .batch, 5."),
        (9, "    - Reshape: [5, 5]", r"model.reshape: Reshape to \[5, 5\] does not fit 512 elements"),
        (4, "  layer:", r":4: model: a model has no field 'layer'; did you mean 'layers'"),
        (3, "  input: [63]", r"model.input: digits has 64 features, the model's input is \[63\]"),
        (3, "  input: [8, 8]", r"model: digits has one target per example, .* \(batch, 8, 10\): put Flatten"),
        (10, "loss: SoftmaxCrossEntrop", ":10: loss: unknown loss 'SoftmaxCrossEntrop'; did you mean"),
        (10, "los: SoftmaxCrossEntropy", ":10: Experiment has no field 'los'; did you mean 'loss'"),
        (10, "", "Experiment needs the field 'loss'"),
        (11, "metrics: [acuracy]", r":11: metrics\[0\]: unknown metric 'acuracy'; did you mean 'accuracy'"),
        (11, "metrics: [accuracy, accuracy]", r":11: metrics\[1\]: accuracy is listed twice"),
        (11, "metrics: [mse]", r":11: metrics\[0\]: mse compares values, but the targets are class ids: set data.one"),
        (11, "metrics: [{top_k_accuracy: 11}]", "the top 11 of 10 classes are always right"),
        (14, "    learning_rate: fast", ":14: optimizer.AdamW.learning_rate: unknown schedule 'fast'"),
        (14, "    learning_rate: -1", ":14: optimizer.AdamW.learning_rate: expected a learning rate >= 0"),
        (16, "clip: {global_norm: 0}", ":16: clip.global_norm: input should be greater than 0, got 0"),
        (16, "clip: {global: 1}", ":16: clip: Clip has no field 'global'; did you mean 'global_norm'"),
        (16, "clip: {norm: 1, value: 1}", ":16: clip: give one of global_norm, norm and value, got 2"),
        (17, "data: {sklearn: digit}", ":17: data.sklearn: unknown set 'digit'; did you mean 'digits'"),
        (17, "data: {sklearn: digits, csv: a.csv}", ":17: data: give one of sklearn, csv and npz, got sklearn and csv"),
        (17, "data: {standardize: true}", "give one of sklearn, csv and npz, got none"),
        (17, "data: {csv: a.csv}", ":17: data.target: a CSV needs the name of its target column"),
        (17, "data: {sklearn: digits, target: y}", ":17: data.target: scikit-learn's sets have fixed inputs"),
        (17, "data: {sklearn: digits, validation_split: 1}", ":17: data.validation_split: input should be less than 1"),
        (17, "data: {sklearn: diabetes, validation_split: 0.1}", "diabetes has 10 features, the model's input is .64."),
        (17, "data: {sklearn: digits}", ":18: training.early_stopping.monitor: val_loss needs validation rows"),
        (18, "training: {epochs: 0}", ":18: training.epochs: input should be greater than 0"),
        (18, "training: {epoch: 3}", ":18: training: Training has no field 'epoch'; did you mean 'epochs'"),
        (18, "training: {seed: 18446744073709551616}", ":18: training.seed: input should be less than or equal to"),
        (18, "training: {seed: -1}", ":18: training.seed: input should be greater than or equal to 0"),
        (18, "training: {dtype: float31}", ":18: training.dtype: input should be 'float64', 'float32', .*'float31'"),
        (18, "training: {shuffle: no}", ":18: training.shuffle: expected true or false, got 'no' .YAML 1.2"),
        (18, "training: {monitor: val_acc}", ":18: training.monitor: nothing is called 'val_acc'; did you mean"),
        (
            18,
            "training: {early_stopping: {patience: 2, monitor: auc}}",
            ":18: training.early_stopping.monitor: nothing",
        ),
        (
            18,
            "training: {early_stopping: {}}",
            ":18: training.early_stopping: EarlyStopping needs the field 'patience'",
        ),
        (18, "training: fast", ":18: training.epochs: expected an integer, got 'fast'"),
        (18, "training:", ":18: training: expected the fields of Training, got None"),
        (1, "nnspec: 2", ":1: this file is of format 2"),
        (1, "", "the format version is missing"),
    ],
)
def test_errors_have_file_line_and_path(spec: Path, line: int, text: str, message: str) -> None:
    lines = WHITEBOARD.splitlines()
    lines[line - 1] = text
    spec.write_text("\n".join(lines))
    with pytest.raises(SpecError, match=message) as caught:
        load_experiment(spec)
    assert str(caught.value).startswith(f"{spec}:")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "SoftmaxCrossEntropy", "model": [{"Dense": 1}]}, "SoftmaxCrossEntropy of one output is always 0"),
        (
            {"metrics": ["accuracy"], "model": [{"Dense": 1}]},
            "accuracy compares classes, but there is one output: use mae",
        ),
        (
            {"loss": "BinaryCrossEntropy", "metrics": ["accuracy"], "model": [{"Dense": 1}]},
            "there is one output: use binary_accuracy",
        ),
        *(
            ({"loss": loss, "model": [{"Dense": 1}]}, f"loss: {loss} {words}")
            for loss, words in {
                "CategoricalFocalCrossEntropy": "of one output is always 0: give it one output per class",
                "NegativeLogLikelihood": "of one output is always 0: give it one output per class",
                "KLDivergence": "of one output is always 0: give it one output per class",
                "CategoricalHinge": "of one output knows no other class: give it one output per class, or use Hinge",
                "CosineDistance": "of one output has no gradient: give it vectors of two features",
                "InfoNCE": "of one output has no gradient: give it vectors of two features",
            }.items()
        ),
        *(
            ({"loss": loss, "metrics": ["accuracy"], "model": [{"Dense": 1}]}, "one output: use binary_accuracy")
            for loss in ("BinaryFocalCrossEntropy", "Hinge", "Dice")
        ),
        (
            {"loss": {"SoftmaxCrossEntropy": {"class_weights": [1.0, 2.0]}}, "data": {"sklearn": "iris"}},
            "loss.SoftmaxCrossEntropy.class_weights: class_weights holds 2 numbers, for 3 classes",
        ),
        (
            {"loss": {"BinaryCrossEntropy": {"pos_weight": [1.0, 2.0]}}},
            "loss.BinaryCrossEntropy.pos_weight: pos_weight holds 2 numbers, for 3 classes",
        ),
        (
            {"loss": "GaussianNLL", "metrics": ["mse"], "model": [{"Dense": 6}]},
            r"metrics\[0\]: mse compares .* GaussianNLL has targets \(batch, 3\) for outputs \(batch, 6\): leave it",
        ),
        (
            {"loss": {"BinaryCrossEntropy": {"ignore_label": -1}}, "metrics": ["accuracy"]},
            "accuracy takes a position as a whole, but BinaryCrossEntropy may ignore some of its elements: use bin",
        ),
        (
            {"loss": "SoftmaxCrossEntropy", "data": {"sklearn": "diabetes"}},
            "diabetes has numbers to predict, no classes",
        ),
        (
            {
                "model": {
                    "inputs": {"x": [10]},
                    "nodes": {"a": {"layer": "relu", "inputs": "x"}, "b": {"layer": "tanh", "inputs": "x"}},
                    "outputs": ["a", "b"],
                }
            },
            r"loss: the model has several outputs: give each its loss, \{Losses: \{losses: \{a: \.\.\., b: ",
        ),
        (
            {
                "model": {
                    "inputs": {"x": [10], "y": [10]},
                    "nodes": {"a": {"layer": "add", "inputs": ["x", "y"]}},
                    "outputs": "a",
                }
            },
            "model.inputs: diabetes has one input, the model has 2",
        ),
        (
            {"optimizer": {"SGD": {"ReduceOnPlateau": 0.1}}},
            "optimizer.SGD: SGD has no field 'ReduceOnPlateau'",
        ),
        (
            {
                "optimizer": {
                    "SGD": {"learning_rate": {"ReduceOnPlateau": {"learning_rate": 0.1, "monitor": "val_mae"}}}
                }
            },
            "optimizer.SGD.learning_rate.ReduceOnPlateau.monitor: nothing is called 'val_mae'",
        ),
        (
            {"optimizer": {"SGD": {"learning_rate": {"ReduceOnPlateau": 0.1}}}},
            "ReduceOnPlateau.monitor: val_loss needs validation rows: set data.validation_split, or monitor loss",
        ),
        ({"data": {"npz": "a", "target": ["a", "b"]}}, "the targets of an npz file are one array"),
        ({"data": {"csv": "a", "target": "y", "validation": "b", "validation_split": 0.1}}, "not both"),
        ({"data": {"csv": "a", "target": 3}}, "data.target: expected a text or a list or a mapping, got 3"),
        ({"model": "relu"}, "model: expected a mapping with 'layers' or 'nodes', got 'relu'"),
    ],
)
def test_parts_that_do_not_fit_together(changes: dict[str, Any], message: str) -> None:
    written = {"model": [{"Dense": 3}], "loss": "MeanSquaredError", "data": {"sklearn": "diabetes"}, **changes}
    with pytest.raises(SpecError, match=message):
        Experiment.from_file(written)


def test_what_data_in_memory_may_still_bring_is_not_refused() -> None:
    model = nn.Sequential([nn.Dense(3)])
    stopping = Training(early_stopping={"patience": 2}, monitor="val_accuracy")
    assert Experiment(model, "SoftmaxCrossEntropy", metrics=["accuracy"], training=stopping).data is None


def test_folded_inputs() -> None:
    experiment = Experiment(
        nn.Sequential(["Flatten", nn.Dense(10)], [8, None]), "SoftmaxCrossEntropy", data=Data(sklearn="digits")
    )
    assert experiment.input_shapes() == ((None, 8, 8),)
    assert list(experiment.output_shapes().values()) == [(None, 10)]


def test_model_files(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("nnspec: 1\nmodel:\n  input: [3]\n  layers:\n    - Dense: 4\n")
    model, experiment = load_model(tmp_path / "m.yaml", ["model.layers[0]=relu"])
    assert experiment is None and model == nn.Sequential(["relu"], [3])
    with pytest.raises(SpecError, match="needs the field 'loss'"):
        load_experiment(tmp_path / "m.yaml")
    (tmp_path / "m.yaml").write_text("nnspec: 1\nmodel:\n  input: [3]\n  layers:\n    - Dens: 4\n")
    with pytest.raises(SpecError, match=r"m.yaml:5: model.layers\[0\]: unknown layer 'Dens'"):
        load_model(tmp_path / "m.yaml")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="there is no file"):
        load_experiment(tmp_path / "spec.yaml")


# -- overrides --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("training.epochs=5", "training.epochs", 5),
        ("training.seed=18446744073709551615", "training.seed", 2**64 - 1),
        ("training.dtype=float64", "training.dtype", "float64"),
        ("training.early_stopping=null", "training.early_stopping", None),
        ("training.early_stopping=", "training.early_stopping", None),
        ("training.early_stopping.patience=2", "training.early_stopping.patience", 2),
        ("training={epochs: 2}", "training", Training(epochs=2)),
        ("optimizer.AdamW.learning_rate=0.01", "optimizer.learning_rate", 0.01),
        ("optimizer.AdamW.learning_rate=1e-2", "optimizer.learning_rate", 0.01),
        ("optimizer.b1=0.8", "optimizer.b1", 0.8),
        ("optimizer.learning_rate.peak=0.1", "optimizer.learning_rate", nn.WarmupCosine(0.1, 40, 360)),
        ("optimizer=SGD", "optimizer", nn.SGD()),
        ("optimizer={SGD: 0.5}", "optimizer", nn.SGD(0.5)),
        ("clip=null", "clip", None),
        ("loss.label_smoothing=0.1", "loss", nn.SoftmaxCrossEntropy(0.1)),
        ("loss.SoftmaxCrossEntropy.label_smoothing=0.1", "loss", nn.SoftmaxCrossEntropy(0.1)),
        ("metrics=[accuracy, top_k_accuracy]", "metrics", (nn.Accuracy(), nn.TopKAccuracy())),
        ("data.validation_split=0.5", "data.validation_split", 0.5),
        ("model.layers[0].Dense.features=64", "model.nodes[0].layer.features", 64),
        ("model.layers[0].features=64", "model.nodes[0].layer.features", 64),
        ("model.layers[1].momentum=0.5", "model.nodes[1].layer.momentum", 0.5),
        ("model.layers[2]=relu", "model.nodes[2].layer", nn.ReLU()),
        ("model.layers[2].approximate=true", "model.nodes[2].layer.approximate", True),
        ("model.layers[3].Dropout=0.1", "model.nodes[3].layer.rate", 0.1),
        ("model.layers[3].rate=0.1", "model.nodes[3].layer.rate", 0.1),
        ("model.layers[-1].Dense.use_bias=false", "model.nodes[4].layer", nn.Dense(10, use_bias=False)),
        ("model.layers[0].kernel_init={normal: {stddev: 2}}", "model.nodes[0].layer.kernel_init", nn.Normal(2.0)),
        ("model.layers[0].kernel_init.he_normal=", "model.nodes[0].layer.kernel_init", nn.HeNormal()),
        ("model.name=net", "model.name", "net"),
    ],
)
def test_overrides(spec: Path, override: str, place: str, value: Any) -> None:
    found: Any = load_experiment(spec, [override])
    for part in place.replace("]", "").replace("[", ".").split("."):
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    assert found == value


def test_overrides_follow_one_another_and_leave_the_data_alone() -> None:
    data = document.loads(WHITEBOARD).data
    before = json.dumps(data)
    made = apply_overrides(data, ["optimizer=Momentum", "optimizer.momentum=0.5", "optimizer.Momentum.learning_rate=1"])
    assert made["optimizer"] == {"Momentum": {"momentum": 0.5, "learning_rate": 1}}
    assert json.dumps(data) == before


def test_a_field_that_is_called_like_a_class_is_a_field() -> None:
    data = {"layers": [{"relu": {"threshold": 0.5}}]}
    made = apply_overrides(data, ["layers[0].relu.max_value=6"])
    assert made == {"layers": [{"relu": {"threshold": 0.5, "max_value": 6}}]}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=5", "training: Training has no field 'epoch'; did you mean 'epochs'"),
        ("trainig.epochs=5", "Experiment has no field 'trainig'; did you mean 'training'"),
        ("training.epochs=many", "training.epochs: expected an integer, got 'many'"),
        ("training.epochs=1e-3", "training.epochs: expected an integer, got 0.001"),
        ("training.epochs=010", "010 is ambiguous"),
        ("training.epochs.x=1", "training.epochs: there is nothing below 30, so no 'x'"),
        ("training.epochs", "expected path=value, such as training.epochs=5"),
        ("=5", "expected path=value"),
        ("a..b=5", "expected path=value"),
        ("model.layers[0=5", "expected path=value"),
        ("training.epochs=[1", "not valid YAML"),
        ("optimizer.Adam.b1=0.5", "optimizer: the file has AdamW here, not 'Adam'; did you mean 'AdamW'"),
        ("optimizer.AdamW.beta1=0.5", "AdamW has no field 'beta1'"),
        ("optimizer.beta=0.5", "optimizer: the file has AdamW here, not 'beta'"),
        (
            "loss.label_smothing=0.5",
            "the file has SoftmaxCrossEntropy here, not 'label_smothing'; did you mean 'label_sm",
        ),
        ("model.layers[9].Dense=5", r"model.layers: there is no \[9\]: the list has 5 items"),
        ("model.layers[-6].Dense=5", r"there is no \[-6\]"),
        ("model.layers.Dense=5", r"this is a list: choose an item, model.layers\[0\]"),
        ("model[0]=5", r"model: \[0\] is asked for, but this is not a list"),
        ("model.layers[4].Dense=5", "digits has 10 classes, the model's output is .batch, 5."),
    ],
)
def test_errors_of_overrides_name_the_override(spec: Path, override: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        load_experiment(spec, ["training.batch_size=16", override, "training.seed=3"])
    assert str(caught.value).startswith(f"--set {override}: ")


def test_a_mistake_in_the_file_is_not_blamed_on_an_override(spec: Path) -> None:
    spec.write_text(WHITEBOARD.replace("Dropout: 0.3", "Dropout: 3"))
    with pytest.raises(SpecError, match=r"spec.yaml:8: model.layers\[3\].Dropout.rate"):
        load_experiment(spec, ["training.epochs=3"])
    assert load_experiment(spec, ["model.layers[3]=relu"]).model.nodes[3].layer == nn.ReLU()


# -- advice -----------------------------------------------------------------------------------------------------------


def test_a_bias_in_front_of_a_batch_norm_has_no_effect() -> None:
    model = nn.Sequential([nn.Dense(4), nn.BatchNorm(), "relu", nn.Dense(4, use_bias=False), nn.BatchNorm()], [3])
    assert without_effect(model) == {
        "dense/bias": "followed by batch_norm, whose mean takes it away",
        "batch_norm/mean": "follows dense/bias, which has no effect",
    }
    (line,) = advice(model)
    assert "dense/bias has no effect" in line and "use_bias: false" in line


@pytest.mark.parametrize("seen", [{"parameters": "bias$"}, {"node": "dense"}, {"node": "flatten"}, {"node": "inner"}])
def test_a_penalty_gives_a_bias_an_effect(seen: dict[str, Any]) -> None:
    inner = nn.Sequential([nn.Flatten(name="deep")], name="inner")
    model = nn.Sequential([nn.Dense(4), nn.Flatten(), inner, nn.BatchNorm(), nn.Dense(4)], [3])
    assert set(without_effect(model, [nn.Penalty(l2=0.1)])) == {"dense/bias", "batch_norm/mean"}
    assert without_effect(model, [nn.Penalty(l2=0.1, **seen)]) == {}


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Dense(4, "relu"), nn.BatchNorm()],
        [nn.Dense(4), "relu", nn.BatchNorm()],
        [nn.Dense(4), nn.Dropout(0.5), nn.BatchNorm()],
        [nn.Dense(4), nn.LayerNorm()],
        [nn.Dense(4), nn.BatchNorm(use_running_average=True)],
        [nn.Reshape((3, 1)), nn.Dense(4), nn.BatchNorm(axis=1)],
        [nn.Reshape((1, 3)), nn.LayerNorm(axes=(1, 2)), nn.BatchNorm()],
        [nn.Dense(4), nn.Reshape((2, 2)), nn.BatchNorm()],
        [nn.Dense(4)],
        [nn.Reshape((3, 1)), nn.Conv(4, (2,)), nn.GroupNorm(2)],
        [nn.Reshape((3, 1)), nn.Conv(4, (2,)), nn.GroupNorm(group_size=4)],
        [nn.Reshape((3, 1)), nn.Conv(4, (2,)), "relu", nn.InstanceNorm()],
        [nn.Reshape((3, 1)), nn.SeparableConv(4, (2,), activation="relu"), nn.BatchNorm()],
    ],
)
def test_biases_with_effect(layers: list[Any]) -> None:
    assert without_effect(nn.Sequential(layers, [3])) == {}


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm(), nn.InstanceNorm(), nn.GroupNorm(group_size=1), nn.GroupNorm(4)], ids=str
)
@pytest.mark.parametrize(
    "layer",
    [nn.Conv(4, (3,)), nn.ConvTranspose(4, (2,), 2), nn.DepthwiseConv((3,), 2), nn.SeparableConv(4, (3,))],
    ids=lambda layer: type(layer).__name__,
)
def test_a_norm_takes_the_bias_of_a_convolution_away(layer: Any, norm: Any) -> None:
    """What is said is what the reference computes: another bias, and the same outputs in training."""
    model = nn.Sequential([layer, norm, nn.Flatten()], [5, 2])
    name, after = (node.name for node in model.nodes[:2])
    kept = [f"{after}/mean"] if isinstance(norm, nn.BatchNorm) else []
    assert list(without_effect(model)) == [f"{name}/bias", *kept]
    rng = np.random.default_rng(5)
    variables = {n: rng.uniform(0.5, 2, param.shape) for n, param in model.params().items()}
    moved = {**variables, f"{name}/bias": variables[f"{name}/bias"] + rng.normal(size=4)}
    x = {"input": rng.normal(size=(3, 5, 2))}
    before, other = (run(model, v, x, training=True) for v in (variables, moved))
    np.testing.assert_allclose(other.outputs["flatten"], before.outputs["flatten"], rtol=1e-12, atol=1e-12)
    assert all(np.allclose(other.updates[n], before.updates[n]) == (n not in kept) for n in before.updates)


def test_groups_of_one_channel_are_found_in_nested_models() -> None:
    inner = nn.Sequential([nn.Conv(4, (3,)), nn.GroupNorm(4), nn.GroupNorm(2)], name="inner")
    assert list(without_effect(nn.Sequential([inner, nn.Flatten()], [5, 2]))) == ["inner/conv/bias"]
    assert without_effect(nn.Sequential([inner, nn.Flatten()])) == {}  # how many channels there are is not known


def test_a_group_norm_ends_in_a_shift() -> None:
    model = nn.Sequential([nn.Dense(4, "relu"), nn.GroupNorm(2), nn.BatchNorm()], [3])
    assert set(without_effect(model)) == {"group_norm/bias", "batch_norm/mean"}


def test_shifts_pass_through_sums_and_flatten() -> None:
    x = nn.symbol((2, 3), name="x")
    a, b = nn.Dense(4, name="a")(x), nn.Dense(4, name="b")(x)
    normed = nn.BatchNorm(name="norm")(nn.Flatten()(nn.Add()(a, nn.Identity()(b))))
    model = nn.Model(inputs=x, outputs=nn.Dense(2)(normed))
    assert set(without_effect(model)) == {"a/bias", "b/bias", "norm/mean"}


@pytest.mark.parametrize(
    "pool", [nn.MaxPool((2,)), nn.AvgPool((2,), padding="same"), nn.GlobalMaxPool(), nn.GlobalAvgPool()]
)
def test_shifts_pass_through_pooling(pool: nn.Layer) -> None:
    model = nn.Sequential([nn.Conv(4, (3,)), pool, nn.BatchNorm(), nn.Dense(2)], [5, 3])
    assert set(without_effect(model)) == {"conv/bias", "batch_norm/mean"}


def test_counted_zeros_are_not_shifted() -> None:
    pool = nn.AvgPool((2,), padding="same", count_include_pad=True)
    assert without_effect(nn.Sequential([nn.Conv(4, (3,)), pool, nn.BatchNorm(), nn.Dense(2)], [5, 3])) == {}
    assert (
        without_effect(nn.Sequential([nn.Conv(4, (3,), activation="relu"), nn.BatchNorm(), nn.Dense(2)], [5, 3])) == {}
    )


def test_a_bias_that_is_seen_elsewhere_has_an_effect() -> None:
    x = nn.symbol((4,), name="x")
    h = nn.Dense(4, name="h")(x)
    normed = nn.BatchNorm(name="norm")(h)
    assert without_effect(nn.Model(inputs=x, outputs=nn.Add()(normed, h))) == {}
    assert without_effect(nn.Model(inputs=x, outputs=[normed, h])) == {}
    assert set(without_effect(nn.Model(inputs=x, outputs=normed))) == {"h/bias", "norm/mean"}
    both = nn.Model(inputs=x, outputs=nn.Add()(normed, nn.BatchNorm(name="other")(h)))
    assert set(without_effect(both)) == {"h/bias", "norm/mean", "other/mean"}


def test_shared_layers_have_no_effect_only_if_none_of_their_calls_has() -> None:
    x = nn.symbol((4,), name="x")
    shared, norm = nn.Dense(4, name="shared"), nn.BatchNorm(name="norm")
    once = norm(shared(x))
    assert set(without_effect(nn.Model(inputs=x, outputs=norm(shared(once))))) == {"shared/bias", "norm/mean"}
    assert "shared/bias" not in without_effect(nn.Model(inputs=x, outputs=shared(once)))


def test_shifts_go_through_linear_layers() -> None:
    """Of one position: zeros that a larger window sees beside the values are not shifted with them."""
    chain = [nn.Conv(4, (3,), name="first"), nn.Conv(3, (1,), 2, name="second"), nn.BatchNorm(), nn.Flatten()]
    assert set(without_effect(nn.Sequential(chain, [6, 2]))) == {"first/bias", "second/bias", "batch_norm/mean"}
    dense = [nn.Dense(4, name="first"), nn.Dense(3, use_bias=False), nn.BatchNorm(), nn.Dense(2)]
    assert set(without_effect(nn.Sequential(dense, [6]))) == {"first/bias", "batch_norm/mean"}
    for layer in (
        nn.Conv(3, (3,), use_bias=False),
        nn.Conv(3, (1,), padding=((1, 0),), use_bias=False),
        nn.Conv(3, (1,), activation="relu", use_bias=False),
        nn.Dense(3, "relu", use_bias=False),
    ):
        assert without_effect(nn.Sequential([nn.Conv(4, (3,)), layer, nn.BatchNorm(), nn.Flatten()], [6, 2])) == {}


def test_nested_models() -> None:
    inner = nn.Sequential(["relu", nn.Dense(4)], name="inner")
    model = nn.Sequential([inner, nn.Sequential([nn.BatchNorm()], name="outer"), nn.Dense(2)], [3])
    assert set(without_effect(model)) == {"inner/dense/bias", "outer/batch_norm/mean"}


@pytest.mark.parametrize(
    ("last", "loss", "words"),
    [
        ("softmax", nn.SoftmaxCrossEntropy(), "ends in softmax, but SoftmaxCrossEntropy takes logits"),
        ("sigmoid", nn.BinaryCrossEntropy(), "ends in sigmoid, but BinaryCrossEntropy takes logits"),
        (
            "relu",
            nn.SoftmaxCrossEntropy(from_probabilities=True),
            "takes probabilities here, but the model does not end",
        ),
    ],
)
def test_advice_on_the_last_activation(last: str, loss: Any, words: str) -> None:
    for model in (nn.Sequential([nn.Dense(3), last], [4]), nn.Sequential([nn.Dense(3, last)], [4])):
        (line,) = advice(model, loss)
        assert words in line
    assert advice(nn.Sequential([nn.Dense(3)], [4]), nn.SoftmaxCrossEntropy()) == []
    assert advice(nn.Sequential([nn.Dense(3, "softmax")], [4]), nn.SoftmaxCrossEntropy(from_probabilities=True)) == []
