"""Interpolate against OpenVINO."""

from __future__ import annotations

import pytest
from ops.differential import cases, const, data

COORDINATES = [
    "half_pixel",
    "pytorch_half_pixel",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "align_corners",
]
NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"]
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4, "attributes": False}
AXES = const([2, 3])


def _all():
    for sizes in ([7, 5], [3, 14], [10, 12]):
        for coordinates in COORDINATES:
            for mode in ("linear", "linear_onnx", "cubic"):
                yield from cases("interpolate", data([2, 3, 5, 6]), const(sizes), mode, "sizes", axes=AXES,
                                 coordinate_transformation_mode=coordinates, relax=(), **TOLERANCE)  # fmt: skip
            for nearest in NEAREST:
                yield from cases("interpolate", data([2, 3, 5, 6]), const(sizes), "nearest", "sizes", axes=AXES,
                                 coordinate_transformation_mode=coordinates, nearest_mode=nearest, relax=(),
                                 **TOLERANCE)  # fmt: skip
        yield from cases("interpolate", data([2, 3, 9, 12]), const(sizes), "linear", "sizes", axes=AXES,
                         antialias=True, relax=(), oracle="evaluate", **TOLERANCE)  # fmt: skip
        for mode in ("bilinear_pillow", "bicubic_pillow"):
            yield from cases("interpolate", data([2, 3, 9, 12]), const(sizes), mode, "sizes", axes=AXES,
                             cube_coeff=-0.5, **TOLERANCE)  # fmt: skip
    for mode in ("nearest", "linear", "linear_onnx", "cubic"):
        yield from cases("interpolate", data([2, 3, 5, 6], "T"), const([1.5, 0.7]), mode, "scales", axes=AXES,
                         attributes=False, T="f32 f16", rtol=2e-3, atol=2e-3)  # fmt: skip
        yield from cases("interpolate", data([2, 3, 5, 6]), const([4, 4]), const([2.0, 2.0]), mode, "scales",
                         axes=AXES, opset=10, **TOLERANCE)  # fmt: skip
    yield from cases("interpolate", data([2, 3, 5, 6], "T"), const([1.0, 1.0, 2.0, 2.0]), "nearest", "scales",
                     coordinate_transformation_mode="asymmetric", nearest_mode="floor", T="f32 u8 i32",
                     **TOLERANCE)  # fmt: skip
    yield from cases("interpolate", data([2, 3, 5, 6]), const([8, 9]), "linear_onnx", "sizes",
                     [0, 0, 1, 2], [0, 0, 0, 1], axes=AXES, **TOLERANCE)  # fmt: skip
    yield from cases("interpolate", data([1, 2, 4, 5, 6]), const([8, 5, 9]), "linear_onnx", "sizes",
                     axes=const([2, 3, 4]), **TOLERANCE)  # fmt: skip
    for mode in ("nearest", "linear"):
        for align in (True, False):
            yield from cases("interpolate", data([2, 3, 5, 6]), const([8, 9]),
                             {"axes": [2, 3], "mode": mode, "align_corners": align}, opset=1, **TOLERANCE)  # fmt: skip


@pytest.mark.parametrize("case", list(_all()), ids=str)
def test_against_openvino(case):
    case.check()
