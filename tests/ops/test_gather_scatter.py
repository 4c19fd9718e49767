"""Gather..., Scatter..., OneHot and Eye against the real OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from ovgpu.plugins.cpu.kernels.gather_scatter import scatter_update

from .differential import Case, cases, const, data

MOVED = "f32 f16 bf16 f64 i8 i32 i64 u8 boolean"


def indices(shape, values, type="i32"):
    return data(shape, type, values=values)


CASES = [
    *cases("gather", data([4, 3], "T"), const([2, 0, 2]), const(0), T=MOVED),
    *cases("gather", data([4, 3]), const([[0, 2], [-1, 1]]), const(-1, "i32")),
    *cases("gather", data([4, 3]), const(1), const(1)),
    *cases("gather", data([4, 3]), indices([2], [5, 1]), const(0)),
    *cases("gather", data([4, 3]), indices([2, 2], [3, 1, 0, 0]), const(0), opset=1),
    *cases("gather", data([4, 3]), indices([2, 2], [3, 1, 0, 0]), const(0), opset=7),
    *cases("gather", data([2, 4, 3]), indices([2, 5], [0, 3, 2, 1, 1, 3, 3, 0, 1, 2]), const(1), 1),
    *cases("gather", data([2, 3, 4]), indices([2, 2], [0, 3, -2, 1]), const(2), -1),
    *cases("gather", data([2, 3, 4], "i32"), indices([2, 3, 2], [0, 3, 2, 1] * 3), const(-1), 2),
    *cases("gather", data([2, 0, 4]), const([1]), const(0), oracle="evaluate"),
    *cases("gather", data([2, 4]), const([], "i32"), const(0), oracle="evaluate"),
    *cases(
        "gather_elements",
        data([3, 4], "T"),
        indices([3, 2], [0, 3, 2, 1, -1, 0]),
        1,
        T="f32 f16 i32 i64 u8",
    ),
    *cases("gather_elements", data([3, 4]), indices([2, 4], [0, 1, 2, 0, 1, 2, 2, 0], "i64"), -2),
    *cases(
        "gather_nd", data([3, 4], "T"), indices([2, 1], [2, 0]), T="f32 f16 i32 i64 u8", opset=8
    ),
    *cases("gather_nd", data([3, 4, 2]), indices([5, 2], [2, 0, 1, 3, 0, 0, 1, 1, 2, 2]), opset=8),
    *cases("gather_nd", data([3, 4]), indices([2, 2], [2, 0, 1, 3], "i64")),
    *cases("gather_nd", data([2, 3, 4]), indices([2, 5, 1], [0, 1, 2, 1, 0, 2, 2, 1, 0, 0]), 1),
    *cases("gather_nd", data([2, 3, 4]), indices([2, 3, 1], [0, 1, 2, 3, 0, 2]), 2),
    *cases("gather_nd", data([2, 3, 4]), indices([2, 3, 1], [0, 1, 2, 3, 0, 2]), 2, opset=5),
    *cases(
        "gather_tree",
        data([4, 1, 3], "f32", values=[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        data([4, 1, 3], "f32", values=[0, 0, 0, 0, 1, 1, 2, 1, 2, 2, 1, 0]),
        data([1], "f32", values=[3]),
        const(10.0),
    ),
    *cases(
        "scatter_update",
        data([4, 3], "T"),
        indices([2], [2, 0]),
        data([2, 3], "T"),
        const(0),
        T=MOVED,
    ),
    *cases("scatter_update", data([4, 3]), indices([2, 1], [2, 0]), data([4, 2, 1]), const(-1)),
    *cases(
        "scatter_elements_update",
        data([3, 4], "T"),
        indices([2, 2], [1, 0, 3, 2]),
        data([2, 2], "T"),
        const(1),
        T=MOVED,
        opset=3,
    ),
    *[
        case
        for reduction in ("none", "sum", "prod", "min", "max", "mean")
        for initial in (True, False)
        for case in cases(
            "scatter_elements_update",
            data([3, 4], "T"),
            indices([2, 4], [1, 0, 2, 2, 1, 2, 0, 2]),
            data([2, 4], "T"),
            const(0),
            reduction,
            initial,
            T="f32 i32" if reduction not in ("none",) else "f32",
        )
    ],
    *cases(
        "scatter_nd_update",
        data([4, 3], "T"),
        indices([2, 1], [2, 0]),
        data([2, 3], "T"),
        opset=4,
        T=MOVED,
    ),
    *cases("scatter_nd_update", data([4, 3]), indices([3, 2], [2, 0, 1, 1, 3, 2]), data([3])),
    *[
        case
        for reduction in ("none", "sum", "sub", "prod", "min", "max")
        for case in cases(
            "scatter_nd_update",
            data([4, 3], "T"),
            indices([3, 1], [2, 0, 2]),
            data([3, 3], "T"),
            reduction=reduction,
            T="f32 i32" if reduction != "none" else "f32",
        )
    ],
    *cases(
        "one_hot",
        indices([2, 3], [0, 2, 1, 3, 4, 1]),
        const(4),
        const(5, "T"),
        const(-1, "T"),
        1,
        T="f32 i32 i64 f16 i8",
        opset=1,
    ),
    *cases("one_hot", indices([3], [0, -1, 2], "i64"), const(4, "i32"), const(1.0), const(0.0), 0),
    *cases(
        "one_hot",
        indices([3], [0, -1, -9], "i64"),
        const(4),
        const(1.0),
        const(0.0),
        1,
        "normalize",
    ),
    *cases("one_hot", indices([], 2), const(4), const(1.0), const(0.0), 0, opset=1),
    *cases("eye", const(3), const(4), const(0), "f32"),
    *cases("eye", const([3]), const([4], "i32"), const(-1, "i32"), "i32"),
    *cases("eye", const(3), const(3), const(1), "u8", const([2, 1])),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_openvino(case: Case) -> None:
    case.check()


REFUSED = [
    *cases("gather", data([3]), const([0]), const(1)),
    *cases("gather", data([3]), const([0.5]), const(0)),
    *cases("gather", data([2, 5]), indices([3, 4], range(12)), const(1), 1),
    *cases("gather", data([2, 5]), indices([2, 2], range(4)), const(0), 1),
    *cases("gather_elements", data([2, 3]), indices([3, 3], range(9)), 1),
    *cases("gather_elements", data([2, 3]), indices([3], range(3)), 1),
    *cases("gather_nd", data([2, 3]), indices([7, 3], range(21))),
    *cases("scatter_update", data([3, 4]), indices([2], [0, 1]), data([3, 4]), const(0)),
    *cases("scatter_elements_update", data([3, 4]), indices([1, 1], [0]), data([1, 2]), const(0)),
    *cases("scatter_elements_update", data([3, 4]), indices([1], [0]), data([1]), const(0)),
    *cases("scatter_nd_update", data([3, 4]), indices([2, 1], [0, 1]), data([2, 5])),
    *cases("one_hot", data([2]), const(4), const(1.0), const(0.0), 0, opset=1),
    *cases("one_hot", indices([2], [0, 1]), const(-4), const(1.0), const(0.0), 0, opset=1),
    *cases("one_hot", indices([2], [0, 1]), const(4), const(1.0), const(0), 0, opset=1),
    *cases("eye", const(-3), const(4), const(0), "f32"),
]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case: Case) -> None:
    case.check_refused()


def test_updates_of_other_shapes_than_the_slices() -> None:
    # Possible where the axis is no constant; OpenVINO's reference tests have it.
    out = np.zeros((3, 3), np.int32)
    updates = np.arange(1, 65).reshape(4, 4, 4)
    scatter_update(out.copy(), np.array([[1, 2]]), updates, np.array([1]), out=out)
    assert out.tolist() == [[0, 1, 2], [0, 17, 18], [0, 33, 34]]

    out = np.zeros((4, 4), np.int32)
    updates = np.arange(1, 9).reshape(2, 2, 2)
    scatter_update(out.copy(), np.array([[0], [1], [2], [3]]), updates, np.array([0]), out=out)
    assert out.tolist() == [[1, 2, 0, 0], [3, 4, 0, 0], [5, 6, 0, 0], [7, 8, 0, 0]]
