"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x3xf32>) -> (tensor<1x3xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x3xf32>):
    %1 = "stablehlo.constant"() <{value = dense<1.0> : tensor<f32>}> : () -> tensor<f32>
    %2 = "stablehlo.constant"() <{value = dense<2.0> : tensor<f32>}> : () -> tensor<f32>
    %3 = "stablehlo.constant"() <{value = dense<2> : tensor<i32>}> : () -> tensor<i32>
    %4 = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %5 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
    %6 = "stablehlo.slice"(%0) <{limit_indices = array<i64: 1, 1>, start_indices = array<i64: 0, 0>, strides = array<i64: 1, 1>}> : (tensor<1x3xf32>) -> tensor<1x1xf32>
    %7 = "stablehlo.reshape"(%6) : (tensor<1x1xf32>) -> tensor<f32>
    %8 = "stablehlo.compare"(%7, %5) <{compare_type = #stablehlo<comparison_type FLOAT>, comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %9 = "stablehlo.convert"(%8) : (tensor<i1>) -> tensor<i32>
    %10 = "stablehlo.slice"(%0) <{limit_indices = array<i64: 1, 2>, start_indices = array<i64: 0, 1>, strides = array<i64: 1, 1>}> : (tensor<1x3xf32>) -> tensor<1x1xf32>
    %11 = "stablehlo.reshape"(%10) : (tensor<1x1xf32>) -> tensor<f32>
    %12 = "stablehlo.compare"(%11, %5) <{compare_type = #stablehlo<comparison_type FLOAT>, comparison_direction = #stablehlo<comparison_direction GT>}> : (tensor<f32>, tensor<f32>) -> tensor<i1>
    %13 = "stablehlo.convert"(%12) : (tensor<i1>) -> tensor<i32>
    %14 = "stablehlo.add"(%9, %13) : (tensor<i32>, tensor<i32>) -> tensor<i32>
    %15 = "stablehlo.clamp"(%4, %14, %3) : (tensor<i32>, tensor<i32>, tensor<i32>) -> tensor<i32>
    %16 = "stablehlo.case"(%15) ({
      %17 = "stablehlo.broadcast_in_dim"(%2) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<1x3xf32>
      %18 = "stablehlo.multiply"(%0, %17) : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
      "stablehlo.return"(%18) : (tensor<1x3xf32>) -> ()
    }, {
      %19 = "stablehlo.sine"(%0) : (tensor<1x3xf32>) -> tensor<1x3xf32>
      "stablehlo.return"(%19) : (tensor<1x3xf32>) -> ()
    }, {
      %20 = "stablehlo.negate"(%0) : (tensor<1x3xf32>) -> tensor<1x3xf32>
      %21 = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64>}> : (tensor<f32>) -> tensor<1x3xf32>
      %22 = "stablehlo.add"(%20, %21) : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
      "stablehlo.return"(%22) : (tensor<1x3xf32>) -> ()
    }) : (tensor<i32>) -> tensor<1x3xf32>
    "func.return"(%16) : (tensor<1x3xf32>) -> ()
  }) : () -> ()
}) : () -> ()
