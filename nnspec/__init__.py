"""nnspec: one neural network, written once, that means the same in JAX and in TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; at run time __getattr__ imports what is asked for
    from nnspec import models as models, porting as porting
    from nnspec.adaptive import (
        LAMB as LAMB,
        LARS as LARS,
        AdaBelief as AdaBelief,
        AdaDelta as AdaDelta,
        Adamax as Adamax,
        Adan as Adan,
        Lion as Lion,
        NAdam as NAdam,
        NovoGrad as NovoGrad,
        OptimisticAdam as OptimisticAdam,
        RAdam as RAdam,
        ScheduleFreeAdamW as ScheduleFreeAdamW,
        Yogi as Yogi,
    )
    from nnspec.arrangement import (
        BroadcastTo as BroadcastTo,
        Diagonal as Diagonal,
        Flip as Flip,
        Roll as Roll,
        Tile as Tile,
        Trace as Trace,
        Tril as Tril,
        Triu as Triu,
    )
    from nnspec.backends import backend as backend
    from nnspec.bidirectional import Bidirectional as Bidirectional
    from nnspec.contraction import Outer as Outer
    from nnspec.cumulative import (
        CumulativeMax as CumulativeMax,
        CumulativeMin as CumulativeMin,
        CumulativeProd as CumulativeProd,
        CumulativeSum as CumulativeSum,
    )
    from nnspec.decoder import Decoder as Decoder, generate as generate
    from nnspec.elementwise import (
        Abs as Abs,
        Acos as Acos,
        Acosh as Acosh,
        Asin as Asin,
        Asinh as Asinh,
        Atan as Atan,
        Atan2 as Atan2,
        Atanh as Atanh,
        Ceil as Ceil,
        Clamp as Clamp,
        Cos as Cos,
        Cosh as Cosh,
        Erf as Erf,
        Exp as Exp,
        Expm1 as Expm1,
        Floor as Floor,
        FloorDivide as FloorDivide,
        Log as Log,
        Log1p as Log1p,
        Log2 as Log2,
        Log10 as Log10,
        LogAddExp as LogAddExp,
        Negative as Negative,
        Power as Power,
        Reciprocal as Reciprocal,
        Remainder as Remainder,
        Round as Round,
        Rsqrt as Rsqrt,
        Sign as Sign,
        Sin as Sin,
        Sinh as Sinh,
        Sqrt as Sqrt,
        Square as Square,
        Tan as Tan,
        Trunc as Trunc,
    )
    from nnspec.errors import (
        BackendError as BackendError,
        DataError as DataError,
        FileError as FileError,
        NNSpecError as NNSpecError,
        ShapeError as ShapeError,
        SpecError as SpecError,
        UnsupportedError as UnsupportedError,
    )
    from nnspec.experiment import (
        Data as Data,
        EarlyStopping as EarlyStopping,
        Experiment as Experiment,
        Training as Training,
    )
    from nnspec.factored import SM3 as SM3, Adafactor as Adafactor, Muon as Muon
    from nnspec.indexing import (
        OneHot as OneHot,
        SegmentMax as SegmentMax,
        SegmentMean as SegmentMean,
        SegmentSum as SegmentSum,
        Take as Take,
        TakeAlongAxis as TakeAlongAxis,
        UpdateSlice as UpdateSlice,
    )
    from nnspec.initializers import (
        Constant as Constant,
        DeltaOrthogonal as DeltaOrthogonal,
        DepthScaled as DepthScaled,
        ForgetBias as ForgetBias,
        GlorotNormal as GlorotNormal,
        GlorotUniform as GlorotUniform,
        HeNormal as HeNormal,
        HeUniform as HeUniform,
        IdentityInit as IdentityInit,
        LecunNormal as LecunNormal,
        LecunUniform as LecunUniform,
        Normal as Normal,
        Ones as Ones,
        Orthogonal as Orthogonal,
        Sparse as Sparse,
        TruncatedNormal as TruncatedNormal,
        Uniform as Uniform,
        VarianceScaling as VarianceScaling,
        Zeros as Zeros,
    )
    from nnspec.layers.activation import (
        CELU as CELU,
        ELU as ELU,
        GELU as GELU,
        GLU as GLU,
        SELU as SELU,
        Exponential as Exponential,
        HardShrink as HardShrink,
        HardSigmoid as HardSigmoid,
        HardSilu as HardSilu,
        HardTanh as HardTanh,
        Identity as Identity,
        LeakyReLU as LeakyReLU,
        LogSigmoid as LogSigmoid,
        LogSoftmax as LogSoftmax,
        Mish as Mish,
        PReLU as PReLU,
        ReLU as ReLU,
        ReLU6 as ReLU6,
        Sigmoid as Sigmoid,
        Silu as Silu,
        Softmax as Softmax,
        Softplus as Softplus,
        SoftShrink as SoftShrink,
        SoftSign as SoftSign,
        Sparsemax as Sparsemax,
        SparsePlus as SparsePlus,
        SparseSigmoid as SparseSigmoid,
        Squareplus as Squareplus,
        Standardize as Standardize,
        Tanh as Tanh,
        TanhShrink as TanhShrink,
        Threshold as Threshold,
    )
    from nnspec.layers.attention import (
        AdditiveAttention as AdditiveAttention,
        DotProductAttention as DotProductAttention,
        MultiHeadAttention as MultiHeadAttention,
    )
    from nnspec.layers.base import Activation as Activation, Layer as Layer, Operation as Operation, Param as Param
    from nnspec.layers.color import (
        RandomBrightness as RandomBrightness,
        RandomColorDegeneration as RandomColorDegeneration,
        RandomColorJitter as RandomColorJitter,
        RandomContrast as RandomContrast,
        RandomGrayscale as RandomGrayscale,
        RandomHue as RandomHue,
        RandomSaturation as RandomSaturation,
    )
    from nnspec.layers.convolution import Conv as Conv, DepthwiseConv as DepthwiseConv, SeparableConv as SeparableConv
    from nnspec.layers.convolutional_recurrent import ConvLSTM as ConvLSTM
    from nnspec.layers.dropout import (
        AlphaDropout as AlphaDropout,
        Dropout as Dropout,
        GaussianDropout as GaussianDropout,
        GaussianNoise as GaussianNoise,
        GaussianSample as GaussianSample,
        SpatialDropout as SpatialDropout,
        StochasticDepth as StochasticDepth,
    )
    from nnspec.layers.embedding import Embedding as Embedding, Unembedding as Unembedding
    from nnspec.layers.filtering import RandomGaussianBlur as RandomGaussianBlur, RandomSharpness as RandomSharpness
    from nnspec.layers.geometry import (
        CenterCrop as CenterCrop,
        Cutout as Cutout,
        RandomCrop as RandomCrop,
        RandomErasing as RandomErasing,
        RandomFlip as RandomFlip,
    )
    from nnspec.layers.histogram import (
        AutoContrast as AutoContrast,
        ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
        Equalization as Equalization,
    )
    from nnspec.layers.linear import (
        Bilinear as Bilinear,
        Dense as Dense,
        DenseGeneral as DenseGeneral,
        EinsumDense as EinsumDense,
    )
    from nnspec.layers.lookup import (
        Discretization as Discretization,
        HashedCrossing as HashedCrossing,
        Hashing as Hashing,
        IntegerLookup as IntegerLookup,
    )
    from nnspec.layers.masking import PaddingMask as PaddingMask
    from nnspec.layers.normalization import (
        BatchNorm as BatchNorm,
        BatchRenorm as BatchRenorm,
        GroupNorm as GroupNorm,
        InstanceNorm as InstanceNorm,
        LayerNorm as LayerNorm,
        RMSNorm as RMSNorm,
        UnitNorm as UnitNorm,
    )
    from nnspec.layers.padding import Crop as Crop, Pad as Pad
    from nnspec.layers.parameter import Parameter as Parameter
    from nnspec.layers.pooling import (
        AdaptiveAvgPool as AdaptiveAvgPool,
        AdaptiveMaxPool as AdaptiveMaxPool,
        AvgPool as AvgPool,
        GlobalAvgPool as GlobalAvgPool,
        GlobalMaxPool as GlobalMaxPool,
        MaxPool as MaxPool,
    )
    from nnspec.layers.positions import (
        ALiBi as ALiBi,
        LearnedPositions as LearnedPositions,
        RelativePositionBias as RelativePositionBias,
        RotaryPositions as RotaryPositions,
        SinusoidalPositions as SinusoidalPositions,
    )
    from nnspec.layers.recurrent import GRU as GRU, LSTM as LSTM, MGU as MGU, SimpleRNN as SimpleRNN
    from nnspec.layers.resampling import Resize as Resize, Upsample as Upsample
    from nnspec.layers.scaling import LayerScale as LayerScale, Normalization as Normalization, Rescaling as Rescaling
    from nnspec.layers.shape import (
        DepthToSpace as DepthToSpace,
        Flatten as Flatten,
        Permute as Permute,
        RepeatVector as RepeatVector,
        Reshape as Reshape,
        SpaceToDepth as SpaceToDepth,
    )
    from nnspec.layers.spectra import MelSpectrogram as MelSpectrogram, STFTSpectrogram as STFTSpectrogram
    from nnspec.layers.stablehlo import StableHLO as StableHLO
    from nnspec.layers.time_distributed import TimeDistributed as TimeDistributed
    from nnspec.layers.tokens import TokenDropout as TokenDropout, TokenMasking as TokenMasking
    from nnspec.layers.tones import (
        RandomInvert as RandomInvert,
        RandomPosterization as RandomPosterization,
        Solarization as Solarization,
    )
    from nnspec.layers.transposed_convolution import ConvTranspose as ConvTranspose
    from nnspec.layers.warping import (
        RandomElasticTransform as RandomElasticTransform,
        RandomPerspective as RandomPerspective,
        RandomRotation as RandomRotation,
        RandomShear as RandomShear,
        RandomTranslation as RandomTranslation,
        RandomZoom as RandomZoom,
    )
    from nnspec.layers.weight_normalization import SpectralNorm as SpectralNorm, WeightNorm as WeightNorm
    from nnspec.logic import (
        AsType as AsType,
        Equal as Equal,
        Greater as Greater,
        GreaterEqual as GreaterEqual,
        IsFinite as IsFinite,
        IsInf as IsInf,
        IsNaN as IsNaN,
        Less as Less,
        LessEqual as LessEqual,
        LogicalAnd as LogicalAnd,
        LogicalNot as LogicalNot,
        LogicalOr as LogicalOr,
        LogicalXor as LogicalXor,
        NotEqual as NotEqual,
        Where as Where,
    )
    from nnspec.losses.classification import (
        BinaryCrossEntropy as BinaryCrossEntropy,
        BinaryFocalCrossEntropy as BinaryFocalCrossEntropy,
        CategoricalFocalCrossEntropy as CategoricalFocalCrossEntropy,
        GeneralizedCrossEntropy as GeneralizedCrossEntropy,
        GeneralizedKLDivergence as GeneralizedKLDivergence,
        KLDivergence as KLDivergence,
        NegativeLogLikelihood as NegativeLogLikelihood,
        PolyCrossEntropy as PolyCrossEntropy,
        SoftmaxCrossEntropy as SoftmaxCrossEntropy,
    )
    from nnspec.losses.contrastive import (
        BatchHardTriplet as BatchHardTriplet,
        BatchSemiHardTriplet as BatchSemiHardTriplet,
        Circle as Circle,
        ContrastiveMargin as ContrastiveMargin,
        InfoNCE as InfoNCE,
        NTXent as NTXent,
        TripletMargin as TripletMargin,
    )
    from nnspec.losses.margin import (
        BinarySparsemaxLoss as BinarySparsemaxLoss,
        CategoricalHinge as CategoricalHinge,
        Hinge as Hinge,
        SparsemaxLoss as SparsemaxLoss,
        SquaredHinge as SquaredHinge,
    )
    from nnspec.losses.outputs import Losses as Losses
    from nnspec.losses.regression import (
        CosineDistance as CosineDistance,
        GaussianNLL as GaussianNLL,
        HalfSquaredError as HalfSquaredError,
        Huber as Huber,
        LogCosh as LogCosh,
        MeanAbsoluteError as MeanAbsoluteError,
        MeanAbsolutePercentageError as MeanAbsolutePercentageError,
        MeanSquaredError as MeanSquaredError,
        MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
        Pinball as Pinball,
        PoissonNLL as PoissonNLL,
    )
    from nnspec.losses.segmentation import Dice as Dice, GeneralizedDice as GeneralizedDice, Tversky as Tversky
    from nnspec.losses.sequences import CTC as CTC
    from nnspec.metrics.classification import (
        BalancedAccuracy as BalancedAccuracy,
        CohenKappa as CohenKappa,
        ConfusionMatrix as ConfusionMatrix,
        FBeta as FBeta,
        MatthewsCorrelation as MatthewsCorrelation,
        MeanIoU as MeanIoU,
        Precision as Precision,
        Recall as Recall,
        Specificity as Specificity,
    )
    from nnspec.metrics.curves import AUC as AUC
    from nnspec.metrics.means import (
        MAE as MAE,
        MAPE as MAPE,
        MSE as MSE,
        MSLE as MSLE,
        RMSE as RMSE,
        Accuracy as Accuracy,
        BinaryAccuracy as BinaryAccuracy,
        CosineSimilarity as CosineSimilarity,
        Perplexity as Perplexity,
        TopKAccuracy as TopKAccuracy,
    )
    from nnspec.metrics.moments import (
        R2 as R2,
        ExplainedVariance as ExplainedVariance,
        PearsonCorrelation as PearsonCorrelation,
    )
    from nnspec.mixing import CutMix as CutMix, MaskedLM as MaskedLM, MixUp as MixUp
    from nnspec.model import Input as Input, Model as Model, Node as Node, Sequential as Sequential, symbol as symbol
    from nnspec.ops import (
        Add as Add,
        Concat as Concat,
        Divide as Divide,
        Einsum as Einsum,
        ExpandDims as ExpandDims,
        Matmul as Matmul,
        Maximum as Maximum,
        Minimum as Minimum,
        Multiply as Multiply,
        Slice as Slice,
        Squeeze as Squeeze,
        Stack as Stack,
        Subtract as Subtract,
    )
    from nnspec.optimizers import (
        SGD as SGD,
        AdaGrad as AdaGrad,
        Adam as Adam,
        AdamW as AdamW,
        Clip as Clip,
        Momentum as Momentum,
        Nesterov as Nesterov,
        RMSProp as RMSProp,
    )
    from nnspec.outside import Vocabulary as Vocabulary
    from nnspec.penalties import Constraint as Constraint, Penalty as Penalty
    from nnspec.piecewise import Decoding as Decoding, decoding as decoding
    from nnspec.reductions import (
        LogSumExp as LogSumExp,
        Max as Max,
        Mean as Mean,
        Min as Min,
        Prod as Prod,
        Std as Std,
        Sum as Sum,
        Var as Var,
        VectorNorm as VectorNorm,
    )
    from nnspec.schedules import (
        BatchScaled as BatchScaled,
        ConstantSchedule as ConstantSchedule,
        CosineDecay as CosineDecay,
        CosineRestarts as CosineRestarts,
        Cyclic as Cyclic,
        ExponentialDecay as ExponentialDecay,
        InverseSquareRoot as InverseSquareRoot,
        InverseTimeDecay as InverseTimeDecay,
        Join as Join,
        LinearDecay as LinearDecay,
        OneCycle as OneCycle,
        Piecewise as Piecewise,
        PiecewiseInterpolate as PiecewiseInterpolate,
        PolynomialDecay as PolynomialDecay,
        ReduceOnPlateau as ReduceOnPlateau,
        StepDecay as StepDecay,
        Warmup as Warmup,
        WarmupCosine as WarmupCosine,
        WarmupStableDecay as WarmupStableDecay,
    )
    from nnspec.sorting import ArgMax as ArgMax, ArgMin as ArgMin, ArgSort as ArgSort, Sort as Sort, TopK as TopK
    from nnspec.steps import (
        FTRL as FTRL,
        Fromage as Fromage,
        Frozen as Frozen,
        NoisySGD as NoisySGD,
        OptimisticGradientDescent as OptimisticGradientDescent,
        PolyakSGD as PolyakSGD,
        Rprop as Rprop,
    )
    from nnspec.training.compare import compare as compare
    from nnspec.training.run import Run as Run, load as load
    from nnspec.training.train import train as train
    from nnspec.wrappers import (
        EMA as EMA,
        SAM as SAM,
        GradientAccumulation as GradientAccumulation,
        GradientCentralization as GradientCentralization,
        Lookahead as Lookahead,
        LossScale as LossScale,
        MultiOptimizer as MultiOptimizer,
    )

__version__ = "0.1.0"

# Everything is imported when it is first asked for: the command line must not pay for what it does not use. The classes
# of the vocabulary come on top, from its table.
_LAZY = {
    "backend": "nnspec.backends",
    "Bidirectional": "nnspec.bidirectional",
    "Decoder": "nnspec.decoder",
    "generate": "nnspec.decoder",
    "BackendError": "nnspec.errors",
    "DataError": "nnspec.errors",
    "FileError": "nnspec.errors",
    "NNSpecError": "nnspec.errors",
    "ShapeError": "nnspec.errors",
    "SpecError": "nnspec.errors",
    "UnsupportedError": "nnspec.errors",
    "Data": "nnspec.experiment",
    "EarlyStopping": "nnspec.experiment",
    "Experiment": "nnspec.experiment",
    "Training": "nnspec.experiment",
    "Activation": "nnspec.layers.base",
    "Layer": "nnspec.layers.base",
    "Operation": "nnspec.layers.base",
    "Param": "nnspec.layers.base",
    "Input": "nnspec.model",
    "Node": "nnspec.model",
    "Sequential": "nnspec.model",
    "symbol": "nnspec.model",
    "Clip": "nnspec.optimizers",
    "Vocabulary": "nnspec.outside",
    "Constraint": "nnspec.penalties",
    "Penalty": "nnspec.penalties",
    "Decoding": "nnspec.piecewise",
    "decoding": "nnspec.piecewise",
    "compare": "nnspec.training.compare",
    "Run": "nnspec.training.run",
    "load": "nnspec.training.run",
    "train": "nnspec.training.train",
}


def __getattr__(name: str) -> Any:
    import importlib

    module = _LAZY.get(name)
    if module is not None:
        return getattr(importlib.import_module(module), name)
    if name in ("models", "porting"):  # modules, whose names are their own
        return importlib.import_module(f"nnspec.{name}")
    import nnspec.vocabulary as vocabulary

    if name in vocabulary.class_names():
        return vocabulary.load(name)
    raise AttributeError(f"module 'nnspec' has no attribute {name!r}")


def __dir__() -> list[str]:
    import nnspec.vocabulary as vocabulary

    return sorted({*globals(), *_LAZY, "models", "porting", *vocabulary.class_names()})
