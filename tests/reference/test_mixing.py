"""Mixed examples against the papers' code, Keras's layers, and SciPy's distribution, all from the same random words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnspec as nn
from nnspec import random
from nnspec.errors import SpecError
from nnspec.mixing import check
from nnspec.reference import losses
from nnspec.reference.mixing import mixed
from nnspec.spec import dump, parse

SEED, STEP, ROWS = 2**40 + 3, 7, 9
RNG = np.random.default_rng(6)
IMAGES = RNG.normal(size=(ROWS, 12, 7, 2))
IDS = RNG.integers(0, 4, ROWS)
LOSS = nn.SoftmaxCrossEntropy()


def drawn(count: int, rows: int = ROWS) -> np.ndarray:
    return random.words(SEED, random.stream_of("data", "mixing"), STEP, rows * count).reshape(rows, count)


def shares(alpha: float, words: np.ndarray) -> np.ndarray:
    """SciPy's quantiles at the middle of each of 4096 equal parts, to 24 bits."""
    beta = pytest.importorskip("scipy.stats").beta
    return np.round(beta.ppf((words // 2**20 + 0.5) / 4096, alpha, alpha) * 2**24) / 2**24


def batch_of(x: Any, **more: Any) -> dict[str, Any]:
    return {"x": x, "targets": IDS[: len(x)], **more}


def test_mix_up_of_the_paper() -> None:
    """Zhang et al. 2018, figure 1a, with a share for each pair."""
    weights = RNG.uniform(size=ROWS)
    found = mixed(nn.MixUp(0.4), LOSS, batch_of(IMAGES, weights=weights), 4, seed=SEED, step=STEP)
    share = shares(0.4, drawn(1)[:, 0])
    assert len(set(share)) > 5
    one_hot = np.eye(4)[IDS]
    for i, lam in enumerate(share):
        np.testing.assert_allclose(found["x"][i], lam * IMAGES[i] + (1.0 - lam) * IMAGES[i - 1], rtol=1e-13)
        np.testing.assert_allclose(found["targets"][i], lam * one_hot[i] + (1.0 - lam) * one_hot[i - 1], rtol=1e-13)
        np.testing.assert_allclose(found["weights"][i], lam * weights[i] + (1.0 - lam) * weights[i - 1], rtol=1e-13)


def rand_bbox(width: int, height: int, lam: float, cx: int, cy: int) -> tuple[Any, ...]:
    """Of the code that Yun et al. 2019 published, with the center as an argument."""
    cut_rat = np.sqrt(1.0 - lam)
    cut_w, cut_h = int(width * cut_rat), int(height * cut_rat)
    bbx1 = np.clip(cx - cut_w // 2, 0, width)
    bby1 = np.clip(cy - cut_h // 2, 0, height)
    bbx2 = np.clip(cx + cut_w // 2, 0, width)
    bby2 = np.clip(cy + cut_h // 2, 0, height)
    return bbx1, bby1, bbx2, bby2


def test_cut_mix_of_the_paper() -> None:
    words = drawn(3)
    found = mixed(nn.CutMix(2.0), LOSS, batch_of(IMAGES), 4, seed=SEED, step=STEP)
    one_hot, cut = np.eye(4)[IDS], 0
    for i, lam in enumerate(shares(2.0, words[:, 0])):
        cy, cx = (int(size * (word // 2**16) / 2**16) for size, word in zip((12, 7), words[i, 1:], strict=True))
        y1, x1, y2, x2 = rand_bbox(12, 7, lam, cy, cx)
        expected = IMAGES[i].copy()
        expected[y1:y2, x1:x2] = IMAGES[i - 1][y1:y2, x1:x2]
        np.testing.assert_array_equal(found["x"][i], expected)
        left = 1 - (y2 - y1) * (x2 - x1) / (12 * 7)
        np.testing.assert_allclose(found["targets"][i], left * one_hot[i] + (1 - left) * one_hot[i - 1], rtol=1e-13)
        cut += bool(0 < y1 < y2 < 12) and bool(0 < x1 < x2 < 7)
    assert cut > 0  # of some the box lies within


@pytest.mark.parametrize("sizes", [(40,), (9, 8, 7)])
def test_boxes_of_other_ranks(sizes: tuple[int, ...]) -> None:
    """The side of a box is the root of its share that the number of axes asks for."""
    x = RNG.normal(size=(ROWS, *sizes, 2))
    targets = RNG.normal(size=(ROWS, 3))
    batch = {"x": x, "targets": targets}
    found = mixed(nn.CutMix(), nn.MeanSquaredError(), batch, 3, seed=SEED, step=STEP)
    words = drawn(1 + len(sizes))
    for i, lam in enumerate(shares(1.0, words[:, 0])):
        box = []
        for size, word in zip(sizes, words[i, 1:], strict=True):
            center, half = size * int(word >> 16) // 2**16, int(size * (1 - lam) ** (1 / len(sizes))) // 2
            box.append(slice(max(center - half, 0), center + half))
        expected, inside = x[i].copy(), np.zeros(sizes, bool)
        expected[tuple(box)], inside[tuple(box)] = x[i - 1][tuple(box)], True
        np.testing.assert_array_equal(found["x"][i], expected)
        left = 1 - inside.mean()
        np.testing.assert_allclose(found["targets"][i], left * targets[i] + (1 - left) * targets[i - 1], rtol=1e-12)


def test_layers_of_keras() -> None:
    """Its formulas for given shares, boxes and partners."""
    keras = pytest.importorskip("nnspec_tensorflow.startup", reason="Keras is not installed").keras
    one_hot, order = np.eye(4)[IDS], np.roll(np.arange(ROWS), 1)
    share = shares(0.2, drawn(1)[:, 0])
    given: Any = {"mix_weight": share, "permutation_order": order}
    layer = keras.layers.MixUp(dtype="float64")
    found = mixed(nn.MixUp(), LOSS, batch_of(IMAGES), 4, seed=SEED, step=STEP)
    np.testing.assert_allclose(found["x"], layer.transform_images(IMAGES, given), rtol=1e-12)
    np.testing.assert_allclose(found["targets"], layer.transform_labels(one_hot, given), rtol=1e-12)
    found = mixed(nn.CutMix(), LOSS, batch_of(IMAGES), 4, seed=SEED, step=STEP)
    masks = found["x"] != IMAGES
    given |= {"batch_masks": masks, "mix_weight": 1 - masks[..., 0].mean((1, 2))}
    layer = keras.layers.CutMix(dtype="float64")
    np.testing.assert_array_equal(found["x"], layer.transform_images(IMAGES, given))
    np.testing.assert_allclose(found["targets"], layer.transform_labels(one_hot, given), rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 8.0])
def test_shares_are_of_the_beta_distribution(alpha: float) -> None:
    table = nn.MixUp(alpha).shares()
    assert table.shape == (4096,)
    np.testing.assert_array_equal(table, table.astype(np.float32))
    np.testing.assert_allclose(table, shares(alpha, np.arange(4096, dtype=np.uint32) << 20), atol=2.0**-24)
    assert table.mean() == pytest.approx(0.5, abs=1e-6)
    assert table.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=2e-3)


@pytest.mark.parametrize("alpha", [1e-6, 1e-3, 1e4])
def test_shares_of_extreme_distributions(alpha: float) -> None:
    table = nn.MixUp(alpha).shares()
    assert np.isfinite(table).all() and table.min() >= 0 and table.max() <= 1 and (np.diff(table) >= 0).all()


def test_the_loss_of_a_mixture_is_a_mixture_of_losses() -> None:
    """For a cross-entropy, which is linear in the targets: the papers' two losses."""
    outputs = RNG.normal(size=(ROWS, 4))
    found = mixed(nn.MixUp(), LOSS, batch_of(IMAGES), 4, seed=SEED, step=STEP)
    own, other = (losses.per_position(LOSS, outputs, ids) for ids in (IDS, np.roll(IDS, 1)))
    share = shares(0.2, drawn(1)[:, 0])
    together = losses.per_position(LOSS, outputs, found["targets"])
    np.testing.assert_allclose(together, share * own + (1 - share) * other, rtol=1e-12)


@pytest.mark.parametrize("spec", [nn.MixUp(), nn.CutMix()])
def test_an_example_alone_stays_as_it_is(spec: Any) -> None:
    found = mixed(spec, LOSS, batch_of(IMAGES[:1]), 4, seed=SEED, step=STEP)
    np.testing.assert_allclose(found["x"], IMAGES[:1], rtol=1e-15)
    np.testing.assert_allclose(found["targets"], np.eye(4)[IDS[:1]], rtol=1e-15)


def test_half_precision_inputs_are_rounded_once() -> None:
    x = IMAGES.astype(np.float16)
    found = mixed(nn.MixUp(), LOSS, batch_of(x), 4, seed=SEED, step=STEP, dtype=np.float32)
    exact = mixed(nn.MixUp(), LOSS, batch_of(x.astype(np.float32)), 4, seed=SEED, step=STEP)
    assert found["x"].dtype == np.float16 and found["targets"].dtype == np.float32
    np.testing.assert_array_equal(found["x"], exact["x"].astype(np.float16))


def test_a_box_cuts_ids_too() -> None:
    ids = RNG.integers(0, 9, (ROWS, 12, 1)).astype(np.int32)
    found = mixed(nn.CutMix(), LOSS, batch_of(ids), 4, seed=SEED, step=STEP)
    assert found["x"].dtype == np.int32
    assert ((found["x"] == ids) | (found["x"] == np.roll(ids, 1, 0))).all() and (found["x"] != ids).any()


CONV = nn.Conv(4, (3, 3))


def _experiment(layers: Any = None, shape: Any = (8, 8, 3), **given: Any) -> nn.Experiment:
    model = nn.Sequential(layers or ["Flatten", nn.Dense(4)], input=list(shape))
    return nn.Experiment(model, **{"loss": "SoftmaxCrossEntropy", "mixing": "CutMix", **given})


def test_its_form_in_files() -> None:
    experiment = _experiment(mixing={"MixUp": {"alpha": 0.3}})
    assert experiment.mixing == nn.MixUp(0.3)
    assert experiment.to_file()["mixing"] == {"MixUp": {"alpha": 0.3}}
    assert nn.Experiment.from_file(experiment.to_file()) == experiment
    assert "mixing" not in _experiment(mixing=None).to_file()
    assert parse("mixing", dump(nn.CutMix())) == nn.CutMix(1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"loss": "CTC", "layers": [nn.Dense(4)], "shape": (8, 3), "mixing": "MixUp"},
            "MixUp mixes targets, and those of CTC are ids",
        ),
        ({"loss": "NTXent"}, "those of NTXent are ids of groups"),
        ({"loss": "Hinge"}, "CutMix mixes targets, and Hinge takes"),
        ({"loss": {"SoftmaxCrossEntropy": {"ignore_label": -1}}}, "the ignore_label of SoftmaxCrossEntropy cannot be"),
        ({"shape": (8,), "layers": [nn.Dense(4)]}, r"model.inputs: CutMix cuts one input of shape \(batch, ..., chan"),
        ({"layers": [CONV]}, "CutMix takes one target for each example"),
        ({"mixing": {"MixUp": {"alpha": 0.0}}}, "mixing.MixUp.alpha: "),
        ({"mixing": "Mixup"}, "unknown mixing 'Mixup'; did you mean 'MixUp'"),
    ],
)
def test_what_cannot_be_mixed(given: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        _experiment(**given)


def test_inputs_of_ids_have_no_mixture() -> None:
    model = nn.Model(inputs=(ids := nn.symbol([5], "ids", "int32")), outputs=nn.Dense(2)(nn.Embedding(9, 3)(ids)))
    with pytest.raises(SpecError, match="MixUp mixes inputs of floats, got the input 'ids' of int32"):
        check(nn.MixUp(), model, LOSS, None)


def test_axes_beyond_16_bits() -> None:
    with pytest.raises(SpecError, match="CutMix cuts axes of up to 65536 elements"):
        nn.CutMix().sizes((2, 65537, 3))
