"""The configuration of one compilation: which properties are the device's, and which are for the steps before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovgpu.plugins.device_name import VIRTUAL, DeviceName
from ovgpu.plugins.plugin import Plugin
from ovgpu.plugins.properties import plain_config

#: Keys that a compilation takes besides the device's own properties.
_COMPILE_KEYS = {
    "ALLOW_AUTO_BATCHING",
    "AUTO_BATCH_TIMEOUT",
    "CACHE_DIR",
    "CACHE_ENCRYPTION_CALLBACKS",
    "CACHE_MODE",
    "DEVICE_PROPERTIES",
    "ENABLE_MMAP",
    "FORCE_TBB_TERMINATE",
}


class CompileOptions:
    """The configuration of one compilation: for the device, and for the steps before it."""

    __slots__ = ("can_cache", "device", "given", "globals")

    def __init__(
        self,
        device: dict[str, Any],
        globals: dict[str, Any],
        can_cache: bool,
        given: dict[str, Any] | None = None,
    ) -> None:
        self.device = device
        #: Without what comes from the device's settings: an imported model keeps those that it was compiled with.
        self.given = device if given is None else given
        self.globals = globals
        self.can_cache = can_cache


def compile_options(
    plugin: Plugin, device: DeviceName, given: dict[str, Any], core: Mapping[str, Any]
) -> CompileOptions:
    """Sort the properties of a compilation.

    Args:
        plugin: the plugin of the device.
        device: the device, with the properties that its name holds.
        given: properties for this compilation; the device's remain in it.
        core: properties of the Core.
    """
    merged = dict(core)
    for key in _COMPILE_KEYS & set(given):
        if key not in plugin.properties:
            merged[key] = given.pop(key)
        elif key in merged:
            merged[key] = given[key]
    if plugin.properties.is_set("CACHE_DIR") and "CACHE_DIR" not in given:
        merged["CACHE_DIR"] = plugin.properties.get("CACHE_DIR")
    if device.plugin in VIRTUAL:
        # Virtual devices sort out what is theirs, and cache what the devices behind them compile.
        return CompileOptions(merged | device.config | given, merged, can_cache=False)
    per_device = plain_config(merged.pop("DEVICE_PROPERTIES", None) or {})
    given |= plain_config(per_device.get(plugin.name, {}))
    return CompileOptions(
        plugin.properties.resolve(device.config | given),
        merged,
        can_cache=True,
        given=plugin.properties.parse(device.config | given),
    )
