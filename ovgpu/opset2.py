"""Factories of the operations of opset2; see the operation specifications of OpenVINO."""

from ovgpu.ops.factory import namespace_getattr, opset_namespace

__getattr__ = namespace_getattr(2)


def __dir__() -> list[str]:
    return list(opset_namespace(2))
