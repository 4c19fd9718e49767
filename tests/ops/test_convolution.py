"""Convolutions against OpenVINO."""

from __future__ import annotations

import pytest
from ops.differential import cases, const, data

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


def _filters(shape: list[int], seed: int = 0, scale: float = 1.0):
    import numpy as np

    return const(np.random.default_rng(seed).uniform(-scale, scale, shape).astype(np.float32))


def _convolutions(name: str, channels: int, filters):
    """The same factory for plain and grouped filters."""
    for strides, before, after, dilations in (
        ([1, 1], [0, 0], [0, 0], [1, 1]),
        ([2, 1], [1, 2], [0, 1], [1, 2]),
        ([3, 2], [2, 0], [3, 1], [2, 1]),
    ):
        yield from cases(
            name,
            data([2, channels, 11, 12]),
            filters,
            strides,
            before,
            after,
            dilations,
            **TOLERANCE,
        )
    for auto_pad in ("same_upper", "same_lower", "valid"):
        yield from cases(name, data([2, channels, 7, 8]), filters, [2, 2], [0, 0], [0, 0], [1, 1], auto_pad,
                         attributes=False, **TOLERANCE)  # fmt: skip


def _transposed(name: str, channels: int, filters):
    for strides, before, after, dilations, extra in (
        ([1, 1], [0, 0], [0, 0], [1, 1], [0, 0]),
        ([2, 1], [1, 2], [0, 1], [1, 2], [1, 0]),
        ([3, 2], [2, 0], [3, 1], [2, 1], [0, 1]),
    ):
        yield from cases(name, data([2, channels, 6, 7]), filters, strides, pads_begin=before, pads_end=after,
                         dilations=dilations, output_padding=extra, auto_pad="explicit", **TOLERANCE)  # fmt: skip
    for auto_pad in ("same_upper", "same_lower", "valid"):
        yield from cases(name, data([2, channels, 6, 7]), filters, [2, 2], const([11, 13]), pads_begin=[0, 0],
                         pads_end=[0, 0], dilations=[1, 1], auto_pad=auto_pad, attributes=False,
                         **TOLERANCE)  # fmt: skip
    yield from cases(name, data([1, channels, 5, 5]), filters, [2, 2], const([9, 10]), attributes=False,
                     **TOLERANCE)  # fmt: skip


CASES = [
    *_convolutions("convolution", 5, _filters([4, 5, 3, 3])),
    *_convolutions("convolution", 5, data([4, 5, 3, 3])),
    *_convolutions("group_convolution", 6, _filters([3, 4, 2, 3, 3])),
    *_convolutions("group_convolution", 6, _filters([6, 1, 1, 3, 3])),
    *_convolutions("group_convolution", 6, data([6, 1, 1, 2, 3])),
    *_convolutions("group_convolution", 6, _filters([6, 2, 1, 3, 3])),
    *_transposed("convolution_backprop_data", 5, _filters([5, 4, 3, 3])),
    *_transposed("convolution_backprop_data", 5, data([5, 4, 3, 3])),
    *_transposed("group_convolution_backprop_data", 6, _filters([3, 2, 4, 3, 3])),
    *_transposed("group_convolution_backprop_data", 6, data([6, 1, 1, 3, 2])),
    *cases(
        "convolution_backprop_data",
        data([2, 3, 9]),
        _filters([3, 4, 3]),
        [2],
        pads_begin=[1],
        pads_end=[0],
        dilations=[2],
        output_padding=[1],
        **TOLERANCE,
    ),
    *cases(
        "convolution_backprop_data",
        data([2, 3, 4, 5, 4]),
        _filters([3, 4, 2, 3, 2]),
        [2, 1, 1],
        pads_begin=[1, 0, 0],
        pads_end=[0, 1, 0],
        dilations=[1, 2, 1],
        output_padding=[1, 0, 0],
        **TOLERANCE,
    ),
    # one and three spatial dimensions
    *cases("convolution", data([2, 3, 9]), _filters([4, 3, 3]), [2], [1], [0], [2], **TOLERANCE),
    *cases(
        "group_convolution",
        data([2, 3, 9]),
        _filters([3, 1, 1, 3]),
        [2],
        [1],
        [2],
        [1],
        **TOLERANCE,
    ),
    *cases(
        "convolution",
        data([1, 2, 5, 6, 7]),
        _filters([3, 2, 2, 3, 2]),
        [1, 2, 1],
        [0, 1, 1],
        [1, 1, 0],
        [1, 1, 2],
        **TOLERANCE,
    ),
    *cases(
        "group_convolution",
        data([1, 2, 5, 6, 7]),
        _filters([2, 1, 1, 3, 3, 3]),
        [1, 2, 2],
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
        **TOLERANCE,
    ),
    # pointwise, with and without a stride
    *cases(
        "convolution",
        data([2, 8, 5, 6]),
        _filters([7, 8, 1, 1]),
        [1, 1],
        [0, 0],
        [0, 0],
        [1, 1],
        **TOLERANCE,
    ),
    *cases(
        "convolution",
        data([2, 8, 5, 6]),
        _filters([7, 8, 1, 1]),
        [2, 2],
        [0, 0],
        [0, 0],
        [1, 1],
        **TOLERANCE,
    ),
    # Winograd, with sizes that are and are not multiples of its tile
    *cases(
        "convolution",
        data([2, 16, 28, 30]),
        _filters([24, 16, 3, 3]),
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
        rtol=1e-3,
        atol=1e-3,
        relax=(),
    ),
    *cases(
        "convolution",
        data([1, 32, 32, 32]),
        _filters([16, 32, 3, 3]),
        [1, 1],
        [0, 1],
        [2, 1],
        [1, 1],
        rtol=1e-3,
        atol=1e-3,
        relax=(),
    ),
    # several blocks of rows
    *cases(
        "convolution",
        data([1, 64, 90, 90]),
        _filters([3, 64, 5, 5]),
        [1, 1],
        [2, 2],
        [2, 2],
        [1, 1],
        rtol=1e-3,
        atol=1e-3,
        relax=(),
    ),
    *cases(
        "group_convolution",
        data([1, 64, 40, 90]),
        _filters([2, 8, 32, 5, 5]),
        [1, 1],
        [2, 2],
        [2, 2],
        [1, 1],
        rtol=1e-3,
        atol=1e-3,
        relax=(),
    ),
    # attributes left empty
    *cases(
        "convolution",
        data([1, 3, 5, 6]),
        _filters([2, 3, 2, 2]),
        [],
        [],
        [],
        [],
        attributes=False,
        **TOLERANCE,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case):
    case.check()
