"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x9xi32>, tensor<1x9xf32>) -> (tensor<1x9xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x9xi32>, %1: tensor<1x9xf32>):
    %7, %8 = "stablehlo.sort"(%0, %1) <{dimension = 1 : i64, is_stable = true}> ({
    ^bb0(%2: tensor<i32>, %3: tensor<i32>, %4: tensor<f32>, %5: tensor<f32>):
      %6 = "stablehlo.compare"(%2, %3) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, tensor<i32>) -> (tensor<i1>)
      "stablehlo.return"(%6) : (tensor<i1>) -> ()
    }) : (tensor<1x9xi32>, tensor<1x9xf32>) -> (tensor<1x9xi32>, tensor<1x9xf32>)
    "func.return"(%8) : (tensor<1x9xf32>) -> ()
  }) : () -> ()
}) : () -> ()
