// Cumulative sums. A kernel file is generated for each type: CUMULATIVE_SUM(name, storage type).
#pragma once
#include "groups.cuh"
#include "scan.cuh"

#define CUMULATIVE_SUM(name, T)                                                                                        \
  typedef Arithmetic<T>::type X;                                                                                       \
  typedef Total<X>::type A;                                                                                            \
  /* The axis is the last one: a block for each row, a part of blockDim.x elements after the other. */                 \
  extern "C" __global__ void __launch_bounds__(256) name##_rows(                                                       \
      const T* __restrict__ x, T* __restrict__ y, unsigned rows, unsigned length, unsigned inner, int exclusive,       \
      int reverse) {                                                                                                   \
    __shared__ A shared[32];                                                                                           \
    for (unsigned row = blockIdx.x; row < rows; row += gridDim.x) {                                                    \
      const T* source = x + (unsigned long long)row * length;                                                          \
      T* target = y + (unsigned long long)row * length;                                                                \
      A carried = 0;                                                                                                   \
      for (unsigned part = 0; part < length; part += blockDim.x) {                                                     \
        const unsigned index = part + threadIdx.x, at = reverse ? length - 1 - index : index;                          \
        const A value = index < length ? A(unpack(source[at])) : A(0);                                                 \
        A whole;                                                                                                       \
        const A before = carried + exclusive_scan(value, shared, whole);                                               \
        if (index < length) target[at] = pack<T>(X(exclusive ? before : before + value));                              \
        carried += whole;                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  /* A thread for each row, whose elements lie `inner` apart. */                                                       \
  extern "C" __global__ void __launch_bounds__(256) name##_columns(                                                    \
      const T* __restrict__ x, T* __restrict__ y, unsigned rows, unsigned length, unsigned inner, int exclusive,       \
      int reverse) {                                                                                                   \
    for (unsigned row = blockIdx.x * blockDim.x + threadIdx.x; row < rows; row += gridDim.x * blockDim.x) {            \
      const unsigned long long start = (unsigned long long)(row / inner) * length * inner + row % inner;               \
      A sum = 0;                                                                                                       \
      for (unsigned index = 0; index < length; index++) {                                                              \
        const unsigned long long at = start + (unsigned long long)(reverse ? length - 1 - index : index) * inner;      \
        const A value = unpack(x[at]);                                                                                 \
        y[at] = pack<T>(X(exclusive ? sum : sum + value));                                                             \
        sum += value;                                                                                                  \
      }                                                                                                                \
    }                                                                                                                  \
  }
