"""What all tests share."""

from __future__ import annotations

from typing import Any

import pytest

#: Contexts of the GPU device by architecture and checks.
_contexts: dict[tuple[int, bool], dict[int, Any]] = {}


@pytest.fixture(autouse=True)
def contexts_of_the_mode(gpu_mode: Any) -> None:
    """Kernels that another architecture or other checks were loaded for are not used in this test.

    A device's modules stay as they were loaded: a test with checks would run kernels without them.
    """
    if gpu_mode is None or not gpu_mode.simulated:
        return
    from ovgpu.plugins.gpu.context import DeviceContext
    from ovgpu.plugins.gpu.device import device_info

    contexts = _contexts.setdefault((gpu_mode.arch, gpu_mode.check), {})
    if DeviceContext._contexts is not contexts:
        DeviceContext._contexts = contexts
        device_info.cache_clear()
