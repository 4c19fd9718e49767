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
from typing import Any, Literal

import numpy as np

from ovgpu.graph.element_type import Type
from ovgpu.plugins.gpu.encoder import THREADS, Encoder, blocks_for
from ovgpu.plugins.gpu.registry import DeviceTensor

#: Most dimensions after merging; ``MAX_RANK`` of elementwise.cuh.
MAX_RANK = 6

#: Most tensors (inputs and outputs) of one kernel: keeps its arguments far below the 4 KB that all devices take.
MAX_TENSORS = 24

#: Elements of one launch; larger tensors take several, so that kernels index with 32 bits.
LARGEST_LAUNCH = 1 << 30

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


def literal(value: float | int | bool, arithmetic: str) -> str:
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
    arguments += [literal(value, arithmetic) for value in expression.literals]
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


def _vector_alignment(element_type: Type, lanes: int) -> int:
    """What addresses of vectors must be multiples of."""
    size = lanes * element_type.bitwidth // 8
    if element_type in PACKED_NAMES:
        return size if size & (size - 1) == 0 else 1  # odd sizes are read byte by byte
    return min(16, size)


# ---- geometry -------------------------------------------------------------------------------------------------------
def merge_dimensions(
    shape: Sequence[int],
    operands: Sequence[Sequence[int]],
    given: Sequence[Sequence[int] | None] = (),
) -> tuple[list[int], list[list[int]]]:
    """Output shape and element strides of operands that broadcast to it, with as few dimensions as possible.

    Args:
        shape: of the output.
        operands: shapes of the same rank, each dimension equal to the output's or 1.
        given: for each operand its strides in elements, None for a dense one; empty when all are dense.

    Returns:
        The merged shape (at least one dimension) and for each operand its strides, 0 where it is broadcast.
    """
    merged: list[int] = []
    strides: list[list[int]] = [[] for _ in operands]
    running = [1] * len(operands)
    for axis in range(len(shape) - 1, -1, -1):
        size = shape[axis]
        if size == 1:
            continue
        steps = []
        for k, operand in enumerate(operands):
            own = given[k] if given else None
            step = running[k] if own is None else own[axis]
            steps.append(step if operand[axis] != 1 else 0)
            running[k] *= operand[axis]
        if merged and all(
            step == stride[0] * merged[0] for step, stride in zip(steps, strides, strict=True)
        ):
            merged[0] *= size
            continue
        merged.insert(0, size)
        for stride, step in zip(strides, steps, strict=True):
            stride.insert(0, step)
    if not merged:
        return [1], [[0] for _ in operands]
    return merged, strides


def divisor_fields(divisor: int) -> tuple[int, int, int]:
    """Fields of ``Divisor`` in elementwise.cuh for 1 <= divisor < 2^31."""
    shift = (divisor - 1).bit_length()
    multiplier = ((1 << 32) * ((1 << shift) - divisor)) // divisor + 1
    return divisor, multiplier & 0xFFFFFFFF, shift


@lru_cache(maxsize=64)
def _geometry_dtype(inputs: int) -> np.dtype:
    divisor = np.dtype([("divisor", "<u4"), ("multiplier", "<u4"), ("shift", "<u4")])
    return np.dtype(
        [
            ("items", "<u4"),
            ("tail", "<u4"),
            ("rank", "<u4"),
            ("inner_stride", "<u4"),
            ("dims", divisor, (MAX_RANK,)),
            ("strides", "<u4", (max(inputs, 1), MAX_RANK)),
        ]
    )


def _geometry(
    shape: Sequence[int], strides: Sequence[Sequence[int]], lanes: int
) -> tuple[np.ndarray, int]:
    """``Geometry`` as a structured array of one element, and the number of threads with work."""
    record: Any = np.zeros(1, _geometry_dtype(len(strides)))
    dims = list(shape)
    whole, tail = divmod(dims[-1], lanes)
    dims[-1] = whole
    record["items"], record["rank"] = math.prod(dims), len(dims)
    record["tail"] = tail
    for axis, size in enumerate(dims):
        record["dims"][0, axis] = divisor_fields(max(size, 1))
    for k, steps in enumerate(strides):
        record["inner_stride"] |= np.uint32((steps[-1] != 0) << k)
        record["strides"][0, k, : len(steps)] = [*steps[:-1], steps[-1] * lanes]
    return record, max(math.prod(dims), tail)


def fits(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> bool:
    """Whether a generated kernel can walk these broadcast shapes."""
    return len(merge_dimensions(shape, operands)[0]) <= MAX_RANK


def launch(
    encoder: Encoder,
    kernel: ElementwiseKernel,
    inputs: Sequence[tuple[DeviceTensor, Sequence[int]]],
    outputs: Sequence[DeviceTensor],
) -> None:
    """Launch a generated kernel on broadcast tensors.

    Args:
        encoder: where the launch is recorded.
        kernel: from :func:`emit`.
        inputs: tensors, dense or with strides, each with its shape aligned to the output's rank (ones inserted).
        outputs: tensors of one and the same shape.
    """
    shape = outputs[0].shape
    given = [_strides(tensor, aligned) for tensor, aligned in inputs]
    merged, strides = merge_dimensions(shape, [aligned for _, aligned in inputs], given)
    addresses = [tensor.address for tensor, _ in inputs]
    targets = [tensor.address for tensor in outputs]
    _launch_box(encoder, kernel, merged, strides, addresses, targets)


def _strides(tensor: DeviceTensor, aligned: Sequence[int]) -> tuple[int, ...] | None:
    """Strides of a tensor in a shape with ones inserted, None when it is dense."""
    if tensor.strides is None:
        return None
    # All dimensions but those of size 1 stay, in order.
    steps = iter([n for n, size in zip(tensor.strides, tensor.shape, strict=True) if size != 1])
    return tuple(0 if size == 1 else next(steps) for size in aligned)


def _launch_box(
    encoder: Encoder,
    kernel: ElementwiseKernel,
    shape: list[int],
    strides: list[list[int]],
    inputs: list[int],
    outputs: list[int],
) -> None:
    if math.prod(shape) > LARGEST_LAUNCH:
        # Halves along the first dimension, until indices fit.
        first = max(1, shape[0] // 2 // 64 * 64 or shape[0] // 2)
        below = math.prod(shape[1:])
        for start, size in ((0, first), (first, shape[0] - first)):
            rest = [size, *shape[1:]] if size > 1 or len(shape) == 1 else shape[1:]
            steps = strides if len(rest) == len(shape) else [s[1:] for s in strides]
            moved = [
                address + start * step[0] * t.bitwidth // 8
                for address, step, t in zip(inputs, strides, kernel.inputs, strict=True)
            ]
            written = [
                address + start * below * t.size
                for address, t in zip(outputs, kernel.outputs, strict=True)
            ]
            _launch_box(encoder, kernel, rest, steps, moved, written)
        return
    lanes = kernel.lanes
    vectors = _vectors(kernel, shape, strides, inputs, outputs)
    record, threads = _geometry(shape, strides, lanes if vectors else 1)
    arguments = [record, *map(np.uint64, inputs), *map(np.uint64, outputs)]
    name = kernel.name if vectors else f"{kernel.name}_single"
    encoder.launch(kernel.source, name, blocks_for(threads), THREADS, arguments)


def _vectors(
    kernel: ElementwiseKernel,
    shape: list[int],
    strides: list[list[int]],
    inputs: list[int],
    outputs: list[int],
) -> bool:
    """Whether all vectors of the last dimension start at multiples of their size."""
    lanes = kernel.lanes
    if shape[-1] < lanes or (len(shape) > 1 and shape[-1] % lanes):
        return False
    for address, steps, t in zip(inputs, strides, kernel.inputs, strict=True):
        if steps[-1] == 0:
            continue
        if steps[-1] != 1:
            return False
        if address % _vector_alignment(t, lanes) or any(step % lanes for step in steps[:-1]):
            return False
    return all(
        address % _vector_alignment(t, lanes) == 0
        for address, t in zip(outputs, kernel.outputs, strict=True)
    )
