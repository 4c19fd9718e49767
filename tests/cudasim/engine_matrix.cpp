// Tensor-core instructions. Every lane of the warp holds a fragment; the PTX ISA's fragment tables all follow one
// pattern (m8n8k4 of f16, Volta's, is the exception and is not offered):
//
//   A 32-bit register holds E = 32 / bits elements along k. With g = lane / 4 and t = lane % 4,
//   register r of A holds row g + 8*(r%2), columns (r/2)*4E + t*E + 0..E-1     (m = 8: only even registers exist)
//   register r of B holds column g, rows r*4E + t*E + 0..E-1
//   element i of C and D is at row g + 8*(i/2), column 2t + i%2
//
// The sums run in ascending k, in f32 (f64, s32); the hardware's order and its truncation are its own.
#include <immintrin.h>

#include <cmath>
#include <cstring>

#include "engine_internal.h"

namespace cudasim {

static float bits_to_float(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
static uint32_t float_to_bits(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return bits;
}

// e4m3: bias 7, no infinity, 0x7f is NaN. e5m2: the upper half of an f16.
static float e4m3_to_float(uint32_t x) {
  int exponent = x >> 3 & 15, mantissa = x & 7;
  float magnitude = exponent == 15 && mantissa == 7 ? NAN
                    : exponent                      ? std::ldexp(1 + mantissa / 8.f, exponent - 7)
                                                    : std::ldexp(mantissa / 8.f, -6);
  return x & 128 ? -magnitude : magnitude;
}

static int bits_of(int type) {
  switch (type) {
  case CUDASIM_F64: return 64;
  case CUDASIM_F32:
  case CUDASIM_S32:
  case CUDASIM_TF32: return 32;
  case CUDASIM_F16:
  case CUDASIM_BF16: return 16;
  case CUDASIM_S4:
  case CUDASIM_U4: return 4;
  default: return 8;
  }
}

static float float_element(const uint32_t* registers, int index, int type) {
  int bits = bits_of(type), per_register = 32 / bits;
  uint32_t raw = registers[index / per_register] >> (index % per_register * bits);
  switch (type) {
  case CUDASIM_F16: return _cvtsh_ss(raw & 0xffff);
  case CUDASIM_BF16: return bits_to_float(raw << 16);
  case CUDASIM_TF32: return bits_to_float(raw & 0xffffe000u);  // the hardware ignores the low 13 bits
  case CUDASIM_E4M3: return e4m3_to_float(raw & 255);
  default: return _cvtsh_ss((raw & 255) << 8);  // e5m2
  }
}

static int32_t int_element(const uint32_t* registers, int index, int type) {
  int bits = bits_of(type), per_register = 32 / bits;
  uint32_t raw = registers[index / per_register] >> (index % per_register * bits);
  bool is_signed = type == CUDASIM_S8 || type == CUDASIM_S4;
  uint32_t up = raw << (32 - bits);
  return is_signed ? static_cast<int32_t>(up) >> (32 - bits) : static_cast<int32_t>(up >> (32 - bits));
}

static double double_element(const uint32_t* registers, int index, int) {
  double d;
  memcpy(&d, registers + 2 * index, 8);
  return d;
}

constexpr int kMaxM = 16, kN = 8, kMaxK = 64;

// Gather both operands from the lanes' fragments: a is m x k, b is k x n.
template <class T, class Element>
static void gather(Fiber* const lanes[32], const cudasim_mma_shape& s, T a[kMaxM][kMaxK], T b[kMaxK][kN],
                   Element element) {
  int a_per_register = s.a_type == CUDASIM_F64 ? 1 : 32 / bits_of(s.a_type);
  int row_blocks = s.m / 8, a_count = s.m * s.k / 32, b_count = s.k * kN / 32;
  for (int lane = 0; lane < 32; lane++) {
    auto* r = reinterpret_cast<cudasim_mma_registers*>(lanes[lane]->value);
    int g = lane / 4, t = lane % 4, e = a_per_register;
    for (int i = 0; i < a_count; i++) {
      int reg = i / e, row = g + 8 * (reg % row_blocks);
      a[row][reg / row_blocks * 4 * e + t * e + i % e] = element(r->a, i, s.a_type);
    }
    for (int i = 0; i < b_count; i++) b[i / e * 4 * e + t * e + i % e][g] = element(r->b, i, s.b_type);
  }
}

template <class T>
static void multiply(const cudasim_mma_shape& s, const T a[kMaxM][kMaxK], const T b[kMaxK][kN], T c[kMaxM][kN]) {
  for (int row = 0; row < s.m; row++)
    for (int k = 0; k < s.k; k++)
      for (int column = 0; column < kN; column++) c[row][column] += a[row][k] * b[k][column];
}

static float read_float_accumulator(const uint32_t* c, int i, int type) {
  return type == CUDASIM_F16 ? _cvtsh_ss(c[i / 2] >> (16 * (i % 2)) & 0xffff) : bits_to_float(c[i]);
}

static void mma_float(Fiber* const lanes[32], const cudasim_mma_shape& s) {
  float a[kMaxM][kMaxK], b[kMaxK][kN], c[kMaxM][kN];
  gather(lanes, s, a, b, float_element);
  int c_count = s.m * kN / 32;
  for (int lane = 0; lane < 32; lane++) {
    auto* r = reinterpret_cast<cudasim_mma_registers*>(lanes[lane]->value);
    for (int i = 0; i < c_count; i++)
      c[lane / 4 + 8 * (i / 2)][lane % 4 * 2 + i % 2] = read_float_accumulator(r->c, i, s.accumulator_type);
  }
  multiply(s, a, b, c);
  for (int lane = 0; lane < 32; lane++) {
    auto* r = reinterpret_cast<cudasim_mma_registers*>(lanes[lane]->value);
    for (int i = 0; i < c_count; i++) {
      float value = c[lane / 4 + 8 * (i / 2)][lane % 4 * 2 + i % 2];
      if (s.result_type == CUDASIM_F16) {
        uint32_t half = _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT), shift = 16 * (i % 2);
        r->d[i / 2] = (i % 2 ? r->d[i / 2] & 0xffff : 0) | half << shift;
      } else {
        r->d[i] = float_to_bits(value);
      }
    }
  }
}

static void mma_int(Fiber* const lanes[32], const cudasim_mma_shape& s) {
  static int64_t a[kMaxM][kMaxK], b[kMaxK][kN], c[kMaxM][kN];
  gather(lanes, s, a, b, int_element);
  int c_count = s.m * kN / 32;
  for (int lane = 0; lane < 32; lane++) {
    auto* r = reinterpret_cast<cudasim_mma_registers*>(lanes[lane]->value);
    for (int i = 0; i < c_count; i++) c[lane / 4 + 8 * (i / 2)][lane % 4 * 2 + i % 2] = static_cast<int32_t>(r->c[i]);
  }
  multiply(s, a, b, c);
  for (int lane = 0; lane < 32; lane++) {
    auto* r = reinterpret_cast<cudasim_mma_registers*>(lanes[lane]->value);
    for (int i = 0; i < c_count; i++) {
      int64_t value = c[lane / 4 + 8 * (i / 2)][lane % 4 * 2 + i % 2];
      if (s.saturate) value = value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value;
      r->d[i] = static_cast<uint32_t>(value);
    }
  }
}

static void mma_double(Fiber* const lanes[32], const cudasim_mma_shape& s) {
  double a[kMaxM][kMaxK], b[kMaxK][kN], c[kMaxM][kN];
  gather(lanes, s, a, b, double_element);
  int c_count = s.m * kN / 32;
  for (int lane = 0; lane < 32; lane++) {
    auto* r = reinterpret_cast<cudasim_mma_registers*>(lanes[lane]->value);
    for (int i = 0; i < c_count; i++) c[lane / 4 + 8 * (i / 2)][lane % 4 * 2 + i % 2] = double_element(r->c, i, 0);
  }
  multiply(s, a, b, c);
  for (int lane = 0; lane < 32; lane++) {
    auto* r = reinterpret_cast<cudasim_mma_registers*>(lanes[lane]->value);
    for (int i = 0; i < c_count; i++) memcpy(r->d + 2 * i, &c[lane / 4 + 8 * (i / 2)][lane % 4 * 2 + i % 2], 8);
  }
}

void execute_mma(Fiber* const lanes[32]) {
  auto* first = reinterpret_cast<cudasim_mma_registers*>(lanes[0]->value);
  const cudasim_mma_shape& shape = *first->shape;
  if (shape.accumulator_type == CUDASIM_F64)
    mma_double(lanes, shape);
  else if (shape.accumulator_type == CUDASIM_S32)
    mma_int(lanes, shape);
  else
    mma_float(lanes, shape);
}

// ---- 8x8 matrices of 16-bit elements: lane l holds elements (l/4, 2*(l%4) + {0,1}) of each.
// Lane 8*i + row gives the address of a row of matrix i.
static uint16_t* row_of(Fiber* const lanes[32], uint32_t first_thread, int matrix, int row, bool write) {
  int lane = 8 * matrix + row;
  auto* r = reinterpret_cast<cudasim_matrix_registers*>(lanes[lane]->value);
  if (r->address % 16) fail(lanes[lane]->line, "misaligned matrix row: shared address %u of lane %d", r->address, lane);
  if (r->checked) {
    uint32_t caller = current;
    current = first_thread + lane;
    cudasim_check_shared(r->address, 16, write ? CUDASIM_WRITE : 0, lanes[lane]->line);
    current = caller;
  }
  return reinterpret_cast<uint16_t*>(shared_memory() + r->address);
}

void execute_matrix(int operation, Fiber* const lanes[32], uint32_t first_thread) {
  auto registers = [&](int lane) { return reinterpret_cast<cudasim_matrix_registers*>(lanes[lane]->value); };
  const cudasim_matrix_registers& shape = *registers(0);
  for (int matrix = 0; matrix < shape.count; matrix++) {
    uint16_t elements[8][8];
    if (operation == CUDASIM_WARP_LDMATRIX) {
      for (int row = 0; row < 8; row++) memcpy(elements[row], row_of(lanes, first_thread, matrix, row, false), 16);
    } else {
      for (int lane = 0; lane < 32; lane++)
        memcpy(&elements[lane / 4][lane % 4 * 2], &registers(lane)->values[matrix], 4);
    }
    if (shape.transpose)
      for (int i = 0; i < 8; i++)
        for (int j = 0; j < i; j++) std::swap(elements[i][j], elements[j][i]);
    if (operation == CUDASIM_WARP_STMATRIX) {
      for (int row = 0; row < 8; row++) memcpy(row_of(lanes, first_thread, matrix, row, true), elements[row], 16);
    } else {
      for (int lane = 0; lane < 32; lane++)
        memcpy(&registers(lane)->values[matrix], &elements[lane / 4][lane % 4 * 2], 4);
    }
  }
}

}  // namespace cudasim

using namespace cudasim;

void cudasim_mma(cudasim_mma_registers* registers, int line) {
  cudasim_warp(CUDASIM_WARP_MMA, 0xffffffffu, reinterpret_cast<uint64_t>(registers), 0, line);
}

void cudasim_matrix(int operation, cudasim_matrix_registers* registers, int line) {
  cudasim_warp(operation, 0xffffffffu, reinterpret_cast<uint64_t>(registers), 0, line);
}
