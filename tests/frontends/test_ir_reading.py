"""Files that OpenVINO wrote, read here."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ovgpu
from ovgpu.frontends import read_model
from ovgpu.frontends.ir.weights import pack_strings
from ovgpu.graph.special import Constant
from ovgpu.plugins.cpu.evaluate import evaluate_graph
from tests.frontends.comparison import attributes, describe, run_openvino, stored_bytes
from tests.frontends.openvino_models import CONSTANT_TYPES, INPUTS, MODELS, constants


@pytest.mark.parametrize("name", MODELS)
def test_graph_is_that_of_openvino(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    ov.serialize(MODELS[name](), path)
    theirs, ours = ov.Core().read_model(path), read_model(path)
    assert describe(ours) == describe(theirs)
    assert attributes(ours) == attributes(theirs)
    assert [p.get_friendly_name() for p in ours.get_parameters()] == [
        p.get_friendly_name() for p in theirs.get_parameters()
    ]
    for mine, their in zip(ours.outputs, theirs.outputs, strict=True):
        assert mine.get_names() == their.get_names()
        assert mine.partial_shape.refines(ovgpu.PartialShape(str(their.partial_shape)))


@pytest.mark.parametrize("name", INPUTS)
def test_values_are_those_of_openvino(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    ov.serialize(model, tmp_path / "model.xml")
    ours = read_model(tmp_path / "model.xml")
    made = evaluate_graph(
        ours.get_results(), dict(zip(ours.get_parameters(), INPUTS[name], strict=True))
    )
    for mine, their in zip(made, run_openvino(model, INPUTS[name]), strict=True):
        np.testing.assert_allclose(mine, their, rtol=1e-5, atol=1e-6)


def test_information_of_the_model(tmp_path: Path) -> None:
    ov.save_model(MODELS["convolution"](), tmp_path / "model.xml")
    model = read_model(tmp_path / "model.xml")
    assert model.get_rt_info(["framework", "version"]).value == "1.0"
    assert model.get_rt_info("numbers").aslist(int) == [1, 2, 3]
    assert model.get_rt_info("a name with blanks").value == "with blanks"
    assert model.get_rt_info("version").value == 11
    assert model.has_rt_info("OpenVINO Runtime")
    assert model.get_parameters()[0].layout == ovgpu.Layout("NCHW")
    converts = [n for n in model.get_ordered_ops() if n.get_type_name() == "Convert"]
    assert len(converts) == 2
    assert all("decompression_0" in n.rt_info for n in converts)


def test_attributes_of_layers(tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    ov.serialize(MODELS["dynamic"](), path)
    text = path.read_text().replace(
        '<data auto_broadcast="numpy" />',
        '<data auto_broadcast="numpy" unknown="1" /><rt_info>'
        '<attribute name="fused_names" version="0" value="one, two" />'
        '<attribute name="old_api_map_order" version="0" value="0,2,1" />'
        '<attribute name="old_api_map_element_type" version="0" value="f16" />'
        '<attribute name="two_values" version="3" first="1" second="2" /></rt_info>',
    )
    node = next(n for n in read_model(text).get_ordered_ops() if n.get_type_name() == "Add")
    assert node.rt_info["fused_names_0"].value == "one, two"
    assert node.rt_info["old_api_map_order_0"].value == [0, 2, 1]
    assert node.rt_info["old_api_map_element_type_0"].value is ovgpu.Type.f16
    assert {k: v.value for k, v in node.rt_info["two_values_3"].items()} == {
        "first": "1",
        "second": "2",
    }


@pytest.mark.parametrize("type_name", CONSTANT_TYPES)
@settings(max_examples=8, deadline=None)
@given(
    shape=st.lists(st.integers(0, 7), max_size=3).map(tuple),
    data=st.binary(min_size=3000, max_size=3000),
)
def test_constants_of_all_types(
    type_name: str, shape: tuple[int, ...], data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    raw = np.frombuffer(data, np.uint8)
    if type_name == "boolean":
        raw = raw & 1
    path = tmp_path_factory.mktemp("constants") / "model.xml"
    ov.serialize(constants(type_name, shape, raw), path)
    node = next(n for n in read_model(path).get_ordered_ops() if isinstance(n, Constant))
    their = next(
        n for n in ov.Core().read_model(path).get_ordered_ops() if n.get_type_name() == "Constant"
    )
    assert node.get_element_type().to_string() == type_name
    assert list(node.shape) == list(shape)
    assert node.get_byte_size() == their.get_byte_size()
    if 0 not in shape:
        np.testing.assert_array_equal(stored_bytes(node), stored_bytes(their))
        assert node.host_array().shape == shape


def test_strings(tmp_path: Path) -> None:
    ov.serialize(MODELS["strings"](), tmp_path / "model.xml")
    model = read_model(tmp_path / "model.xml")
    node = next(n for n in model.get_ordered_ops() if isinstance(n, Constant))
    assert node.get_value_strings() == ["ab", "", "äöü", "a\nb"]


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_packed_strings_keep_any_bytes(texts: list[bytes]) -> None:
    from ovgpu.frontends.ir.weights import Weights, read_constant

    array = np.empty(len(texts), object)
    array[:] = texts
    packed = np.frombuffer(pack_strings(array), np.uint8)
    node = read_constant(Weights(packed, "test"), ovgpu.Type.string, [len(texts)], 0, packed.size)
    assert node.host_array().tolist() == texts


def test_weights_are_mapped_not_copied(tmp_path: Path) -> None:
    big = np.arange(1 << 18, dtype=np.float32)
    ov.serialize(constants("f32", (1 << 18,), big.view(np.uint8)), tmp_path / "model.xml")
    node = next(
        n for n in read_model(tmp_path / "model.xml").get_ordered_ops() if isinstance(n, Constant)
    )
    array = node.host_array()
    assert not array.flags.owndata
    assert not array.flags.writeable
    np.testing.assert_array_equal(array, big)
    plain = read_model(tmp_path / "model.xml", config={"ENABLE_MMAP": False})
    (tmp_path / "model.bin").unlink()
    copied = next(n for n in plain.get_ordered_ops() if isinstance(n, Constant))
    np.testing.assert_array_equal(copied.host_array(), big)


def test_constants_at_odd_offsets(tmp_path: Path) -> None:
    texts = ov.op.Constant(ov.Tensor(["abc"]))  # 13 + 3 bytes would be even
    odd = ov.op.Constant(ov.Tensor(["ab"]))
    numbers = ov.opset13.constant(np.array([1.5, 2.5]))
    x = ov.opset13.parameter([1], np.float32, name="x")
    results = [ov.opset13.result(n) for n in (texts, odd, numbers)]
    ov.serialize(ov.Model([*results, ov.opset13.result(x)], [x], "m"), tmp_path / "model.xml")
    nodes = [
        n for n in read_model(tmp_path / "model.xml").get_ordered_ops() if isinstance(n, Constant)
    ]
    array = next(n for n in nodes if n.get_element_type() is ovgpu.Type.f64).host_array()
    assert array.flags.aligned
    assert array.tolist() == [1.5, 2.5]


@pytest.mark.parametrize("form", ["path", "text", "bytes", "stream", "bytes path"])
def test_forms_of_the_model(form: str, tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    ov.serialize(MODELS["convolution"](), path)
    weights = path.with_suffix(".bin").read_bytes()
    tensor = ovgpu.Tensor(np.frombuffer(weights, np.uint8).copy())
    arguments = {
        "path": (path, None),
        "text": (path.read_text(), tensor),
        "bytes": (path.read_bytes(), tensor),
        "stream": (io.BytesIO(path.read_bytes()), io.BytesIO(weights)),
        "bytes path": (str(path).encode(), str(path.with_suffix(".bin"))),
    }
    model = read_model(*arguments[form])
    assert describe(model) == describe(ov.Core().read_model(path))


def test_version_10_has_names_and_types_of_the_old_api(tmp_path: Path) -> None:
    import openvino.opset13 as ops

    half = ops.parameter([1, 2], np.float16, name="half")
    count = ops.parameter([2], np.int64, name="count")
    total = ops.relu(half, name="total")
    doubled = ops.add(count, count, name="doubled")
    model = ov.Model([ops.result(total), ops.result(doubled)], [half, count], "old")
    ov.serialize(model, tmp_path / "model.xml", version="IR_V10")
    theirs = ov.Core().read_model(tmp_path / "model.xml")
    ours = read_model(tmp_path / "model.xml")
    assert ours.get_rt_info("version").value == 10
    for mine, their in zip(
        [*ours.inputs, *ours.outputs], [*theirs.inputs, *theirs.outputs], strict=True
    ):
        assert mine.get_element_type().to_string() == their.get_element_type().to_string()
        assert their.get_names() <= mine.get_names()
    made = evaluate_graph(
        ours.get_results(),
        dict(
            zip(
                ours.get_parameters(),
                [np.array([[-1, 2.5]], np.float32), np.array([3, 4])],
                strict=True,
            )
        ),
    )
    assert made[0].tolist() == [[0, 2.5]]
    assert made[1].tolist() == [6, 8]
    assert made[1].dtype == np.int32
