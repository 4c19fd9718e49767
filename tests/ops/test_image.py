"""GridSample, YOLO layers and colour conversion against OpenVINO."""

from __future__ import annotations

import itertools

import pytest
from ops.differential import cases, data

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


#: Without "at least", where OpenVINO divides the largest integer instead of knowing no bound.
DIVIDED = ("dynamic", "bounded", "rank", "first rank", "batch", "last dimension")


def _grids():
    for mode, padding, align in itertools.product(
        ("bilinear", "bicubic", "nearest"), ("zeros", "border", "reflection"), (True, False)
    ):
        attributes = {"mode": mode, "padding_mode": padding, "align_corners": align}
        yield from cases("grid_sample", data([2, 3, 5, 6]), data([2, 4, 7, 2], low=-1.8, high=1.8), attributes, opset=9,
                         **TOLERANCE)  # fmt: skip


def _colours():
    for name in ("nv12_to_rgb", "nv12_to_bgr", "i420_to_rgb", "i420_to_bgr"):
        yield from cases(
            name, data([2, 6, 4, 1], "f32", 0, 255), opset=8, relax=DIVIDED, **TOLERANCE
        )
    for name in ("nv12_to_rgb", "nv12_to_bgr"):
        yield from cases(name, data([2, 4, 6, 1], "f32", 0, 255), data([2, 2, 3, 2], "f32", 0, 255), opset=8,
                         **TOLERANCE)  # fmt: skip
    for name in ("i420_to_rgb", "i420_to_bgr"):
        yield from cases(name, data([2, 4, 6, 1], "f32", 0, 255), data([2, 2, 3, 1], "f32", 0, 255),
                         data([2, 2, 3, 1], "f32", 0, 255), opset=8, **TOLERANCE)  # fmt: skip


CASES = [
    *_grids(),
    *_colours(),
    *cases("reorg_yolo", data([2, 8, 4, 6]), [2], opset=2, relax=DIVIDED),
    *cases("reorg_yolo", data([1, 9, 6, 3]), [3], opset=2, relax=DIVIDED),
    *cases(
        "region_yolo",
        data([2, 30, 4, 5]),
        4,
        5,
        3,
        True,
        [0, 1],
        1,
        3,
        [1.0, 2.0],
        opset=1,
        **TOLERANCE,
    ),
    *cases(
        "region_yolo",
        data([2, 30, 4, 5]),
        4,
        5,
        3,
        True,
        [0, 1],
        -3,
        -1,
        [1.0, 2.0],
        opset=1,
        **TOLERANCE,
    ),
    *cases(
        "region_yolo",
        data([2, 20, 4, 5]),
        4,
        5,
        3,
        False,
        [0, 1],
        1,
        3,
        [1.0, 2.0],
        opset=1,
        **TOLERANCE,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case):
    case.check()
