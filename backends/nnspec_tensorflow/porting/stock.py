"""What Keras has of its own that a file may name: layers, operations, activations, initializers.

A file's names are looked up here and nowhere else. Classes that hold or load code are not among them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from nnspec_tensorflow.startup import keras

MODELS = frozenset({"Sequential", "Functional", "Model"})

# Not: Lambda, TFSMLayer, TorchModuleWrapper, JaxLayer, FlaxLayer, which are code; StringLookup and TextVectorization,
# which read vocabularies from files.
_LAYERS = frozenset({
    "Activation", "ActivityRegularization", "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D", "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D", "Add",
    "AdditiveAttention", "AlphaDropout", "Attention", "AugMix", "AutoContrast", "Average", "AveragePooling1D",
    "AveragePooling2D", "AveragePooling3D", "BatchNormalization", "Bidirectional", "CategoryEncoding",
    "CenterCrop", "Concatenate", "ContrastLimitedAdaptiveHistogramEqualization", "Conv1D", "Conv1DTranspose",
    "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
    "Cropping1D", "Cropping2D", "Cropping3D", "CutMix", "Dense", "DepthwiseConv1D", "DepthwiseConv2D",
    "Discretization", "Dot", "Dropout", "ELU", "EinsumDense", "Embedding", "Equalization", "Flatten", "GRU",
    "GRUCell", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "GroupNormalization", "GroupQueryAttention", "HashedCrossing", "Hashing", "Identity", "InputLayer",
    "IntegerLookup", "LSTM", "LSTMCell", "LayerNormalization", "LeakyReLU", "Masking", "MaxNumBoundingBoxes",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "MelSpectrogram", "Minimum", "MixUp",
    "MultiHeadAttention", "Multiply", "Normalization", "PReLU", "Permute", "Pipeline", "RMSNormalization",
    "RNN", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast",
    "RandomCrop", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur",
    "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization",
    "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom",
    "ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing", "ReversibleEmbedding", "STFTSpectrogram",
    "SeparableConv1D", "SeparableConv2D", "SimpleRNN", "SimpleRNNCell", "Softmax", "Solarization",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "SpectralNormalization", "StackedRNNCells",
    "Subtract", "TimeDistributed", "UnitNormalization", "UpSampling1D", "UpSampling2D", "UpSampling3D",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
})  # fmt: skip
# Names under which keras.layers exports the same classes.
_ALIASES = {
    "AvgPool1D": "AveragePooling1D", "AvgPool2D": "AveragePooling2D", "AvgPool3D": "AveragePooling3D",
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "Convolution1DTranspose": "Conv1DTranspose", "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose", "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D", "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D", "GroupedQueryAttention": "GroupQueryAttention",
    "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D", "MaxPool3D": "MaxPooling3D",
    "SeparableConvolution1D": "SeparableConv1D", "SeparableConvolution2D": "SeparableConv2D",
}  # fmt: skip

# Operations that are given functions.
_HIGHER_ORDER = frozenset({
    "Map", "Scan", "AssociativeScan", "Switch", "WhileLoop", "ForiLoop", "Cond", "VectorizedMap",
    "CustomGradient", "Function",
})  # fmt: skip

ACTIVATIONS = frozenset({
    "relu", "leaky_relu", "relu6", "softmax", "celu", "elu", "selu", "softplus", "softsign", "squareplus",
    "soft_shrink", "sparse_plus", "silu", "swish", "gelu", "glu", "tanh", "tanh_shrink", "threshold", "sigmoid",
    "sparse_sigmoid", "exponential", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "hard_shrink",
    "linear", "mish", "log_softmax", "log_sigmoid", "sparsemax",
})  # fmt: skip

_INITIALIZERS = frozenset({
    "Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling",
    "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Orthogonal",
    "Identity",
})  # fmt: skip


@cache
def layers() -> dict[str, type[Any]]:
    """Keras's layers by the names under which files know them."""
    found = {name: getattr(keras.layers, name) for name in _LAYERS if hasattr(keras.layers, name)}
    return found | {alias: found[name] for alias, name in _ALIASES.items() if name in found}


@cache
def operations() -> dict[str, type[Any]]:
    """The classes behind keras.ops, by name: ``Add``, ``GetItem``, ``Mean``."""
    found: dict[str, type[Any]] = {}
    for kind in _below(keras.Operation):
        if kind.__module__.startswith("keras.src.ops.") and kind.__name__ not in _HIGHER_ORDER:
            found.setdefault(kind.__name__, kind)
    return found


@cache
def application_layers() -> dict[str, type[Any]]:
    """Layers that some of keras.applications bring along, by name."""
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    return {kind.__name__: kind for kind in (LayerScale, StochasticDepth, CustomScaleLayer)}


def kind_of(module: Any, name: str) -> type[Any] | None:
    """The class of this name, or None: of operations where the module is theirs, else of layers."""
    if isinstance(module, str) and module.startswith(("keras.ops", "keras.src.ops")):
        return operations().get(name)
    if module is None or (isinstance(module, str) and module.partition(".")[0] in _KERAS):
        return layers().get(name) or application_layers().get(name)
    return None


_KERAS = frozenset({"keras", "tf_keras", "tensorflow", "tensorflow_core"})


def initializer(value: Any) -> Any:
    """An initializer by its name and numbers, or None where it is not one of Keras's: weights come from the file."""
    entry: dict[str, Any] = value if isinstance(value, dict) else {"class_name": value, "config": {}}
    name, config = entry.get("class_name"), entry.get("config")
    if not isinstance(name, str) or not isinstance(config, dict):
        return None
    word = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    if word not in _INITIALIZERS:
        return None
    known = parameters(getattr(keras.initializers, word))
    numbers = {k: v for k, v in config.items() if k in known and isinstance(v, int | float | str | None)}
    try:
        return getattr(keras.initializers, word)(**numbers)
    except (TypeError, ValueError):
        return None


@cache
def parameters(kind: Any) -> frozenset[str]:
    """The names of what a constructor takes; of the bases' too, where it hands the rest on."""
    found: set[str] = set()
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        signature = inspect.signature(vars(base)["__init__"]).parameters.values()
        found |= {p.name for p in signature if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in signature):
            break
    return frozenset(found - {"self"})


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _below(inner)
