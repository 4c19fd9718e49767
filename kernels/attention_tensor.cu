// Scaled dot-product attention of many queries on tensor cores, f16 and bf16, as in attention.cu with tiles of scores in registers: the
// weights of a tile are rounded to the storage type for the product with the values, all sums stay f32.
//
// A warp computes 16 queries. The layout of sums of one product (mma.m16n8) is that of the left operand of the next, so that weights
// never leave their lanes.
#include "attention.cuh"
#include "tensor_product.cuh"

#if defined(HAS_TENSOR_PRODUCT)
// Copies rows of a matrix into shared memory as they are, 16 bytes at a time where memory allows, zeros behind its ends.
template <int ROWS, int HEAD, int THREADS>
__device__ __forceinline__ void copy_rows(Element* tile, const Element* source, long long stride, int first, int rows, int head) {
  const bool vector = head % 8 == 0 && stride % 8 == 0 && reinterpret_cast<unsigned long long>(source) % 16 == 0;
  for (int i = threadIdx.x; i < ROWS * HEAD / 8; i += THREADS) {
    const int row = i / (HEAD / 8), e = i % (HEAD / 8) * 8;
    const Element* p = source + (first + row) * stride + e;
    const int inside = first + row < rows ? head - e : 0;
    uint4 bits = make_uint4(0, 0, 0, 0);
    if (vector && inside >= 8) {
      bits = *reinterpret_cast<const uint4*>(p);
    } else {
      unsigned pairs[4];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const unsigned low = 2 * j < inside ? reinterpret_cast<const unsigned short*>(p)[2 * j] : 0;
        const unsigned high = 2 * j + 1 < inside ? reinterpret_cast<const unsigned short*>(p)[2 * j + 1] : 0;
        pairs[j] = low | high << 16;
      }
      bits = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
    *reinterpret_cast<uint4*>(tile + row * (HEAD + 8) + e) = bits;
  }
}

// Two numbers as one register of an operand.
__device__ __forceinline__ unsigned packed(float low, float high) {
  Element pair[2] = {narrow(low), narrow(high)};
  return reinterpret_cast<const unsigned short&>(pair[0]) | reinterpret_cast<const unsigned short&>(pair[1]) << 16;
}

// Lanes that hold elements of one row are four neighbours.
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
  return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(ALL_LANES, x, 1);
  return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

template <int HEAD, int KEYS, int WARPS>
__device__ __forceinline__ void attention_tensor(const Element* query, const Element* key, const Element* value, const void* mask,
                                                 const Element* scale, Element* out, const AttentionShape& s) {
  constexpr int ROWS = 16 * WARPS, THREADS = 32 * WARPS, PITCH = HEAD + 8;
  static_assert(ROWS <= KEYS, "queries pass through the tile of the keys");
  __shared__ __align__(16) Element keys[KEYS * PITCH];
  __shared__ __align__(16) Element values[KEYS * PITCH];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int first_row = blockIdx.x * ROWS, my_row = first_row + warp * 16 + lane / 4;  // and the one eight rows below
  const float hidden = __int_as_float(0xff800000), factor = scale ? widen(*scale) : s.scale;
  const int end = s.causal ? min(s.columns, first_row + ROWS) : s.columns;
  const Matrices<ROWS, HEAD> left(true, warp * 16, true);
  const Matrices<KEYS, HEAD> right(true, 0, false);
  const Matrices<HEAD, KEYS> right_values(false, 0, false);

  for (int index = blockIdx.y; index < s.batch; index += gridDim.y) {
    const AttentionBatch b(query, key, value, mask, out, s, index);
    unsigned queries[HEAD / 16][4];
    copy_rows<ROWS, HEAD, THREADS>(keys, b.query, s.query_row, first_row, s.rows, s.head);
    __syncthreads();
#pragma unroll
    for (int k = 0; k < HEAD / 16; k++) left.load(queries[k], keys, 0, 16 * k);
    float sums[HEAD / 8][4] = {}, maximum[2] = {hidden, hidden}, total[2] = {};
    for (int first = 0; first < end; first += KEYS) {
      __syncthreads();  // everybody has what lay there before
      copy_rows<KEYS, HEAD, THREADS>(keys, b.key, s.key_row, first, s.columns, s.head);
      copy_rows<KEYS, HEAD, THREADS>(values, b.value, s.value_row, first, s.columns, s.value_head);
      __syncthreads();
      float scores[KEYS / 8][4] = {};
#pragma unroll
      for (int k = 0; k < HEAD / 16; k++)
#pragma unroll
        for (int j = 0; j < KEYS / 16; j++) {
          unsigned operand[4];
          right.load(operand, keys, j, 16 * k);
          multiply_add(scores[2 * j], queries[k], operand[0], operand[1]);
          multiply_add(scores[2 * j + 1], queries[k], operand[2], operand[3]);
        }
      float largest[2] = {maximum[0], maximum[1]};
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int column = first + 8 * j + lane % 4 * 2 + i % 2;
          scores[j][i] = b.masked(scores[j][i] * factor, my_row + i / 2 * 8, column);
          largest[i / 2] = fmaxf(largest[i / 2], scores[j][i]);
        }
#pragma unroll
      for (int half = 0; half < 2; half++) {
        largest[half] = row_max(largest[half]);
        const float shrink = weight_of(maximum[half], largest[half]);
        maximum[half] = largest[half];
        total[half] *= shrink;
#pragma unroll
        for (int p = 0; p < HEAD / 8; p++) {
          sums[p][2 * half] *= shrink;
          sums[p][2 * half + 1] *= shrink;
        }
      }
#pragma unroll
      for (int k = 0; k < KEYS / 16; k++) {
        unsigned weights[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {  // columns before and behind the middle of the 16, and in each the row and the one below
          const float* pair = &scores[2 * k + i / 2][i % 2 * 2];
          const float low = weight_of(pair[0], maximum[i % 2]), high = weight_of(pair[1], maximum[i % 2]);
          total[i % 2] += low + high;
          weights[i] = packed(low, high);
        }
#pragma unroll
        for (int p = 0; p < HEAD / 16; p++) {
          unsigned operand[4];
          right_values.load(operand, values, p, 16 * k);
          multiply_add(sums[2 * p], weights, operand[0], operand[1]);
          multiply_add(sums[2 * p + 1], weights, operand[2], operand[3]);
        }
      }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = my_row + half * 8;
      const float all = row_sum(total[half]);
      if (row >= s.rows) continue;
      Element* target = b.out + row * s.out_row;
#pragma unroll
      for (int p = 0; p < HEAD / 8; p++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int e = 8 * p + lane % 4 * 2 + i;
          if (e < s.value_head) target[e] = narrow(sums[p][2 * half + i] / all);
        }
    }
    __syncthreads();
  }
}

// grid (row tiles, batch).
#define ATTENTION_TENSOR(HEAD, KEYS, WARPS)                                                                                   \
  extern "C" __global__ void __launch_bounds__(32 * WARPS, 2)                                                                 \
      attention_tensor_##HEAD(const Element* query, const Element* key, const Element* value, const void* mask,              \
                              const Element* scale, Element* out, AttentionShape s) {                                       \
    attention_tensor<HEAD, KEYS, WARPS>(query, key, value, mask, scale, out, s);                                             \
  }
ATTENTION_TENSOR(64, 64, 4)
ATTENTION_TENSOR(128, 64, 4)
#endif
