"""Reading ONNX models. Needs the extra ``onnx``, whose package does the parsing."""

from ovgpu.frontends.onnx.reader import is_onnx, read_onnx

__all__ = ["is_onnx", "read_onnx"]
