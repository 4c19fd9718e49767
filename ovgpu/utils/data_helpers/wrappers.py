"""The result of a synchronous inference, under its longer path."""

from ovgpu.inference.ov_dict import OVDict as OVDict
from ovgpu.inference.tensor_file import tensor_from_file as tensor_from_file

__all__ = ["OVDict", "tensor_from_file"]
