"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x5xf32>) -> (tensor<1x5xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x5xf32>):
    %1 = "stablehlo.constant"() <{value = dense<0.009999999776482582> : tensor<f32>}> : () -> tensor<f32>
    %2 = "stablehlo.constant"() <{value = dense<0xFF800000> : tensor<f32>}> : () -> tensor<f32>
    %3 = "stablehlo.constant"() <{value = dense<1.0> : tensor<f32>}> : () -> tensor<f32>
    %4 = "stablehlo.constant"() <{value = dense<0.5> : tensor<f32>}> : () -> tensor<f32>
    %5 = "stablehlo.abs"(%0) : (tensor<1x5xf32>) -> tensor<1x5xf32>
    %6 = "stablehlo.broadcast_in_dim"(%4) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<1x5xf32>
    %7 = "stablehlo.add"(%5, %6) : (tensor<1x5xf32>, tensor<1x5xf32>) -> tensor<1x5xf32>
    %8 = "stablehlo.broadcast_in_dim"(%3) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<1x5xf32>
    %9, %10, %11 = "stablehlo.while"(%7, %7, %8) ({
    ^bb0(%12: tensor<1x5xf32>, %13: tensor<1x5xf32>, %14: tensor<1x5xf32>):
      %15 = "stablehlo.multiply"(%14, %14) : (tensor<1x5xf32>, tensor<1x5xf32>) -> tensor<1x5xf32>
      %16 = "stablehlo.subtract"(%15, %12) : (tensor<1x5xf32>, tensor<1x5xf32>) -> tensor<1x5xf32>
      %17 = "stablehlo.abs"(%16) : (tensor<1x5xf32>) -> tensor<1x5xf32>
      %18 = "stablehlo.reduce"(%17, %2) <{dimensions = array<i64: 0, 1>}> ({
      ^bb0(%19: tensor<f32>, %20: tensor<f32>):
        %21 = "stablehlo.maximum"(%19, %20) : (tensor<f32>, tensor<f32>) -> tensor<f32>
        "stablehlo.return"(%21) : (tensor<f32>) -> ()
      }) : (tensor<1x5xf32>, tensor<f32>) -> tensor<f32>
      %22 = "stablehlo.compare"(%18, %1) <{compare_type = #stablehlo<comparison_type FLOAT>, comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
      "stablehlo.return"(%22) : (tensor<i1>) -> ()
    }, {
    ^bb0(%23: tensor<1x5xf32>, %24: tensor<1x5xf32>, %25: tensor<1x5xf32>):
      %26 = "stablehlo.divide"(%24, %25) : (tensor<1x5xf32>, tensor<1x5xf32>) -> tensor<1x5xf32>
      %27 = "stablehlo.add"(%25, %26) : (tensor<1x5xf32>, tensor<1x5xf32>) -> tensor<1x5xf32>
      %28 = "stablehlo.broadcast_in_dim"(%4) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<1x5xf32>
      %29 = "stablehlo.multiply"(%28, %27) : (tensor<1x5xf32>, tensor<1x5xf32>) -> tensor<1x5xf32>
      "stablehlo.return"(%23, %24, %29) : (tensor<1x5xf32>, tensor<1x5xf32>, tensor<1x5xf32>) -> ()
    }) : (tensor<1x5xf32>, tensor<1x5xf32>, tensor<1x5xf32>) -> (tensor<1x5xf32>, tensor<1x5xf32>, tensor<1x5xf32>)
    "func.return"(%11) : (tensor<1x5xf32>) -> ()
  }) : () -> ()
}) : () -> ()
