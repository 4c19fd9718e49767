// The type of tensors in device memory, and the type that sums are kept in.
//
// A file of kernels is compiled once for each storage type that a model uses: STORAGE_F16, STORAGE_BF16 and STORAGE_I32 choose,
// f32 is the default. Sums are f32 for all floats.
#pragma once
#include "divisor.cuh"

#if defined(STORAGE_F16)
#include <cuda_fp16.h>
typedef __half Element;
typedef float Accumulator;
__device__ __forceinline__ float widen(__half x) { return __half2float(x); }
__device__ __forceinline__ __half narrow(float x) { return __float2half_rn(x); }
#elif defined(STORAGE_BF16)
#include <cuda_bf16.h>
typedef __nv_bfloat16 Element;
typedef float Accumulator;
__device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ __forceinline__ __nv_bfloat16 narrow(float x) { return __float2bfloat16_rn(x); }
#elif defined(STORAGE_I32)
typedef int Element;
typedef int Accumulator;
__device__ __forceinline__ int widen(int x) { return x; }
__device__ __forceinline__ int narrow(int x) { return x; }
#else
typedef float Element;
typedef float Accumulator;
__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float narrow(float x) { return x; }
#endif

#if defined(STORAGE_F16) || defined(STORAGE_BF16)
__device__ __forceinline__ float widen(float x) { return x; }
#endif

// Constants of which there are few may stay in the type of sums.
#if defined(WIDE_BIAS)
typedef Accumulator Summand;
#else
typedef Element Summand;
#endif
#if defined(WIDE_FILTERS)
typedef Accumulator Filter;
#else
typedef Element Filter;
#endif

// Four elements that lie side by side, loaded or stored at once; the address is a multiple of their size.
struct __align__(4 * sizeof(Element)) FourElements {
  Element at[4];
};

__device__ __forceinline__ void load_four(const Element* p, Accumulator* values) {
  FourElements four = *reinterpret_cast<const FourElements*>(p);
#pragma unroll
  for (int i = 0; i < 4; i++) values[i] = widen(four.at[i]);
}

__device__ __forceinline__ void store_four(Element* p, const Accumulator* values) {
  FourElements four;
#pragma unroll
  for (int i = 0; i < 4; i++) four.at[i] = narrow(values[i]);
  *reinterpret_cast<FourElements*>(p) = four;
}

// Into a tile of shared memory, which holds elements (for tensor cores) or the type of sums.
__device__ __forceinline__ void put_element(Accumulator& place, Accumulator x) { place = x; }
#if defined(STORAGE_F16) || defined(STORAGE_BF16)
__device__ __forceinline__ void put_element(Element& place, Accumulator x) { place = narrow(x); }
#endif

// As many elements as 16 bytes hold.
constexpr int PER_16_BYTES = 16 / sizeof(Element);

struct __align__(16) SixteenBytes {
  Element at[PER_16_BYTES];
};

__device__ __forceinline__ void load_16_bytes(const Element* p, Accumulator* values) {
  uint4 bits = *reinterpret_cast<const uint4*>(p);
  const SixteenBytes& all = reinterpret_cast<const SixteenBytes&>(bits);
#pragma unroll
  for (int i = 0; i < PER_16_BYTES; i++) values[i] = widen(all.at[i]);
}

__device__ __forceinline__ void store_16_bytes(Element* p, const Accumulator* values) {
  SixteenBytes all;
#pragma unroll
  for (int i = 0; i < PER_16_BYTES; i++) all.at[i] = narrow(values[i]);
  *reinterpret_cast<uint4*>(p) = reinterpret_cast<const uint4&>(all);
}

constexpr unsigned ALL_LANES = 0xffffffffu;

template <class T>
__device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) x += __shfl_xor_sync(ALL_LANES, x, step);
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, step));
  return x;
}
