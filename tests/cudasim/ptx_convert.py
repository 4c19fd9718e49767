"""cvt: every conversion between the integer and floating-point types (PTX ISA 9.7.9.21).

Built by rule instead of by table, since there are some two thousand legal spellings.
"""

from __future__ import annotations

from collections.abc import Iterator

from cudasim.ptx_forms import Form

INTEGERS = ("u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64")
FLOATS = ("f16", "bf16", "f32", "f64")
_BITS = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64}
_INTEGER_ROUNDING = {"rni": "rint", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
_ROUNDING = {"rn": "", "rz": "_rz", "rm": "_rm", "rp": "_rp"}


def _as_double(source: str) -> str:
    return "{a}" if source in ("f32", "f64") else f"{source}_to_f32({{a}})"


def _integer_forms() -> Iterator[Form]:
    for to in INTEGERS:
        for source in INTEGERS:
            yield Form(f"cvt.{to}.{source}", to, (source,), "{a}")
            yield Form(f"cvt.sat.{to}.{source}", to, (source,), f"clamp_wide_{to}({{a}})")


def _float_to_integer() -> Iterator[Form]:
    for to in INTEGERS:
        for source in FLOATS:
            for mode, function in _INTEGER_ROUNDING.items():
                # NaN gives 0, but the highest bit where 64 bits are involved; out of range saturates
                kind = "nan_high" if source == "f64" or to in ("u64", "s64") else "nan_zero"
                expression = f"{kind}_{to}({function}((double){_as_double(source)}))"
                for ftz in ("", ".ftz"):
                    for sat in ("", ".sat"):
                        yield Form(
                            f"cvt.{mode}{ftz}{sat}.{to}.{source}",
                            to,
                            (source,),
                            expression,
                            flush=("f32",) if ftz else (),
                        )


def _integer_to_float() -> Iterator[Form]:
    for to in FLOATS:
        for source in INTEGERS:
            for mode, suffix in _ROUNDING.items():
                wide = "u64" if source[0] == "u" else "s64"
                for sat in ("", ".sat"):
                    yield Form(
                        f"cvt.{mode}{sat}.{to}.{source}",
                        to,
                        (source,),
                        f"{wide}_to_{to}{suffix}({{a}})",
                        clamp=("sat",) if sat else (),
                    )


def _float_to_float() -> Iterator[Form]:
    for to in FLOATS:
        for source in FLOATS:
            flush = "f32" in (to, source)
            for ftz in ("", ".ftz") if flush else ("",):
                for clamp in ((), ("sat",), ("relu",)):
                    suffix = "".join("." + c for c in clamp)
                    for mode, expression in _float_modes(to, source):
                        yield Form(
                            f"cvt{mode}{ftz}{suffix}.{to}.{source}",
                            to,
                            (source,),
                            expression,
                            flush=("f32",) if ftz else (),
                            clamp=clamp,
                        )


def _float_modes(to: str, source: str) -> Iterator[tuple[str, str]]:
    if to == source:
        yield "", "{a}"
        if to in ("f32", "f64"):
            for mode, function in _INTEGER_ROUNDING.items():
                yield "." + mode, f"{function}({{a}})"
        elif to == "f16":
            for mode, function in _INTEGER_ROUNDING.items():
                yield "." + mode, f"f32_to_f16({function}(f16_to_f32({{a}})))"
    elif _BITS[to] > _BITS[source]:
        yield "", _as_double(source)
        if source == "bf16":  # also spelled with a rounding that has nothing to do
            yield ".rn", _as_double(source)
    else:
        for mode, suffix in _ROUNDING.items():
            if _BITS[to] == _BITS[source]:
                yield "." + mode, f"f32_to_{to}{suffix}({source}_to_f32({{a}}))"
            else:
                yield "." + mode, f"{source}_to_{to}{suffix}({{a}})"


def _packed_forms() -> Iterator[Form]:
    for to in ("f16", "bf16"):
        for mode in ("rn", "rz"):
            for relu in ("", ".relu"):
                convert = f"f32_to_{to}{_ROUNDING[mode]}"
                yield Form(  # the first source goes to the upper half
                    f"cvt.{mode}{relu}.{to}x2.f32",
                    f"{to}x2",
                    ("f32", "f32"),
                    f"pack_halves({convert}({{b}}), {convert}({{a}}))",
                    clamp=("relu",) if relu else (),
                )
    for mode, function in (("rna", "tf32_rna"), ("rn", "tf32_rn"), ("rz", "tf32_rz")):
        for relu in ("", ".relu") if mode != "rna" else ("",):
            yield Form(
                f"cvt.{mode}{relu}.tf32.f32",
                "b32",
                ("f32",),
                f"f32_bits(relu_f32({function}({{a}})))"
                if relu
                else f"f32_bits({function}({{a}}))",
            )
    for relu in ("", ".relu"):
        for e in ("e4m3", "e5m2"):
            function = f"f32_to_{e}"
            fit = "relu_f32({x})" if relu else "{x}"
            a, b = fit.format(x="{a}"), fit.format(x="{b}")
            low, high = (fit.format(x=f"f16_to_f32({{a}} >> {s})") for s in (0, 16))
            yield Form(
                f"cvt.rn.satfinite{relu}.{e}x2.f32",
                "b16",
                ("f32", "f32"),
                f"{function}({b}) | {function}({a}) << 8",
            )
            yield Form(
                f"cvt.rn.satfinite{relu}.{e}x2.f16x2",
                "b16",
                ("b32",),
                f"{function}({low}) | {function}({high}) << 8",
            )
            yield Form(
                f"cvt.rn{relu}.f16x2.{e}x2",
                "f16x2",
                ("b16",),
                f"pack_halves({e}_to_f16({{a}} & 255), {e}_to_f16({{a}} >> 8))",
                clamp=("relu",) if relu else (),
            )
    for to in ("u16", "s16", "u8", "s8"):  # cvt.pack: two s32 become neighbours
        if to in ("u16", "s16"):
            expression = f"(uint16_t)clamp_wide_{to}({{b}}) | (uint32_t)(uint16_t)clamp_wide_{to}({{a}}) << 16"
            yield Form(f"cvt.pack.sat.{to}.s32", "b32", ("s32", "s32"), expression)
        else:
            pair = (
                f"(uint8_t)clamp_wide_{to}({{b}}) | (uint32_t)(uint8_t)clamp_wide_{to}({{a}}) << 8"
            )
            yield Form(
                f"cvt.pack.sat.{to}.s32.b32",
                "b32",
                ("s32", "s32", "b32"),
                f"({pair}) | {{c}} << 16",
            )


def conversions() -> dict[tuple[str, int], Form]:
    forms: dict[tuple[str, int], Form] = {}
    for source in (
        _integer_forms(),
        _float_to_integer(),
        _integer_to_float(),
        _float_to_float(),
        _packed_forms(),
    ):
        for form in source:
            forms[form.opcode, len(form.operands)] = form
    return forms
