"""Every integer, bit and selection instruction against Python's integers."""

from __future__ import annotations

import itertools
import random
import re

import numpy
import pytest
from cudasim import ptx_forms, ptx_integer
from cudasim.opcodes import COUNT, NUMPY, Case, evaluate

FORMS = ptx_forms.index(ptx_integer.INTEGER)
ALL = ("u16", "s16", "u32", "s32", "u64", "s64")


def bits(t: str) -> int:
    return int(re.search(r"\d+", t)[0])


def wrap(value: int, t: str) -> int:
    n = bits(t)
    value &= (1 << n) - 1
    return value - (1 << n) if t[0] == "s" and value >> (n - 1) else value


def low(value: int, t: str) -> int:
    return value & ((1 << bits(t)) - 1)


def clamp32(value: int) -> int:
    return max(-(2**31), min(2**31 - 1, value))


def truncated(a: int, b: int) -> tuple[int, int]:
    """C's division: the quotient is cut towards zero."""
    q = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return q, a - q * b


def mul24(a: int, b: int, t: str) -> int:
    def cut(x: int) -> int:
        x &= 0xFFFFFF
        return x - (1 << 24) if t == "s32" and x >> 23 else x

    return cut(a) * cut(b)


def parts(x: int, width: int, signed: bool) -> list[int]:
    found = [(x >> i) & ((1 << width) - 1) for i in range(0, 32, width)]
    return [v - (1 << width) if signed and v >> (width - 1) else v for v in found]


def dot(a: int, b: int, c: int, a_type: str, b_type: str, width: int, first: int) -> int:
    left = parts(a, width, a_type == "s32")
    right = parts(b, 8, b_type == "s32")[first : first + len(left)]
    return c + sum(x * y for x, y in zip(left, right, strict=True))


def halves(function, t: str):
    def both(a: int, b: int) -> int:
        x, y = parts(a, 16, t == "s16x2"), parts(b, 16, t == "s16x2")
        r = [function(p, q) & 0xFFFF for p, q in zip(x, y, strict=True)]
        return r[0] | r[1] << 16

    return both


def bfind(a: int, t: str) -> int:
    a = ~a if a < 0 else a
    return a.bit_length() - 1 if a else 0xFFFFFFFF


def bfe(a: int, b: int, c: int, t: str) -> int:
    n, position, length = bits(t), b & 255, c & 255
    raw = low(a, t)
    if length == 0:
        return 0
    top = min(position + length - 1, n - 1)
    sign = (raw >> top) & 1 if t[0] == "s" else 0
    result = 0
    for i in range(n):
        bit = (raw >> (position + i)) & 1 if i < length and position + i < n else sign
        result |= bit << i
    return result


def bfi(a: int, b: int, c: int, d: int, t: str) -> int:
    n, position, length = bits(t), c & 255, d & 255
    for i in range(length):
        if position + i < n:
            b = b & ~(1 << (position + i)) | ((a >> i) & 1) << (position + i)
    return b


def prmt(a: int, b: int, s: int) -> int:
    data, result = a | b << 32, 0
    for i in range(4):
        pick = (s >> (4 * i)) & 15
        byte = (data >> (8 * (pick & 7))) & 255
        byte = (255 if byte & 128 else 0) if pick & 8 else byte
        result |= byte << (8 * i)
    return result


PRMT_PICKS = {
    "f4e": ("3210", "4321", "5432", "6543"),
    "b4e": ("5670", "6701", "7012", "0123"),
    "rc8": ("0000", "1111", "2222", "3333"),
    "ecl": ("3210", "3211", "3222", "3333"),
    "ecr": ("0000", "1110", "2210", "3210"),
    "rc16": ("1010", "3232", "1010", "3232"),
}


def lop3(a: int, b: int, c: int, table: int) -> int:
    result = 0
    for i in range(32):
        index = ((a >> i) & 1) << 2 | ((b >> i) & 1) << 1 | (c >> i) & 1
        result |= ((table >> index) & 1) << i
    return result


def funnel(a: int, b: int, n: int, left: bool, clamp: bool) -> int:
    n = min(n, 32) if clamp else n & 31
    whole = b << 32 | a
    return (whole << n) >> 32 if left else whole >> n


def fns(mask: int, base: int, offset: int) -> int:
    if base > 31:  # out of the instruction's domain
        return 0xFFFFFFFF
    if offset == 0:
        return base if (mask >> base) & 1 else 0xFFFFFFFF
    order = range(base, 32) if offset > 0 else range(base, -1, -1)
    found = [i for i in order if (mask >> i) & 1]
    return found[abs(offset) - 1] if len(found) >= abs(offset) else 0xFFFFFFFF


def szext(a: int, n: int, mode: str, t: str) -> int:
    n = n & 31 if mode == "wrap" else min(n, 32)
    if n == 0:
        return 0
    value = a & ((1 << n) - 1)
    return value - (1 << n) if t == "s32" and value >> (n - 1) else value


def bmsk(position: int, length: int, mode: str) -> int:
    if mode == "wrap":
        position, length = position & 31, length & 31
    return (((1 << min(length, 32)) - 1) << position) & 0xFFFFFFFF if position < 32 else 0


# (pattern of the instruction, function of (names, operands...)); the result is wrapped to its type
_T = "<T:u16,s16,u32,s32,u64,s64>"
_T32 = "<T:u32,s32,u64,s64>"
_N = "<T:u16,s16,u32,s32>"
_X2 = "<T:u16x2,s16x2>"
REFERENCE = (
    (f"add.{_T}", lambda n, a, b: a + b),
    (f"sub.{_T}", lambda n, a, b: a - b),
    ("add.sat.s32", lambda n, a, b: clamp32(a + b)),
    ("sub.sat.s32", lambda n, a, b: clamp32(a - b)),
    (f"add.{_X2}", lambda n, a, b: halves(lambda x, y: x + y, n["T"])(a, b)),
    (f"min.{_X2}", lambda n, a, b: halves(min, n["T"])(a, b)),
    (f"max.{_X2}", lambda n, a, b: halves(max, n["T"])(a, b)),
    (f"mul.lo.{_T}", lambda n, a, b: a * b),
    (f"mul.hi.{_T}", lambda n, a, b: a * b >> bits(n["T"])),
    (f"mul.wide.{_N}", lambda n, a, b: a * b),
    (f"mad.lo.{_T}", lambda n, a, b, c: a * b + c),
    (f"mad.hi.{_T}", lambda n, a, b, c: (a * b >> bits(n["T"])) + c),
    ("mad.hi.sat.s32", lambda n, a, b, c: clamp32((a * b >> 32) + c)),
    (f"mad.wide.{_N}", lambda n, a, b, c: a * b + c),
    ("mul24.lo.<T:u32,s32>", lambda n, a, b: mul24(a, b, n["T"])),
    ("mul24.hi.<T:u32,s32>", lambda n, a, b: mul24(a, b, n["T"]) >> 16),
    ("mad24.lo.<T:u32,s32>", lambda n, a, b, c: mul24(a, b, n["T"]) + c),
    ("mad24.hi.<T:u32,s32>", lambda n, a, b, c: (mul24(a, b, n["T"]) >> 16) + c),
    ("dp4a.<A:u32,s32>.<B:u32,s32>", lambda n, a, b, c: dot(a, b, c, n["A"], n["B"], 8, 0)),
    ("dp2a.lo.<A:u32,s32>.<B:u32,s32>", lambda n, a, b, c: dot(a, b, c, n["A"], n["B"], 16, 0)),
    ("dp2a.hi.<A:u32,s32>.<B:u32,s32>", lambda n, a, b, c: dot(a, b, c, n["A"], n["B"], 16, 2)),
    (f"sad.{_T}", lambda n, a, b, c: c + abs(a - b)),
    (f"div.{_T}", lambda n, a, b: truncated(a, b)[0] if b else -1),
    (f"rem.{_T}", lambda n, a, b: truncated(a, b)[1] if b else a),
    ("abs.<T:s16,s32,s64>", lambda n, a: abs(a)),
    ("neg.<T:s16,s32,s64>", lambda n, a: -a),
    (f"min.{_T}", lambda n, a, b: min(a, b)),
    (f"max.{_T}", lambda n, a, b: max(a, b)),
    ("min.relu.s32", lambda n, a, b: max(0, min(a, b))),
    ("max.relu.s32", lambda n, a, b: max(0, a, b)),
    ("popc.<T:b32,b64>", lambda n, a: a.bit_count()),
    ("clz.<T:b32,b64>", lambda n, a: bits(n["T"]) - a.bit_length()),
    (f"bfind.{_T32}", lambda n, a: bfind(a, n["T"])),
    (
        f"bfind.shiftamt.{_T32}",
        lambda n, a: (bits(n["T"]) - 1 - bfind(a, n["T"])) if a not in (0, -1) else 0xFFFFFFFF,
    ),
    ("fns.b32", lambda n, a, b, c: fns(a, b, c)),
    ("brev.<T:b32,b64>", lambda n, a: int(f"{a:0{bits(n['T'])}b}"[::-1], 2)),
    (f"bfe.{_T32}", lambda n, a, b, c: bfe(a, b, c, n["T"])),
    ("bfi.<T:b32,b64>", lambda n, a, b, c, d: bfi(a, b, c, d, n["T"])),
    ("szext.<M:clamp,wrap>.<T:u32,s32>", lambda n, a, b: szext(a, b, n["M"], n["T"])),
    ("bmsk.<M:clamp,wrap>.b32", lambda n, a, b: bmsk(a, b, n["M"])),
    ("and.<T:b16,b32,b64>", lambda n, a, b: a & b),
    ("or.<T:b16,b32,b64>", lambda n, a, b: a | b),
    ("xor.<T:b16,b32,b64>", lambda n, a, b: a ^ b),
    ("not.<T:b16,b32,b64>", lambda n, a: ~a),
    ("cnot.<T:b16,b32,b64>", lambda n, a: int(a == 0)),
    ("and.pred", lambda n, a, b: a & b),
    ("or.pred", lambda n, a, b: a | b),
    ("xor.pred", lambda n, a, b: a ^ b),
    ("not.pred", lambda n, a: 1 - a),
    ("mov.pred", lambda n, a: a),
    ("lop3.b32", lambda n, a, b, c, d: lop3(a, b, c, d)),
    ("shl.<T:b16,b32,b64>", lambda n, a, b: a << b if b < 64 else 0),
    ("shr.<T:b16,u16,b32,u32,b64,u64>", lambda n, a, b: a >> b),
    ("shr.<T:s16,s32,s64>", lambda n, a, b: a >> b),
    (
        "shf.<D:l,r>.<M:clamp,wrap>.b32",
        lambda n, a, b, c: funnel(a, b, c, n["D"] == "l", n["M"] == "clamp"),
    ),
    ("prmt.b32", lambda n, a, b, c: prmt(a, b, c)),
    (
        "prmt.b32.<M:f4e,b4e,rc8,ecl,ecr,rc16>",
        lambda n, a, b, c: prmt(a, b, int(PRMT_PICKS[n["M"]][c & 3], 16)),
    ),
    ("selp.<T:b16,b32,b64,u16,s16,u32,s32,u64,s64>", lambda n, a, b, c: a if c else b),
    ("slct.<T:b16,b32,b64,u16,s16,u32,s32,u64,s64>.s32", lambda n, a, b, c: a if c >= 0 else b),
)
# tested by test_carry, test_selection_of_floats
ELSEWHERE = re.compile(r"(add|addc|sub|subc|madc?\.(lo|hi))(\.cc)?\.|selp\.f|slct.*\.f(32|64)")


def samples(t: str, position: int) -> numpy.ndarray:
    """Corner values and random ones, arranged so that operands meet in all pairs of corners."""
    if t == "pred":
        return numpy.arange(COUNT) // 2**position % 2
    n = bits(t) if not t.endswith("x2") else 32
    corners = [0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 255, 256]
    corners += [2 ** (n - 1), 2 ** (n - 1) - 1, 2**n - 1, 2**n - 2]
    pairs = list(itertools.product(corners, repeat=2))
    rng = random.Random(position)
    chosen = [p[position % 2] for p in pairs] if position < 2 else rng.choices(corners, k=256)
    # shift-like operands of every size are among the corners; the rest is random, some of it small
    rest = [rng.getrandbits(64) for _ in range(COUNT - len(chosen))]
    values = chosen + [x if i % 2 else x % 70 for i, x in enumerate(rest)]
    unsigned = numpy.array([v & (2**n - 1) for v in values], dtype=f"u{n // 8}")
    return unsigned.view(NUMPY[t])


def cases():
    for pattern, function in REFERENCE:
        for opcode, names in ptx_forms.alternatives(pattern):
            form = next(f for (o, _), f in FORMS.items() if o == opcode)
            operands = [samples(t, i) for i, t in enumerate(form.operands)]
            if opcode == "lop3.b32":
                for table in (0x96, 0xE8, 0x1B, 0xFF, 0x00):
                    yield opcode, names, form, [*operands[:3], table], function
            else:
                yield opcode, names, form, operands, function


def test_every_integer_instruction():
    everything = list(cases())
    results = evaluate([Case(o, f.result, f.operands, ops) for o, _, f, ops, _ in everything])
    for (opcode, names, form, operands, function), got in zip(everything, results, strict=True):
        columns = [
            [int(v) for v in numpy.resize(x, COUNT)] if not isinstance(x, int) else [x] * COUNT
            for x in operands
        ]
        result_type = "u32" if form.result.endswith("x2") else form.result
        for i, row in enumerate(zip(*columns, strict=True)):
            value = function(names, *row)
            wanted = value if form.result == "pred" else wrap(value, result_type)
            assert int(got[i]) == wanted, (opcode, row, int(got[i]), wanted)


def test_reference_covers_the_tables():
    covered = {o for pattern, _ in REFERENCE for o, _ in ptx_forms.alternatives(pattern)}
    missing = {o for o, _ in FORMS if o not in covered and not ELSEWHERE.match(o)}
    assert not missing
    assert covered <= {o for o, _ in FORMS}


@pytest.mark.parametrize("t", ["u32", "s32", "u64", "s64"])
def test_carry(t):
    """Arithmetic of double width out of two instructions, as compilers use the carry."""
    n = bits(t)
    u = f"u{n}"
    rng = random.Random(5)
    corners = [0, 1, 2**n - 1, 2 ** (n - 1), 2 ** (n - 1) - 1]
    a, b, c = (numpy.array(rng.choices(corners, k=COUNT), dtype=f"u{n // 8}") for _ in range(3))
    operands = [a, b, c]

    def case(code: str) -> Case:
        return Case("", u, (u, u, u), operands, f"{{ .reg .b{n} t; {code} }}")

    got = evaluate(
        [
            case(f"add.cc.{t} t, {{a}}, {{b}}; addc.{t} {{d}}, {{c}}, 0;"),
            case(f"sub.cc.{t} t, {{a}}, {{b}}; subc.{t} {{d}}, {{c}}, 0;"),
            case(f"mad.lo.cc.{t} t, {{a}}, {{b}}, {{c}}; addc.{t} {{d}}, 0, 0;"),
            case(f"mad.hi.cc.{t} t, {{a}}, {{b}}, {{c}}; addc.{t} {{d}}, 0, 0;"),
            case(f"add.cc.{t} t, {{a}}, {{b}}; madc.lo.{t} {{d}}, {{a}}, {{b}}, {{c}};"),
            case(f"add.cc.{t} t, {{a}}, {{b}}; madc.hi.{t} {{d}}, {{a}}, {{b}}, {{c}};"),
            case(f"add.cc.{t} t, {{a}}, {{b}}; addc.cc.{t} t, {{a}}, {{c}}; addc.{t} {{d}}, 0, 0;"),
            case(f"sub.cc.{t} t, {{a}}, {{b}}; subc.cc.{t} t, {{a}}, {{c}}; subc.{t} {{d}}, 0, 0;"),
            case(
                f"add.cc.{t} t, {{a}}, {{b}}; madc.lo.cc.{t} t, {{a}}, {{b}}, {{c}}; addc.{t} {{d}}, 0, 0;"
            ),
            case(
                f"add.cc.{t} t, {{a}}, {{b}}; madc.hi.cc.{t} t, {{a}}, {{b}}, {{c}}; addc.{t} {{d}}, 0, 0;"
            ),
        ]
    )

    def high(x: int, y: int) -> int:
        return low(wrap(x, t) * wrap(y, t) >> n, t)

    for i in range(COUNT):
        x, y, z = int(a[i]), int(b[i]), int(c[i])
        carry = (x + y) >> n
        wanted = [
            z + carry,
            z - (x < y),
            (low(x * y, t) + z) >> n,
            (high(x, y) + z) >> n,
            x * y + z + carry,
            high(x, y) + z + carry,
            (x + z + carry) >> n,
            -(x - z - (x < y) < 0),
            (low(x * y, t) + z + carry) >> n,
            (high(x, y) + z + carry) >> n,
        ]
        assert [int(g[i]) for g in got] == [low(w, t) for w in wanted], (x, y, z)


def test_selection_of_floats():
    rng = numpy.random.default_rng(0)
    listed, wanted = [], []
    for t in ("f32", "f64"):
        a, b = (rng.standard_normal(COUNT).astype(NUMPY[t]) for _ in range(2))
        p = rng.integers(0, 2, COUNT)
        listed.append(Case(f"selp.{t}", t, (t, t, "pred"), [a, b, p]))
        wanted.append(numpy.where(p, a, b))
        s = rng.integers(-2, 2, COUNT)
        listed.append(Case(f"slct.{t}.s32", t, (t, t, "s32"), [a, b, s]))
        wanted.append(numpy.where(s >= 0, a, b))
    for t in ("b16", "b32", "b64", "u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64"):
        for ftz in ("", ".ftz"):
            a, b = (rng.integers(0, 100, COUNT).astype(NUMPY[t]) for _ in range(2))
            c = rng.choice(numpy.array([1, -1, 0, numpy.nan, -1e-45, -0.0], "f4"), COUNT)
            # a subnormal is flushed to -0, which counts as not negative
            c_seen = numpy.where(numpy.abs(c) < 1e-38, 0, c) if ftz else c
            listed.append(Case(f"slct{ftz}.{t}.f32", t, (t, t, "f32"), [a, b, c]))
            wanted.append(numpy.where(c_seen >= 0, a, b))
    for case, got, want in zip(listed, evaluate(listed), wanted, strict=True):
        assert (got == want).all(), case.opcode


def test_guards_and_packing():
    a, b = numpy.arange(COUNT, dtype="u4") * 0x01010101, numpy.arange(COUNT, dtype="u4") % 2
    packed = evaluate(
        [
            Case("", "u32", ("u32",), [a], "{ .reg .b16 l, h; mov.b32 {l, h}, {a}; mov.b32 {d}, {h, l}; }"),
            Case("", "u32", ("u32", "u32"), [a, b],
                 "{ .reg .pred p; setp.eq.u32 p, {b}, 0; mov.b32 {d}, 7; @p mov.b32 {d}, {a}; }"),
            Case("", "u32", ("u32", "u32"), [a, b],
                 "{ .reg .pred p; setp.eq.u32 p, {b}, 0; mov.b32 {d}, 7; @!p bra SKIP; mov.b32 {d}, {a}; SKIP: }"),
            Case("", "u64", ("u32", "u32"), [a, b], "mov.b64 {d}, {{a}, {b}};"),
        ]
    )  # fmt: skip
    assert (packed[0] == (a >> 16 | a << 16)).all()
    assert (packed[1] == numpy.where(b == 0, a, 7)).all()
    assert (packed[2] == numpy.where(b == 0, a, 7)).all()
    assert (packed[3] == (a.astype("u8") | b.astype("u8") << 32)).all()
