"""Answers for the layers of Flax: those of NNX, and those of Linen."""

from __future__ import annotations

from tests.coverage.answers import Answer, none, one_of, to

# How Flax's cells are ours.
STEP = "within an RNN, or a sequence of one step with `initial_state`"
CONV = "gaps within the input; masks of the kernel"
NORM = "statistics across devices"
KERNELS = "layers of several kernels; parameters that are no kernels"

_BOTH: dict[str, Answer] = {
    "BatchNorm": to("BatchNorm", lacking=f"{NORM}; masks of positions"),
    "Bidirectional": to(
        "Model", how="its short form Bidirectional, for any layers; a mask for lengths", lacking="merges of one's own"
    ),
    "Conv": to("Conv", how="after Pad for circular or reflected padding", lacking=CONV),
    "ConvTranspose": to(
        "ConvTranspose", how="the kernel flipped along its window", lacking="circular padding; masks of the kernel"
    ),
    "Dropout": to("Dropout"),
    "Einsum": to("EinsumDense"),
    "Embed": to("Embedding", "Unembedding", how="the second for `attend`, which shares the table"),
    "GroupNorm": to("GroupNorm", lacking=f"{NORM}; some axes alone; masks of positions"),
    "InstanceNorm": to("InstanceNorm", lacking=f"{NORM}; channels in other axes; masks of positions"),
    "LSTMCell": to("LSTM", how=f"{STEP} and `return_state`"),
    "LayerNorm": to("LayerNorm", lacking=f"{NORM}; scales along other axes than the mean; masks of positions"),
    "OptimizedLSTMCell": to("LSTM", how=f"{STEP} and `return_state`"),
    "PReLU": to("PReLU", how="`shared: true`"),
    "RMSNorm": to("RMSNorm", lacking=f"{NORM}; scales along other axes than the mean; masks of positions"),
    "RNN": one_of(
        "SimpleRNN",
        "LSTM",
        "GRU",
        "MGU",
        "ConvLSTM",
        how="by its cell; `reverse`, `initial_state`, and `mask` for lengths",
        lacking="cells of one's own",
    ),
    "Sequential": to("Model"),
    "SimpleCell": to("SimpleRNN", how=f"{STEP}; `residual`"),
    "SpectralNorm": to("SpectralNorm", how="`stored_sigma: true`", lacking=KERNELS),
    "WeightNorm": to("WeightNorm", lacking=KERNELS),
}
_ATTENTION = to(
    "MultiHeadAttention",
    how="`head_features` is `qkv_features` / `num_heads`; `causal` or `mask` for a mask; `broadcast_dropout: true`, "
    "Flax's default; `returns: scores` for weights that are sown; `decode` with caches as inputs and outputs",
    lacking="norms of queries and keys",
)
_LINEAR_GENERAL = to("DenseGeneral", lacking="a kernel for each example (`batch_axis`)")

NNX = {
    **_BOTH,
    "GRUCell": to("GRU", how=f"`recurrent_bias: none`; {STEP}"),
    "Linear": to("Dense"),
    "LinearGeneral": _LINEAR_GENERAL,
    "LoRA": to(
        "Dense", "Add", how="two Dense, `use_bias: false`, beside the layer", lacking="weights that are not trained"
    ),
    "LoRALinear": to(
        "Dense", "Add", how="two Dense, `use_bias: false`, beside one", lacking="weights that are not trained"
    ),
    "MultiHeadAttention": _ATTENTION,
}
NNX_LEFT_OUT = {
    "a base of layers, no layer": ("Module", "RNNCellBase"),
    "a container of layers, no layer": ("Dict", "List"),
}

LINEN = {
    **_BOTH,
    "ConvLSTMCell": to(
        "ConvLSTM",
        how=f"{STEP} and `return_state`; its two biases added",
        lacking="the state's padding other than same",
    ),
    "ConvLocal": none("a kernel for each position"),
    "Dense": to("Dense"),
    "DenseGeneral": _LINEAR_GENERAL,
    "GRUCell": to("GRU", how=f"`recurrent_bias: candidate`; {STEP}"),
    "MGUCell": to("MGU", how=f"`reset_gate`; {STEP}"),
    "MultiHeadAttention": _ATTENTION,
    "MultiHeadDotProductAttention": _ATTENTION,
    "SelfAttention": _ATTENTION,
}
LINEN_LEFT_OUT = {
    "a base of layers, no layer": ("Module", "RNNCellBase"),
    "a way to compute a layer's product in float8, no layer": (
        "Fp8DirectDotGeneralOp",
        "Fp8DotGeneralOp",
        "Fp8Einsum",
        "NANOOFp8DotGeneralOp",
    ),
}
