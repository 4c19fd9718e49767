// Scaled dot-product attention without a matrix of scores in memory: keys are walked through tile by tile, with a running maximum
// and sum for every row (Dao et al., "FlashAttention", 2022). Sums in f32.
#include "storage.cuh"

constexpr int LARGEST_BATCH_RANK = 6;

struct AttentionShape {
  int rows, columns, head, value_head;  // queries, keys, elements of a query, elements of a value
  int causal;
  int mask_kind;  // 0 none, 1 boolean (0 hides), 2 added
  int batch, batch_rank;
  int batch_dims[LARGEST_BATCH_RANK];
  float scale;  // when there is no tensor with it
  int unused;
  // Strides in elements; those of a row's elements are 1.
  long long query_row, key_row, value_row, out_row, mask_row, mask_column;
  long long query_batch[LARGEST_BATCH_RANK], key_batch[LARGEST_BATCH_RANK], value_batch[LARGEST_BATCH_RANK];
  long long out_batch[LARGEST_BATCH_RANK], mask_batch[LARGEST_BATCH_RANK];
};

struct AttentionBatch {
  const Element *query, *key, *value;
  Element* out;
  const void* mask;
  const AttentionShape& s;

  __device__ __forceinline__ AttentionBatch(const Element* query, const Element* key, const Element* value, const void* mask,
                                            Element* out, const AttentionShape& s, int batch)
      : query(query), key(key), value(value), out(out), mask(mask), s(s) {
    long long mask_offset = 0;
    for (int axis = s.batch_rank - 1; axis >= 0; axis--) {
      int index = batch % s.batch_dims[axis];
      batch /= s.batch_dims[axis];
      this->query += index * s.query_batch[axis];
      this->key += index * s.key_batch[axis];
      this->value += index * s.value_batch[axis];
      this->out += index * s.out_batch[axis];
      mask_offset += index * s.mask_batch[axis];
    }
    if (s.mask_kind == 1) this->mask = static_cast<const unsigned char*>(mask) + mask_offset;
    if (s.mask_kind == 2) this->mask = static_cast<const Element*>(mask) + mask_offset;
  }

  // A score with scale and mask; -infinity where the row may not look.
  __device__ __forceinline__ float masked(float score, int row, int column) const {
    const float hidden = __int_as_float(0xff800000);
    if (row >= s.rows || column >= s.columns || (s.causal && column > row)) return hidden;
    if (s.mask_kind == 1)
      return static_cast<const unsigned char*>(mask)[row * s.mask_row + column * s.mask_column] ? score : hidden;
    if (s.mask_kind == 2) score += widen(static_cast<const Element*>(mask)[row * s.mask_row + column * s.mask_column]);
    return score;
  }
};

// exp(x - maximum) where a row that sees nothing has the maximum -infinity.
__device__ __forceinline__ float weight_of(float x, float maximum) {
  return __expf(x - (maximum == __int_as_float(0xff800000) ? 0.f : maximum));
}

// Copies rows of a matrix into shared memory, zeros behind its ends.
template <int ROWS, int HEAD, int THREADS>
__device__ __forceinline__ void load_rows(float (*tile)[HEAD + 4], const Element* source, long long stride, int first, int rows,
                                          int head) {
  const bool vector =
      head % 4 == 0 && stride % 4 == 0 && reinterpret_cast<unsigned long long>(source) % (4 * sizeof(Element)) == 0;
  for (int i = threadIdx.x; i < ROWS * HEAD / 4; i += THREADS) {
    const int row = i / (HEAD / 4), e = i % (HEAD / 4) * 4;
    const Element* p = source + (first + row) * stride + e;
    const int inside = first + row < rows ? head - e : 0;
    float values[4] = {};
    if (vector && inside >= 4) {
      load_four(p, values);
    } else {
#pragma unroll
      for (int j = 0; j < 4; j++)
        if (j < inside) values[j] = widen(p[j]);
    }
    *reinterpret_cast<float4*>(&tile[row][e]) = make_float4(values[0], values[1], values[2], values[3]);
  }
}

// A block computes ROWS queries; 16 neighbouring threads share EACH of them, and take every 16th key and element.
template <int HEAD, int KEYS, int EACH, int THREADS>
__device__ __forceinline__ void attention_tiles(const Element* query, const Element* key, const Element* value, const void* mask,
                                                const Element* scale, Element* out, const AttentionShape& s) {
  constexpr int ROWS = THREADS / 16 * EACH, COLUMNS = KEYS / 16, PARTS = HEAD / 16;
  __shared__ __align__(16) float queries[ROWS][HEAD + 4];
  __shared__ __align__(16) float keys[KEYS][HEAD + 4];  // then values
  __shared__ float weights[ROWS][KEYS + 1];
  const int lane = threadIdx.x % 16, my_row = threadIdx.x / 16 * EACH;
  const int first_row = blockIdx.x * ROWS;
  const float factor = scale ? widen(*scale) : s.scale;
  const int end = s.causal ? min(s.columns, first_row + ROWS) : s.columns;

  for (int index = blockIdx.y; index < s.batch; index += gridDim.y) {
    const AttentionBatch b(query, key, value, mask, out, s, index);
    float sums[EACH][PARTS] = {}, maximum[EACH], total[EACH] = {};
#pragma unroll
    for (int i = 0; i < EACH; i++) maximum[i] = __int_as_float(0xff800000);
    load_rows<ROWS, HEAD, THREADS>(queries, b.query, s.query_row, first_row, s.rows, s.head);
    for (int first = 0; first < end; first += KEYS) {
      load_rows<KEYS, HEAD, THREADS>(keys, b.key, s.key_row, first, s.columns, s.head);
      __syncthreads();
      float scores[EACH][COLUMNS] = {};
#pragma unroll 4
      for (int e = 0; e < HEAD; e += 4) {
        float4 k[COLUMNS];
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) k[j] = *reinterpret_cast<const float4*>(&keys[lane + 16 * j][e]);
#pragma unroll
        for (int i = 0; i < EACH; i++) {
          const float4 q = *reinterpret_cast<const float4*>(&queries[my_row + i][e]);
#pragma unroll
          for (int j = 0; j < COLUMNS; j++)
            scores[i][j] += q.x * k[j].x + q.y * k[j].y + q.z * k[j].z + q.w * k[j].w;
        }
      }
#pragma unroll
      for (int i = 0; i < EACH; i++) {
        float largest = maximum[i];
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
          scores[i][j] = b.masked(scores[i][j] * factor, first_row + my_row + i, first + lane + 16 * j);
          largest = fmaxf(largest, scores[i][j]);
        }
#pragma unroll
        for (int step = 8; step > 0; step >>= 1) largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, step));
        const float shrink = weight_of(maximum[i], largest);
        maximum[i] = largest;
        total[i] *= shrink;
#pragma unroll
        for (int p = 0; p < PARTS; p++) sums[i][p] *= shrink;
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
          const float w = weight_of(scores[i][j], largest);
          total[i] += w;
          weights[my_row + i][lane + 16 * j] = w;
        }
      }
      __syncthreads();
      load_rows<KEYS, HEAD, THREADS>(keys, b.value, s.value_row, first, s.columns, s.value_head);
      __syncthreads();
#pragma unroll 4
      for (int j = 0; j < KEYS; j++) {
        float w[EACH];
#pragma unroll
        for (int i = 0; i < EACH; i++) w[i] = weights[my_row + i][j];
#pragma unroll
        for (int p = 0; p < PARTS; p++) {
          const float v = keys[j][lane + 16 * p];
#pragma unroll
          for (int i = 0; i < EACH; i++) sums[i][p] += w[i] * v;
        }
      }
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) {
#pragma unroll
      for (int step = 8; step > 0; step >>= 1) total[i] += __shfl_xor_sync(ALL_LANES, total[i], step);
      const int row = first_row + my_row + i;
      if (row >= s.rows) continue;
      Element* target = b.out + row * s.out_row;
#pragma unroll
      for (int p = 0; p < PARTS; p++)
        if (lane + 16 * p < s.value_head) target[lane + 16 * p] = narrow(sums[i][p] / total[i]);
    }
  }
}

// grid (row tiles, batch).
#define ATTENTION_TILES(HEAD, KEYS, EACH, THREADS)                                                                             \
  extern "C" __global__ void __launch_bounds__(THREADS, 1)                                                                     \
      attention_##HEAD(const Element* query, const Element* key, const Element* value, const void* mask, const Element* scale, \
                       Element* out, AttentionShape s) {                                                                      \
    attention_tiles<HEAD, KEYS, EACH, THREADS>(query, key, value, mask, scale, out, s);                                       \
  }
ATTENTION_TILES(64, 64, 3, 256)
ATTENTION_TILES(128, 32, 4, 128)
ATTENTION_TILES(256, 16, 2, 128)

// Few queries (decoding): a block of 8 warps per query, each warp takes four keys at a time, a lane every 32nd element.
extern "C" __global__ void __launch_bounds__(256)
    attention_rows(const Element* query, const Element* key, const Element* value, const void* mask, const Element* scale,
                   Element* out, AttentionShape s) {
  constexpr int WARPS = 8, PARTS = 8, AT_ONCE = 4;  // heads of up to 256 elements
  __shared__ float warp_maximum[WARPS], warp_total[WARPS], warp_sums[WARPS][32 * PARTS];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = blockIdx.x;
  const float factor = scale ? widen(*scale) : s.scale;
  const int end = s.causal ? min(s.columns, row + 1) : s.columns;
  for (int index = blockIdx.y; index < s.batch; index += gridDim.y) {
    const AttentionBatch b(query, key, value, mask, out, s, index);
    float q[PARTS], sums[PARTS] = {}, maximum = __int_as_float(0xff800000), total = 0.f;
#pragma unroll
    for (int p = 0; p < PARTS; p++) {
      const int e = lane + 32 * p;
      q[p] = e < s.head ? widen(b.query[row * s.query_row + e]) * factor : 0.f;
    }
    for (int first = warp * AT_ONCE; first < end; first += WARPS * AT_ONCE) {
      float scores[AT_ONCE] = {};
#pragma unroll
      for (int p = 0; p < PARTS; p++) {
        const int e = lane + 32 * p;
        if (e < s.head) {
#pragma unroll
          for (int j = 0; j < AT_ONCE; j++)
            if (first + j < end) scores[j] += q[p] * widen(b.key[(first + j) * s.key_row + e]);
        }
      }
      float largest = maximum;
#pragma unroll
      for (int j = 0; j < AT_ONCE; j++) {
        scores[j] = b.masked(warp_sum(scores[j]), row, first + j);
        largest = fmaxf(largest, scores[j]);
      }
      const float shrink = weight_of(maximum, largest);
      maximum = largest;
      total *= shrink;
#pragma unroll
      for (int j = 0; j < AT_ONCE; j++) {
        scores[j] = weight_of(scores[j], largest);
        total += scores[j];
      }
#pragma unroll
      for (int p = 0; p < PARTS; p++) {
        const int e = lane + 32 * p;
        sums[p] *= shrink;
        if (e < s.value_head) {
#pragma unroll
          for (int j = 0; j < AT_ONCE; j++)
            if (first + j < end) sums[p] += scores[j] * widen(b.value[(first + j) * s.value_row + e]);
        }
      }
    }
    if (lane == 0) {
      warp_maximum[warp] = maximum;
      warp_total[warp] = total;
    }
#pragma unroll
    for (int p = 0; p < PARTS; p++) warp_sums[warp][lane + 32 * p] = sums[p];
    __syncthreads();
    float largest = warp_maximum[0];
    for (int w = 1; w < WARPS; w++) largest = fmaxf(largest, warp_maximum[w]);
    if (threadIdx.x < s.value_head) {
      float sum = 0.f, all = 0.f;
      for (int w = 0; w < WARPS; w++) {
        const float part = weight_of(warp_maximum[w], largest);
        sum += warp_sums[w][threadIdx.x] * part;
        all += warp_total[w] * part;
      }
      b.out[row * s.out_row + threadIdx.x] = narrow(sum / all);
    }
    __syncthreads();
  }
}
