"""What the preprocessing tests do to a model: short programs that run with ovgpu and with the real OpenVINO.

In a program ``p`` is the PrePostProcessor of a model with inputs ``in0``, ... and outputs ``o0``, ...; the names
``tensor``, ``model``, ``steps``, ``out_tensor``, ``out_model`` and ``post`` are the parts of its only input and output.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Case:
    """A program and the model it is for."""

    program: str
    shape: tuple[int, ...] | str = (1, 3, 8, 8)
    type: str = "f32"
    count: int = 1
    #: False where OpenVINO names nodes after others that it moved on the way.
    compare_names: bool = True


CASES: dict[str, Case] = {}


def case(name: str, program: str, **model: object) -> None:
    CASES[name] = Case(program, **model)  # type: ignore[arg-type]


case(
    "type_layout_implicit",
    """
    tensor.set_element_type(Type.u8).set_layout(Layout('NHWC'))
    model.set_layout(Layout('NCHW'))
    """,
)
case("same_type", "tensor.set_element_type(Type.f32)")
case("same_shape", "tensor.set_shape([1,3,8,8])")
case("other_shape", "tensor.set_shape([1,3,9,9])")
case("other_rank", "tensor.set_shape([3,8,8])")
case("dyn_shape", "tensor.set_shape([-1,3,8,8])")
case("model_layout_only", "model.set_layout(Layout('NCHW'))")
case(
    "resize_noshape",
    """
    tensor.set_layout(Layout('NHWC'))
    model.set_layout(Layout('NCHW'))
    steps.resize(ResizeAlgorithm.RESIZE_LINEAR)
    """,
)
case("resize_nolayout", "steps.resize(ResizeAlgorithm.RESIZE_LINEAR)")
case(
    "resize_nomodel_layout",
    """
    tensor.set_layout(Layout('NCHW')).set_shape([1,3,10,10])
    steps.resize(ResizeAlgorithm.RESIZE_LINEAR)
    """,
)
case(
    "resize_dyn_model",
    """
    tensor.set_layout(Layout('NCHW')).set_shape([1,3,10,10])
    steps.resize(ResizeAlgorithm.RESIZE_LINEAR)
    """,
    shape=(1, 3, -1, -1),
)
case(
    "resize_u8",
    """
    tensor.set_element_type(Type.u8).set_layout(Layout('NHWC')).set_spatial_dynamic_shape()
    model.set_layout(Layout('NCHW'))
    steps.resize(ResizeAlgorithm.RESIZE_LINEAR)
    """,
)
case("spatial_nolayout", "tensor.set_spatial_dynamic_shape()")
case(
    "spatial_then_shape",
    """
    tensor.set_layout(Layout('NCHW')).set_spatial_dynamic_shape().set_shape([1,3,8,8])
    """,
)
case(
    "shape_then_spatial",
    """
    tensor.set_layout(Layout('NCHW')).set_shape([2,3,9,9]).set_spatial_static_shape(8,8)
    """,
)
case(
    "mean_u8",
    """
    tensor.set_element_type(Type.u8)
    steps.mean(1.)
    """,
)
case("mean_nolayout", "steps.mean([1.,2.,3.])")
case(
    "mean_mismatch",
    """
    tensor.set_layout(Layout('NCHW'))
    steps.mean([1.,2.])
    """,
)
case(
    "scale_mismatch",
    """
    tensor.set_layout(Layout('NCHW'))
    steps.scale([1.,2.])
    """,
)
case(
    "mean_dynC",
    """
    tensor.set_layout(Layout('NCHW'))
    steps.mean([1.,2.])
    """,
    shape=(1, -1, 8, 8),
)
case(
    "mean_nhwc",
    """
    tensor.set_layout(Layout('NHWC'))
    model.set_layout(Layout('NCHW'))
    steps.mean([1.,2.,3.]).scale([1e7,123456.789,1e-7])
    """,
)
case("conv_layout_dims_noshape", "steps.convert_layout([0,3,1,2])")
case(
    "conv_layout_dims_noshape_model",
    """
    model.set_layout(Layout('NCHW'))
    steps.convert_layout([0,3,1,2])
    """,
)
case(
    "conv_layout_empty",
    """
    tensor.set_layout(Layout('NHWC'))
    model.set_layout(Layout('NCHW'))
    steps.convert_layout(Layout(''))
    """,
)
case("conv_layout_nosrc", "steps.convert_layout(Layout('NHWC'))")
case(
    "conv_layout_bad",
    """
    tensor.set_layout(Layout('NHWC'))
    steps.convert_layout(Layout('NCD'))
    """,
)
case("conv_dims_bad", "steps.convert_layout([0,3,3,2])")
case(
    "model_to_two",
    """
    model.set_layout(Layout('NCHW'))
    steps.convert_layout(Layout('NHWC')).convert_layout(Layout('NCHW'))
    """,
)
case("reverse_nolayout", "steps.reverse_channels()")
case(
    "reverse_dyn",
    """
    tensor.set_layout(Layout('NCHW'))
    steps.reverse_channels()
    """,
    shape=(1, -1, 8, 8),
)
case(
    "reverse_rgb",
    """
    tensor.set_layout(Layout('NCHW')).set_color_format(ColorFormat.RGB)
    steps.reverse_channels()
    """,
)
case(
    "crop",
    """
    tensor.set_shape([1,3,10,10])
    steps.crop([0,0,1,1],[1,3,9,-1])
    """,
)
case("crop_bad", "steps.crop([0,0,1,1],[1,3,9])")
case(
    "pad_const",
    """
    tensor.set_shape([1,3,7,7])
    steps.pad([0,0,1,1],[0,0,0,0],2.5,PaddingMode.CONSTANT)
    """,
)
case(
    "pad_list",
    """
    tensor.set_shape([1,3,7,7])
    steps.pad([0,0,1,1],[0,0,0,0],[2.5],PaddingMode.CONSTANT)
    """,
)
case(
    "pad_u8",
    """
    tensor.set_element_type(Type.u8).set_shape([1,3,7,7])
    steps.pad([0,0,1,1],[0,0,0,0],2.5,PaddingMode.SYMMETRIC)
    """,
)
case("ctype_same", "steps.convert_element_type(Type.f32)")
case(
    "ctype_def",
    """
    tensor.set_element_type(Type.u8)
    steps.convert_element_type()
    """,
)
case(
    "nv12_noconvert",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_color_format(ColorFormat.NV12_SINGLE_PLANE)
    model.set_layout(Layout('NCHW'))
    """,
)
case(
    "nv12_two_noconvert",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_color_format(ColorFormat.NV12_TWO_PLANES)
    model.set_layout(Layout('NCHW'))
    """,
)
case("names_wrong", "tensor.set_color_format(ColorFormat.NV12_TWO_PLANES,['y'])")
case("names_rgb", "tensor.set_color_format(ColorFormat.RGB,['y'])")
case(
    "nv12_layout_nchw",
    """
    tensor.set_element_type(Type.u8).set_color_format(ColorFormat.NV12_SINGLE_PLANE)
    model.set_layout(Layout('NCHW'))
    steps.convert_color(ColorFormat.RGB)
    """,
)
case(
    "nv12_nolayout",
    """
    tensor.set_element_type(Type.u8).set_color_format(ColorFormat.NV12_TWO_PLANES)
    steps.convert_color(ColorFormat.RGB)
    """,
)
case(
    "nv12_f32_default",
    """
    tensor.set_layout(Layout('NHWC')).set_color_format(ColorFormat.NV12_TWO_PLANES)
    model.set_layout(Layout('NCHW'))
    steps.convert_color(ColorFormat.RGB)
    """,
)
case(
    "nv12_shape",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_shape([1,8,8,3]).set_color_format(ColorFormat.NV12_TWO_PLANES)
    model.set_layout(Layout('NCHW'))
    steps.convert_color(ColorFormat.RGB)
    """,
)
case(
    "nv12_spatial_resize",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_spatial_static_shape(20,40).set_color_format(ColorFormat.NV12_TWO_PLANES,['y','uv'])
    model.set_layout(Layout('NCHW'))
    steps.convert_color(ColorFormat.RGB).resize(ResizeAlgorithm.RESIZE_LINEAR)
    """,
)
case(
    "i420_spatial_resize",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_spatial_dynamic_shape().set_color_format(ColorFormat.I420_SINGLE_PLANE)
    model.set_layout(Layout('NCHW'))
    steps.convert_color(ColorFormat.BGR).convert_element_type(Type.f32).resize(ResizeAlgorithm.RESIZE_LINEAR)
    """,
)
case(
    "i420_three",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_color_format(ColorFormat.I420_THREE_PLANES,['y','u','v'])
    model.set_layout(Layout('NCHW'))
    steps.convert_color(ColorFormat.BGR).convert_element_type(Type.f32)
    """,
)
case(
    "gray_u8",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_color_format(ColorFormat.RGB)
    steps.convert_color(ColorFormat.GRAY)
    model.set_layout(Layout('NCHW'))
    """,
    shape=(1, 1, 8, 8),
    type="u8",
    compare_names=False,
)
case(
    "gray_nchw",
    """
    tensor.set_layout(Layout('NCHW')).set_color_format(ColorFormat.BGR)
    steps.convert_color(ColorFormat.GRAY)
    """,
    shape=(1, 1, 8, 8),
)
case("rgb_tensor_color_only", "tensor.set_color_format(ColorFormat.RGB)")
case("rgbx_noconvert", "tensor.set_color_format(ColorFormat.RGBX)")
case(
    "hwc",
    """
    tensor.set_layout(Layout('HWC')).set_element_type(Type.u8)
    model.set_layout(Layout('NCHW'))
    """,
)
case(
    "hwc_shape",
    """
    tensor.set_layout(Layout('HWC')).set_shape([20,20,3]).set_element_type(Type.u8)
    model.set_layout(Layout('NCHW'))
    steps.resize(ResizeAlgorithm.RESIZE_NEAREST)
    """,
)
case(
    "partial_layouts",
    """
    tensor.set_layout(Layout('..C'))
    model.set_layout(Layout('NC...'))
    """,
)
case(
    "question_layout",
    """
    tensor.set_layout(Layout('NHWC'))
    model.set_layout(Layout('NC??'))
    """,
)
case(
    "question_layout2",
    """
    tensor.set_layout(Layout('N??C'))
    model.set_layout(Layout('NCHW'))
    """,
)
case(
    "incompatible_layouts",
    """
    tensor.set_layout(Layout('NHWC'))
    model.set_layout(Layout('NCDH'))
    """,
)
case(
    "layout_rank",
    """
    tensor.set_layout(Layout('NHC'))
    model.set_layout(Layout('NCHW'))
    """,
)
case("layout_rank2", "model.set_layout(Layout('NCH'))")
case(
    "dyn_rank",
    """
    tensor.set_layout(Layout('NHWC'))
    model.set_layout(Layout('NCHW'))
    """,
    shape="...",
)
case("memory", "tensor.set_memory_type('GPU_SURFACE')")
case("memory_empty", "tensor.set_memory_type('')")
case(
    "two_inputs",
    """
    p.input(0).tensor().set_element_type(Type.u8)
    p.input('in1').preprocess().mean(2.)
    p.output(1).tensor().set_element_type(Type.f16)
    p.output('o0').postprocess().convert_element_type(Type.i32)
    """,
    count=2,
)
case("two_inputs_default", "p.input()", count=2)
case("two_outputs_default", "p.output()", count=2)
case("input3", "p.input(3)")
case("inputname", "p.input('nope')")
case("outputname", "p.output('nope')")
case("out_type", "out_tensor.set_element_type(Type.u8)")
case("out_same_type", "out_tensor.set_element_type(Type.f32)")
case(
    "out_layouts",
    """
    out_model.set_layout(Layout('NCHW'))
    out_tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8)
    """,
)
case("out_model_layout", "out_model.set_layout(Layout('NCHW'))")
case("out_tensor_layout", "out_tensor.set_layout(Layout('NCHW'))")
case(
    "out_steps",
    """
    out_model.set_layout(Layout('NCHW'))
    post.convert_element_type(Type.f16).convert_layout([0,2,3,1]).custom(absolute)
    """,
)
case(
    "out_steps_tensor",
    """
    out_model.set_layout(Layout('NCHW'))
    out_tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8)
    post.convert_element_type(Type.f16).custom(absolute)
    """,
)
case(
    "out_convert_default",
    """
    out_tensor.set_element_type(Type.u8)
    post.convert_element_type()
    """,
)
case("out_convert_dynamic", "post.convert_element_type()")
case(
    "out_layout_default",
    """
    out_model.set_layout(Layout('NCHW'))
    out_tensor.set_layout(Layout('NHWC'))
    post.convert_layout(Layout(''))
    """,
)
case("out_dims_nolayout", "post.convert_layout([0,2,3,1])")
case(
    "out_incompat",
    """
    out_model.set_layout(Layout('NCHW'))
    out_tensor.set_layout(Layout('NDHC'))
    """,
)
case("custom", "steps.custom(absolute)")
case("from_tensor", "tensor.set_from(Tensor(np.zeros([1,3,8,8],np.uint8)))")
case("from_array", "tensor.set_from(np.zeros([1,3,8,8],np.uint8))")
case(
    "whole",
    """
    tensor.set_element_type(Type.u8).set_layout(Layout('NHWC')).set_color_format(ColorFormat.BGR).set_shape([1,16,20,3])
    model.set_layout(Layout('NCHW'))
    steps.convert_element_type(Type.f32).convert_color(ColorFormat.RGB).resize(ResizeAlgorithm.RESIZE_LINEAR).mean([1.,2.,3.]).scale([50.,51.,52.])
    out_tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8)
    out_model.set_layout(Layout('NCHW'))
    """,
)
case(
    "nv12single_shape",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_shape([1,12,8,1]).set_color_format(ColorFormat.NV12_SINGLE_PLANE)
    model.set_layout(Layout('NCHW'))
    steps.convert_color(ColorFormat.RGB)
    """,
)
case(
    "nv12single_shape2",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_shape([1,8,8,3]).set_color_format(ColorFormat.NV12_SINGLE_PLANE)
    model.set_layout(Layout('NCHW'))
    steps.convert_color(ColorFormat.RGB)
    """,
)
case(
    "rgb_shape",
    """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8).set_shape([1,8,8,4]).set_color_format(ColorFormat.RGB)
    model.set_layout(Layout('NCHW'))
    """,
)
case("identity_dims", "steps.convert_layout([0,1,2,3])")
case("conv_dims_neg", "steps.convert_layout([0,1,2,7])")
case(
    "conv_dims_tensor_layout",
    """
    tensor.set_layout(Layout('NHWC'))
    steps.convert_layout([0,3,1,2])
    """,
)
case("scalar_list", "steps.scale([2.])")
case(
    "color_only_set",
    """
    tensor.set_color_format(ColorFormat.RGB)
    steps.convert_color(ColorFormat.BGR)
    """,
    shape=(1, 8, 8, 3),
)
case(
    "batch_any",
    """
    tensor.set_layout(Layout('NHWC')).set_spatial_static_shape(20,20)
    model.set_layout(Layout('NCHW'))
    steps.resize(ResizeAlgorithm.RESIZE_LINEAR)
    """,
    shape=(-1, 3, 8, 8),
)
NHWC_U8 = """
    tensor.set_layout(Layout('NHWC')).set_element_type(Type.u8)
    model.set_layout(Layout('NCHW'))
"""

for action in (
    "resize(ResizeAlgorithm.RESIZE_LINEAR)",
    "mean(1.)",
    "scale([1.])",
    "convert_layout(Layout('NCHW'))",
    "convert_layout([0, 3, 1, 2])",
    "reverse_channels()",
    "crop([0, 0, 0, 0], [1, 3, 8, 8])",
    "pad([0, 0, 0, 0], [0, 0, 0, 0], 0., PaddingMode.CONSTANT)",
    "convert_element_type(Type.f16)",
    "custom(absolute)",
):
    case(
        f"two_planes_{action.partition('(')[0]}_{len(CASES)}",
        f"""{NHWC_U8}
    tensor.set_color_format(ColorFormat.NV12_TWO_PLANES, ['y', 'uv'])
    steps.{action}.convert_color(ColorFormat.BGR)
    """,
    )

SOURCES = (
    "RGB",
    "BGR",
    "GRAY",
    "RGBX",
    "BGRX",
    "NV12_SINGLE_PLANE",
    "NV12_TWO_PLANES",
    "I420_SINGLE_PLANE",
    "I420_THREE_PLANES",
    "UNDEFINED",
)
for source, (target, channels) in product(
    SOURCES, {"RGB": 3, "BGR": 3, "GRAY": 1, "RGBX": 4}.items()
):
    case(
        f"{source}_to_{target}",
        f"""{NHWC_U8}
    tensor.set_color_format(ColorFormat.{source})
    steps.convert_element_type(Type.f32).convert_color(ColorFormat.{target})
    """,
        shape=(1, channels, 8, 8),
    )

for algorithm in ("LINEAR", "CUBIC", "NEAREST", "BILINEAR_PILLOW", "BICUBIC_PILLOW"):
    case(
        f"resize_{algorithm}",
        f"""
    tensor.set_layout(Layout('NCHW')).set_spatial_static_shape(13, 6)
    steps.resize(ResizeAlgorithm.RESIZE_{algorithm}, 8, 8)
    """,
    )
