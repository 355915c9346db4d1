"""Which of TensorFlow's operations a function from a file may have: those that compute, and nothing else.

Everything that reads or writes files, holds tables or queues, calls Python or prints is absent; so is what draws random
numbers or changes variables. A name that is missing here costs a user an error that names it.
"""

from __future__ import annotations

_ELEMENTWISE = """
Abs Acos Acosh Add AddN AddV2 Angle Asin Asinh Atan Atan2 Atanh BesselI0e BesselI1e BitwiseAnd BitwiseOr BitwiseXor
Bitcast Cast Ceil ClipByValue Cos Cosh Digamma Div DivNoNan Elu Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv
FloorMod Greater GreaterEqual Igamma Igammac Inv Invert IsFinite IsInf IsNan LeakyRelu LeftShift Less LessEqual
Lgamma Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul MulNoNan Ndtri Neg NextAfter NotEqual Pow
RealDiv Reciprocal Relu Relu6 RightShift Rint Round Rsqrt Select SelectV2 Selu Sigmoid Sign Sin Sinh Softplus
Softsign Sqrt Square SquaredDifference Sub Tan Tanh TruncateDiv TruncateMod Xdivy Xlog1py Xlogy ZerosLike OnesLike
PopulationCount Betainc Complex ComplexAbs Conj Imag Polygamma Real Zeta
"""
_ARRAYS = """
BatchToSpace BatchToSpaceND BroadcastArgs BroadcastTo Concat ConcatOffset ConcatV2 Const DepthToSpace Diag DiagPart
Empty ExpandDims Fill Gather GatherNd GatherV2 Identity IdentityN InvertPermutation LinSpace MatrixBandPart
MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV2
MatrixSetDiagV3 MirrorPad OneHot Pack Pad PadV2 ParallelConcat Range Rank Reshape ResourceGather ResourceGatherNd
Reverse ReverseSequence ReverseV2 Roll ScatterNd SearchSorted Shape ShapeN Size Slice Snapshot SpaceToBatch
SpaceToBatchND SpaceToDepth Split SplitV Squeeze StridedSlice TensorScatterAdd TensorScatterMax TensorScatterMin
TensorScatterSub TensorScatterUpdate Tile Transpose Unpack Where LowerBound UpperBound EnsureShape CheckNumerics
StopGradient PreventGradient
"""
_NETWORKS = """
AvgPool AvgPool3D BatchMatMul BatchMatMulV2 BatchMatMulV3 BiasAdd BiasAddV1 Conv2D Conv2DBackpropInput Conv3D
Conv3DBackpropInput Conv3DBackpropInputV2 Conv Cumprod Cumsum CumulativeLogsumexp Cross DepthwiseConv2dNative
Dilation2D Einsum FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 InTopK InTopKV2 L2Loss LRN LogSoftmax MatMul
MaxPool MaxPool3D MaxPoolV2 ResizeBilinear ResizeNearestNeighbor Softmax TopK TopKV2 SoftmaxCrossEntropyWithLogits
SparseSoftmaxCrossEntropyWithLogits ExtractImagePatches AdjustContrastv2 RGBToHSV HSVToRGB
"""
_REDUCTIONS = """
All Any ArgMax ArgMin Bucketize EuclideanNorm Max Mean Min Prod SegmentSum Sum UnsortedSegmentSum
"""
_ALGEBRA = """
BatchCholesky Cholesky FFT FFT2D FFT3D IFFT IFFT2D IFFT3D IRFFT IRFFT2D IRFFT3D RFFT RFFT2D RFFT3D LogMatrixDeterminant
Lu MatrixDeterminant MatrixInverse MatrixSolve MatrixTriangularSolve Qr SelfAdjointEigV2 Svd TridiagonalMatMul
TridiagonalSolve CombinedNonMaxSuppression NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
"""
_CONTROL = """
Assert Case Enter Exit Func If LegacyCall LoopCond Merge NextIteration NoOp PartitionedCall Placeholder
PlaceholderWithDefault ReadVariableOp StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch
TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength
TensorListPopBack TensorListPushBack TensorListReserve TensorListResize TensorListSetItem TensorListStack
EmptyTensorList VarHandleOp VariableShape While XlaCallModule XlaConvV2 XlaDotV2 XlaDynamicSlice
XlaDynamicUpdateSlice XlaGather XlaPad XlaReduce XlaSharding StringFormat
"""

COMPUTING = frozenset(" ".join((_ELEMENTWISE, _ARRAYS, _NETWORKS, _REDUCTIONS, _ALGEBRA, _CONTROL)).split())
# Of what is refused, how its name begins, and what it does.
_WHY = {
    "draws random numbers": ("Random", "Stateless", "Multinomial", "Truncated", "ParameterizedTruncated"),
    "changes variables": ("Assign", "Resource", "Scatter"),
    "touches files": (
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "Save",
        "Restore",
        "MergeV2",
        "Sharded",
        "WriteSummary",
    ),
    "reads data": ("Iterator", "Dataset", "TFRecord", "TextLine", "FixedLength", "WholeFile", "MakeIterator"),
    "calls Python": ("PyFunc", "EagerPyFunc"),
    "looks words up in a table": ("Hash", "LookupTable", "MutableHash", "InitializeTable"),
    "works on strings": ("String", "Regex", "AsString", "Decode", "Encode", "Parse", "Unicode"),
    "prints": ("Print",),
}


def why(name: str) -> str:
    """What an operation does that is refused; "" where nothing special is known."""
    return next((text for text, starts in _WHY.items() if name.startswith(starts)), "")
