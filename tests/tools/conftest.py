"""A small model on disk, and the command line called in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops
from ovgpu.tools.command_line import main

WEIGHTS = np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5)

#: Runs ``ovgpu ARGUMENTS``: exit status, standard output, standard error.
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ovgpu(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([str(a) for a in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """softmax(a @ weights + b): a f32 [1..8, 4], b f32 [5]; the output is named ``scores``."""
    a = ops.parameter([(1, 8), 4], np.float32, name="a")
    b = ops.parameter([5], np.float32, name="b")
    total = ops.add(ops.matmul(a, WEIGHTS, False, False, name="product"), b)
    model = ov.Model([ops.softmax(total, 1)], [a, b], "small")
    for port, name in ((model.input(0), "a"), (model.input(1), "b"), (model.output(0), "scores")):
        port.tensor.set_names({name})
    path = tmp_path_factory.mktemp("model") / "small.xml"
    ov.save_model(model, path, compress_to_fp16=False)
    return path


@pytest.fixture(scope="session")
def single_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """relu of one static input x, f32 [2, 3]."""
    x = ops.parameter([2, 3], np.float32, name="x")
    path = tmp_path_factory.mktemp("model") / "single.xml"
    ov.save_model(ov.Model([ops.relu(x)], [x], "single"), path)
    return path
