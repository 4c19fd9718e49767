// In place of cupy.cuda.thrust: CuPy sorts with precompiled Thrust kernels, which only hardware can run.
// Order as numpy's and Thrust's: NaN last, complex numbers by real, then imaginary part; stable.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <complex>
#include <numeric>
#include <string>
#include <vector>

#include "engine.h"
#include "runtime.h"

using namespace cudasim;

namespace {

template <class T> bool less(const T& a, const T& b) { return a < b; }
template <class T> bool less_float(T a, T b) { return isnan(b) ? !isnan(a) : a < b; }
template <> bool less(const float& a, const float& b) { return less_float(a, b); }
template <> bool less(const double& a, const double& b) { return less_float(a, b); }
template <> bool less(const _Float16& a, const _Float16& b) { return less_float<float>(a, b); }
template <class T> bool less_complex(const std::complex<T>& a, const std::complex<T>& b) {
  bool nan_a = isnan(a.real()) || isnan(a.imag()), nan_b = isnan(b.real()) || isnan(b.imag());
  if (nan_a || nan_b) return !nan_a;
  return a.real() != b.real() ? a.real() < b.real() : a.imag() < b.imag();
}
template <> bool less(const std::complex<float>& a, const std::complex<float>& b) { return less_complex(a, b); }
template <> bool less(const std::complex<double>& a, const std::complex<double>& b) { return less_complex(a, b); }

// Calls f with a null pointer of the element type that numpy's type character names; false: unknown.
template <class F> bool with_type(char c, F f) {
  switch (c) {
  case '?':
  case 'B': f((uint8_t*)nullptr); return true;
  case 'b': f((int8_t*)nullptr); return true;
  case 'h': f((int16_t*)nullptr); return true;
  case 'H': f((uint16_t*)nullptr); return true;
  case 'i': f((int32_t*)nullptr); return true;
  case 'I': f((uint32_t*)nullptr); return true;
  case 'l':
  case 'q': f((int64_t*)nullptr); return true;
  case 'L':
  case 'Q': f((uint64_t*)nullptr); return true;
  case 'e': f((_Float16*)nullptr); return true;
  case 'f': f((float*)nullptr); return true;
  case 'd': f((double*)nullptr); return true;
  case 'F': f((std::complex<float>*)nullptr); return true;
  case 'D': f((std::complex<double>*)nullptr); return true;
  }
  return false;
}

}  // namespace

extern "C" {
// All return a cudaError_t; the arrays are C-contiguous device memory of shape (rows, n).
int cudasim_sort(char type, uint64_t data, size_t rows, size_t n, void* stream) {
  int e = cudaErrorInvalidValue;
  with_type(type, [&](auto* t) {
    using T = std::remove_pointer_t<decltype(t)>;
    e = cudasim_enqueue_library_call(
        stream,
        [=] {
          auto p = (T*)cudasim_bytes_of(data);
          for (size_t r = 0; r < rows; r++) std::stable_sort(p + r * n, p + (r + 1) * n, less<T>);
        },
        "sort");
  });
  return e;
}

// indices (int64): the order of each row.
int cudasim_argsort(char type, uint64_t indices, uint64_t data, size_t rows, size_t n, void* stream) {
  int e = cudaErrorInvalidValue;
  with_type(type, [&](auto* t) {
    using T = std::remove_pointer_t<decltype(t)>;
    e = cudasim_enqueue_library_call(
        stream,
        [=] {
          for (size_t r = 0; r < rows; r++) {
            auto row = (const T*)cudasim_bytes_of(data) + r * n;
            auto order = (int64_t*)cudasim_bytes_of(indices) + r * n;
            std::iota(order, order + n, 0);
            std::stable_sort(order, order + n, [row](int64_t a, int64_t b) { return less<T>(row[a], row[b]); });
          }
          cudasim_mark_written(indices, rows * n * sizeof(int64_t));
        },
        "argsort");
  });
  return e;
}

// indices (n int64): the order by the last of `count` keys of n elements each, ties by the one before ...
int cudasim_lexsort(char type, uint64_t indices, uint64_t keys, size_t count, size_t n, void* stream) {
  int e = cudaErrorInvalidValue;
  with_type(type, [&](auto* t) {
    using T = std::remove_pointer_t<decltype(t)>;
    e = cudasim_enqueue_library_call(
        stream,
        [=] {
          auto order = (int64_t*)cudasim_bytes_of(indices);
          std::iota(order, order + n, 0);
          for (size_t k = 0; k < count; k++) {
            auto key = (const T*)cudasim_bytes_of(keys) + k * n;
            std::stable_sort(order, order + n, [key](int64_t a, int64_t b) { return less<T>(key[a], key[b]); });
          }
          cudasim_mark_written(indices, n * sizeof(int64_t));
        },
        "lexsort");
  });
  return e;
}
}  // extern "C"
