"""StringTensorPack and StringTensorUnpack on host arrays (object arrays of ``bytes``)."""

from __future__ import annotations

import numpy as np

from ovgpu.plugins.cpu.registry import kernel


@kernel("StringTensorPack", native=True)
def string_tensor_pack(begins: np.ndarray, ends: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    text = symbols.tobytes()
    result = np.empty(begins.size, object)
    result[:] = [
        text[a:b]
        for a, b in zip(begins.reshape(-1).tolist(), ends.reshape(-1).tolist(), strict=True)
    ]
    return result.reshape(begins.shape)


@kernel("StringTensorUnpack", native=True)
def string_tensor_unpack(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    texts = x.reshape(-1).tolist()
    ends = np.cumsum([len(t) for t in texts], dtype=np.int32)
    begins = np.concatenate([np.zeros(1, np.int32), ends[:-1]]) if texts else ends
    symbols = np.frombuffer(b"".join(texts), np.uint8)
    return begins.reshape(x.shape), ends.reshape(x.shape), symbols
