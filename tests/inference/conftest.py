from __future__ import annotations

from collections.abc import Iterator

import pytest

import ovgpu as ov
from tests.inference.fake_plugin import FakePlugin, relu_model


@pytest.fixture
def device() -> Iterator[FakePlugin]:
    """The steerable device; whatever still waits at its gate is let through at the end."""
    plugin = FakePlugin()
    yield plugin
    plugin.gate.set()


@pytest.fixture
def core(device: FakePlugin) -> ov.Core:
    """A Core that knows the steerable device as FAKE."""
    core = ov.Core()
    core.register_plugin(device, "FAKE")
    return core


@pytest.fixture
def compiled(core: ov.Core) -> ov.CompiledModel:
    """A static [2,3] Relu, input ``x``, output ``x_out``."""
    return core.compile_model(relu_model(), "FAKE")


@pytest.fixture
def request_(compiled: ov.CompiledModel) -> ov.InferRequest:
    return compiled.create_infer_request()


@pytest.fixture
def dynamic(core: ov.Core) -> ov.InferRequest:
    """A request of a Relu on [1..8,3]."""
    return core.compile_model(relu_model([(1, 8), 3]), "FAKE").create_infer_request()
