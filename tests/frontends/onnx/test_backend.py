"""ONNX's backend cases: every one passes, or is listed with the reason why it is out of scope."""

from __future__ import annotations

import re

import pytest

from tests.frontends.onnx import backend_cases
from tests.frontends.onnx.backend_cases import TestCase
from tests.frontends.onnx.unsupported import DYNAMIC_CASES, RANDOM, reason


def check(cases: list[TestCase]) -> None:
    """Run cases and compare with the list."""
    failures = {}
    for case in cases:
        wrong, listed = backend_cases.run(case), reason(case)
        if wrong and not listed:
            failures[case.name] = wrong
        elif listed and not wrong and listed != RANDOM:  # numbers may be drawn equal
            failures[case.name] = f"passes, and is listed as out of scope: {listed}"
    assert failures == {}


@pytest.mark.parametrize("module", backend_cases.modules())
def test_operator(module: str) -> None:
    check(backend_cases.cases_of(module))


@pytest.mark.parametrize("module", backend_cases.modules())
def test_operator_without_known_dimensions(module: str) -> None:
    failures = {}
    for case in backend_cases.cases_of(module):
        if reason(case) or case.name.endswith("_expanded"):
            continue
        wrong = backend_cases.run(backend_cases.with_dynamic_dimensions(case))
        if wrong and not any(re.fullmatch(pattern, case.name) for pattern in DYNAMIC_CASES):
            failures[case.name] = wrong
    assert failures == {}


@pytest.mark.parametrize("kind", backend_cases.FILE_KINDS)
def test_exported_models(kind: str) -> None:
    cases = backend_cases.file_cases(kind)
    assert len(cases) > 20
    check(cases)


def test_no_case_is_left_out() -> None:
    """The cases of all modules together are those that the package collects, nearly all of them in scope."""
    every = [case for module in backend_cases.modules() for case in backend_cases.cases_of(module)]
    collected = backend_cases.load_model_tests(kind="node")
    assert {case.name for case in every} == {case.name for case in collected}
    listed = [case for case in every if reason(case)]
    assert len(listed) < 0.12 * len(every)
