"""Answers for the layers of Keras, those of its applications included."""

from __future__ import annotations

from tests.coverage.answers import axes, none, one_of, to

MASKS = "masks of positions"
# How Keras's recurrent layers and cells are ours, and what they have beyond them.
STATES = "`initial_state` and `mask` are inputs; states that Keras keeps are outputs; `dropout` is a Dropout before"
STATES_OF_LSTM = f"{STATES}; `return_state` for h and c"
GATES = "a dropout mask for each gate"
STEP = "a sequence of one step, with `initial_state`"
# What attention has beside its output.
SCORES = "`causal` and `mask` belong to the layer; a node that shares it, with `returns: scores`, for the scores"
MASKED = f"a third input is the value, not the key; {SCORES}; a mask (batch, queries, 1) for one of queries"
AUGMENTATION = "random changes of images"
ALONG = "boxes and masks changed along with the images"
POLICY = "a random choice of which augmentations an image gets"
# What one number is a range for.
ONE_NUMBER = "one number is what Keras documents, where its code has another"
HOT = "OneHot after it for other outputs than `int`, with Max or Sum along the ids"

LAYERS = {
    # Core
    "Activation": one_of(
        "ReLU",
        "GELU",
        "Softmax",
        how="or another: all of `keras.activations` are there but `sparsemax`",
        lacking="`sparsemax`, whose values in Keras 3.15 do not add up to 1: Sparsemax is the projection that is meant",
    ),
    "Dense": to("Dense"),
    "EinsumDense": to("EinsumDense", how="the kernel's shape in the place of the output's"),
    "Embedding": to("Embedding", how="a PaddingMask of the ids beside it for `mask_zero`"),
    "Identity": to("Identity"),
    "Masking": to("PaddingMask", how="`axis: -1`, given to each layer that is to see it"),
    "ReversibleEmbedding": to(
        "Embedding",
        "Unembedding",
        how="which shares the table, or not; Rescaling, Tanh and Rescaling after it for a cap",
    ),
    # Activations
    "ELU": to("ELU"),
    "LeakyReLU": to("LeakyReLU"),
    "PReLU": to(
        "PReLU",
        how="`shared` for one slope alone",
        lacking="a slope for each position, Keras's default where there are any",
    ),
    "ReLU": to("ReLU"),
    "Softmax": to("Softmax", lacking=f"several axes at once; {MASKS}"),
    # Convolution
    **{f"Conv{n}D": to("Conv", how=axes(n)) for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": to("ConvTranspose", how=axes(n)) for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": to("DepthwiseConv", how=axes(n)) for n in (1, 2)},
    **{f"SeparableConv{n}D": to("SeparableConv", how=axes(n)) for n in (1, 2)},
    # Pooling
    **{f"AdaptiveAveragePooling{n}D": to("AdaptiveAvgPool", how=axes(n)) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPooling{n}D": to("AdaptiveMaxPool", how=axes(n)) for n in (1, 2, 3)},
    **{f"AveragePooling{n}D": to("AvgPool", how=axes(n)) for n in (1, 2, 3)},
    "GlobalAveragePooling1D": one_of("GlobalAvgPool", "Mean", how="the second with `keepdims`", lacking=MASKS),
    **{f"GlobalAveragePooling{n}D": one_of("GlobalAvgPool", "Mean", how="the second with `keepdims`") for n in (2, 3)},
    **{f"GlobalMaxPooling{n}D": one_of("GlobalMaxPool", "Max", how="the second with `keepdims`") for n in (1, 2, 3)},
    **{f"MaxPooling{n}D": to("MaxPool", how=axes(n)) for n in (1, 2, 3)},
    # Recurrence
    "Bidirectional": to(
        "Model", how="its short form Bidirectional; the two layers themselves, with `reverse`, for no merge or states"
    ),
    **{f"ConvLSTM{n}D": to("ConvLSTM", how=axes(n), lacking=f"dilation; {GATES}") for n in (1, 2, 3)},
    "GRU": to("GRU", how=f"`reset_after` as in Keras; {STATES}", lacking=GATES),
    "GRUCell": to("GRU", how=STEP, lacking=GATES),
    "LSTM": to("LSTM", how=STATES_OF_LSTM, lacking=GATES),
    "LSTMCell": to("LSTM", how=f"{STEP} and `return_state`", lacking=GATES),
    "RNN": one_of("SimpleRNN", "LSTM", "GRU", "ConvLSTM", how=f"by its cell; {STATES}", lacking="cells of one's own"),
    "SimpleRNN": to("SimpleRNN", how=STATES),
    "SimpleRNNCell": to("SimpleRNN", how=STEP),
    "StackedRNNCells": to("Model", how="one layer after the other, with `return_sequences`"),
    "TimeDistributed": to("TimeDistributed", how="around each layer of a model", lacking=MASKS),
    # Attention
    "AdditiveAttention": to(
        "AdditiveAttention",
        how=MASKED,
    ),
    "Attention": to(
        "DotProductAttention",
        how=f"`scale: 1.0`; {MASKED}",
    ),
    "GroupQueryAttention": to(
        "MultiHeadAttention",
        how=f"`num_kv_heads`, `window`; `head_features` is `head_dim`; {SCORES}",
        lacking="gates",
    ),
    "MultiHeadAttention": to(
        "MultiHeadAttention",
        how=f"`head_features` is `key_dim`, `value_features` is `value_dim`; {SCORES}",
        lacking="several axes of positions; gates",
    ),
    # Normalization
    "BatchNormalization": one_of(
        "BatchNorm",
        "BatchRenorm",
        how="the second for `renorm`, with one momentum, and 1/`r_max` for `rmin`",
        lacking=f"statistics across devices, their initializers; {MASKS}",
    ),
    "GroupNormalization": one_of(
        "GroupNorm",
        "InstanceNorm",
        how="the second for groups of one channel",
        lacking="channels in another axis than the last",
    ),
    "LayerNormalization": to("LayerNorm"),
    "RMSNormalization": to("RMSNorm"),
    "SpectralNormalization": to(
        "SpectralNorm",
        how="`power_iterations` as `n_steps`",
        lacking="the kernel itself overwritten in training, as Keras does; tables of Embedding",
    ),
    "UnitNormalization": to("UnitNorm"),
    # Regularization
    "ActivityRegularization": to("Penalty", how="of the experiment, whose `node` is the one before"),
    "AlphaDropout": to("AlphaDropout", how="`noise_shape` as `broadcast_dims`"),
    "Dropout": to("Dropout", how="`noise_shape` as `broadcast_dims`"),
    "GaussianDropout": to("GaussianDropout"),
    "GaussianNoise": to("GaussianNoise"),
    **{f"SpatialDropout{n}D": to("SpatialDropout", how=axes(n)) for n in (1, 2, 3)},
    # Shapes
    **{f"Cropping{n}D": to("Crop", how=axes(n)) for n in (1, 2, 3)},
    "Flatten": to("Flatten"),
    "Permute": to("Permute"),
    "RepeatVector": to("RepeatVector"),
    "Reshape": to("Reshape"),
    "UpSampling1D": to("Upsample", how=axes(1)),
    "UpSampling2D": one_of(
        "Upsample", "Resize", how="the first for the nearest, the second for bilinear and bicubic", lacking="Lanczos"
    ),
    "UpSampling3D": to("Upsample", how=axes(3)),
    **{f"ZeroPadding{n}D": to("Pad", how=axes(n)) for n in (1, 2, 3)},
    # Merging
    "Add": to("Add"),
    "Average": to("Add", "Rescaling", how="by 1/n"),
    "Concatenate": to("Concat"),
    "Dot": one_of(
        "Matmul",
        "Multiply",
        how="the first, with Permute, for matrices; the second, with Sum, for vectors; UnitNorm for `normalize`",
    ),
    "Maximum": to("Maximum", how="of two inputs at a time"),
    "Minimum": to("Minimum", how="of two inputs at a time"),
    "Multiply": to("Multiply"),
    "Subtract": to("Subtract"),
}
LAYERS_LEFT_OUT = {
    "a base of layers, no layer": ("Layer", "Wrapper"),
    "an input of a graph: `Input` of a [Model](reference.md#model)": ("InputLayer",),
    "code or a graph from elsewhere, which is no data; layers of one's own come as "
    "[vocabulary of one's own](outside-vocabulary.md)": (
        "FlaxLayer",
        "JaxLayer",
        "Lambda",
        "TFSMLayer",
        "TorchModuleWrapper",
    ),
}

PREPROCESSING = {
    "AugMix": none(POLICY),
    "AutoContrast": to("AutoContrast"),
    "CategoryEncoding": to(
        "OneHot", how="and Max along the ids for `multi_hot`, Sum for `count`", lacking="weights of counts"
    ),
    "CenterCrop": to("CenterCrop", lacking=ALONG),
    "ContrastLimitedAdaptiveHistogramEqualization": to("ContrastLimitedAdaptiveHistogramEqualization"),
    "Discretization": to("Discretization", how=HOT, lacking="`adapt` to data"),
    "Equalization": to(
        "Equalization", how="in inference, too, and each image by itself, as documented", lacking="one of a whole batch"
    ),
    "HashedCrossing": to("HashedCrossing", how=HOT, lacking="texts"),
    "Hashing": to("Hashing", how=HOT, lacking="texts"),
    "IntegerLookup": to(
        "IntegerLookup",
        how="`vocabulary` without special tokens; `oov_method: remainder` is `floormod`, `hash` is `farmhash`; " + HOT,
        lacking="`adapt` to data; `tf_idf`",
    ),
    "MaxNumBoundingBoxes": none("boxes that belong to images"),
    "MelSpectrogram": to(
        "MelSpectrogram", "Permute", how="`over_batch: true`; the second, where bands are to come before frames"
    ),
    "Normalization": to("Normalization", lacking="axes other than the last; `adapt` to data"),
    "Pipeline": to("Model"),
    "RandAugment": none(POLICY),
    "RandomBrightness": to("RandomBrightness"),
    "RandomColorDegeneration": to("RandomColorDegeneration", how=f"`factor` as a range: {ONE_NUMBER}"),
    "RandomColorJitter": to("RandomColorJitter", how=f"factors as ranges: {ONE_NUMBER}"),
    "RandomContrast": to("RandomContrast", how=f"`factor` as a range: {ONE_NUMBER}"),
    "RandomCrop": to("RandomCrop", how="a window for each image, and the middle in inference", lacking=ALONG),
    "RandomElasticTransform": to(
        "RandomElasticTransform",
        how="`probability`, the mean of `factor`; a strength for each image, and a field for each axis",
        lacking="`value_range`; one strength for the whole batch",
    ),
    "RandomErasing": to(
        "RandomErasing", how="`probability`, the mean of `factor`; for `fill_value` None `noise` and `value_range`"
    ),
    "RandomFlip": to("RandomFlip", how="`joint: true` for one decision for both axes", lacking=ALONG),
    "RandomGaussianBlur": to(
        "RandomGaussianBlur",
        how="`probability`, the mean of `factor`; two σ for each image, not for the batch",
    ),
    "RandomGrayscale": to("RandomGrayscale", how="`probability` is `factor`", lacking="images of one channel"),
    "RandomHue": to("RandomHue"),
    "RandomInvert": to("RandomInvert", how="`probability`, the mean of `factor`"),
    "RandomPerspective": to(
        "RandomPerspective", how="`corners: scaled`; `probability`, the mean of `factor`", lacking=ALONG
    ),
    "RandomPosterization": to("RandomPosterization", how="`bits`; the upper end of `factor` is left out in Keras"),
    "RandomRotation": to("RandomRotation", lacking=ALONG),
    "RandomSaturation": to(
        "RandomSaturation",
        how=f"`max_saturation: 255` where `value_range` is (0, 255); `factor` as a range: {ONE_NUMBER}",
    ),
    "RandomSharpness": to("RandomSharpness"),
    "RandomShear": to("RandomShear", how="`mirrored: true`, `origin: corner`", lacking=ALONG),
    "RandomTranslation": to("RandomTranslation", lacking=ALONG),
    "RandomZoom": to("RandomZoom", lacking=ALONG),
    "CutMix": to(
        "CutMix", how="`alpha` is `factor`; with the example before it", lacking="a random `alpha`; boxes inside alone"
    ),
    "MixUp": to("MixUp", how="with the example before it"),
    "Rescaling": to("Rescaling"),
    "Resizing": to("Resize", how="`method`, `antialias`", lacking="Lanczos, area; sizes that keep the ratio of sides"),
    "STFTSpectrogram": to(
        "STFTSpectrogram",
        how="windows but `hann`, `hamming` and `blackman` by their numbers",
        lacking="waves that are trained; an odd `fft_length`, which is one point less in Keras",
    ),
    "Solarization": to("Solarization"),
}
PREPROCESSING_LEFT_OUT = {"text as input": ("StringLookup", "TextVectorization")}

# The applications' own classes; their other layers are among those above.
_OWN = {
    "CustomScaleLayer": to("Rescaling", "Add"),
    "LayerScale": to("LayerScale"),
    "StochasticDepth": to("StochasticDepth"),
}
_USED = (
    "Activation",
    "Add",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "LayerNormalization",
    "MaxPooling2D",
    "Multiply",
    "Normalization",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SeparableConv2D",
    "ZeroPadding2D",
)
APPLICATIONS = {**_OWN, **{name: (LAYERS | PREPROCESSING)[name] for name in _USED}}
APPLICATIONS_LEFT_OUT = {"an input of a graph: `Input` of a [Model](reference.md#model)": ("Input",)}
