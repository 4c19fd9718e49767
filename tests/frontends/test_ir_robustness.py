"""Files that are broken in one place: a RuntimeError that says where, and the next file is read as ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ovgpu
from ovgpu.frontends import read_model
from ovgpu.frontends.ir.reader import read_ir
from ovgpu.frontends.ir.weights import Weights
from tests.frontends.openvino_models import MODELS


def written(name: str, folder: Path) -> tuple[str, bytes]:
    """XML and weights of a model."""
    ov.serialize(MODELS[name](), folder / "model.xml")
    return (folder / "model.xml").read_text(), (folder / "model.bin").read_bytes()


def read(xml: str | bytes, weights: bytes | None) -> ovgpu.Model:
    return read_model(xml.encode() if isinstance(xml, str) else xml, weights)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']><net name="&i;" version="11"/>'
)
EXTERNAL = (
    '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    '<net name="&x;" version="11"/>'
)


@pytest.mark.parametrize(
    ("xml", "sentence"),
    [
        (BOMB, "DOCTYPE"),
        (EXTERNAL, "DOCTYPE"),
        (BOMB.encode("utf-16"), "malformed|DOCTYPE|Unable to read"),
        ("<!-- " + "x" * 200_000 + " -->" + BOMB.removeprefix('<?xml version="1.0"?>'), "DOCTYPE"),
        ("<net", "malformed"),
        ("<net></other>", "malformed"),
        ('<?xml version="1.0" encoding="nonsense"?><net/>', "malformed"),
        ("<a/>", "Unable to read the model"),
        ('<net version="9"/>', "Unable to read the model"),
        ('<net name="x"/>', "Unable to read the model"),
        ('<net version="11"><layers><layer name="x"/></layers></net>', "lacks the attribute 'id'"),
    ],
)
def test_not_a_model(xml: str | bytes, sentence: str) -> None:
    data = xml.encode() if isinstance(xml, str) else xml
    with pytest.raises(RuntimeError, match=sentence):
        read_ir(data, Weights(None, "test"))


# Each replaces a piece of the convolution model's XML; the pattern must name the layer.
_EDGE = '<edge from-layer="0" from-port="0" to-layer="2" to-port="0" />'
CHANGES = {
    "unknown operation": ('type="ReLU"', 'type="Nope"', r"opset1 doesn't contain.*type: Nope.*Relu"),
    "unknown opset": ('type="ReLU" version="opset1"', 'type="ReLU" version="opset99"', "ReLU layer.*opset99"),
    "unknown domain": ('type="ReLU" version="opset1"', 'type="ReLU" version="mine"', "Relu"),
    "missing attribute": ('strides="1, 1" ', "", "Convolution_.*strides"),
    "wrong attribute": ('strides="1, 1"', 'strides="one, 1"', "Convolution_.*strides"),
    "wrong choice": ('auto_pad="explicit"', 'auto_pad="maybe"', "Convolution_.*auto_pad"),
    "type of a constant": ('element_type="f32" shape="4, 3', 'element_type="q9" shape="4, 3', "Constant_.*q9"),
    "no type": ('element_type="f32" shape="4, 3', 'element_type="dynamic" shape="4, 3', "Constant_"),
    "shape of a constant": ('shape="4, 3, 3, 3"', 'shape="4, 3, x, 3"', "Constant_"),
    "negative shape": ('shape="4, 3, 3, 3"', 'shape="4, -3, 3, 3"', "Constant_.*shape"),
    "larger shape": ('shape="4, 3, 3, 3"', 'shape="5, 3, 3, 3"', "Constant_.*inconsistent"),
    "huge shape": ('shape="4, 3, 3, 3"', 'shape="99999999999, 99999999999, 3, 3"', "Constant_.*inconsistent"),
    "smaller size": ('size="432"', 'size="431"', "Constant_.*inconsistent"),
    "size beyond the file": ('size="432"', 'size="99999"', None),
    "negative size": ('size="432"', 'size="-432"', "Constant_"),
    "negative offset": ('offset="0" size="432"', 'offset="-1" size="432"', "Constant_.*Incorrect weights"),
    "huge offset": ('offset="0" size', 'offset="99999999999999999999" size', "Constant_.*Incorrect weights"),
    "no offset": ('offset="0" size="432"', 'size="432"', "Constant_.*offset"),
    "offset that is no number": ('offset="0" size="432"', 'offset="a" size="432"', "Constant_.*offset"),
    "dangling source": (_EDGE, _EDGE.replace('from-layer="0"', 'from-layer="77"'), "dangling.*77"),
    "dangling target": (_EDGE, _EDGE.replace('to-layer="2"', 'to-layer="77"'), "dangling.*77"),
    "no edge": (_EDGE, "", "Convolution_.*not connected"),
    "no such output": (_EDGE, _EDGE.replace('from-port="0"', 'from-port="9"'), "output port with id 9 in layer image"),
    "no such input": (_EDGE, _EDGE.replace('to-port="0"', 'to-port="9"'), "Convolution_"),
    "edge without port": (_EDGE, _EDGE.replace('from-port="0" ', ""), "lacks the attribute 'from-port'"),
    "cycle": (_EDGE, _EDGE.replace('from-layer="0" from-port="0"', 'from-layer="3" from-port="1"'), "cycle"),
    "cycle of one": (_EDGE, _EDGE.replace('from-layer="0" from-port="0"', 'from-layer="2" from-port="2"'), "cycle"),
    "id used twice": ('layer id="1"', 'layer id="0"', "image"),
    "shapes that do not fit": ('shape="1,3,12,12"', 'shape="1,4,12,12"', "Convolution_"),
    "shape that is none": ('shape="1,3,12,12"', 'shape="1,3,12,x"', "image"),
    "cut off": ("</edges>", "", "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_one_change(change: str, tmp_path: Path) -> None:
    xml, weights = written("convolution", tmp_path)
    old, new, pattern = CHANGES[change]
    assert old in xml
    broken = xml.replace(old, new, 1)
    if pattern is None:  # more bytes than the constant takes are no error
        weights += bytes(100_000)
        assert read(broken, weights).get_friendly_name() == "image network"
        return
    with pytest.raises(RuntimeError, match=pattern):
        read(broken, weights)
    assert read(xml, weights).get_friendly_name() == "image network"


def test_huge_inputs_allocate_nothing(tmp_path: Path) -> None:
    xml, weights = written("dynamic", tmp_path)
    model = read(xml.replace('shape="?,3,1..10"', 'shape="99999999999,99999999999,3"'), weights)
    assert list(model.inputs[0].shape) == [99999999999, 99999999999, 3]
    assert list(model.outputs[0].shape) == [99999999999, 99999999999, 3]


@pytest.mark.parametrize("length", [1, 100, 431])
def test_truncated_weights(length: int, tmp_path: Path) -> None:
    xml, weights = written("convolution", tmp_path)
    with pytest.raises(RuntimeError, match=r"Constant_\d+.*Incorrect weights in bin file"):
        read(xml, weights[:length])
    (tmp_path / "model.bin").write_bytes(weights[:length])
    with pytest.raises(RuntimeError, match=r"Constant_\d+.*Incorrect weights in bin file"):
        read_model(tmp_path / "model.xml")


def test_missing_weights(tmp_path: Path) -> None:
    xml, _ = written("convolution", tmp_path)
    with pytest.raises(RuntimeError, match="bin file cannot be found"):
        read(xml, None)
    (tmp_path / "model.bin").unlink()
    with pytest.raises(RuntimeError, match=r"Constant_\d+.*bin file cannot be found"):
        read_model(tmp_path / "model.xml")
    with pytest.raises(RuntimeError, match=r"Can not open file .*other.bin for mapping"):
        read_model(tmp_path / "model.xml", tmp_path / "other.bin")


@pytest.mark.parametrize("position", range(0, 36, 4))
def test_broken_strings(position: int, tmp_path: Path) -> None:
    xml, weights = written("strings", tmp_path)
    start = xml.index('offset="', xml.index('element_type="string"')) + 8
    offset = int(xml[start : xml.index('"', start)])
    broken = bytearray(weights)
    broken[offset + position : offset + position + 4] = b"\xff\xff\xff\x7f"
    if position < 24:  # the number of strings and the ends of the first ones
        with pytest.raises(RuntimeError, match=r"Constant_.*inconsistent"):
            read(xml, bytes(broken))
    else:
        assert read(xml, bytes(broken)).get_friendly_name() == "strings"


BODY_CHANGES = {
    "no port map": ("loop", "<port_map>", "<port_maps>", None),
    "no body": ("loop", "<body>", "<bodies>", None),
    "no such parameter": ("loop", '_port_id="2" internal_layer_id="', '_port_id="2" internal_layer_id="9', "Loop_"),
    "no such port": ("loop", 'external_port_id="2"', 'external_port_id="88"', "Loop_"),
    "no axis": ("loop", '<input axis="0"', '<input axis="zero"', "Loop_"),
    "axis out of range": ("loop", '<input axis="0"', '<input axis="7"', "Loop_"),
    "part of nothing": ("loop", 'part_size="1"', 'part_size="0"', "Loop_"),
    "unknown operation inside": ("loop", 'type="Multiply"', 'type="Nope"', "Loop_.*Nope"),
    "no condition": ("loop", ' purpose="execution_condition"', "", "Loop_"),
    "no else": ("condition", "<else_body>", "<other>", None),
    "no internal layer": ("condition", ' internal_layer_id="0"', "", "If_"),
    "variable without a type": ("stateful", ' variable_type="f32"', "", "ReadValue_.*variable_type"),
    "variable of a type that is none": ("stateful", 'variable_type="f32"', 'variable_type="q9"', "ReadValue_.*q9"),
    "variable of a shape that is none": ("stateful", 'variable_shape="?,2"', 'variable_shape="?,x"', "ReadValue_"),
    "result of the wrong type": ("condition", 'type="Sigmoid"', 'type="IsNaN"', "If_"),
}  # fmt: skip


@pytest.mark.parametrize("change", BODY_CHANGES)
def test_broken_bodies(change: str, tmp_path: Path) -> None:
    name, old, new, pattern = BODY_CHANGES[change]
    xml, weights = written(name, tmp_path)
    assert old in xml
    broken = xml.replace(old, new, 1)
    if pattern is None:
        broken = broken.replace(old.replace("<", "</"), new.replace("<", "</"), 1)
        pattern = "Loop_|If_"
    if change == "result of the wrong type":
        broken = broken.replace('type="IsNaN" version="opset1"', 'type="IsNaN" version="opset10"')
    with pytest.raises(RuntimeError, match=pattern):
        read(broken, weights)


def test_deep_nesting_is_refused() -> None:
    depth = 3000
    opening = (
        '<layers><layer id="0" name="loop" type="TensorIterator" version="opset1"><body>' * depth
    )
    xml = f'<net name="deep" version="11">{opening}{"</body></layer></layers>" * depth}</net>'
    with pytest.raises(RuntimeError, match="nested too deeply"):
        read(xml, None)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, bytes]]:
    """Written once: the names of nodes count up, so that a second file would differ."""
    folder = tmp_path_factory.mktemp("intact")
    names = ["convolution", "loop", "condition", "strings", "stateful"]
    return {n: (xml.encode(), weights) for n in names for xml, weights in [written(n, folder)]}


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(["convolution", "loop", "condition", "strings", "stateful"]),
    changes=st.lists(
        st.tuples(st.integers(0, 10**6), st.sampled_from(list(b'0123456789-"<>/ax= '))),
        min_size=1,
        max_size=4,
    ),
    truncated=st.booleans(),
)
def test_random_damage(
    name: str,
    changes: list[tuple[int, int]],
    truncated: bool,
    intact: dict[str, tuple[bytes, bytes]],
) -> None:
    """A model with some bytes replaced is read or refused with a RuntimeError, nothing else."""
    xml, weights = intact[name]
    content = bytearray(xml)
    for position, byte in changes:
        content[1 + position % (len(content) - 1)] = byte
    try:
        model = read(bytes(content), weights[: len(weights) // 2] if truncated else weights)
    except RuntimeError:
        pass
    else:
        assert isinstance(model, ovgpu.Model)


def test_arrays_as_weights(tmp_path: Path) -> None:
    xml, weights = written("convolution", tmp_path)
    array = np.frombuffer(weights + bytes(-len(weights) % 4), np.float32)
    assert read_model(xml, ovgpu.Tensor(array.copy())).get_friendly_name() == "image network"
