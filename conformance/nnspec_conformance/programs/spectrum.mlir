"builtin.module"() ({
  "func.func"() <{function_type = (tensor<1x6xf32>, tensor<6xf32>) -> (tensor<1x4xf32>), sym_name = "main"}> ({
  ^bb0(%0: tensor<1x6xf32>, %1: tensor<6xf32>):
    %2 = "stablehlo.broadcast_in_dim"(%1) <{broadcast_dimensions = array<i64: 1>}> : (tensor<6xf32>) -> tensor<1x6xf32>
    %3 = "stablehlo.multiply"(%0, %2) : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
    %4 = "func.call"(%3) <{callee = @fft}> : (tensor<1x6xf32>) -> tensor<1x4xcomplex<f32>>
    %5 = "stablehlo.abs"(%4) : (tensor<1x4xcomplex<f32>>) -> tensor<1x4xf32>
    "func.return"(%5) : (tensor<1x4xf32>) -> ()
  }) : () -> ()
  "func.func"() <{function_type = (tensor<1x6xf32>) -> (tensor<1x4xcomplex<f32>>), sym_name = "fft", sym_visibility = "private"}> ({
  ^bb0(%0: tensor<1x6xf32>):
    %1 = "stablehlo.fft"(%0) <{fft_length = array<i64: 6>, fft_type = #stablehlo<fft_type RFFT>}> : (tensor<1x6xf32>) -> tensor<1x4xcomplex<f32>>
    "func.return"(%1) : (tensor<1x4xcomplex<f32>>) -> ()
  }) : () -> ()
}) : () -> ()
