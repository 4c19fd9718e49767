"""Helpers for data in types narrower than a byte."""

from ovgpu.helpers.packing import pack_data as pack_data
from ovgpu.helpers.packing import unpack_data as unpack_data

__all__ = ["pack_data", "unpack_data"]
