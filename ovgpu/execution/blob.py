"""The format of exported models: a header, the model as IR, and the configuration as JSON. Nothing in it is executable.

Layout: 8 bytes ``OVGPUBLB``, format version (u32), length of the header (u32), the header (JSON with device, producer
version, configuration, and length and CRC-32 of each part), then the IR's XML, then its weights. All little-endian.
"""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ovgpu.graph.element_type import Type

if TYPE_CHECKING:
    from ovgpu.graph.model import Model

MAGIC = b"OVGPUBLB"
FORMAT = 1
_PREFIX = struct.Struct("<8sII")


def _plain(value: Any) -> Any:
    """``value`` as JSON can hold it, or None for what cannot be stored (it then takes its default)."""
    if isinstance(value, Type):
        return {"type": value.to_string()}
    if isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, int):
        return int(value)
    return None


def write_blob(stream: BytesIO, model: Model, device: str, config: dict[str, Any]) -> None:
    """Write ``model`` with the configuration it was compiled with."""
    from ovgpu.frontends.ir.writer import to_bytes
    from ovgpu.version import get_version

    xml, weights = to_bytes(model)
    settings = {k: plain for k, v in config.items() if (plain := _plain(v)) is not None}
    header = {
        "device": device,
        "producer": get_version(),
        "config": settings,
        "parts": [[len(part), zlib.crc32(part)] for part in (xml, weights)],
    }
    encoded = json.dumps(header).encode()
    stream.write(_PREFIX.pack(MAGIC, FORMAT, len(encoded)))
    stream.write(encoded)
    stream.write(xml)
    stream.write(weights)


def read_blob(blob: bytes, device: str) -> tuple[Model, dict[str, Any]]:
    """Model and configuration of a blob. Raises RuntimeError when it is not ours, damaged, or for another device."""
    from ovgpu.frontends import read_model

    def broken(why: str) -> RuntimeError:
        return RuntimeError(f"[{device}] Cannot import compiled blob: {why}")

    if len(blob) < _PREFIX.size:
        raise broken("failed to read minimal requirements header.")
    magic, version, length = _PREFIX.unpack_from(blob)
    if magic != MAGIC:
        raise broken("failed to read minimal requirements header.")
    if version != FORMAT:
        raise broken(
            f"it has format {version}, this version reads format {FORMAT}; compile the model again."
        )
    start = _PREFIX.size + length
    try:
        header = json.loads(blob[_PREFIX.size : start])
        parts = [(int(size), int(checksum)) for size, checksum in header["parts"]]
        config = {
            k: Type.from_name(v["type"]) if isinstance(v, dict) else v
            for k, v in header["config"].items()
        }
        owner = str(header["device"])
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise broken(f"its header is damaged ({error}).") from error
    if owner != device:
        raise broken(f"it was exported for {owner}.")
    pieces = []
    for size, checksum in parts:
        piece = blob[start : start + size]
        start += size
        if len(piece) != size or zlib.crc32(piece) != checksum:
            raise broken("it is truncated or damaged.")
        pieces.append(piece)
    xml, weights = pieces
    return read_model(xml, weights, {}), config
