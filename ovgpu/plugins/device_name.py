"""Device names as users write them: ``CPU``, ``GPU.1``, ``AUTO:GPU,CPU``, ``BATCH:GPU(8)``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Devices that are made of others.
VIRTUAL = ("AUTO", "MULTI", "HETERO", "BATCH")


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A parsed device name.

    Attributes:
        plugin: name of the plugin, ``GPU`` for ``GPU.1``.
        device_id: what follows the dot, or "".
        config: properties that the name itself carries: ``DEVICE_ID``, ``MULTI_DEVICE_PRIORITIES``.
    """

    plugin: str
    device_id: str = ""
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> DeviceName:
        """Parse ``text``; unknown names are for the registry to refuse."""
        head, colon, members = text.partition(":")
        if head in VIRTUAL:
            return cls(head, config={"MULTI_DEVICE_PRIORITIES": members} if members else {})
        if colon:
            return cls(text)
        plugin, dot, device_id = text.partition(".")
        return cls(plugin, device_id, {"DEVICE_ID": device_id} if dot else {})
