"""Memory of a device, as users hold it. Devices with memory of their own derive from these classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ovgpu.graph.any import OVAny
from ovgpu.graph.element_type import Type
from ovgpu.graph.shape import Shape
from ovgpu.graph.tensor import Tensor


class RemoteContext:
    """Where a device allocates. Made by ``Core.create_context`` and ``Core.get_default_context``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("ovgpu.RemoteContext: No constructor defined!")

    def get_device_name(self) -> str:
        """Name of the device."""
        raise NotImplementedError

    def get_params(self) -> dict[str, OVAny]:
        """Handles of the context, by name."""
        raise NotImplementedError

    def create_tensor(
        self, type: Type, shape: Shape, properties: Mapping[str, Any]
    ) -> RemoteTensor:
        """Allocate or wrap memory of the device."""
        raise NotImplementedError

    def create_host_tensor(self, type: Type, shape: Shape) -> Tensor:
        """Allocate host memory that the device reads fast."""
        return Tensor(type, shape)


class RemoteTensor(Tensor):
    """A tensor in memory of a device.

    ``RemoteTensor(remote_tensor, begin, end)`` is a region of another one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            "__init__(): incompatible constructor arguments. A RemoteTensor is made by RemoteContext.create_tensor or "
            "as a region of another one on a device that supports regions"
        )

    @property
    def data(self) -> NoReturn:
        """Not offered: copy to a host tensor with :meth:`copy_to`."""
        raise RuntimeError("This property is not implemented.")

    @property  # type: ignore[misc]
    def bytes_data(self) -> NoReturn:  # type: ignore[override]
        """Not offered."""
        raise RuntimeError("This property is not implemented.")

    @property  # type: ignore[misc]
    def str_data(self) -> NoReturn:  # type: ignore[override]
        """Not offered."""
        raise RuntimeError("This property is not implemented.")

    def get_device_name(self) -> str:
        """Name of the device that holds the memory."""
        raise NotImplementedError

    def get_params(self) -> dict[str, OVAny]:
        """Handles of the memory, by name."""
        raise NotImplementedError

    # Declared here as well: the class's own documentation lists what a remote tensor offers.
    def copy_to(self, target_tensor: Tensor) -> None:
        """Copy into a host or remote tensor, which takes this tensor's shape."""
        super().copy_to(target_tensor)

    def copy_from(self, source_tensor: Tensor) -> None:  # type: ignore[override]
        """Copy from a host or remote tensor."""
        super().copy_from(source_tensor)

    def get_shape(self) -> Shape:
        """The shape."""
        return super().get_shape()

    def get_byte_size(self) -> int:
        """Bytes of the elements."""
        return super().get_byte_size()

    def __repr__(self) -> str:
        return f"<RemoteTensor: shape{Shape(self._dims)} type: {self._type.to_string()}>"


class VAContext(RemoteContext):
    """A context over a VA-API display; only devices with VA-API have one."""

    def __init__(self, core: Any, display: Any, target_tile_id: int = -1) -> None:
        raise RuntimeError(
            "No device offers VA-API memory: decode video with the device's own decoder instead"
        )

    def create_tensor_nv12(
        self, height: int, width: int, nv12_surface: int
    ) -> tuple[RemoteTensor, RemoteTensor]:
        """The two planes of an NV12 surface."""
        raise NotImplementedError


class VASurfaceTensor(RemoteTensor):
    """A tensor over a plane of a VA-API surface."""

    @property
    def surface_id(self) -> int:
        """Identifier of the surface."""
        raise NotImplementedError

    @property
    def plane_id(self) -> int:
        """Index of the plane."""
        raise NotImplementedError
