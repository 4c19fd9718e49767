// Floating-point helpers of translated kernels. Compiled with -ffp-contract=off: no fusing that PTX does not say.
#pragma once

// ---------------------------------------------------------------------------------------- x86 instructions
// As builtins: <immintrin.h> would take longer to compile than most kernels.
typedef float float_x4 __attribute__((vector_size(16)));
typedef short short_x8 __attribute__((vector_size(16)));
#define GET_MXCSR() __builtin_ia32_stmxcsr()
#define SET_MXCSR(value) __builtin_ia32_ldmxcsr(value)
INLINE float half_to_float(uint16_t h) { return __builtin_ia32_vcvtph2ps((short_x8){(short)h})[0]; }
#define FLOAT_TO_HALF(f, rounding) ((uint16_t)__builtin_ia32_vcvtps2ph((float_x4){f}, rounding)[0])
enum { HALF_NEAREST = 0, HALF_DOWN = 1, HALF_UP = 2, HALF_ZERO = 3 };

// ---------------------------------------------------------------------------------------- directed rounding
// The asm statements pin the order: operands are ready before the mode changes, the result before it is restored.
#define PIN(x) __asm__ volatile("" : "+x"(x))
#define PIN_INTEGER(x) __asm__ volatile("" : "+r"(x))
enum { ROUND_DOWN = 0x2000, ROUND_UP = 0x4000, ROUND_ZERO = 0x6000 };
#define IN_MODE(mode, T, pins, expression)                                                                             \
  unsigned saved = GET_MXCSR();                                                                                        \
  SET_MXCSR((saved & ~ROUND_ZERO) | mode);                                                                             \
  pins;                                                                                                                \
  T result = expression;                                                                                               \
  PIN(result);                                                                                                         \
  SET_MXCSR(saved);                                                                                                    \
  return result;
#define MODES(DEFINE, ...)                                                                                             \
  DEFINE(_rz, ROUND_ZERO, __VA_ARGS__) DEFINE(_rm, ROUND_DOWN, __VA_ARGS__) DEFINE(_rp, ROUND_UP, __VA_ARGS__)

#define DIRECTED_2(suffix, mode, name, T, op)                                                                          \
  SLOW T name##suffix(T a, T b) { IN_MODE(mode, T, PIN(a); PIN(b), a op b) }
#define DIRECTED_FMA(suffix, mode, name, T, function)                                                                  \
  SLOW T name##suffix(T a, T b, T c) { IN_MODE(mode, T, PIN(a); PIN(b); PIN(c), function(a, b, c)) }
#define DIRECTED_SQRT(suffix, mode, name, T, function)                                                                 \
  SLOW T name##suffix(T a) { IN_MODE(mode, T, PIN(a), function(a)) }
#define BINARY(name, T, op)                                                                                            \
  INLINE T name(T a, T b) { return a op b; }                                                                           \
  MODES(DIRECTED_2, name, T, op)
BINARY(add_f32, float, +)
BINARY(sub_f32, float, -)
BINARY(mul_f32, float, *) BINARY(div_f32, float, /) BINARY(add_f64, double, +) BINARY(sub_f64, double, -)
    BINARY(mul_f64, double, *) BINARY(div_f64, double, /) INLINE float fma_f32(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
INLINE double fma_f64(double a, double b, double c) { return __builtin_fma(a, b, c); }
INLINE float sqrt_f32(float a) { return sqrtf(a); }
INLINE double sqrt_f64(double a) { return sqrt(a); }
MODES(DIRECTED_FMA, fma_f32, float, __builtin_fmaf)
MODES(DIRECTED_FMA, fma_f64, double, __builtin_fma)
MODES(DIRECTED_SQRT, sqrt_f32, float, sqrtf) MODES(DIRECTED_SQRT, sqrt_f64, double, sqrt)

    // ---------------------------------------------------------------------------------------- f32 and f64
    INLINE float ftz_f32(float f) {
  return fabsf(f) < 0x1p-126f ? copysignf(0.f, f) : f;
}
INLINE double ftz_f64(double d) { return fabs(d) < 0x1p-1022 ? copysign(0., d) : d; }
INLINE uint64_t ftz_f32x2(uint64_t x) {
  return f32_bits(ftz_f32(f32_of((uint32_t)x))) | (uint64_t)f32_bits(ftz_f32(f32_of(x >> 32))) << 32;
}
INLINE float sat_f32(float f) { return f > 0 ? f < 1 ? f : 1.f : 0.f; }  // NaN gives 0
INLINE double sat_f64(double f) { return f > 0 ? f < 1 ? f : 1. : 0.; }
INLINE float nan_f32(void) { return f32_of(0x7fffffffu); }
INLINE float relu_f32(float f) { return f != f ? nan_f32() : f > 0 ? f : 0.f; }
INLINE double relu_f64(double f) { return f != f ? f : f > 0 ? f : 0.; }
// one NaN is dropped; -0 < +0
INLINE float max_f32(float a, float b) {
  return a != a ? (b != b ? nan_f32() : b) : b != b ? a : a > b ? a : b > a ? b : f32_bits(a) >> 31 ? b : a;
}
INLINE float min_f32(float a, float b) {
  return a != a ? (b != b ? nan_f32() : b) : b != b ? a : a < b ? a : b < a ? b : f32_bits(a) >> 31 ? a : b;
}
INLINE float max_nan_f32(float a, float b) { return a != a || b != b ? nan_f32() : max_f32(a, b); }
INLINE float min_nan_f32(float a, float b) { return a != a || b != b ? nan_f32() : min_f32(a, b); }
INLINE double max_f64(double a, double b) {
  return a != a ? b : b != b ? a : a > b ? a : b > a ? b : f64_bits(a) >> 63 ? b : a;
}
INLINE double min_f64(double a, double b) {
  return a != a ? b : b != b ? a : a < b ? a : b < a ? b : f64_bits(a) >> 63 ? a : b;
}
// .xorsign.abs: of the magnitudes, with the product of the signs
INLINE float xorsign_f32(float (*function)(float, float), float a, float b) {
  float r = function(fabsf(a), fabsf(b));
  return r != r ? r : f32_of(f32_bits(r) | ((f32_bits(a) ^ f32_bits(b)) & 0x80000000u));
}
INLINE float copysign_f32(float sign, float magnitude) { return copysignf(magnitude, sign); }
INLINE double copysign_f64(double sign, double magnitude) { return copysign(magnitude, sign); }
#define testp_finite(x) (isfinite(x) != 0)
#define testp_infinite(x) (isinf(x) != 0)
#define testp_number(x) (!isnan(x))
#define testp_notanumber(x) (isnan(x) != 0)
#define testp_normal(x) (isnormal(x) != 0)
#define testp_subnormal(x) (fpclassify(x) == FP_SUBNORMAL)
// .approx.ftz.f64 keeps the upper word only
INLINE double approx_f64(double d) { return d != d ? d : ftz_f64(f64_of(f64_bits(d) & ~0xffffffffull)); }
#define PAIR_LOW(x) f32_of((uint32_t)(x))
#define PAIR_HIGH(x) f32_of((uint32_t)((x) >> 32))
#define pair_f32(function, a, b)                                                                                       \
  (f32_bits(function(PAIR_LOW(a), PAIR_LOW(b))) | (uint64_t)f32_bits(function(PAIR_HIGH(a), PAIR_HIGH(b))) << 32)
#define triple_f32(function, a, b, c)                                                                                  \
  (f32_bits(function(PAIR_LOW(a), PAIR_LOW(b), PAIR_LOW(c))) |                                                         \
   (uint64_t)f32_bits(function(PAIR_HIGH(a), PAIR_HIGH(b), PAIR_HIGH(c))) << 32)

// comparisons; the u forms are true for NaN
#define CMP_eq(x, y) ((x) == (y))
#define CMP_ne(x, y) ((x) < (y) || (x) > (y))
#define CMP_lt(x, y) ((x) < (y))
#define CMP_le(x, y) ((x) <= (y))
#define CMP_gt(x, y) ((x) > (y))
#define CMP_ge(x, y) ((x) >= (y))
#define CMP_equ(x, y) (!CMP_ne(x, y))
#define CMP_neu(x, y) (!((x) == (y)))
#define CMP_ltu(x, y) (!((x) >= (y)))
#define CMP_leu(x, y) (!((x) > (y)))
#define CMP_gtu(x, y) (!((x) <= (y)))
#define CMP_geu(x, y) (!((x) < (y)))
#define CMP_num(x, y) ((x) == (x) && (y) == (y))
#define CMP_nan(x, y) ((x) != (x) || (y) != (y))

// ---------------------------------------------------------------------------------------- f16, bf16: conversions
INLINE float f16_to_f32(uint16_t h) { return half_to_float(h); }
INLINE float bf16_to_f32(uint16_t h) { return f32_of((uint32_t)h << 16); }
#define TO_F16(suffix, rounding)                                                                                       \
  INLINE uint16_t f32_to_f16##suffix(float f) { return f != f ? 0x7fff : FLOAT_TO_HALF(f, rounding); }
TO_F16(, HALF_NEAREST)
TO_F16(_rz, HALF_ZERO) TO_F16(_rm, HALF_DOWN) TO_F16(_rp, HALF_UP) INLINE uint16_t bf16_up(uint32_t bits) {
  return (uint16_t)((bits >> 16) + ((bits & 0xffff) != 0));
}
INLINE uint16_t f32_to_bf16(float f) {
  uint32_t bits = f32_bits(f);
  return f != f ? 0x7fff : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
INLINE uint16_t f32_to_bf16_rz(float f) { return f != f ? 0x7fff : f32_bits(f) >> 16; }
INLINE uint16_t f32_to_bf16_rm(float f) {
  uint32_t bits = f32_bits(f);
  return f != f ? 0x7fff : bits >> 31 ? bf16_up(bits) : bits >> 16;
}
INLINE uint16_t f32_to_bf16_rp(float f) {
  uint32_t bits = f32_bits(f);
  return f != f ? 0x7fff : bits >> 31 ? bits >> 16 : bf16_up(bits);
}
// Rounded to odd, a value keeps what a second rounding to a narrower type needs to know.
SLOW float odd_f32(long double x) {
  float f = (float)x;
  if (f != f || (long double)f == x) return f;
  uint32_t bits = f32_bits(f);
  if (fabsl((long double)f) > fabsl(x)) bits--;  // towards zero
  return f32_of(bits | 1);
}
#define THROUGH_ODD(suffix)                                                                                            \
  INLINE uint16_t f64_to_f16##suffix(double d) { return f32_to_f16##suffix(odd_f32(d)); }                              \
  INLINE uint16_t f64_to_bf16##suffix(double d) { return f32_to_bf16##suffix(odd_f32(d)); }                            \
  INLINE uint16_t s64_to_f16##suffix(int64_t x) { return f32_to_f16##suffix(odd_f32(x)); }                             \
  INLINE uint16_t u64_to_f16##suffix(uint64_t x) { return f32_to_f16##suffix(odd_f32(x)); }                            \
  INLINE uint16_t s64_to_bf16##suffix(int64_t x) { return f32_to_bf16##suffix(odd_f32(x)); }                           \
  INLINE uint16_t u64_to_bf16##suffix(uint64_t x) { return f32_to_bf16##suffix(odd_f32(x)); }
THROUGH_ODD()
THROUGH_ODD(_rz)
THROUGH_ODD(_rm) THROUGH_ODD(_rp)

#define DIRECTED_CONVERT(suffix, mode, from, F, pin, to, T)                                                            \
  SLOW T from##_to_##to##suffix(F x) { IN_MODE(mode, T, pin(x), (T)x) }
#define CONVERT(from, F, pin, to, T)                                                                                   \
  INLINE T from##_to_##to(F x) { return (T)x; }                                                                        \
  MODES(DIRECTED_CONVERT, from, F, pin, to, T)
    CONVERT(f64, double, PIN, f32, float) CONVERT(s64, int64_t, PIN_INTEGER, f32, float)
        CONVERT(u64, uint64_t, PIN_INTEGER, f32, float) CONVERT(s64, int64_t, PIN_INTEGER, f64, double)
            CONVERT(u64, uint64_t, PIN_INTEGER, f64, double)

// float to integer: x is integral or NaN; out of range saturates
#define TO_INTEGER(name, T, low, high, above, high_bit)                                                                \
  INLINE T nan_zero_##name(double x) { return x != x ? 0 : x <= low ? (T)low : x >= above ? high : (T)x; }             \
  INLINE T nan_high_##name(double x) { return x != x ? (T)high_bit : nan_zero_##name(x); }
                TO_INTEGER(u8, uint8_t, 0, UINT8_MAX, 0x1p8, 0x80) TO_INTEGER(s8, int8_t, -0x1p7, INT8_MAX, 0x1p7, 0x80)
                    TO_INTEGER(u16, uint16_t, 0, UINT16_MAX, 0x1p16, 0x8000)
                        TO_INTEGER(s16, int16_t, -0x1p15, INT16_MAX, 0x1p15, 0x8000)
                            TO_INTEGER(u32, uint32_t, 0, UINT32_MAX, 0x1p32, 0x80000000u)
                                TO_INTEGER(s32, int32_t, -0x1p31, INT32_MAX, 0x1p31, 0x80000000u)
                                    TO_INTEGER(u64, uint64_t, 0, UINT64_MAX, 0x1p64, 0x8000000000000000ull)
                                        TO_INTEGER(s64, int64_t, -0x1p63, INT64_MAX, 0x1p63, 0x8000000000000000ull)

    // tf32: f32 with 10 bits of mantissa
    INLINE float tf32_rna(float f) {  // ties away from zero
  return f != f ? nan_f32() : isinf(f) ? f : f32_of((f32_bits(f) + 0x1000) & 0xffffe000u);
}
INLINE float tf32_rn(float f) {
  uint32_t bits = f32_bits(f);
  return f != f ? nan_f32() : isinf(f) ? f : f32_of((bits + 0xfff + (bits >> 13 & 1)) & 0xffffe000u);
}
INLINE float tf32_rz(float f) { return f != f ? nan_f32() : f32_of(f32_bits(f) & 0xffffe000u); }

// ---------------------------------------------------------------------------------------- 8-bit floats
// Round to nearest even at `mantissa` bits with smallest exponent `e_min`, saturate at `largest` (.satfinite).
SLOW uint8_t f32_to_f8(float f, int mantissa, int e_min, float largest, int bias) {
  uint8_t sign = f32_bits(f) >> 31 ? 0x80 : 0;
  if (f != f) return 0x7f;
  float a = fabsf(f);
  if (a >= largest) a = largest;
  int exponent = a == 0 ? e_min : ilogbf(a);
  if (exponent < e_min) exponent = e_min;
  float scaled = rintf(ldexpf(a, mantissa - exponent));  // in units of the last place
  uint32_t units = (uint32_t)scaled;
  // carries from the mantissa run into the exponent by themselves
  uint32_t code =
      units < (1u << mantissa) ? units : ((uint32_t)(exponent + bias) << mantissa) + units - (1u << mantissa);
  return sign | (uint8_t)code;
}
INLINE uint8_t f32_to_e4m3(float f) { return f32_to_f8(f, 3, -6, 448.f, 7); }
INLINE uint8_t f32_to_e5m2(float f) { return f32_to_f8(f, 2, -14, 57344.f, 15); }
INLINE uint16_t e5m2_to_f16(uint32_t x) { return (x & 0x7f) > 0x7c ? 0x7fff : (uint16_t)(x << 8); }
SLOW uint16_t e4m3_to_f16(uint32_t x) {
  if ((x & 127) == 127) return 0x7fff;
  int exponent = x >> 3 & 15, mantissa = x & 7;
  float a = exponent ? ldexpf(1 + mantissa / 8.f, exponent - 7) : ldexpf(mantissa / 8.f, -6);
  return f32_to_f16(x & 128 ? -a : a);
}

// ---------------------------------------------------------------------------------------- f16, bf16: arithmetic
// f32 has enough bits that add, sub and mul rounded twice give what one rounding gives. fma: the product is exact
// in f64, the sum is rounded to odd.
INLINE double odd_sum(double a, double b) {  // a + b rounded to odd, by Knuth's exact error of the sum
  double sum = a + b, from_b = sum - a, error = (a - (sum - from_b)) + (b - from_b);
  uint64_t bits = f64_bits(sum);
  if (error == 0 || error != error || isinf(sum) || bits & 1) return sum;
  return f64_of((error > 0) == (sum > 0) ? bits + 1 : bits - 1);
}
#define BOTH_HALVES_1(T, name)                                                                                         \
  INLINE uint32_t name##_##T##x2(uint32_t a) {                                                                         \
    return pack_halves(name##_##T((uint16_t)a), name##_##T((uint16_t)(a >> 16)));                                      \
  }
#define BOTH_HALVES_2(T, name)                                                                                         \
  INLINE uint32_t name##_##T##x2(uint32_t a, uint32_t b) {                                                             \
    return pack_halves(name##_##T((uint16_t)a, (uint16_t)b), name##_##T((uint16_t)(a >> 16), (uint16_t)(b >> 16)));    \
  }
#define HALF_1(T, name, expression)                                                                                    \
  INLINE uint16_t name##_##T(uint16_t h) {                                                                             \
    float a = T##_to_f32(h);                                                                                           \
    return f32_to_##T(expression);                                                                                     \
  }                                                                                                                    \
  BOTH_HALVES_1(T, name)
#define HALF_2(T, name, expression)                                                                                    \
  INLINE uint16_t name##_##T(uint16_t x, uint16_t y) {                                                                 \
    float a = T##_to_f32(x), b = T##_to_f32(y);                                                                        \
    return f32_to_##T(expression);                                                                                     \
  }                                                                                                                    \
  BOTH_HALVES_2(T, name)
#define HALF_TYPE(T)                                                                                                   \
  HALF_2(T, add, a + b)                                                                                                \
  HALF_2(T, sub, a - b)                                                                                                \
  HALF_2(T, mul, a* b) HALF_2(T, min, min_f32(a, b)) HALF_2(T, max, max_f32(a, b))                                     \
      HALF_2(T, min_nan, min_nan_f32(a, b)) HALF_2(T, max_nan, max_nan_f32(a, b))                                      \
          HALF_2(T, min_xorsign, xorsign_f32(min_f32, a, b)) HALF_2(T, max_xorsign, xorsign_f32(max_f32, a, b))        \
              HALF_1(T, ex2, exp2f(a)) HALF_1(T, tanh, tanhf(a)) HALF_1(T, sat, sat_f32(a))                            \
                  HALF_1(T, relu, relu_f32(a)) INLINE uint16_t                                                         \
                  neg_##T(uint16_t h) {                                                                                \
    return h ^ 0x8000;                                                                                                 \
  }                                                                                                                    \
  INLINE uint16_t abs_##T(uint16_t h) { return h & 0x7fff; }                                                           \
  INLINE uint16_t ftz_##T(uint16_t h) { return h & smallest_normal_##T ? h : h & 0x8000; }                             \
  BOTH_HALVES_1(T, neg)                                                                                                \
  BOTH_HALVES_1(T, abs) BOTH_HALVES_1(T, ftz) INLINE uint16_t fma_##T(uint16_t x, uint16_t y, uint16_t z) {            \
    return f64_to_##T(odd_sum((double)T##_to_f32(x) * T##_to_f32(y), T##_to_f32(z)));                                  \
  }                                                                                                                    \
  INLINE uint32_t fma_##T##x2(uint32_t a, uint32_t b, uint32_t c) {                                                    \
    return pack_halves(fma_##T((uint16_t)a, (uint16_t)b, (uint16_t)c),                                                 \
                       fma_##T((uint16_t)(a >> 16), (uint16_t)(b >> 16), (uint16_t)(c >> 16)));                        \
  }
enum { smallest_normal_f16 = 0x7c00, smallest_normal_bf16 = 0x7f80 };  // the exponent's bits
HALF_TYPE(f16) HALF_TYPE(bf16)
