"""Backbones of KerasHub in small, and what they are called on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOKENS: dict[str, tuple[int, ...]] = {"token_ids": (6,), "padding_mask": (6,)}
SEGMENTS = {**TOKENS, "segment_ids": (6,)}
TWO_SEQUENCES: dict[str, tuple[int, ...]] = {
    **{"encoder_token_ids": (6,), "encoder_padding_mask": (6,)},
    **{"decoder_token_ids": (5,), "decoder_padding_mask": (5,)},
}
_IMAGE: dict[str, tuple[int, ...]] = {"images": (32, 32, 3)}
_BASE = {"vocabulary_size": 17, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 12}
_LENGTH = {**_BASE, "max_sequence_length": 8}
_GROUPED = {
    **{"vocabulary_size": 17, "num_layers": 2, "num_query_heads": 4, "num_key_value_heads": 2},
    **{"hidden_dim": 8, "intermediate_dim": 12},
}
_GEMMA = {**_GROUPED, "num_query_heads": 2, "num_key_value_heads": 1, "head_dim": 4}
_EXPERTS = {
    **{**_GROUPED, "num_experts": 2, "top_k": 1, "decoder_sparse_step": 1},
    **{"moe_intermediate_dim": 6, "shared_expert_intermediate_dim": 6, "norm_top_k_prob": False},
}
_VISION = {"image_shape": (32, 32, 3), "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 8}
_EFFICIENT: dict[str, Any] = {
    **{"stackwise_width_coefficients": [1.0] * 2, "stackwise_depth_coefficients": [1.0] * 2},
    **{"stackwise_kernel_sizes": [3, 3], "stackwise_num_repeats": [1, 1], "stackwise_strides": [1, 2]},
    **{"stackwise_input_filters": [32, 16], "stackwise_output_filters": [16, 24]},
    **{"stackwise_expansion_ratios": [1, 6], "stackwise_squeeze_and_excite_ratios": [0.25, 0.25]},
    **{"stackwise_block_types": ["v1", "v1"], "stackwise_force_input_filters": [0, 0]},
    **{"stackwise_nores_option": [False, False], "image_shape": (32, 32, 3)},
}


@dataclass(frozen=True)
class Backbone:
    """A backbone by its class, without "Backbone".

    Attributes:
        name: of the class.
        config: its arguments.
        shapes: of its inputs; of an image the model's only one.
    """

    name: str
    config: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: TOKENS)


BACKBONES = [
    Backbone("Bert", _LENGTH, SEGMENTS),
    Backbone(
        "Albert",
        {**_LENGTH, "embedding_dim": 6, "num_groups": 1, "num_inner_repetitions": 1},
        SEGMENTS,
    ),
    Backbone("Roberta", _LENGTH),
    Backbone("XLMRoberta", _LENGTH),
    Backbone("DistilBert", _LENGTH),
    Backbone(
        "Electra",
        {
            **{name: value for name, value in _LENGTH.items() if name != "vocabulary_size"},
            **{"vocab_size": 17, "embedding_dim": 6},
        },
        SEGMENTS,
    ),
    Backbone("GPT2", _LENGTH),
    Backbone("OPT", _LENGTH),
    Backbone("Bloom", _BASE),
    Backbone("Falcon", {**{n: v for n, v in _BASE.items() if n != "num_heads"}, "num_attention_heads": 2}),
    Backbone("Gemma", _GEMMA),
    Backbone(
        "Gemma",
        {
            **{**_GEMMA, "use_post_ffw_norm": True, "use_post_attention_norm": True, "attention_logit_soft_cap": 50},
            **{"final_logit_soft_cap": 30, "use_sliding_window_attention": True, "sliding_window_size": 4},
        },
    ),
    Backbone("Llama", _GROUPED),
    Backbone("Llama3", _GROUPED),
    Backbone("Mistral", {**_GROUPED, "sliding_window": 4}),
    Backbone("Mixtral", {**_GROUPED, "num_experts": 2, "top_k": 2}),
    Backbone("Phi3", _GROUPED),
    Backbone("Qwen", _GROUPED),
    Backbone("Qwen3", {**_GROUPED, "head_dim": 4}),
    Backbone("QwenMoe", _EXPERTS),
    Backbone(
        "SmolLM3",
        {
            **{"vocabulary_size": 17, "hidden_dim": 8, "intermediate_dim": 12, "num_layers": 2},
            **{"num_attention_heads": 4, "num_key_value_heads": 2, "attention_bias": False, "attention_dropout": 0.0},
            **{"rope_layer_enabled_list": [True, False], "layer_types": ["full", "full"], "mlp_bias": False},
            **{"layer_norm_epsilon": 1e-5, "max_position_embeddings": 16, "rope_theta": 1e4},
            **{"partial_rotary_factor": 1.0},
        },
    ),
    Backbone("Bart", _LENGTH, TWO_SEQUENCES),
    Backbone(
        "Whisper",
        {**_BASE, "num_mels": 8, "max_encoder_sequence_length": 12, "max_decoder_sequence_length": 6},
        {"encoder_features": (12, 8), "decoder_token_ids": (5,), "decoder_padding_mask": (5,)},
    ),
    Backbone("ViT", {**_VISION, "mlp_dim": 12}, _IMAGE),
    Backbone("DINOV2", {**_VISION, "intermediate_dim": 12}, _IMAGE),
    Backbone(
        "SwinTransformer",
        {
            **{"image_shape": (32, 32, 3), "patch_size": 4, "embed_dim": 8, "depths": [1, 1]},
            **{"num_heads": [2, 2], "window_size": 4},
        },
        _IMAGE,
    ),
    Backbone(
        "MiT",
        {
            **{"num_layers": 2, "layerwise_depths": [1, 1], "image_shape": (32, 32, 3), "hidden_dims": [4, 8]},
            **{"layerwise_num_heads": [1, 2], "layerwise_sr_ratios": [2, 1], "max_drop_path_rate": 0.1},
            **{"layerwise_patch_sizes": [7, 3], "layerwise_strides": [4, 2]},
        },
        _IMAGE,
    ),
    Backbone(
        "VGG",
        {"stackwise_num_repeats": [1, 1], "stackwise_num_filters": [4, 6], "image_shape": (32, 32, 3)},
        _IMAGE,
    ),
    Backbone(
        "ResNet",
        {
            **{"input_conv_filters": [64], "input_conv_kernel_sizes": [7], "stackwise_num_filters": [64, 64]},
            **{"stackwise_num_blocks": [1, 1], "stackwise_num_strides": [1, 2], "block_type": "basic_block"},
            **{"image_shape": (32, 32, 3)},
        },
        _IMAGE,
    ),
    Backbone(
        "DenseNet",
        {
            **{"stackwise_num_repeats": [2, 2], "compression_ratio": 0.5, "growth_rate": 4},
            **{"image_shape": (32, 32, 3)},
        },
        _IMAGE,
    ),
    Backbone(
        "Xception",
        {
            **{"stackwise_conv_filters": [[4, 6], [6, 6, 6], [6, 8]], "stackwise_pooling": [True, False, False]},
            **{"image_shape": (64, 64, 3)},
        },
        {"images": (64, 64, 3)},
    ),
    Backbone("EfficientNet", _EFFICIENT, _IMAGE),
]
