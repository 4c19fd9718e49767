// NonMaxSuppression. ELEMENT is the storage type of boxes and scores (types.cuh), INDEX that of the selected indices. With SOFT
// overlaps lower scores instead of dropping boxes (Bodla et al., "Soft-NMS", 2017).
//
// A row is a class of an image. A block selects the boxes of a row: again and again the best of its candidates, whose overlap
// drops others. Only the candidates count, boxes whose score is above the threshold: few in most models. Of equal scores the
// first box is best. Geometry is rounded step by step, as on the host, so that the same boxes overlap too much.
#ifndef ELEMENT
#define ELEMENT float
#endif
#include "places.cuh"
#include "selection.cuh"
#include "types.cuh"

// Numbers of the same order as scores, -0 equal to 0: a comparison of floats might take subnormal ones for zeros.
__device__ __forceinline__ int order_of(float x) {
  const int bits = __float_as_int(x);
  if (bits << 1 == 0) return 0;
  return bits < 0 ? bits ^ 0x7fffffff : bits;
}

__device__ __forceinline__ bool above(float x, float limit) {
  return x == x && limit == limit && order_of(x) > order_of(limit);
}

// Scores of candidates while boxes are selected; none is so low as DROPPED.
#ifdef SOFT
typedef double Score;  // products of many factors below 1
#define DROPPED (-double(infinity()))
__device__ __forceinline__ Score score_of(float x) { return x; }
__device__ __forceinline__ float number_of(Score x) { return float(x); }
#else
typedef int Score;  // their order is all that matters
#define DROPPED int(0x80000000)
__device__ __forceinline__ Score score_of(float x) { return order_of(x); }
__device__ __forceinline__ float number_of(Score x) { return __int_as_float(x < 0 ? x ^ 0x7fffffff : x); }
#endif

// A number that is known while planning, or an input in device memory.
struct Threshold {
  const ELEMENT* input;
  float known;
  __device__ __forceinline__ float get() const { return input ? unpack(*input) : known; }
};

struct Suppression {
  unsigned rows, boxes;      // of all images and classes; of an image
  Divisor classes, room;     // room: results of a row, at most
  unsigned sorted;           // whether results of all rows are ordered by their scores
  unsigned limit_is_wide;    // whether `limit` points to 64 bits
  const void* limit;         // null: as many as there is room for
  Threshold overlap, score, sigma;

  __device__ __forceinline__ unsigned most() const {
    if (!limit) return room.divisor;
    const long long n = limit_is_wide ? *static_cast<const long long*>(limit) : *static_cast<const int*>(limit);
    return unsigned(n < 0 ? 0 : n < room.divisor ? n : room.divisor);
  }
};

// ---- geometry --------------------------------------------------------------------------------------------------------
// Corners with the smaller coordinates in x and y. A box with a coordinate that is no number overlaps nothing.
extern "C" __global__ void nms_corners(float4* corners, const ELEMENT* __restrict__ boxes, unsigned count,
                                       unsigned centers, unsigned vector) {
  FOR_ALL(i, count) {
    ELEMENT given[4];
    if (vector) {
      load_vector(boxes + 4 * i, given);
    } else {
#pragma unroll
      for (int k = 0; k < 4; k++) given[k] = boxes[4 * i + k];
    }
    const float a = unpack(given[0]), b = unpack(given[1]), c = unpack(given[2]), d = unpack(given[3]);
    float4 box;
    if (centers) {
      const float width = __fmul_rn(c, 0.5f), height = __fmul_rn(d, 0.5f);
      box = make_float4(__fsub_rn(a, width), __fsub_rn(b, height), __fadd_rn(a, width), __fadd_rn(b, height));
    } else {
      box = make_float4(fminf(a, c), fminf(b, d), fmaxf(a, c), fmaxf(b, d));
    }
    const bool ordered = a == a && b == b && c == c && d == d && box.x == box.x && box.y == box.y && box.z == box.z &&
                         box.w == box.w;
    corners[i] = ordered ? box : make_float4(infinity(), infinity(), -infinity(), -infinity());
  }
}

__device__ __forceinline__ float area_of(float x1, float y1, float x2, float y2) {
  const float width = __fsub_rn(x2, x1), height = __fsub_rn(y2, y1);
  return width >= 0 && height >= 0 ? __fmul_rn(width, height) : 0;
}

// Intersection over union; 0 where the union is empty.
__device__ __forceinline__ float overlap_of(const float4& a, const float4& b) {
  const float common = area_of(fmaxf(a.x, b.x), fmaxf(a.y, b.y), fminf(a.z, b.z), fminf(a.w, b.w));
  const float both = __fadd_rn(area_of(a.x, a.y, a.z, a.w), area_of(b.x, b.y, b.z, b.w));
  const float all = __fsub_rn(both, common);
  return all > 0 ? __fdiv_rn(common, all) : 0;
}

// ---- selection -------------------------------------------------------------------------------------------------------
struct Best {
  Score score;
  unsigned place;  // among the candidates; ~0: none
};

__device__ __forceinline__ bool better(const Best& a, const Best& b) {
  return a.score > b.score || (a.score == b.score && a.place < b.place);
}

// The best of all threads. `shared` is one of two arrays that calls use in turn, so that one barrier is enough.
__device__ __forceinline__ Best best_of_block(Best mine, Best* shared) {
  for (int offset = 16; offset > 0; offset /= 2) {
    Best other;
    other.score = __shfl_xor_sync(~0u, mine.score, offset);
    other.place = __shfl_xor_sync(~0u, mine.place, offset);
    if (better(other, mine)) mine = other;
  }
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = mine;
  __syncthreads();
  mine = shared[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; warp++)
    if (better(shared[warp], mine)) mine = shared[warp];
  return mine;
}

// The score of a candidate beside a selected box that overlaps it so much.
__device__ __forceinline__ Score lowered(Score score, float overlap, float limit, float least, float sigma) {
#ifdef SOFT
  if (sigma > 0) {
    const double scale = -0.5 / double(sigma);
    score *= exp(__dmul_rn(__dmul_rn(scale, overlap), overlap));
    return score > least ? score : DROPPED;
  }
#endif
  return overlap <= limit ? score : DROPPED;
}

// counts: selected boxes of each row. kept, kept_scores: [rows, room], those boxes and their scores in the order of selection.
// candidates, values: [rows, boxes], room for the boxes that may still be selected and their scores.
extern "C" __global__ void __launch_bounds__(512, 2)
    nms_select(unsigned* counts, unsigned* kept, float* kept_scores, unsigned* candidates, Score* values,
               const float4* __restrict__ corners, const ELEMENT* __restrict__ scores, const Suppression s) {
  __shared__ unsigned sums[32];
  __shared__ Best bests[2][16];
  const float limit = s.overlap.get(), least = s.score.get(), sigma = s.sigma.get();
  const unsigned most = s.most();
  for (unsigned row = blockIdx.x; row < s.rows; row += gridDim.x) {
    const unsigned long long start = (unsigned long long)(row)*s.boxes, target = (unsigned long long)(row)*s.room.divisor;
    const float4* boxes = corners + (unsigned long long)(s.classes.quotient(row)) * s.boxes;
    unsigned found = 0;
    for (unsigned part = 0; part < s.boxes; part += blockDim.x) {
      const unsigned box = part + threadIdx.x;
      const float score = box < s.boxes ? unpack(scores[start + box]) : 0;
      const bool counts_in = box < s.boxes && above(score, least);
      unsigned whole;
      const unsigned place = found + exclusive_scan(unsigned(counts_in), sums, whole);
      if (counts_in) {
        candidates[start + place] = box;
        values[start + place] = score_of(score);
      }
      found += whole;
    }
    __syncthreads();
    float4 last = make_float4(0, 0, 0, 0);
    unsigned count = 0;
    for (; count < most; count++) {
      // Each thread keeps to its own candidates from here on.
      Best best;
      best.score = DROPPED;
      best.place = ~0u;
      for (unsigned place = threadIdx.x; place < found; place += blockDim.x) {
        Score score = values[start + place];
        if (score == DROPPED) continue;
        if (count) {
          score = lowered(score, overlap_of(last, boxes[candidates[start + place]]), limit, least, sigma);
          values[start + place] = score;
        }
        if (score > best.score) {
          best.score = score;
          best.place = place;
        }
      }
      best = best_of_block(best, bests[count % 2]);
      if (best.place == ~0u) break;
      const unsigned box = candidates[start + best.place];
      last = boxes[box];
      if (best.place % blockDim.x == threadIdx.x) {
        values[start + best.place] = DROPPED;
        kept[target + count] = box;
        kept_scores[target + count] = number_of(best.score);
      }
    }
    if (threadIdx.x == 0) counts[row] = count;
    __syncthreads();  // the last bests have been read
  }
}

// ---- results ---------------------------------------------------------------------------------------------------------
// How many of `count` scores come before a score: those above it, and with `or_equal` those that equal it.
__device__ __forceinline__ unsigned scores_before(const float* scores, unsigned count, float score, bool or_equal,
                                                  bool descending) {
  const int order = order_of(score);
  unsigned first = 0;
  if (descending) {
    unsigned last = count;
    while (first < last) {
      const unsigned middle = first + (last - first) / 2;
      if (order_of(scores[middle]) + int(or_equal) > order)
        first = middle + 1;
      else
        last = middle;
    }
  } else {
    for (unsigned i = 0; i < count; i++) first += order_of(scores[i]) + int(or_equal) > order;
  }
  return first;
}

// A thread for each place of a row. before: sums of the rows' counts. indices: [results, 3] of (image, class, box); table, if not
// null: [.., 3] of (image, class, score); number, if not null: how many there are. Those beyond `results` are left out.
extern "C" __global__ void nms_write(INDEX* __restrict__ indices, ELEMENT* __restrict__ table, INDEX* number,
                                     const unsigned* __restrict__ before, const unsigned* __restrict__ kept,
                                     const float* __restrict__ kept_scores, unsigned results, const Suppression s) {
  if (number && blockIdx.x == 0 && threadIdx.x == 0) *number = (INDEX)before[s.rows];
#ifdef SOFT
  const bool descending = s.score.get() >= 0;  // negative scores grow as they decay
#else
  const bool descending = true;
#endif
  FOR_ALL(i, (unsigned long long)(s.rows) * s.room.divisor) {
    unsigned k, label;
    const unsigned row = s.room.split(unsigned(i), k);
    if (k >= before[row + 1] - before[row]) continue;
    const float score = kept_scores[i];
    unsigned place = before[row] + k;
    if (s.sorted) {
      // Its place in the order of scores, rows and selection: how many come before it.
      const float* own = kept_scores + (i - k);
      place = k;
      if (!descending)
        place = scores_before(own, before[row + 1] - before[row], score, false, false) +
                scores_before(own, k, score, true, false) - scores_before(own, k, score, false, false);
      for (unsigned other = 0; other < s.rows; other++) {
        if (other == row) continue;
        const float* others = kept_scores + (unsigned long long)(other)*s.room.divisor;
        place += scores_before(others, before[other + 1] - before[other], score, other < row, descending);
      }
    }
    if (place >= results) continue;
    const unsigned image = s.classes.split(row, label);
    const unsigned long long target = 3ull * place;
    indices[target] = (INDEX)image;
    indices[target + 1] = (INDEX)label;
    indices[target + 2] = (INDEX)kept[i];
    if (table) {
      table[target] = pack<ELEMENT>(float(image));
      table[target + 1] = pack<ELEMENT>(float(label));
      table[target + 2] = pack<ELEMENT>(score);
    }
  }
}
