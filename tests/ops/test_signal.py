"""Fourier transforms against OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest
from ops.differential import cases, const, data

TOLERANCE = {"rtol": 1e-3, "atol": 1e-4}


#: Axes and sizes. OpenVINO's CPU device reads past the data of real transforms when a size is larger than it, or -1.
_SHORTER = [([0, 1], [3, 4]), ([2, 0], [4, 3]), ([1], [5])]
_ANY = [([0, 1], [3, -1]), ([-1, 0], [8, 6]), ([1, 2], [-1, 7])]
SIZES = {"dft": _ANY, "idft": _ANY, "rdft": _SHORTER, "irdft": _SHORTER}


def _transforms():
    for name, opset in (("dft", 7), ("idft", 7), ("irdft", 9)):
        for axes in ([0], [1, 2], [-1, 0], [2, 0, 1]):
            yield from cases(name, data([4, 5, 6, 2]), const(axes), opset=opset, **TOLERANCE)
        for axes, sizes in SIZES[name]:
            yield from cases(
                name, data([4, 5, 6, 2]), const(axes), const(sizes), opset=opset, **TOLERANCE
            )
        yield from cases(
            name, data([4, 5, 6, 2]), data([2], "i64"), const([3, 4]), opset=opset, values=False
        )
        if name != "irdft":  # OpenVINO keeps the first axis there, whatever its size will be
            yield from cases(
                name, data([4, 5, 6, 2]), const([0, 1]), data([2], "i64"), opset=opset, values=False
            )
    for axes in ([0], [1, 2], [-1, 0], [2, 0, 1]):
        yield from cases("rdft", data([4, 5, 6]), const(axes), opset=9, **TOLERANCE)
    for axes, sizes in SIZES["rdft"]:
        yield from cases("rdft", data([4, 5, 6]), const(axes), const(sizes), opset=9, **TOLERANCE)


def _short_time():
    window = const(np.hanning(10)[1:9].astype(np.float32))
    for transpose in (True, False):
        yield from cases(
            "stft",
            data([2, 40]),
            window,
            const(10),
            const(4),
            transpose,
            opset=15,
            relax=(),
            **TOLERANCE,
        )
        yield from cases(
            "stft",
            data([40]),
            window,
            const(8),
            const(3),
            transpose,
            opset=15,
            relax=(),
            **TOLERANCE,
        )
    for center in (True, False):
        for normalized in (True, False):
            yield from cases("istft", data([2, 6, 7, 2]), window, const(10), const(4), center, normalized, opset=16,
                             **TOLERANCE)  # fmt: skip
        for length in (20, 60):
            yield from cases("istft", data([6, 7, 2]), window, const(10), const(4), center, False, const(length),
                             opset=16, **TOLERANCE)  # fmt: skip


@pytest.mark.parametrize("case", [*_transforms(), *_short_time()], ids=str)
def test_against_openvino(case):
    case.check()
