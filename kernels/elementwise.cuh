// Where the elements of broadcast tensors lie: the part of generated elementwise kernels that no formula changes.
#pragma once
#include "divisor.cuh"
#include "formulas.cuh"

#define MAX_RANK 6

// A box of elements in C order, walked in items of V neighbours along the last dimension, and the strides of each input.
template <int INPUTS> struct Geometry {
  unsigned items;         // items of V elements
  unsigned tail;          // elements after the last whole item; only where rank is 1
  unsigned rank;          // dimensions, at least 1
  unsigned inner_stride;  // bit i: input i moves along the last dimension; its stride there is then 1
  Divisor dims[MAX_RANK]; // the last one is counted in items; dims[0] is not read
  unsigned strides[INPUTS > 0 ? INPUTS : 1][MAX_RANK]; // in elements; of the last dimension, of an item

  // Offsets of all inputs at the first element of an item.
  __device__ __forceinline__ void locate(unsigned item, unsigned (&offsets)[INPUTS > 0 ? INPUTS : 1]) const {
#pragma unroll
    for (int i = 0; i < INPUTS; i++) offsets[i] = 0;
    unsigned rest = item;
#pragma unroll
    for (int d = MAX_RANK - 1; d >= 0; d--) {
      if (d >= int(rank)) continue;
      unsigned index = rest;
      if (d > 0) {
        rest = dims[d].quotient(index);
        index -= rest * dims[d].divisor;
      }
#pragma unroll
      for (int i = 0; i < INPUTS; i++) offsets[i] += index * strides[i][d];
    }
  }
};

// V neighbours of an input, or V times the same element where it is broadcast along them.
template <int V, class T> __device__ __forceinline__ void load_lanes(const T* source, bool moves, T (&target)[V]) {
  if (moves) {
    load_vector<V>(source, target);
  } else {
    T x = *source;
#pragma unroll
    for (int e = 0; e < V; e++) target[e] = x;
  }
}
