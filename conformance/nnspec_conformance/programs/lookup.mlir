"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x4xi32>, tensor<6x3xf32>) -> (tensor<1x4x3xf32>, tensor<1x4xi1>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x4xi32>, %1: tensor<6x3xf32>):
    %2 = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %3 = "stablehlo.constant"() <{value = dense<3> : tensor<i32>}> : () -> tensor<i32>
    %4 = "func.call"(%1, %0) <{callee = @_take}> : (tensor<6x3xf32>, tensor<1x4xi32>) -> tensor<1x4x3xf32>
    %5 = "func.call"(%0, %3) <{callee = @remainder}> : (tensor<1x4xi32>, tensor<i32>) -> tensor<1x4xi32>
    %6 = "stablehlo.broadcast_in_dim"(%2) <{broadcast_dimensions = array<i64>}> : (tensor<i32>) -> tensor<1x4xi32>
    %7 = "stablehlo.compare"(%5, %6) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4xi1>
    "func.return"(%4, %7) : (tensor<1x4x3xf32>, tensor<1x4xi1>) -> ()
  }) : () -> ()
  "func.func"() <{function_type = (tensor<6x3xf32>, tensor<1x4xi32>) -> (tensor<1x4x3xf32>), sym_name = "_take", sym_visibility = "private"}> ({
  ^bb0(%0: tensor<6x3xf32>, %1: tensor<1x4xi32>):
    %2 = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64: 0, 1>}> : (tensor<1x4xi32>) -> tensor<1x4x1xi32>
    %3 = "stablehlo.gather"(%0, %2) <{dimension_numbers = #stablehlo.gather<offset_dims = [2], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 2>, slice_sizes = array<i64: 1, 3>}> : (tensor<6x3xf32>, tensor<1x4x1xi32>) -> tensor<1x4x3xf32>
    "func.return"(%3) : (tensor<1x4x3xf32>) -> ()
  }) : () -> ()
  "func.func"() <{function_type = (tensor<1x4xi32>, tensor<i32>) -> (tensor<1x4xi32>), sym_name = "remainder", sym_visibility = "private"}> ({
  ^bb0(%0: tensor<1x4xi32>, %1: tensor<i32>):
    %2 = "stablehlo.constant"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
    %3 = "stablehlo.constant"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
    %4 = "stablehlo.convert"(%1) : (tensor<i32>) -> tensor<i32>
    %5 = "stablehlo.compare"(%4, %3) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction EQ>}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %6 = "func.call"(%5, %2, %4) <{callee = @_where}> : (tensor<i1>, tensor<i32>, tensor<i32>) -> tensor<i32>
    %7 = "stablehlo.broadcast_in_dim"(%6) <{broadcast_dimensions = array<i64>}> : (tensor<i32>) -> tensor<1x4xi32>
    %8 = "stablehlo.remainder"(%0, %7) : (tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4xi32>
    %9 = "stablehlo.broadcast_in_dim"(%3) <{broadcast_dimensions = array<i64>}> : (tensor<i32>) -> tensor<1x4xi32>
    %10 = "stablehlo.compare"(%8, %9) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction NE>}> : (tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4xi1>
    %11 = "stablehlo.broadcast_in_dim"(%3) <{broadcast_dimensions = array<i64>}> : (tensor<i32>) -> tensor<1x4xi32>
    %12 = "stablehlo.compare"(%8, %11) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4xi1>
    %13 = "stablehlo.compare"(%6, %3) <{compare_type = #stablehlo<comparison_type SIGNED>, comparison_direction = #stablehlo<comparison_direction LT>}> : (tensor<i32>, tensor<i32>) -> tensor<i1>
    %14 = "stablehlo.broadcast_in_dim"(%13) <{broadcast_dimensions = array<i64>}> : (tensor<i1>) -> tensor<1x4xi1>
    %15 = "stablehlo.compare"(%12, %14) <{compare_type = #stablehlo<comparison_type UNSIGNED>, comparison_direction = #stablehlo<comparison_direction NE>}> : (tensor<1x4xi1>, tensor<1x4xi1>) -> tensor<1x4xi1>
    %16 = "stablehlo.and"(%15, %10) : (tensor<1x4xi1>, tensor<1x4xi1>) -> tensor<1x4xi1>
    %17 = "stablehlo.broadcast_in_dim"(%6) <{broadcast_dimensions = array<i64>}> : (tensor<i32>) -> tensor<1x4xi32>
    %18 = "stablehlo.add"(%8, %17) : (tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4xi32>
    %19 = "stablehlo.select"(%16, %18, %8) : (tensor<1x4xi1>, tensor<1x4xi32>, tensor<1x4xi32>) -> tensor<1x4xi32>
    "func.return"(%19) : (tensor<1x4xi32>) -> ()
  }) : () -> ()
  "func.func"() <{function_type = (tensor<i1>, tensor<i32>, tensor<i32>) -> (tensor<i32>), sym_name = "_where", sym_visibility = "private"}> ({
  ^bb0(%0: tensor<i1>, %1: tensor<i32>, %2: tensor<i32>):
    %3 = "stablehlo.select"(%0, %1, %2) : (tensor<i1>, tensor<i32>, tensor<i32>) -> tensor<i32>
    "func.return"(%3) : (tensor<i32>) -> ()
  }) : () -> ()
}) : () -> ()
