// Products with packed weights of 1 to 8 bits, which are unpacked on their way from memory and never stored unpacked.
//
// out[m, n] = sum over k of x[m, k] * (weight[n, k] - zero[n, g]) * scale[n, g], with g = k / group.
// WEIGHTS_U1 ... WEIGHTS_U8, WEIGHTS_I4, WEIGHTS_I8 or WEIGHTS_NF4 says what the codes mean and how they lie in memory.
#include "codes.cuh"
#include "epilogue.cuh"
#include "storage.cuh"
#include "store_results.cuh"
#include "tile_product.cuh"

#if defined(WEIGHTS_U8) || defined(WEIGHTS_I8)
constexpr int BITS = 8;
#elif defined(WEIGHTS_U6)
typedef u6_t Codes;
#elif defined(WEIGHTS_U3)
typedef u3_t Codes;
#elif defined(WEIGHTS_U2)
typedef u2_t Codes;
#elif defined(WEIGHTS_U1)
typedef u1_t Codes;
#else
typedef u4_t Codes;  // i4 and nf4 too
#endif
#if !defined(WEIGHTS_U8) && !defined(WEIGHTS_I8)
constexpr int BITS = Codes::bits;
#endif
// Codes of 3 and 6 bits lie in groups of bytes and are taken one by one; the others fill words.
constexpr bool FILLS_WORDS = 32 % BITS == 0;
// Weights of one load: 16 bytes, or less where these would be more than a lane's share of a short row.
constexpr int PER_WORD = 32 / BITS, PER_LOAD = BITS < 4 ? 32 : 128 / BITS, WORDS = PER_LOAD * BITS / 32;
// Weights that are unpacked at once go with whole 16 bytes of data.
constexpr int CHUNK = BITS < 8 || PER_16_BYTES > 4 ? 8 : 4;

struct CompressedShape {
  int m, n, k, group, groups;
  int dense_loads;  // whole loads of weights are aligned and within a group, and so are the data that belong to them
  int data_vector, packed_fours, out_vector;
};

#if defined(WEIGHTS_NF4)
// Quantiles of the normal distribution (Dettmers et al., "QLoRA", 2023), in shared memory: every lane asks for another one.
struct Decoder {
  const float* numbers;
  __device__ __forceinline__ float operator()(unsigned code) const { return numbers[code & 15]; }
};
#define DECODER(NAME)                                                                                                            \
  __shared__ float nf4_numbers[16];                                                                                              \
  if (threadIdx.x == 0) {                                                                                                        \
    const float all[16] = {-1.f,          -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,                     \
                           -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.f,                             \
                           0.07958029955625534f,  0.16093020141124725f,  0.24611230194568634f,  0.33791524171829224f,            \
                           0.44070982933044434f,  0.5626170039176941f,   0.7229568362236023f,   1.f};                            \
    for (int i = 0; i < 16; i++) nf4_numbers[i] = all[i];                                                                        \
  }                                                                                                                              \
  __syncthreads();                                                                                                               \
  const Decoder NAME = {nf4_numbers}
#else
struct Decoder {
  __device__ __forceinline__ float operator()(unsigned code) const {
#if defined(WEIGHTS_I8)
    return static_cast<float>(static_cast<signed char>(code & 255));
#elif defined(WEIGHTS_U8)
    return static_cast<float>(code & 255);
#elif defined(WEIGHTS_I4)
    return static_cast<float>(static_cast<int>((code & 15) ^ 8) - 8);
#else
    return static_cast<float>(code & ((1u << BITS) - 1));
#endif
  }
};
#define DECODER(NAME) const Decoder NAME = {}
#endif

__device__ __forceinline__ unsigned code_at(const unsigned char* weights, long long index) {
#if defined(WEIGHTS_U8) || defined(WEIGHTS_I8)
  return weights[index];
#else
  return Codes::at(weights + (index >> 3) * BITS, index & 7);
#endif
}

// Where a word has its code number i; a byte of u1 begins with its highest bit.
__device__ __forceinline__ constexpr int shift_of(int i) { return BITS == 1 ? (i & 24) + 7 - (i & 7) : i * BITS; }

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

__device__ __forceinline__ float zero_at(const Element* zeros, long long index) { return zeros ? widen(zeros[index]) : 0.f; }

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
        const Element* rows[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) rows[r] = data + static_cast<long long>(min(first_row + r, s.m - 1)) * s.k;
        for (int k = lane * PER_LOAD; k < s.k; k += 32 * PER_LOAD) {
          unsigned words[WORDS];
          load_words(weights + (first + k) * BITS / 8, words);
          const long long group = first_group + k / s.group;
          const float scale = widen(scales[group]), zero = zero_at(zeros, group);
          float parts[ROWS] = {};
#pragma unroll
          for (int c = 0; c < PER_LOAD; c += CHUNK) {
            float w[CHUNK];
#pragma unroll
            for (int i = 0; i < CHUNK; i++) w[i] = decode(words[(c + i) / PER_WORD] >> shift_of((c + i) % PER_WORD)) - zero;
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
#pragma unroll
              for (int i = 0; i < CHUNK; i += PER_16_BYTES) {
                float values[PER_16_BYTES];
                load_16_bytes(rows[r] + k + c + i, values);
#pragma unroll
                for (int j = 0; j < PER_16_BYTES; j++) parts[r] += values[j] * w[i + j];
              }
            }
          }
#pragma unroll
          for (int r = 0; r < ROWS; r++) sums[r][f] += parts[r] * scale;
        }
      } else {
        for (int k = lane; k < s.k; k += 32) {
          const long long group = first_group + k / s.group;
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
  int first_row;

  __device__ __forceinline__ void fetch(int k0, Accumulator (&values)[COUNT][4]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const int index = threadIdx.x + c * THREADS;
      const int row = first_row + index / (DEPTH / 4), k = k0 + index % (DEPTH / 4) * 4;
      const int inside = row < s.n ? s.k - k : 0;
      const long long first = static_cast<long long>(row) * s.k + k, first_group = static_cast<long long>(row) * s.groups;
      if (s.packed_fours && inside >= 4) {
        // Four codes lie in one aligned byte, half word or word, and in one group.
        const unsigned char* p = weights + first * BITS / 8;
        const unsigned codes = BITS == 2   ? *p
                               : BITS == 4 ? *reinterpret_cast<const unsigned short*>(p)
                                           : *reinterpret_cast<const unsigned*>(p);
        const long long group = first_group + k / s.group;
        const float scale = widen(scales[group]), zero = zero_at(zeros, group);
#pragma unroll
        for (int i = 0; i < 4; i++) values[c][i] = (decode(codes >> i * BITS) - zero) * scale;
      } else {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          values[c][i] = 0.f;
          if (i < inside) {
            const long long group = first_group + (k + i) / s.group;
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

// grid (row tiles * column tiles).
#define COMPRESSED_TILES(EDGE, EACH)                                                                                           \
  extern "C" __global__ void __launch_bounds__((EDGE / EACH) * (EDGE / EACH), 1)                                              \
      compressed_##EDGE##x##EDGE(const Element* data, const unsigned char* weights, const Element* scales, const Element* zeros, \
                                 const Element* bias, const Element* residual, Element* out, CompressedShape s) {              \
    constexpr int DEPTH = 16, THREADS = (EDGE / EACH) * (EDGE / EACH);                                                        \
    DECODER(decode);                                                                                                          \
    const int down = (s.m + EDGE - 1) / EDGE;                                                                                 \
    const int first_row = blockIdx.x % down * EDGE, first_column = blockIdx.x / down * EDGE;                                  \
    StridedTile<EDGE, DEPTH, THREADS> tile_a = {{data, s.k, 1, s.m, s.k, s.data_vector}, first_row};                          \
    PackedTile<EDGE, DEPTH, THREADS> tile_b = {weights, scales, zeros, s, decode, first_column};                              \
    StoreResults store = {out, bias, residual, 0, 1, s.out_vector, s.m, s.n, first_row, first_column};                        \
    tile_product<EDGE, EDGE, DEPTH, EACH, EACH>(0, s.k, tile_a, tile_b, store);                                               \
  }
COMPRESSED_TILES(64, 4)
COMPRESSED_TILES(32, 4)
