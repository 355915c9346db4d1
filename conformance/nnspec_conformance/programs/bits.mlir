"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x4xf32>) -> (tensor<1x4xi32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x4xf32>):
    %1 = "stablehlo.constant"() <{value = dense<20> : tensor<ui32>}> : () -> tensor<ui32>
    %2 = "stablehlo.bitcast_convert"(%0) : (tensor<1x4xf32>) -> tensor<1x4xui32>
    %3 = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64>}> : (tensor<ui32>) -> tensor<1x4xui32>
    %4 = "stablehlo.shift_right_logical"(%2, %3) : (tensor<1x4xui32>, tensor<1x4xui32>) -> tensor<1x4xui32>
    %5 = "stablehlo.convert"(%4) : (tensor<1x4xui32>) -> tensor<1x4xi32>
    "func.return"(%5) : (tensor<1x4xi32>) -> ()
  }) : () -> ()
}) : () -> ()
