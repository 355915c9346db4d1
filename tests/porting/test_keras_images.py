"""Keras's layers that distort images at random, and spectrograms, as ports: against Keras itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nnspec.errors import PortError
from tests.porting.keras_models import check_against_keras, examples, ported, randomized

pytestmark = pytest.mark.tensorflow

IMAGE = (7, 6, 3)
CASES: list[tuple[str, Callable[[Any], Any], tuple[tuple[int, ...], ...]]] = [
    ("random_invert", lambda of: of.RandomInvert((0.2, 0.6)), (IMAGE,)),
    ("random_posterization", lambda of: of.RandomPosterization((3, 6)), (IMAGE,)),
    ("solarization", lambda of: of.Solarization(0.2, (0.1, 0.6)), (IMAGE,)),
    ("random_color_jitter", lambda of: of.RandomColorJitter((0, 1), 0.1, (0.1, 0.2), None, (0.3, 0.4)), (IMAGE,)),
    ("random_gaussian_blur", lambda of: of.RandomGaussianBlur(0.4, 5, (0.2, 0.9)), (IMAGE,)),
    ("random_erasing", lambda of: of.RandomErasing(0.4, fill_value=(1.0, 2.0, 3.0)), (IMAGE,)),
    ("random_erasing_by_noise", lambda of: of.RandomErasing(scale=0.3), (IMAGE,)),
    ("random_elastic", lambda of: of.RandomElasticTransform(0.5, (0.2, 0.7)), (IMAGE,)),
    ("random_perspective", lambda of: of.RandomPerspective(0.5, 0.3, fill_value=2.0), (IMAGE,)),
    ("random_perspective_first", lambda of: of.RandomPerspective(data_format="channels_first"), (IMAGE,)),
    ("clahe", lambda of: of.ContrastLimitedAdaptiveHistogramEqualization((0, 1), 3.0, (2, 3)), ((12, 15, 3),)),
    ("mel", lambda of: of.MelSpectrogram(16, 8, sampling_rate=800, num_mel_bins=4, top_db=20.0), ((60,),)),
    ("mel_padded", lambda of: of.MelSpectrogram(16, 8, 12, "hamming", 800, 3, power_to_db=False), ((60,),)),
    ("mel_powers", lambda of: of.MelSpectrogram(16, 8, 12, None, 800, 3, power_to_db=False), ((60,),)),
]


@pytest.mark.parametrize(("make", "shapes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_inference(make: Any, shapes: Any) -> None:
    from nnspec_tensorflow.startup import keras

    (shape,) = shapes
    x = keras.Input(shape)
    model = keras.Model(x, make(keras.layers)(x))
    port = ported(model)
    check_against_keras(model, port, examples(port))


# What Keras was given, and options of the spec.
DRAWN: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "the middle": (lambda of: of.RandomInvert((0.2, 0.6)), {"probability": 0.4}),
    "without the end": (lambda of: of.RandomPosterization((3, 6)), {"bits": (3, 5)}),
    "one number": (lambda of: of.RandomPosterization(5), {"bits": (1, 4)}),
    "noise": (lambda of: of.RandomErasing(scale=0.3), {"noise": 255.0, "scale": (0.0, 0.3), "probability": 0.5}),
    "parts": (
        lambda of: of.RandomColorJitter((0, 1), None, None, (0.2, 0.4)),
        {"saturation_factor": (0.2, 0.4), "hue_factor": None},
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_options(name: str) -> None:
    from nnspec_tensorflow.startup import keras

    make, options = DRAWN[name]
    x = keras.Input(IMAGE)
    port = ported(keras.Model(x, make(keras.layers)(x)))
    (node,) = port.model.nodes
    for option, value in options.items():
        assert getattr(node.layer, option) == pytest.approx(value) if value is not None else value is None, option
    assert any("draws other random numbers" in note for note in port.notes)


SPECTROGRAMS: dict[str, Callable[[Any], Any]] = {
    "magnitude": lambda of: of.STFTSpectrogram("magnitude", 8, 3, window="hamming", trainable=False),
    "real": lambda of: of.STFTSpectrogram("real", 8, 4, 16, padding="same", scaling=None, window=None),
    "apart": lambda of: of.STFTSpectrogram("psd", 8, expand_dims=True, periodic=True, scaling="spectrum"),
    "log": lambda of: of.STFTSpectrogram(frame_length=6, data_format="channels_first"),
}


@pytest.mark.parametrize("name", SPECTROGRAMS)
def test_spectrograms_whose_waves_are_not_trained(name: str) -> None:
    from nnspec_tensorflow.startup import keras

    x = keras.Input((2, 30) if name == "log" else (30, 2))
    model = keras.Model(x, SPECTROGRAMS[name](keras.layers)(x))
    port = ported(model)
    assert port.variables == {}
    assert [note.partition(": ")[2] for note in port.notes] == ["trains its waves in Keras, which are fixed here."][
        name == "magnitude" :
    ]
    check_against_keras(model, port, examples(port))
    with pytest.raises(PortError, match="its waves were trained"):
        ported(randomized(model))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda of: of.RandomInvert(value_range=(1, 2)), "as if its lower end were 0"),
        (lambda of: of.RandomGaussianBlur(kernel_size=(3, 5)), "make it square"),
        (lambda of: of.RandomCrop(3, 3), "has no counterpart in nnspec with these options"),
    ],
)
def test_refused(make: Any, why: str) -> None:
    """RandomCrop gives whole images in inference, where nnspec's gives their middle."""
    from nnspec_tensorflow.startup import keras

    x = keras.Input(IMAGE)
    with pytest.raises(PortError, match=why):
        ported(keras.Model(x, make(keras.layers)(x)))
