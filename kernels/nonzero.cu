// NonZero: the coordinates of all elements other than 0, in the order of the elements. ELEMENT is the storage type (types.cuh),
// INDEX that of the results. The first pass counts, selection.cuh sums the counts, the second pass writes.
#ifndef ELEMENT
#define ELEMENT float
#endif
#include "places.cuh"
#include "selection.cuh"
#include "types.cuh"

#define PER_THREAD 16  // neighbours of a thread: 16 bytes of a mask

// The bits decide: a comparison might take subnormal numbers for zeros. -0 is one.
__device__ __forceinline__ bool is_set(float x) { return __float_as_uint(x) << 1 != 0; }
__device__ __forceinline__ bool is_set(double x) { return (unsigned long long)(__double_as_longlong(x)) << 1 != 0; }
template <class T> __device__ __forceinline__ bool is_set(T x) { return x != T(0); }

struct NonZero {
  unsigned count, parts;  // elements; parts of PER_THREAD elements for each thread of a block
  unsigned rank, vector;  // vector: the address allows loads of 16 bytes
  Divisor dims[PLACE_RANK];
};

// A bit for each of the thread's elements that is not 0; the first of them is number `first`.
__device__ __forceinline__ unsigned marks_of(const ELEMENT* source, unsigned first, const NonZero& n) {
  unsigned marks = 0;
  if (n.vector && first + PER_THREAD <= n.count) {
    ELEMENT items[PER_THREAD];
    load_vector(source + first, items);
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) marks |= unsigned(is_set(unpack(items[i]))) << i;
  } else {
    for (unsigned i = 0; i < PER_THREAD && first + i < n.count; i++)
      marks |= unsigned(is_set(unpack(source[first + i]))) << i;
  }
  return marks;
}

extern "C" __global__ void __launch_bounds__(256) nonzero_count(unsigned* counts, const ELEMENT* __restrict__ source,
                                                                const NonZero n) {
  __shared__ unsigned shared[32];
  for (unsigned part = blockIdx.x; part < n.parts; part += gridDim.x) {
    const unsigned first = (part * blockDim.x + threadIdx.x) * PER_THREAD;
    unsigned whole;
    exclusive_scan(unsigned(__popc(marks_of(source, first, n))), shared, whole);
    if (threadIdx.x == 0) counts[part] = whole;
  }
}

// target: [rank, number of elements other than 0].
extern "C" __global__ void __launch_bounds__(256) nonzero_write(INDEX* __restrict__ target,
                                                                const ELEMENT* __restrict__ source,
                                                                const unsigned* __restrict__ before, const NonZero n) {
  __shared__ unsigned shared[32];
  const unsigned total = before[n.parts];
  for (unsigned part = blockIdx.x; part < n.parts; part += gridDim.x) {
    const unsigned first = (part * blockDim.x + threadIdx.x) * PER_THREAD;
    unsigned marks = marks_of(source, first, n), whole;
    unsigned place = before[part] + exclusive_scan(unsigned(__popc(marks)), shared, whole);
    for (; marks; marks &= marks - 1) {
      unsigned rest = first + __ffs(marks) - 1;
#pragma unroll
      for (int d = PLACE_RANK - 1; d >= 0; d--) {
        if (d >= int(n.rank)) continue;
        unsigned at = rest;
        if (d > 0) rest = n.dims[d].split(rest, at);
        target[(unsigned long long)(d)*total + place] = (INDEX)at;
      }
      place++;
    }
  }
}
