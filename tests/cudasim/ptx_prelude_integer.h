// Integer helpers of translated kernels. Compiled with -fwrapv: signed overflow wraps.
#pragma once

#define DIVISION(name, T, minimum)                                                                                     \
  INLINE T div_##name(T a, T b) { return b == 0 ? (T) - 1 : minimum && b == (T) - 1 ? (T)(0 - a) : (T)(a / b); }       \
  INLINE T rem_##name(T a, T b) { return b == 0 ? a : minimum && b == (T) - 1 ? (T)0 : (T)(a % b); }
DIVISION(u16, uint16_t, 0)
DIVISION(s16, int16_t, 1)
DIVISION(u32, uint32_t, 0) DIVISION(s32, int32_t, 1) DIVISION(u64, uint64_t, 0) DIVISION(s64, int64_t, 1)

    INLINE uint16_t mul_hi_u16(uint16_t a, uint16_t b) {
  return (uint32_t)a * b >> 16;
}
INLINE int16_t mul_hi_s16(int16_t a, int16_t b) { return (int32_t)a * b >> 16; }
INLINE uint32_t mul_hi_u32(uint32_t a, uint32_t b) { return (uint64_t)a * b >> 32; }
INLINE int32_t mul_hi_s32(int32_t a, int32_t b) { return (int64_t)a * b >> 32; }
INLINE uint64_t mul_hi_u64(uint64_t a, uint64_t b) { return (uint128_t)a * b >> 64; }
INLINE int64_t mul_hi_s64(int64_t a, int64_t b) { return (int128_t)a * b >> 64; }
INLINE uint32_t mul_wide_u16(uint16_t a, uint16_t b) { return (uint32_t)a * b; }
INLINE int32_t mul_wide_s16(int16_t a, int16_t b) { return (int32_t)a * b; }
INLINE uint64_t mul_wide_u32(uint32_t a, uint32_t b) { return (uint64_t)a * b; }
INLINE int64_t mul_wide_s32(int32_t a, int32_t b) { return (int64_t)a * b; }
INLINE int64_t mul24_s32(int32_t a, int32_t b) { return (int64_t)(a << 8 >> 8) * (b << 8 >> 8); }
INLINE uint64_t mul24_u32(uint32_t a, uint32_t b) { return (uint64_t)(a & 0xffffff) * (b & 0xffffff); }

#define CARRY(bits)                                                                                                    \
  INLINE uint##bits##_t add_carry_##bits(uint##bits##_t a, uint##bits##_t b, uint8_t in, uint8_t* out) {               \
    uint128_t sum = (uint128_t)a + b + in;                                                                             \
    *out = (uint8_t)(sum >> bits & 1);                                                                                 \
    return (uint##bits##_t)sum;                                                                                        \
  }                                                                                                                    \
  INLINE uint##bits##_t sub_borrow_##bits(uint##bits##_t a, uint##bits##_t b, uint8_t in, uint8_t* out) {              \
    uint128_t difference = (uint128_t)a - b - in;                                                                      \
    *out = (uint8_t)(difference >> bits & 1);                                                                          \
    return (uint##bits##_t)difference;                                                                                 \
  }
CARRY(32)
CARRY(64)

INLINE int32_t clamp_s32(int64_t x) { return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x; }
INLINE int32_t relu_s32(int32_t x) { return x < 0 ? 0 : x; }
#define CLAMP(name, T, low, high)                                                                                      \
  INLINE T clamp_wide_##name(int128_t x) { return x < low ? (T)low : x > high ? (T)high : (T)x; }
CLAMP(u8, uint8_t, 0, UINT8_MAX)
CLAMP(s8, int8_t, INT8_MIN, INT8_MAX)
CLAMP(u16, uint16_t, 0, UINT16_MAX) CLAMP(s16, int16_t, INT16_MIN, INT16_MAX) CLAMP(u32, uint32_t, 0, UINT32_MAX)
    CLAMP(s32, int32_t, INT32_MIN, INT32_MAX) CLAMP(u64, uint64_t, 0, UINT64_MAX)
        CLAMP(s64, int64_t, INT64_MIN, INT64_MAX)
// ---------------------------------------------------------------------------------------- dot products
#define BYTE_u32(x, i) ((int64_t)(uint8_t)((x) >> 8 * (i)))
#define BYTE_s32(x, i) ((int64_t)(int8_t)((x) >> 8 * (i)))
#define HALF_u32(x, i) ((int64_t)(uint16_t)((x) >> 16 * (i)))
#define HALF_s32(x, i) ((int64_t)(int16_t)((x) >> 16 * (i)))
#define DOT(A, B)                                                                                                      \
  INLINE uint32_t dp4a_##A##_##B(uint32_t a, uint32_t b, uint32_t c) {                                                 \
    for (int i = 0; i < 4; i++) c += (uint32_t)(BYTE_##A(a, i) * BYTE_##B(b, i));                                      \
    return c;                                                                                                          \
  }                                                                                                                    \
  INLINE uint32_t dp2a_lo_##A##_##B(uint32_t a, uint32_t b, uint32_t c) {                                              \
    for (int i = 0; i < 2; i++) c += (uint32_t)(HALF_##A(a, i) * BYTE_##B(b, i));                                      \
    return c;                                                                                                          \
  }                                                                                                                    \
  INLINE uint32_t dp2a_hi_##A##_##B(uint32_t a, uint32_t b, uint32_t c) {                                              \
    for (int i = 0; i < 2; i++) c += (uint32_t)(HALF_##A(a, i) * BYTE_##B(b, i + 2));                                  \
    return c;                                                                                                          \
  }
            DOT(u32, u32) DOT(u32, s32) DOT(s32, u32) DOT(s32, s32)

// ---------------------------------------------------------------------------------------- 16-bit pairs
#define PAIR(name, T, operation, expression)                                                                           \
  INLINE uint32_t operation##_##name(uint32_t x, uint32_t y) {                                                         \
    T a = (T)x, b = (T)y;                                                                                              \
    uint16_t low = (uint16_t)(expression);                                                                             \
    a = (T)(x >> 16), b = (T)(y >> 16);                                                                                \
    return pack_halves(low, (uint16_t)(expression));                                                                   \
  }
                PAIR(u16x2, uint16_t, add, a + b) PAIR(s16x2, int16_t, add, a + b)
                    PAIR(u16x2, uint16_t, min, a < b ? a : b) PAIR(s16x2, int16_t, min, a < b ? a : b)
                        PAIR(u16x2, uint16_t, max, a > b ? a : b) PAIR(s16x2, int16_t, max, a > b ? a : b)

    // ---------------------------------------------------------------------------------------- bit fields
    INLINE uint32_t clz_b32(uint32_t x) {
  return x ? __builtin_clz(x) : 32;
}
INLINE uint32_t clz_b64(uint64_t x) { return x ? __builtin_clzll(x) : 64; }
INLINE uint32_t bfind_u32(uint32_t x) { return x ? 31 - __builtin_clz(x) : 0xffffffffu; }
INLINE uint32_t bfind_u64(uint64_t x) { return x ? 63 - __builtin_clzll(x) : 0xffffffffu; }
INLINE uint32_t bfind_s32(int32_t x) { return bfind_u32(x < 0 ? ~x : x); }
INLINE uint32_t bfind_s64(int64_t x) { return bfind_u64(x < 0 ? ~x : x); }
INLINE uint32_t bfind_shift_u32(uint32_t x) { return x ? 31 - bfind_u32(x) : 0xffffffffu; }
INLINE uint32_t bfind_shift_u64(uint64_t x) { return x ? 63 - bfind_u64(x) : 0xffffffffu; }
INLINE uint32_t bfind_shift_s32(int32_t x) { return bfind_shift_u32(x < 0 ? ~x : x); }
INLINE uint32_t bfind_shift_s64(int64_t x) { return bfind_shift_u64(x < 0 ? ~x : x); }
INLINE uint64_t brev_b64(uint64_t x) {
  uint64_t r = 0;
  for (int i = 0; i < 64; i++) r |= (x >> i & 1) << (63 - i);
  return r;
}
INLINE uint32_t brev_b32(uint32_t x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
  return __builtin_bswap32(x);
}
// position and length are taken modulo 256; bits above the value repeat its sign (or 0)
INLINE uint64_t bfe_bits(uint64_t a, int is_signed, unsigned bits, uint32_t b, uint32_t c) {
  unsigned position = b & 255, length = c & 255, top = position + length - 1;
  if (length == 0) return 0;
  if (top > bits - 1) top = bits - 1;
  uint64_t sign = is_signed ? a >> top & 1 : 0, result = 0;
  for (unsigned i = 0; i < bits; i++)
    result |= (i < length && position + i < bits ? a >> (position + i) & 1 : sign) << i;
  return result;
}
INLINE uint32_t bfe_u32(uint32_t a, uint32_t b, uint32_t c) {
  unsigned position = b & 255, length = c & 255;
  uint32_t shifted = position > 31 ? 0 : a >> position;
  return length > 31 ? shifted : shifted & ((1u << length) - 1);
}
INLINE int32_t bfe_s32(int32_t a, uint32_t b, uint32_t c) { return bfe_bits((uint32_t)a, 1, 32, b, c); }
INLINE uint64_t bfe_u64(uint64_t a, uint32_t b, uint32_t c) { return bfe_bits(a, 0, 64, b, c); }
INLINE int64_t bfe_s64(int64_t a, uint32_t b, uint32_t c) { return bfe_bits(a, 1, 64, b, c); }
INLINE uint64_t bfi_b64(uint64_t a, uint64_t b, uint32_t c, uint32_t d) {
  unsigned position = c & 255, length = d & 255;
  for (unsigned i = 0; i < length && position + i < 64; i++) {
    uint64_t bit = 1ull << (position + i);
    b = (b & ~bit) | (i < 64 && a >> i & 1 ? bit : 0);
  }
  return b;
}
INLINE uint32_t bfi_b32(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  unsigned position = c & 255, length = d & 255;
  if (position > 31 || length == 0) return b;
  uint32_t mask = (length > 31 ? 0xffffffffu : (1u << length) - 1) << position;
  return (b & ~mask) | (a << position & mask);
}
INLINE uint32_t bmsk_clamp(uint32_t position, uint32_t length) {
  if (position > 31) return 0;
  uint32_t ones = length > 31 ? 0xffffffffu : (1u << length) - 1;
  return ones << position;
}
INLINE uint32_t bmsk_wrap(uint32_t position, uint32_t length) { return bmsk_clamp(position & 31, length & 31); }
// extend from the low n bits; clamp: n >= 32 leaves the value, n = 0 gives 0
INLINE uint32_t szext_clamp_u32(uint32_t a, uint32_t n) { return n > 31 ? a : a & ((1u << n) - 1); }
INLINE int32_t szext_clamp_s32(int32_t a, uint32_t n) {
  return n > 31 ? a : n == 0 ? 0 : (int32_t)((uint32_t)a << (32 - n)) >> (32 - n);
}
INLINE uint32_t szext_wrap_u32(uint32_t a, uint32_t n) { return szext_clamp_u32(a, n & 31); }
INLINE int32_t szext_wrap_s32(int32_t a, uint32_t n) { return szext_clamp_s32(a, n & 31); }
// the offset-th set bit from base (upwards or downwards); 0xffffffff if there is none
INLINE uint32_t fns(uint32_t mask, uint32_t base, int32_t offset) {
  if (offset == 0) return base < 32 && mask >> base & 1 ? base : 0xffffffffu;
  int step = offset > 0 ? 1 : -1, wanted = offset > 0 ? offset : -offset;
  for (int64_t i = base; i >= 0 && i < 32; i += step)
    if ((mask >> i & 1) && --wanted == 0) return (uint32_t)i;
  return 0xffffffffu;
}
INLINE uint32_t shf_l_clamp(uint32_t a, uint32_t b, uint32_t n) {
  return n > 31 ? a : n == 0 ? b : b << n | a >> (32 - n);
}
INLINE uint32_t shf_l_wrap(uint32_t a, uint32_t b, uint32_t n) { return shf_l_clamp(a, b, n & 31); }
INLINE uint32_t shf_r_clamp(uint32_t a, uint32_t b, uint32_t n) {
  return n > 31 ? b : n == 0 ? a : a >> n | b << (32 - n);
}
INLINE uint32_t shf_r_wrap(uint32_t a, uint32_t b, uint32_t n) { return shf_r_clamp(a, b, n & 31); }
// table: the result bit for each of the 8 inputs abc
INLINE uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t r = 0;
  if (table & 1) r |= ~a & ~b & ~c;
  if (table & 2) r |= ~a & ~b & c;
  if (table & 4) r |= ~a & b & ~c;
  if (table & 8) r |= ~a & b & c;
  if (table & 16) r |= a & ~b & ~c;
  if (table & 32) r |= a & ~b & c;
  if (table & 64) r |= a & b & ~c;
  if (table & 128) r |= a & b & c;
  return r;
}
// each nibble of s picks one of the 8 bytes of b:a; its top bit asks for the byte's sign instead
INLINE uint32_t prmt(uint32_t a, uint32_t b, uint32_t s) {
  uint64_t bytes = (uint64_t)b << 32 | a;
  uint32_t r = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t pick = s >> 4 * i & 15, byte = (uint8_t)(bytes >> 8 * (pick & 7));
    if (pick & 8) byte = byte & 128 ? 255 : 0;
    r |= byte << 8 * i;
  }
  return r;
}
#define PRMT_MODE(name, s0, s1, s2, s3)                                                                                \
  INLINE uint32_t prmt_##name(uint32_t a, uint32_t b, uint32_t s) {                                                    \
    static const uint16_t pick[4] = {s0, s1, s2, s3};                                                                  \
    return prmt(a, b, pick[s & 3]);                                                                                    \
  }
PRMT_MODE(f4e, 0x3210, 0x4321, 0x5432, 0x6543)
PRMT_MODE(b4e, 0x5670, 0x6701, 0x7012, 0x0123)
PRMT_MODE(rc8, 0x0000, 0x1111, 0x2222, 0x3333)
PRMT_MODE(ecl, 0x3210, 0x3211, 0x3222, 0x3333)
PRMT_MODE(ecr, 0x0000, 0x1110, 0x2210, 0x3210)
PRMT_MODE(rc16, 0x1010, 0x3232, 0x1010, 0x3232)

// ---------------------------------------------------------------------------------------- warp
// c: bits 0-4 the clamp, bits 8-12 the segment mask. Lanes out of range keep their own value.
INLINE uint32_t shuffle(int mode, uint32_t lane, uint32_t value, uint32_t b, uint32_t c, uint32_t mask,
                        uint8_t* in_range, int line) {
  int segment = c >> 8 & 31, clamp = c & 31, self = lane & 31, delta = b & 31;
  int max_lane = (self & segment) | (clamp & ~segment), min_lane = self & segment;
  int source, ok;
  switch (mode) {
  case 0: source = self - delta, ok = source >= max_lane; break;  // up: the clamp is the lowest lane
  case 1: source = self + delta, ok = source <= max_lane; break;
  case 2: source = self ^ delta, ok = source <= max_lane; break;
  default: source = min_lane | (delta & ~segment), ok = source <= max_lane;
  }
  *in_range = ok;
  return (uint32_t)cudasim_warp(CUDASIM_WARP_SHFL, mask, value, ok ? source : self, line);
}
