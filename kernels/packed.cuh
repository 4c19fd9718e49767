// Element types of at most 8 bits as they lie in memory: the order of constants and tensors (ovgpu/graph/packing.py).
#pragma once
#include "codes.cuh"
#include "small_floats.cuh"
#include "types.cuh"

// ---- 8-bit floats (OCP OFP8 and MX) ----------------------------------------------------------------------------------
struct f8e4m3_t {
  unsigned char bits;
};
struct f8e5m2_t {
  unsigned char bits;
};
struct f8e8m0_t {
  unsigned char bits;
};
template <> struct Arithmetic<f8e4m3_t> { typedef float type; };
template <> struct Arithmetic<f8e5m2_t> { typedef float type; };
template <> struct Arithmetic<f8e8m0_t> { typedef float type; };

__device__ __forceinline__ float unpack(f8e4m3_t x) { return f8e4m3_number(x.bits); }
__device__ __forceinline__ float unpack(f8e5m2_t x) { return f8e5m2_number(x.bits); }
// A power of two without sign; 0 stands for 2^-127.
__device__ __forceinline__ float unpack(f8e8m0_t x) {
  return __uint_as_float(x.bits == 255 ? 0x7fffffffu : x.bits == 0 ? 0x400000u : unsigned(x.bits) << 23);
}

// The nearest code, ties to even; `overflow` for what rounds to more than `largest`, and for infinity.
__device__ __forceinline__ unsigned char encode_float8(float x, int mantissa, int bias, unsigned largest,
                                                       unsigned overflow) {
  const unsigned bits = __float_as_uint(x) & 0x7fffffff, sign = __float_as_uint(x) >> 24 & 0x80;
  if (x != x) return (unsigned char)(sign | 0x7f);
  unsigned code;
  if (bits >> 23 < unsigned(128 - bias)) {  // below the normal numbers: multiples of the smallest one
    code = unsigned(rintf(__uint_as_float(bits) * __uint_as_float(unsigned(126 + bias + mantissa) << 23)));
  } else {
    const int dropped = 23 - mantissa;
    const unsigned rounded = bits + (1u << (dropped - 1)) - 1 + (bits >> dropped & 1);
    code = (rounded >> dropped) - (unsigned(127 - bias) << mantissa);
  }
  return (unsigned char)(sign | (code > largest ? overflow : code));
}
template <> struct Packer<f8e4m3_t> {
  static __device__ __forceinline__ f8e4m3_t pack(float x) { return {encode_float8(x, 3, 7, 0x7e, 0x7f)}; }
};
template <> struct Packer<f8e5m2_t> {
  static __device__ __forceinline__ f8e5m2_t pack(float x) { return {encode_float8(x, 2, 15, 0x7b, 0x7c)}; }
};
// The exponent, rounded by the fraction, ties to even; the smallest power for what is not positive.
template <> struct Packer<f8e8m0_t> {
  static __device__ __forceinline__ f8e8m0_t pack(float x) {
    const unsigned bits = __float_as_uint(x), exponent = bits >> 23 & 0xff, fraction = bits & 0x7fffff;
    if (x != x) return {255};
    if (bits >> 31 || bits == 0) return {0};
    const unsigned code = exponent + (fraction > 0x400000 || (fraction == 0x400000 && (exponent & 1)));
    return {(unsigned char)(code > 254 ? 254 : code)};
  }
};

// ---- types below 8 bits: whole numbers are in codes.cuh ---------------------------------------------------------------
// In global memory: lanes that read different entries of constant memory wait for each other.
static __device__ const float nf4_numbers[16] = NF4_NUMBERS;
struct nf4_t {
  typedef float type;
  static constexpr int bits = 4;
  static __device__ __forceinline__ type at(const unsigned char* p, unsigned n) { return nf4_numbers[u4_t::at(p, n)]; }
};
struct f4e2m1_t {
  typedef float type;
  static constexpr int bits = 4;
  static __device__ __forceinline__ type at(const unsigned char* p, unsigned n) { return f4e2m1_number(u4_t::at(p, n)); }
};

// V values from element `offset` on (a multiple of V, which makes whole groups), or V times that one.
template <class P, int V>
__device__ __forceinline__ void load_packed(const unsigned char* source, unsigned offset, bool moves,
                                            typename P::type (&target)[V]) {
  if constexpr (V == 1) {
    target[0] = P::at(source, offset);
  } else {
    if (!moves) {
      const typename P::type x = P::at(source, offset);
#pragma unroll
      for (int e = 0; e < V; e++) target[e] = x;
      return;
    }
    constexpr int bytes = V * P::bits / 8;
    const unsigned char* first = source + (unsigned long long)offset * P::bits / 8;
    unsigned char part[bytes];
    if constexpr ((bytes & (bytes - 1)) == 0) {
      load_vector<bytes>(first, part);
    } else {
#pragma unroll
      for (int i = 0; i < bytes; i++) part[i] = first[i];
    }
#pragma unroll
    for (int e = 0; e < V; e++) target[e] = P::at(part, e);
  }
}
