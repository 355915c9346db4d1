"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x4x3xf32>, tensor<1x3x2xf32>, tensor<2x5xf32>, tensor<5xf32>) -> (tensor<1x4x5xf32>, tensor<1x3xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x4x3xf32>, %1: tensor<1x3x2xf32>, %2: tensor<2x5xf32>, %3: tensor<5xf32>):
    %4 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
    %5 = "stablehlo.dot_general"(%0, %1) <{dot_dimension_numbers = #stablehlo.dot<lhs_batching_dimensions = [0], rhs_batching_dimensions = [0], lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [1]>}> : (tensor<1x4x3xf32>, tensor<1x3x2xf32>) -> tensor<1x4x2xf32>
    %6 = "stablehlo.dot_general"(%5, %2) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [2], rhs_contracting_dimensions = [0]>}> : (tensor<1x4x2xf32>, tensor<2x5xf32>) -> tensor<1x4x5xf32>
    %7 = "stablehlo.broadcast_in_dim"(%3) <{broadcast_dimensions = array<i64: 2>}> : (tensor<5xf32>) -> tensor<1x1x5xf32>
    %8 = "stablehlo.broadcast_in_dim"(%7) <{broadcast_dimensions = array<i64: 0, 1, 2>}> : (tensor<1x1x5xf32>) -> tensor<1x4x5xf32>
    %9 = "stablehlo.add"(%6, %8) : (tensor<1x4x5xf32>, tensor<1x4x5xf32>) -> tensor<1x4x5xf32>
    %10 = "stablehlo.reduce"(%0, %4) <{dimensions = array<i64: 1>}> ({
    ^bb0(%11: tensor<f32>, %12: tensor<f32>):
      %13 = "stablehlo.add"(%11, %12) : (tensor<f32>, tensor<f32>) -> tensor<f32>
      "stablehlo.return"(%13) : (tensor<f32>) -> ()
    }) : (tensor<1x4x3xf32>, tensor<f32>) -> tensor<1x3xf32>
    "func.return"(%9, %10) : (tensor<1x4x5xf32>, tensor<1x3xf32>) -> ()
  }) : () -> ()
}) : () -> ()
