"""Pooling of regions against OpenVINO."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ops.differential import cases, const, data

RNG = np.random.default_rng(5)
TOLERANCE = {"rtol": 1e-3, "atol": 1e-3, "attributes": False}
CORNERS = np.sort(RNG.uniform(0, 9, (5, 2, 2)), 1).reshape(5, 4)
IMAGES = np.array([0, 1, 1, 0, 1])
NUMBERED = np.concatenate([IMAGES[:, None], CORNERS], 1)
RELATIVE = np.concatenate([IMAGES[:, None], CORNERS / 10], 1)
ROTATED = np.concatenate([RNG.uniform(2, 7, (5, 4)), RNG.uniform(-3, 3, (5, 1))], 1)


def _aligned():
    for opset, mode, ratio in itertools.product((3, 9), ("avg", "max"), (0, 2)):
        yield from cases("roi_align", data([2, 3, 10, 10]), data([5, 4], values=CORNERS), const(IMAGES, "i32"), 3, 2,
                         ratio, 0.75, mode, opset=opset, **TOLERANCE)  # fmt: skip
    for aligned in ("asymmetric", "half_pixel_for_nn", "half_pixel"):
        yield from cases("roi_align", data([2, 3, 10, 10]), data([5, 4], values=CORNERS),
                         data([5], "i32", values=IMAGES), 2, 3, 2, 0.5, "avg", aligned, opset=9,
                         **TOLERANCE)  # fmt: skip
    for clockwise in (True, False):
        yield from cases("roi_align_rotated", data([2, 3, 10, 10]), data([5, 5], values=ROTATED), const(IMAGES, "i32"),
                         3, 2, 2, 0.9, clockwise, opset=15, **TOLERANCE)  # fmt: skip


CASES = [
    *_aligned(),
    *cases(
        "roi_pooling",
        data([2, 3, 10, 10]),
        data([5, 5], values=NUMBERED),
        [3, 2],
        0.8,
        "max",
        opset=2,
        **TOLERANCE,
    ),
    *cases(
        "roi_pooling",
        data([2, 3, 10, 10]),
        data([5, 5], values=RELATIVE),
        [3, 2],
        1.0,
        "bilinear",
        opset=2,
        **TOLERANCE,
    ),
    *cases(
        "psroi_pooling",
        data([2, 18, 10, 10]),
        data([5, 5], values=NUMBERED),
        2,
        3,
        0.9,
        1,
        1,
        "average",
        opset=1,
        **TOLERANCE,
    ),
    *cases(
        "psroi_pooling",
        data([2, 12, 10, 10]),
        data([5, 5], values=RELATIVE),
        2,
        3,
        1.0,
        3,
        2,
        "bilinear",
        opset=1,
        **TOLERANCE,
    ),
    *cases(
        "deformable_psroi_pooling",
        data([2, 18, 10, 10]),
        data([5, 5], values=NUMBERED),
        2,
        0.9,
        3,
        spatial_bins_x=2,
        spatial_bins_y=2,
        part_size=3,
        trans_std=0.1,
        opset=1,
        **TOLERANCE,
    ),
    *cases(
        "deformable_psroi_pooling",
        data([2, 18, 10, 10]),
        data([5, 5], values=NUMBERED),
        2,
        0.9,
        3,
        spatial_bins_x=2,
        spatial_bins_y=2,
        part_size=3,
        trans_std=0.1,
        offsets=data([5, 2, 3, 3]),
        opset=1,
        **TOLERANCE,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case):
    case.check()
