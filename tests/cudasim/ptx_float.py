"""What floating-point instructions compute (PTX ISA 9.7.3, 9.7.4): f32, f64, and f16/bf16 singly and in pairs.

Operations with a rounding are exact; ``.approx`` ones are the C library's, some ulp from the hardware's.
"""

_R = "<R:,.rn,.rz,.rm,.rp>"
_R4 = "<R:.rn,.rz,.rm,.rp>"
_F = "<F:,.ftz>"
_S = "<S:,.sat>"

SINGLE_AND_DOUBLE = (
    (f"add{_R}{_F}{_S}.f32", "f32 = f32 f32", "add_f32$R({a}, {b})"),
    (f"sub{_R}{_F}{_S}.f32", "f32 = f32 f32", "sub_f32$R({a}, {b})"),
    (f"mul{_R}{_F}{_S}.f32", "f32 = f32 f32", "mul_f32$R({a}, {b})"),
    (f"fma{_R4}{_F}{_S}.f32", "f32 = f32 f32 f32", "fma_f32$R({a}, {b}, {c})"),
    (f"mad{_R4}{_F}{_S}.f32", "f32 = f32 f32 f32", "fma_f32$R({a}, {b}, {c})"),
    (f"div{_R4}{_F}.f32", "f32 = f32 f32", "div_f32$R({a}, {b})"),
    (f"div.<A:approx,full>{_F}.f32", "f32 = f32 f32", "{a} / {b}"),
    (f"rcp{_R4}{_F}.f32", "f32 = f32", "div_f32$R(1.f, {a})"),
    (f"rcp.approx{_F}.f32", "f32 = f32", "1.f / {a}"),
    (f"sqrt{_R4}{_F}.f32", "f32 = f32", "sqrt_f32$R({a})"),
    (f"sqrt.approx{_F}.f32", "f32 = f32", "sqrtf({a})"),
    (f"rsqrt.approx{_F}.f32", "f32 = f32", "(float)(1 / sqrt((double){a}))"),
    (f"sin.approx{_F}.f32", "f32 = f32", "sinf({a})"),
    (f"cos.approx{_F}.f32", "f32 = f32", "cosf({a})"),
    (f"lg2.approx{_F}.f32", "f32 = f32", "log2f({a})"),
    (f"ex2.approx{_F}.f32", "f32 = f32", "exp2f({a})"),
    ("tanh.approx.f32", "f32 = f32", "tanhf({a})"),
    (f"abs{_F}.f32", "f32 = f32", "fabsf({a})"),
    (f"neg{_F}.f32", "f32 = f32", "-{a}"),
    (f"<O:min,max>{_F}.f32", "f32 = f32 f32", "$O_f32({a}, {b})"),
    (f"<O:min,max>{_F}.NaN.f32", "f32 = f32 f32", "$O_nan_f32({a}, {b})"),
    (f"<O:min,max>{_F}.xorsign.abs.f32", "f32 = f32 f32", "xorsign_f32($O_f32, {a}, {b})"),
    (f"<O:min,max>{_F}.NaN.xorsign.abs.f32", "f32 = f32 f32", "xorsign_f32($O_nan_f32, {a}, {b})"),
    (f"<O:min,max>{_F}.f32", "f32 = f32 f32 f32", "$O_f32($O_f32({a}, {b}), {c})"),
    (f"<O:min,max>{_F}.NaN.f32", "f32 = f32 f32 f32", "$O_nan_f32($O_nan_f32({a}, {b}), {c})"),
    # f64
    (f"add{_R}.f64", "f64 = f64 f64", "add_f64$R({a}, {b})"),
    (f"sub{_R}.f64", "f64 = f64 f64", "sub_f64$R({a}, {b})"),
    (f"mul{_R}.f64", "f64 = f64 f64", "mul_f64$R({a}, {b})"),
    (f"fma{_R4}.f64", "f64 = f64 f64 f64", "fma_f64$R({a}, {b}, {c})"),
    (f"mad{_R4}.f64", "f64 = f64 f64 f64", "fma_f64$R({a}, {b}, {c})"),
    (f"div{_R4}.f64", "f64 = f64 f64", "div_f64$R({a}, {b})"),
    (f"rcp{_R4}.f64", "f64 = f64", "div_f64$R(1., {a})"),
    ("rcp.approx.ftz.f64", "f64 = f64", "approx_f64(1. / ftz_f64({a}))"),
    (f"sqrt{_R4}.f64", "f64 = f64", "sqrt_f64$R({a})"),
    ("rsqrt.approx.f64", "f64 = f64", "approx_f64(1. / sqrt({a}))"),
    ("rsqrt.approx.ftz.f64", "f64 = f64", "approx_f64(1. / sqrt(ftz_f64({a})))"),
    ("abs.f64", "f64 = f64", "fabs({a})"),
    ("neg.f64", "f64 = f64", "-{a}"),
    ("<O:min,max>.f64", "f64 = f64 f64", "$O_f64({a}, {b})"),
    # both
    ("copysign.<T:f32,f64>", "T = T T", "copysign_$T({a}, {b})"),
    (
        "testp.<Q:finite,infinite,number,notanumber,normal,subnormal>.<T:f32,f64>",
        "pred = T",
        "testp_$Q({a})",
    ),
    # pairs of f32 in 64 bits (sm_100 and later)
    (f"add{_R}{_F}.f32x2", "f32x2 = f32x2 f32x2", "pair_f32(add_f32$R, {a}, {b})"),
    (f"sub{_R}{_F}.f32x2", "f32x2 = f32x2 f32x2", "pair_f32(sub_f32$R, {a}, {b})"),
    (f"mul{_R}{_F}.f32x2", "f32x2 = f32x2 f32x2", "pair_f32(mul_f32$R, {a}, {b})"),
    (f"fma{_R4}{_F}.f32x2", "f32x2 = f32x2 f32x2 f32x2", "triple_f32(fma_f32$R, {a}, {b}, {c})"),
)

_H = "<T:f16,f16x2>"
_B = "<T:bf16,bf16x2>"
_HB = "<T:f16,f16x2,bf16,bf16x2>"

HALF = (
    (f"<O:add,sub,mul><R:,.rn>{_F}{_S}.{_H}", "T = T T", "$O_$T({a}, {b})"),
    (f"<O:add,sub,mul><R:,.rn>.{_B}", "T = T T", "$O_$T({a}, {b})"),
    (f"fma.rn{_F}{_S}.{_H}", "T = T T T", "fma_$T({a}, {b}, {c})"),
    (f"fma.rn{_F}<U:.relu>.{_H}", "T = T T T", "fma_$T({a}, {b}, {c})"),
    (f"fma.rn<U:,.relu>.{_B}", "T = T T T", "fma_$T({a}, {b}, {c})"),
    (f"neg{_F}.{_H}", "T = T", "neg_$T({a})"),
    (f"abs{_F}.{_H}", "T = T", "abs_$T({a})"),
    (f"<O:neg,abs>.{_B}", "T = T", "$O_$T({a})"),
    (f"<O:min,max>{_F}.{_H}", "T = T T", "$O_$T({a}, {b})"),
    (f"<O:min,max>{_F}.NaN.{_H}", "T = T T", "$O_nan_$T({a}, {b})"),
    (f"<O:min,max>{_F}.xorsign.abs.{_H}", "T = T T", "$O_xorsign_$T({a}, {b})"),
    (f"<O:min,max>.{_B}", "T = T T", "$O_$T({a}, {b})"),
    (f"<O:min,max>.NaN.{_B}", "T = T T", "$O_nan_$T({a}, {b})"),
    (f"<O:min,max>.xorsign.abs.{_B}", "T = T T", "$O_xorsign_$T({a}, {b})"),
    (f"ex2.approx.{_H}", "T = T", "ex2_$T({a})"),
    (f"ex2.approx.ftz.{_B}", "T = T", "ex2_$T({a})"),
    (f"tanh.approx.{_HB}", "T = T", "tanh_$T({a})"),
)
