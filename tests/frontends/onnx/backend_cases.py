"""ONNX's own backend cases, as they ship in the package onnx, run through ``read_model`` and the CPU device.

``python -m tests.frontends.onnx.backend_cases`` prints how many pass; ``-k WORD`` takes
the cases whose name has the word.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.test.case import node as node_cases
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import DATA_DIR, load_model_tests

import ovgpu as ov
from ovgpu.frontends.onnx.translation import ELEMENT_TYPES

#: Kinds of cases whose models and data are files of the package.
FILE_KINDS = ("simple", "pytorch-operator", "pytorch-converted")

#: Cases whose expected values are random or computed in other steps than ours: what may differ in units of the value.
LOOSE = 1e-3


def modules() -> list[str]:
    """The modules of the package that define node cases: one an operator."""
    folder = Path(node_cases.__file__).parent
    names = [path.relative_to(folder).with_suffix("").parts for path in folder.rglob("*.py")]
    return sorted(".".join(n) for n in names if n[-1] not in ("__init__", "_common", "utils"))


_cases: dict[str, list[TestCase]] = {}


def cases_of(module: str) -> list[TestCase]:
    """The cases that one module defines when it is imported."""
    if module not in _cases:
        known = len(node_cases._NodeTestCases)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(f"{node_cases.__name__}.{module}")
        _cases[module] = node_cases._NodeTestCases[known:]
    return _cases[module]


def file_cases(kind: str) -> list[TestCase]:
    """The cases of one of FILE_KINDS."""
    return sorted(load_model_tests(kind=kind), key=lambda case: case.name)


def model_and_data(case: TestCase) -> tuple[onnx.ModelProto, list[tuple[list[Any], list[Any]]]]:
    """A case's model and its pairs of inputs and expected outputs."""
    if case.model_dir is None:
        assert case.model is not None
        return case.model, [(list(i), list(o)) for i, o in case.data_sets or ()]
    folder = Path(case.model_dir)
    sets = []
    for data in sorted(folder.glob("test_data_set_*")):
        files = ([data / f"{kind}_{i}.pb" for i in range(99)] for kind in ("input", "output"))
        sets.append(tuple([_load(f) for f in paths if f.is_file()] for paths in files))
    return onnx.load(folder / "model.onnx"), sets  # type: ignore[return-value]


def _load(path: Path) -> onnx.TensorProto:
    return onnx.TensorProto.FromString(path.read_bytes())


def _proto(value: Any) -> onnx.TensorProto:
    """A tensor whose elements are raw data, strings excepted."""
    if isinstance(value, onnx.TensorProto):
        if value.HasField("raw_data") or value.data_type == onnx.TensorProto.STRING:
            return value
        value = onnx.numpy_helper.to_array(value)
    return onnx.numpy_helper.from_array(np.asarray(value))


def encode(value: Any) -> ov.Tensor:
    """An expected or given value as a Tensor with the same bytes."""
    proto = _proto(value)
    if proto.data_type == onnx.TensorProto.STRING:
        texts = [text.decode() for text in proto.string_data]
        return ov.Tensor(np.array(texts, str).reshape(tuple(proto.dims)))
    tensor = ov.Tensor(ELEMENT_TYPES[proto.data_type], list(proto.dims))
    if proto.raw_data:
        tensor.data.reshape(-1).view(np.uint8)[:] = np.frombuffer(proto.raw_data, np.uint8)
    return tensor


def decode(tensor: ov.Tensor, data_type: int) -> np.ndarray:
    """A Tensor as the package onnx shows the type."""
    raw = np.ascontiguousarray(tensor.data).tobytes()
    proto = onnx.TensorProto(data_type=data_type, dims=list(tensor.shape), raw_data=raw)
    return onnx.numpy_helper.to_array(proto)


def with_dynamic_dimensions(case: TestCase) -> TestCase:
    """The case with no dimension of inputs and outputs known."""
    proto = onnx.ModelProto()
    proto.CopyFrom(case.model)
    for info in proto.graph.input:
        for axis, dim in enumerate(info.type.tensor_type.shape.dim):
            if dim.HasField("dim_value"):
                dim.Clear()
                dim.dim_param = f"{info.name}_{axis}"
    for info in proto.graph.output:
        info.type.tensor_type.ClearField("shape")
    return dataclasses.replace(case, model=proto)


def run(case: TestCase) -> str:
    """Read, compile and infer one case. Returns what is wrong, or ''."""
    try:
        return _run(case)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _run(case: TestCase) -> str:
    proto, sets = model_and_data(case)
    core = ov.Core()
    compiled = core.compile_model(core.read_model(proto.SerializeToString()), "CPU")
    constants = {tensor.name for tensor in proto.graph.initializer}
    names = [info.name for info in proto.graph.input if info.name not in constants]
    for inputs, outputs in sets:
        request = compiled.create_infer_request()
        request.infer({n: encode(v) for n, v in zip(names, inputs)})
        if len(compiled.outputs) != len(outputs):
            return f"{len(compiled.outputs)} outputs instead of {len(outputs)}"
        for index, expected in enumerate(outputs):
            wrong = compare(request.get_output_tensor(index), expected, case)
            if wrong:
                return f"output {index}: {wrong}"
    return ""


def compare(tensor: ov.Tensor, expected: Any, case: TestCase) -> str:
    """What differs from the expected value, or ''."""
    proto = _proto(expected)
    if tensor.element_type != ELEMENT_TYPES[proto.data_type]:
        return f"type {tensor.element_type} instead of {ELEMENT_TYPES[proto.data_type]}"
    if list(tensor.shape) != list(proto.dims):
        return f"shape {list(tensor.shape)} instead of {list(proto.dims)}"
    if proto.data_type == onnx.TensorProto.STRING:
        texts = [text.decode() for text in proto.string_data]
        return "" if tensor.str_data.reshape(-1).tolist() == texts else "texts differ"
    got, wanted = decode(tensor, proto.data_type), onnx.numpy_helper.to_array(proto)
    if wanted.dtype.kind in "biu":
        return "" if np.array_equal(got, wanted) else "values differ"
    coarse = wanted.dtype.itemsize < 4  # half precision and below: steps are rounded differently
    rtol = max(case.rtol, 1e-2 if coarse else LOOSE)
    atol = max(case.atol, 1e-3 if coarse else 1e-6)
    with np.errstate(all="ignore"):
        same = np.allclose(
            got.astype(np.float64), wanted.astype(np.float64), rtol, atol, equal_nan=True
        )
    return "" if same else "values differ"


def all_cases() -> Iterator[TestCase]:
    """Every case of the package."""
    for module in modules():
        yield from cases_of(module)
    for kind in FILE_KINDS:
        yield from file_cases(kind)


def main() -> None:
    """Print how many cases pass, and the failures by sentence."""
    from tests.frontends.onnx.unsupported import reason

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", default="", help="only cases with this word in their name")
    word = parser.parse_args().k
    totals: collections.Counter[str] = collections.Counter()
    failures: dict[str, list[str]] = collections.defaultdict(list)
    for case in all_cases():
        if word not in case.name:
            continue
        wrong, listed = run(case), reason(case)
        totals["all"] += 1
        totals["passed"] += not wrong
        totals["listed"] += bool(listed)
        if bool(wrong) != bool(listed):
            failures[wrong.rsplit("\n")[-1][-300:] or f"passes: {listed}"].append(case.name)
    for sentence, names in sorted(failures.items(), key=lambda entry: -len(entry[1])):
        print(f"{len(names):4d} {sentence}\n     {' '.join(names)[:400]}")
    tensors_only = totals["all"] - totals["listed"]
    print(f"{totals['passed']} of {totals['all']} pass; {tensors_only} are in scope")


if __name__ == "__main__":
    assert Path(DATA_DIR).is_dir()
    main()
