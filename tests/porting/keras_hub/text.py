"""Backbones of texts."""

from __future__ import annotations

from typing import Any

from tests.porting.keras_hub.catalogue import entry

TINY: dict[str, Any] = {
    **{"vocabulary_size": 17, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 12},
}
_LENGTH = {**TINY, "max_sequence_length": 8}
GROUPED: dict[str, Any] = {
    **{"vocabulary_size": 17, "num_layers": 2, "num_query_heads": 4, "num_key_value_heads": 2},
    **{"hidden_dim": 8, "intermediate_dim": 12},
}
_GEMMA: dict[str, Any] = {**GROUPED, "num_query_heads": 2, "num_key_value_heads": 1, "head_dim": 4}
_SOFT_CAPS: dict[str, Any] = {
    **{"use_post_ffw_norm": True, "use_post_attention_norm": True, "attention_logit_soft_cap": 50},
    **{"final_logit_soft_cap": 30, "use_sliding_window_attention": True, "sliding_window_size": 4},
}
_EXPERTS: dict[str, Any] = {**GROUPED, "num_experts": 3, "top_k": 2, "moe_intermediate_dim": 6}
_LINEAR: dict[str, Any] = {
    **{"vocabulary_size": 17, "num_layers": 2, "num_query_heads": 4, "num_key_value_heads": 2, "head_dim": 8},
    **{"hidden_dim": 8, "layer_types": ["linear_attention", "full_attention"], "linear_num_key_heads": 2},
    **{"linear_num_value_heads": 4, "linear_key_head_dim": 4, "linear_value_head_dim": 4},
}
_T5GEMMA: dict[str, Any] = {
    **{"vocabulary_size": 17, "encoder_hidden_dim": 8, "encoder_intermediate_dim": 12, "encoder_num_layers": 2},
    **{"encoder_num_attention_heads": 4, "encoder_num_key_value_heads": 2, "encoder_head_dim": 4},
    **{"encoder_layer_types": ["full_attention", "sliding_attention"], "decoder_hidden_dim": 8},
    **{"decoder_intermediate_dim": 12, "decoder_num_layers": 2, "decoder_num_attention_heads": 4},
    **{"decoder_num_key_value_heads": 2, "decoder_head_dim": 4, "sliding_window": 4},
    **{"decoder_layer_types": ["full_attention", "sliding_attention"], "cross_attention_hidden_size": 8},
}
_SEQUENCES = {"decoder_token_ids": (5,), "decoder_padding_mask": (5,)}


def _without(config: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in names}


ENTRIES = [
    entry("AlbertBackbone", **_LENGTH, embedding_dim=6, num_groups=1, num_inner_repetitions=1),
    entry("BartBackbone", shapes=_SEQUENCES, **_LENGTH),
    entry("BertBackbone", **_LENGTH),
    entry("BloomBackbone", **TINY),
    entry("DebertaV3Backbone", **_LENGTH, bucket_size=4),
    entry("DistilBertBackbone", **_LENGTH),
    entry("EdRecBackbone", shapes=_SEQUENCES, vocab_size=17, num_layers_enc=2, num_layers_dec=2, hidden_dim=16,
          intermediate_dim=12, num_heads=2),
    entry("ElectraBackbone", **_without(_LENGTH, "vocabulary_size"), vocab_size=17, embedding_dim=6),
    entry("ESMBackbone", **_LENGTH),
    entry("ESMBackbone", "absolute positions", **_LENGTH, position_embedding_type="absolute", use_pre_layer_norm=True),
    entry("FalconBackbone", **_without(TINY, "num_heads"), num_attention_heads=2),
    entry("FNetBackbone", **_without(_LENGTH, "num_heads")),
    entry("GPT2Backbone", **_LENGTH),
    entry("GPTNeoXBackbone", **_LENGTH),
    entry("GemmaBackbone", **_GEMMA),
    entry("GemmaBackbone", "soft caps", **_GEMMA, **_SOFT_CAPS),
    entry("Gemma3Backbone", **_GEMMA, image_size=16, **_SOFT_CAPS),
    entry("Gemma3nBackbone", text_vocab_size=17, text_hidden_size=8, num_hidden_layers=2, pad_token_id=0,
          num_attention_heads=2, num_key_value_heads=1, head_dim=4, intermediate_size=[12, 12],
          hidden_activation="gelu_approximate", layer_types=["full_attention", "sliding_attention"], sliding_window=4,
          rope_theta=10000.0, max_position_embeddings=16, vocab_size_per_layer_input=17,
          hidden_size_per_layer_input=2, altup_num_inputs=2, laurel_rank=1),
    entry("Gemma4Backbone", **_GEMMA, image_size=16, sliding_window_size=4, sliding_window_pattern=2),
    entry("GptOssBackbone", **GROUPED, num_experts=3, top_k=2, sliding_window=4, head_dim=4),
    entry("LlamaBackbone", **GROUPED),
    entry("Llama3Backbone", **GROUPED),
    entry("MistralBackbone", **GROUPED, sliding_window=4),
    entry("MixtralBackbone", **GROUPED, num_experts=2, top_k=2),
    entry("OPTBackbone", **_LENGTH),
    entry("Phi3Backbone", **GROUPED),
    entry("QwenBackbone", **GROUPED),
    entry("Qwen3Backbone", **GROUPED, head_dim=4),
    entry("Qwen3MoeBackbone", **_EXPERTS, head_dim=4, norm_top_k_prob=True),
    entry("Qwen3_5Backbone", **_LINEAR, intermediate_dim=12),
    entry("Qwen3_5MoeBackbone", **_LINEAR, moe_intermediate_dim=6, shared_expert_intermediate_size=6, num_experts=3,
          top_k=2),
    entry("QwenMoeBackbone", **{**_EXPERTS, "num_experts": 2, "top_k": 1}, decoder_sparse_step=1,
          shared_expert_intermediate_dim=6, norm_top_k_prob=False),
    entry("RobertaBackbone", **_LENGTH),
    entry("RoformerV2Backbone", **TINY, head_size=8),
    entry("RWKV7Backbone", shapes={"token_ids": (16,), "padding_mask": (16,)}, vocabulary_size=17, hidden_size=8,
          head_size=4, num_layers=2, intermediate_dim=12, gate_lora=4, mv_lora=4, aaa_lora=4, decay_lora=4),
    entry("SmolLM3Backbone", vocabulary_size=17, hidden_dim=8, intermediate_dim=12, num_layers=2,
          num_attention_heads=4, num_key_value_heads=2, attention_bias=False, attention_dropout=0.0,
          rope_layer_enabled_list=[True, False], layer_types=["full", "full"], mlp_bias=False,
          layer_norm_epsilon=1e-5, max_position_embeddings=16, rope_theta=1e4, partial_rotary_factor=1.0),
    entry("T5Backbone", shapes=_SEQUENCES, **TINY),
    entry("T5Backbone", "version 1.0", shapes=_SEQUENCES, **TINY, use_gated_activation=False),
    entry("T5GemmaBackbone", shapes=_SEQUENCES, **_T5GEMMA),
    entry("T5Gemma2Backbone", shapes=_SEQUENCES, **_T5GEMMA),
    entry("XLMRobertaBackbone", **_LENGTH),
    entry("XLNetBackbone", **TINY),
]  # fmt: skip
