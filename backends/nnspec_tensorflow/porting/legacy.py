"""What files of Keras 1 and 2 mean, said in Keras 3.

Options that are called otherwise are renamed, options that are gone are checked for the one value that is left, and
where the same name means something else, the meaning of the Keras that wrote the file is kept:

* ``hard_sigmoid`` is clip(0.2 x + 0.5, 0, 1): :func:`hard_sigmoid`. :data:`MEANINGS` has it in the spec's words, for
  whoever converts a layer whose ``activation`` or ``recurrent_activation`` it is.
* A GRU without ``reset_after`` resets before its product.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnspec.errors import FileError, PortError
from nnspec.layers.activation import HardSigmoid
from nnspec.layers.base import Activation
from nnspec_tensorflow.porting import config as configs, keras1
from nnspec_tensorflow.porting.tensorflow_functions import TensorFlowFunction
from nnspec_tensorflow.realize import PACKAGE
from nnspec_tensorflow.startup import keras


@dataclass(frozen=True)
class Version:
    """The Keras that wrote a file: ``2.2.4-tf``."""

    text: str

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d{1,4}", self.text)[:3]) or (1,)

    @property
    def major(self) -> int:
        return self.numbers[0]


@keras.saving.register_keras_serializable(package=PACKAGE, name="keras2_hard_sigmoid")
def hard_sigmoid(x: Any) -> Any:
    """The hard sigmoid of Keras 1 and 2, and of Theano. Keras 3 has that of MobileNets under this name."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


MEANINGS: dict[Callable[[Any], Any], Activation] = {hard_sigmoid: HardSigmoid(convention="keras2")}


@keras.saving.register_keras_serializable(package=PACKAGE)
class ThresholdedReLU(keras.layers.Layer):
    """x where x > theta, else 0: a layer that Keras 3 no longer has."""

    def __init__(self, theta: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.theta = theta

    def call(self, inputs: Any) -> Any:
        return inputs * keras.ops.cast(inputs > self.theta, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "theta": self.theta}


_GONE = {
    "MaxoutDense": "a Dense, a Reshape and a maximum say the same",
    "Highway": "two Dense layers and products say the same",
    "LocallyConnected1D": "Keras 3 has no unshared convolutions",
    "LocallyConnected2D": "Keras 3 has no unshared convolutions",
    "ParametricSoftplus": "Keras dropped it in version 2",
    "SReLU": "Keras dropped it in version 2",
    "Deconvolution2D": "its output has any size; write the model again with Conv2DTranspose",
    "Graph": "Keras dropped it in version 1: write the model as a functional one",
    "TensorFlowOpLayer": "it is a piece of a TensorFlow graph: use a layer, or give a SavedModel",
    "TFSMLayer": "it loads a graph from elsewhere: give the SavedModel itself",
    "TorchModuleWrapper": "it is a pickled module: port the PyTorch module itself",
    "JaxLayer": "it is code: port the JAX function itself",
    "FlaxLayer": "it is code: port the Flax module itself",
    "DenseFeatures": "feature columns have no counterpart",
    "RandomHeight": "Keras 3 has no layers that change the size at random",
    "RandomWidth": "Keras 3 has no layers that change the size at random",
    "StringLookup": "texts have no counterpart: port the model behind it",
    "TextVectorization": "texts have no counterpart: port the model behind it",
}


def gone(name: str) -> str | None:
    """Why a class that Keras once had, or has for code, cannot be ported."""
    return f"cannot be ported: {_GONE[name]}" if name in _GONE else None


def activation(name: str, version: Version) -> Any:
    """An activation of Keras's in the meaning that it had."""
    return hard_sigmoid if name == "hard_sigmoid" and version.major < 3 else name


_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
}


def translated(where: str, name: str, config: dict[str, Any], version: Version) -> tuple[str, dict[str, Any]]:
    """The class and the options under which Keras 3 has a layer.

    Raises:
        PortError: Keras 3 computes something else, or nothing of the kind.
    """
    if version.major < 2:
        return keras1.translated(where, name, config)
    if version.major > 2:
        return name, config
    config = dict(config)
    if name in ("CuDNNLSTM", "CuDNNGRU"):
        config |= {"activation": "tanh", "recurrent_activation": "sigmoid"}
        config |= {"reset_after": True} if name == "CuDNNGRU" else {}
    name = _RENAMED.get(name, name)
    if name in ("GRU", "GRUCell"):
        config.setdefault("reset_after", False)
    if name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    smooth = name.startswith("UpSampling") and config.get("interpolation", "nearest") != "nearest"
    if smooth and version.numbers < (2, 3) and "tf" not in version.text:
        raise PortError(
            f"{where}: Keras {version.text} interpolated from the corners of pixels, Keras 3 from their middles"
        )
    if name == "Attention" and config.pop("causal", False):
        raise PortError(f"{where}: causal=True has become an argument of the call: build the model with Keras 3")
    return name, config


def special(where: str, name: str, config: dict[str, Any]) -> Any:
    """A layer or function of our own for one that Keras 3 no longer has, or None."""
    if name in ("TFOpLambda", "SlicingOpLambda"):
        return TensorFlowFunction(where, config.get("function"), str(config.get("name")))
    if name != "ThresholdedReLU":
        return None
    theta = configs.plain(where, config.get("theta", 1.0))
    if not isinstance(theta, int | float):
        raise FileError(f"{where}: damaged: theta is no number")
    return ThresholdedReLU(theta, name=config.get("name"), dtype=configs.dtype(where, config.get("dtype")))


def call(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call: Keras 2 hands states to recurrent layers in one list with their input."""
    if isinstance(layer, keras.layers.Layer):
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
    recurrent = isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)
    if recurrent and len(args) == 1 and isinstance(args[0], list) and len(args[0]) > 1:
        first, *states = args[0]
        return (first,), {**kwargs, "initial_state": states}
    return args, kwargs


def input_shape(config: dict[str, Any]) -> Any:
    """The shape of the input that the first layer of a Sequential says it has, batch axis included, or None."""
    for key in ("batch_input_shape", "batch_shape"):
        if config.get(key) is not None:
            return config[key]
    if isinstance(config.get("input_shape"), list):
        return [None, *config["input_shape"]]
    if isinstance(config.get("input_dim"), int) and "units" in config:
        return [None, config["input_dim"]]
    return None
