"""Package helpers and exceptions against OpenVINO's."""

from __future__ import annotations

import json
import warnings

import openvino.exceptions
import openvino.package_utils
import pytest

import ovgpu.exceptions
import ovgpu.package_utils

BOTH = pytest.mark.parametrize(
    "utils", [ovgpu.package_utils, openvino.package_utils], ids=["ovgpu", "openvino"]
)


@pytest.mark.parametrize("name", ["OVError", "OVTypeError", "UserInputError"])
def test_exceptions_derive_like_openvinos(name):
    ours, theirs = getattr(ovgpu.exceptions, name), getattr(openvino.exceptions, name)
    assert [cls.__name__ for cls in ours.__mro__] == [cls.__name__ for cls in theirs.__mro__]
    assert str(ours("x")) == str(theirs("x"))


@BOTH
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "double is deprecated"),
        ({"name": "twice"}, "twice is deprecated"),
        ({"version": "9"}, "double is deprecated and will be removed in version 9"),
        (
            {"version": "9", "message": "Use x."},
            "double is deprecated and will be removed in version 9. Use x.",
        ),
        ({"message": "Use x."}, "double is deprecated. Use x."),
    ],
)
def test_deprecated_functions_warn_at_the_caller(utils, arguments, sentence):
    @utils.deprecated(**arguments)
    def double(x):
        return 2 * x

    with pytest.warns(DeprecationWarning, match="deprecated") as caught:
        assert double(2) == 4
    assert str(caught[0].message) == sentence
    assert caught[0].filename == __file__
    assert double.__name__ == "double"


@BOTH
def test_class_properties(utils):
    class Example:
        @utils.classproperty
        def title(cls):  # noqa: N805
            return cls.__name__.lower()

        @utils.deprecatedclassproperty(name="Example.old", version="9", message="Use title.")
        def old(cls):  # noqa: N805
            return cls.__name__.upper()

    class Derived(Example):
        pass

    assert (Example.title, Example().title, Derived.title) == ("example", "example", "derived")
    with pytest.warns(DeprecationWarning, match="old") as caught:
        assert (Example.old, Derived().old) == ("EXAMPLE", "DERIVED")
    assert {str(w.message) for w in caught} == {
        "Example.old is deprecated and will be removed in version 9. Use title."
    }
    assert {w.filename for w in caught} == {__file__}


@BOTH
def test_lazy_modules(utils):
    loader = utils.LazyLoader("json")
    assert repr(loader) == "<LazyLoader for module 'json'>"
    assert loader.dumps is json.dumps
    with pytest.raises(AttributeError):
        _ = loader.nothing
    missing = utils.LazyLoader("no_such_module")
    with pytest.raises(ModuleNotFoundError):
        _ = missing.anything


def test_there_is_no_cpp_api():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ovgpu.package_utils.get_cmake_path() == ""
