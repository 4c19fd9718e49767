"""The base types of operations, as ``Node.get_type_info()`` shows them."""

from __future__ import annotations

from functools import cache

from ovgpu.graph.type_info import DiscreteTypeInfo

_FAMILIES = {
    "UnaryElementwiseArithmetic": (
        "Abs Acos Acosh Asin Asinh Atan Atanh Ceiling Clamp Cos Cosh Elu Erf Exp Floor GRN Gelu HSigmoid HSwish Log "
        "Mish Negative Relu Round Sigmoid Sign Sin Sinh SoftPlus SoftSign Sqrt Tan Tanh"
    ),
    "BinaryElementwiseArithmetic": (
        "Add Divide FloorMod Maximum Minimum Mod Multiply Power SquaredDifference Subtract"
    ),
    "BinaryElementwiseBitwise": (
        "BitwiseAnd BitwiseLeftShift BitwiseOr BitwiseRightShift BitwiseXor"
    ),
    "BinaryElementwiseComparison": "Equal Greater GreaterEqual Less LessEqual NotEqual",
    "BinaryElementwiseLogical": "LogicalAnd LogicalOr LogicalXor",
    "ArithmeticReductionKeepDims": (
        "ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum"
    ),
    "LogicalReductionKeepDims": "ReduceLogicalAnd ReduceLogicalOr",
    "AssignBase": "Assign",
    "ReadValueBase": "ReadValue",
    "MultiSubGraphOp": "If",
    "SubGraphOp": "Loop TensorIterator",
    "RNNCellBase": "GRUCell GRUSequence LSTMCell LSTMSequence RNNCell RNNSequence",
    "ConvolutionFwdPropBase": "BinaryConvolution Convolution GroupConvolution",
    "ConvolutionBackPropBase": "ConvolutionBackpropData GroupConvolutionBackpropData",
    "DeformableConvolutionBase": "DeformableConvolution",
    "MaxPoolBase": "MaxPool",
    "FFTBase": "DFT IDFT IRDFT RDFT",
    "BroadcastBase": "Broadcast",
    "ConvertColorI420Base": "I420toBGR I420toRGB",
    "ConvertColorNV12Base": "NV12toBGR NV12toRGB",
    "DetectionOutputBase": "DetectionOutput",
    "EmbeddingBagOffsetsBase": "EmbeddingBagOffsets EmbeddingBagOffsetsSum",
    "EmbeddingBagPackedBase": "EmbeddingBagPacked EmbeddingBagPackedSum",
    "GatherBase": "Gather",
    "GatherNDBase": "GatherND",
    "MulticlassNmsBase": "MulticlassNms",
    "PadBase": "Pad",
    "ROIAlignBase": "ROIAlign ROIAlignRotated",
    "ScatterBase": "ScatterUpdate",
    "ScatterElementsUpdateBase": "ScatterElementsUpdate",
    "ScatterNDBase": "ScatterNDUpdate",
    "ShapeOfBase": "ShapeOf",
    "TopKBase": "TopK",
}
_PARENTS = {name: parent for parent, names in _FAMILIES.items() for name in names.split()}


@cache
def type_info_of(name: str, version: str) -> DiscreteTypeInfo:
    """The type of an operation, with its family as the parent."""
    return DiscreteTypeInfo(name, version, DiscreteTypeInfo(_PARENTS.get(name, "Op"), "util"))
