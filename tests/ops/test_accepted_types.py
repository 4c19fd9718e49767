"""For every element type: an operation takes it, and yields the type that OpenVINO yields, or both refuse it."""

from __future__ import annotations

import pytest

from ovgpu.graph.element_type import Type
from tests.ops.differential import Case, cases, const, data

TYPES = " ".join(
    name for name in vars(Type) if isinstance(getattr(Type, name), Type) and name != "dynamic"
)
X, SCALAR, CHANNELS = data([2, 3], "T"), data([], "T"), data([3], "T")
AXES = const([1])

UNARY = (
    "absolute acos acosh asin asinh atan atanh bitwise_not ceiling cos cosh erf exp floor hsigmoid hswish identity "
    "is_finite is_inf is_nan log logical_not mish negative relu round sigmoid sign sin sinh softplus softsign sqrt tan "
    "tanh"
)
BINARY = (
    "add bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor divide equal floor_mod greater "
    "greater_equal less less_equal logical_and logical_or logical_xor maximum minimum mod multiply not_equal power "
    "squared_difference subtract"
)
REDUCTIONS = (
    "reduce_l1 reduce_l2 reduce_logical_and reduce_logical_or reduce_max reduce_mean reduce_min "
    "reduce_prod reduce_sum"
)


CALLS: dict[str, list[Case]] = {
    **{name: list(cases(name, X, T=TYPES)) for name in UNARY.split()},
    **{name: list(cases(name, X, X, T=TYPES)) for name in BINARY.split()},
    **{name: list(cases(name, X, AXES, T=TYPES)) for name in REDUCTIONS.split()},
    "reduction axes": list(cases("reduce_sum", data([2, 3]), data([1], "T"), T=TYPES)),
    "erfinv": list(cases("erfinv", X, opset=17, T=TYPES)),
    "gelu": list(cases("gelu", X, "erf", T=TYPES)),
    "clamp": list(cases("clamp", X, 0, 1, T=TYPES)),
    "elu": list(cases("elu", X, 1.0, T=TYPES)),
    "selu": list(cases("selu", X, SCALAR, SCALAR, T=TYPES)),
    "hard_sigmoid": list(cases("hard_sigmoid", X, SCALAR, SCALAR, T=TYPES)),
    "prelu": list(cases("prelu", X, CHANNELS, T=TYPES)),
    "swish": list(cases("swish", X, SCALAR, T=TYPES)),
    "select": list(cases("select", data([2, 3], "boolean"), X, X, T=TYPES)),
    "condition": list(cases("select", X, data([2, 3]), data([2, 3]), T=TYPES)),
    "convert": list(cases("convert", X, "f32", T=TYPES)),
    "convert_like": list(cases("convert_like", data([2, 3]), X, T=TYPES)),
    "cum_sum": list(cases("cum_sum", X, const(1), T=TYPES)),
    "cum_sum axis": list(cases("cum_sum", data([2, 3]), SCALAR, T=TYPES)),
    "matmul": list(cases("matmul", X, data([3, 2], "T"), False, False, T=TYPES)),
    "einsum": list(cases("einsum", [X, X], "ab,ab->a", T=TYPES)),
    "inverse": list(cases("inverse", data([2, 2], "T"), T=TYPES)),
    "batch_norm": list(
        cases("batch_norm_inference", X, CHANNELS, CHANNELS, CHANNELS, CHANNELS, 1e-3, T=TYPES)
    ),
    "mvn": list(cases("mvn", X, AXES, True, 1e-3, "inside_sqrt", T=TYPES)),
    "normalize_l2": list(cases("normalize_l2", X, AXES, 1e-3, "add", T=TYPES)),
    "lrn": list(cases("lrn", X, AXES, T=TYPES)),
    "group_norm": list(cases("group_normalization", X, CHANNELS, CHANNELS, 3, 1e-3, T=TYPES)),
    "grn": list(cases("grn", X, 1e-3, T=TYPES)),
    "softmax": list(cases("softmax", X, 1, T=TYPES)),
    "log_softmax": list(cases("log_softmax", X, 1, T=TYPES)),
    "attention": list(cases("scaled_dot_product_attention", *[data([2, 3, 4], "T")] * 3, T=TYPES)),
    "mask": list(
        cases("scaled_dot_product_attention", *[data([2, 3, 4])] * 3, data([3, 3], "T"), T=TYPES)
    ),
    "fake_quantize": list(cases("fake_quantize", X, SCALAR, SCALAR, SCALAR, SCALAR, 2, T=TYPES)),
    "fake_convert": list(cases("fake_convert", X, SCALAR, SCALAR, T=TYPES)),
    "random shape": list(
        cases("random_uniform", data([2], "T"), data([]), data([]), "f32", T=TYPES)
    ),
    "multinomial": list(cases("multinomial", X, const(1), "i32", True, True, T=TYPES)),
    "samples": list(cases("multinomial", data([2, 3]), SCALAR, "i32", True, True, T=TYPES)),
}


@pytest.mark.parametrize("name", CALLS)
def test_types(name: str) -> None:
    accepted = 0
    for case in CALLS[name]:
        try:
            theirs = case.build_theirs()
        except RuntimeError:
            case.check_refused()
            continue
        mine = case.build_mine()
        expected = theirs.node.get_output_element_type(0).to_string()
        assert mine.node.get_output_element_type(0).to_string() == expected, str(case)
        accepted += 1
    assert accepted
