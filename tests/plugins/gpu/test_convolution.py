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


# Data, filters, attributes, and the end of the kernel's name in f32 and f16: bytes of an access.
STRIPS = {
    "same_3": ((2, 3, 9, 16), (3, 1, 1, 3, 3), _windows(2, 1, 1, 1, 1), "16", "16"),
    "same_5": ((1, 3, 5, 24), (3, 1, 1, 5, 5), _windows(2, 1, 1, 2, 2), "16", "16"),
    "same_7": ((1, 2, 4, 16), (2, 1, 1, 7, 7), _windows(2, 1, 1, 3, 3), "16", "16"),
    "halved_3": ((1, 3, 8, 32), (3, 1, 1, 3, 3), _windows(2, 2, 1, 1, 1), "16", "16"),
    "halved_5": ((2, 2, 7, 16), (2, 1, 1, 5, 5), _windows(2, 2, 1, 1, 2), "16", "16"),
    "halved_7": ((1, 2, 4, 40), (2, 1, 1, 7, 7), _windows(2, 2, 1, 3, 3), "16", "8"),
    "same_upper": (
        (1, 2, 7, 32), (2, 1, 1, 3, 3), _windows(2, 2, auto_pad="same_upper"), "16", "16",
    ),
    "causal_4": ((2, 3, 40), (3, 1, 1, 4), _windows(1, 1, 1, 3, 0), "16", "16"),
    "causal_5": ((2, 3, 40), (3, 1, 1, 5), _windows(1, 1, 1, 4, 0), "16", "16"),
    # results of other alignment than the data, and the other way round
    "valid": ((1, 2, 5, 16), (2, 1, 1, 3, 3), _windows(2), "16", "16"),
    "to_aligned": ((1, 2, 5, 18), (2, 1, 1, 3, 3), _windows(2), "pairs", "pairs"),
    "narrow": ((2, 3, 5, 8), (3, 1, 1, 3, 5), _windows(2, 2, 1, (1, 0), 0), "16", "16"),
    "half_aligned": ((2, 3, 4, 12), (3, 1, 1, 3, 3), _windows(2, 1, 1, 1, 1), "16", "8"),
    "half_halved": ((2, 3, 4, 12), (3, 1, 1, 3, 3), _windows(2, 2, 1, 1, 1), "16", "8"),
    "half_far": ((2, 3, 4, 12), (3, 1, 1, 5, 5), _windows(2, 1, 1, 6, 6), "16", "8"),
    "to_half": ((1, 3, 4, 24), (3, 1, 1, 5, 5), _windows(2, 2, 1, 2, 2), "16", "8"),
    "even": ((2, 5, 6, 14), (5, 1, 1, 3, 3), _windows(2, 1, 1, 1, 1), "pairs", "pairs"),
    "odd": ((2, 5, 7, 7), (5, 1, 1, 5, 5), _windows(2, 1, 1, 2, 2), "pairs", "pairs"),
    "odd_halved": ((1, 5, 7, 13), (5, 1, 1, 3, 3), _windows(2, 2, 1, 1, 1), "pairs", "pairs"),
    "two": ((1, 3, 4, 2), (3, 1, 1, 3, 3), _windows(2, 1, 1, 1, 1), "pairs", "pairs"),
    "far_padding": ((1, 2, 3, 8), (2, 1, 1, 3, 3), _windows(2, 1, 1, 9, 9), "16", "16"),
    "far_pairs": ((1, 2, 3, 5), (2, 1, 1, 3, 3), _windows(2, 2, 1, 7, 6), "pairs", "pairs"),
    "3d": (
        (2, 2, 4, 5, 16), (2, 1, 1, 2, 3, 3),
        _windows(3, (1, 2, 1), (1, 2, 1), (1, 2, 1), (0, 1, 1)), "16", "16",
    ),
    "3d_pairs": (
        (1, 2, 4, 5, 6), (2, 1, 1, 3, 2, 3), _windows(3, (2, 1, 2), (1, 1, 1), 1, 0), "pairs", "pairs",
    ),
    "multiplier": ((2, 3, 5, 16), (3, 4, 1, 3, 3), _windows(2, 1, 1, 1, 1), "16", "16"),
    "column": ((1, 3, 6, 16), (3, 1, 1, 5, 1), _windows(2, (3, 2), (2, 1), (4, 0), 0), "16", "16"),
    "taps_2": ((1, 3, 4, 16), (3, 1, 1, 2, 2), _windows(2, 1, 1, 0, 1), "16", "16"),
    "taps_6": ((1, 3, 1, 16), (3, 1, 1, 1, 6), _windows(2, 1, 1, (0, 3), (0, 2)), "16", "16"),
    "many": ((2, 70, 6, 16), (70, 1, 1, 3, 3), _windows(2, 1, 1, 1, 1), "16", "16"),
}  # fmt: skip


def _depthwise(cudasim, data, filters, attributes, precision=Type.f32):
    """Results of one convolution, and the name of the kernel that made them."""
    arrays = [numbers(data, 1), numbers(filters, 2)]
    with cudasim.launches() as log:
        (result,) = compare("GroupConvolution", arrays, precision=precision, **attributes)
    (launch,) = log
    return result, launch.kernel


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_strips(precision, cudasim):
    """Depthwise: the kernel that the host chooses by sizes, padding and alignment."""
    for case, (data, filters, attributes, *kernels) in STRIPS.items():
        _, kernel = _depthwise(cudasim, data, filters, attributes, precision)
        assert kernel == f"depthwise_{kernels[precision is Type.f16]}", case


@pytest.mark.gpu_sim(arch=[75, 90], check=True)
def test_strips_of_bf16_and_integers(cudasim):
    for case in ("same_3", "halved_5", "odd"):
        data, filters, attributes, *_ = STRIPS[case]
        _depthwise(cudasim, data, filters, attributes, Type.bf16)
        rng = np.random.default_rng(0)
        arrays = [rng.integers(-99, 99, shape).astype(np.int32) for shape in (data, filters)]
        compare("GroupConvolution", arrays, **attributes)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_strips_with_bias_residual_and_activation(precision, cudasim):
    """Filters and bias are constants, which stay f32 beside tensors of f16."""
    fused = {"activations": ["clamp", "hswish"], "activation_parameters": [-1.0, 1.5]}
    for case in ("same_3", "halved_5", "valid", "even", "odd", "3d", "half_aligned", "multiplier"):
        data, filters, attributes, *kernels = STRIPS[case]
        arrays = [numbers(data, 1), numbers(filters, 2), numbers((filters[0] * filters[1],), 3)]
        name, how = "GroupConvolutionBiasActivation", {**attributes, **fused, "constant": [1, 2]}
        with cudasim.launches() as log:
            (result,) = compare(name, arrays, "ovgpu", precision, **how)
            compare(name, [*arrays, numbers(result.shape, 4)], "ovgpu", precision, **how)
        expected = f"depthwise_{kernels[precision is Type.f16]}"
        assert [launch.kernel for launch in log] == [expected] * 2, case


@pytest.mark.gpu_sim
def test_sums_of_strips_have_the_order_of_others(cudasim, monkeypatch):
    """To the bit: results that are quantized next do not depend on the kernel."""
    from ovgpu.plugins.gpu.lower import convolution

    cases = [STRIPS[name] for name in ("same_3", "halved_7", "odd", "3d", "far_padding")]
    strips = [_depthwise(cudasim, *case[:3])[0] for case in cases]
    monkeypatch.setattr(convolution, "takes_strips", lambda *_: False)
    for case, expected in zip(cases, strips, strict=True):
        result, kernel = _depthwise(cudasim, *case[:3])
        assert kernel == "convolution_direct"
        np.testing.assert_array_equal(result, expected)


@pytest.mark.gpu_sim(check=True)
@PRECISIONS
def test_windows_that_are_no_strips(precision, cudasim):
    """Gaps and large steps along rows, large windows, single columns, and groups of several channels."""
    cases = [
        ((1, 3, 6, 16), (3, 1, 1, 3, 3), _windows(2, 1, (1, 2), 1, 1)),
        ((1, 3, 6, 16), (3, 1, 1, 3, 3), _windows(2, (1, 3), 1, 1, 1)),
        ((2, 3, 32), (3, 1, 1, 9), _windows(1, 1, 1, 4, 4)),
        ((2, 3, 32, 1), (3, 1, 1, 3, 1), _windows(2, 1, 1, (1, 0), (1, 0))),
        ((1, 6, 5, 16), (3, 2, 2, 3, 3), _windows(2, 1, 1, 1, 1)),
    ]
    for data, filters, attributes in cases:
        assert _depthwise(cudasim, data, filters, attributes, precision)[1] == "convolution_direct"


@pytest.mark.gpu_sim(check=True)
def test_few_blocks_compute_many_strips(cudasim, monkeypatch):
    from ovgpu.plugins.gpu.lower import depthwise

    monkeypatch.setattr(depthwise, "blocks_for", lambda *_: 1)
    for case in ("same_3", "many", "odd"):
        _depthwise(cudasim, *STRIPS[case][:3])


@pytest.mark.gpu_sim
@pytest.mark.parametrize("auto_pad", ["same_upper", "same_lower"])
def test_rows_of_other_sizes_compile_nothing(auto_pad, cudasim, monkeypatch):
    """Although the padding that they ask for differs."""
    from ovgpu.plugins.gpu.encoder import Encoder

    texts, kernels = set(), set()
    launch = Encoder.launch

    def logged(self, source, name, *arguments):
        texts.add(source)
        kernels.add(name)
        launch(self, source, name, *arguments)

    monkeypatch.setattr(Encoder, "launch", logged)
    for size in (32, 33, 12, 31, 14):
        filters, attributes = (3, 1, 1, 5, 5), _windows(2, 2, auto_pad=auto_pad)
        _depthwise(cudasim, (1, 3, 6, size), filters, attributes, Type.f16)
    assert len(texts) == 1
    assert len(kernels) == 3


@pytest.mark.gpu_sim
def test_strips_of_nothing(cudasim):
    with cudasim.launches() as log:
        for data in ((0, 3, 6, 16), (0, 3, 5, 7)):
            arrays = [numbers(data, 1), numbers((3, 1, 1, 3, 3), 2)]
            compare("GroupConvolution", arrays, **_windows(2, 1, 1, 1, 1))
    assert not log


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
