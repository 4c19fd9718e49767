"""Interpolate, GridSample and rearrangements of images on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare, numbers

COORDINATES = [
    "half_pixel",
    "pytorch_half_pixel",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "align_corners",
]
NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"]
MODES = ["nearest", "linear", "linear_onnx", "cubic", "bilinear_pillow", "bicubic_pillow"]


def resize(image, sizes, mode, axes=(2, 3), precision=Type.f32, **attributes):
    arrays = [image, np.array(sizes), np.array(axes)]
    compare(
        "Interpolate",
        arrays,
        "opset11",
        precision,
        constant=[1, 2],
        tolerance=2e-2 if precision is Type.f16 else 1e-4,
        mode=mode,
        shape_calculation_mode="sizes" if arrays[1].dtype.kind == "i" else "scales",
        **attributes,
    )


@pytest.mark.gpu_sim
@pytest.mark.parametrize("precision", [Type.f32, Type.f16])
@pytest.mark.parametrize("mode", MODES)
def test_interpolate_modes(mode, precision):
    image = numbers((2, 3, 5, 6))
    for coordinates in COORDINATES:
        for sizes in ([7, 5], [3, 14], [5, 1], [10, 12], [1, 6]):
            resize(
                image, sizes, mode, precision=precision, coordinate_transformation_mode=coordinates
            )
    resize(image, [1.5, 0.7], mode, precision=precision)
    resize(
        numbers((1, 2, 9, 12)), [4, 5], mode, precision=precision, antialias=True, cube_coeff=-0.5
    )


@pytest.mark.gpu_sim(check=True)
def test_interpolate_nearest_in_check_mode():
    image = numbers((1, 2, 5, 6))
    for nearest in NEAREST:
        for coordinates in COORDINATES:
            for sizes in ([7, 5], [3, 14]):
                resize(
                    image,
                    sizes,
                    "nearest",
                    nearest_mode=nearest,
                    coordinate_transformation_mode=coordinates,
                )
    for mode in MODES:
        resize(image, [4, 9], mode)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("mode", MODES)
def test_interpolate_pads_and_axes(mode):
    pads = {"pads_begin": [0, 0, 1, 2], "pads_end": [0, 1, 0, 1]}
    resize(numbers((2, 3, 5, 6)), [8, 9], mode, **pads)
    resize(numbers((1, 2, 4, 5, 6)), [8, 3, 9], mode, (2, 3, 4))
    resize(numbers((4, 5, 3)), [7, 4], mode, (0, 1))  # channels last
    resize(numbers((2, 3, 5, 6)), [1.0, 1.0, 2.0, 2.0], mode, (0, 1, 2, 3))


@pytest.mark.gpu_sim
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32])
@pytest.mark.parametrize("mode", MODES)
def test_interpolate_integers(mode, dtype):
    image = np.random.default_rng(0).integers(0, 120, (1, 2, 9, 7)).astype(dtype)
    for sizes in ([4, 5], [13, 9]):
        resize(image, sizes, mode)


@pytest.mark.gpu_sim
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_interpolate_versions(mode, align_corners):
    arrays = [numbers((2, 3, 5, 6)), np.array([8, 9])]
    for antialias in (False, True):
        compare("Interpolate", arrays, "opset1", constant=[1], tolerance=1e-4, axes=[2, 3], mode=mode,
                align_corners=align_corners, antialias=antialias)  # fmt: skip
    more = [*arrays, np.array([1.5, 1.5], np.float32), np.array([2, 3])]
    for how in ("sizes", "scales"):
        compare("Interpolate", more, "opset4", constant=[1, 2, 3], tolerance=1e-4, mode=mode,
                shape_calculation_mode=how)  # fmt: skip


@pytest.mark.gpu_sim(check=[False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_grid_sample(mode, padding, align_corners):
    image, grid = numbers((2, 3, 5, 4)), np.random.default_rng(1).uniform(-1.8, 1.8, (2, 6, 7, 2))
    compare("GridSample", [image, grid.astype(np.float32)], "opset9", tolerance=1e-4, mode=mode,
            padding_mode=padding, align_corners=align_corners)  # fmt: skip
    if mode != "nearest":  # a position that is rounded differently is another pixel
        ramp = np.broadcast_to(np.linspace(0, 1, 8, dtype=np.float32)[:, None], (1, 1, 8, 8)).copy()
        points = np.random.default_rng(1).uniform(-0.8, 0.8, (1, 3, 3, 2)).astype(np.float16)
        compare("GridSample", [ramp, points.astype(np.float32)], "opset9", Type.f16, mode=mode,
                padding_mode=padding, align_corners=align_corners)  # fmt: skip


@pytest.mark.gpu_sim(check=[False, True])
def test_rearrangements_of_images():
    compare("ReorgYolo", [numbers((2, 12, 6, 4))], "opset2", stride=[2])
    for auto_pad in ("valid", "same_upper", "same_lower"):
        for sizes, strides, rates in [
            ([3, 3], [5, 5], [1, 1]),
            ([2, 3], [2, 1], [2, 2]),
            ([4, 4], [8, 8], [1, 1]),
        ]:
            compare("ExtractImagePatches", [numbers((2, 3, 10, 9))], "opset3", sizes=sizes, strides=strides,
                    rates=rates, auto_pad=auto_pad)  # fmt: skip
