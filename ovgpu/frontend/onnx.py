"""Extensions of the ONNX reader."""

from ovgpu.frontend.extensions import ConversionExtension
from ovgpu.inference.extension import OpExtension

__all__ = ["ConversionExtension", "OpExtension"]
