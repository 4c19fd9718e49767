"""Constants: every form of the constructor and of the data, compared with OpenVINO."""

from __future__ import annotations

import re
from typing import Any

import ml_dtypes
import numpy as np
import openvino as ov
import openvino.op
import openvino.opset13
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ovgpu
import ovgpu.op
import ovgpu.opset1
import ovgpu.opset13

PACKED = ["u1", "u2", "u3", "u4", "u6", "i4", "nf4", "f4e2m1"]
WHOLE = ["f8e4m3", "f8e5m2", "f8e8m0", "bf16", "f16", "f32", "f64", "boolean"]
INTEGERS = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]


def outcome(function: Any, *args: Any, **kwargs: Any) -> Any:
    """A result as type, shape and numbers, or the type of the error."""
    try:
        result = function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__
    if isinstance(result, np.ndarray):
        return str(result.dtype), result.shape, result.tolist()
    return result


def both(build: Any) -> tuple[Any, Any]:
    """The same constant of both packages."""
    return build(ovgpu), build(ov)


def same_data(ours: Any, theirs: Any) -> None:
    """Everything that can be read from a constant agrees."""
    assert ours.get_element_type().to_string() == theirs.get_element_type().to_string()
    assert list(ours.shape) == list(theirs.shape)
    assert ours.get_byte_size() == theirs.get_byte_size()
    assert ours.get_attributes() == theirs.get_attributes()
    assert outcome(lambda: ours.data) == outcome(lambda: theirs.data)
    assert outcome(ours.get_vector) == outcome(theirs.get_vector)
    assert ours.get_value_strings() == theirs.get_value_strings()
    for dtype in (None, np.float32, np.int32, np.float64, np.uint8):
        assert outcome(ours.get_data, dtype=dtype) == outcome(theirs.get_data, dtype=dtype), dtype
    assert outcome(lambda: str(ours.strides)) == outcome(lambda: str(theirs.strides))
    assert repr(ours.tensor_view) == repr(theirs.tensor_view)


@pytest.mark.parametrize("type_name", [*PACKED, *WHOLE, *INTEGERS])
@pytest.mark.parametrize(
    ("shape", "values"),
    [([4], [1, 0, 1, 1]), ([3, 1], [1]), ([], [1]), ([0], []), ([9], [0, 1] * 4 + [1])],
)
def test_type_shape_values(type_name: str, shape: list[int], values: list[int]) -> None:
    ours, theirs = both(
        lambda package: package.op.Constant(
            getattr(package.Type, type_name), package.Shape(shape), values
        )
    )
    same_data(ours, theirs)


@pytest.mark.parametrize(
    ("type_name", "values"),
    [
        ("i32", [1.7, -2.7]), ("u8", [300, -1]), ("i64", [2**40, -1]), ("i8", [65, -2, 127]),
        ("f32", [1.5, 2, -0.0, 1e-10, 1e20, float("nan"), float("inf"), 0.1]),
        ("f64", [1 / 3, 123456789.0]), ("f16", [0.1, 1e5]), ("bf16", [0.75, -2.5]),
        ("f8e4m3", [0.3, 448.0, -17.5]), ("f8e5m2", [0.3, 57344.0]), ("f8e8m0", [1.0, 4.0]),
        ("f4e2m1", [0.5, -6.0, 3.0, 1.5]), ("u1", [2, 0]), ("u2", [3, 0, 1, 2, 1]), ("i4", [-8, 7, -1]),
        ("boolean", [5, 0]),
    ],
)  # fmt: skip
def test_numbers_become_the_element_type(type_name: str, values: list[Any]) -> None:
    ours, theirs = (
        package.opset13.constant(values, getattr(package.Type, type_name))
        for package in (ovgpu, ov)
    )
    if any(np.isnan(v) for v in values):  # NaN is not equal to itself
        np.testing.assert_array_equal(ours.data, theirs.data)
        assert ours.get_value_strings() == theirs.get_value_strings()
    else:
        same_data(ours, theirs)


@given(
    st.sampled_from(["u2", "u3", "u4", "u6", "i4"]),
    st.lists(st.integers(-40, 80), min_size=1, max_size=9),
)
def test_packed_integers(type_name: str, values: list[int]) -> None:
    element_type = getattr(ovgpu.Type, type_name)
    bits = element_type.bitwidth
    low, high = (-8, 7) if type_name == "i4" else (0, 2**bits - 1)
    if all(low <= v <= high for v in values):
        node = ovgpu.opset13.constant(values, element_type)
        assert node.host_array().tolist() == values
        their = ov.opset13.constant(values, getattr(ov.Type, type_name))
        assert node.data.tolist() == their.data.tolist()
    else:
        with pytest.raises(RuntimeError, match=f"assigned value out of range for {type_name}"):
            ovgpu.opset13.constant(values, element_type)


@given(st.lists(st.floats(-1.5, 1.5, width=32), min_size=1, max_size=8))
def test_nf4_takes_the_nearest_number(values: list[float]) -> None:
    ours = ovgpu.opset13.constant(values, ovgpu.Type.nf4)
    theirs = ov.opset13.constant(values, ov.Type.nf4)
    assert ours.data.tolist() == theirs.data.tolist()


def test_bf16_is_rounded_to_nearest() -> None:
    node = ovgpu.opset13.constant([0.1], ovgpu.Type.bf16)
    assert node.data.view(np.uint16).tolist() == [0x3DCD]


def test_nf4_takes_integers_as_codes() -> None:
    assert ovgpu.opset13.constant([1, 15], ovgpu.Type.nf4).data.tolist() == [0xF1]


# The documented bytes of the run-time order: the first value in the low bits, u1 in the high bit.
@pytest.mark.parametrize(
    ("type_name", "values", "packed"),
    [
        ("u1", [1, 0, 0, 0, 0, 0, 1, 1], "83"), ("u2", [0, 1, 2, 3], "e4"), ("u4", [1, 2, 3, 15], "21f3"),
        ("i4", [-8, 7, -1, 1], "781f"), ("f4e2m1", [1.0, -6.0], "f2"), ("u3", list(range(8)), "1b1b0f"),
        ("u6", [1, 17, 33, 63], "111f1b"),
    ],
)  # fmt: skip
def test_packed_bytes(type_name: str, values: list[Any], packed: str) -> None:
    node = ovgpu.opset13.constant(values, getattr(ovgpu.Type, type_name))
    assert node.data.tobytes().hex() == packed
    view = node.tensor_view
    assert view.data.tobytes().hex() == packed
    again = ovgpu.op.Constant(ovgpu.Tensor(node.data.copy(), node.shape, node.get_element_type()))
    assert again.host_array().astype(np.float32).tolist() == values


@pytest.mark.parametrize(
    "value",
    [1, 1.5, True, [1, 2], [1.0, 2], [[1, 2], [3, 4]], [], np.float32(2), np.True_, np.ones((2, 2), np.int8)],
    ids=repr,
)  # fmt: skip
def test_element_type_of_python_values(value: Any) -> None:
    same_data(ovgpu.opset13.constant(value), ov.opset13.constant(value))
    same_data(ovgpu.opset1.constant(value), ov.opset1.constant(value))


@pytest.mark.parametrize("dtype", [np.float32, np.int32, int, float, bool, np.uint8], ids=repr)
def test_numpy_and_python_dtypes(dtype: Any) -> None:
    same_data(ovgpu.opset13.constant([1, 0, 5], dtype), ov.opset13.constant([1, 0, 5], dtype))


@pytest.mark.parametrize(
    ("value", "dtype"),
    [([1, 2], "f32"), (None, None), ("a", None), (object(), None), ((1, 2), None)],
)
def test_what_is_no_constant(value: Any, dtype: Any) -> None:
    for package in (ovgpu, ov):
        with pytest.raises(TypeError, match="necessary overload for constant was not found"):
            package.opset13.constant(value, dtype)


@pytest.mark.parametrize("args", [(), (5,), ([1, 2],), (np.float32(3),)], ids=repr)
def test_constructor_refuses(args: Any) -> None:
    for package in (ovgpu, ov):
        with pytest.raises(TypeError, match=r"__init__\(\): incompatible constructor arguments"):
            package.op.Constant(*args)


def test_wrong_number_of_values() -> None:
    for package in (ovgpu, ov):
        sentence = re.escape("expected number of literals for a constant of shape [2,2] (got 2")
        with pytest.raises(RuntimeError, match=sentence):
            package.op.Constant(package.Type.f32, package.Shape([2, 2]), [1, 2])


def test_arrays_are_copied_or_shared() -> None:
    array = np.ones((2, 2), np.float32)
    copied, shared = ovgpu.op.Constant(array), ovgpu.op.Constant(array, shared_memory=True)
    array[0, 0] = 7
    assert copied.data[0, 0] == 1
    assert shared.data[0, 0] == 7
    assert not shared.data.flags.writeable
    tensor = ovgpu.Tensor(np.ones(2, np.float32))
    shared, copied = ovgpu.op.Constant(tensor), ovgpu.op.Constant(tensor, shared_memory=False)
    tensor.data[0] = 5
    assert shared.data[0] == 5
    assert copied.data[0] == 1
    assert ovgpu.op.Constant(array=array).data[0, 0] == 7
    assert ovgpu.op.Constant(tensor=tensor, shared_memory=True).data[0] == 5


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.ones((4, 4), np.float32)[::2], RuntimeError),
        (np.asfortranarray(np.ones((4, 3), np.float32)), RuntimeError),
        (np.broadcast_to(np.float32(1), (2, 2)), RuntimeError),
        (np.frombuffer(b"\0" * 8, np.float32), ValueError),
    ],
)
def test_arrays_that_cannot_be_shared(array: np.ndarray, error: type[Exception]) -> None:
    for package in (ovgpu, ov):
        with pytest.raises(error):
            package.op.Constant(array, shared_memory=True)
    np.testing.assert_array_equal(ovgpu.op.Constant(array).data, array)


def test_arrays_of_ml_dtypes_and_other_byte_orders() -> None:
    node = ovgpu.op.Constant(np.array([1.5, -2], ml_dtypes.bfloat16))
    assert node.get_element_type() is ovgpu.Type.bf16
    assert node.get_data(dtype=np.float32).tolist() == [1.5, -2]
    assert ovgpu.op.Constant(np.array([1, 2], ">i4")).data.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match="Unsupported data type"):
        ovgpu.op.Constant(np.ones(2, complex))


def test_strings() -> None:
    node = ovgpu.op.Constant(ovgpu.Tensor(["ab", "ü", ""]))
    assert node.get_value_strings() == ["ab", "ü", ""]
    assert node.data.tolist() == [b"ab", "ü".encode(), b""]
    assert node.get_data(dtype=np.str_).tolist() == ["ab", "ü", ""]
    assert node.tensor_view.str_data.tolist() == ["ab", "ü", ""]
    assert ovgpu.op.Constant(np.array(["x", "yz"])).get_value_strings() == ["x", "yz"]
    assert ovgpu.op.Constant(
        ovgpu.Type.string, ovgpu.Shape([2]), ["x", "yz"]
    ).get_value_strings() == ["x", "yz"]


def test_messages_about_memory_that_is_not_shared(caplog: pytest.LogCaptureFixture) -> None:
    ovgpu.opset13.constant([1, 2], ovgpu.Type.u4, shared_memory=True)
    assert "Memory sharing is disabled by default" in caplog.text
    caplog.clear()
    ovgpu.opset13.constant(np.ones(2, np.float32), shared_memory=True)
    assert caplog.text == ""
