"""The same preprocessing with ovgpu and OpenVINO: printed form, errors, nodes of the built model, and numbers."""

from __future__ import annotations

import re
import textwrap
from types import SimpleNamespace
from typing import Any

import numpy as np
import openvino
import openvino.opset13
import openvino.preprocess
import openvino.utils.decorators
import pytest

import ovgpu
import ovgpu.opset13
import ovgpu.preprocess
import ovgpu.utils.decorators

from .cases import CASES, Case

# OpenVINO's sentences follow lines that name C++ source files.
_SOURCE = re.compile(
    r"(?:^|(?<=occurred: ))(Exception from |Check '.*' failed at )\S+:\d+:?$\n?", re.MULTILINE
)
_CPU = {"INFERENCE_PRECISION_HINT": "f32"}


def _normalised(text: str) -> str:
    """Without C++ source lines and without the counters of names."""
    return re.sub(r"([A-Za-z]+)_\d+", r"\1_N", _SOURCE.sub("", text)).rstrip()


def _names(package: Any) -> dict[str, Any]:
    ops = package.opset13
    wrap = package.utils.decorators.custom_preprocess_function
    members = ("ColorFormat", "PaddingMode", "ResizeAlgorithm")
    return {
        "Layout": package.Layout,
        "Type": package.Type,
        "Tensor": package.Tensor,
        "np": np,
        "absolute": wrap(lambda output: ops.abs(output)),
        **{name: getattr(package.preprocess, name) for name in members},
    }


def _model(package: Any, case: Case) -> Any:
    ops = package.opset13
    parameters, results = [], []
    for i in range(case.count):
        shape = case.shape if isinstance(case.shape, str) else list(case.shape)
        parameter = ops.parameter(shape, getattr(package.Type, case.type), name=f"in{i}")
        node = ops.abs(parameter)
        node.friendly_name = f"r{i}"
        node.output(0).tensor.set_names({f"o{i}"})
        parameters.append(parameter)
        results.append(node)
    return package.Model(results, parameters, "m")


def _described(model: Any) -> str:
    """Nodes in an order that does not depend on the traversal, ports and layouts."""
    nodes = sorted(
        _normalised(
            f"{n.get_type_info().version_id} {n!r} {[sorted(o.names) for o in n.outputs()]}"
        )
        for n in model.get_ordered_ops()
        if n.get_type_name() != "Constant"
    )
    layouts = [str(x.get_layout()) for x in (*model.get_parameters(), *model.get_results())]
    return "\n".join([*nodes, repr(model.inputs), repr(model.outputs), *layouts])


def _run(package: Any, case: Case) -> SimpleNamespace:
    """What comes of a case: the error, or printed form and model."""
    outcome = SimpleNamespace(text="", error="", model=None, described="")
    try:
        p = package.preprocess.PrePostProcessor(_model(package, case))
        names = {**_names(package), "p": p}
        if case.count == 1:
            parts = p.input(), p.output()
            names["tensor"], names["model"] = parts[0].tensor(), parts[0].model()
            names["out_tensor"], names["out_model"] = parts[1].tensor(), parts[1].model()
            names["steps"], names["post"] = parts[0].preprocess(), parts[1].postprocess()
        exec(textwrap.dedent(case.program), names)
        outcome.text = _normalised(str(p))
        assert _normalised(repr(p)) == _normalised(f"<PrePostProcessor: {p}>")
        outcome.model = p.build()
        outcome.described = _described(outcome.model)
    except Exception as error:
        outcome.error = f"{type(error).__name__}: {_normalised(str(error))}"
    return outcome


@pytest.mark.parametrize("name", CASES)
def test_same_as_openvino(name: str) -> None:
    ours, theirs = _run(ovgpu, CASES[name]), _run(openvino, CASES[name])
    for part in ("text", "error"):
        # What follows is worded by the operation, not by preprocessing.
        mine, other = (getattr(x, part).partition("While validating node") for x in (ours, theirs))
        assert mine[:2] == other[:2]
    if CASES[name].compare_names:
        assert ours.described == theirs.described
    if theirs.model is not None and all(i.partial_shape.is_static for i in theirs.model.inputs):
        _compare_numbers(ours.model, theirs.model)


def _compare_numbers(ours: Any, theirs: Any) -> None:
    rng = np.random.default_rng(7)
    inputs = [
        rng.integers(0, 255, tuple(port.shape)).astype(port.get_element_type().to_dtype())
        for port in theirs.inputs
    ]
    # Integers are rounded after a resize, and the last bit before it may differ.
    rounds = any(
        n.get_type_name() == "Interpolate" and n.get_element_type().is_integral()
        for n in theirs.get_ordered_ops()
    )
    expected = openvino.Core().compile_model(theirs, "CPU", _CPU)(inputs)
    outputs = [ovgpu.Tensor(port.element_type, list(port.shape)) for port in ours.outputs]
    assert ours.evaluate(outputs, [ovgpu.Tensor(array) for array in inputs])
    for index, output in enumerate(outputs):
        np.testing.assert_allclose(
            output.data.astype(np.float64),
            expected[index].astype(np.float64),
            rtol=1e-3,
            atol=1.0 if rounds or output.data.dtype.kind in "iu" else 2e-2,
        )
