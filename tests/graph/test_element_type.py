"""Element types against OpenVINO's."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import ml_dtypes
import numpy as np
import openvino
import pytest
from both_packages import assert_same

from ovgpu.graph.element_type import Type

NAMES = [
    name for name in dir(openvino.Type) if isinstance(getattr(openvino.Type, name), openvino.Type)
]
PROPERTIES = [
    "size",
    "bitwidth",
    "type_name",
    "real",
    "integral",
    "integral_number",
    "signed",
    "quantized",
]
METHODS = [
    "to_string",
    "get_type_name",
    "get_size",
    "get_bitwidth",
    "is_static",
    "is_dynamic",
    "is_real",
    "is_integral",
    "is_integral_number",
    "is_signed",
    "is_quantized",
    "to_dtype",
    "__repr__",
    "__str__",
]

EXPRESSIONS = """
Type('f32')
Type(np.complex64)
Type(None)
Type('S')
Type(str)
Type(bytes)
Type('U4')
Type(object)
Type('>f4')
Type(np.longdouble)
Type(Type.f32)
Type()
Type(1, 2)
Type(float)
Type(int)
Type(bool)
Type('u4')
Type(np.dtype('V4'))
Type(np.datetime64)
Type([('a', 'f4')])
Type(dtype=np.float32)
Type.f32 == 3
Type.f32 == 'f32'
Type.f32 != 'f32'
Type(np.float16) == Type.f16
Type.f32.merge(3)
Type.f32.compatible('f32')
Type.f32 < Type.f16
setattr(Type.f32, 'x', 1)
setattr(Type.f32, 'size', 1)
Type.undefined
""".strip().splitlines()


def test_the_same_types_exist():
    assert [name for name in dir(Type) if isinstance(getattr(Type, name), Type)] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_facts_like_openvino(name):
    for attribute in PROPERTIES:
        assert_same(f"Type.{name}.{attribute}")
    for method in METHODS:
        assert_same(f"Type.{name}.{method}()")


@pytest.mark.parametrize("name", NAMES)
def test_merging_like_openvino(name):
    for other in NAMES:
        assert_same(f"Type.{name}.merge(Type.{other}), Type.{name}.compatible(Type.{other})")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_like_openvino(expression):
    assert_same(expression)


# C's "long long" (q, Q) is left out: OpenVINO refuses it though it is int64.
@pytest.mark.parametrize("code", sorted(set(np.typecodes["All"]) - set("qQ")))
def test_numpy_types_like_openvino(code):
    assert_same("Type(dtype)", dtype=np.dtype(code))


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "int4"])
def test_ml_dtypes_are_refused_like_in_openvino(name):
    assert_same("Type(dtype)", dtype=np.dtype(getattr(ml_dtypes, name)))


@pytest.mark.parametrize("name", NAMES)
def test_one_object_per_type(name):
    element_type = getattr(Type, name)
    assert copy.copy(element_type) is element_type
    assert copy.deepcopy(element_type) is element_type
    assert pickle.loads(pickle.dumps(element_type)) is element_type
    assert {element_type: 1}[getattr(Type, name)] == 1


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"dynamic", "string"}))
@pytest.mark.parametrize("count", [0, 1, 3, 7, 8, 9, 33])
def test_storage_bytes_like_openvino(name, count):
    tensor = openvino.Tensor(getattr(openvino.Type, name), [count])
    assert getattr(Type, name).storage_bytes(count) == tensor.get_byte_size()


@pytest.mark.parametrize("name", NAMES)
def test_names_of_ir_files(name, tmp_path):
    element_type = getattr(Type, name)
    assert Type.from_name(name) is element_type
    assert Type.from_name(element_type.precision) is element_type
    parameter = openvino.op.Parameter(getattr(openvino.Type, name), openvino.PartialShape([2]))
    openvino.serialize(
        openvino.Model([parameter], [parameter], "m"), tmp_path / "m.xml", tmp_path / "m.bin"
    )
    assert f'precision="{element_type.precision}"' in (tmp_path / "m.xml").read_text()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="f33"):
        Type.from_name("f33")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("boolean", np.bool_),
        ("u1", np.uint8),
        ("u6", np.uint8),
        ("i4", np.int8),
        ("nf4", np.uint8),
        ("bf16", ml_dtypes.bfloat16),
        ("f8e4m3", ml_dtypes.float8_e4m3fn),
        ("f8e5m2", ml_dtypes.float8_e5m2),
        ("f8e8m0", ml_dtypes.float8_e8m0fnu),
        ("f4e2m1", ml_dtypes.float4_e2m1fn),
        ("string", np.object_),
        ("u64", np.uint64),
        ("f64", np.float64),
    ],
)
def test_host_dtype_holds_one_value_per_element(name, dtype):
    assert getattr(Type, name).host_dtype == np.dtype(dtype)


def test_dynamic_has_no_host_dtype():
    with pytest.raises(TypeError):
        _ = Type.dynamic.host_dtype


def test_importing_loads_no_ml_dtypes():
    code = "import sys, ovgpu.graph.element_type; sys.exit('ml_dtypes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
