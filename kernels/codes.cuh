// Whole numbers of less than 8 bits as they lie in memory: the order of constants and tensors (ovgpu/graph/packing.py).
// Eight of any type fill whole bytes.
#pragma once

// bits, type of the values, and the value of element n.
struct u1_t {
  typedef unsigned char type;
  static constexpr int bits = 1;
  static __device__ __forceinline__ type at(const unsigned char* p, unsigned n) { return p[n / 8] >> (7 - n % 8) & 1; }
};
struct u2_t {
  typedef unsigned char type;
  static constexpr int bits = 2;
  static __device__ __forceinline__ type at(const unsigned char* p, unsigned n) { return p[n / 4] >> (n % 4 * 2) & 3; }
};
struct u4_t {
  typedef unsigned char type;
  static constexpr int bits = 4;
  static __device__ __forceinline__ type at(const unsigned char* p, unsigned n) { return p[n / 2] >> (n % 2 * 4) & 15; }
};
struct i4_t {
  typedef signed char type;
  static constexpr int bits = 4;
  static __device__ __forceinline__ type at(const unsigned char* p, unsigned n) {
    return (signed char)((u4_t::at(p, n) ^ 8) - 8);
  }
};
// Groups of 8 values in 3 bytes: low two bits of values 0-3, of values 4-7, then all top bits, each from the high end.
struct u3_t {
  typedef unsigned char type;
  static constexpr int bits = 3;
  static __device__ __forceinline__ type at(const unsigned char* p, unsigned n) {
    const unsigned char* group = p + n / 8 * 3;
    const unsigned i = n % 8;
    return (group[i / 4] >> (6 - i % 4 * 2) & 3) | (group[2] >> (7 - i) & 1) << 2;
  }
};
// Groups of 4 values in 3 bytes: low nibbles of values 0 and 1, of values 2 and 3, then all 2-bit tops, each from the high end.
struct u6_t {
  typedef unsigned char type;
  static constexpr int bits = 6;
  static __device__ __forceinline__ type at(const unsigned char* p, unsigned n) {
    const unsigned char* group = p + n / 4 * 3;
    const unsigned i = n % 4;
    return (group[i / 2] >> (4 - i % 2 * 4) & 15) | (group[2] >> (6 - i * 2) & 3) << 4;
  }
};
