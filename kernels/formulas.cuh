// One formula for each elementwise operation, shared by single kernels, fused clusters and epilogues.
//
// T is the arithmetic type: float (also for f16 and bf16), double, bool or an integer. Formulas of real functions are called with
// float or double only; integers come as double and go back through `rounded` or `truncated`.
#pragma once
#include "types.cuh"

namespace formula {

#define FORMULA template <class T> __device__ __forceinline__ T

// ---- functions that float and double spell differently ---------------------------------------------------------------
#define BOTH(name, single, wide)                                               \
  __device__ __forceinline__ float name(float x) { return single(x); }         \
  __device__ __forceinline__ double name(double x) { return wide(x); }
BOTH(sqrt, sqrtf, ::sqrt)
BOTH(exp, expf, ::exp)
BOTH(expm1, expm1f, ::expm1)
BOTH(log, logf, ::log)
BOTH(log1p, log1pf, ::log1p)
BOTH(sin, sinf, ::sin)
BOTH(cos, cosf, ::cos)
BOTH(tan, tanf, ::tan)
BOTH(asin, asinf, ::asin)
BOTH(acos, acosf, ::acos)
BOTH(atan, atanf, ::atan)
BOTH(sinh, sinhf, ::sinh)
BOTH(cosh, coshf, ::cosh)
BOTH(tanh, tanhf, ::tanh)
BOTH(asinh, asinhf, ::asinh)
BOTH(acosh, acoshf, ::acosh)
BOTH(erf, erff, ::erf)
BOTH(erf_inverse, erfinvf, ::erfinv)
BOTH(rint, rintf, ::rint)
BOTH(trunc, truncf, ::trunc)
#undef BOTH
__device__ __forceinline__ float real_floor(float x) { return floorf(x); }
__device__ __forceinline__ double real_floor(double x) { return ::floor(x); }
__device__ __forceinline__ float real_ceil(float x) { return ceilf(x); }
__device__ __forceinline__ double real_ceil(double x) { return ::ceil(x); }
__device__ __forceinline__ float real_mod(float a, float b) { return fmodf(a, b); }
__device__ __forceinline__ double real_mod(double a, double b) { return ::fmod(a, b); }
__device__ __forceinline__ float real_power(float a, float b) { return powf(a, b); }
__device__ __forceinline__ double real_power(double a, double b) { return ::pow(a, b); }
__device__ __forceinline__ float copy_sign(float a, float b) { return copysignf(a, b); }
__device__ __forceinline__ double copy_sign(double a, double b) { return ::copysign(a, b); }

// ---- conversion ------------------------------------------------------------------------------------------------------
// A real number without its fraction. What does not fit is the smallest number, as the processors that OpenVINO runs on have it;
// the hardware here would give the nearest limit.
__device__ __forceinline__ int to_int(double x) { return x > -2147483649.0 && x < 2147483648.0 ? int(x) : int(0x80000000); }
__device__ __forceinline__ long long to_long(double x) {
  return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (long long)x : (long long)(1ull << 63);
}
__device__ __forceinline__ int to_int(float x) { return x >= -2147483648.0f && x < 2147483648.0f ? int(x) : int(0x80000000); }
__device__ __forceinline__ long long to_long(float x) {
  return x >= -9223372036854775808.0f && x < 9223372036854775808.0f ? (long long)x : (long long)(1ull << 63);
}
template <class T, class S> struct Converter {
  static __device__ __forceinline__ T convert(S x) {
    if constexpr (Facts<S>::real && !Facts<T>::real) {
      if constexpr (sizeof(T) == 8 && !Facts<T>::is_signed)
        return x < S(9223372036854775808.0) ? T(to_long(x)) : T(x);
      else if constexpr (sizeof(T) == 8 || (sizeof(T) == 4 && !Facts<T>::is_signed))
        return T(to_long(x));
      else
        return T(to_int(x));
    } else {
      return T(x);
    }
  }
};
template <class S> struct Converter<bool, S> {
  static __device__ __forceinline__ bool convert(S x) { return x != S(0); }
};
template <class T, class S> __device__ __forceinline__ T convert(S x) { return Converter<T, S>::convert(x); }

// Results of real functions of integers.
FORMULA rounded(double x) { return T(to_long(::rint(x))); }
FORMULA truncated(double x) { return T(to_long(x)); }

// ---- arithmetic ------------------------------------------------------------------------------------------------------
FORMULA identity(T x) { return x; }
FORMULA add(T a, T b) {
  typedef typename Wrapping<T>::type W;
  return T(W(a) + W(b));
}
FORMULA subtract(T a, T b) {
  typedef typename Wrapping<T>::type W;
  return T(W(a) - W(b));
}
FORMULA multiply(T a, T b) {
  typedef typename Wrapping<T>::type W;
  return T(W(a) * W(b));
}
// Integer quotients by zero are zero, as in numpy.
FORMULA divide_toward_zero(T a, T b) {
  if constexpr (Facts<T>::real) return a / b;
  else if (b == 0) return 0;
  else if constexpr (Facts<T>::is_signed) return b == T(-1) ? subtract<T>(0, a) : T(a / b);
  else return a / b;
}
FORMULA divide(T a, T b) {
  T quotient = divide_toward_zero<T>(a, b);
  if constexpr (!Facts<T>::real && Facts<T>::is_signed)
    if (b != 0 && b != T(-1) && a % b != 0 && (a < 0) != (b < 0)) quotient -= 1;
  return quotient;
}
FORMULA mod(T a, T b) {
  if constexpr (Facts<T>::real) return real_mod(a, b);
  else if (b == 0) return 0;
  else if constexpr (Facts<T>::is_signed) return b == T(-1) ? T(0) : T(a % b);
  else return a % b;
}
FORMULA floor_mod(T a, T b) {
  T remainder = mod<T>(a, b);
  if constexpr (Facts<T>::real) {
    if (remainder == 0) return copy_sign(T(0), b);
    return (remainder < 0) != (b < 0) ? remainder + b : remainder;
  } else {
    return remainder != 0 && (remainder < 0) != (b < 0) ? T(remainder + b) : remainder;
  }
}
FORMULA power(T a, T b) {
  if constexpr (Facts<T>::real) {
    return b == T(2) ? a * a : real_power(a, b);
  } else {
    if constexpr (Facts<T>::is_signed)
      if (b < 0) return truncated<T>(::pow(double(a), double(b)));
    T result = 1;
    for (; b != 0; b >>= 1) {
      if (b & 1) result = multiply<T>(result, a);
      a = multiply<T>(a, a);
    }
    return result;
  }
}
// A NaN in either argument wins.
FORMULA maximum(T a, T b) { return a > b || a != a ? a : b; }
FORMULA minimum(T a, T b) { return a < b || a != a ? a : b; }
FORMULA squared_difference(T a, T b) {
  T d = subtract<T>(a, b);
  return multiply<T>(d, d);
}
FORMULA abs(T x) {
  if constexpr (sizeof(T) == 4 && Facts<T>::real) return fabsf(x);
  else if constexpr (Facts<T>::real) return ::fabs(x);
  else if constexpr (Facts<T>::is_signed) return x < 0 ? subtract<T>(0, x) : x;
  else return x;
}
FORMULA negative(T x) {
  if constexpr (Facts<T>::real) return -x;
  else return subtract<T>(0, x);
}
FORMULA sign(T x) {
  if constexpr (Facts<T>::real) return x > 0 ? T(1) : x < 0 ? T(-1) : x;
  else if constexpr (Facts<T>::is_signed) return T((x > 0) - (x < 0));
  else return T(x > 0);
}
FORMULA floor(T x) {
  if constexpr (Facts<T>::real) return real_floor(x);
  else return x;
}
FORMULA ceil(T x) {
  if constexpr (Facts<T>::real) return real_ceil(x);
  else return x;
}
FORMULA round_half_to_even(T x) {
  if constexpr (Facts<T>::real) return rint(x);
  else return x;
}
FORMULA round_half_away(T x) {
  if constexpr (Facts<T>::real) {
    T whole = trunc(x);
    return abs<T>(x - whole) >= T(0.5) ? whole + copy_sign(T(1), x) : whole;
  } else {
    return x;
  }
}
// Infinite from 1 on, so integers get the ends of their range.
template <class T> __device__ __forceinline__ T atanh(T x) {
  if constexpr (sizeof(T) == 4 && Facts<T>::real) return atanhf(x);
  else if constexpr (Facts<T>::real) return ::atanh(x);
  else if constexpr (Facts<T>::is_signed) {
    constexpr T largest = T((1ull << (sizeof(T) * 8 - 1)) - 1);
    return x > 0 ? largest : x < 0 ? T(-largest - 1) : T(0);
  } else {
    return x > 0 ? T(~T(0)) : T(0);
  }
}

// ---- activations -----------------------------------------------------------------------------------------------------
FORMULA relu(T x) { return x < T(0) ? T(0) : x; }
FORMULA clamp(T x, T low, T high) { return x < low ? low : x > high ? high : x; }
FORMULA sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }
FORMULA swish(T x) { return x / (T(1) + exp(-x)); }
FORMULA swish_beta(T x, T beta) { return x / (T(1) + exp(-beta * x)); }
FORMULA hsigmoid(T x) { return clamp<T>(x + T(3), T(0), T(6)) / T(6); }
FORMULA hswish(T x) { return x * hsigmoid<T>(x); }
FORMULA hard_sigmoid(T x, T alpha, T beta) { return clamp<T>(x * alpha + beta, T(0), T(1)); }
// tanh(ln(1 + e)) = n / (n + 2) with n = e (e + 2): one exponential instead of three transcendental functions.
FORMULA mish(T x) {
  T e = exp(x > T(20) ? T(20) : x), n = e * (e + T(2));
  return x * (n / (n + T(2)));
}
FORMULA softplus(T x) { return maximum<T>(x, T(0)) + log1p(exp(-abs<T>(x))); }
FORMULA softsign(T x) { return x / (T(1) + abs<T>(x)); }
FORMULA elu(T x, T alpha) { return x > T(0) ? x : alpha * expm1(x); }
FORMULA selu(T x, T alpha, T lambda) { return lambda * elu<T>(x, alpha); }
FORMULA prelu(T x, T slope) { return x < T(0) ? x * slope : x; }
FORMULA gelu(T x) { return T(0.5) * x * (T(1) + erf(x * T(0.70710678118654752))); }
FORMULA gelu_tanh(T x) {
  return T(0.5) * x * (T(1) + tanh(T(0.79788456080286536) * (x + T(0.044715) * x * x * x)));
}

// ---- tests, logic and bits -------------------------------------------------------------------------------------------
#define TEST template <class T> __device__ __forceinline__ bool
TEST equal(T a, T b) { return a == b; }
TEST not_equal(T a, T b) { return a != b; }
TEST less(T a, T b) { return a < b; }
TEST less_equal(T a, T b) { return a <= b; }
TEST greater(T a, T b) { return a > b; }
TEST greater_equal(T a, T b) { return a >= b; }
TEST is_nan(T x) { return x != x; }
TEST is_finite(T x) { return x - x == T(0); }
TEST is_inf(T x, bool negative, bool positive) {
  return x == x && x - x != T(0) && (x < T(0) ? negative : positive);
}
#undef TEST
FORMULA logical_and(T a, T b) { return T(a != T(0) && b != T(0)); }
FORMULA logical_or(T a, T b) { return T(a != T(0) || b != T(0)); }
FORMULA logical_xor(T a, T b) { return T((a != T(0)) != (b != T(0))); }
FORMULA logical_not(T x) { return T(x == T(0)); }
FORMULA bitwise_and(T a, T b) { return T(a & b); }
FORMULA bitwise_or(T a, T b) { return T(a | b); }
FORMULA bitwise_xor(T a, T b) { return T(a ^ b); }
FORMULA bitwise_not(T x) { return T(~x); }
template <> __device__ __forceinline__ bool bitwise_not<bool>(bool x) { return !x; }
// Shifts by the width or more push all bits out, as in numpy.
FORMULA left_shift(T a, T b) {
  return (unsigned long long)b < sizeof(T) * 8 ? T((unsigned long long)a << b) : T(0);
}
FORMULA right_shift(T a, T b) {
  if ((unsigned long long)b < sizeof(T) * 8) return T(a >> b);
  return a < T(0) ? T(-1) : T(0);
}
template <class T> __device__ __forceinline__ T select(bool condition, T then, T otherwise) {
  return condition ? then : otherwise;
}

// ---- normalisation and quantisation ----------------------------------------------------------------------------------
FORMULA batch_norm(T x, T gamma, T beta, T mean, T variance, T epsilon) {
  T scale = gamma / sqrt(variance + epsilon);
  return x * scale + (beta - mean * scale);
}
__device__ __forceinline__ float exact_product(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ double exact_product(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ float rounded_sum(float a, float b) { return __fadd_rn(a, b); }
__device__ __forceinline__ double rounded_sum(double a, double b) { return __dadd_rn(a, b); }
__device__ __forceinline__ float fused_multiply_add(float a, float b, float c) { return __fmaf_rn(a, b, c); }
__device__ __forceinline__ double fused_multiply_add(double a, double b, double c) { return __fma_rn(a, b, c); }
// Each rounding as on OpenVINO's CPU device: whether a value in the middle of two levels goes up or down depends on the last bit.
FORMULA fake_quantize(T x, T input_low, T input_high, T output_low, T output_high, T steps, bool by_channel) {
  const T span = input_high - input_low, scale = steps / span;
  const T shift = by_channel ? -exact_product(input_low, scale) : exact_product(-input_low, steps) / span;
  const T limited = clamp<T>(x, minimum<T>(input_low, input_high), maximum<T>(input_low, input_high));
  const T level = rint(fused_multiply_add(limited, scale, shift));
  return fused_multiply_add(level, (output_high - output_low) / steps, output_low);
}
// Behind a convolution with limits for each channel: products are rounded before they are added, and channels may share a shift.
FORMULA fake_quantize_separately(T x, T input_low, T input_high, T output_low, T output_high, T steps, T shared, bool shares,
                                 bool rising) {
  const T span = input_high - input_low;
  const T shift = shares ? shared : exact_product(-input_low, steps) / span;
  const T low = minimum<T>(input_low, input_high), high = maximum<T>(input_low, input_high);
  const T level = rint(rounded_sum(exact_product(clamp<T>(x, low, high), steps / span), shift));
  const T step = (output_high - output_low) / steps;
  if (rising) return rounded_sum(exact_product(level, step), output_low);
  return x > high ? output_high : x <= low ? output_low : fused_multiply_add(level, step, output_low);
}
// The nearest number with `mantissa` bits after the point, not smaller than steps of `least`, at most `largest`.
FORMULA nearest_small_float(T x, int mantissa, T least, T largest) {
  T limited = clamp<T>(x, -largest, largest), size = abs<T>(limited);
  int exponent;
  if constexpr (sizeof(T) == 4) frexpf(size, &exponent);
  else frexp(size, &exponent);
  T step = maximum<T>(least, T(::exp2f(float(exponent - 1 - mantissa))));
  return rint(limited / step) * step;
}
FORMULA fake_convert(T x, T scale, int mantissa, T least, T largest) {
  return nearest_small_float<T>(exact_product(x, scale), mantissa, least, largest) / scale;
}
FORMULA fake_convert_shifted(T x, T scale, T shift, int mantissa, T least, T largest) {
  return (nearest_small_float<T>(exact_product(x, scale) - shift, mantissa, least, largest) + shift) / scale;
}

#undef FORMULA
}  // namespace formula
