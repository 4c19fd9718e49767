"""SpaceToDepth, SpaceToBatch, ShuffleChannels, Col2Im and patches against the real OpenVINO."""

from __future__ import annotations

import pytest

from .differential import Case, cases, const, data

#: "at least" is left out: there OpenVINO divides its largest integer and takes that for a bound.
RELAXED = ("dynamic", "bounded", "rank", "first rank", "batch", "first input", "last dimension")

#: OpenVINO forgets the bound of the channels of Col2Im; we keep it.
UNBOUNDED = ("dynamic", "rank", "first rank", "batch")

TYPES = "f32 f16 i32 u8"

CASES = [
    *cases("space_to_depth", data([2, 3, 4, 6], "T"), "blocks_first", 2, T=TYPES),
    *cases("space_to_depth", data([2, 3, 4, 6], "T"), "depth_first", 2, T=TYPES),
    *cases("space_to_depth", data([1, 2, 2, 4, 2]), "depth_first", 2),
    *cases("space_to_depth", data([1, 2, 6]), "blocks_first", 3),
    *cases("depth_to_space", data([2, 12, 2, 3], "T"), "blocks_first", 2, T=TYPES),
    *cases("depth_to_space", data([2, 12, 2, 3], "T"), "depth_first", 2, T=TYPES),
    *cases("depth_to_space", data([1, 16, 2, 1, 3]), "blocks_first", 2),
    *cases("shuffle_channels", data([2, 6, 3], "T"), 1, 3, T=TYPES, opset=3),
    *cases("shuffle_channels", data([2, 3, 4, 6]), -1, 2, opset=3),
    *cases(
        "batch_to_space",
        data([8, 2, 3, 2], "T"),
        const([1, 1, 2, 2]),
        const([0, 0, 1, 0]),
        const([0, 0, 0, 1]),
        T="f32 f16 i32",
    ),
    *cases("batch_to_space", data([6, 4, 5]), const([1, 2, 3]), const([0, 0, 0]), const([0, 1, 2])),
    *cases(
        "space_to_batch",
        data([2, 2, 3, 4], "T"),
        const([1, 1, 2, 2]),
        const([0, 0, 1, 0]),
        const([0, 0, 0, 2]),
        T="f32 f16 i32",
        relax=["dynamic", "bounded", "rank", "batch"],
    ),
    *cases(
        "space_to_batch",
        data([1, 4, 6]),
        const([1, 2, 3]),
        const([0, 0, 0]),
        const([0, 0, 0]),
        relax=["dynamic", "bounded", "rank", "batch"],
    ),
    *cases(
        "col2im", data([2, 12, 9], "T"), const([4, 4]), const([2, 2]), T="f32 i32", relax=UNBOUNDED
    ),
    *cases("col2im", data([12, 20]), const([5, 6]), const([2, 2]), relax=UNBOUNDED),
    *cases(
        "col2im",
        data([1, 6, 12]),
        const([5, 7]),
        const([2, 3]),
        [2, 1],
        [1, 2],
        [0, 1],
        [1, 0],
        relax=UNBOUNDED,
    ),
    *cases(
        "extract_image_patches",
        data([1, 2, 10, 9], "T"),
        [3, 3],
        [5, 4],
        [1, 1],
        "valid",
        T=TYPES,
        opset=3,
    ),
    *cases("extract_image_patches", data([2, 3, 10, 10]), [3, 2], [3, 5], [2, 1], "valid", opset=3),
    *cases(
        "extract_image_patches", data([1, 2, 10, 10]), [4, 4], [8, 8], [1, 1], "same_upper", opset=3
    ),
    *cases(
        "extract_image_patches", data([1, 2, 10, 9]), [4, 3], [9, 4], [1, 2], "same_lower", opset=3
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check_static()
    for relaxation in RELAXED if case.relax is None else case.relax:
        case.check_relaxed(relaxation)


REFUSED = [
    *cases("space_to_depth", data([1, 2, 3, 4]), "blocks_first", 2),
    *cases("depth_to_space", data([1, 3, 2, 2]), "blocks_first", 2),
    *cases("shuffle_channels", data([1, 4]), 1, 3, opset=3),
    *cases("space_to_batch", data([1, 3, 3]), const([1, 2, 2]), const([0, 1, 0]), const([0, 0, 0])),
    *cases("batch_to_space", data([3, 3, 3]), const([1, 2, 2]), const([0, 0, 0]), const([0, 0, 0])),
    *cases("col2im", data([1, 12, 8]), const([4, 4]), const([2, 2]), relax=UNBOUNDED),
    *cases("extract_image_patches", data([1, 2, 3]), [3, 3], [5, 5], [1, 1], "valid", opset=3),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()
