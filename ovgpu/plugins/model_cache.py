"""Compiled models kept on disk: the folder that the property ``CACHE_DIR`` names.

A file is called ``<hash>.blob``. The hash covers the model's content, the device and the properties that change what is
compiled, so that a changed model or another precision never meets an old file. Files that cannot be used (cut short,
of another version, wrongly decrypted) are replaced without a word.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ovgpu.graph.model import Model
from ovgpu.graph.tensor import Tensor
from ovgpu.plugins.device_name import DeviceName
from ovgpu.plugins.plugin import CompiledPlugin, Plugin
from ovgpu.version import __version__

#: Properties that decide how inferences run, not what is compiled: a blob serves all their values.
_NOT_IN_KEY = {
    "CACHE_DIR",
    "CACHE_ENCRYPTION_CALLBACKS",
    "CACHE_MODE",
    "ENABLE_CPU_PINNING",
    "ENABLE_CPU_RESERVATION",
    "ENABLE_HYPER_THREADING",
    "INFERENCE_NUM_THREADS",
    "LOG_LEVEL",
    "MODEL_PRIORITY",
    "NUM_STREAMS",
    "PERFORMANCE_HINT",
    "PERFORMANCE_HINT_NUM_REQUESTS",
    "PERF_COUNT",
    "SCHEDULING_CORE_TYPE",
}
#: First bytes of a plain cache file; an encrypted one has whatever the user's function makes of them.
_MAGIC = b"OVGPUBLOB1\n"

Callback = Callable[[Any], Any]


class ModelCache:
    """A folder of compiled models.

    Args:
        folder: where the files are; created when missing.
        encrypt: applied to the bytes before they are written.
        decrypt: its inverse.
    """

    def __init__(
        self, folder: Path, encrypt: Callback | None = None, decrypt: Callback | None = None
    ) -> None:
        self._folder = folder
        self._encrypt = encrypt
        self._decrypt = decrypt
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ModelCache | None:
        """The cache that ``CACHE_DIR`` and ``CACHE_ENCRYPTION_CALLBACKS`` describe; None without a folder."""
        folder = config.get("CACHE_DIR")
        if not folder:
            return None
        callbacks = config.get("CACHE_ENCRYPTION_CALLBACKS") or (None, None)
        if len(callbacks) != 2:
            raise RuntimeError("CACHE_ENCRYPTION_CALLBACKS takes two functions: [encrypt, decrypt]")
        return cls(Path(folder), *callbacks)

    def compile(
        self,
        plugin: Plugin,
        device: DeviceName,
        source: Model | str | os.PathLike | bytes,
        weights: bytes | Tensor | None,
        read: Callable[[], Model],
        config: Mapping[str, Any],
    ) -> tuple[CompiledPlugin, bool]:
        """Take the compiled model from the cache, or compile and store it.

        Returns the compiled model and whether it came from the cache.
        """
        key = hashlib.blake2b(digest_size=16)
        model = None
        if isinstance(source, Model):
            hash_model(key, source)
        elif weights is not None or not _hash_files(key, Path(os.fsdecode(source))):
            model = read()  # no file, or one with parts elsewhere: what was read decides
            hash_model(key, model)
        relevant = {k: str(v) for k, v in sorted(config.items()) if k not in _NOT_IN_KEY}
        key.update(f"{__version__}|{device.plugin}|{device.device_id}|{relevant}".encode())
        path = self._folder / f"{int.from_bytes(key.digest()[:8], 'little')}.blob"
        blob = self._load(path)
        if blob is not None:
            try:
                return plugin.import_model(blob, config), True
            except RuntimeError:
                path.unlink(missing_ok=True)
        compiled = plugin.compile_model(model if model is not None else read(), config)
        self._store(path, compiled)
        return compiled, False

    def _load(self, path: Path) -> bytes | None:
        try:
            data = path.read_bytes()
            if self._decrypt is not None:
                data = _as_bytes(self._decrypt(data))
        except FileNotFoundError:
            return None
        except Exception:
            return None
        digest, blob = data[len(_MAGIC) : len(_MAGIC) + 16], data[len(_MAGIC) + 16 :]
        if not data.startswith(_MAGIC) or hashlib.blake2b(blob, digest_size=16).digest() != digest:
            return None
        return blob

    def _store(self, path: Path, compiled: CompiledPlugin) -> None:
        stream = BytesIO()
        try:
            compiled.export_model(stream)
        except (NotImplementedError, RuntimeError):
            return  # a device without export is compiled each time
        blob = stream.getvalue()
        data = _MAGIC + hashlib.blake2b(blob, digest_size=16).digest() + blob
        if self._encrypt is not None:
            data = _as_bytes(self._encrypt(data))
        # Written aside and renamed: another process never reads half a file.
        handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)


def _as_bytes(data: Any) -> bytes:
    return data.encode() if isinstance(data, str) else bytes(data)


def _hash_files(key: Any, path: Path) -> bool:
    """Hash a model file and its weights. Returns False when the files alone do not tell the whole model."""
    if path.suffix != ".xml" or not path.is_file():
        return False
    for part in (path, path.with_suffix(".bin")):
        if part.is_file():
            with part.open("rb") as file:
                key.update(hashlib.file_digest(file, "blake2b").digest())
    key.update(b"file")
    return True


def hash_model(key: Any, model: Model) -> None:
    """Add everything that decides what a model computes, and its names, to a hash of :mod:`hashlib`."""
    nodes = model.get_ordered_ops()
    numbers = {id(node): i for i, node in enumerate(nodes)}
    for node in nodes:
        inputs = [(numbers[id(s.get_node())], s.get_index()) for s in node.input_values()]
        ports = [
            (o.element_type.to_string(), str(o.partial_shape), sorted(o.names))
            for o in node.outputs()
        ]
        type_info = node.get_type_info()
        key.update(
            f"{type_info.name}|{type_info.version_id}|{node.get_friendly_name()}|{inputs}|{ports}".encode()
        )
        for name, value in sorted(node.get_attributes().items()):
            key.update(name.encode())
            _hash_value(key, value)
    for port in (*model.inputs, *model.outputs):
        key.update(f"{numbers[id(port.get_node())]}".encode())


def _hash_value(key: Any, value: Any) -> None:
    if isinstance(value, Model):
        hash_model(key, value)
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            key.update(repr(value.tolist()).encode())
        else:
            key.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    elif isinstance(value, list | tuple):
        for one in value:
            _hash_value(key, one)
    elif isinstance(value, Mapping):
        for name in value:
            _hash_value(key, name)
            _hash_value(key, value[name])
    else:
        key.update(repr(value).encode())
