// Scaled dot-product attention without a matrix of scores in memory: keys are walked through tile by tile, with a running maximum
// and sum for every row (Dao et al., "FlashAttention", 2022). Sums in f32.
#include "attention.cuh"
#include "slices.cuh"

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

// ---- few queries: decoding -------------------------------------------------------------------------------------------------
// What a block has summed over its keys: weighted values relative to exp(maximum), and the sum of their weights.
struct RowSums {
  float maximum, total, sum;
};

// Adds up what groups of threads have summed; `sums` [group][width]. For the element of the value that a thread stands for.
template <int GROUPS, int WIDTH>
__device__ __forceinline__ RowSums joined(const float* maxima, const float* totals, const float (*sums)[WIDTH], int element) {
  RowSums all = {maxima[0], 0.f, 0.f};
  for (int g = 1; g < GROUPS; g++) all.maximum = fmaxf(all.maximum, maxima[g]);
  for (int g = 0; g < GROUPS; g++) {
    const float part = weight_of(maxima[g], all.maximum);
    all.total += totals[g] * part;
    all.sum += sums[g][element] * part;
  }
  return all;
}

// Many keys and few queries: slices of the keys go to different blocks, the last of them adds up what all have left in memory (as in
// slices.cuh). Returns whether this one does. `partials` [item][slice][value_head + 2], `tickets` [item].
__device__ __forceinline__ bool gathered(RowSums& mine, float* partials, unsigned* tickets, int item, const AttentionShape& s) {
  if (s.slices == 1) return true;
  const int width = s.value_head + 2, slice = blockIdx.z;
  float* first = partials + static_cast<long long>(item) * s.slices * width;
  float* own = first + slice * width;
  if (threadIdx.x < s.value_head) own[threadIdx.x] = mine.sum;
  if (threadIdx.x == 0) {
    own[s.value_head] = mine.maximum;
    own[s.value_head + 1] = mine.total;
  }
  if (!arrives_last(tickets + item, s.slices)) return false;
  if (threadIdx.x >= s.value_head) return true;
  mine.maximum = __ldcg(first + s.value_head);
  for (int i = 1; i < s.slices; i++) mine.maximum = fmaxf(mine.maximum, __ldcg(first + i * width + s.value_head));
  mine.total = mine.sum = 0.f;
  for (int i = 0; i < s.slices; i++) {
    const float* other = first + i * width;
    const float part = weight_of(__ldcg(other + s.value_head), mine.maximum);
    mine.total += __ldcg(other + s.value_head + 1) * part;
    mine.sum += __ldcg(other + threadIdx.x) * part;
  }
  return true;
}

// A thread's 16 bytes of each of AT_ONCE rows of a matrix, one of every 256 / LANES, 0 behind its ends.
template <int LANES, int AT_ONCE, int PARTS>
__device__ __forceinline__ void load_parts(const Element* rows, long long stride, int head, int first, int end, int lane,
                                           float (&part)[AT_ONCE][PARTS][PER_16_BYTES]) {
#pragma unroll
  for (int j = 0; j < AT_ONCE; j++) {
    const int row = first + j * (256 / LANES);
#pragma unroll
    for (int p = 0; p < PARTS; p++) {
      const int at = (p * LANES + lane) * PER_16_BYTES;
#pragma unroll
      for (int e = 0; e < PER_16_BYTES; e++) part[j][p][e] = 0.f;
      if (row < end && at < head) load_16_bytes(rows + row * stride + at, part[j][p]);
    }
  }
}

// LANES neighbouring threads share a key, of which each takes 16 bytes; a block walks through 256 / LANES keys at a time, in four
// steps whose loads are on their way at once.
template <int LANES>
__device__ __forceinline__ void attention_rows(const Element* query, const Element* key, const Element* value, const void* mask,
                                               const Element* scale, Element* out, float* partials, unsigned* tickets,
                                               const AttentionShape& s) {
  constexpr int V = PER_16_BYTES, PARTS = LANES == 32 && V == 4 ? 2 : 1;  // heads of up to 256 elements
  constexpr int GROUPS = 256 / LANES, WIDTH = LANES * V * PARTS, AT_ONCE = 4;
  __shared__ float maxima[GROUPS], totals[GROUPS], group_sums[GROUPS][WIDTH];
  const int lane = threadIdx.x % LANES, group = threadIdx.x / LANES, row = blockIdx.x;
  const float hidden = __int_as_float(0xff800000), factor = scale ? widen(*scale) : s.scale;
  const int start = blockIdx.z * s.slice_columns;
  const int end = min(s.causal ? min(s.columns, row + 1) : s.columns, start + s.slice_columns);
  for (int index = blockIdx.y; index < s.batch; index += gridDim.y) {
    const AttentionBatch b(query, key, value, mask, out, s, index);
    float q[PARTS][V], sums[PARTS][V] = {}, maximum = hidden, total = 0.f;
#pragma unroll
    for (int p = 0; p < PARTS; p++)
#pragma unroll
      for (int e = 0; e < V; e++) {
        const int at = (p * LANES + lane) * V + e;
        q[p][e] = at < s.head ? widen(b.query[row * s.query_row + at]) * factor : 0.f;
      }
    for (int first = start; first < end; first += GROUPS * AT_ONCE) {  // the same steps for all threads
      float scores[AT_ONCE], part[AT_ONCE][PARTS][V];
      load_parts<LANES>(b.key, s.key_row, s.head, first + group, end, lane, part);
      float largest = maximum;
#pragma unroll
      for (int j = 0; j < AT_ONCE; j++) {
        float score = 0.f;
#pragma unroll
        for (int p = 0; p < PARTS; p++)
#pragma unroll
          for (int e = 0; e < V; e++) score += q[p][e] * part[j][p][e];
#pragma unroll
        for (int step = LANES / 2; step > 0; step >>= 1) score += __shfl_xor_sync(ALL_LANES, score, step);
        const int column = first + j * GROUPS + group;
        scores[j] = column < end ? b.masked(score, row, column) : hidden;
        largest = fmaxf(largest, scores[j]);
      }
      load_parts<LANES>(b.value, s.value_row, s.value_head, first + group, end, lane, part);
      const float shrink = weight_of(maximum, largest);
      maximum = largest;
      total *= shrink;
#pragma unroll
      for (int p = 0; p < PARTS; p++)
#pragma unroll
        for (int e = 0; e < V; e++) sums[p][e] *= shrink;
#pragma unroll
      for (int j = 0; j < AT_ONCE; j++) {
        const float weight = weight_of(scores[j], largest);
        total += weight;
#pragma unroll
        for (int p = 0; p < PARTS; p++)
#pragma unroll
          for (int e = 0; e < V; e++) sums[p][e] += weight * part[j][p][e];
      }
    }
    if (lane == 0) {
      maxima[group] = maximum;
      totals[group] = total;
    }
#pragma unroll
    for (int p = 0; p < PARTS; p++)
#pragma unroll
      for (int e = 0; e < V; e++) group_sums[group][(p * LANES + lane) * V + e] = sums[p][e];
    __syncthreads();
    RowSums mine = joined<GROUPS, WIDTH>(maxima, totals, group_sums, min(threadIdx.x, WIDTH - 1));
    if (gathered(mine, partials, tickets, row + s.rows * index, s) && threadIdx.x < s.value_head)
      b.out[row * s.out_row + threadIdx.x] = narrow(mine.sum / mine.total);
    __syncthreads();
  }
}

// grid (queries, batch, slices of the keys).
#define ATTENTION_ROWS(LANES)                                                                                                \
  extern "C" __global__ void __launch_bounds__(256)                                                                          \
      attention_rows_##LANES(const Element* query, const Element* key, const Element* value, const void* mask,              \
                             const Element* scale, Element* out, float* partials, unsigned* tickets, AttentionShape s) {    \
    attention_rows<LANES>(query, key, value, mask, scale, out, partials, tickets, s);                                       \
  }
ATTENTION_ROWS(8)
ATTENTION_ROWS(16)
ATTENTION_ROWS(32)

// The same where rows are not aligned: a block of 8 warps per query, a warp takes four keys at a time, a lane every 32nd element.
extern "C" __global__ void __launch_bounds__(256)
    attention_rows_single(const Element* query, const Element* key, const Element* value, const void* mask, const Element* scale,
                          Element* out, float* partials, unsigned* tickets, AttentionShape s) {
  constexpr int WARPS = 8, PARTS = 8, AT_ONCE = 4;  // heads of up to 256 elements
  __shared__ float warp_maximum[WARPS], warp_total[WARPS], warp_sums[WARPS][32 * PARTS];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = blockIdx.x;
  const float factor = scale ? widen(*scale) : s.scale;
  const int start = blockIdx.z * s.slice_columns;
  const int end = min(s.causal ? min(s.columns, row + 1) : s.columns, start + s.slice_columns);
  for (int index = blockIdx.y; index < s.batch; index += gridDim.y) {
    const AttentionBatch b(query, key, value, mask, out, s, index);
    float q[PARTS], sums[PARTS] = {}, maximum = __int_as_float(0xff800000), total = 0.f;
#pragma unroll
    for (int p = 0; p < PARTS; p++) {
      const int e = lane + 32 * p;
      q[p] = e < s.head ? widen(b.query[row * s.query_row + e]) * factor : 0.f;
    }
    for (int first = start + warp * AT_ONCE; first < end; first += WARPS * AT_ONCE) {
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
        const float score = warp_sum(scores[j]);
        scores[j] = first + j < end ? b.masked(score, row, first + j) : __int_as_float(0xff800000);
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
    RowSums mine = joined<WARPS, 32 * PARTS>(warp_maximum, warp_total, warp_sums, threadIdx.x);
    if (gathered(mine, partials, tickets, row + s.rows * index, s) && threadIdx.x < s.value_head)
      b.out[row * s.out_row + threadIdx.x] = narrow(mine.sum / mine.total);
    __syncthreads();
  }
}
