"""Backbones of several kinds of inputs: texts with images, sounds, prompts, videos."""

from __future__ import annotations

from typing import Any

from tests.porting.keras_hub.catalogue import Part, entry
from tests.porting.keras_hub.text import GROUPED, TINY
from tests.porting.keras_hub.vision import DINOV2, VAE, VIT_DET

_TEXT: dict[str, Any] = {**TINY, "embedding_dim": 16, "max_sequence_length": 6}
_SAM3: dict[str, Any] = {"hidden_dim": 8, "intermediate_dim": 12, "num_heads": 2}


def _clip(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "vision_encoder": Part(f"{kind}VisionEncoder", DINOV2),
        "text_encoder": Part(f"{kind}TextEncoder", {**_TEXT, "hidden_dim": 8, "embedding_dim": 8}),
        **more,
    }


ENTRIES = [
    entry("BLIP2Backbone",
          vision_encoder=Part("BLIP2VisionEncoder", {
              "image_size": 16, "patch_size": 8, "num_layers": 1, "num_heads": 2, "hidden_dim": 8,
              "intermediate_dim": 12, "use_patch_bias": True, "use_class_token": True, "use_mha_bias": True,
              "use_mlp_bias": True, "dropout_rate": 0.0, "layer_norm_epsilon": 1e-6, "initializer_range": 0.02}),
          qformer=Part("BLIP2QFormer", {
              "num_query_tokens": 3, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 12,
              "vision_dim": 8, "cross_attention_frequency": 2, "dropout": 0.1, "layer_norm_epsilon": 1e-6}),
          language_model=Part("BLIP2CustomOPT", {
              **TINY, "num_query_tokens": 3, "dropout": 0.1, "max_sequence_length": 12, "qformer_hidden_dim": 8})),
    entry("CLIPBackbone", **_clip("CLIP", projection_dim=6)),
    entry("CLIPTextEncoder", **_TEXT),
    entry("CLIPVisionEncoder", **DINOV2),
    entry("FluxBackbone", input_channels=8, hidden_size=16, mlp_ratio=2.0, num_heads=2, depth=1,
          depth_single_blocks=1, axes_dim=[2, 2, 4], theta=10000, use_bias=True, guidance_embed=True,
          image_shape=(6, 8), text_shape=(4, 16), image_ids_shape=(6, 3), text_ids_shape=(4, 3), y_shape=(16,)),
    entry("Gemma3Backbone", "with images", shapes={
              "images": (1, 16, 16, 3), "vision_mask": (8,), "vision_indices": (4,), "token_ids": (8,),
              "padding_mask": (8,)},
          **{**GROUPED, "num_query_heads": 2, "num_key_value_heads": 1}, head_dim=4, image_size=16,
          vision_encoder=Part("Gemma3VisionEncoder", {
              "image_size": 16, "patch_size": 4, "num_heads": 2, "hidden_dim": 8, "num_layers": 1,
              "intermediate_dim": 12, "output_dim": 8, "pool_size": 2})),
    entry("MetaCLIP2Backbone", **_clip("MetaCLIP2", projection_dim=6)),
    entry("MetaCLIP2TextEncoder", **_TEXT),
    entry("MetaCLIP2VisionEncoder", **DINOV2),
    entry("MMDiT", patch_size=2, hidden_dim=16, num_layers=2, num_heads=2, position_size=8, latent_shape=(8, 8, 4),
          context_shape=(5, 16), pooled_projection_shape=(12,)),
    entry("MMDiT", "normalized, dual", patch_size=2, hidden_dim=16, num_layers=2, num_heads=2, position_size=8,
          latent_shape=(8, 8, 4), context_shape=(5, 16), pooled_projection_shape=(12,), qk_norm="rms_norm",
          dual_attention_indices=(0,)),
    entry("MoonshineBackbone", shapes={
              "encoder_input_values": (2000, 1), "encoder_padding_mask": (2000,), "decoder_token_ids": (5,),
              "decoder_padding_mask": (5,)},
          vocabulary_size=17, filter_dim=8, encoder_num_layers=1, decoder_num_layers=1, hidden_dim=16,
          intermediate_dim=12, encoder_num_heads=2, decoder_num_heads=2),
    entry("PARSeqBackbone", image_encoder=Part("ViTBackbone", {
              "image_shape": (16, 32, 3), "patch_size": (8, 8), "num_layers": 1, "num_heads": 2, "hidden_dim": 8,
              "mlp_dim": 12}),
          vocabulary_size=17, max_label_length=6, decoder_hidden_dim=8, num_decoder_layers=1, num_decoder_heads=2,
          decoder_mlp_dim=12),
    entry("PaliGemmaBackbone", **{**GROUPED, "num_query_heads": 2, "num_key_value_heads": 1}, head_dim=4,
          image_size=16, vit_patch_size=8, vit_num_heads=2, vit_hidden_dim=8, vit_intermediate_dim=12,
          vit_num_layers=2),
    entry("SAMBackbone", without=("prompt_dense_positional_embeddings",), shapes={
              "points": (2, 2), "labels": (2,), "boxes": (1, 2, 2), "masks": (1, 32, 32, 1)},
          image_encoder=Part("ViTDetBackbone", {**VIT_DET, "num_output_channels": 8}),
          prompt_encoder=Part("SAMPromptEncoder", {
              "hidden_size": 8, "image_embedding_size": (8, 8), "input_image_size": (32, 32),
              "mask_in_channels": 16}),
          mask_decoder=Part("SAMMaskDecoder", {
              "num_layers": 2, "hidden_size": 8, "intermediate_dim": 12, "num_heads": 2, "embedding_dim": 8,
              "num_multimask_outputs": 3, "iou_head_depth": 3, "iou_head_hidden_dim": 8})),
    entry("SAM3PromptableConceptBackbone", shapes={"boxes": (1, 5), "box_labels": (1,)},
          vision_encoder=Part("SAM3VisionEncoder", {
              **_SAM3, "image_shape": (56, 56, 3), "patch_size": 14, "num_layers": 2, "fpn_hidden_dim": 8,
              "fpn_scale_factors": [4.0, 2.0, 1.0, 0.5], "pretrain_image_shape": (28, 28, 3), "window_size": 2,
              "global_attn_indexes": [1]}),
          text_encoder=Part("SAM3TextEncoder", {
              **_SAM3, "vocabulary_size": 17, "embedding_dim": 8, "num_layers": 1}),
          geometry_encoder=Part("SAM3GeometryEncoder", {**_SAM3, "num_layers": 1, "roi_size": 3}),
          detr_encoder=Part("SAM3DetrEncoder", {**_SAM3, "num_layers": 1}),
          detr_decoder=Part("SAM3DetrDecoder", {
              **_SAM3, "image_shape": (56, 56, 3), "patch_size": 14, "num_layers": 1, "num_queries": 5}),
          mask_decoder=Part("SAM3MaskDecoder", {"num_upsampling_stages": 3, "hidden_dim": 8, "num_heads": 2})),
    entry("SigLIPBackbone", **_clip("SigLIP")),
    entry("SigLIPTextEncoder", **_TEXT),
    entry("SigLIPVisionEncoder", **DINOV2),
    entry("StableDiffusion3Backbone", mmdit_patch_size=2, mmdit_hidden_dim=16, mmdit_num_layers=1, mmdit_num_heads=2,
          mmdit_position_size=8, mmdit_qk_norm=None, mmdit_dual_attention_indices=None, vae=Part("VAEBackbone", VAE),
          clip_l=Part("CLIPTextEncoder", {**_TEXT, "intermediate_output_index": 0}),
          clip_g=Part("CLIPTextEncoder", {**_TEXT, "intermediate_output_index": 0}), latent_channels=4,
          image_shape=(16, 16, 3)),
    entry("VideoPrismBackbone", num_frames=2, patch_size=8, hidden_dim=8, intermediate_dim=12, num_heads=2,
          num_spatial_layers=1, num_temporal_layers=1, num_auxiliary_layers=1, image_shape=(16, 16, 3)),
    entry("VideoPrismBackbone", "with texts", num_frames=2, patch_size=8, hidden_dim=8, intermediate_dim=12,
          num_heads=2, num_spatial_layers=1, num_temporal_layers=1, num_auxiliary_layers=1, image_shape=(16, 16, 3),
          vocabulary_size=17, num_text_layers=1),
    entry("WhisperBackbone", shapes={
              "encoder_features": (12, 8), "decoder_token_ids": (5,), "decoder_padding_mask": (5,)},
          **TINY, num_mels=8, max_encoder_sequence_length=12, max_decoder_sequence_length=6),
]  # fmt: skip
