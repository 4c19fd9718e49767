// Sums and other reductions over groups of threads, and where reduced elements lie in memory.
#pragma once
#include "elementwise.cuh"

// ---- what integers are accumulated in --------------------------------------------------------------------------------
// Types that shuffles take.
template <class X> struct Wide { typedef int type; };
template <> struct Wide<float> { typedef float type; };
template <> struct Wide<double> { typedef double type; };
template <> struct Wide<unsigned> { typedef unsigned type; };
template <> struct Wide<long long> { typedef long long type; };
template <> struct Wide<unsigned long long> { typedef unsigned long long type; };
// Types of sums: 64 bits for integers.
template <class X> struct Total { typedef long long type; };
template <> struct Total<float> { typedef float type; };
template <> struct Total<double> { typedef double type; };

struct Plus {
  template <class A> static __device__ __forceinline__ A combine(A a, A b) { return a + b; }
};
struct Larger {
  template <class A> static __device__ __forceinline__ A combine(A a, A b) { return formula::maximum<A>(a, b); }
};

// ---- groups of threads -----------------------------------------------------------------------------------------------
// Combines x over the threads of one threadIdx.y; all of them get the result. blockDim.x is a power of two; above 32, blockDim.y
// is 1. All threads of the block must call it. `shared` has room for 32 values.
template <class C, class A> __device__ __forceinline__ A reduce_group(A x, A identity, A* shared) {
  const int lanes = blockDim.x < 32 ? blockDim.x : 32;
  for (int offset = lanes / 2; offset > 0; offset /= 2) x = C::combine(x, __shfl_xor_sync(~0u, x, offset));
  if (blockDim.x <= 32) return x;
  __syncthreads();  // the previous values have been read
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  __syncthreads();
  x = threadIdx.x % 32 < blockDim.x / 32 ? shared[threadIdx.x % 32] : identity;
  for (int offset = 16; offset > 0; offset /= 2) x = C::combine(x, __shfl_xor_sync(~0u, x, offset));
  return x;
}

// Combines x over the threads of one threadIdx.x; all of them get the result. blockDim.y is a power of two. `shared` has room for
// one value per thread.
template <class C, class A> __device__ __forceinline__ A reduce_column(A x, A* shared) {
  __syncthreads();
  shared[threadIdx.y * blockDim.x + threadIdx.x] = x;
  for (int half = blockDim.y / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half)
      shared[threadIdx.y * blockDim.x + threadIdx.x] = C::combine(
          shared[threadIdx.y * blockDim.x + threadIdx.x], shared[(threadIdx.y + half) * blockDim.x + threadIdx.x]);
  }
  __syncthreads();
  return shared[threadIdx.x];
}

// ---- where reduced elements lie --------------------------------------------------------------------------------------
struct Axes {
  unsigned rank;
  Divisor dims[MAX_RANK];
  unsigned long long strides[MAX_RANK];

  // Offset of element number `index` of the box, in C order.
  __device__ __forceinline__ unsigned long long offset(unsigned index) const {
    if (rank == 1) return index * strides[0];
    unsigned long long sum = 0;
#pragma unroll
    for (int d = MAX_RANK - 1; d >= 0; d--) {
      if (d >= int(rank)) continue;
      unsigned rest = d > 0 ? dims[d].quotient(index) : 0;
      sum += (index - (d > 0 ? rest * dims[d].divisor : 0)) * strides[d];
      index = rest;
    }
    return sum;
  }
};

// A tensor as kept dimensions times reduced ones.
struct Reduced {
  unsigned outputs;  // product of the kept dimensions (in items, for kernels that handle several neighbours)
  unsigned count;    // product of the reduced dimensions
  unsigned slice;    // reduced elements of one blockIdx.y
  Axes kept, gone;
};
