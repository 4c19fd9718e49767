"""Convolutions on the device."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.graph.element_type import Type
from tests.plugins.gpu.lowering_check import compare, numbers

PRECISIONS = pytest.mark.parametrize("precision", [Type.f32, Type.f16], ids=["f32", "f16"])


def _windows(rank, strides=1, dilations=1, begin=0, end=0, **more):
    """Attributes with the same value, or one each, on all axes."""

    def spread(value):
        return list(value) if isinstance(value, (tuple, list)) else [value] * rank

    return {
        "strides": spread(strides),
        "dilations": spread(dilations),
        "pads_begin": spread(begin),
        "pads_end": spread(end),
        **more,
    }


PLAIN = {
    "1d": ((2, 3, 30), (5, 3, 4), _windows(1, 2, 3, 2, 1)),
    "2d": ((1, 4, 9, 11), (6, 4, 3, 3), _windows(2, 1, 1, 1, 1)),
    "asymmetric": ((2, 3, 12, 10), (7, 3, 3, 2), _windows(2, (2, 1), (1, 3), (2, 0), (0, 3))),
    "3d": ((1, 2, 5, 6, 7), (3, 2, 2, 3, 1), _windows(3, (1, 2, 2), 1, (1, 0, 0), 1)),
    "point": ((2, 12, 5, 7), (10, 12, 1, 1), _windows(2)),
    "point_places_1": ((3, 20, 1, 1), (9, 20, 1, 1), _windows(2)),
    "point_strided": ((1, 8, 7, 7), (9, 8, 1, 1), _windows(2, 2)),
    "same_upper": ((1, 2, 10, 10), (3, 2, 4, 4), _windows(2, 3, auto_pad="same_upper")),
    "same_lower": ((1, 2, 10, 10), (3, 2, 4, 4), _windows(2, 3, auto_pad="same_lower")),
    "valid": ((1, 2, 10, 10), (3, 2, 4, 4), _windows(2, 3, 1, 5, 5, auto_pad="valid")),
    "deep": ((1, 64, 6, 6), (40, 64, 3, 3), _windows(2, 1, 1, 1, 1)),
    "empty": ((0, 2, 10, 10), (3, 2, 4, 4), _windows(2)),
}

GROUPED = {
    "depthwise": ((2, 6, 9, 9), (6, 1, 1, 3, 3), _windows(2, 1, 1, 1, 1)),
    "depthwise_strided": ((1, 5, 20, 17), (5, 1, 1, 5, 5), _windows(2, 2, 1, 2, 2)),
    "multiplier": ((1, 4, 8), (4, 3, 1, 3), _windows(1, 1, 2, 1, 0)),
    "groups": ((2, 12, 7, 7), (2, 9, 6, 3, 3), _windows(2, 1, 1, 1, 1)),
    "groups_3d": ((1, 4, 4, 5, 6), (2, 3, 2, 2, 2, 2), _windows(3, 1, 1, 1, 0)),
    "points": ((2, 16, 5, 5), (2, 8, 8, 1, 1), _windows(2)),
}


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_plain(precision):
    for data, filters, attributes in PLAIN.values():
        compare(
            "Convolution",
            [numbers(data, 1), numbers(filters, 2)],
            precision=precision,
            **attributes,
        )


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_groups(precision):
    for data, filters, attributes in GROUPED.values():
        arrays = [numbers(data, 1), numbers(filters, 2)]
        compare("GroupConvolution", arrays, precision=precision, **attributes)


@pytest.mark.gpu_sim
def test_bias_and_activation():
    fused = {"activations": ["relu"], "activation_parameters": []}
    for data, filters, attributes in PLAIN.values():
        arrays = [numbers(data, 1), numbers(filters, 2), numbers(filters[:1], 3)]
        compare("ConvolutionBiasActivation", arrays, "ovgpu", **attributes, **fused)
    for data, filters, attributes in GROUPED.values():
        arrays = [numbers(data, 1), numbers(filters, 2), numbers((filters[0] * filters[1],), 3)]
        compare("GroupConvolutionBiasActivation", arrays, "ovgpu", **attributes, **fused)


@pytest.mark.gpu_sim
def test_every_tile(monkeypatch):
    from ovgpu.plugins.gpu.lower import tiles

    for edge in (32, 64, 128):
        monkeypatch.setattr(
            tiles,
            "choose_tile",
            lambda m, n, batch, _, edge=edge: (edge, -(-m // edge) * -(-n // edge) * batch),
        )
        arrays = [numbers((2, 5, 13, 12), 1), numbers((130, 5, 3, 3), 2)]
        compare("Convolution", arrays, **_windows(2, 1, 1, 1, 1))


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_slices_are_added_up_in_the_same_launch(precision, cudasim, monkeypatch):
    """Whichever block of a tile comes last: the results are the same to the bit."""
    cases = [
        ("Convolution", (2, 64, 5, 7), (40, 64, 3, 3)),
        ("GroupConvolution", (1, 96, 6, 6), (2, 20, 48, 3, 3)),
    ]
    for name, data, filters in cases:
        channels = 40
        arrays = [numbers(data, 1), numbers(filters, 2), numbers((channels,), 3)]
        if precision is Type.f32:
            arrays.append(numbers((data[0], channels, *data[2:]), 4))
        results = []
        for seed in range(1, 5):  # orders of blocks
            cudasim.configure_checks(seed=seed)
            with cudasim.launches() as log:
                results += compare(
                    f"{name}BiasActivation",
                    arrays,
                    "ovgpu",
                    precision,
                    **_windows(2, 1, 1, 1, 1),
                )
            (launch,) = log
            assert launch.grid[1] > 1
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])


# Those of PLAIN and GROUPED that are tiled, and sizes for 16-byte loads and stores.
TENSOR_CORES = {
    **{name: PLAIN[name] for name in ("1d", "2d", "asymmetric", "3d", "point_strided", "same_upper")},
    **{name: GROUPED[name] for name in ("groups", "points")},
    "aligned": ((2, 16, 6, 8), (24, 16, 3, 3), _windows(2, 1, 1, 1, 1)),
    "several_tiles": ((1, 11, 13, 12), (130, 11, 3, 3), _windows(2, 1, 2, 2, 2)),
    "slices": ((1, 64, 6, 6), (40, 64, 3, 3), _windows(2, 1, 1, 1, 1)),
    "groups_3d": ((1, 6, 4, 5, 6), (2, 5, 3, 2, 2, 2), _windows(3, 1, 1, 1, 0)),
    "groups_1d": ((2, 14, 21), (2, 9, 7, 5), _windows(1, 2, 1, 2, 2)),
}  # fmt: skip


@pytest.mark.gpu_sim(arch=[75, 90], check=True)
@pytest.mark.parametrize("edge", [64, 128])
def test_tensor_cores(monkeypatch, edge, cudasim):
    """In one, two and three dimensions, with groups, strides, dilation, and channels that no 16 bytes divide."""
    _compare_on_tensor_cores(monkeypatch, Type.f16, edge, cudasim)


@pytest.mark.gpu_sim(arch=90, check=True)
@pytest.mark.parametrize("edge", [64, 128])
def test_tensor_cores_of_bf16(monkeypatch, edge, cudasim):
    """From sm_80 on."""
    _compare_on_tensor_cores(monkeypatch, Type.bf16, edge, cudasim)


def _compare_on_tensor_cores(monkeypatch, precision, edge, cudasim):
    from ovgpu.plugins.gpu.lower import tiles

    monkeypatch.setattr(
        tiles,
        "choose_tile",
        lambda m, n, batch, _: (edge, -(-m // edge) * -(-n // edge) * batch),
    )
    for data, filters, attributes in TENSOR_CORES.values():
        groups = len(filters) > len(data)
        arrays = [numbers(data, 1), numbers(filters, 2)]
        with cudasim.launches() as log:
            compare(
                "GroupConvolution" if groups else "Convolution",
                arrays,
                precision=precision,
                **attributes,
            )
        assert [launch.kernel for launch in log] == [f"convolution_tensor_{edge}x{edge}"]


@pytest.mark.gpu_sim
def test_integers():
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-99, 99, s).astype(np.int32) for s in ((1, 4, 9, 9), (6, 4, 3, 3))]
    compare("Convolution", arrays, **_windows(2, 1, 1, 1, 1))


TRANSPOSED = {
    "stride_2": ((2, 5, 4, 6), (5, 7, 3, 3), _windows(2, 2, 1, 1, 1)),
    "kernel_2": ((1, 4, 5, 5), (4, 3, 2, 2), _windows(2, 2)),
    "dilated": ((1, 3, 5, 4), (3, 2, 3, 2), _windows(2, (2, 3), (2, 2), (1, 0), 0)),
    "gaps": ((1, 3, 5), (3, 2, 2), _windows(1, 4, 1, 1, 0)),
    "output_padding": ((1, 3, 4), (3, 2, 3), _windows(1, 3, output_padding=[2])),
    "3d": ((1, 2, 3, 3, 3), (2, 3, 2, 3, 2), _windows(3, (1, 2, 2), 1, 1, 0)),
    "stride_1": ((1, 6, 5, 5), (6, 4, 3, 3), _windows(2, 1, 1, 1, 1)),
}


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_transposed(precision):
    for data, filters, attributes in TRANSPOSED.values():
        arrays = [numbers(data, 1), numbers(filters, 2)]
        compare("ConvolutionBackpropData", arrays, precision=precision, **attributes)
    arrays = [numbers((1, 6, 4, 4), 1), numbers((2, 3, 4, 3, 3), 2)]
    compare("GroupConvolutionBackpropData", arrays, precision=precision, **_windows(2, 2, 1, 1, 0))


@pytest.mark.gpu_sim
@pytest.mark.parametrize("auto_pad", ["same_upper", "same_lower", "valid", "explicit"])
def test_transposed_to_a_shape(auto_pad):
    arrays = [numbers((1, 3, 5, 5), 1), numbers((3, 2, 3, 4), 2), np.array([9, 10], np.int64)]
    attributes = _windows(2, 2, auto_pad=auto_pad)
    compare("ConvolutionBackpropData", arrays, constant=[2], **attributes)
