"""Python's arithmetic operators on nodes: ``a + 1`` makes an Add with a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from ovgpu.graph.port import Output


class Operators:
    """The operators that a :class:`~ovgpu.graph.node.Node` has."""

    __slots__ = ()

    def _binary(self, name: str, left: Any, right: Any) -> Any:
        if left is None or right is None:
            return NotImplemented
        from ovgpu.graph.node import make_node
        from ovgpu.ops.factory import as_output

        return make_node(name, [as_output(left), as_output(right)])

    def __add__(self, right: Any) -> Any:
        return self._binary("Add", self, _python_operand(right))

    def __radd__(self, left: Any) -> Any:
        return self._binary("Add", _python_operand(left), self)

    def __sub__(self, right: Any) -> Any:
        return self._binary("Subtract", self, _python_operand(right))

    def __rsub__(self, left: Any) -> Any:
        return self._binary("Subtract", _python_operand(left), self)

    def __mul__(self, right: Any) -> Any:
        return self._binary("Multiply", self, _python_operand(right))

    def __rmul__(self, left: Any) -> Any:
        return self._binary("Multiply", _python_operand(left), self)

    def __truediv__(self, right: Any) -> Any:
        return self._binary("Divide", self, _python_operand(right))

    def __rtruediv__(self, left: Any) -> Any:
        return self._binary("Divide", _python_operand(left), self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        names = {
            "add": "Add",
            "subtract": "Subtract",
            "multiply": "Multiply",
            "divide": "Divide",
            "true_divide": "Divide",
        }
        if method != "__call__" or ufunc.__name__ not in names or len(args) != 2 or kwargs:
            raise TypeError("Unsupported __array_ufunc__ operation between Node and np.array.")
        left, right = (a if isinstance(a, Operators) else np.asarray(a) for a in args)
        return self._binary(names[ufunc.__name__], left, right)


def _python_operand(value: Any) -> Any:
    """Operand of a Python operator, None for what is none.

    Scalars become i64 constants and Python's floats f64, as in OpenVINO (where numpy's other floats are cut to i64).
    """
    if isinstance(value, float):
        return np.array(value, dtype=np.float64)
    if isinstance(value, (int, np.generic)):
        return np.array(int(value), dtype=np.int64)
    return value if isinstance(value, (Operators, Output, np.ndarray)) else None
