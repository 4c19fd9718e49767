"""Generated elementwise kernels: an expression over broadcast tensors becomes one CUDA kernel.

A single operation and a fused cluster take the same path. Each operation has one formula, a function of
``kernels/formulas.cuh``; the table below says which and how its arguments are typed. The text depends on formulas
and element types alone, never on shapes, so that a new shape compiles nothing and CuPy's disk cache serves the text
across processes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.encoder import THREADS

#: Most tensors (inputs and outputs) of one kernel: keeps its arguments far below the 4 KB that all devices take.
MAX_TENSORS = 24

#: C++ names of element types in memory and in arithmetic.
STORAGE_NAMES: dict[Type, str] = {
    Type.f32: "float",
    Type.f16: "half_t",
    Type.bf16: "bfloat16_t",
    Type.f64: "double",
    Type.i8: "signed char",
    Type.i16: "short",
    Type.i32: "int",
    Type.i64: "long long",
    Type.u8: "unsigned char",
    Type.u16: "unsigned short",
    Type.u32: "unsigned",
    Type.u64: "unsigned long long",
    Type.boolean: "boolean_t",
}
#: Types that are converted, not computed with: stored one a byte, and packed (inputs only).
FLOAT8_NAMES: dict[Type, str] = {
    Type.f8e4m3: "f8e4m3_t",
    Type.f8e5m2: "f8e5m2_t",
    Type.f8e8m0: "f8e8m0_t",
}
PACKED_NAMES: dict[Type, str] = {
    t: f"{t.to_string()}_t"
    for t in (Type.u1, Type.u2, Type.u3, Type.u4, Type.u6, Type.i4, Type.nf4, Type.f4e2m1)
}
_ARITHMETIC_NAMES = {
    **STORAGE_NAMES,
    **dict.fromkeys(FLOAT8_NAMES, "float"),
    **dict.fromkeys(PACKED_NAMES, "unsigned char"),
    Type.i4: "signed char",
    Type.nf4: "float",
    Type.f4e2m1: "float",
    Type.f16: "float",
    Type.bf16: "float",
    Type.boolean: "bool",
}


def _storage_name(element_type: Type) -> str:
    """C++ name of what a pointer to elements points at."""
    if element_type in PACKED_NAMES:
        return "unsigned char"
    return STORAGE_NAMES.get(element_type) or FLOAT8_NAMES[element_type]


#: How a formula's type T follows from its arguments and result, and what integers mean to it:
#: ``same``: T is the result's type; ``rounded``/``truncated``: real functions, integers are computed in double and
#: come back so; ``operands``: T is the type of the first operand, the result is boolean.
Kind = Literal["same", "rounded", "truncated", "operands"]


@dataclass(frozen=True)
class Formula:
    """How an operation calls its function in ``formulas.cuh``: operands first, then literals."""

    function: str
    kind: Kind = "same"
    #: Which operand keeps its own type instead of T (Select's condition).
    own_type: int | None = None


def _formulas() -> dict[str, Formula]:
    table: dict[str, Formula] = {}
    kinds: dict[Kind, str] = {
        "same": "identity add subtract multiply divide divide_toward_zero power maximum minimum mod floor_mod "
        "squared_difference abs negative sign floor ceil round_half_to_even round_half_away atanh relu clamp "
        "logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not left_shift "
        "right_shift batch_norm",
        "rounded": "sqrt cos tan acos atan sinh cosh tanh asinh acosh erf erf_inverse sigmoid swish swish_beta "
        "hsigmoid hswish hard_sigmoid mish softplus softsign elu selu prelu gelu gelu_tanh fake_convert "
        "fake_convert_shifted",
        "truncated": "exp log sin asin fake_quantize fake_quantize_separately",
        "operands": "equal not_equal less less_equal greater greater_equal is_nan is_finite is_inf",
    }
    for kind, names in kinds.items():
        table.update({name: Formula(name, kind) for name in names.split()})
    table["select"] = Formula("select", own_type=0)
    return table


#: All formulas by name. ``convert`` is no formula: every expression converts its operands to its type T.
FORMULAS = _formulas()

#: Functions that have overloads for float and double instead of a template parameter.
_OVERLOADED = frozenset(
    ("sqrt", "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "erf",
     "erf_inverse")
)  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """One operation of a kernel.

    Attributes:
        formula: key of :data:`FORMULAS`, or ``convert``.
        type: element type of the result, as stored (a type of :data:`STORAGE_NAMES`).
        operands: indices of values: the inputs of the kernel come first, then its expressions in order.
        literals: attributes, written into the text.
    """

    formula: str
    type: Type
    operands: tuple[int, ...]
    literals: tuple[float | int | bool, ...] = ()


@dataclass(frozen=True)
class ElementwiseKernel:
    """A generated kernel: ``NAME`` handles V neighbours with 16-byte accesses, ``NAME_single`` one element at a time.

    Attributes:
        source: CUDA text.
        name: function name.
        lanes: V, elements that one thread handles at once.
        inputs: element types of inputs.
        outputs: element types of outputs.
    """

    source: str
    name: str
    lanes: int
    inputs: tuple[Type, ...]
    outputs: tuple[Type, ...]


def _literal(value: float | int | bool, arithmetic: str) -> str:
    """A number as C++ text of exactly its value."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if arithmetic not in ("float", "double") or isinstance(value, (int, np.integer)):
        whole = int(value)
        if whole == -(1 << 63):
            return f"({arithmetic})(1ull << 63)"
        return f"({arithmetic})({whole}{'ull' if whole >= 1 << 63 else 'll'})"
    if math.isinf(value):
        return "-infinity()" if value < 0 else "infinity()"
    if math.isnan(value):
        return "not_a_number()"
    return f"{arithmetic}({float(value).hex()})"


def _call(expression: Expression, operand_types: Sequence[Type]) -> str:
    """C++ text of an expression; values are named ``v0``, ``v1``, ..."""
    result = _ARITHMETIC_NAMES[expression.type]
    names = [f"v{i}" for i in expression.operands]
    if expression.formula == "convert":
        return f"formula::convert<{result}>({names[0]})"
    formula = FORMULAS[expression.formula]
    real = expression.type.is_real()
    if formula.kind == "operands":
        arithmetic = _ARITHMETIC_NAMES[operand_types[0]]
    elif formula.kind != "same" and not real:
        arithmetic = "double"
    else:
        arithmetic = result
    arguments = []
    for index, (name, operand_type) in enumerate(zip(names, operand_types, strict=True)):
        own = _ARITHMETIC_NAMES[operand_type]
        keeps = index == formula.own_type or own == arithmetic
        arguments.append(name if keeps else f"formula::convert<{arithmetic}>({name})")
    arguments += [_literal(value, arithmetic) for value in expression.literals]
    parameter = "" if formula.function in _OVERLOADED else f"<{arithmetic}>"
    call = f"formula::{formula.function}{parameter}({', '.join(arguments)})"
    if formula.kind in ("rounded", "truncated") and not real:
        return f"formula::{formula.kind}<{result}>({call})"
    return call


@lru_cache(maxsize=4096)
def emit(
    expressions: tuple[Expression, ...],
    inputs: tuple[Type, ...],
    outputs: tuple[int, ...],
) -> ElementwiseKernel:
    """A kernel that computes ``expressions``.

    Args:
        expressions: in an order in which each follows its operands.
        inputs: element types of the tensors that the kernel reads, as stored.
        outputs: which values it writes, as indices (see :class:`Expression`).
    """
    types = [*inputs, *(e.type for e in expressions)]
    output_types = tuple(types[i] for i in outputs)
    lanes = _lanes([*inputs, *output_types])
    name = f"elementwise_{'_'.join(dict.fromkeys(e.formula for e in expressions))}"[:60]
    count = len(inputs)
    pointers = [f"const {_storage_name(t)}* i{k}" for k, t in enumerate(inputs)]
    pointers += [f"{_storage_name(t)}* o{k}" for k, t in enumerate(output_types)]
    passed = [f"i{k}" for k in range(count)] + [f"o{k}" for k in range(len(outputs))]

    body: list[str] = []
    for k, t in enumerate(inputs):
        moves = f"g.inner_stride >> {k} & 1"
        if t in PACKED_NAMES:
            body.append(f"  {PACKED_NAMES[t]}::type a{k}[V];")
            body.append(f"  load_packed<{PACKED_NAMES[t]}>(i{k}, at[{k}], {moves}, a{k});")
        else:
            body.append(f"  {_storage_name(t)} a{k}[V];")
            body.append(f"  load_lanes<V>(i{k} + at[{k}], {moves}, a{k});")
    body += [f"  {_storage_name(t)} r{k}[V];" for k, t in enumerate(output_types)]
    body += ["#pragma unroll", "  for (int e = 0; e < V; e++) {"]
    for k, t in enumerate(inputs):
        value = f"a{k}[e]" if t in PACKED_NAMES else f"unpack(a{k}[e])"
        body.append(f"    const {_ARITHMETIC_NAMES[t]} v{k} = {value};")
    for k, expression in enumerate(expressions, count):
        call = _call(expression, [types[i] for i in expression.operands])
        body.append(f"    const {_ARITHMETIC_NAMES[expression.type]} v{k} = {call};")
    for k, index in enumerate(outputs):
        body.append(f"    r{k}[e] = pack<{_storage_name(types[index])}>(v{index});")
    body.append("  }")
    body += [f"  store_vector<V>(o{k} + out, r{k});" for k in range(len(outputs))]

    signature = ", ".join(pointers)
    narrow = any(t in PACKED_NAMES or t in FLOAT8_NAMES for t in types)
    headers = ['#include "packed.cuh"'] if narrow else []
    text = "\n".join(
        [
            '#include "elementwise.cuh"',
            *headers,
            f"typedef Geometry<{count}> Shape;",
            "template <int V>",
            "static __device__ __forceinline__ void compute(const Shape& g, unsigned out,",
            f"    const unsigned (&at)[{max(count, 1)}], {signature}) {{",
            *body,
            "}",
            f'extern "C" __global__ void __launch_bounds__({THREADS}) {name}(const Shape g, {signature}) {{',
            "  const unsigned step = gridDim.x * blockDim.x, first = blockIdx.x * blockDim.x + threadIdx.x;",
            f"  unsigned at[{max(count, 1)}];",
            "  for (unsigned item = first; item < g.items; item += step) {",
            "    g.locate(item, at);",
            f"    compute<{lanes}>(g, item * {lanes}, at, {', '.join(passed)});",
            "  }",
            "  if (first < g.tail) {",
            f"    const unsigned out = g.items * {lanes} + first;",
            f"    for (int i = 0; i < {count}; i++) at[i] = (g.inner_stride >> i & 1) * out;",
            f"    compute<1>(g, out, at, {', '.join(passed)});",
            "  }",
            "}",
            f'extern "C" __global__ void __launch_bounds__({THREADS}) {name}_single(const Shape g, {signature}) {{',
            "  const unsigned step = gridDim.x * blockDim.x;",
            f"  unsigned at[{max(count, 1)}];",
            "  for (unsigned item = blockIdx.x * blockDim.x + threadIdx.x; item < g.items; item += step) {",
            "    g.locate(item, at);",
            f"    compute<1>(g, item, at, {', '.join(passed)});",
            "  }",
            "}",
            "",
        ]
    )
    if len(expressions) > 1:
        unique = f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        text = text.replace(f" {name}(", f" {unique}(").replace(f" {name}_single(", f" {unique}_single(")  # fmt: skip
        name = unique
    return ElementwiseKernel(text, name, lanes, inputs, output_types)


def _lanes(types: Sequence[Type]) -> int:
    """Elements a thread handles at once: 16 bytes of the narrowest type, at most 32 bytes of the widest.

    Of packed types at least 8, which are whole groups of bytes in all of them.
    """
    sizes = [t.size for t in types if t not in PACKED_NAMES]
    if len(sizes) < len(types):
        return max(8, min(16, 32 // max(sizes)))
    return max(1, min(16 // min(sizes), 32 // max(sizes)))
