"""Backbones of images, and of what has no text in it."""

from __future__ import annotations

from typing import Any

from tests.porting.keras_hub.catalogue import Part, entry

IMAGE = (32, 32, 3)
VISION: dict[str, Any] = {
    **{"image_shape": IMAGE, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 8},
}
_EFFICIENT: dict[str, Any] = {
    **{"stackwise_width_coefficients": [1.0] * 2, "stackwise_depth_coefficients": [1.0] * 2},
    **{"stackwise_kernel_sizes": [3, 3], "stackwise_num_repeats": [1, 1], "stackwise_strides": [1, 2]},
    **{"stackwise_input_filters": [32, 16], "stackwise_output_filters": [16, 24]},
    **{"stackwise_expansion_ratios": [1, 6], "stackwise_squeeze_and_excite_ratios": [0.25, 0.25]},
    **{"stackwise_block_types": ["v1", "v1"], "stackwise_force_input_filters": [0, 0]},
    **{"stackwise_nores_option": [False, False], "image_shape": IMAGE},
}
_RESNET: dict[str, Any] = {
    **{"input_conv_filters": [64], "input_conv_kernel_sizes": [7], "stackwise_num_filters": [64, 68]},
    **{"stackwise_num_blocks": [1, 1], "stackwise_num_strides": [1, 2], "block_type": "basic_block"},
}
_PYRAMID = Part("ResNetBackbone", {
    **{"input_conv_filters": [64], "input_conv_kernel_sizes": [7], "stackwise_num_filters": [64, 64, 68, 68]},
    **{"stackwise_num_blocks": [1, 1, 1, 1], "stackwise_num_strides": [1, 2, 2, 2], "image_shape": (64, 64, 3)},
    "block_type": "basic_block",
})  # fmt: skip
_MIT: dict[str, Any] = {
    **{"num_layers": 2, "layerwise_depths": [1, 1], "image_shape": IMAGE, "hidden_dims": [4, 8]},
    **{"layerwise_num_heads": [1, 2], "layerwise_sr_ratios": [2, 1], "max_drop_path_rate": 0.1},
    **{"layerwise_patch_sizes": [7, 3], "layerwise_strides": [4, 2]},
}
_HGNET: dict[str, Any] = {
    **{"depths": [1, 1], "embedding_size": 8, "hidden_sizes": [8, 12], "stem_channels": [3, 6, 8]},
    **{"hidden_act": "relu", "use_learnable_affine_block": True, "apply_downsample": [False, True]},
    **{"stackwise_stage_filters": [(8, 6, 8, 1, 2, 3), (8, 6, 12, 1, 2, 3)]},
    **{"use_lightweight_conv_block": [False, True]},
}
DINOV2: dict[str, Any] = {**VISION, "intermediate_dim": 12}
VIT_DET: dict[str, Any] = {
    **{"hidden_size": 8, "num_layers": 2, "intermediate_dim": 12, "num_heads": 2, "image_shape": IMAGE},
    **{"global_attention_layer_indices": [1], "patch_size": 4, "num_output_channels": 6, "window_size": 3},
}
VAE: dict[str, Any] = {
    **{"encoder_num_filters": [32, 32], "encoder_num_blocks": [1, 1], "decoder_num_filters": [32, 32]},
    **{"decoder_num_blocks": [1, 1], "sample_channels": 8},
}
_MOBILE: dict[str, Any] = {
    **{"stackwise_expansion": [[12, 16]], "stackwise_num_blocks": [2], "stackwise_num_filters": [[8, 8]]},
    **{"stackwise_kernel_size": [[3, 5]], "stackwise_num_strides": [[2, 1]], "stackwise_se_ratio": [[None, 0.25]]},
    **{"stackwise_activation": [["relu", "hard_swish"]], "stackwise_padding": [[1, 2]], "output_num_filters": 24},
    **{"depthwise_filters": 8, "depthwise_stride": 2, "depthwise_residual": False, "last_layer_filter": 24},
    **{"squeeze_and_excite": 0.5, "image_shape": IMAGE},
}
_MOBILE_V5: dict[str, Any] = {
    **{"stackwise_block_types": [["er"], ["uir", "mqa"]], "stackwise_num_blocks": [1, 2]},
    **{"stackwise_num_filters": [[8], [12, 12]], "stackwise_strides": [[2], [2, 1]]},
    **{"stackwise_act_layers": [["relu"], ["relu", "relu"]], "stackwise_exp_ratios": [[4.0], [3.0, 3.0]]},
    **{"stackwise_se_ratios": [[0.0], [0.0, 0.0]], "stackwise_dw_kernel_sizes": [[0], [5, 5]]},
    **{"stackwise_dw_start_kernel_sizes": [[0], [0, 0]], "stackwise_dw_end_kernel_sizes": [[0], [0, 0]]},
    **{"stackwise_exp_kernel_sizes": [[3], [0, 0]], "stackwise_pw_kernel_sizes": [[1], [0, 0]]},
    **{"stackwise_num_heads": [[0], [0, 2]], "stackwise_key_dims": [[0], [0, 4]]},
    **{"stackwise_value_dims": [[0], [0, 4]], "stackwise_kv_strides": [[0], [0, 1]]},
    **{"stackwise_use_cpe": [[False], [False, False]], "use_msfa": False, "image_shape": IMAGE},
}

ENTRIES = [
    entry("CSPNetBackbone", stem_filters=8, stem_kernel_size=3, stem_strides=1, stackwise_depth=[1, 2],
          stackwise_strides=[1, 2], stackwise_num_filters=[8, 12], block_type="dark_block", stage_type="csp",
          image_shape=IMAGE,
          stem_padding="same", bottle_ratio=[0.5, 1.0], block_ratio=[1.0, 0.5], expand_ratio=[2.0, 1.0],
          cross_linear=True, down_growth=True),
    entry("DFineBackbone",
          backbone=Part("HGNetV2Backbone", {**_HGNET, "image_shape": (64, 64, 3),
                                            "out_features": ["stage1", "stage2"]}),
          decoder_in_channels=[8, 8], encoder_hidden_dim=8, num_denoising=0, num_labels=4, hidden_dim=8,
          learn_initial_query=False, num_queries=6, anchor_image_size=(64, 64), feat_strides=[4, 8],
          num_feature_levels=2, encoder_in_channels=[8, 12], encode_proj_layers=[1], num_attention_heads=2,
          encoder_ffn_dim=12, num_encoder_layers=1, hidden_expansion=0.5, depth_multiplier=0.5, eval_idx=-1,
          num_decoder_layers=2, decoder_attention_heads=2, decoder_ffn_dim=12, decoder_n_points=[2, 2],
          lqe_hidden_dim=8, num_lqe_layers=2, image_shape=(64, 64, 3), out_features=["stage1", "stage2"], seed=0),
    entry("DINOV2Backbone", **DINOV2),
    entry("DINOV2Backbone", "registers, gated", **DINOV2, num_register_tokens=2, use_gated_mlp=True),
    entry("DINOV3Backbone", **DINOV2),
    entry("DeepLabV3Backbone", image_encoder=_PYRAMID, projection_filters=4, low_level_feature_key="P2",
          spatial_pyramid_pooling_key="P5", upsampling_size=8, dilation_rates=[2, 4], image_shape=(64, 64, 3)),
    entry("DeiTBackbone", **DINOV2),
    entry("DenseNetBackbone", stackwise_num_repeats=[2, 2], compression_ratio=0.5, growth_rate=4, image_shape=IMAGE),
    entry("DepthAnythingBackbone",
          image_encoder=Part("DINOV2Backbone", {**DINOV2, "position_embedding_shape": (48, 48)}),
          reassemble_factors=[2, 1], neck_hidden_dims=[6, 10], fusion_hidden_dim=8, head_hidden_dim=6,
          head_in_index=-1, feature_keys=["stage1", "stage2"]),
    entry("EfficientNetBackbone", **_EFFICIENT),
    entry("EfficientNetBackbone", "fused blocks",
          **{**_EFFICIENT, "stackwise_block_types": ["fused", "unfused"],
             "stackwise_squeeze_and_excite_ratios": [0, 0.25]}),
    entry("HGNetV2Backbone", **_HGNET, image_shape=IMAGE),
    entry("MiTBackbone", **_MIT),
    entry("MobileNetBackbone", **_MOBILE),
    entry("MobileNetV5Backbone", **_MOBILE_V5),
    entry("RQVAEBackbone", input_dim=8, encoder_layer_dims=[12, 10], output_dim=6, decoder_layer_dims=[10, 12],
          num_embeddings=5, num_quantizers=2, decay=0.99, data_variance=1.0, commitment_cost=0.25),
    entry("ResNetBackbone", **_RESNET, image_shape=IMAGE),
    entry("RetinaNetBackbone", image_encoder=_PYRAMID, min_level=3, max_level=6, use_p5=False,
          image_shape=(64, 64, 3)),
    entry("SegFormerBackbone", image_encoder=Part("MiTBackbone", _MIT), projection_filters=6),
    entry("SwinTransformerBackbone", image_shape=IMAGE, patch_size=4, embed_dim=8, depths=[2, 1], num_heads=[2, 2],
          window_size=4),
    entry("VAEBackbone", "latents", shapes={"input": (16, 16, 3)}, **VAE, sampler_method="mode"),
    entry("VAEBackbone", shapes={"input": (16, 16, 3)}, **VAE),
    entry("VGGBackbone", stackwise_num_repeats=[1, 1], stackwise_num_filters=[4, 6], image_shape=IMAGE),
    entry("ViTBackbone", **VISION, mlp_dim=12),
    entry("ViTDetBackbone", **VIT_DET),
    entry("XceptionBackbone", stackwise_conv_filters=[[4, 6], [6, 6, 6], [6, 8]],
          stackwise_pooling=[True, False, False], image_shape=(64, 64, 3)),
]  # fmt: skip
