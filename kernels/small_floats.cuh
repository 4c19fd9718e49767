// Numbers that the codes of floats of 4 and 8 bits stand for.
#pragma once

// OCP OFP8. Without infinity; the largest code is NaN.
__device__ __forceinline__ float f8e4m3_number(unsigned code) {
  const unsigned size = code & 0x7f, sign = (code & 0x80) << 24;
  const float small = float(size) * 0.001953125f;  // steps of 2^-9
  const float normal = __uint_as_float((size << 20) + (120u << 23));
  const float value = size == 0x7f ? __uint_as_float(0x7fffffffu) : size < 8 ? small : normal;
  return __uint_as_float(__float_as_uint(value) | sign);
}

// OCP OFP8. The upper half of an f16.
__device__ __forceinline__ float f8e5m2_number(unsigned code) {
  float number;
  asm("cvt.f32.f16 %0, %1;" : "=f"(number) : "h"((unsigned short)(code << 8)));
  return number;
}

// OCP MX: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and a sign.
__device__ __forceinline__ float f4e2m1_number(unsigned code) {
  const unsigned size = code & 7;
  const unsigned value = size == 0 ? 0 : size == 1 ? 0x3f000000u : (size << 22) + (126u << 23);
  return __uint_as_float(value | (code & 8) << 28);
}

// Quantiles of the normal distribution, scaled to [-1, 1] (Dettmers et al., "QLoRA", 2023).
#define NF4_NUMBERS                                                                             \
  {                                                                                             \
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,                   \
        -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,              \
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, \
        0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f                    \
  }
