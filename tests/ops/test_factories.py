"""Every factory of every opset has the name, the parameters and the defaults of OpenVINO's."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from ovgpu.ops.factory import opset_namespace


def _parameters(function: object) -> list[tuple[str, object]]:
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("opset", range(1, 18))
def test_signatures(opset: int) -> None:
    ours, theirs = import_module(f"ovgpu.opset{opset}"), import_module(f"openvino.opset{opset}")
    different = []
    for name in opset_namespace(opset):
        reference = getattr(theirs, name, None)
        if reference is None:
            different.append(f"{name}: not in openvino.opset{opset}")
        elif inspect.isfunction(reference):
            expected, got = _parameters(reference), _parameters(getattr(ours, name))
            if expected != got:
                different.append(f"{name}: {got}, openvino has {expected}")
    assert not different, "\n".join(different)
