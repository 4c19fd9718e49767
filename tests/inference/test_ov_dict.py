"""OVDict: the mapping that inference returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import ovgpu as ov
from ovgpu.utils.data_helpers import OVDict
from tests.inference.fake_plugin import FakePlugin, relu_model

VALUES = np.float32([[1, 2, 3], [4, 5, 6]])


@pytest.fixture
def results(core: ov.Core) -> OVDict:
    return core.compile_model(relu_model(names="ab"), "FAKE")([VALUES, 2 * VALUES])


def test_it_is_a_mapping_and_no_dict(results: OVDict) -> None:
    assert isinstance(results, Mapping)
    assert not isinstance(results, dict)
    assert repr(results) == repr(results.to_dict())
    assert len(results) == 2
    assert list(results) == list(results.keys())
    assert len(results.values()) == len(results.items()) == 2
    assert results.to_dict() is results.to_dict()
    assert results.to_tuple() == tuple(results.values())


def test_keys(results: OVDict) -> None:
    first, second = results
    for key in (0, -2, False, "a_out", "a_alias", first):
        assert results[key] is results.to_tuple()[0]
        assert key in results
    for key in (1, -1, True, "b_out", second):
        assert results[key] is results.to_tuple()[1]
    assert results.names() == ({"a_out", "a_alias"}, {"b_out", "b_alias"})
    assert results.get("a_out") is results[0]
    assert results.get("nope", 3) == 3


@pytest.mark.parametrize("key", [2, -3, "nope"])
def test_missing_keys(results: OVDict, key: Any) -> None:
    with pytest.raises(KeyError) as caught:
        results[key]
    assert caught.value.args == (key,)
    assert key not in results


@pytest.mark.parametrize("key", [0.5, None, np.int64(0), b"a_out"])
def test_keys_of_other_types(results: OVDict, key: Any) -> None:
    message = f"^Unknown key type: {type(key)}$"
    with pytest.raises(TypeError, match=message):
        results[key]
    with pytest.raises(TypeError, match=message):
        results.__contains__(key)


def test_port_of_the_model_is_no_key(core: ov.Core) -> None:
    model = relu_model()
    results = core.compile_model(model, "FAKE")(VALUES)
    with pytest.raises(TypeError, match="Unknown key type"):
        results[model.output()]  # type: ignore[index]


def test_it_cannot_be_changed(results: OVDict) -> None:
    with pytest.raises(TypeError, match="'OVDict' object does not support item assignment"):
        results[0] = VALUES  # type: ignore[index]
    with pytest.raises(AttributeError):
        results.other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="unhashable"):
        hash(results)


def test_of_duplicated_names_the_first_counts(core: ov.Core, device: FakePlugin) -> None:
    model = relu_model(names="ab")
    compiled = core.compile_model(model, "FAKE")
    for output in model.outputs:
        output.tensor.add_names({"same"})
    results = compiled([VALUES, 2 * VALUES])
    assert results["same"] is results[0]


def test_output_without_names(core: ov.Core) -> None:
    model = relu_model()
    model.output().tensor.set_names(set())
    assert core.compile_model(model, "FAKE")(VALUES).names() == (set(),)
