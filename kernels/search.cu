// Bucketize and SearchSorted. ELEMENT is the type of values and boundaries (types.cuh), INDEX that of the results.
#ifndef ELEMENT
#define ELEMENT float
#endif
#include "places.cuh"
#include "types.cuh"

typedef Arithmetic<ELEMENT>::type Number;

// The number of boundaries below each value, or not above it with `or_equal`. Rows of `row` values have rows of `length`
// ascending boundaries of their own, `row` 0: one row of boundaries serves all.
extern "C" __global__ void search_sorted(INDEX* target, const ELEMENT* boundaries, const ELEMENT* values,
                                         unsigned length, unsigned row, unsigned or_equal, unsigned count) {
  FOR_ALL(i, count) {
    const ELEMENT* own = boundaries + (row ? i / row * length : 0);
    Number value = unpack(values[i]);
    unsigned first = 0, last = length;
    while (first < last) {
      unsigned middle = first + (last - first) / 2;
      Number boundary = unpack(own[middle]);
      if (boundary < value || (or_equal && !(value < boundary)))
        first = middle + 1;
      else
        last = middle;
    }
    target[i] = (INDEX)first;
  }
}
