// Where indices point to: shared by gathering and scattering. INDEX is the type of the indices.
#pragma once
#include "divisor.cuh"

#ifndef INDEX
#define INDEX long long
#endif

#define PLACE_RANK 8

// A loop over `count` items by all threads of the grid; `i` is the item.
#define FOR_ALL(i, count)                                                                                       \
  for (unsigned long long i = (unsigned long long)(blockIdx.x) * blockDim.x + threadIdx.x; i < (count);         \
       i += (unsigned long long)(gridDim.x) * blockDim.x)

// An index into an axis of `size` elements; negative ones count from the end. False: it is outside.
__device__ __forceinline__ bool normalize(long long& index, long long size) {
  if (index < 0) index += size;
  return index >= 0 && index < size;
}

// Indices of the shape `dims` into the axis `axis` of a tensor; the other coordinates are those of the index itself.
struct AxisPlaces {
  unsigned count, rank, axis;
  int axis_size;
  Divisor dims[PLACE_RANK];
  long long strides[PLACE_RANK];  // of the tensor, in elements

  // The element that index number i stands for, or -1 when it is outside.
  __device__ __forceinline__ long long find(const INDEX* indices, unsigned i) const {
    long long index = (long long)(indices[i]);
    if (!normalize(index, axis_size)) return -1;
    unsigned rest = i;
    long long place = 0;
#pragma unroll
    for (int d = PLACE_RANK - 1; d >= 0; d--) {
      if (d >= int(rank)) continue;
      unsigned at = rest;
      if (d > 0) rest = dims[d].split(rest, at);
      place += (d == int(axis) ? index : (long long)(at)) * strides[d];
    }
    return place;
  }
};

// Tuples of `length` indices, each of which selects a slice.
struct TuplePlaces {
  unsigned count, length;  // of tuples; of each one
  Divisor per_batch;       // tuples for each entry of the batch
  long long batch_stride;  // in slices
  long long sizes[PLACE_RANK], strides[PLACE_RANK];  // strides in slices

  // The slice that tuple number i selects, or -1 when it is outside.
  __device__ __forceinline__ long long find(const INDEX* indices, unsigned i) const {
    long long place = per_batch.quotient(i) * batch_stride;
    const INDEX* tuple = indices + (unsigned long long)(i)*length;
#pragma unroll
    for (int d = 0; d < PLACE_RANK; d++) {
      if (d >= int(length)) continue;
      long long index = (long long)(tuple[d]);
      if (!normalize(index, sizes[d])) return -1;
      place += index * strides[d];
    }
    return place;
  }
};
