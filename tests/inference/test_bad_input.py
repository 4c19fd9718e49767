"""Input that is wrong in one way: a clear error, and the next call on the same objects is right."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu import opset13 as ops

DATA = np.arange(12, dtype=np.float32).reshape(3, 4)
WEIGHTS = np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5)
EXPECTED = np.maximum(DATA @ WEIGHTS, 0)


def build() -> ov.Model:
    """relu(x @ weights), x: f32 [1..8, 4]."""
    x = ops.parameter([(1, 8), 4], np.float32, name="x")
    product = ops.matmul(x, WEIGHTS, False, False, name="product")
    model = ov.Model([ops.relu(product, name="relu")], [x], "good")
    model.input(0).tensor.set_names({"x"})
    return model


@pytest.fixture(scope="module")
def core() -> ov.Core:
    return ov.Core()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """XML and weights of the good model."""
    path = tmp_path_factory.mktemp("good") / "good.xml"
    ov.save_model(build(), path, compress_to_fp16=False)
    return path.read_text(), path.with_suffix(".bin").read_bytes()


@pytest.fixture(scope="module")
def compiled(core: ov.Core) -> ov.CompiledModel:
    return core.compile_model(build(), "CPU")


@pytest.fixture(scope="module")
def request_(compiled: ov.CompiledModel) -> ov.InferRequest:
    return compiled.create_infer_request()


def assert_right(compiled: ov.CompiledModel) -> None:
    np.testing.assert_allclose(compiled(DATA)[0], EXPECTED, rtol=1e-6)


# ---- models ---------------------------------------------------------------------------------------------------------
def _replace(old: str, new: str) -> Callable[[str, bytes], tuple[str, bytes | None]]:
    def change(xml: str, weights: bytes) -> tuple[str, bytes | None]:
        assert re.search(old, xml), xml
        return re.sub(old, new, xml, count=1), weights

    return change


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aaaaaaaaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><net name="&c;" version="11"/>'
)

#: What is changed in the good model's files, and what the error says.
BROKEN: dict[str, tuple[Callable[[str, bytes], tuple[str, bytes | None]], str]] = {
    "no weights": (lambda xml, weights: (xml, None), "bin file cannot be found"),
    "truncated weights": (lambda xml, weights: (xml, weights[:-1]), "Incorrect weights in bin file"),
    "size too small": (_replace('size="80"', 'size="79"'), "inconsistent"),
    "size is no number": (_replace('size="80"', 'size="many"'), "must be an integer"),
    "offset beyond the file": (_replace('offset="0"', 'offset="9999"'), "Incorrect weights"),
    "negative offset": (_replace('offset="0"', 'offset="-4"'), "Incorrect weights"),
    "shape of a constant too large": (_replace('shape="4, 5"', 'shape="4000000, 5000000"'), "inconsistent"),
    "malformed": (_replace("</layers>", ""), "malformed"),
    "cut off": (lambda xml, weights: (xml[: len(xml) // 2], weights), "malformed"),
    "entity bomb": (lambda xml, weights: (BOMB, weights), "DOCTYPE"),
    "cycle": (_replace('from-layer="0" from-port="0"', 'from-layer="3" from-port="1"'), "cycle|relu"),
    "dangling edge": (_replace('from-layer="0"', 'from-layer="70"'), "dangling.*70"),
    "missing edge": (_replace("<edge [^>]*>", ""), "not connected"),
    "unknown operation": (_replace('type="ReLU"', 'type="Frobnicate"'), "Frobnicate.*relu"),
    "unknown opset": (_replace('type="ReLU" version="opset1"', 'type="ReLU" version="opset77"'), "relu.*opset77"),
    "NaN in a shape": (_replace(r'shape="1\.\.8,4"', 'shape="nan,4"'), "'x'.*nan"),
    "NaN in a constant's shape": (_replace('shape="4, 5"', 'shape="nan, 5"'), "Constant.*nan"),
    "shapes that do not fit": (_replace(r'shape="1\.\.8,4"', 'shape="1..8,3"'), "product"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_model(
    name: str, core: ov.Core, files: tuple[str, bytes], compiled: ov.CompiledModel, tmp_path: Path
) -> None:
    change, sentence = BROKEN[name]
    xml, weights = change(*files)
    path = tmp_path / "broken.xml"
    path.write_text(xml)
    if weights is not None:
        path.with_suffix(".bin").write_bytes(weights)
    for read in (core.read_model, lambda p: core.compile_model(p, "CPU")):
        with pytest.raises(RuntimeError, match=f"(?s){sentence}"):
            read(path)
    path.write_text(files[0])
    path.with_suffix(".bin").write_bytes(files[1])
    assert_right(core.compile_model(path, "CPU"))
    assert_right(compiled)


# ---- tensors --------------------------------------------------------------------------------------------------------
#: Copied and shared arrays have sentences of their own; both name the port and its bounds.
NAMES_PORT_AND_BOUNDS = r"1\.\.8,4.*'x'|'x'.*1\.\.8,4"
WRONG_FEEDS: dict[str, tuple[Any, type[Exception] | tuple[type[Exception], ...], str]] = {
    "shape outside of the bounds": (
        np.ones((9, 4), np.float32),
        RuntimeError,
        NAMES_PORT_AND_BOUNDS,
    ),
    "wrong static dimension": (np.ones((3, 5), np.float32), RuntimeError, NAMES_PORT_AND_BOUNDS),
    "rank too small": (np.ones(4, np.float32), RuntimeError, NAMES_PORT_AND_BOUNDS),
    "rank too large": (np.ones((1, 3, 4), np.float32), RuntimeError, NAMES_PORT_AND_BOUNDS),
    "scalar": (np.float32(1), RuntimeError, r"x"),
    "unknown name": ({"y": DATA}, (RuntimeError, KeyError), "y"),
    "unknown index": ({5: DATA}, (RuntimeError, IndexError), "5"),
    "too many": ([DATA, DATA], RuntimeError, ""),
    "text": ({"x": np.full((3, 4), "a")}, ValueError, "convert string"),
    "object array": ({"x": np.array([{}, None], object)}, (RuntimeError, TypeError), ""),
    "None": ({"x": None}, (RuntimeError, TypeError), ""),
    "a type as a key": ({float: DATA}, TypeError, ""),
}


@pytest.mark.parametrize("name", WRONG_FEEDS)
def test_wrong_data(name: str, compiled: ov.CompiledModel, request_: ov.InferRequest) -> None:
    feeds, error, sentence = WRONG_FEEDS[name]
    for infer in (compiled, request_.infer):
        with pytest.raises(error, match=f"(?s){sentence}"):
            infer(feeds)
    np.testing.assert_allclose(request_.infer(DATA)[0], EXPECTED, rtol=1e-6)
    assert_right(compiled)


@pytest.mark.parametrize("name", WRONG_FEEDS)
def test_wrong_data_in_a_queue(name: str, compiled: ov.CompiledModel) -> None:
    feeds, error, sentence = WRONG_FEEDS[name]
    queue = ov.AsyncInferQueue(compiled, 2)
    results: dict[int, np.ndarray] = {}
    queue.set_callback(
        lambda r, index: results.__setitem__(index, r.get_output_tensor().data.copy())
    )
    with pytest.raises(error, match=f"(?s){sentence}"):
        queue.start_async(feeds, 0)
    for index in range(1, 5):
        queue.start_async(DATA, index)
    queue.wait_all()
    assert sorted(results) == [1, 2, 3, 4]
    for array in results.values():
        np.testing.assert_allclose(array, EXPECTED, rtol=1e-6)


def test_wrong_tensor_type(compiled: ov.CompiledModel, request_: ov.InferRequest) -> None:
    wrong = ov.Tensor(DATA.astype(np.float64))
    for call in (
        lambda: request_.set_tensor("x", wrong),
        lambda: request_.set_input_tensor(wrong),
        lambda: request_.set_input_tensor(0, wrong),
        lambda: request_.set_output_tensor(0, ov.Tensor(np.zeros((3, 5), np.int32))),
    ):
        with pytest.raises(RuntimeError, match=r"(?i)type|precision"):
            call()
        np.testing.assert_allclose(request_.infer(DATA)[0], EXPECTED, rtol=1e-6)
    with pytest.raises(RuntimeError, match=r"(?i)port|name|found"):
        request_.get_tensor("nothing")
    assert_right(compiled)


#: Arrays that are laid out unusually but hold DATA: all of them are right, whoever shares or copies.
VIEWS: dict[str, Callable[[], np.ndarray]] = {
    "Fortran order": lambda: np.asfortranarray(DATA),
    "transposed": lambda: np.ascontiguousarray(DATA.T).T,
    "every second row": lambda: np.repeat(DATA, 2, axis=0)[::2],
    "every second column": lambda: np.repeat(DATA, 2, axis=1)[:, ::2],
    "backwards": lambda: np.ascontiguousarray(DATA[::-1, ::-1])[::-1, ::-1],
    "unaligned": lambda: np.frombuffer(
        bytearray(b"\0" + DATA.tobytes()), np.float32, offset=1
    ).reshape(3, 4),
    "big-endian": lambda: DATA.astype(">f4"),
    "part of a larger one": lambda: np.pad(DATA, 2)[2:5, 2:6],
    "integers": lambda: DATA.astype(np.int64),
    "doubles": lambda: DATA.astype(np.float64),
}


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", VIEWS)
def test_unusual_arrays(name: str, frozen: bool, share: bool, compiled: ov.CompiledModel) -> None:
    array = VIEWS[name]()
    if frozen:
        array.flags.writeable = False
    before = array.copy()
    result = compiled(array, share_inputs=share)[0]
    np.testing.assert_allclose(result, EXPECTED, rtol=1e-6)
    assert np.array_equal(array, before)
    assert array.flags.writeable is (not frozen)
    assert_right(compiled)


def test_nan_data_stays_nan(compiled: ov.CompiledModel) -> None:
    data = np.full((2, 4), np.nan, np.float32)
    data[1] = 0
    result = compiled(data)[0]
    assert np.isnan(result[0]).all()
    assert (result[1] == 0).all()
    assert_right(compiled)


# ---- shapes ---------------------------------------------------------------------------------------------------------
NAN_SHAPES: dict[str, Callable[[], Any]] = {
    "PartialShape": lambda: ov.PartialShape([float("nan"), 4]),
    "PartialShape of text": lambda: ov.PartialShape("nan,4"),
    "Dimension": lambda: ov.Dimension(float("nan")),
    "bounds": lambda: ov.Dimension(1, float("inf")),
    "Shape": lambda: ov.Shape([float("nan")]),
    "Tensor": lambda: ov.Tensor(ov.Type.f32, [float("nan"), 4]),
    "reshape": lambda: build().reshape([float("nan"), 4]),
    "reshape by text": lambda: build().reshape("nan, 4"),
    "parameter": lambda: ops.parameter([float("nan"), 4], np.float32),
    "set_shape": lambda: ov.Tensor(ov.Type.f32, [1, 4]).set_shape([float("nan"), 4]),
}


@pytest.mark.parametrize("name", NAN_SHAPES)
def test_nan_in_a_shape(name: str, compiled: ov.CompiledModel) -> None:
    with pytest.raises((TypeError, RuntimeError, ValueError)):
        NAN_SHAPES[name]()
    assert_right(compiled)


def test_reshape_that_does_not_fit_leaves_the_model(core: ov.Core) -> None:
    model = build()
    with pytest.raises(RuntimeError, match=r"(?s)product"):
        model.reshape([3, 5])
    assert str(model.input(0).partial_shape) == "[1..8,4]"
    assert_right(core.compile_model(model, "CPU"))


HUGE = 1 << 40


def test_huge_dimensions_allocate_nothing(core: ov.Core, compiled: ov.CompiledModel) -> None:
    for shape in ([HUGE, HUGE], [1 << 62, 4], [HUGE, 1 << 20]):
        with pytest.raises((RuntimeError, MemoryError, ValueError)):
            ov.Tensor(ov.Type.f32, shape)
        assert_right(compiled)
    x = ops.parameter([-1, HUGE], np.float32)
    wide = core.compile_model(ov.Model([ops.relu(x)], [x], "wide"), "CPU")
    with pytest.raises(RuntimeError):
        wide(np.ones((2, 3), np.float32))
    bounded = ops.parameter([(1, HUGE), (1, HUGE)], np.float32)
    small = core.compile_model(ov.Model([ops.relu(ops.add(bounded, bounded))], [bounded]), "CPU")
    assert np.array_equal(small(DATA)[0], 2 * DATA)
    assert small.get_property("OVGPU_MEMORY_STATISTICS")["arena"] < 1 << 20
    assert_right(compiled)


def test_huge_shapes_from_data(core: ov.Core) -> None:
    """A Broadcast whose target comes with the data: the request fails, the process and the request live on."""
    x = ops.parameter([1], np.float32)
    target = ops.parameter([2], np.int64)
    model = ov.Model([ops.relu(ops.broadcast(x, target))], [x, target], "stretch")
    request = core.compile_model(model, "CPU").create_infer_request()
    one = np.ones(1, np.float32)
    for rows in (HUGE, 1 << 62):
        with pytest.raises((RuntimeError, MemoryError)):
            request.infer([one, np.array([rows, HUGE])])
        result = request.infer([one, np.array([2, 3])])[0]
        assert np.array_equal(result, np.ones((2, 3)))


# ---- exported models ------------------------------------------------------------------------------------------------
def _damaged(blob: bytes) -> Iterator[bytes]:
    yield b""
    yield b"OVGPUBLB"
    yield blob[: len(blob) // 2]
    yield blob[:-1]
    yield blob + b"\0"
    yield b"X" + blob[1:]
    step = max(1, len(blob) // 40)
    for position in range(0, len(blob), step):
        changed = bytearray(blob)
        changed[position] ^= 0x5A
        yield bytes(changed)


def test_damaged_blobs(core: ov.Core, compiled: ov.CompiledModel) -> None:
    blob = compiled.export_model()
    blob = blob.getvalue() if isinstance(blob, io.BytesIO) else bytes(blob)
    refused = 0
    for damaged in _damaged(blob):
        try:
            imported = core.import_model(damaged, "CPU")
        except RuntimeError as error:
            refused += "Cannot import" in str(error)
        else:  # a byte that says nothing about the model, such as the producer's version
            assert_right(imported)
    assert refused >= 30
    assert_right(core.import_model(blob, "CPU"))


class _Bomb:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, ("raise SystemExit('unpickled')",)


def test_nothing_is_unpickled(core: ov.Core, tmp_path: Path) -> None:
    payload = pickle.dumps(_Bomb())
    for blob in (payload, b"OVGPUBLB" + payload):
        with pytest.raises(RuntimeError, match="Cannot import"):
            core.import_model(blob, "CPU")
        with pytest.raises(RuntimeError):
            core.read_model(blob)
    root = Path(ov.__file__).parent
    users = [
        p
        for p in root.rglob("*.py")
        if re.search(r"import (c?pickle|marshal|shelve|dill)\b", p.read_text())
    ]
    assert users == []
    assert not any("allow_pickle=True" in p.read_text() for p in root.rglob("*.py"))
