"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x5x4x2xf32>, tensor<2x3x1x4xf32>) -> (tensor<1x3x3x4xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x5x4x2xf32>, %1: tensor<2x3x1x4xf32>):
    %2 = "stablehlo.constant"() <{value = dense<0xFF800000> : tensor<f32>}> : () -> tensor<f32>
    %3 = "stablehlo.convolution"(%0, %1) <{batch_group_count = 1 : i64, dimension_numbers = #stablehlo.conv<[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]>, feature_group_count = 2 : i64, lhs_dilation = array<i64: 1, 2>, padding = dense<[[1, 2], [0, 1]]> : tensor<2x2xi64>, rhs_dilation = array<i64: 2, 1>, window_strides = array<i64: 2, 1>}> : (tensor<1x5x4x2xf32>, tensor<2x3x1x4xf32>) -> tensor<1x3x6x4xf32>
    %4 = "stablehlo.broadcast_in_dim"(%2) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<f32>
    %5 = "stablehlo.reduce_window"(%3, %4) <{padding = dense<[[0, 0], [1, 0], [0, 1], [0, 0]]> : tensor<4x2xi64>, window_dimensions = array<i64: 1, 2, 2, 1>, window_strides = array<i64: 1, 1, 2, 1>}> ({
    ^bb0(%6: tensor<f32>, %7: tensor<f32>):
      %8 = "stablehlo.maximum"(%6, %7) : (tensor<f32>, tensor<f32>) -> tensor<f32>
      "stablehlo.return"(%8) : (tensor<f32>) -> ()
    }) : (tensor<1x3x6x4xf32>, tensor<f32>) -> tensor<1x3x3x4xf32>
    "func.return"(%5) : (tensor<1x3x3x4xf32>) -> ()
  }) : () -> ()
}) : () -> ()
