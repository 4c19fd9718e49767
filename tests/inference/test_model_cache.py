"""CACHE_DIR: what is stored, when it is used again, and that broken files do no harm."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from tests.inference.fake_plugin import FakePlugin, relu_model

ONES = np.ones((2, 3), np.float32)


def compile_cached(
    core: ov.Core, folder: Path, model: ov.Model | None = None, **config: Any
) -> bool:
    """Compile with a cache; check the result; return whether it came from the cache."""
    model = model or relu_model()
    compiled = core.compile_model(model, "FAKE", {"CACHE_DIR": str(folder), **config})
    assert compiled(-ONES)[0].tolist() == (0 * ONES).tolist()
    return compiled.get_property("LOADED_FROM_CACHE")


def test_second_compilation_loads(core: ov.Core, device: FakePlugin, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "cache"
    model = relu_model()
    assert compile_cached(core, folder, model) is False
    (file,) = folder.iterdir()
    assert file.suffix == ".blob"
    assert compile_cached(core, folder, model) is True
    assert (device.compilations, device.imports) == (1, 1)
    assert core.compile_model(model, "FAKE").get_property("LOADED_FROM_CACHE") is False


def test_folder_set_on_the_core(core: ov.Core, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    core.set_property({"CACHE_DIR": str(folder)})
    assert folder.is_dir()
    assert core.get_property("CACHE_DIR") == core.get_property("FAKE", "CACHE_DIR") == str(folder)
    model = relu_model()
    loaded = [core.compile_model(model, "FAKE").get_property("LOADED_FROM_CACHE") for _ in range(2)]
    assert loaded == [False, True]


def test_folder_set_on_the_device(core: ov.Core, tmp_path: Path) -> None:
    core.set_property("FAKE", {"CACHE_DIR": str(tmp_path)})
    model = relu_model()
    loaded = [core.compile_model(model, "FAKE").get_property("LOADED_FROM_CACHE") for _ in range(2)]
    assert loaded == [False, True]


def test_what_is_in_the_key(core: ov.Core, tmp_path: Path) -> None:
    model = relu_model()
    assert not compile_cached(core, tmp_path, model)
    assert compile_cached(core, tmp_path, model, NUM_STREAMS=2)
    assert compile_cached(core, tmp_path, model, PERFORMANCE_HINT="THROUGHPUT")
    assert not compile_cached(core, tmp_path, model, INFERENCE_PRECISION_HINT="f16")
    assert not compile_cached(core, tmp_path, relu_model([-1, 3]))
    assert not compile_cached(core, tmp_path, relu_model(names="q"))
    assert len(list(tmp_path.iterdir())) == 4


def test_weights_are_in_the_key(core: ov.Core, tmp_path: Path) -> None:
    from ovgpu.graph.node import make_node
    from ovgpu.graph.special import Constant, Parameter

    def model(weight: float) -> ov.Model:
        x = Parameter(ov.Type.f32, [2, 3])
        x.set_friendly_name("x")
        scaled = make_node("Multiply", [x, Constant(np.full((2, 3), weight, np.float32))])
        for node, name in ((scaled, "scaled"), (scaled.input_value(1).get_node(), "weight")):
            node.set_friendly_name(name)
        return ov.Model([scaled], [x], "m")

    results = []
    for weight in (1.0, 2.0, 1.0):
        compiled = core.compile_model(model(weight), "CPU", {"CACHE_DIR": str(tmp_path)})
        results.append((compiled(ONES)[0][0, 0], compiled.get_property("LOADED_FROM_CACHE")))
    assert [value for value, _ in results] == [1, 2, 1]
    assert [loaded for _, loaded in results[:2]] == [False, False]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-3], lambda data: b"", lambda data: data[:-1] + b"\x00"]
)
def test_damaged_file_is_replaced(
    core: ov.Core, device: FakePlugin, tmp_path: Path, damage: Any
) -> None:
    model = relu_model()
    compile_cached(core, tmp_path, model)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert compile_cached(core, tmp_path, model) is False
    assert compile_cached(core, tmp_path, model) is True
    assert device.compilations == 2


def test_blob_that_the_device_refuses(core: ov.Core, device: FakePlugin, tmp_path: Path) -> None:
    model = relu_model()
    compile_cached(core, tmp_path, model)
    refuse = device.import_model

    def import_model(blob: bytes, config: Any) -> Any:
        raise RuntimeError("made by another version")

    device.import_model = import_model  # type: ignore[method-assign]
    assert compile_cached(core, tmp_path, model) is False
    device.import_model = refuse  # type: ignore[method-assign]
    assert compile_cached(core, tmp_path, model) is True


def test_encryption(core: ov.Core, tmp_path: Path) -> None:
    model = relu_model()
    callbacks = [base64.b64encode, base64.b64decode]
    assert not compile_cached(core, tmp_path, model, CACHE_ENCRYPTION_CALLBACKS=callbacks)
    (file,) = tmp_path.iterdir()
    assert b"FAKE" in base64.b64decode(file.read_bytes())
    assert b"FAKE" not in file.read_bytes()
    assert compile_cached(core, tmp_path, model, CACHE_ENCRYPTION_CALLBACKS=callbacks)
    # Without the key the file is of no use, and a wrong key raises in the user's function: both compile anew.
    assert not compile_cached(core, tmp_path, model)

    def broken(data: bytes) -> bytes:
        raise ValueError("wrong key")

    assert not compile_cached(
        core, tmp_path, model, CACHE_ENCRYPTION_CALLBACKS=[base64.b64encode, broken]
    )
    with pytest.raises(RuntimeError, match="CACHE_ENCRYPTION_CALLBACKS takes two functions"):
        compile_cached(core, tmp_path, model, CACHE_ENCRYPTION_CALLBACKS=[broken])


def test_model_files(core: ov.Core, device: FakePlugin, tmp_path: Path) -> None:
    path, cache = tmp_path / "model.xml", {"CACHE_DIR": str(tmp_path / "cache")}
    ov.save_model(relu_model(), path)

    def compile_() -> bool:
        return core.compile_model(path, "FAKE", cache).get_property("LOADED_FROM_CACHE")

    assert [compile_(), compile_()] == [False, True]
    ov.save_model(relu_model([4, 3]), path)
    assert [compile_(), compile_()] == [False, True]


def test_device_without_export(core: ov.Core, device: FakePlugin, tmp_path: Path) -> None:
    def remember(model: ov.Model) -> bytes:
        raise RuntimeError("Not Implemented")

    device.remember = remember  # type: ignore[method-assign]
    model = relu_model()
    assert [compile_cached(core, tmp_path, model) for _ in range(2)] == [False, False]
    assert list(tmp_path.iterdir()) == []
