"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x7xi32>, tensor<1x7xf32>) -> (tensor<1x7xi32>, tensor<1x7xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x7xi32>, %1: tensor<1x7xf32>):
    %2 = "stablehlo.constant"() <{value = dense<0x7FC00000> : tensor<f32>}> : () -> (tensor<f32>)
    %3 = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> (tensor<f32>)
    %21, %22 = "stablehlo.sort"(%0, %1) <{dimension = 1 : i64, is_stable = true}> ({
    ^bb0(%4: tensor<i32>, %5: tensor<i32>, %6: tensor<f32>, %7: tensor<f32>):
      %8 = "stablehlo.compare"(%6, %3) <{compare_type = #stablehlo<comparison_type FLOAT>, comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<f32>, tensor<f32>) -> (tensor<i1>)
      %9 = "stablehlo.select"(%8, %3, %6) : (tensor<i1>, tensor<f32>, tensor<f32>) -> (tensor<f32>)
      %10 = "stablehlo.compare"(%6, %6) <{compare_type = #stablehlo<comparison_type FLOAT>, comparison_direction = #stablehlo<comparison_direction NE>}> : (tensor<f32>, tensor<f32>) -> (tensor<i1>)
      %11 = "stablehlo.select"(%10, %2, %9) : (tensor<i1>, tensor<f32>, tensor<f32>) -> (tensor<f32>)
      %12 = "stablehlo.compare"(%7, %3) <{compare_type = #stablehlo<comparison_type FLOAT>, comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<f32>, tensor<f32>) -> (tensor<i1>)
      %13 = "stablehlo.select"(%12, %3, %7) : (tensor<i1>, tensor<f32>, tensor<f32>) -> (tensor<f32>)
      %14 = "stablehlo.compare"(%7, %7) <{compare_type = #stablehlo<comparison_type FLOAT>, comparison_direction = #stablehlo<comparison_direction NE>}> : (tensor<f32>, tensor<f32>) -> (tensor<i1>)
      %15 = "stablehlo.select"(%14, %2, %13) : (tensor<i1>, tensor<f32>, tensor<f32>) -> (tensor<f32>)
      %16 = "stablehlo.compare"(%11, %15) <{compare_type = #stablehlo<comparison_type TOTALORDER>, comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<f32>, tensor<f32>) -> (tensor<i1>)
      %17 = "stablehlo.compare"(%4, %5) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, tensor<i32>) -> (tensor<i1>)
      %18 = "stablehlo.compare"(%4, %5) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<i32>, tensor<i32>) -> (tensor<i1>)
      %19 = "stablehlo.and"(%18, %16) : (tensor<i1>, tensor<i1>) -> (tensor<i1>)
      %20 = "stablehlo.or"(%17, %19) : (tensor<i1>, tensor<i1>) -> (tensor<i1>)
      "stablehlo.return"(%20) : (tensor<i1>) -> ()
    }) : (tensor<1x7xi32>, tensor<1x7xf32>) -> (tensor<1x7xi32>, tensor<1x7xf32>)
    "func.return"(%21, %22) : (tensor<1x7xi32>, tensor<1x7xf32>) -> ()
  }) : () -> ()
}) : () -> ()
