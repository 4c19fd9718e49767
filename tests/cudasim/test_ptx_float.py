"""Every floating-point instruction against exact arithmetic, or numpy where the hardware approximates."""

from __future__ import annotations

import itertools
import math
import re

import ml_dtypes
import numpy
import pytest
from cudasim import exact, ptx_float, ptx_forms
from cudasim.opcodes import COUNT, NUMPY, Case, evaluate

FORMS = ptx_forms.index(ptx_float.SINGLE_AND_DOUBLE, ptx_float.HALF)
SCALAR = {"f16x2": "f16", "bf16x2": "bf16", "f32x2": "f32"}


def corners(fmt: str) -> list[float]:
    precision, e_min, e_max = exact.FORMATS[fmt]
    ulp = 2.0 ** (1 - precision)
    largest = (2 - ulp) * 2.0**e_max
    smallest = 2.0 ** (e_min - precision + 1)
    found = [0.0, 1.0, 1 + ulp, 2 - ulp, 1.5, 3.0, 0.1, 2.0**e_min, smallest, 3 * smallest]
    found += [2.0**e_min - smallest, largest, largest / 2, math.inf, 7 / 3]
    return [*found, *[-x for x in found], math.nan]


def samples(fmt: str, position: int, arity: int) -> numpy.ndarray:
    """All pairs of corners for two operands; shuffled corners and random values otherwise."""
    values = corners(fmt)
    rng = numpy.random.default_rng(position)
    if arity == 1:
        chosen = values
    elif arity == 2:
        chosen = [p[position] for p in itertools.product(values[::2] + values[-3:], repeat=2)]
    else:
        chosen = list(rng.choice(values, 300))
    chosen = chosen[:400]
    scale = rng.choice([1.0, 2.0**5, 2.0**-12, 2.0 ** exact.FORMATS[fmt][1]], COUNT - len(chosen))
    with numpy.errstate(all="ignore"):
        random = rng.standard_normal(COUNT - len(chosen)) * scale
        return numpy.concatenate([chosen, random]).astype(exact.DTYPES[fmt])


def halves(values: numpy.ndarray, other: numpy.ndarray, fmt: str) -> numpy.ndarray:
    """Two columns of numbers as packed pairs."""
    unsigned = f"u{exact.DTYPES[fmt].itemsize}"
    wide = f"u{2 * exact.DTYPES[fmt].itemsize}"
    low, high = values.view(unsigned).astype(wide), other.view(unsigned).astype(wide)
    return low | high << (8 * exact.DTYPES[fmt].itemsize)


def unpack(values: numpy.ndarray, fmt: str) -> numpy.ndarray:
    unsigned = exact.DTYPES[fmt].itemsize
    return values.view(f"u{unsigned}").view(exact.DTYPES[fmt])


# ---------------------------------------------------------------------------------------- references
def minimum(a: float, b: float) -> float:
    if math.isnan(a) or math.isnan(b):
        return b if math.isnan(a) else a
    return a if (a, math.copysign(1, a)) < (b, math.copysign(1, b)) else b


def maximum(a: float, b: float) -> float:
    if math.isnan(a) or math.isnan(b):
        return b if math.isnan(a) else a
    return b if minimum(a, b) is a else a


def extremum(opcode: str, values: tuple[float, ...]) -> float:
    function = minimum if opcode.startswith("min") else maximum
    if ".NaN" in opcode and any(math.isnan(v) for v in values):
        return math.nan
    if ".xorsign" not in opcode:
        result = values[0]
        for v in values[1:]:
            result = function(result, v)
        return result
    sign = math.prod(math.copysign(1, v) for v in values)
    result = function(*(abs(v) for v in values))
    return result if math.isnan(result) else math.copysign(result, sign)


def property_of(question: str, value: float, fmt: str) -> int:
    finite = math.isfinite(value)
    subnormal = finite and value != 0 and exact.flush(value, fmt) == 0
    return int(
        {
            "finite": finite,
            "infinite": math.isinf(value),
            "number": not math.isnan(value),
            "notanumber": math.isnan(value),
            "normal": finite and value != 0 and not subnormal,
            "subnormal": subnormal,
        }[question]
    )


def approximate(name: str, value: float) -> float:
    if math.isnan(value):
        return value
    with numpy.errstate(all="ignore"):
        x = numpy.float64(value)
        return float(
            {
                "rcp": lambda: 1 / x,
                "sqrt": lambda: numpy.sqrt(x),
                "rsqrt": lambda: 1 / numpy.sqrt(x),
                "sin": lambda: numpy.sin(x),
                "cos": lambda: numpy.cos(x),
                "lg2": lambda: numpy.log2(x),
                "ex2": lambda: numpy.exp2(x),
                "tanh": lambda: numpy.tanh(x),
            }[name]()
        )


def reference(opcode: str, fmt: str, values: tuple[float, ...]) -> float:
    """What the instruction gives for one set of operands, as a Python float."""
    name = opcode.split(".")[0]
    modifiers = opcode.split(".")[1:]
    mode = next((m for m in modifiers if m in ("rn", "rz", "rm", "rp")), "rn")
    ftz = "ftz" in modifiers and fmt != "f64"
    if name in ("min", "max", "neg", "abs"):
        if ftz:
            values = tuple(exact.flush(v, fmt) for v in values)
        if name in ("min", "max"):
            return extremum(opcode, values)
        return -values[0] if name == "neg" else abs(values[0])
    if name == "copysign":
        return math.copysign(values[1], values[0])
    if name == "testp":
        return property_of(modifiers[0], values[0], fmt)
    if name == "div" and ("approx" in modifiers or "full" in modifiers):
        result = exact.apply("div", values, fmt, ftz=ftz)
    elif "approx" in modifiers:
        flushed = tuple(exact.flush(v, fmt) for v in values) if "ftz" in modifiers else values
        result = approximate(name, flushed[0])
        if "ftz" in modifiers and math.isfinite(result):
            result = exact.flush(result, fmt)
    else:
        name = "fma" if name == "mad" else name
        result = exact.apply(name, values, fmt, mode, ftz=ftz)
    if "sat" in modifiers:
        result = 0.0 if math.isnan(result) else min(max(result, 0.0), 1.0)
    if "relu" in modifiers and not math.isnan(result):
        result = max(result, 0.0)
    return result


def tolerance(opcode: str, fmt: str) -> float:
    """Relative; 0: must be equal."""
    if "approx" not in opcode and "full" not in opcode:
        return 0
    # f64 approximations keep the upper 32 bits
    return {"f32": 4e-7, "f64": 4e-6, "f16": 1e-3, "bf16": 8e-3}[fmt]


def check(opcode: str, fmt: str, columns: list[numpy.ndarray], got: numpy.ndarray) -> None:
    relative = tolerance(opcode, fmt)
    smallest = 2.0 ** (exact.FORMATS[fmt][1])
    for row, value in zip(zip(*(c.astype("f8") for c in columns), strict=True), got, strict=True):
        row, value = tuple(float(x) for x in row), float(value)
        wanted = reference(opcode, fmt, row)
        if fmt != "f64" and relative:
            with numpy.errstate(all="ignore"):
                wanted = float(numpy.float64(wanted).astype(exact.DTYPES[fmt]))
        where = (opcode, row, value, wanted)
        if math.isnan(wanted):
            assert math.isnan(value), where
        elif relative and math.isfinite(wanted) and wanted:
            assert abs(value - wanted) <= abs(wanted) * relative + smallest * relative, where
        else:
            assert value == wanted, where


def everything():
    for (opcode, arity), form in FORMS.items():
        packed = opcode.split(".")[-1]
        fmt = SCALAR.get(packed, packed)
        columns = [samples(fmt, i, arity) for i in range(arity)]
        if opcode.startswith(
            ("sin", "cos")
        ):  # large arguments are not reduced as the hardware does
            columns = [numpy.where(numpy.abs(columns[0]) < 100, columns[0], 1).astype("f4")]
        if packed in SCALAR:
            operands = [halves(c, c[::-1].copy(), fmt) for c in columns]
        else:
            operands = columns
        yield opcode, form, fmt, columns, operands


def bits(column: numpy.ndarray) -> numpy.ndarray:
    return column.view("u2") if column.dtype == ml_dtypes.bfloat16 else column


@pytest.mark.parametrize("family", ["f32", "f64", "f16", "bf16"])
def test_every_float_instruction(family):
    chosen = [e for e in everything() if e[2] == family]
    raw = {"f16": "b16", "bf16": "b16"}
    listed = [
        Case(
            opcode,
            raw.get(form.result, form.result),
            tuple(raw.get(t, t) for t in form.operands),
            [o.view("u2") if o.dtype.itemsize == 2 else o for o in operands],
        )
        for opcode, form, _, _, operands in chosen
    ]
    for (opcode, form, fmt, columns, operands), got in zip(chosen, evaluate(listed), strict=True):
        if form.result == "pred":
            check(opcode, fmt, columns, got)
        elif operands is not columns:
            pairs = unpack(got, fmt)
            check(opcode, fmt, columns, pairs[0::2])
            check(opcode, fmt, [c[::-1] for c in columns], pairs[1::2])
        else:
            check(opcode, fmt, columns, unpack(got, fmt) if fmt in raw else got)


def test_signs_of_zero():
    """Comparison by value cannot tell -0 from 0."""
    zero = numpy.array([0.0, -0.0, 0.0, -0.0], "f4")
    other = numpy.array([0.0, 0.0, -0.0, -0.0], "f4")
    tiny = numpy.array([1e-45, -1e-45, 1e-45, -1e-45], "f4")
    listed = [
        ("max.f32", [zero, other], [0, 0, 0, 1]),
        ("min.f32", [zero, other], [0, 1, 1, 1]),
        ("add.f32", [zero, other], [0, 0, 0, 1]),
        ("add.rm.f32", [zero, other], [0, 1, 1, 1]),
        ("mul.ftz.f32", [tiny, numpy.ones(4, "f4")], [0, 1, 0, 1]),
        ("neg.f32", [zero], [1, 0, 1, 0]),
        ("abs.ftz.f32", [tiny], [0, 0, 0, 0]),
    ]
    got = evaluate([Case(o, "f32", ("f32",) * len(x), x) for o, x, _ in listed])
    for (opcode, _, signs), values in zip(listed, got, strict=True):
        assert (values == 0).all(), opcode
        assert numpy.signbit(values[:4]).astype(int).tolist() == signs, opcode


COMPARE = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: (a < b) | (a > b),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "equ": lambda a, b: ~((a < b) | (a > b)),
    "neu": lambda a, b: a != b,
    "ltu": lambda a, b: ~(a >= b),
    "leu": lambda a, b: ~(a > b),
    "gtu": lambda a, b: ~(a <= b),
    "geu": lambda a, b: ~(a < b),
    "num": lambda a, b: (a == a) & (b == b),
    "nan": lambda a, b: (a != a) | (b != b),
}
INTEGER_COMPARE = {
    "eq": "eq", "ne": "neu", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge",
    "lo": "lt", "ls": "le", "hi": "gt", "hs": "ge",
}  # fmt: skip


def comparisons():
    """(cmp, type, wanted truth, operands)"""
    for t in ("f32", "f64", "f16", "bf16"):
        a, b = (samples(t, i, 2) for i in range(2))
        b = numpy.where(numpy.arange(COUNT) % 5 == 0, a, b).astype(a.dtype)
        for cmp, function in COMPARE.items():
            yield cmp, t, function(a.astype("f8"), b.astype("f8")), [a, b]
    rng = numpy.random.default_rng(1)
    for t in ("u16", "s16", "u32", "s32", "u64", "s64", "b16", "b32", "b64"):
        low, high = numpy.iinfo(NUMPY[t]).min, numpy.iinfo(NUMPY[t]).max
        values = numpy.array([low, high, 0, 1, high // 2, high // 2 + 1], NUMPY[t])
        a, b = rng.choice(values, COUNT), rng.choice(values, COUNT)
        for cmp, same in INTEGER_COMPARE.items():
            unsigned_only = cmp in ("lo", "ls", "hi", "hs")
            if (t[0] == "b" and cmp not in ("eq", "ne")) or (unsigned_only and t[0] != "u"):
                continue
            yield cmp, t, COMPARE[same](a, b), [a, b]


def test_setp_and_set():
    p = numpy.arange(COUNT) % 3 == 0
    combine = {"and": numpy.logical_and, "or": numpy.logical_or, "xor": numpy.logical_xor}
    listed, wanted = [], []
    for cmp, t, truth, operands in comparisons():
        types = tuple("b16" if t in ("f16", "bf16") else t for _ in range(2))
        operands = [bits(o).view("u2") if t in ("f16", "bf16") else o for o in operands]
        listed.append(Case(f"setp.{cmp}.{t}", "pred", types, operands))
        wanted.append(truth)
        second = f"{{ .reg .pred q; setp.{cmp}.{t} q|{{d}}, {{a}}, {{b}}; }}"
        listed.append(Case("", "pred", types, operands, second))
        wanted.append(~truth)
        for name, function in combine.items():
            with_p = (*types, "pred"), [*operands, p]
            listed.append(Case(f"setp.{cmp}.{name}.{t}", "pred", *with_p))
            wanted.append(function(truth, p))
            negated = f"setp.{cmp}.{name}.{t} {{d}}, {{a}}, {{b}}, !{{c}};"
            listed.append(Case("", "pred", *with_p, negated))
            wanted.append(function(truth, ~p))
        listed.append(Case(f"set.{cmp}.u32.{t}", "u32", types, operands))
        wanted.append(numpy.where(truth, 0xFFFFFFFF, 0))
        listed.append(Case(f"set.{cmp}.f32.{t}", "f32", types, operands))
        wanted.append(numpy.where(truth, 1.0, 0.0))
    for case, got, want in zip(listed, evaluate(listed), wanted, strict=True):
        assert (got == want).all(), (case.opcode, case.code)


@pytest.mark.parametrize("t", ["f16", "bf16"])
def test_comparison_of_pairs(t):
    a, b = (samples(t, i, 2) for i in range(2))
    pairs = [halves(x, x[::-1].copy(), t) for x in (a, b)]
    listed, wanted = [], []
    for cmp, function in COMPARE.items():
        truth = function(a.astype("f8"), b.astype("f8"))
        both = truth, truth[::-1]
        for i in range(2):
            targets = "{d}|other" if i == 0 else "other|{d}"
            code = f"{{ .reg .pred other; setp.{cmp}.{t}x2 {targets}, {{a}}, {{b}}; }}"
            listed.append(Case("", "pred", ("u32", "u32"), pairs, code))
            wanted.append(both[i])
        one = 0x3C00 if t == "f16" else 0x3F80
        listed.append(Case(f"set.{cmp}.{t}x2.{t}x2", "u32", ("u32", "u32"), pairs))
        wanted.append(both[0] * one | (both[1] * one) << 16)
    for case, got, want in zip(listed, evaluate(listed), wanted, strict=True):
        assert (got == want).all(), (case.opcode, case.code)


def test_flushed_comparison():
    tiny = numpy.array([1e-45, -1e-45, 0, 1e-30], "f4")
    got = evaluate([Case("setp.eq.ftz.f32", "pred", ("f32", "f32"), [tiny, numpy.zeros(4, "f4")])])
    assert got[0][:4].tolist() == [1, 1, 1, 0]


def test_names_of_all_forms_are_legal():
    """The tables spell instructions in PTX's order: opcode, rounding, ftz, sat/relu, type."""
    pattern = re.compile(
        r"[a-z0-9]+(\.(approx|full|finite|infinite|number|notanumber|normal|subnormal))?"
        r"(\.r[nzmp])?(\.ftz)?(\.sat|\.relu)?(\.NaN)?(\.xorsign\.abs)?\.(bf16|f16|f32|f64)(x2)?$"
    )
    assert [o for o, _ in FORMS if not pattern.match(o)] == []
