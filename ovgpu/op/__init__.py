"""Node classes that are built directly, not through the factories of an opset."""

from ovgpu.graph.special import Constant, Parameter, Result
from ovgpu.graph.state import Assign as assign  # noqa: N813 - the public names, as in openvino.op
from ovgpu.graph.state import ReadValue as read_value  # noqa: N813
from ovgpu.graph.subgraph import If as if_op  # noqa: N813
from ovgpu.graph.subgraph import Loop as loop  # noqa: N813
from ovgpu.graph.subgraph import TensorIterator as tensor_iterator  # noqa: N813
from ovgpu.op import util

__all__ = [
    "Constant",
    "Parameter",
    "Result",
    "assign",
    "if_op",
    "loop",
    "read_value",
    "tensor_iterator",
    "util",
]
