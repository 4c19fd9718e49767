"""Every spelling of cvt that the translator knows, against exact rounding and saturation."""

from __future__ import annotations

import math
from fractions import Fraction

import ml_dtypes
import numpy
import pytest
from cudasim import exact, ptx_convert
from cudasim.opcodes import COUNT, NUMPY, Case, evaluate
from cudasim.test_ptx_float import corners, halves

FORMS = ptx_convert.conversions()
ROUND = {"rni": round, "rzi": math.trunc, "rmi": math.floor, "rpi": math.ceil}
PLAIN = [f for f in FORMS.values() if not any(x in f.opcode for x in ("x2", "pack", "tf32"))]


def bits(t: str) -> int:
    return int(t.lstrip("busf"))


def integers(t: str) -> numpy.ndarray:
    n = bits(t)
    found = {
        0,
        1,
        2,
        3,
        127,
        128,
        255,
        256,
        2**n - 1,
        2 ** (n - 1),
        2 ** (n - 1) - 1,
        2 ** (n - 1) + 1,
    }
    # around the ends of the significands: ties and their neighbours
    for p in (8, 11, 24, 53):
        found |= {2**p + k for k in range(-2, 6)} | {3 * 2**p + k for k in (-1, 0, 1, 2)}
        found |= {(2**p + 1) * 2**6 + k for k in (-1, 0, 1, 31, 32, 33)}
    rng = numpy.random.default_rng(n)
    random = [
        int(x) >> int(s) for x, s in zip(rng.integers(0, 2**63, 300), rng.integers(0, 63, 300))
    ]
    values = [v & (2**n - 1) for v in [*found, *[-v for v in found], *random]]
    return numpy.resize(numpy.array(values[:COUNT], f"u{n // 8}"), COUNT).view(NUMPY[t])


def floats(t: str) -> numpy.ndarray:
    found = corners(t)
    # ends of the integer types, halves, and values that round between the formats
    for n in (7, 8, 15, 16, 31, 32, 63, 64):
        found += [2.0**n, -(2.0**n), 2.0**n - 0.5, 2.0**n * (1 - 2.0**-20), -(2.0**n) - 1]
    found += [x / 2 for x in range(-9, 10)]
    for p in (8, 11, 24):
        ulp = 2.0 ** (1 - p)
        for scale in (1.0, 2.0**-14, 2.0**-20, 2.0**-126, 2.0**-130, 2.0**15):
            found += [scale * (1 + ulp * k / 4) for k in (1, 2, 3, 6, 7, -1)]
            found += [scale * (1 + ulp / 2 + 2.0**-50), -scale * (1 + ulp / 2)]
    with numpy.errstate(all="ignore"):
        random = numpy.random.default_rng(3).standard_normal(COUNT) * 300
        values = numpy.concatenate([found, random])[:COUNT]
        return values.astype(exact.DTYPES[t])


def to_integer(value: float, to: str, source: str, mode: str) -> int:
    n = bits(to)
    low, high = (-(2 ** (n - 1)), 2 ** (n - 1) - 1) if to[0] == "s" else (0, 2**n - 1)
    if math.isnan(value):
        if source != "f64" and n != 64:
            return 0
        return low if to[0] == "s" else 2 ** (n - 1)
    if math.isinf(value):
        return high if value > 0 else low
    return max(low, min(high, ROUND[mode](Fraction(value))))


def expected(opcode: str, to: str, source: str, value: float | int) -> float | int:
    parts = opcode.split(".")[1:-2]
    mode = parts[0] if parts and parts[0][0] == "r" and parts[0] != "relu" else ""
    flushes = "ftz" in parts
    float_from, float_to = source in exact.FORMATS, to in exact.FORMATS
    if float_from and flushes and source == "f32":
        value = exact.flush(value, "f32")
    if float_from and not float_to:
        return to_integer(value, to, source, mode)
    if not float_to:
        n = bits(to)
        if "sat" in parts:
            low, high = (-(2 ** (n - 1)), 2 ** (n - 1) - 1) if to[0] == "s" else (0, 2**n - 1)
            return max(low, min(high, value))
        value &= 2**n - 1
        return value - 2**n if to[0] == "s" and value >> (n - 1) else value
    if not float_from:
        result = exact.round_to(Fraction(value), to, mode)
    elif not math.isfinite(value) or value == 0:
        result = value
    elif mode in ROUND:
        result = math.copysign(float(ROUND[mode](Fraction(value))), value)
    else:
        result = exact.round_to(Fraction(value), to, mode or "rn")
    if flushes and to == "f32":
        result = exact.flush(result, "f32")
    if "sat" in parts:
        return 0.0 if math.isnan(result) else min(max(result, 0.0), 1.0)
    if "relu" in parts and not math.isnan(result):
        return max(result, 0.0) + 0.0  # -0 too becomes +0
    return result


def raw(t: str) -> str:
    return "b16" if t in ("f16", "bf16") else t


@pytest.mark.parametrize(
    "target", ["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", *exact.FORMATS]
)
def test_every_conversion(target):
    chosen = [f for f in PLAIN if f.opcode.split(".")[-2] == target]
    sources = [f.opcode.split(".")[-1] for f in chosen]
    columns = [floats(s) if s in exact.FORMATS else integers(s) for s in sources]
    listed = [
        Case(f.opcode, raw(target), (raw(s),), [c.view("u2") if s in ("f16", "bf16") else c])
        for f, s, c in zip(chosen, sources, columns, strict=True)
    ]
    assert listed or target in ("e4m3", "e5m2")
    for form, source, column, got in zip(chosen, sources, columns, evaluate(listed), strict=True):
        if target in exact.DTYPES:
            got = got.view(exact.DTYPES[target])
        kind = float if source in exact.FORMATS else int
        for value, result in zip(column, got, strict=True):
            wanted = expected(form.opcode, target, source, kind(value))
            where = (form.opcode, value, result, wanted)
            if isinstance(wanted, float) and math.isnan(wanted):
                assert math.isnan(float(result)), where
            else:
                assert type(wanted)(result) == wanted, where


def test_narrow_results_extend_into_wide_registers():
    """cvt to s8 or u8 leaves a sign- or zero-extended value in a 32-bit register."""
    values = numpy.array([0, 127, 128, 255, 256, 0x1234FF80], "u4")
    got = evaluate(
        [Case(f"cvt.{t}.u32", "u32", ("u32",), [values]) for t in ("u8", "s8", "u16", "s16")]
    )
    for t, result in zip(("u1", "i1", "u2", "i2"), got, strict=True):
        assert (result[:6].astype("i4") == values.astype(t).astype("i4")).all()


@pytest.mark.parametrize("fmt", ["f16", "bf16"])
def test_packed_halves(fmt):
    a, b = floats("f32"), floats("f32")[::-1].copy()
    listed, wanted = [], []
    for mode in ("rn", "rz"):
        for relu in ("", ".relu"):
            opcode = f"cvt.{mode}{relu}.{fmt}x2.f32"
            listed.append(Case(opcode, "u32", ("f32", "f32"), [a, b]))
            one = [expected(f"cvt.{mode}{relu}.{fmt}.f32", fmt, "f32", float(v)) for v in a]
            wanted.append(numpy.array(one).astype(exact.DTYPES[fmt]))
    for case, got, high in zip(listed, evaluate(listed), wanted, strict=True):
        low = high[::-1].copy()
        same = got == halves(low, high, fmt)
        nan = numpy.isnan(low.astype("f4")) | numpy.isnan(high.astype("f4"))
        assert (same | nan).all(), case.opcode


@pytest.mark.parametrize("mode", ["rna", "rn", "rz"])
def test_tf32(mode):
    a = floats("f32")
    got = evaluate([Case(f"cvt.{mode}.tf32.f32", "u32", ("f32",), [a])])[0]
    spelled = got.view("f4")
    exact.FORMATS["tf32"] = (11, -126, 127)
    for value, result in zip(a.tolist(), spelled.tolist(), strict=True):
        if math.isnan(value):
            assert math.isnan(result)
        elif math.isinf(value):
            assert result == value
        else:
            wanted = exact.round_to(Fraction(value), "tf32", "rz" if mode == "rz" else "rn")
            if mode == "rna":  # ties go away from zero
                down = exact.round_to(Fraction(value), "tf32", "rz")
                up = exact.round_to(Fraction(value), "tf32", "rp" if value > 0 else "rm")
                tie = math.isfinite(up) and Fraction(value) - Fraction(down) == Fraction(
                    up
                ) - Fraction(value)
                wanted = up if tie else wanted
            assert result == wanted, (value, result, wanted)
    del exact.FORMATS["tf32"]


@pytest.mark.parametrize(
    ("fmt", "dtype", "largest"),
    [("e4m3", ml_dtypes.float8_e4m3fn, 448.0), ("e5m2", ml_dtypes.float8_e5m2, 57344.0)],
)
def test_eight_bit_floats(fmt, dtype, largest):
    rng = numpy.random.default_rng(0)
    with numpy.errstate(all="ignore"):
        spread = rng.standard_normal(COUNT) * 2.0 ** rng.integers(-18, 18, COUNT)
    a = numpy.concatenate([[0, -0.0, 1e9, -1e9, math.inf, -math.inf, math.nan], spread])[:COUNT]
    a = a.astype("f4")
    b = a[::-1].copy()

    def convert(values):
        return (
            numpy.clip(values.astype("f4"), -largest, largest).astype(dtype).view("u1").astype("u2")
        )

    from_f32, relu, from_pair, back = evaluate(
        [
            Case(f"cvt.rn.satfinite.{fmt}x2.f32", "u16", ("f32", "f32"), [a, b]),
            Case(f"cvt.rn.satfinite.relu.{fmt}x2.f32", "u16", ("f32", "f32"), [a, b]),
            Case(f"cvt.rn.satfinite.{fmt}x2.f16x2", "u16", ("u32",),
                 [halves(a.astype("f2"), b.astype("f2"), "f16")]),
            Case(f"cvt.rn.f16x2.{fmt}x2", "u32", ("u16",), [numpy.arange(COUNT, dtype="u2") * 128]),
        ]
    )  # fmt: skip
    keep = ~(numpy.isnan(a) | numpy.isnan(b))
    assert (from_f32 == convert(b) | convert(a) << 8)[keep].all()
    with numpy.errstate(all="ignore"):
        positive = [numpy.maximum(x, 0) for x in (a, b)]
    assert ((relu & 0x7F7F) == ((convert(positive[1]) | convert(positive[0]) << 8) & 0x7F7F))[
        keep
    ].all()
    assert (from_pair == convert(a.astype("f2")) | convert(b.astype("f2")) << 8)[keep].all()
    codes = (numpy.arange(COUNT, dtype="u2") * 128).view("u1").view(dtype).astype("f2")
    got = back.view("f2")
    assert ((got == codes) | numpy.isnan(codes)).all()
    assert (numpy.isnan(got) == numpy.isnan(codes)).all()


def test_pack():
    rng = numpy.random.default_rng(0)
    a, b = (
        rng.choice([0, 1, -1, 127, 128, -128, -129, 255, 256, 40000, -40000], COUNT)
        for _ in range(2)
    )
    c = rng.integers(0, 2**32, COUNT, dtype="u4")
    listed, wanted = [], []
    for t in ("u8", "s8", "u16", "s16"):
        info = numpy.iinfo(NUMPY[t])
        n = bits(t)
        x, y = (numpy.clip(v, info.min, info.max).astype("i8") & (2**n - 1) for v in (a, b))
        pair = y | x << n
        if n == 16:
            listed.append(Case(f"cvt.pack.sat.{t}.s32", "u32", ("s32", "s32"), [a, b]))
            wanted.append(pair)
        else:
            listed.append(
                Case(f"cvt.pack.sat.{t}.s32.b32", "u32", ("s32", "s32", "u32"), [a, b, c])
            )
            wanted.append((pair | c.astype("i8") << 16) & 0xFFFFFFFF)
    for case, got, want in zip(listed, evaluate(listed), wanted, strict=True):
        assert (got == want).all(), case.opcode
