// Results of a tiled product: bias, residual, activation, and a store of four neighbours at once where memory allows.
#pragma once
#include "epilogue.cuh"
#include "storage.cuh"

struct StoreResults {
  Element* out;
  const Summand* bias;
  const Element* residual;
  int bias_row_step, bias_step, vector, m, n, first_row, first_column;

  __device__ __forceinline__ void operator()(int row, int column, const Accumulator* sums) const {
    row += first_row;
    column += first_column;
    if (row >= m || column >= n) return;
    long long at = static_cast<long long>(row) * n + column;
    Accumulator results[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      Accumulator x = sums[j];
      if (bias && column + j < n) x += widen(bias[row * bias_row_step + (column + j) * bias_step]);
#if defined(WITH_RESIDUAL)
      if (column + j < n) x += widen(residual[at + j]);
#endif
      results[j] = ACTIVATE(x);
    }
    if (vector && column + 4 <= n) {
      store_four(out + at, results);
    } else {
#pragma unroll
      for (int j = 0; j < 4; j++)
        if (column + j < n) out[at + j] = narrow(results[j]);
    }
  }
};
