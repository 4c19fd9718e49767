// Element types as they lie in memory, the types in which they are computed, and conversions between them.
//
// The 16-bit floats are types of our own: the conversions are one instruction each, and cuda_fp16.h would take longer to
// compile than the kernels that include this.
#pragma once

struct alignas(2) half_t {
  unsigned short bits;
};
struct alignas(2) bfloat16_t {
  unsigned short bits;
};
struct boolean_t {
  unsigned char byte;
};

__device__ __forceinline__ float infinity() { return __int_as_float(0x7f800000); }
__device__ __forceinline__ float not_a_number() { return __int_as_float(0x7fffffff); }

// ---- storage <-> arithmetic ------------------------------------------------------------------------------------------
template <class T> struct Arithmetic { typedef T type; };
template <> struct Arithmetic<half_t> { typedef float type; };
template <> struct Arithmetic<bfloat16_t> { typedef float type; };
template <> struct Arithmetic<boolean_t> { typedef bool type; };

template <class T> __device__ __forceinline__ T unpack(T x) { return x; }
__device__ __forceinline__ float unpack(half_t x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}
__device__ __forceinline__ float unpack(bfloat16_t x) { return __uint_as_float(unsigned(x.bits) << 16); }
__device__ __forceinline__ bool unpack(boolean_t x) { return x.byte != 0; }

// The nearest T, ties to even.
template <class T> struct Packer {
  static __device__ __forceinline__ T pack(T x) { return x; }
};
template <> struct Packer<half_t> {
  static __device__ __forceinline__ half_t pack(float x) {
    half_t y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
  }
};
template <> struct Packer<bfloat16_t> {
  static __device__ __forceinline__ bfloat16_t pack(float x) {
    bfloat16_t y;
#if __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
#else
    unsigned bits = __float_as_uint(x);
    y.bits = x != x ? 0x7fff : (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
#endif
    return y;
  }
};
template <> struct Packer<boolean_t> {
  static __device__ __forceinline__ boolean_t pack(bool x) {
    boolean_t y;
    y.byte = x;
    return y;
  }
};
template <class T> __device__ __forceinline__ T pack(typename Arithmetic<T>::type x) { return Packer<T>::pack(x); }

// ---- facts about arithmetic types ------------------------------------------------------------------------------------
template <class T> struct Facts { static constexpr bool real = false, is_signed = false; };
template <> struct Facts<float> { static constexpr bool real = true, is_signed = true; };
template <> struct Facts<double> { static constexpr bool real = true, is_signed = true; };
template <> struct Facts<signed char> { static constexpr bool real = false, is_signed = true; };
template <> struct Facts<short> { static constexpr bool real = false, is_signed = true; };
template <> struct Facts<int> { static constexpr bool real = false, is_signed = true; };
template <> struct Facts<long long> { static constexpr bool real = false, is_signed = true; };

// Integers wrap: their sums and products are computed without sign, whose overflow C++ leaves undefined.
template <class T> struct Wrapping { typedef T type; };
template <> struct Wrapping<signed char> { typedef unsigned type; };
template <> struct Wrapping<short> { typedef unsigned type; };
template <> struct Wrapping<int> { typedef unsigned type; };
template <> struct Wrapping<unsigned char> { typedef unsigned type; };
template <> struct Wrapping<unsigned short> { typedef unsigned type; };
template <> struct Wrapping<long long> { typedef unsigned long long type; };

// ---- vectors of V neighbours -----------------------------------------------------------------------------------------
template <int BYTES> struct Word;
template <> struct Word<1> { typedef unsigned char type; };
template <> struct Word<2> { typedef unsigned short type; };
template <> struct Word<4> { typedef unsigned type; };
template <> struct Word<8> { typedef uint2 type; };
template <> struct Word<16> { typedef uint4 type; };

// V elements as one load (or as many 16-byte loads as they need) from an address that is a multiple of their size.
template <int V, class T> __device__ __forceinline__ void load_vector(const T* source, T (&target)[V]) {
  constexpr int bytes = sizeof(T) * V, word = bytes < 16 ? bytes : 16;
  typedef typename Word<word>::type W;
#pragma unroll
  for (int i = 0; i < bytes / word; i++) {
    W w = reinterpret_cast<const W*>(source)[i];
    memcpy(target + i * (word / sizeof(T)), &w, word);
  }
}

template <int V, class T> __device__ __forceinline__ void store_vector(T* target, const T (&source)[V]) {
  constexpr int bytes = sizeof(T) * V, word = bytes < 16 ? bytes : 16;
  typedef typename Word<word>::type W;
#pragma unroll
  for (int i = 0; i < bytes / word; i++) {
    W w;
    memcpy(&w, source + i * (word / sizeof(T)), word);
    reinterpret_cast<W*>(target)[i] = w;
  }
}
