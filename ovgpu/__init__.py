"""ovgpu: the OpenVINO Python API as a runtime of its own, on NVIDIA GPUs and any CPU.

``import ovgpu as ov`` runs scripts written for ``import openvino as ov``. Names are imported when first used, so that
importing the package costs little and pulls in neither cupy nor onnx.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ovgpu.version import __version__ as __version__
from ovgpu.version import get_version as get_version

if TYPE_CHECKING:
    from ovgpu.execution.profiling import ProfilingInfo as ProfilingInfo
    from ovgpu.frontends import save_model as save_model
    from ovgpu.frontends import serialize as serialize
    from ovgpu.frontends.convert import convert_model as convert_model
    from ovgpu.graph.any import OVAny as OVAny
    from ovgpu.graph.any import RTMap as RTMap
    from ovgpu.graph.dimension import Dimension as Dimension
    from ovgpu.graph.element_type import Type as Type
    from ovgpu.graph.layout import Layout as Layout
    from ovgpu.graph.model import Model as Model
    from ovgpu.graph.model_editing import get_batch as get_batch
    from ovgpu.graph.model_editing import set_batch as set_batch
    from ovgpu.graph.node import Node as Node
    from ovgpu.graph.partial_shape import PartialShape as PartialShape
    from ovgpu.graph.port import ConstOutput as ConstOutput
    from ovgpu.graph.port import Input as Input
    from ovgpu.graph.port import Output as Output
    from ovgpu.graph.shape import AxisSet as AxisSet
    from ovgpu.graph.shape import AxisVector as AxisVector
    from ovgpu.graph.shape import Coordinate as Coordinate
    from ovgpu.graph.shape import CoordinateDiff as CoordinateDiff
    from ovgpu.graph.shape import Shape as Shape
    from ovgpu.graph.shape import Strides as Strides
    from ovgpu.graph.symbol import Symbol as Symbol
    from ovgpu.graph.tensor import Tensor as Tensor
    from ovgpu.graph.tensor_vector import TensorVector as TensorVector
    from ovgpu.graph.type_info import DiscreteTypeInfo as DiscreteTypeInfo
    from ovgpu.inference.async_infer_queue import AsyncInferQueue as AsyncInferQueue
    from ovgpu.inference.compiled_model import CompiledModel as CompiledModel
    from ovgpu.inference.core import Core as Core
    from ovgpu.inference.core import compile_model as compile_model
    from ovgpu.inference.infer_request import InferRequest as InferRequest

#: Public name → module that defines it.
_HOMES = {
    "AsyncInferQueue": "ovgpu.inference.async_infer_queue",
    "AxisSet": "ovgpu.graph.shape",
    "AxisVector": "ovgpu.graph.shape",
    "CompiledModel": "ovgpu.inference.compiled_model",
    "ConstOutput": "ovgpu.graph.port",
    "Coordinate": "ovgpu.graph.shape",
    "CoordinateDiff": "ovgpu.graph.shape",
    "Core": "ovgpu.inference.core",
    "Dimension": "ovgpu.graph.dimension",
    "DiscreteTypeInfo": "ovgpu.graph.type_info",
    "Extension": "ovgpu.inference.extension",
    "InferRequest": "ovgpu.inference.infer_request",
    "Input": "ovgpu.graph.port",
    "Layout": "ovgpu.graph.layout",
    "Model": "ovgpu.graph.model",
    "Node": "ovgpu.graph.node",
    "OVAny": "ovgpu.graph.any",
    "Op": "ovgpu.graph.custom_op",
    "OpExtension": "ovgpu.inference.extension",
    "Output": "ovgpu.graph.port",
    "PartialShape": "ovgpu.graph.partial_shape",
    "ProfilingInfo": "ovgpu.execution.profiling",
    "RTMap": "ovgpu.graph.any",
    "RemoteContext": "ovgpu.inference.remote",
    "RemoteTensor": "ovgpu.inference.remote",
    "Shape": "ovgpu.graph.shape",
    "Strides": "ovgpu.graph.shape",
    "Symbol": "ovgpu.graph.symbol",
    "Tensor": "ovgpu.graph.tensor",
    "TensorVector": "ovgpu.graph.tensor_vector",
    "Type": "ovgpu.graph.element_type",
    "VAContext": "ovgpu.inference.remote",
    "VASurfaceTensor": "ovgpu.inference.remote",
    "Version": "ovgpu.version",
    "compile_model": "ovgpu.inference.core",
    "convert_model": "ovgpu.frontends.convert",
    "get_batch": "ovgpu.graph.model_editing",
    "save_model": "ovgpu.frontends",
    "serialize": "ovgpu.frontends",
    "set_batch": "ovgpu.graph.model_editing",
    "shutdown": "ovgpu.inference.lifetime",
    "tensor_from_file": "ovgpu.inference.tensor_file",
}

#: Submodules that are attributes of the package without being imported first.
_SUBMODULES = frozenset(
    {
        "exceptions",
        "experimental",
        "frontend",
        "helpers",
        "layout_helpers",
        "op",
        "package_utils",
        "preprocess",
        "properties",
        "runtime",
        "utils",
    }
    | {f"opset{i}" for i in range(1, 18)}
)

__all__ = ["__version__", "get_version", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is not None:
        value = getattr(importlib.import_module(home), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f"ovgpu.{name}")
    else:
        raise AttributeError(f"module 'ovgpu' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_SUBMODULES})
