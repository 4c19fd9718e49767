// Packed weights: from codes of 1 to 8 bits in memory to numbers. WEIGHTS_U1 ... WEIGHTS_U8, WEIGHTS_I4, WEIGHTS_I8, WEIGHTS_NF4,
// WEIGHTS_F4E2M1, WEIGHTS_F8E4M3 or WEIGHTS_F8E5M2 says what the codes mean and how they lie in memory.
#pragma once
#include "codes.cuh"
#include "small_floats.cuh"
#include "storage.cuh"

#if defined(WEIGHTS_U8) || defined(WEIGHTS_I8) || defined(WEIGHTS_F8E4M3) || defined(WEIGHTS_F8E5M2)
struct Codes {
  static constexpr int bits = 8;
  static __device__ __forceinline__ unsigned at(const unsigned char* p, unsigned n) { return p[n]; }
};
#elif defined(WEIGHTS_U6)
typedef u6_t Codes;
#elif defined(WEIGHTS_U3)
typedef u3_t Codes;
#elif defined(WEIGHTS_U2)
typedef u2_t Codes;
#elif defined(WEIGHTS_U1)
typedef u1_t Codes;
#else
typedef u4_t Codes;  // i4, nf4 and f4e2m1 too
#endif
constexpr int BITS = Codes::bits;
// Codes of 3 and 6 bits lie in groups of bytes and are taken one by one; the others fill words.
constexpr bool FILLS_WORDS = 32 % BITS == 0;

#if defined(WEIGHTS_NF4)
// In shared memory: every lane asks for another one.
struct Decoder {
  const float* numbers;
  __device__ __forceinline__ float operator()(unsigned code) const { return numbers[code & 15]; }
};
#define DECODER(NAME)                                            \
  __shared__ float nf4_numbers[16];                              \
  if (threadIdx.x == 0) {                                        \
    const float all[16] = NF4_NUMBERS;                           \
    for (int i = 0; i < 16; i++) nf4_numbers[i] = all[i];        \
  }                                                              \
  __syncthreads();                                               \
  const Decoder NAME = {nf4_numbers}
#else
// The number of a code, whose word may have other bits above it.
struct Decoder {
  __device__ __forceinline__ float operator()(unsigned code) const {
#if defined(WEIGHTS_I8)
    return static_cast<float>(static_cast<signed char>(code & 255));
#elif defined(WEIGHTS_I4)
    return static_cast<float>(static_cast<int>((code & 15) ^ 8) - 8);
#elif defined(WEIGHTS_F8E4M3)
    return f8e4m3_number(code & 255);
#elif defined(WEIGHTS_F8E5M2)
    return f8e5m2_number(code & 255);
#elif defined(WEIGHTS_F4E2M1)
    return f4e2m1_number(code & 15);
#else
    return static_cast<float>(code & ((1u << BITS) - 1));
#endif
  }
};
#define DECODER(NAME) const Decoder NAME = {}
#endif

__device__ __forceinline__ unsigned code_at(const unsigned char* weights, long long index) {
  return Codes::at(weights + (index >> 3) * BITS, index & 7);
}

// Where a word has its code number i; a byte of u1 begins with its highest bit.
__device__ __forceinline__ constexpr int shift_of(int i) { return BITS == 1 ? (i & 24) + 7 - (i & 7) : i * BITS; }

// Eight codes, which fill whole bytes whatever their size.
struct EightCodes {
  static constexpr int WORDS = (BITS + 3) / 4;
  unsigned words[WORDS];

  // `index` is a multiple of eight; where codes fill words, their address is a multiple of their size.
  __device__ __forceinline__ void load(const unsigned char* weights, long long index) {
    const unsigned char* p = weights + (index >> 3) * BITS;
    if constexpr (BITS == 8) {
      const uint2 both = *reinterpret_cast<const uint2*>(p);
      words[0] = both.x, words[WORDS - 1] = both.y;
    } else if constexpr (BITS == 4) {
      words[0] = *reinterpret_cast<const unsigned*>(p);
    } else if constexpr (BITS == 2) {
      words[0] = *reinterpret_cast<const unsigned short*>(p);
    } else if constexpr (BITS == 1) {
      words[0] = *p;
    } else {
      clear();
#pragma unroll
      for (int i = 0; i < BITS; i++) words[i / 4] |= static_cast<unsigned>(p[i]) << i % 4 * 8;
    }
  }

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < WORDS; i++) words[i] = 0;
  }

  // Code number i, perhaps with other bits above it.
  __device__ __forceinline__ unsigned at(int i) const {
    if constexpr (FILLS_WORDS)
      return words[i * BITS / 32] >> shift_of(i) % 32;
    else
      return Codes::at(reinterpret_cast<const unsigned char*>(words), i);
  }
};

__device__ __forceinline__ float zero_at(const Element* zeros, long long index) { return zeros ? widen(zeros[index]) : 0.f; }
