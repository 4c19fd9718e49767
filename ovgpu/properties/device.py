"""What a device is, and which devices to use."""

from __future__ import annotations

from typing import Any

from ovgpu.enumeration import Enumeration
from ovgpu.properties._property import Property, VariadicProperty, missing_attribute
from ovgpu.properties._values import STR


class Type(Enumeration):
    """Whether a device shares the host's memory or has its own."""

    INTEGRATED = 0
    DISCRETE = 1


class Capability:
    """What devices list under `capabilities`."""

    BF16 = "BF16"
    BIN = "BIN"
    EXPORT_IMPORT = "EXPORT_IMPORT"
    FP16 = "FP16"
    FP32 = "FP32"
    INT16 = "INT16"
    INT8 = "INT8"
    WINOGRAD = "WINOGRAD"

    def __init__(self) -> None:
        raise TypeError("ovgpu.properties.device.Capability: No constructor defined!")


def _join_priorities(*names: Any) -> str:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"Incorrect passed value: {name} , expected string values.")
    return "".join(f"{name}," for name in names)


def _merge_properties(*configurations: Any) -> dict:
    merged: dict = {}
    for configuration in configurations:
        if not isinstance(configuration, dict):
            raise TypeError(
                f"Incorrect passed value: {configuration}, expected dictionary instead of "
                f"{configuration.__class__.__name__}"
            )
        for name, values in configuration.items():
            # Keys may be property objects; what is handed on has plain strings.
            plain = isinstance(values, dict)
            merged[str(name)] = {str(k): v for k, v in values.items()} if plain else values
    return merged


architecture = Property("DEVICE_ARCHITECTURE", "architecture")
capabilities = Property("OPTIMIZATION_CAPABILITIES", "capabilities")
full_name = Property("FULL_DEVICE_NAME", "full_name")
gops = Property("DEVICE_GOPS", "gops")
id = Property("DEVICE_ID", "id", STR)
luid = Property("DEVICE_LUID", "luid")
pci_info = Property("DEVICE_PCI_INFO", "pci_info")
priorities = VariadicProperty("MULTI_DEVICE_PRIORITIES", "priorities", _join_priorities)
properties = VariadicProperty("DEVICE_PROPERTIES", "properties", _merge_properties)
thermal = Property("DEVICE_THERMAL", "thermal")
type = Property("DEVICE_TYPE", "type")
uuid = Property("DEVICE_UUID", "uuid")


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
