"""Which devices there are: the built-in ones and those of installed packages.

A package adds a device with an entry point of the group ``ovgpu.plugins``: the name is the device's name, the object a
:class:`~ovgpu.plugins.plugin.Plugin` subclass or a factory without arguments. Plugins are imported when first used.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ovgpu.plugins.plugin import Plugin

ENTRY_POINT_GROUP = "ovgpu.plugins"

#: Used as they are when the package runs without being installed.
BUILT_IN = {
    "CPU": "ovgpu.plugins.cpu.plugin:CpuPlugin",
    "GPU": "ovgpu.plugins.gpu.plugin:GpuPlugin",
    "AUTO": "ovgpu.plugins.auto.plugin:AutoPlugin",
    "MULTI": "ovgpu.plugins.auto.plugin:MultiPlugin",
    "HETERO": "ovgpu.plugins.auto.plugin:HeteroPlugin",
    "BATCH": "ovgpu.plugins.auto.plugin:BatchPlugin",
}


class UnavailableDevice(RuntimeError):
    """A known device whose plugin cannot be loaded here; the text says why."""


@functools.cache
def installed_plugins() -> Mapping[str, str]:
    """Device name → ``module:object`` of all plugins, built-in ones first."""
    from importlib.metadata import entry_points

    found = {entry.name: entry.value for entry in entry_points(group=ENTRY_POINT_GROUP)}
    return {**BUILT_IN, **found}


def load_factory(location: str) -> Callable[[], Plugin]:
    """Import ``module:object``. Raises ImportError or AttributeError."""
    module, _, name = location.partition(":")
    target: Any = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    return target


class PluginRegistry:
    """The plugins of one :class:`Core`, created on first use."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._factories: dict[str, str | Callable[[], Plugin]] = {}
        self._plugins: dict[str, Plugin] = {}
        self._failures: dict[str, str] = {}
        self._pending: dict[str, dict[str, Any]] = {}
        self._unloaded: set[str] = set()

    def register(
        self, name: str, plugin: str | Callable[[], Plugin] | Plugin, config: Mapping[str, Any]
    ) -> None:
        """Add a device: a plugin object, a factory, or the ``module:object`` of one. Raises RuntimeError when known."""
        with self._lock:
            if name in self.names():
                raise RuntimeError(
                    f'Device with "{name}" is already registered in the OpenVINO Runtime'
                )
            if isinstance(plugin, Plugin):
                ready = plugin
                self._factories[name] = lambda: ready
            else:
                self._factories[name] = plugin
            self._unloaded.discard(name)
            self._pending[name] = dict(config)

    def unload(self, name: str) -> None:
        """Drop the plugin object of a device; the next use creates a new one. Raises RuntimeError when unknown."""
        with self._lock:
            self.check_known(name)
            self._plugins.pop(name, None)
            self._failures.pop(name, None)

    def names(self) -> list[str]:
        """Names of all known devices, usable or not."""
        return [*installed_plugins(), *(n for n in self._factories if n not in installed_plugins())]

    def check_known(self, name: str) -> None:
        """Raise RuntimeError for a device that nobody registered."""
        if name not in BUILT_IN and name not in self._factories and name not in installed_plugins():
            raise RuntimeError(
                f'Device with "{name}" name is not registered in the OpenVINO Runtime'
            )

    def loaded(self) -> list[Plugin]:
        """The plugins created so far."""
        return list(self._plugins.values())

    def get(self, name: str) -> Plugin:
        """The plugin of a device.

        Raises:
            RuntimeError: there is no such device.
            UnavailableDevice: its plugin cannot be loaded here.
        """
        plugin = self._plugins.get(name)
        if plugin is not None:
            return plugin
        with self._lock:
            if name in self._plugins:
                return self._plugins[name]
            self.check_known(name)
            if name in self._failures:
                raise UnavailableDevice(self._failures[name])
            plugin = self._create(name)
            plugin.attach(self)
            pending = self._pending.pop(name, None)
            if pending:
                plugin.properties.set(pending)
            self._plugins[name] = plugin
            return plugin

    def _create(self, name: str) -> Plugin:
        source = self._factories.get(name) or BUILT_IN.get(name) or installed_plugins()[name]
        try:
            return (load_factory(source) if isinstance(source, str) else source)()
        except Exception as error:
            # Kept: importing a broken package again and again is slow, and its second error is often misleading.
            reason = (
                f'Device "{name}" is not available: its plugin {source} cannot be loaded: {error}'
            )
            self._failures[name] = reason
            raise UnavailableDevice(reason) from error

    def set_properties(self, name: str, config: Mapping[str, Any]) -> None:
        """Set properties of a device, at once or when its plugin is loaded. Raises as ``PropertyTable.set``."""
        try:
            plugin = self.get(name)
        except UnavailableDevice:
            # Scripts configure a GPU before they know whether there is one.
            self._pending.setdefault(name, {}).update(config)
            return
        plugin.properties.set(config)

    def device_ids(self, name: str) -> list[str]:
        """Indices of the usable devices of a plugin; an empty list when it is not available."""
        try:
            return self.get(name).available_devices()
        except UnavailableDevice:
            return []

    def unavailable_reason(self, name: str) -> str | None:
        """Why no device of this name can be used, or None when one can."""
        try:
            plugin = self.get(name)
        except RuntimeError as error:
            return str(error)
        return None if plugin.available_devices() else plugin.unavailable_reason()

    def available_devices(self) -> list[str]:
        """Full names of all usable devices: ``CPU``, ``GPU`` or ``GPU.0``, ``GPU.1`` …"""
        devices = []
        for name in self.names():
            ids = self.device_ids(name)
            devices += [f"{name}.{i}" for i in ids] if len(ids) > 1 else [name] * len(ids)
        return devices
