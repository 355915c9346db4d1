"""The static table of names: which class a name in a spec file stands for, and in which module it lives.

The table is data so that a command which needs three classes imports three modules: building all of the vocabulary's
pydantic dataclasses at import would cost every start-up. ``tests/test_vocabulary.py`` proves it complete.

A name that is not in the table may be another package's: :mod:`nnspec.outside` looks for it.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnspec.spec import Spec

# kind -> module -> {name in spec files: class}. Layers, losses, optimizers and schedules are written as their classes;
# activations, operations, initializers and metrics in lower case, as functions are in both frameworks.
_TABLE: dict[str, dict[str, dict[str, str]]] = {
    "layer": {
        "nnspec.layers.linear": {name: name for name in ("Bilinear", "Dense", "DenseGeneral", "EinsumDense")},
        "nnspec.layers.parameter": {"Parameter": "Parameter"},
        "nnspec.layers.stablehlo": {"StableHLO": "StableHLO"},
        "nnspec.layers.convolution": {
            "Conv": "Conv",
            "DepthwiseConv": "DepthwiseConv",
            "SeparableConv": "SeparableConv",
        },
        "nnspec.layers.transposed_convolution": {"ConvTranspose": "ConvTranspose"},
        "nnspec.layers.pooling": {
            "AdaptiveAvgPool": "AdaptiveAvgPool",
            "AdaptiveMaxPool": "AdaptiveMaxPool",
            "AvgPool": "AvgPool",
            "GlobalAvgPool": "GlobalAvgPool",
            "GlobalMaxPool": "GlobalMaxPool",
            "MaxPool": "MaxPool",
        },
        "nnspec.layers.recurrent": {"GRU": "GRU", "LSTM": "LSTM", "MGU": "MGU", "SimpleRNN": "SimpleRNN"},
        "nnspec.layers.convolutional_recurrent": {"ConvLSTM": "ConvLSTM"},
        "nnspec.layers.masking": {"PaddingMask": "PaddingMask"},
        "nnspec.layers.time_distributed": {"TimeDistributed": "TimeDistributed"},
        "nnspec.layers.lookup": {
            name: name for name in ("Discretization", "HashedCrossing", "Hashing", "IntegerLookup")
        },
        "nnspec.layers.tokens": {"TokenDropout": "TokenDropout", "TokenMasking": "TokenMasking"},
        "nnspec.layers.spectra": {"MelSpectrogram": "MelSpectrogram", "STFTSpectrogram": "STFTSpectrogram"},
        "nnspec.layers.embedding": {"Embedding": "Embedding", "Unembedding": "Unembedding"},
        "nnspec.layers.attention": {
            name: name for name in ("AdditiveAttention", "DotProductAttention", "MultiHeadAttention")
        },
        "nnspec.layers.positions": {
            name: name
            for name in ("ALiBi", "LearnedPositions", "RelativePositionBias", "RotaryPositions", "SinusoidalPositions")
        },
        "nnspec.layers.shape": {
            "DepthToSpace": "DepthToSpace",
            "Flatten": "Flatten",
            "Permute": "Permute",
            "RepeatVector": "RepeatVector",
            "Reshape": "Reshape",
            "SpaceToDepth": "SpaceToDepth",
        },
        "nnspec.layers.padding": {"Crop": "Crop", "Pad": "Pad"},
        "nnspec.layers.resampling": {"Resize": "Resize", "Upsample": "Upsample"},
        "nnspec.layers.geometry": {
            name: name for name in ("CenterCrop", "Cutout", "RandomCrop", "RandomErasing", "RandomFlip")
        },
        "nnspec.layers.warping": {
            name: name
            for name in (
                *("RandomElasticTransform", "RandomPerspective", "RandomRotation"),
                *("RandomShear", "RandomTranslation", "RandomZoom"),
            )
        },
        "nnspec.layers.dropout": {
            name: name
            for name in (
                "AlphaDropout",
                "Dropout",
                "GaussianDropout",
                "GaussianNoise",
                "GaussianSample",
                "SpatialDropout",
                "StochasticDepth",
            )
        },
        "nnspec.layers.color": {
            name: name
            for name in (
                "RandomBrightness",
                "RandomColorDegeneration",
                "RandomColorJitter",
                "RandomContrast",
                "RandomGrayscale",
                "RandomHue",
                "RandomSaturation",
            )
        },
        "nnspec.layers.tones": {name: name for name in ("RandomInvert", "RandomPosterization", "Solarization")},
        "nnspec.layers.histogram": {
            name: name for name in ("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization")
        },
        "nnspec.layers.filtering": {name: name for name in ("RandomGaussianBlur", "RandomSharpness")},
        "nnspec.layers.normalization": {
            name: name
            for name in ("BatchNorm", "BatchRenorm", "GroupNorm", "InstanceNorm", "LayerNorm", "RMSNorm", "UnitNorm")
        },
        "nnspec.layers.scaling": {name: name for name in ("LayerScale", "Normalization", "Rescaling")},
        "nnspec.layers.weight_normalization": {"SpectralNorm": "SpectralNorm", "WeightNorm": "WeightNorm"},
        "nnspec.layers.activation": {"PReLU": "PReLU"},
        "nnspec.model": {"Model": "Model", "Sequential": "Model", "Bidirectional": "Model"},
    },
    "activation": {
        "nnspec.layers.activation": {
            "celu": "CELU",
            "elu": "ELU",
            "exponential": "Exponential",
            "gelu": "GELU",
            "glu": "GLU",
            "hard_shrink": "HardShrink",
            "hard_sigmoid": "HardSigmoid",
            "hard_silu": "HardSilu",
            "hard_tanh": "HardTanh",
            "identity": "Identity",
            "leaky_relu": "LeakyReLU",
            "log_sigmoid": "LogSigmoid",
            "log_softmax": "LogSoftmax",
            "mish": "Mish",
            "relu": "ReLU",
            "relu6": "ReLU6",
            "selu": "SELU",
            "sigmoid": "Sigmoid",
            "silu": "Silu",
            "soft_shrink": "SoftShrink",
            "soft_sign": "SoftSign",
            "softmax": "Softmax",
            "softplus": "Softplus",
            "sparse_plus": "SparsePlus",
            "sparse_sigmoid": "SparseSigmoid",
            "sparsemax": "Sparsemax",
            "squareplus": "Squareplus",
            "standardize": "Standardize",
            "tanh": "Tanh",
            "tanh_shrink": "TanhShrink",
            "threshold": "Threshold",
        },
    },
    "operation": {
        "nnspec.ops": {
            "add": "Add",
            "concat": "Concat",
            "divide": "Divide",
            "einsum": "Einsum",
            "expand_dims": "ExpandDims",
            "matmul": "Matmul",
            "maximum": "Maximum",
            "minimum": "Minimum",
            "multiply": "Multiply",
            "slice": "Slice",
            "squeeze": "Squeeze",
            "stack": "Stack",
            "subtract": "Subtract",
        },
        "nnspec.elementwise": {
            "abs": "Abs",
            "acos": "Acos",
            "acosh": "Acosh",
            "asin": "Asin",
            "asinh": "Asinh",
            "atan": "Atan",
            "atan2": "Atan2",
            "atanh": "Atanh",
            "ceil": "Ceil",
            "clip": "Clamp",
            "cos": "Cos",
            "cosh": "Cosh",
            "erf": "Erf",
            "exp": "Exp",
            "expm1": "Expm1",
            "floor": "Floor",
            "floor_divide": "FloorDivide",
            "log": "Log",
            "log10": "Log10",
            "log1p": "Log1p",
            "log2": "Log2",
            "logaddexp": "LogAddExp",
            "negative": "Negative",
            "pow": "Power",
            "reciprocal": "Reciprocal",
            "remainder": "Remainder",
            "round": "Round",
            "rsqrt": "Rsqrt",
            "sign": "Sign",
            "sin": "Sin",
            "sinh": "Sinh",
            "sqrt": "Sqrt",
            "square": "Square",
            "tan": "Tan",
            "trunc": "Trunc",
        },
        "nnspec.logic": {
            "astype": "AsType",
            "equal": "Equal",
            "greater": "Greater",
            "greater_equal": "GreaterEqual",
            "isfinite": "IsFinite",
            "isinf": "IsInf",
            "isnan": "IsNaN",
            "less": "Less",
            "less_equal": "LessEqual",
            "logical_and": "LogicalAnd",
            "logical_not": "LogicalNot",
            "logical_or": "LogicalOr",
            "logical_xor": "LogicalXor",
            "not_equal": "NotEqual",
            "where": "Where",
        },
        "nnspec.reductions": {
            "logsumexp": "LogSumExp",
            "max": "Max",
            "mean": "Mean",
            "min": "Min",
            "prod": "Prod",
            "std": "Std",
            "sum": "Sum",
            "var": "Var",
            "vector_norm": "VectorNorm",
        },
        "nnspec.arrangement": {
            "broadcast_to": "BroadcastTo",
            "diagonal": "Diagonal",
            "flip": "Flip",
            "roll": "Roll",
            "tile": "Tile",
            "trace": "Trace",
            "tril": "Tril",
            "triu": "Triu",
        },
        "nnspec.contraction": {
            "outer": "Outer",
        },
        "nnspec.cumulative": {
            "cumulative_max": "CumulativeMax",
            "cumulative_min": "CumulativeMin",
            "cumulative_prod": "CumulativeProd",
            "cumulative_sum": "CumulativeSum",
        },
        "nnspec.indexing": {
            "one_hot": "OneHot",
            "segment_max": "SegmentMax",
            "segment_mean": "SegmentMean",
            "segment_sum": "SegmentSum",
            "take": "Take",
            "take_along_axis": "TakeAlongAxis",
            "update_slice": "UpdateSlice",
        },
        "nnspec.sorting": {
            "argmax": "ArgMax",
            "argmin": "ArgMin",
            "argsort": "ArgSort",
            "sort": "Sort",
            "top_k": "TopK",
        },
    },
    "initializer": {
        "nnspec.initializers": {
            "constant": "Constant",
            "delta_orthogonal": "DeltaOrthogonal",
            "depth_scaled": "DepthScaled",
            "forget_bias": "ForgetBias",
            "glorot_normal": "GlorotNormal",
            "glorot_uniform": "GlorotUniform",
            "he_normal": "HeNormal",
            "he_uniform": "HeUniform",
            "identity": "IdentityInit",
            "lecun_normal": "LecunNormal",
            "lecun_uniform": "LecunUniform",
            "normal": "Normal",
            "ones": "Ones",
            "orthogonal": "Orthogonal",
            "sparse": "Sparse",
            "truncated_normal": "TruncatedNormal",
            "uniform": "Uniform",
            "variance_scaling": "VarianceScaling",
            "zeros": "Zeros",
        },
    },
    "loss": {
        "nnspec.losses.classification": {
            name: name
            for name in (
                "BinaryCrossEntropy",
                "BinaryFocalCrossEntropy",
                "CategoricalFocalCrossEntropy",
                "GeneralizedCrossEntropy",
                "GeneralizedKLDivergence",
                "KLDivergence",
                "NegativeLogLikelihood",
                "PolyCrossEntropy",
                "SoftmaxCrossEntropy",
            )
        },
        "nnspec.losses.contrastive": {
            name: name
            for name in (
                *("BatchHardTriplet", "BatchSemiHardTriplet", "Circle", "ContrastiveMargin", "InfoNCE", "NTXent"),
                "TripletMargin",
            )
        },
        "nnspec.losses.margin": {
            name: name for name in ("BinarySparsemaxLoss", "CategoricalHinge", "Hinge", "SparsemaxLoss", "SquaredHinge")
        },
        "nnspec.losses.outputs": {"Losses": "Losses"},
        "nnspec.losses.regression": {
            name: name
            for name in (
                "CosineDistance",
                "GaussianNLL",
                "HalfSquaredError",
                "Huber",
                "LogCosh",
                "MeanAbsoluteError",
                "MeanAbsolutePercentageError",
                "MeanSquaredError",
                "MeanSquaredLogarithmicError",
                "Pinball",
                "PoissonNLL",
            )
        },
        "nnspec.losses.segmentation": {name: name for name in ("Dice", "GeneralizedDice", "Tversky")},
        "nnspec.losses.sequences": {"CTC": "CTC"},
    },
    "metric": {
        "nnspec.metrics.means": {
            "accuracy": "Accuracy",
            "binary_accuracy": "BinaryAccuracy",
            "cosine_similarity": "CosineSimilarity",
            "mae": "MAE",
            "mape": "MAPE",
            "mse": "MSE",
            "msle": "MSLE",
            "perplexity": "Perplexity",
            "rmse": "RMSE",
            "top_k_accuracy": "TopKAccuracy",
        },
        "nnspec.metrics.classification": {
            "balanced_accuracy": "BalancedAccuracy",
            "cohen_kappa": "CohenKappa",
            "confusion_matrix": "ConfusionMatrix",
            "fbeta": "FBeta",
            "matthews_correlation": "MatthewsCorrelation",
            "mean_iou": "MeanIoU",
            "precision": "Precision",
            "recall": "Recall",
            "specificity": "Specificity",
        },
        "nnspec.metrics.curves": {"auc": "AUC"},
        "nnspec.metrics.moments": {
            "explained_variance": "ExplainedVariance",
            "pearson_correlation": "PearsonCorrelation",
            "r2": "R2",
        },
    },
    "mixing": {"nnspec.mixing": {name: name for name in ("CutMix", "MaskedLM", "MixUp")}},
    "optimizer": {
        "nnspec.adaptive": {
            name: name
            for name in (
                *("AdaBelief", "AdaDelta", "Adamax", "Adan", "LAMB", "LARS", "Lion", "NAdam", "NovoGrad"),
                *("OptimisticAdam", "RAdam", "ScheduleFreeAdamW", "Yogi"),
            )
        },
        "nnspec.factored": {name: name for name in ("Adafactor", "Muon", "SM3")},
        "nnspec.optimizers": {
            name: name for name in ("SGD", "Momentum", "Nesterov", "Adam", "AdamW", "AdaGrad", "RMSProp")
        },
        "nnspec.steps": {
            name: name
            for name in ("FTRL", "Fromage", "Frozen", "NoisySGD", "OptimisticGradientDescent", "PolyakSGD", "Rprop")
        },
        "nnspec.wrappers": {
            name: name
            for name in (
                *("EMA", "GradientAccumulation", "GradientCentralization", "Lookahead", "LossScale", "MultiOptimizer"),
                "SAM",
            )
        },
    },
    "schedule": {
        "nnspec.schedules": {
            name: name
            for name in (
                "BatchScaled",
                "ConstantSchedule",
                "CosineDecay",
                "CosineRestarts",
                "Cyclic",
                "ExponentialDecay",
                "InverseSquareRoot",
                "InverseTimeDecay",
                "Join",
                "LinearDecay",
                "OneCycle",
                "Piecewise",
                "PiecewiseInterpolate",
                "PolynomialDecay",
                "ReduceOnPlateau",
                "StepDecay",
                "Warmup",
                "WarmupCosine",
                "WarmupStableDecay",
            )
        },
    },
}
KINDS = tuple(_TABLE)
# Where a layer may stand, an activation or an operation may stand too.
ACCEPTED = {"layer": ("layer", "activation", "operation")}
_NODE_NAMES = {"ALiBi": "alibi", "PReLU": "prelu"}


@cache
def _tags(kind: str) -> dict[str, tuple[str, str]]:
    """Name in spec files -> (module, class name), for the places that expect a ``kind``."""
    return {
        tag: (module, name)
        for accepted in ACCEPTED.get(kind, (kind,))
        for module, names in _TABLE[accepted].items()
        for tag, name in names.items()
    }


@cache
def _classes() -> dict[str, tuple[str, str, str]]:
    """Class name -> (kind, module, name in spec files)."""
    found: dict[str, tuple[str, str, str]] = {}
    for kind, modules in _TABLE.items():
        for module, names in modules.items():
            for tag, name in names.items():
                found.setdefault(name, (kind, module, tag))
    return found


def own_tags(kind: str) -> list[str]:
    """The names of nnspec's own classes that may be written where a ``kind`` is expected, sorted."""
    return sorted(_tags(kind))


def tags(kind: str) -> list[str]:
    """The names that may be written where a ``kind`` is expected, those of other packages included, sorted."""
    from nnspec import outside  # brings the lookup of entry points, which is slow

    return sorted({*_tags(kind), *outside.tags(ACCEPTED.get(kind, (kind,)))})


def find(kind: str, tag: str) -> type[Any] | None:
    """The class that ``tag`` stands for where a ``kind`` is expected, of nnspec or another package, or ``None``.

    Raises:
        SpecError: two packages have the name, or the class of another package cannot be loaded.
    """
    entry = _tags(kind).get(tag)
    if entry is not None:
        return getattr(importlib.import_module(entry[0]), entry[1])  # type: ignore[no-any-return]
    from nnspec import outside

    return outside.find(ACCEPTED.get(kind, (kind,)), tag)


def tag_of(cls: type[Spec]) -> str:
    """The name under which a class is written in spec files; a class that no package registers goes by its own."""
    if cls.__module__.partition(".")[0] == "nnspec":
        entry = _classes().get(cls.__name__)
        return cls.__name__ if entry is None else entry[2]
    from nnspec import outside

    found = outside.owner(cls)
    return cls.__name__ if found is None else found[1]


def remarks() -> str:
    """What an error about an unknown name adds: which packages might have it, but cannot be used."""
    from nnspec import outside

    return outside.remarks()


def node_name(cls: type[Spec]) -> str:
    """The name a node of this class gets when none is given: ``batch_norm`` for ``BatchNorm``."""
    tag = tag_of(cls)
    if tag in _NODE_NAMES:
        return _NODE_NAMES[tag]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", tag).lower()


def class_names(kind: str | None = None) -> list[str]:
    """Class names of nnspec's own vocabulary, or those of one kind (layers without activations and operations).

    Those of other packages are not among them: they are imported from there.
    """
    return sorted(name for name, (of, _, _) in _classes().items() if kind in (None, of))


def attribute(module: str, kind: str, name: str) -> Any:
    """A class of a kind as an attribute of the module that lists it, which imports it only when it is asked for.

    Raises:
        AttributeError: there is no such class.
    """
    if name in class_names(kind):
        return load(name)
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def load(name: str) -> type[Any]:
    """nnspec's own class of that name; ``KeyError`` if there is none."""
    return getattr(importlib.import_module(_classes()[name][1]), name)  # type: ignore[no-any-return]
