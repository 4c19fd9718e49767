"""Runs single PTX instructions over arrays of operands, many instructions in one kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy
from cudasim.bench import Bench
from cudasim.ptx_parser import type_bytes
from cudasim.ptx_state import register_type

NUMPY = {
    "pred": "u1",
    **{f"{c}{n}": f"{'i' if c == 's' else 'u'}{n // 8}" for c in "bus" for n in (8, 16, 32, 64)},
    "f16": "f2",
    "bf16": ml_dtypes.bfloat16,
    "f32": "f4",
    "f64": "f8",
    "f16x2": "u4",
    "bf16x2": "u4",
    "u16x2": "u4",
    "s16x2": "u4",
    "f32x2": "u8",
}
COUNT = 512  # threads: operands are repeated to that length


@dataclass
class Case:
    """``opcode d, operands``; or ``code``, where {d}, {a}, {b} ... stand for the registers.

    An operand is an array, or a Python int for an immediate.
    """

    opcode: str
    result: str
    types: tuple[str, ...]
    operands: Sequence[numpy.ndarray | int]
    code: str = ""


def _register(ptx_type: str) -> str:
    kind = register_type(ptx_type)
    return "b16" if kind == "b8" else kind


def _case_text(case: Case, offsets: list[int], result_offset: int) -> str:
    lines, names = ["{"], {}
    for name, operand, ptx_type, offset in zip(
        "abcd", case.operands, case.types, offsets, strict=False
    ):
        if isinstance(operand, int):
            names[name] = str(operand)
            continue
        width = 8 * type_bytes(ptx_type)
        names[name] = f"%{name}"
        if ptx_type == "pred":
            lines += [f".reg .pred %{name}; .reg .b16 %t{name};"]
            lines += [f"mad.lo.u64 %address, %tid64, 1, {offset}; add.u64 %address, %address, %in;"]
            lines += [f"ld.global.u8 %t{name}, [%address]; setp.ne.b16 %{name}, %t{name}, 0;"]
            continue
        lines += [f".reg .{_register(ptx_type)} %{name};"]
        lines += [f"mad.lo.u64 %address, %tid64, {width // 8}, {offset};"]
        lines += ["add.u64 %address, %address, %in;"]
        kind = ptx_type if ptx_type in ("f32", "f64") else f"b{width}"
        lines += [f"ld.global.{kind} %{name}, [%address];"]
    lines += [f".reg .{_register(case.result)} %d;"]
    listed = ", ".join(names.values())
    code = case.code or f"{case.opcode} {{d}}, {listed};"
    for name, text in {**names, "d": "%d"}.items():
        code = code.replace("{" + name + "}", text)
    lines += [code]
    size = type_bytes(case.result)
    lines += [f"mad.lo.u64 %address, %tid64, {size}, {result_offset};"]
    lines += ["add.u64 %address, %address, %out;"]
    if case.result == "pred":
        lines += [".reg .b16 %byte; selp.b16 %byte, 1, 0, %d; st.global.u8 [%address], %byte;"]
    else:
        kind = case.result if case.result in ("f32", "f64") else f"b{8 * size}"
        lines += [f"st.global.{kind} [%address], %d;"]
    return "\n".join([*lines, "}"])


def evaluate(cases: Sequence[Case], arch: str = "90") -> list[numpy.ndarray]:
    """The result of each case for COUNT threads."""
    inputs, body, position, result_position, places = bytearray(), [], 0, 0, []
    for case in cases:
        offsets = []
        for operand, ptx_type in zip(case.operands, case.types, strict=True):
            offsets.append(position)
            if isinstance(operand, int):
                continue
            values = numpy.resize(numpy.asarray(operand), COUNT).astype(NUMPY[ptx_type])
            inputs += values.tobytes()
            inputs += bytes(-len(inputs) % 8)
            position = len(inputs)
        body.append(_case_text(case, offsets, result_position))
        places.append(result_position)
        result_position += COUNT * 8
    ptx = f"""
.version 8.8
.target sm_{arch}
.address_size 64
.visible .entry run(.param .u64 p_in, .param .u64 p_out) {{
.reg .b64 %in, %out, %address, %tid64;
.reg .b32 %tid32;
ld.param.u64 %in, [p_in];
ld.param.u64 %out, [p_out];
mov.u32 %tid32, %tid.x;
cvt.u64.u32 %tid64, %tid32;
{chr(10).join(body)}
ret;
}}
"""
    bench = Bench()
    module = bench.module(ptx=ptx)
    memory = bench.array(numpy.frombuffer(bytes(inputs) or b"\0", "u1"))
    out = bench.empty(result_position, "u1")
    bench.launch(module, "run", 1, COUNT, memory, out)
    reports = bench.reports()
    bench.close()
    assert not reports, reports
    raw = out.get()
    return [
        numpy.frombuffer(
            raw[place : place + COUNT * type_bytes(case.result)].tobytes(), NUMPY[case.result]
        )
        for case, place in zip(cases, places, strict=True)
    ]
