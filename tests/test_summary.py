"""The summary: figures by hand, and against a network that Keras counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nnspec as nn
from nnspec.cli.main import run
from nnspec.errors import ShapeError
from nnspec.experiment import Data, Experiment, Training, load_experiment
from nnspec.summary import describe, summarize


def handbook(**training: Any) -> Experiment:
    layers: list[Any] = []
    for features in (512, 256, 128):
        layers += [nn.Dense(features, kernel_init="he_normal", use_bias=False), nn.BatchNorm(), "gelu", nn.Dropout(0.3)]
    return Experiment(
        nn.Sequential([*layers, nn.Dense(10)]),
        "SoftmaxCrossEntropy",
        optimizer=nn.AdamW(),
        data=Data(sklearn="digits"),
        training=Training(batch_size=128, **training),
    )


def test_counts_by_hand() -> None:
    found = summarize(handbook().model, handbook())
    # 64·512 + 512·256 + 256·128 kernels, 2 numbers per normed feature, 128·10 + 10 at the end.
    assert found.parameters == 64 * 512 + 512 * 256 + 256 * 128 + 2 * (512 + 256 + 128) + 1290 == 199_690
    assert found.statistics == 2 * (512 + 256 + 128)
    products = 64 * 512 + 512 * 256 + 256 * 128
    outputs = 512 + 256 + 128
    assert found.flops == (2 * products - outputs) + 2 * outputs + outputs + 2 * 1280
    assert found.rows[0].output == (None, 512)


@pytest.mark.parametrize(("dtype", "size"), [("float64", 8), ("float32", 4), ("bfloat16", 2), ("float16", 2)])
def test_memory_by_hand(dtype: str, size: int) -> None:
    experiment = handbook(dtype=dtype)
    found = summarize(experiment.model, experiment, batch_size=10)
    assert found.memory == {
        "parameters": 199_690 * size,
        "gradients": 199_690 * size,
        "optimizer": 2 * 199_690 * size,
        "statistics": 1792 * size,
        "activations": 10 * size * (64 + 4 * (512 + 256 + 128) + 10),
    }
    assert found.batch_size == 10 and summarize(experiment.model, experiment).batch_size == 128


@pytest.mark.parametrize(("optimizer", "slots"), [("SGD", 0), ("Momentum", 1), ("Adam", 2)])
def test_slots_take_memory(optimizer: str, slots: int) -> None:
    experiment = Experiment(nn.Sequential([nn.Dense(3)], [4]), "SoftmaxCrossEntropy", optimizer=optimizer)
    assert summarize(experiment.model, experiment).memory["optimizer"] == slots * 15 * 4


def test_shared_and_nested() -> None:
    encoder = nn.Sequential([nn.Dense(4), "gelu"], name="encoder")
    left, right = nn.symbol((6,), name="left"), nn.symbol((6,), name="right", dtype="float")
    model = nn.Model(inputs=[left, right], outputs=nn.Add()(encoder(left), encoder(right)))
    found = summarize(model)
    rows = [(row.path, row.parameters, row.flops) for row in found.rows]
    assert rows == [
        ("encoder/dense", 28, 48),
        ("encoder/gelu", 0, 4),
        ("encoder_1/dense", 0, 48),
        ("encoder_1/gelu", 0, 4),
        ("add", 0, 4),
    ]
    assert found.parameters == 28 and found.inputs == {"left": (None, 6), "right": (None, 6)}
    shared = nn.Dense(6)
    assert [row.shares for row in summarize(nn.Sequential([shared, shared], [6])).rows] == [None, "dense"]


def test_axes_of_any_length_leave_the_flops_open() -> None:
    found = summarize(nn.Sequential([nn.Dense(5), "relu"], [None, 3]))
    assert found.parameters == 20 and found.flops is None and found.rows[0].output == (None, None, 5)


def test_an_input_of_no_known_shape() -> None:
    with pytest.raises(ShapeError, match="the shape of the input 'input' is not known: declare it in the model, or by"):
        summarize(nn.Sequential([nn.Dense(3)]))


def test_shapes_that_do_not_fit_name_the_node() -> None:
    with pytest.raises(ShapeError, match=r"model.reshape: Reshape to \[5\] does not fit"):
        summarize(nn.Sequential([nn.Reshape((5,))], [4]))


def test_layers_in_a_few_words() -> None:
    layer = nn.Dense(3, "gelu", kernel_init=nn.Normal(0.5), use_bias=False, name="x")
    assert describe(layer) == "Dense(features=3, activation=gelu, use_bias=false, kernel_init=normal(stddev=0.5))"
    assert describe(nn.ReLU()) == "relu"
    assert describe(nn.Reshape((2, -1))) == "Reshape(shape=[2, -1])"


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "spec.yaml"
    path.write_text(handbook().dumps())
    return str(path)


def test_the_table(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", spec]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "dense Dense(features=512, use_bias=false, kernel_init=he_normal) (batch, 512) 32,768 65,024" in lines
    assert "batch_norm BatchNorm (batch, 512) 1,024 1,024 1,024" in lines
    assert "total 199,690 1,792 397,568" in lines
    assert any(line.startswith("memory in training (float32, batches of 128): 4.8 MiB: parameters") for line in lines)
    assert not any("advice" in line for line in lines)


def test_json(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", spec, "--json", "--batch-size", "7", "--set", "model.layers[0].use_bias=true"]) == 0
    found = json.loads(capsys.readouterr().out)
    experiment = load_experiment(spec, ["model.layers[0].use_bias=true"])
    expected = summarize(experiment.model, experiment, 7)
    assert found == json.loads(json.dumps(expected.to_json()))
    assert found["batch_size"] == 7 and found["parameters"] == 199_690 + 512
    assert found["memory_bytes"]["total"] == sum(expected.memory.values())
    assert "dense/bias has no effect" in found["advice"][0]


def test_advice_is_printed(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", spec, "--set", "model.layers[0].use_bias=true"]) == 0
    assert "advice: dense/bias has no effect (followed by batch_norm" in capsys.readouterr().out


def test_a_model_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.yaml").write_text("nnspec: 1\nmodel: {input: [3], layers: [{Dense: 4}]}\n")
    assert run(["summary", str(tmp_path / "m.yaml")]) == 0
    assert "memory in training (float32, batches of 32)" in capsys.readouterr().out


@pytest.mark.tensorflow
def test_keras_counts_the_same() -> None:
    import keras

    blocks = [
        layer
        for features in (512, 256, 128)
        for layer in (keras.layers.Dense(features, use_bias=False), keras.layers.BatchNormalization())
    ]
    theirs = keras.Sequential([keras.Input((64,)), *blocks, keras.layers.Dense(10)])
    ours = summarize(handbook().model, handbook())
    assert ours.parameters + ours.statistics == theirs.count_params()
