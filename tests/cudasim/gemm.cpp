#include "gemm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine.h"
#include "runtime.h"

namespace cudasim {

// ---------------------------------------------------------------- elements
static float bfloat16_to_float(uint16_t h) {
  uint32_t u = (uint32_t)h << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}
static uint16_t float_to_bfloat16(float f) {  // round to nearest, ties to even; NaN stays NaN
  uint32_t u;
  memcpy(&u, &f, 4);
  if (f != f) return (uint16_t)(u >> 16 | 0x40);
  return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}
static float round_to_tf32(float f) {  // 10 bits of mantissa, round to nearest, ties away
  uint32_t u;
  memcpy(&u, &f, 4);
  if ((u & 0x7f800000) != 0x7f800000) u = (u + 0x1000) & ~0x1fffu;
  memcpy(&f, &u, 4);
  return f;
}

size_t element_bytes(cudaDataType type) {
  switch (type) {
  case CUDA_R_64F: return 8;
  case CUDA_R_32F:
  case CUDA_R_32I: return 4;
  case CUDA_R_16F:
  case CUDA_R_16BF: return 2;
  case CUDA_R_8I: return 1;
  default: return 0;
  }
}

double read_element(const void* p, cudaDataType type, int64_t i) {
  switch (type) {
  case CUDA_R_64F: return ((const double*)p)[i];
  case CUDA_R_32F: return ((const float*)p)[i];
  case CUDA_R_16F: return (double)((const _Float16*)p)[i];
  case CUDA_R_16BF: return bfloat16_to_float(((const uint16_t*)p)[i]);
  case CUDA_R_32I: return ((const int32_t*)p)[i];
  case CUDA_R_8I: return ((const int8_t*)p)[i];
  default: return 0;
  }
}

void write_element(void* p, cudaDataType type, int64_t i, double v) {
  switch (type) {
  case CUDA_R_64F: ((double*)p)[i] = v; break;
  case CUDA_R_32F: ((float*)p)[i] = (float)v; break;
  case CUDA_R_16F: ((_Float16*)p)[i] = (_Float16)(float)v; break;
  case CUDA_R_16BF: ((uint16_t*)p)[i] = float_to_bfloat16((float)v); break;
  case CUDA_R_32I: ((int32_t*)p)[i] = (int32_t)(int64_t)nearbyint(v); break;
  case CUDA_R_8I: ((int8_t*)p)[i] = (int8_t)std::clamp(nearbyint(v), -128.0, 127.0); break;  // saturates
  default: break;
  }
}

// ---------------------------------------------------------------- BLAS
// cblas_?gemm(order, transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc) with 32- or 64-bit integers
template <class T, class I> using CblasGemm = void (*)(int, int, int, I, I, I, T, const T*, I, const T*, I, T, T*, I);
static void *blas_sgemm = nullptr, *blas_dgemm = nullptr;
static bool blas_64_bit = false;
static const int CBLAS_COLUMN_MAJOR = 102, CBLAS_NO_TRANSPOSE = 111, CBLAS_TRANSPOSE = 112;

// C (m x n, column-major, contiguous) = op(A) op(B)
template <class T>
static void multiply(int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, bool ta, const T* b, int64_t ldb,
                     bool tb, T* c) {
  void* blas = sizeof(T) == 4 ? blas_sgemm : blas_dgemm;
  int op_a = ta ? CBLAS_TRANSPOSE : CBLAS_NO_TRANSPOSE, op_b = tb ? CBLAS_TRANSPOSE : CBLAS_NO_TRANSPOSE;
  if (blas && m && n && k) {
    if (blas_64_bit)
      ((CblasGemm<T, int64_t>)blas)(CBLAS_COLUMN_MAJOR, op_a, op_b, m, n, k, 1, a, lda, b, ldb, 0, c, m);
    else
      ((CblasGemm<T, int>)blas)(CBLAS_COLUMN_MAJOR, op_a, op_b, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb, 0,
                                c, (int)m);
    return;
  }
  std::fill(c, c + m * n, T(0));
  const int64_t BLOCK = 64;  // columns of A that stay in cache
  for (int64_t l0 = 0; l0 < k; l0 += BLOCK)
    for (int64_t j = 0; j < n; j++)
      for (int64_t l = l0; l < std::min(k, l0 + BLOCK); l++) {
        T factor = tb ? b[j + l * ldb] : b[l + j * ldb];
        for (int64_t i = 0; i < m; i++) c[i + j * m] += (ta ? a[l + i * lda] : a[i + l * lda]) * factor;
      }
}

// A matrix's elements as T, its columns next to each other; no copy if they already are of that type.
template <class T>
static const T* as(const Matrix& x, int64_t rows, int64_t columns, bool tf32, std::vector<T>& storage, int64_t* ld) {
  cudaDataType own = sizeof(T) == 4 ? CUDA_R_32F : CUDA_R_64F;
  const char* bytes = bytes_of(x.data);
  if (x.type == own && !tf32) {
    *ld = x.ld;
    return (const T*)bytes;
  }
  storage.resize(size_t(rows * columns));
  *ld = std::max<int64_t>(rows, 1);
  for (int64_t j = 0; j < columns; j++)
    for (int64_t i = 0; i < rows; i++) {
      T v = (T)read_element(bytes, x.type, i + j * x.ld);
      storage[size_t(i + j * rows)] = tf32 ? (T)round_to_tf32((float)v) : v;
    }
  return storage.data();
}

static double activate(Activation a, double x) {
  if (a == RELU) return x > 0 ? x : x != x ? x : 0;
  if (a == GELU)  // the tanh form, which is what cuBLASLt computes
    return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  return x;
}

bool check_matrix(const void* p, cudaDataType type, int64_t rows, int64_t columns, int64_t ld, const char* name) {
  if (rows <= 0 || columns <= 0) return true;
  size_t bytes = size_t((columns - 1) * ld + rows) * element_bytes(type);
  bool inside = inside_one_allocation(p, bytes) || (is_pinned(p) && is_pinned((const char*)p + bytes - 1));
  if (!inside)
    lose_device(current_device, cudaErrorIllegalAddress,
                std::string("matrix ") + name + " of a matrix product lies outside of every allocation");
  return inside;
}

template <class T> static void run(const Gemm& g) {
  bool tf32 = g.compute_type == COMPUTE_32F_FAST_TF32;
  std::vector<T> a_storage, b_storage, product(size_t(g.m * g.n));
  int64_t lda, ldb;
  const T* a = as(g.a, g.a.transposed ? g.k : g.m, g.a.transposed ? g.m : g.k, tf32, a_storage, &lda);
  const T* b = as(g.b, g.b.transposed ? g.n : g.k, g.b.transposed ? g.k : g.n, tf32, b_storage, &ldb);
  multiply(g.m, g.n, g.k, a, lda, g.a.transposed, b, ldb, g.b.transposed, product.data());
  const char* c = bytes_of(g.c.data);
  char* d = bytes_of(g.d.data);
  const char* bias = g.bias ? bytes_of(g.bias) : nullptr;
  for (int64_t j = 0; j < g.n; j++)
    for (int64_t i = 0; i < g.m; i++) {
      T v = (T)g.alpha * product[size_t(i + j * g.m)];
      if (g.beta != 0)  // CUDA does not read C then: it may hold NaN
        v += (T)g.beta * (T)read_element(c, g.c.type, i + j * g.c.ld);
      if (bias) v += (T)read_element(bias, g.bias_type, i);
      write_element(d, g.d.type, i + j * g.d.ld, activate(g.activation, v));
    }
}

void run_gemm(const Gemm& g) {
  if (g.m <= 0 || g.n <= 0) return;
  bool inside = check_matrix(g.a.data, g.a.type, g.a.transposed ? g.k : g.m, g.a.transposed ? g.m : g.k, g.a.ld, "A") &&
                check_matrix(g.b.data, g.b.type, g.b.transposed ? g.n : g.k, g.b.transposed ? g.k : g.n, g.b.ld, "B") &&
                (g.beta == 0 || check_matrix(g.c.data, g.c.type, g.m, g.n, g.c.ld, "C")) &&
                check_matrix(g.d.data, g.d.type, g.m, g.n, g.d.ld, "D") &&
                (!g.bias || check_matrix(g.bias, g.bias_type, g.m, 1, g.m, "bias"));
  if (!inside) return;
  bool exact = g.a.type == CUDA_R_64F || g.a.type == CUDA_R_8I || g.a.type == CUDA_R_32I;
  if (exact)
    run<double>(g);
  else
    run<float>(g);
  for (int64_t j = 0; j < g.n; j++)
    if (is_device(g.d.data))
      cudasim_mark_written((uint64_t)g.d.data + uint64_t(j * g.d.ld) * element_bytes(g.d.type),
                           size_t(g.m) * element_bytes(g.d.type));
}

}  // namespace cudasim

// OpenBLAS's cblas_sgemm and cblas_dgemm, found by install.py; integers have 64 bits in the build that numpy ships.
extern "C" void cudasim_set_blas(void* sgemm, void* dgemm, int integers_have_64_bits) {
  cudasim::blas_sgemm = sgemm;
  cudasim::blas_dgemm = dgemm;
  cudasim::blas_64_bit = integers_have_64_bits;
}
