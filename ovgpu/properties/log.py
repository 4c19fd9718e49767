"""How much devices log."""

from __future__ import annotations

from typing import Any

from ovgpu.enumeration import Enumeration
from ovgpu.properties._property import Property, missing_attribute
from ovgpu.properties._values import instance_of


class Level(Enumeration):
    """The least important messages that are logged."""

    NO = -1
    ERR = 0
    WARNING = 1
    INFO = 2
    DEBUG = 3
    TRACE = 4


level = Property("LOG_LEVEL", "level", instance_of(Level, "properties.log.Level"))


def __getattr__(name: str) -> Any:
    raise missing_attribute(__name__, name)
