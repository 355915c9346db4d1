"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x9xi32>, tensor<1x9xf32>) -> (tensor<1x9xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x9xi32>, %1: tensor<1x9xf32>):
    %2, %3 = "stablehlo.sort"(%0, %1) <{dimension = 1 : i64, is_stable = true}> ({
    ^bb0(%4: tensor<i32>, %5: tensor<i32>, %6: tensor<f32>, %7: tensor<f32>):
      %8 = "stablehlo.compare"(%4, %5) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
      "stablehlo.return"(%8) : (tensor<i1>) -> ()
    }) : (tensor<1x9xi32>, tensor<1x9xf32>) -> (tensor<1x9xi32>, tensor<1x9xf32>)
    "func.return"(%3) : (tensor<1x9xf32>) -> ()
  }) : () -> ()
}) : () -> ()
