// Products of matrices with batches, any transposition, bias and activation: tiled, and for a few rows.
#include "epilogue.cuh"
#include "storage.cuh"
#include "store_results.cuh"
#include "tensor_product.cuh"
#include "tile_product.cuh"

constexpr int LARGEST_BATCH_RANK = 6;

struct MatmulShape {
  int m, n, k;
  int a_vector, b_vector, out_vector;
  int bias_row_step, bias_step;  // 0 when one number is added to all rows, to all columns
  int slices;       // parts of k that different blocks sum
  int slice_depth;  // a multiple of every tile's depth
  int batch, batch_rank;
  int batch_dims[LARGEST_BATCH_RANK];
  long long a_row, a_k, b_column, b_k;
  long long a_batch[LARGEST_BATCH_RANK], b_batch[LARGEST_BATCH_RANK];
};

__device__ __forceinline__ void move_to_batch(const MatmulShape& s, int batch, const Element*& a, const Element*& b) {
  for (int axis = s.batch_rank - 1; axis >= 0; axis--) {
    int index = batch % s.batch_dims[axis];
    batch /= s.batch_dims[axis];
    a += index * s.a_batch[axis];
    b += index * s.b_batch[axis];
  }
}

template <class Tiles>
__device__ __forceinline__ void matmul_tiles(const Element* a, const Element* b, const Summand* bias, const Element* residual,
                                             Element* out, Accumulator* partials, unsigned* tickets, const MatmulShape& s) {
  constexpr int ROWS = Tiles::EDGE, COLUMNS = Tiles::EDGE;
  const int across = (s.n + COLUMNS - 1) / COLUMNS;
  const int first_row = blockIdx.x / across * ROWS, first_column = blockIdx.x % across * COLUMNS;
  const int first_k = blockIdx.y * s.slice_depth, end_k = min(s.k, first_k + s.slice_depth);
  const long long results = static_cast<long long>(s.m) * s.n;
  for (int batch = blockIdx.z; batch < s.batch; batch += gridDim.z) {
    const Element *batch_a = a, *batch_b = b;
    move_to_batch(s, batch, batch_a, batch_b);
    typename Tiles::OperandTile tile_a = {{batch_a, s.a_row, s.a_k, s.m, end_k, s.a_vector}, first_row};
    typename Tiles::OperandTile tile_b = {{batch_b, s.b_column, s.b_k, s.n, end_k, s.b_vector}, first_column};
    StoreResults store = {out + batch * results, bias, residual ? residual + batch * results : nullptr,
                          s.bias_row_step, s.bias_step, s.out_vector, s.m, s.n, first_row, first_column};
    const int tiles = gridDim.x, slice = blockIdx.y, tile = blockIdx.x;
    Slices slices = {partials, tickets, s.slices, slice, tiles * s.batch, tiles * batch + tile};
    Tiles::multiply(first_k, end_k, tile_a, tile_b, store, slices);
  }
}

// grid (row tiles * column tiles, slices of k, batch).
#define MATMUL_TILES(NAME, TILES)                                                                                          \
  extern "C" __global__ void __launch_bounds__(TILES::THREADS, TILES::BLOCKS)                                                \
      NAME(const Element* a, const Element* b, const Summand* bias, const Element* residual, Element* out,                  \
           Accumulator* partials, unsigned* tickets, MatmulShape s) {                                                       \
    matmul_tiles<TILES>(a, b, bias, residual, out, partials, tickets, s);                                                   \
  }
MATMUL_TILES(matmul_128x128, Tiles128)
MATMUL_TILES(matmul_64x64, Tiles64)
MATMUL_TILES(matmul_32x32, Tiles32)
#if defined(HAS_TENSOR_PRODUCT)
MATMUL_TILES(matmul_tensor_128x128, TensorTiles128)
MATMUL_TILES(matmul_tensor_64x64, TensorTiles64)
#endif

// A few rows of a times columns of b that are dense along k: a warp per column, 16 bytes per lane and load.
template <int ROWS>
__device__ __forceinline__ void few_rows_dense(const Element* a, const Element* b, const Summand* bias, const Element* residual,
                                               Element* out, const MatmulShape& s) {
  const int lane = threadIdx.x % 32;
  const int first_row = blockIdx.y * ROWS;
  for (int batch = blockIdx.z; batch < s.batch; batch += gridDim.z) {
    const Element *batch_a = a, *batch_b = b;
    move_to_batch(s, batch, batch_a, batch_b);
    for (int column = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; column < s.n; column += gridDim.x * (blockDim.x / 32)) {
      Accumulator sums[ROWS][FACTORS] = {};
#pragma unroll
      for (int f = 0; f < FACTORS; f++) {
        const Element* weights = batch_b + (column + f * static_cast<long long>(s.n)) * s.b_column;
        if (s.b_vector) {
          for (int k = lane * PER_16_BYTES; k + PER_16_BYTES <= s.k; k += 32 * PER_16_BYTES) {
            Accumulator w[PER_16_BYTES];
            load_16_bytes(weights + k, w);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
              if (first_row + r < s.m) {
                const Element* x = batch_a + (first_row + r) * s.a_row + k * s.a_k;
#pragma unroll
                for (int i = 0; i < PER_16_BYTES; i++) sums[r][f] += widen(x[i * s.a_k]) * w[i];
              }
            }
          }
        } else {
          for (int k = lane; k < s.k; k += 32) {
            Accumulator w = widen(weights[k * s.b_k]);
#pragma unroll
            for (int r = 0; r < ROWS; r++)
              if (first_row + r < s.m) sums[r][f] += widen(batch_a[(first_row + r) * s.a_row + k * s.a_k]) * w;
          }
        }
      }
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
#pragma unroll
        for (int f = 0; f < FACTORS; f++) sums[r][f] = warp_sum(sums[r][f]);
        if (lane == 0 && first_row + r < s.m) {
          Accumulator sum = sums[r][0];
          if (bias) sum += widen(bias[(first_row + r) * s.bias_row_step + column * s.bias_step]);
          const long long at = (static_cast<long long>(batch) * s.m + first_row + r) * s.n + column;
          out[at] = narrow(ACTIVATE((sum RESIDUAL(at))) BY_FACTOR(sums[r]));
        }
      }
    }
  }
}

// A few rows of a times b whose rows are dense along its columns: block (32 columns, 16 parts of k).
template <int ROWS>
__device__ __forceinline__ void few_rows_strided(const Element* a, const Element* b, const Summand* bias,
                                                 const Element* residual,
                                                 Element* out, const MatmulShape& s) {
  constexpr int PARTS = 16;
  __shared__ Accumulator parts[ROWS][FACTORS][PARTS][33];
  const int column = blockIdx.x * 32 + threadIdx.x;
  const int first_row = blockIdx.y * ROWS;
  for (int batch = blockIdx.z; batch < s.batch; batch += gridDim.z) {
    const Element *batch_a = a, *batch_b = b;
    move_to_batch(s, batch, batch_a, batch_b);
    Accumulator sums[ROWS][FACTORS] = {};
    if (column < s.n) {
      for (int k = threadIdx.y; k < s.k; k += PARTS) {
#pragma unroll
        for (int f = 0; f < FACTORS; f++) {
          Accumulator w = widen(batch_b[k * s.b_k + (column + f * static_cast<long long>(s.n)) * s.b_column]);
#pragma unroll
          for (int r = 0; r < ROWS; r++)
            if (first_row + r < s.m) sums[r][f] += widen(batch_a[(first_row + r) * s.a_row + k * s.a_k]) * w;
        }
      }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int f = 0; f < FACTORS; f++) parts[r][f][threadIdx.y][threadIdx.x] = sums[r][f];
    }
    __syncthreads();
    for (int r = threadIdx.y; r < ROWS; r += PARTS) {
      if (column < s.n && first_row + r < s.m) {
        Accumulator totals[FACTORS] = {};
#pragma unroll
        for (int f = 0; f < FACTORS; f++) {
#pragma unroll
          for (int part = 0; part < PARTS; part++) totals[f] += parts[r][f][part][threadIdx.x];
        }
        Accumulator sum = totals[0];
        if (bias) sum += widen(bias[(first_row + r) * s.bias_row_step + column * s.bias_step]);
        const long long at = (static_cast<long long>(batch) * s.m + first_row + r) * s.n + column;
        out[at] = narrow(ACTIVATE((sum RESIDUAL(at))) BY_FACTOR(totals));
      }
    }
    __syncthreads();
  }
}

#define FEW_ROWS(KIND, ROWS, THREADS)                                                                              \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) matmul_##KIND##_##ROWS(                                   \
      const Element* a, const Element* b, const Summand* bias, const Element* residual, Element* out, MatmulShape s) {    \
    few_rows_##KIND<ROWS>(a, b, bias, residual, out, s);                                                                  \
  }
FEW_ROWS(dense, 1, 256)
FEW_ROWS(dense, 4, 256)
FEW_ROWS(strided, 1, 512)
FEW_ROWS(strided, 4, 512)
