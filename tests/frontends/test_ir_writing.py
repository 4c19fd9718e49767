"""Files written here, read by OpenVINO and here again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ovgpu
import ovgpu.opset13 as ops
from ovgpu.frontends import read_model, save_model, serialize
from ovgpu.graph.special import Constant
from tests.frontends.comparison import attributes, describe, run_openvino, stored_bytes
from tests.frontends.openvino_models import CONSTANT_TYPES, INPUTS, MODELS


def small_model(*constants: np.ndarray) -> ovgpu.Model:
    """The sum of one input and some constants."""
    x = ops.parameter([2], np.float32, name="x")
    total = x
    for array in constants:
        total = ops.add(total, ops.constant(array))
    return ovgpu.Model([ops.result(total, name="out")], [x], "sum")


@pytest.mark.parametrize("name", MODELS)
def test_openvino_reads_the_same_graph(name: str, tmp_path: Path) -> None:
    ov.serialize(MODELS[name](), tmp_path / "theirs.xml")
    serialize(read_model(tmp_path / "theirs.xml"), tmp_path / "ours.xml")
    core = ov.Core()
    theirs, ours = core.read_model(tmp_path / "theirs.xml"), core.read_model(tmp_path / "ours.xml")
    assert describe(ours) == describe(theirs)
    assert attributes(ours) == attributes(theirs)
    assert [str(p.partial_shape) for p in (*ours.inputs, *ours.outputs)] == [
        str(p.partial_shape) for p in (*theirs.inputs, *theirs.outputs)
    ]
    assert describe(read_model(tmp_path / "ours.xml")) == describe(theirs)


@pytest.mark.parametrize("name", INPUTS)
def test_openvino_computes_the_same(name: str, tmp_path: Path) -> None:
    ov.serialize(MODELS[name](), tmp_path / "theirs.xml")
    save_model(read_model(tmp_path / "theirs.xml"), tmp_path / "ours.xml", compress_to_fp16=False)
    ours = ov.Core().read_model(tmp_path / "ours.xml")
    expected = run_openvino(MODELS[name](), INPUTS[name])
    for mine, their in zip(run_openvino(ours, INPUTS[name]), expected, strict=True):
        np.testing.assert_array_equal(mine, their)


def test_information_survives(tmp_path: Path) -> None:
    ov.serialize(MODELS["convolution"](), tmp_path / "theirs.xml")
    save_model(read_model(tmp_path / "theirs.xml"), tmp_path / "ours.xml")
    model = ov.Core().read_model(tmp_path / "ours.xml")
    assert model.get_rt_info(["framework", "version"]).value == "1.0"
    assert model.get_rt_info("numbers").value == "1 2 3"
    assert model.get_rt_info("a name with blanks").value == "with blanks"
    assert model.get_rt_info("OpenVINO Runtime").value.startswith("ovgpu")
    assert model.get_parameters()[0].get_layout() == ov.Layout("NCHW")


@pytest.mark.parametrize("name", ["convolution", "loop", "stateful"])
def test_f16_compression(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    ov.save_model(model, tmp_path / "theirs.xml")
    ov.serialize(model, tmp_path / "plain.xml")
    plain = read_model(tmp_path / "plain.xml")
    before = describe(plain)
    save_model(plain, tmp_path / "ours.xml")
    assert describe(plain) == before
    core = ov.Core()
    assert describe(core.read_model(tmp_path / "ours.xml")) == describe(
        core.read_model(tmp_path / "theirs.xml")
    )
    for node in read_model(tmp_path / "ours.xml").get_ordered_ops():
        if node.get_type_name() == "Convert" and "decompression_0" in node.rt_info:
            source = node.input_value(0).node
            assert source.get_friendly_name() == f"{node.get_friendly_name()}_compressed"
            assert source.get_element_type() is ovgpu.Type.f16
    for mine, their in zip(
        run_openvino(core.read_model(tmp_path / "ours.xml"), INPUTS[name]),
        run_openvino(core.read_model(tmp_path / "theirs.xml"), INPUTS[name]),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, their)


@pytest.mark.parametrize(
    ("array", "compressed"),
    [
        (np.array([1.0, 2.0], np.float32), True),
        (np.array([1e6, 1e6], np.float32), False),
        (np.array([1e6, 1.0], np.float32), True),
        (np.array([1e-9, -1e-9], np.float32), False),
        (np.array([0.0, 0.0], np.float32), True),
        (np.array([np.nan, np.inf], np.float32), True),
    ],
)
def test_constants_outside_of_f16(array: np.ndarray, compressed: bool, tmp_path: Path) -> None:
    save_model(small_model(array), tmp_path / "model.xml")
    node = next(
        n for n in read_model(tmp_path / "model.xml").get_ordered_ops() if isinstance(n, Constant)
    )
    assert (node.get_element_type() is ovgpu.Type.f16) == compressed
    if compressed:
        np.testing.assert_array_equal(
            node.host_array(), np.clip(array, -65504, 65504).astype(np.float16)
        )


def element_types(path: Path) -> list[str]:
    """Types of the constants of a file as OpenVINO reads it."""
    nodes = ov.Core().read_model(path).get_ordered_ops()
    return [n.get_element_type().to_string() for n in nodes if n.get_type_name() == "Constant"]


def fake_quantize(package: Any, x: Any) -> Any:
    limits = [np.float32(v) for v in (0, 1, 0, 1)]
    return package.opset13.fake_quantize(x, *limits, 256)


def low_bit_weights(package: Any, x: Any) -> Any:
    ops = package.opset13
    weights = ops.convert(ops.constant(np.ones((4, 4), np.uint8)), "f32")
    return ops.matmul(x, ops.multiply(weights, np.full((4, 1), 0.5, np.float32)), False, False)


def low_bit_numbers(package: Any, x: Any) -> Any:
    numbers = package.opset13.constant(np.ones((4, 4), np.uint8))
    return package.opset13.multiply(x, package.opset13.convert(numbers, "f32"))


@pytest.mark.parametrize(
    "build",
    [
        lambda package, x: package.opset13.multiply(x, np.float32(0.1)),
        lambda package, x: package.opset13.multiply(x, np.float32(0.5)),
        lambda package, x: package.opset13.multiply(x, np.array([[1e-5]], np.float32)),
        lambda package, x: package.opset13.multiply(x, np.array([0.1] * 4, np.float32)),
        lambda package, x: package.opset13.divide(
            x, package.opset13.sqrt(package.opset13.add(x, np.float32(1e-5)))
        ),
        fake_quantize,
        low_bit_weights,
        low_bit_numbers,
    ],
)
def test_what_compression_leaves_alone(build: Any, tmp_path: Path) -> None:
    """The same as in OpenVINO; each model also has a constant that is worth it."""
    for package, save, name in ((ovgpu, save_model, "ours.xml"), (ov, ov.save_model, "theirs.xml")):
        x = package.opset13.parameter([4, 4], np.float32, "x")
        scaled = package.opset13.add(build(package, x), np.full((4, 4), 0.25, np.float32))
        save(package.Model([package.opset13.result(scaled)], [x], "m"), tmp_path / name)
    assert sorted(element_types(tmp_path / "ours.xml")) == sorted(
        element_types(tmp_path / "theirs.xml")
    )


def test_equal_constants_are_written_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 1000)).astype(np.float32)
    x = ops.parameter([1000], np.float32, name="x")
    total = ops.add(
        ops.add(ops.add(x, ops.constant(first)), ops.constant(second)), ops.constant(first.copy())
    )
    serialize(ovgpu.Model([ops.result(total)], [x], "m"), tmp_path / "model.xml")
    assert 8000 <= (tmp_path / "model.bin").stat().st_size < 8200
    for node in read_model(tmp_path / "model.xml").get_ordered_ops():
        if isinstance(node, Constant):
            assert node._storage.flags.aligned


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(CONSTANT_TYPES)),
            st.lists(st.integers(0, 5), max_size=3),
            st.integers(0, 2**32 - 1),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_constants_of_all_types(
    tmp_path_factory: pytest.TempPathFactory, specs: list[tuple[str, list[int], int]]
) -> None:
    results = []
    for number, (type_name, shape, seed) in enumerate(specs):
        element_type = getattr(ovgpu.Type, type_name)
        raw = np.random.default_rng(seed).integers(0, 256, 2000, np.uint8)
        size = element_type.storage_bytes(int(np.prod(shape)))
        raw = raw[:size] & 1 if type_name == "boolean" else raw[:size]
        node = Constant.from_storage(element_type, shape, raw)
        node.set_friendly_name(f"constant {number}")
        results.append(ops.result(node, name=f"r{number}"))
    x = ops.parameter([1], np.float32, name="x")
    path = tmp_path_factory.mktemp("constants") / "model.xml"
    model = ovgpu.Model([*results, ops.result(x)], [x], "constants")
    serialize(model, path)
    theirs = {n.get_friendly_name(): n for n in ov.Core().read_model(path).get_ordered_ops()}
    ours = {n.get_friendly_name(): n for n in read_model(path).get_ordered_ops()}
    for node in model.get_ordered_ops():
        if isinstance(node, Constant):
            name = node.get_friendly_name()
            np.testing.assert_array_equal(stored_bytes(ours[name]), stored_bytes(node))
            if 0 not in node.shape:
                np.testing.assert_array_equal(stored_bytes(theirs[name]), stored_bytes(node))


_NAME = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\\ufffe\uffff"), min_size=1
)


@settings(max_examples=40, deadline=None)
@given(friendly=_NAME, names=st.sets(_NAME, min_size=1, max_size=3), key=_NAME, text=_NAME)
def test_any_text_survives(
    friendly: str, names: set[str], key: str, text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = small_model(np.ones(2, np.float32))
    model.set_friendly_name(friendly)
    model.get_parameters()[0].set_friendly_name(friendly)
    model.inputs[0].set_names(names)
    model.set_rt_info(text, key)
    path = tmp_path_factory.mktemp("names") / "model.xml"
    serialize(model, path)
    read = read_model(path)
    assert read.get_friendly_name() == friendly
    assert read.get_parameters()[0].get_friendly_name() == friendly
    assert read.inputs[0].get_names() == names
    if key != "version":
        assert read.get_rt_info(key).value == text


def test_a_model_can_replace_the_file_that_it_was_read_from(tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    big = np.arange(2, dtype=np.float32)
    serialize(small_model(big, *np.random.default_rng(0).random((50, 2), np.float32)), path)
    model = read_model(path)
    before = [n.host_array().copy() for n in model.get_ordered_ops() if isinstance(n, Constant)]
    save_model(model, path)
    for node, array in zip(
        (n for n in model.get_ordered_ops() if isinstance(n, Constant)), before, strict=True
    ):
        np.testing.assert_array_equal(node.host_array(), array)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.bin", "model.xml"]
    assert len(read_model(path).get_parameters()) == 1


def test_paths(tmp_path: Path) -> None:
    model = small_model()
    with pytest.raises(RuntimeError, match="doesn't contains file name with 'xml' extension"):
        save_model(model, tmp_path / "model.txt")
    with pytest.raises(RuntimeError, match="wrong version argument: 'IR_V9'"):
        serialize(model, tmp_path / "model.xml", version="IR_V9")
    with pytest.raises(RuntimeError, match="Can't open bin file"):
        serialize(model, tmp_path / "model.xml", tmp_path / "missing" / "model.bin")
    assert list(tmp_path.iterdir()) == []
    save_model(model, str(tmp_path / "new" / "folder" / "model.xml"))
    assert (tmp_path / "new" / "folder" / "model.bin").exists()
    serialize(model, tmp_path / "a.xml", tmp_path / "weights.data")
    assert (tmp_path / "weights.data").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="Can't open xml file"):
        save_model(model, tmp_path / "file" / "model.xml")


def test_version_10(tmp_path: Path) -> None:
    serialize(small_model(np.ones(2, np.float32)), tmp_path / "model.xml", version="IR_V10")
    theirs = ov.Core().read_model(tmp_path / "model.xml")
    assert theirs.get_rt_info("version").value == 10
    assert run_openvino(theirs, [np.array([1, 2], np.float32)])[0].tolist() == [2, 3]
