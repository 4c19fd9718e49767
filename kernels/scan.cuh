// Prefix sums over the threads of a block.
#pragma once

// Sum over all threads before this one, and of the whole block, which has 32 whole warps or less. All threads of the block must call
// it. `shared` has room for 32 values.
template <class A> __device__ __forceinline__ A exclusive_scan(A x, A* shared, A& whole) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  A sum = x;
#pragma unroll
  for (int offset = 1; offset < 32; offset *= 2) {
    const A other = __shfl_up_sync(~0u, sum, offset);
    if (lane >= offset) sum += other;
  }
  __syncthreads();  // the previous values have been read
  if (lane == 31) shared[warp] = sum;
  __syncthreads();
  A before = 0;
  whole = 0;
  for (int w = 0; w < int(blockDim.x) / 32; w++) {
    if (w == warp) before = whole;
    whole += shared[w];
  }
  // Not `sum - x`: a large number would take the others with it, and of infinities nothing is left.
  const A left = __shfl_up_sync(~0u, sum, 1);
  return lane ? before + left : before;
}
