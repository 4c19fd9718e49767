// Product of matrices by tiles in shared memory, for any way of fetching the operands and of storing the result.
//
// A block computes ROWS x COLUMNS results in steps of DEPTH along the inner dimension; a thread computes ROWS_EACH x COLUMNS_EACH
// of them, in groups of four. While one pair of tiles is multiplied, the next one is on its way from memory into registers.
#pragma once
#include "slices.cuh"
#include "storage.cuh"

// A matrix in memory: element (row, k) lies at data[row * row_stride + k * k_stride], and one of the strides is 1.
struct Operand {
  const Element* data;
  long long row_stride, k_stride;
  int rows, depth;
  int vector;  // groups (of four; of eight for tensor cores) along the dense direction are aligned and do not cross its end
};

// Fetches ROWS x DEPTH elements of an Operand, four per thread and step, along the direction in which they are dense.
template <int ROWS, int DEPTH, int THREADS>
struct StridedTile {
  static constexpr int COUNT = ROWS * DEPTH / 4 / THREADS;
  static_assert(COUNT * 4 * THREADS == ROWS * DEPTH, "threads share a tile evenly");
  Operand matrix;
  int first_row;

  __device__ __forceinline__ void fetch(int k0, Accumulator (&values)[COUNT][4]) const {
    const bool along_k = matrix.k_stride == 1;
    const long long step = along_k ? matrix.k_stride : matrix.row_stride;
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      int index = threadIdx.x + c * THREADS;
      int row = first_row + (along_k ? index / (DEPTH / 4) : index % (ROWS / 4) * 4);
      int k = k0 + (along_k ? index % (DEPTH / 4) * 4 : index / (ROWS / 4));
      const Element* p = matrix.data + row * matrix.row_stride + k * matrix.k_stride;
      int inside = along_k ? (row < matrix.rows ? matrix.depth - k : 0) : (k < matrix.depth ? matrix.rows - row : 0);
      if (matrix.vector && inside >= 4) {
        load_four(p, values[c]);
      } else {
#pragma unroll
        for (int i = 0; i < 4; i++) values[c][i] = i < inside ? widen(p[i * step]) : Accumulator(0);
      }
    }
  }

  template <class T, int PITCH>
  __device__ __forceinline__ void put(const Accumulator (&values)[COUNT][4], T (*tile)[PITCH]) const {
    const bool along_k = matrix.k_stride == 1;
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      int index = threadIdx.x + c * THREADS;
      if (along_k) {
        int row = index / (DEPTH / 4), k = index % (DEPTH / 4) * 4;
#pragma unroll
        for (int i = 0; i < 4; i++) put_element(tile[k + i][row], values[c][i]);
      } else {
        int row = index % (ROWS / 4) * 4, k = index / (ROWS / 4);
#pragma unroll
        for (int i = 0; i < 4; i++) put_element(tile[k][row + i], values[c][i]);
      }
    }
  }
};

// store(row, column, values): four results of one row, side by side, positions within the tile.
template <int ROWS, int COLUMNS, int DEPTH, int ROWS_EACH, int COLUMNS_EACH, class TileA, class TileB, class Store,
          class Slicing = OneSlice>
__device__ __forceinline__ void tile_product(int first_k, int end_k, const TileA& a, const TileB& b, const Store& store,
                                             const Slicing& slices = Slicing()) {
  __shared__ __align__(16) Accumulator tile_a[2][DEPTH][ROWS + 4];
  __shared__ __align__(16) Accumulator tile_b[2][DEPTH][COLUMNS + 4];
  constexpr int ACROSS = COLUMNS / COLUMNS_EACH;
  const int my_row = threadIdx.x / ACROSS * 4, my_column = threadIdx.x % ACROSS * 4;
  // Groups of four rows of a thread lie this far apart, so that neighbouring threads read neighbouring groups.
  constexpr int ROW_GROUP = ROWS / (ROWS_EACH / 4), COLUMN_GROUP = COLUMNS / (COLUMNS_EACH / 4);

  Accumulator sums[ROWS_EACH][COLUMNS_EACH] = {};
  Accumulator from_a[TileA::COUNT][4], from_b[TileB::COUNT][4];
  a.fetch(first_k, from_a);
  b.fetch(first_k, from_b);
  a.put(from_a, tile_a[0]);
  b.put(from_b, tile_b[0]);
  __syncthreads();
  int stage = 0;
  for (int k0 = first_k; k0 < end_k; k0 += DEPTH) {
    const bool more = k0 + DEPTH < end_k;
    if (more) {
      a.fetch(k0 + DEPTH, from_a);
      b.fetch(k0 + DEPTH, from_b);
    }
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
      Accumulator left[ROWS_EACH], right[COLUMNS_EACH];
#pragma unroll
      for (int i = 0; i < ROWS_EACH; i++) left[i] = tile_a[stage][k][my_row + i / 4 * ROW_GROUP + i % 4];
#pragma unroll
      for (int j = 0; j < COLUMNS_EACH; j++) right[j] = tile_b[stage][k][my_column + j / 4 * COLUMN_GROUP + j % 4];
#pragma unroll
      for (int i = 0; i < ROWS_EACH; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS_EACH; j++) sums[i][j] += left[i] * right[j];
    }
    if (more) {
      stage ^= 1;  // everybody has left the other stage: the barrier of the last round lies behind its last use
      a.put(from_a, tile_a[stage]);
      b.put(from_b, tile_b[stage]);
      __syncthreads();
    }
  }
  if (!slices.template gather<ROWS / ROWS_EACH * ACROSS, ROWS_EACH * COLUMNS_EACH>(&sums[0][0])) return;
#pragma unroll
  for (int i = 0; i < ROWS_EACH; i++)
#pragma unroll
    for (int j = 0; j < COLUMNS_EACH; j += 4)
      store(my_row + i / 4 * ROW_GROUP + i % 4, my_column + j / 4 * COLUMN_GROUP, &sums[i][j]);
  __syncthreads();  // a block that goes on to another tile must not overwrite what others still read
}

// Edge of a square tile, depth of a step, threads of a block, and how many blocks a multiprocessor shall hold at least.
template <int EDGE_, int DEPTH_, int EACH, int BLOCKS_>
struct Tiles {
  static constexpr int EDGE = EDGE_, DEPTH = DEPTH_, THREADS = (EDGE / EACH) * (EDGE / EACH), BLOCKS = BLOCKS_;
  typedef StridedTile<EDGE, DEPTH, THREADS> OperandTile;
  template <class TileA, class TileB, class Store>
  static __device__ __forceinline__ void multiply(int first_k, int end_k, const TileA& a, const TileB& b, const Store& store,
                                                  const Slices& slices) {
    tile_product<EDGE, EDGE, DEPTH, EACH, EACH>(first_k, end_k, a, b, store, slices);
  }
};
typedef Tiles<128, 8, 8, 1> Tiles128;
typedef Tiles<64, 16, 4, 2> Tiles64;
typedef Tiles<32, 16, 4, 6> Tiles32;
