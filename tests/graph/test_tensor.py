"""Tensor: constructors, sharing, reshaping, packed types, strings. What OpenVINO does is asked of OpenVINO itself."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import openvino
import pytest

import ovgpu as ov

PACKED = ["u1", "u2", "u3", "u4", "i4", "u6", "nf4", "f4e2m1"]
WHOLE = [
    "f32",
    "f16",
    "f64",
    "bf16",
    "f8e4m3",
    "f8e5m2",
    "f8e8m0",
    "boolean",
    "i8",
    "i16",
    "i32",
    "i64",
]
WHOLE += ["u8", "u16", "u32", "u64"]
BOTH = pytest.mark.parametrize("ov_", [ov, openvino], ids=["ovgpu", "openvino"])


def sentence(error: BaseException) -> str:
    """The last line of a message: what follows the C++ frames of the real package."""
    return [line for line in str(error).splitlines() if line.strip()][-1]


def same_outcome(function: Callable[[Any], Any]) -> Any:
    """Run with both packages: equal printed results, or equal exception types. Returns what ovgpu gave."""
    outcomes = []
    for package in (ov, openvino):
        try:
            outcomes.append(function(package))
        except Exception as error:
            outcomes.append(error)
    ours, real = outcomes
    if isinstance(real, Exception) or isinstance(ours, Exception):
        assert type(ours) is type(real), outcomes
    else:
        assert repr(ours) == repr(real)
    return ours


# ---- constructors ----
@pytest.mark.parametrize(
    "arguments",
    [
        lambda p: (np.ones((2, 8)),),
        lambda p: (np.ones((2, 8), np.int32), False),
        lambda p: (np.ones((2, 8), np.int32), True),
        lambda p: (np.array(3.0), True),
        lambda p: ([1, 2],),
        lambda p: ([1.5],),
        lambda p: (["a"],),
        lambda p: ([b"a"],),
        lambda p: ([True],),
        lambda p: ([],),
        lambda p: ([[1, 2], [3, 4]],),
        lambda p: ([[1, 2], [3]],),
        lambda p: (p.Type.f32, [2, 3]),
        lambda p: (p.Type.f32, (2,)),
        lambda p: (p.Type.f32, p.Shape([2])),
        lambda p: (p.Type.f32, []),
        lambda p: (p.Type.string, [2]),
        lambda p: (np.float32, [2]),
        lambda p: (np.dtype("int16"), [2]),
        lambda p: (float, [2]),
        lambda p: ("f32", [2]),
        lambda p: (p.Type.f32, [-1]),
        lambda p: (p.Type.f32, p.PartialShape([2])),
        lambda p: (p.Type.dynamic, [1]),
        lambda p: (np.arange(6, dtype=np.float32), [2, 3]),
        lambda p: (np.arange(6, dtype=np.float32), [2, 3], p.Type.i32),
        lambda p: (np.arange(6, dtype=np.float32), [3]),
        lambda p: (np.zeros(3, np.uint8), [2, 3], p.Type.u4),
        lambda p: (np.ones((2, 3), np.float32).T, [6], p.Type.f32),
        lambda p: (np.ones((2, 3), np.float32).T, True),
        lambda p: (np.array(["ab"]), True),
        lambda p: (np.array(["ab", "c"]),),
        lambda p: (np.array(["ab", 1], object),),
        lambda p: (np.zeros(2, np.complex64),),
        lambda p: ([1, 2], p.Type.f32),
        lambda p: (),
    ],
)
def test_constructors(arguments: Callable[[Any], tuple]) -> None:
    same_outcome(lambda package: package.Tensor(*arguments(package)))


def test_keyword_arguments() -> None:
    array = np.ones((3, 4), np.float32)
    same_outcome(lambda p: p.Tensor(array=array))
    same_outcome(lambda p: p.Tensor(array=array, shared_memory=True))
    same_outcome(lambda p: p.Tensor(array=array, shape=[12], type=p.Type.f32))
    same_outcome(lambda p: p.Tensor(type=p.Type.f32, shape=[2]))
    same_outcome(lambda p: p.Tensor(array, shared_memory=True, nonsense=1))


@pytest.mark.parametrize("value", [5, "abc", None, (1, 2), object(), np.float32(3)])
def test_values_that_make_no_tensor(value: Any) -> None:
    with pytest.raises(TypeError, match="incompatible constructor arguments"):
        ov.Tensor(value)


def test_tensor_of_a_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match="incompatible constructor arguments"):
        ov.Tensor(ov.Tensor([1]))


def test_array_is_copied_by_default() -> None:
    array = np.ones((2, 8))
    tensor = ov.Tensor(array)
    array[0, 0] = 5
    assert tensor.data[0, 0] == 1
    assert ov.Tensor(np.arange(6).reshape(2, 3).T).data.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_shared_memory_works_both_ways() -> None:
    array = np.ones((2, 8))
    tensor = ov.Tensor(array, shared_memory=True)
    array[0][2] = 6.0
    assert tensor.data[0][2] == 6.0
    tensor.data[0][2] = 0.6
    assert array[0][2] == 0.6


def test_read_only_arrays_are_copied_but_not_shared() -> None:
    array = np.ones(3, np.float32)
    array.flags.writeable = False
    assert ov.Tensor(array).data.flags.writeable
    with pytest.raises(ValueError, match="array is not writeable"):
        ov.Tensor(array, shared_memory=True)


def test_big_endian_arrays_keep_their_values() -> None:
    array = np.array([1.5, 2.5], ">f4")
    assert ov.Tensor(array).data.tolist() == [1.5, 2.5]
    with pytest.raises(RuntimeError, match="native byte order"):
        ov.Tensor(array, shared_memory=True)


def test_array_with_shape_always_shares() -> None:
    array = np.arange(6, dtype=np.float32)
    tensor = ov.Tensor(array, [2, 3], ov.Type.f32)
    tensor.data[1, 0] = 50
    assert array[3] == 50


def test_array_with_shape_must_hold_it() -> None:
    with pytest.raises(RuntimeError, match="takes 56 bytes, the array has 24"):
        ov.Tensor(np.zeros(6, np.float32), [7, 2], ov.Type.f32)


def test_image() -> None:
    class Image:
        """Stands for PIL.Image.Image."""

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    module = type(sys)("PIL.Image")
    module.Image = Image  # type: ignore[attr-defined]
    loaded = sys.modules.get("PIL.Image")
    sys.modules["PIL.Image"] = module
    try:
        tensor = ov.Tensor(Image())
    finally:
        if loaded is None:
            del sys.modules["PIL.Image"]
        else:
            sys.modules["PIL.Image"] = loaded
    assert repr(tensor) == "<Tensor: shape[2,2,3] type: u8>"
    assert tensor.data.reshape(-1).tolist() == list(range(12))


# ---- ports ----
def port(shape: Any, element_type: str = "f32") -> Any:
    from ovgpu.graph.special import Parameter

    return Parameter(getattr(ov.Type, element_type), shape).output(0)


def test_tensor_of_a_port() -> None:
    assert repr(ov.Tensor(port([2, 3]))) == "<Tensor: shape[2,3] type: f32>"
    assert repr(ov.Tensor(port([-1, 3]))) == "<Tensor: shape[0] type: f32>"


def test_tensor_of_a_port_over_an_array() -> None:
    array = np.arange(6, dtype=np.float32)
    tensor = ov.Tensor(port([2, 3]), array)
    tensor.data[0, 0] = 9
    assert array[0] == 9
    with pytest.warns(RuntimeWarning, match="Passed data will be cropped"):
        assert ov.Tensor(port([2]), array).data.tolist() == [9, 1]
    with pytest.warns(RuntimeWarning, match="Data is going to be casted"):
        assert ov.Tensor(port([6], "i32"), array).data.dtype == np.int32
    with pytest.raises(RuntimeError, match="Shape of the port exceeds shape of the array"):
        ov.Tensor(port([7]), array)


# ---- data and types ----
@pytest.mark.parametrize("name", PACKED + WHOLE)
def test_layout_of_each_type(name: str) -> None:
    def facts(package: Any) -> Any:
        tensor = package.Tensor(getattr(package.Type, name), [2, 3, 5])
        data = tensor.data
        return (
            data.dtype,
            data.shape,
            tensor.byte_size,
            tensor.get_byte_size(),
            tensor.size,
            tensor.get_size(),
        )

    same_outcome(facts)
    same_outcome(lambda p: p.Tensor(getattr(p.Type, name), [2, 3]).strides)


@pytest.mark.parametrize("name", PACKED)
def test_packed_types_have_no_strides_and_no_regions(name: str) -> None:
    tensor = ov.Tensor(getattr(ov.Type, name), [4])
    message = f"Could not get strides for types with bitwidths less then 8 bit. Tensor type: {name}"
    for function in (
        lambda: tensor.strides,
        tensor.get_strides,
        lambda: ov.Tensor(tensor, [0], [2]),
    ):
        with pytest.raises(RuntimeError, match=message):
            function()


def test_data_is_a_view_without_setter() -> None:
    tensor = ov.Tensor(ov.Type.f32, [2])
    assert tensor.data.flags.writeable
    assert not tensor.data.flags.owndata
    with pytest.raises(AttributeError, match="no setter"):
        tensor.data = np.zeros(2, np.float32)  # type: ignore[misc]


def test_reshaping_the_view_leaves_the_tensor_alone() -> None:
    tensor = ov.Tensor(np.zeros((2, 3), np.float32))
    tensor.data.shape = (6,)
    assert tensor.data.shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "values", "packed"),
    [
        ("u1", [1, 0, 0, 0, 0, 0, 1, 1], "83"),
        ("u2", [0, 1, 2, 3], "e4"),
        ("u3", list(range(8)), "1b1b0f"),
        ("u4", [1, 2, 3, 15], "21f3"),
        ("i4", [-8, 7, -1, 1], "781f"),
        ("u6", [1, 17, 33, 63], "111f1b"),
        ("nf4", [1, 15, 7], "f107"),
        ("f4e2m1", [1.0, -6.0], "f2"),
    ],
)
def test_host_array_of_packed_types(name: str, values: list[float], packed: str) -> None:
    element_type = getattr(ov.Type, name)
    tensor = ov.Tensor(element_type, [len(values)])
    tensor.assign_host(np.array(values, element_type.host_dtype))
    assert tensor.data.tobytes().hex() == packed
    assert tensor.host_array().dtype == element_type.host_dtype
    assert tensor.host_array().astype(np.float32).tolist() == values
    assert tensor.host_array().shape == (len(values),)


def test_host_array_sees_what_is_written_to_data() -> None:
    tensor = ov.Tensor(ov.Type.u4, [2])
    tensor.data[:] = 0x21
    assert tensor.host_array().tolist() == [1, 2]
    tensor.data[:] = 0x43
    assert tensor.host_array().tolist() == [3, 4]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("bf16", ml_dtypes.bfloat16),
        ("f8e4m3", ml_dtypes.float8_e4m3fn),
        ("f8e5m2", ml_dtypes.float8_e5m2),
    ],
)
def test_host_array_of_small_floats_is_a_view(name: str, dtype: Any) -> None:
    tensor = ov.Tensor(getattr(ov.Type, name), [2])
    tensor.host_array()[:] = [1.5, -2.0]
    assert tensor.host_array().dtype == dtype
    bits = np.array([1.5, -2.0], dtype).view(tensor.data.dtype)
    np.testing.assert_array_equal(tensor.data.view(np.uint8), bits.view(np.uint8))


def test_assign_host_resizes() -> None:
    tensor = ov.Tensor(ov.Type.f32, [0])
    tensor.assign_host(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert tensor.data.tolist() == [[0, 1, 2], [3, 4, 5]]
    fixed = ov.Tensor(np.zeros(2, np.float32), shared_memory=True)
    with pytest.raises(RuntimeError, match=r"Could set new shape: \[3\]"):
        fixed.assign_host(np.zeros(3, np.float32))


# ---- shape ----
@BOTH
def test_owning_tensor_grows_and_shrinks(ov_: Any) -> None:
    tensor = ov_.Tensor(ov_.Type.f32, [2])
    for shape in ([4], [2, 8], [1], [0], [3, 3]):
        tensor.shape = shape
        assert list(tensor.shape) == shape
        assert tensor.data.shape == tuple(shape)
        tensor.data[...] = 1


@BOTH
def test_shared_tensor_fits_into_its_memory(ov_: Any) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    tensor = ov_.Tensor(array, shared_memory=True)
    tensor.set_shape([2, 2])
    assert tensor.data.tolist() == [[0, 1], [2, 3]]
    tensor.set_shape([12])
    with pytest.raises(RuntimeError) as caught:
        tensor.set_shape([10, 10])
    assert sentence(caught.value) == "Could set new shape: [10,10]"
    assert list(tensor.shape) == [12]


@pytest.mark.parametrize("shape", [[-1], "x", 12, [1.5], None])
def test_wrong_shapes(shape: Any) -> None:
    same_outcome(lambda p: p.Tensor(p.Type.f32, [2]).set_shape(shape))


def test_huge_tensor_is_refused_without_harm() -> None:
    with pytest.raises(MemoryError, match="Cannot allocate"):
        ov.Tensor(ov.Type.f64, [1 << 40, 1 << 20])
    tensor = ov.Tensor(np.ones(2, np.float32))
    with pytest.raises(MemoryError, match="Cannot allocate"):
        tensor.set_shape([1 << 62, 8])
    assert tensor.data.tolist() == [1, 1]


# ---- regions ----
def region(package: Any) -> tuple[np.ndarray, Any]:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    parent = package.Tensor(array, shared_memory=True)
    return array, package.Tensor(parent, [1, 1], [3, 3])


@BOTH
def test_region_shares_memory(ov_: Any) -> None:
    array, part = region(ov_)
    assert part.data.tolist() == [[5, 6], [9, 10]]
    assert part.data.strides == (16, 4)
    assert repr(part.strides) == "<Strides: (16, 4)>"
    assert not part.is_continuous()
    assert part.byte_size == 16
    part.copy_from(np.full((2, 2), -1, np.float32))
    assert array.tolist() == [[0, 1, 2, 3], [4, -1, -1, 7], [8, -1, -1, 11]]


@BOTH
def test_region_takes_shapes_within_itself(ov_: Any) -> None:
    _, part = region(ov_)
    part.set_shape([1, 2])
    assert part.data.tolist() == [[5, 6]]
    part.set_shape([2, 1])
    assert part.data.tolist() == [[5], [9]]
    for shape in ([4], [3, 1]):
        with pytest.raises(RuntimeError):
            part.set_shape(shape)


@pytest.mark.parametrize(
    ("begin", "end"), [([1, 1], [4, 3]), ([1], [2]), ([2, 2], [1, 1]), ([1, 1], [1, 1])]
)
def test_bounds_of_regions(begin: list[int], end: list[int]) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    same_outcome(lambda p: p.Tensor(p.Tensor(array), begin, end))


def test_region_of_a_region() -> None:
    _, part = region(ov)
    assert ov.Tensor(part, [1, 0], [2, 2]).data.tolist() == [[9, 10]]


# ---- copies ----
@BOTH
def test_copies_take_the_shape_of_the_source(ov_: Any) -> None:
    source = ov_.Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
    target = ov_.Tensor(ov_.Type.f32, [1])
    target.copy_from(source)
    assert target.data.tolist() == [[0, 1, 2], [3, 4, 5]]
    source.copy_to(target)
    target.copy_from(np.ones(2, np.float32))
    assert target.data.tolist() == [1, 1]
    integers = ov_.Tensor(ov_.Type.i64, [0])
    integers.copy_from([7, 8])
    assert integers.data.tolist() == [7, 8]


@BOTH
def test_copies_of_another_type_are_refused(ov_: Any) -> None:
    target = ov_.Tensor(np.zeros(2, np.float32))
    for source in ([1.0, 2.0], np.zeros(2), ov_.Tensor(np.zeros(2))):
        with pytest.raises(RuntimeError) as caught:
            target.copy_from(source)
        assert (
            sentence(caught.value) == "Tensor element types are not equal. (src: f64 != dst: f32)"
        )


@BOTH
def test_shared_target_must_be_large_enough(ov_: Any) -> None:
    target = ov_.Tensor(np.zeros(4, np.float32), shared_memory=True)
    target.copy_from(np.ones(2, np.float32))
    assert list(target.shape) == [2]
    with pytest.raises(RuntimeError) as caught:
        target.copy_from(np.ones(9, np.float32))
    assert sentence(caught.value) == "Could set new shape: [9]"


@pytest.mark.parametrize("value", [5, "a", None])
def test_values_that_cannot_be_copied(value: Any) -> None:
    same_outcome(lambda p: p.Tensor(p.Type.f32, [1]).copy_from(value))


def test_packed_copy() -> None:
    source, target = ov.Tensor(ov.Type.u4, [3]), ov.Tensor(ov.Type.u4, [7])
    source.data[:] = [0x21, 0x03]
    target.copy_from(source)
    assert repr(target) == "<Tensor: shape[3] type: u4>"
    assert target.data.tolist() == [0x21, 0x03]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copy_module_copies_data(duplicate: Callable[[Any], Any]) -> None:
    array, part = region(ov)
    copied = duplicate(part)
    array[:] = 0
    assert copied.data.tolist() == [[5, 6], [9, 10]]
    copied.set_shape([100])
    assert duplicate(ov.Tensor(["abc", "é"])).str_data.tolist() == ["abc", "é"]


@BOTH
def test_identity(ov_: Any) -> None:
    tensor = ov_.Tensor([1])
    assert tensor == tensor
    assert tensor != ov_.Tensor([1])
    assert {tensor: 1}[tensor] == 1
    for name in ("__array__", "__len__", "__getitem__"):
        assert not hasattr(tensor, name)
    assert np.array(tensor).shape == ()


# ---- strings ----
@BOTH
def test_strings(ov_: Any) -> None:
    tensor = ov_.Tensor(["abc", "é"])
    assert tensor.str_data.dtype == np.dtype("<U3")
    assert tensor.str_data.tolist() == ["abc", "é"]
    assert tensor.bytes_data.dtype == np.dtype("S3")
    assert tensor.bytes_data.tolist() == [b"abc", b"\xc3\xa9"]
    assert tensor.byte_size == 64
    assert repr(tensor.strides) == "<Strides: (32)>"
    tensor.str_data = ["x", "yy"]
    assert tensor.bytes_data.tolist() == [b"x", b"yy"]
    tensor.bytes_data = np.array([b"\xff", b"zz"])
    assert tensor.str_data.tolist() == ["\ufffd", "zz"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert tensor.data.tolist() == [b"\xff", b"zz"]
    assert [w.category for w in caught] == [RuntimeWarning]
    assert str(caught[0].message).startswith("Data of string type will be copied!")


@BOTH
@pytest.mark.parametrize("attribute", ["str_data", "bytes_data"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["a"], "Passed array must have the same size (number of elements) as the Tensor!"),
        ([1, 2], "Unknown string kind passed to fill the Tensor's data!"),
        (np.array([1, 2]), "Unknown string kind passed to fill the Tensor's data!"),
        ("ab", "Invalid data to fill String Tensor!"),
    ],
)
def test_wrong_strings(ov_: Any, attribute: str, value: Any, message: str) -> None:
    tensor = ov_.Tensor(["a", "b"])
    with pytest.raises(RuntimeError) as caught:
        setattr(tensor, attribute, value)
    assert sentence(caught.value) == message
    assert tensor.str_data.tolist() == ["a", "b"]


@BOTH
def test_string_data_of_numbers(ov_: Any) -> None:
    with pytest.raises(RuntimeError) as caught:
        ov_.Tensor([1.0]).str_data  # noqa: B018 - the access raises
    assert sentence(caught.value) == "Tensor's type must be a string!"


def test_resized_string_tensor() -> None:
    tensor = ov.Tensor(["a"])
    tensor.set_shape([2, 2])
    tensor.str_data = [["a", "b"], ["c", "ddd"]]
    assert tensor.str_data.tolist() == [["a", "b"], ["c", "ddd"]]
    tensor.copy_from(ov.Tensor(["q"]))
    assert tensor.str_data.tolist() == ["q"]


# ---- vectors of tensors, files ----
def test_tensor_vector() -> None:
    first, second = ov.Tensor([1]), ov.Tensor([2])
    vector = ov.TensorVector([first])
    vector.append(second)
    vector.extend([first])
    assert len(vector) == 3
    assert vector[1] is second
    assert bool(vector)
    assert isinstance(vector[:2], ov.TensorVector)
    assert vector.pop() is first
    vector[0] = second
    del vector[1]
    vector.insert(0, first)
    assert list(vector) == [first, second]
    vector.clear()
    assert not vector
    with pytest.raises(TypeError):
        vector.append(5)  # type: ignore[arg-type]


def test_tensor_from_file(tmp_path: Any) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"\x01\x02\x03")
    tensor = ov.tensor_from_file(path)
    assert repr(tensor) == "<Tensor: shape[3] type: u8>"
    tensor.data[0] = 9
    assert tensor.data.tolist() == [9, 2, 3]
    assert path.read_bytes() == b"\x01\x02\x03"
    path.write_bytes(b"")
    assert ov.tensor_from_file(str(path)).size == 0
    with pytest.raises(FileNotFoundError):
        ov.tensor_from_file(tmp_path / "missing")
