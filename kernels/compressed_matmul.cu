// Products with packed weights of 1 to 8 bits, which are unpacked on their way from memory and never stored unpacked.
//
// out[m, n] = sum over k of x[m, k] * (weight[n, k] - zero[n, g]) * scale[n, g], with g = k / group.
// In f16 and bf16 tiles of many rows go to tensor cores: weights are rounded to the type of the data on their way there.
#include "epilogue.cuh"
#include "storage.cuh"
#include "store_results.cuh"
#include "tensor_product.cuh"
#include "tile_product.cuh"
#include "weights.cuh"

// Weights of one load: up to 16 bytes, a lane's share of a short row, and no more than registers hold the data for.
constexpr int LARGEST_LOAD = PER_16_BYTES > 4 || BITS == 1 ? 32 : 16, PER_WORD = 32 / BITS;
constexpr int PER_LOAD = 128 / BITS < LARGEST_LOAD ? 128 / BITS : LARGEST_LOAD, WORDS = PER_LOAD * BITS / 32;
// Weights that are unpacked at once go with 16 bytes of data.
constexpr int CHUNK = PER_16_BYTES;

struct CompressedShape {
  int m, n, k, groups;
  Divisor group;
  int dense_loads;  // whole loads of weights are aligned and within a group, and so are the data that belong to them
  int data_vector, packed_fours, out_vector;
  int slices, slice_depth;  // parts of k that different blocks sum; a multiple of every tile's depth
};

// The words of a load, whose address is a multiple of their size.
__device__ __forceinline__ void load_words(const unsigned char* p, unsigned (&words)[WORDS]) {
  if constexpr (WORDS == 4) {
    const uint4 packed = *reinterpret_cast<const uint4*>(p);
    words[0] = packed.x, words[1] = packed.y, words[2] = packed.z, words[3] = packed.w;
  } else if constexpr (WORDS == 2) {
    const uint2 packed = *reinterpret_cast<const uint2*>(p);
    words[0] = packed.x, words[1] = packed.y;
  } else {
    words[0] = *reinterpret_cast<const unsigned*>(p);
  }
}

// A few rows: a warp per column of the result, 16 bytes of weights per lane and load.
template <int ROWS>
__device__ __forceinline__ void few_rows(const Element* data, const unsigned char* weights, const Element* scales,
                                         const Element* zeros, const Element* bias, const Element* residual, Element* out,
                                         const CompressedShape& s) {
  DECODER(decode);
  const int lane = threadIdx.x % 32, warps = blockDim.x / 32, first_row = blockIdx.y * ROWS;
  for (int column = blockIdx.x * warps + threadIdx.x / 32; column < s.n; column += gridDim.x * warps) {
    float sums[ROWS][FACTORS] = {};
#pragma unroll
    for (int f = 0; f < FACTORS; f++) {
      const long long row_of_weights = column + f * static_cast<long long>(s.n);
      const long long first = row_of_weights * s.k, first_group = row_of_weights * s.groups;
      if (FILLS_WORDS && s.dense_loads) {
        // Rows behind the last one are those of the last: nothing depends on a condition while loads are on their way.
        int rows[ROWS];  // offsets: kernels of a few rows count their elements in 31 bits
#pragma unroll
        for (int r = 0; r < ROWS; r++) rows[r] = min(first_row + r, s.m - 1) * s.k;
        for (int k = lane * PER_LOAD; k < s.k; k += 32 * PER_LOAD) {
          unsigned words[WORDS];
          load_words(weights + (first + k) * BITS / 8, words);
          const long long group = first_group + s.group.quotient(k);
          const float scale = widen(scales[group]), zero = zero_at(zeros, group);
          float parts[ROWS] = {};
#pragma unroll
          for (int c = 0; c < PER_LOAD; c += CHUNK) {
            float w[CHUNK];
#pragma unroll
            for (int i = 0; i < CHUNK; i++) w[i] = decode(words[(c + i) / PER_WORD] >> shift_of((c + i) % PER_WORD)) - zero;
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
              float values[CHUNK];
              load_16_bytes(data + (rows[r] + k + c), values);
#pragma unroll
              for (int i = 0; i < CHUNK; i++) parts[r] += values[i] * w[i];
            }
          }
#pragma unroll
          for (int r = 0; r < ROWS; r++) sums[r][f] += parts[r] * scale;
        }
      } else {
#pragma unroll 1
        for (int k = lane; k < s.k; k += 32) {
          const long long group = first_group + s.group.quotient(k);
          const float w = (decode(code_at(weights, first + k)) - zero_at(zeros, group)) * widen(scales[group]);
#pragma unroll
          for (int r = 0; r < ROWS; r++)
            if (first_row + r < s.m) sums[r][f] += widen(data[static_cast<long long>(first_row + r) * s.k + k]) * w;
        }
      }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
#pragma unroll
      for (int f = 0; f < FACTORS; f++) sums[r][f] = warp_sum(sums[r][f]);
      if (lane == 0 && first_row + r < s.m) {
        float sum = sums[r][0];
        if (bias) sum += widen(bias[column]);
        const long long at = static_cast<long long>(first_row + r) * s.n + column;
        out[at] = narrow(ACTIVATE((sum RESIDUAL(at))) BY_FACTOR(sums[r]));
      }
    }
  }
}

#define FEW_ROWS(ROWS)                                                                                                      \
  extern "C" __global__ void __launch_bounds__(256, ROWS == 1 ? 3 : 2)                                                     \
      compressed_rows_##ROWS(const Element* data, const unsigned char* weights, const Element* scales, const Element* zeros, \
                             const Element* bias, const Element* residual, Element* out, CompressedShape s) {               \
    few_rows<ROWS>(data, weights, scales, zeros, bias, residual, out, s);                                                   \
  }
FEW_ROWS(1)
FEW_ROWS(4)

// Unpacked weights as an operand of a tiled product, four along k per thread.
template <int ROWS, int DEPTH, int THREADS>
struct PackedTile {
  static constexpr int COUNT = ROWS * DEPTH / 4 / THREADS;
  const unsigned char* weights;
  const Element *scales, *zeros;
  const CompressedShape& s;
  Decoder decode;
  int first_row, end_k;

  __device__ __forceinline__ void fetch(int k0, Accumulator (&values)[COUNT][4]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const int index = threadIdx.x + c * THREADS;
      const int row = first_row + index / (DEPTH / 4), k = k0 + index % (DEPTH / 4) * 4;
      const int inside = row < s.n ? end_k - k : 0;
      const long long first = static_cast<long long>(row) * s.k + k, first_group = static_cast<long long>(row) * s.groups;
      if (s.packed_fours && inside >= 4) {
        // Four codes lie in one aligned byte, half word or word, and in one group.
        const unsigned char* p = weights + first * BITS / 8;
        const unsigned codes = BITS == 2   ? *p
                               : BITS == 4 ? *reinterpret_cast<const unsigned short*>(p)
                                           : *reinterpret_cast<const unsigned*>(p);
        const long long group = first_group + s.group.quotient(k);
        const float scale = widen(scales[group]), zero = zero_at(zeros, group);
#pragma unroll
        for (int i = 0; i < 4; i++) values[c][i] = (decode(codes >> i * BITS) - zero) * scale;
      } else {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          values[c][i] = 0.f;
          if (i < inside) {
            const long long group = first_group + s.group.quotient(k + i);
            values[c][i] = (decode(code_at(weights, first + i)) - zero_at(zeros, group)) * widen(scales[group]);
          }
        }
      }
    }
  }

  template <class T, int PITCH>
  __device__ __forceinline__ void put(const Accumulator (&values)[COUNT][4], T (*tile)[PITCH]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const int index = threadIdx.x + c * THREADS;
#pragma unroll
      for (int i = 0; i < 4; i++) put_element(tile[index % (DEPTH / 4) * 4 + i][index / (DEPTH / 4)], values[c][i]);
    }
  }
};

#if defined(HAS_TENSOR_PRODUCT)
// Unpacked weights as an operand on tensor cores: eight along k per thread and step, which lie in one group.
template <int ROWS, int DEPTH, int THREADS>
struct PackedEights {
  static constexpr int COUNT = ROWS * DEPTH / 8 / THREADS;
  static_assert(COUNT * 8 * THREADS == ROWS * DEPTH, "threads share a tile evenly");
  struct Eight {
    EightCodes codes;
    float scale, zero;
  };
  typedef Eight Values[COUNT];
  const unsigned char* weights;
  const Element *scales, *zeros;
  const CompressedShape& s;
  Decoder decode;
  int first_row, end_k;

  __device__ __forceinline__ bool along_k() const { return true; }

  __device__ __forceinline__ void fetch(int k0, Values& values) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const int index = threadIdx.x + c * THREADS;
      const int row = first_row + index / (DEPTH / 8), k = k0 + index % (DEPTH / 8) * 8;
      values[c].codes.clear();
      values[c].scale = values[c].zero = 0.f;
      if (row < s.n && k < end_k) {
        const long long group = static_cast<long long>(row) * s.groups + s.group.quotient(k);
        values[c].codes.load(weights, static_cast<long long>(row) * s.k + k);
        values[c].scale = widen(scales[group]);
        values[c].zero = zero_at(zeros, group);
      }
    }
  }

  __device__ __forceinline__ void put(const Values& values, Element* tile) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const int index = threadIdx.x + c * THREADS;
      SixteenBytes eight;
#pragma unroll
      for (int i = 0; i < 8; i++) eight.at[i] = narrow((decode(values[c].codes.at(i)) - values[c].zero) * values[c].scale);
      *reinterpret_cast<uint4*>(tile + index / (DEPTH / 8) * (DEPTH + 8) + index % (DEPTH / 8) * 8) =
          reinterpret_cast<const uint4&>(eight);
    }
  }
};
#endif

// grid (row tiles * column tiles, slices of k). Blocks of one column of tiles follow each other: they read the same weights.
#define COMPRESSED_TILES(NAME, TILES, WEIGHTS_TILE, BLOCKS)                                                                \
  extern "C" __global__ void __launch_bounds__(TILES::THREADS, BLOCKS)                                                       \
      NAME(const Element* data, const unsigned char* weights, const Element* scales, const Element* zeros,                   \
           const Element* bias, const Element* residual, Element* out, Accumulator* partials, unsigned* tickets,             \
           CompressedShape s) {                                                                                             \
    constexpr int EDGE = TILES::EDGE;                                                                                       \
    DECODER(decode);                                                                                                        \
    const int down = (s.m + EDGE - 1) / EDGE;                                                                               \
    const int first_row = blockIdx.x % down * EDGE, first_column = blockIdx.x / down * EDGE;                                \
    const int first_k = blockIdx.y * s.slice_depth, end_k = min(s.k, first_k + s.slice_depth), slice = blockIdx.y;          \
    const int tiles = gridDim.x, tile = blockIdx.x;                                                                         \
    TILES::OperandTile tile_a = {{data, s.k, 1, s.m, end_k, s.data_vector}, first_row};                                     \
    WEIGHTS_TILE<EDGE, TILES::DEPTH, TILES::THREADS> tile_b = {weights, scales, zeros, s, decode, first_column, end_k};      \
    StoreResults store = {out, bias, residual, 0, 1, s.out_vector, s.m, s.n, first_row, first_column};                      \
    Slices slices = {partials, tickets, s.slices, slice, tiles, tile};                                                      \
    TILES::multiply(first_k, end_k, tile_a, tile_b, store, slices);                                                         \
  }
COMPRESSED_TILES(compressed_64x64, Tiles64, PackedTile, 1)
COMPRESSED_TILES(compressed_32x32, Tiles32, PackedTile, 1)
#if defined(HAS_TENSOR_PRODUCT)
COMPRESSED_TILES(compressed_tensor_128x128, TensorTiles128, PackedEights, 1)
COMPRESSED_TILES(compressed_tensor_64x64, TensorTiles64, PackedEights, 2)
#endif
