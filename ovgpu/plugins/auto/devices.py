"""Which devices a list such as ``GPU,CPU`` or ``-CPU`` means here, and why some are left out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from ovgpu.plugins.device_name import DeviceName
from ovgpu.plugins.plugin import Plugin
from ovgpu.plugins.registry import PluginRegistry

#: What AUTO chooses from, best first, when the user names no devices.
PREFERENCE = ("GPU", "CPU")

_warned: set[str] = set()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device to use: its name as listed, for instance ``GPU.1``, and its plugin."""

    name: str
    plugin: Plugin

    @property
    def device_id(self) -> str:
        """The index, or ""."""
        return DeviceName.parse(self.name).device_id


def without_count(name: str) -> str:
    """``GPU`` of ``GPU(4)``, where the number is a batch size or a number of requests."""
    return name.partition("(")[0]


def select_candidates(registry: PluginRegistry, priorities: str, virtual: str) -> list[Candidate]:
    """The usable devices of a list, in its order; each at most once.

    Args:
        registry: knows the devices.
        priorities: comma-separated names; ``-NAME`` leaves one out; empty takes all of :data:`PREFERENCE`.
        virtual: the device that asks, for messages.

    A device that is listed, or preferred, but cannot be used is named together with the reason in a RuntimeWarning,
    once per process.

    Raises RuntimeError when nothing is left.
    """
    listed = [name for name in priorities.split(",") if name]
    excluded = {name[1:] for name in listed if name.startswith("-")}
    included = [without_count(name) for name in listed if not name.startswith("-")]
    if included and not any(_is_known(registry, name) for name in included):
        raise RuntimeError(f"No available device to filter {virtual} plugin")
    names = [
        n
        for n in included or PREFERENCE
        if n not in excluded and DeviceName.parse(n).plugin not in excluded
    ]
    candidates: list[Candidate] = []
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(names):
        if not _is_known(registry, name):
            continue
        plugin_name = DeviceName.parse(name).plugin
        reason = registry.unavailable_reason(plugin_name)
        if reason is None:
            candidates.append(Candidate(name, registry.get(plugin_name)))
        else:
            reasons[name] = reason
    if not candidates:
        details = "".join(f"\n{name}: {reason}" for name, reason in reasons.items())
        raise RuntimeError(
            "Please, check environment due to no supported devices can be used" + details
        )
    for name, reason in reasons.items():
        warn_once(f"{virtual} does not use {name} but {candidates[0].name}: {reason}")
    return candidates


def warn_once(message: str) -> None:
    """Issue a RuntimeWarning, once per process and text."""
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def _is_known(registry: PluginRegistry, name: str) -> bool:
    return DeviceName.parse(name).plugin in registry.names()
