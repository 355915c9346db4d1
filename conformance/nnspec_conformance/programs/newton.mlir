"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x5xf32>) -> (tensor<1x5xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x5xf32>):
    %1 = "stablehlo.constant"() <{value = dense<0.009999999776482582> : tensor<f32>}> : () -> (tensor<f32>)
    %2 = "stablehlo.constant"() <{value = dense<0xFF800000> : tensor<f32>}> : () -> (tensor<f32>)
    %3 = "stablehlo.constant"() <{value = dense<1.0> : tensor<f32>}> : () -> (tensor<f32>)
    %4 = "stablehlo.constant"() <{value = dense<0.5> : tensor<f32>}> : () -> (tensor<f32>)
    %5 = "stablehlo.abs"(%0) : (tensor<1x5xf32>) -> (tensor<1x5xf32>)
    %6 = "stablehlo.broadcast_in_dim"(%4) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> (tensor<1x5xf32>)
    %7 = "stablehlo.add"(%5, %6) : (tensor<1x5xf32>, tensor<1x5xf32>) -> (tensor<1x5xf32>)
    %8 = "stablehlo.broadcast_in_dim"(%3) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> (tensor<1x5xf32>)
    %27, %28, %29 = "stablehlo.while"(%7, %7, %8) ({
    ^bb0(%9: tensor<1x5xf32>, %10: tensor<1x5xf32>, %11: tensor<1x5xf32>):
      %12 = "stablehlo.multiply"(%11, %11) : (tensor<1x5xf32>, tensor<1x5xf32>) -> (tensor<1x5xf32>)
      %13 = "stablehlo.subtract"(%12, %9) : (tensor<1x5xf32>, tensor<1x5xf32>) -> (tensor<1x5xf32>)
      %14 = "stablehlo.abs"(%13) : (tensor<1x5xf32>) -> (tensor<1x5xf32>)
      %18 = "stablehlo.reduce"(%14, %2) <{dimensions = array<i64: 0, 1>}> ({
      ^bb0(%15: tensor<f32>, %16: tensor<f32>):
        %17 = "stablehlo.maximum"(%15, %16) : (tensor<f32>, tensor<f32>) -> (tensor<f32>)
        "stablehlo.return"(%17) : (tensor<f32>) -> ()
      }) : (tensor<1x5xf32>, tensor<f32>) -> (tensor<f32>)
      %19 = "stablehlo.compare"(%18, %1) <{compare_type = #stablehlo<comparison_type FLOAT>, comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<f32>, tensor<f32>) -> (tensor<i1>)
      "stablehlo.return"(%19) : (tensor<i1>) -> ()
    }, {
    ^bb0(%20: tensor<1x5xf32>, %21: tensor<1x5xf32>, %22: tensor<1x5xf32>):
      %23 = "stablehlo.divide"(%21, %22) : (tensor<1x5xf32>, tensor<1x5xf32>) -> (tensor<1x5xf32>)
      %24 = "stablehlo.add"(%22, %23) : (tensor<1x5xf32>, tensor<1x5xf32>) -> (tensor<1x5xf32>)
      %25 = "stablehlo.broadcast_in_dim"(%4) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> (tensor<1x5xf32>)
      %26 = "stablehlo.multiply"(%25, %24) : (tensor<1x5xf32>, tensor<1x5xf32>) -> (tensor<1x5xf32>)
      "stablehlo.return"(%20, %21, %26) : (tensor<1x5xf32>, tensor<1x5xf32>, tensor<1x5xf32>) -> ()
    }) : (tensor<1x5xf32>, tensor<1x5xf32>, tensor<1x5xf32>) -> (tensor<1x5xf32>, tensor<1x5xf32>, tensor<1x5xf32>)
    "func.return"(%29) : (tensor<1x5xf32>) -> ()
  }) : () -> ()
}) : () -> ()
