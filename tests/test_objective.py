"""Losses and metrics by output: what is written, what it is called, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import nnspec as nn
from nnspec.errors import SpecError
from nnspec.experiment import Data, Experiment, Training, advice, load_experiment
from nnspec.objective import Objective
from nnspec.spec import dump, parse
from nnspec.summary import summarize
from tests.heads import heads, losses

SPEC = """\
nnspec: 1
model:
  inputs: {x: [4]}
  nodes:
    trunk: {layer: {Dense: 5}, inputs: x}
    digit: {layer: {Dense: 3}, inputs: trunk}
    mask: {layer: {Dense: 2}, inputs: trunk}
    seen: {layer: tanh, inputs: trunk}
  outputs: [digit, mask, seen]
loss:
  Losses:
    losses: {digit: SoftmaxCrossEntropy, mask: [Dice, {BinaryCrossEntropy: {label_smoothing: 0.1}}], seen: null}
    weights: {digit: 2, mask: [1.0, 0.5]}
metrics: {digit: [accuracy, confusion_matrix], mask: binary_accuracy}
data: {csv: rows.csv, target: {digit: d, mask: [a, b]}, weights: {mask: w}, validation_split: 0.2}
training: {monitor: val_digit/accuracy}
"""


def read(tmp_path: Path, old: str = "", new: str = "") -> Experiment:
    assert old in SPEC
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.replace(old, new, 1) if old else SPEC)
    return load_experiment(path)


def test_a_file_and_back(tmp_path: Path) -> None:
    experiment = read(tmp_path)
    held = experiment.loss
    assert held.of("mask") == (nn.Dice(), nn.BinaryCrossEntropy(label_smoothing=0.1)) and held.of("seen") == ()
    assert held.weights_of("mask") == (1.0, 0.5) and held.weights_of("digit") == (2.0,)
    again = tmp_path / "again.yaml"
    again.write_text(experiment.dumps())
    assert load_experiment(again) == experiment
    assert dump(held) == dump(parse("loss", dump(held)))
    assert hash(held) == hash(parse("loss", dump(held)))


def test_names(tmp_path: Path) -> None:
    """What is recorded: the sum, then output by output losses and metrics; several losses go by their classes."""
    objective = read(tmp_path).objective
    names = ["digit/loss", "digit/accuracy", "digit/confusion_matrix"]
    names += ["mask/Dice", "mask/BinaryCrossEntropy", "mask/binary_accuracy"]
    assert list(objective.names) == names
    assert objective.monitored() == ["loss", *(name for name in names if not name.endswith("matrix"))]
    assert objective.mode("val_digit/accuracy") == "max" and objective.mode("digit/loss") == "min"
    assert objective.outputs == ("digit", "mask")
    assert objective.targets_name("mask") == "targets/mask"
    shapes = objective.shapes({"digit": (None, 3), "mask": (None, 2), "seen": (None, 5)})
    assert list(shapes) == names and shapes["digit/confusion_matrix"] == ((3, 3),)
    assert shapes["mask/Dice"] == ((), ())


def test_one_loss_of_one_output_has_short_names() -> None:
    objective = Objective.of(nn.Huber(), (nn.MAE(), nn.RMSE()), ["y"])
    assert objective.names == ("loss", "mae", "rmse") and objective.monitored() == ["loss", "mae", "rmse"]
    assert objective.targets_name("y") == "targets" and objective.weights_name("y") == "weights"
    sums = {"loss": (6.0, 3.0), "mae": (2.0, 4.0), "rmse": (8.0, 2.0)}
    assert objective.loss(sums) == 2.0
    assert list(objective.results(sums, scalar=True)) == ["loss", "mae", "rmse"]


def test_the_sum_by_hand() -> None:
    """Each loss is reduced by itself, then weighed; what weighs 0, or was not counted, does not spoil the sum."""
    held = nn.Losses(
        {"a": nn.MeanSquaredError(), "b": [nn.Huber(reduction="sum"), nn.LogCosh()]},
        weights={"a": 0.5, "b": [2.0, 0.0]},
    )
    objective = Objective.of(held, {"b": (nn.MAE(),)}, ["a", "b"])
    sums = {"a/loss": (6.0, 3.0), "b/Huber": (4.0, 7.0), "b/LogCosh": (0.0, 0.0), "b/mae": (9.0, 3.0)}
    assert objective.loss(sums) == 0.5 * 2 + 2 * 4
    results = objective.results(sums, scalar=True)
    assert list(results) == ["loss", "a/loss", "b/Huber", "b/LogCosh", "b/mae"]
    assert (results["loss"], results["a/loss"], results["b/Huber"], results["b/mae"]) == (9.0, 2.0, 4.0, 3.0)
    assert [term.name for term in objective.minimized] == ["a/loss", "b/Huber"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Losses({}), "losses: no output has a loss: there is nothing to minimize"),
        (lambda: nn.Losses({"a": None}), "losses: no output has a loss"),
        (lambda: nn.Losses({"a": []}), r"losses\.a: expected a loss or a list of losses; null is for an output"),
        (lambda: nn.Losses({"a": "Hubert"}), r"losses\.a: unknown loss 'Hubert'; did you mean 'Huber'"),
        (lambda: nn.Losses({"a": ["Huber", 3]}), r"losses\.a\[1\]: expected a loss, got 3"),
        (lambda: nn.Losses({"a": ["Huber", {"Huber": 2.0}]}), r"losses\.a\[1\]: Huber is listed twice"),
        (lambda: nn.Losses({"a": nn.Losses({"b": "Huber"})}), r"losses\.a: Losses cannot hold another Losses"),
        (
            lambda: nn.Losses({"a": "Huber"}, {"b": 1.0}),
            r"weights\.b: a weight for the output 'b', which has no losses",
        ),
        (
            lambda: nn.Losses({"a": "Huber"}, {"a": [1.0, 2.0]}),
            r"weights\.a: 2 weights for the losses of 'a', which are 1",
        ),
        (lambda: nn.Losses({"a": ["Huber", "LogCosh"]}, {"a": 1.0}), r"weights\.a: 'a' has 2 losses: give a list of 2"),
        (lambda: nn.Losses({"a": "Huber"}, {"a": -1.0}), r"weights\.a: .*greater than or equal to 0.*-1"),
        (lambda: nn.Losses({"a": "Huber"}, {"a": 0.0}), "weights: all weights are 0: there is nothing to minimize"),
    ],
)
def test_what_losses_refuse(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


def test_a_list_of_one_loss_is_that_loss() -> None:
    assert nn.Losses({"a": ["Huber"]}) == nn.Losses({"a": nn.Huber()})
    assert Objective.of(nn.Losses({"a": ["Huber"]}, {"a": [2.0]}), (), ["a"]).names == ("a/loss",)


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (12, "seen: null", "sean: null", r"losses\.sean: the model has no output 'sean'; did you mean 'seen'"),
        (12, ", seen: null", "", "loss.Losses.losses: the output 'seen' is missing: give it a loss, or null"),
        (13, "digit: 2,", "digits: 2,", r"weights\.digits: a weight for the output 'digits', .*did you mean 'digit'"),
        (
            12,
            "digit: SoftmaxCrossEntropy",
            "digit: {SoftmaxCrossEntropy: {class_weights: [1.0]}}",
            "holds 1 numbers, for 3",
        ),
        (14, "mask: binary_accuracy", "seen: mae", r"metrics\.seen: metrics of 'seen', which is no output with a loss"),
        (14, "[accuracy, confusion_matrix]", "[accuracy, accuracy]", r"metrics\.digit\[1\]: accuracy is listed twice"),
        (
            14,
            "[accuracy, confusion_matrix]",
            "[accuracy, acuracy]",
            r"metrics\.digit\[1\]: unknown metric 'acuracy'; did you",
        ),
        (14, "[accuracy, confusion_matrix]", "[accuracy, {top_k_accuracy: 4}]", r"metrics\.digit\[1\]: the top 4 of 3"),
        (15, "digit: d,", "digits: d,", r"data\.target: no output 'digits' has a loss; did you mean 'digit'"),
        (
            15,
            "target: {digit: d, mask: [a, b]}",
            "target: d",
            r"data\.target: the losses are by output: name a target column",
        ),
        (15, "weights: {mask: w}", "weights: {seen: w}", r"data\.weights: no output 'seen' has a loss"),
        (
            16,
            "val_digit/accuracy",
            "val_digit/acuracy",
            r"training\.monitor: nothing is called 'val_digit/acuracy'; did you mean",
        ),
        (16, "val_digit/accuracy", "digit/confusion_matrix", "nothing is called 'digit/confusion_matrix'"),
    ],
)
def test_mistakes_in_files(tmp_path: Path, line: int, old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        read(tmp_path, old, new)
    assert re.search(rf"spec\.yaml:{line}\b", str(caught.value))


def test_forms_that_do_not_go_together() -> None:
    with pytest.raises(
        SpecError, match=r"loss: the model has several outputs: give each its loss, \{Losses: .*digit: \.\.\."
    ):
        Experiment(heads(), "SoftmaxCrossEntropy")
    with pytest.raises(
        SpecError, match=r"metrics: .* give the metrics by output, too, metrics: \{digit: \[accuracy\]\}"
    ):
        Experiment(heads(), losses(), metrics=["accuracy"])
    with pytest.raises(
        SpecError, match=r"metrics\[0\]: expected a metric as one name with its fields, got a mapping of a, b"
    ):
        Experiment(nn.Sequential([nn.Dense(3)]), "SoftmaxCrossEntropy", metrics={"a": ["mae"], "b": ["mae"]})
    with pytest.raises(SpecError, match=r"data\.sklearn: iris has one target, but losses are of digit, size"):
        Experiment(heads(), losses(), data=Data(sklearn="iris"))
    with pytest.raises(SpecError, match=r"val_size/loss needs validation rows: .* or monitor size/loss"):
        Experiment(heads(), losses(), data=Data(npz="a.npz"), training=Training(monitor="val_size/loss"))


def test_last_activations_of_each_output() -> None:
    x = nn.symbol([4], "x")
    model = nn.Model(inputs=x, outputs=[nn.Dense(3, "softmax", name="a")(x), nn.Dense(3, name="b")(x)])
    by_output = nn.Losses({"a": "SoftmaxCrossEntropy", "b": {"NegativeLogLikelihood": None}})
    first, second = advice(model, by_output)
    assert first.startswith("the output 'a' ends in softmax, but SoftmaxCrossEntropy takes logits and applies it again")
    assert second.startswith(
        "NegativeLogLikelihood takes log-probabilities here, but the output 'b' does not end in log"
    )
    experiment = Experiment(model, by_output)
    assert summarize(model, experiment).advice == (first, second)
