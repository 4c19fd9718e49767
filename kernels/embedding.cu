// Rows of a table, summed or averaged in bags. ELEMENT is the storage type (types.cuh), INDEX the type of all indices.
#ifndef ELEMENT
#define ELEMENT float
#endif
#include "places.cuh"
#include "types.cuh"

enum BagKind { OFFSETS, PACKED, SEGMENTS };

struct Bags {
  unsigned count, kind;
  Divisor width;         // elements of a row
  unsigned bags, total;  // total: indices in all bags
  unsigned per_bag;      // PACKED: indices of a bag
  unsigned mean;
  long long rows;        // of the table
};

// The first of `count` ascending segment numbers that is not below `wanted`.
__device__ __forceinline__ unsigned lower_bound(const INDEX* segments, unsigned count, long long wanted) {
  unsigned first = 0, last = count;
  while (first < last) {
    unsigned middle = first + (last - first) / 2;
    if ((long long)(segments[middle]) < wanted)
      first = middle + 1;
    else
      last = middle;
  }
  return first;
}

// `limits` are offsets or segment numbers, `weights` and `fallback` may be null.
extern "C" __global__ void embedding_bags(ELEMENT* target, const ELEMENT* table, const INDEX* indices,
                                          const INDEX* limits, const ELEMENT* weights, const INDEX* fallback,
                                          const Bags b) {
  FOR_ALL(i, b.count) {
    unsigned column;
    unsigned bag = b.width.split(unsigned(i), column);
    unsigned first, last;
    if (b.kind == PACKED) {
      first = bag * b.per_bag;
      last = first + b.per_bag;
    } else if (b.kind == OFFSETS) {
      first = unsigned(limits[bag]);
      last = bag + 1 < b.bags ? unsigned(limits[bag + 1]) : b.total;
      last = min(last, b.total);
    } else {
      first = lower_bound(limits, b.total, bag);
      last = lower_bound(limits, b.total, (long long)(bag) + 1);
    }
    float sum = 0;
    for (unsigned k = first; k < last; k++) {
      long long row = (long long)(indices[k]);
      if (!normalize(row, b.rows)) continue;
      float x = unpack(table[(unsigned long long)(row)*b.width.divisor + column]);
      sum += weights == nullptr ? x : x * unpack(weights[k]);
    }
    if (b.mean && last > first) sum /= float(last - first);
    if (last <= first && fallback != nullptr) {
      long long row = (long long)(*fallback);
      if (row >= 0 && row < b.rows) sum = unpack(table[(unsigned long long)(row)*b.width.divisor + column]);
    }
    target[i] = pack<ELEMENT>(sum);
  }
}
