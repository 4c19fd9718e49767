// Sums over a long inner dimension, cut into slices that different blocks sum, so that few tiles keep a device busy.
//
// A block leaves its sums in memory and takes a ticket of its tile. The block with the last ticket adds all slices up and goes on to
// store the tile. It adds in the order of the slices: results do not depend on which block that is. No block waits for another one.
#pragma once
#include "storage.cuh"

struct __align__(16) FourSums {
  Accumulator at[4];
};

// Takes a ticket for what the threads of this block have left in memory. Whether it is the last one of `count`: then all that the
// others have left is seen.
__device__ __forceinline__ bool arrives_last(unsigned* tickets, int count) {
  __syncthreads();
  bool last = false;
  if (threadIdx.x == 0) {
    __threadfence();  // what the barrier has gathered is seen before the ticket is
    last = atomicInc(tickets, count - 1) == count - 1;  // the last one sets it back to zero
    __threadfence();  // and what other blocks wrote before their tickets is seen after it
  }
  return __syncthreads_or(last);
}

struct Slices {
  Accumulator* partials;  // [slice][tile][four sums of a thread][thread], no matter which results they are
  unsigned* tickets;      // taken so far, by tile; zero before and after a launch
  int count, slice;       // slices of a tile, and this block's
  int tiles, tile;

  // Whether this block stores the tile. `sums` of its threads are over all slices then.
  template <int THREADS, int SUMS>
  __device__ __forceinline__ bool gather(Accumulator* sums) const {
    if (count == 1) return true;
    const long long step = static_cast<long long>(tiles) * (THREADS * SUMS);
    FourSums* mine = reinterpret_cast<FourSums*>(partials + static_cast<long long>(tile) * (THREADS * SUMS)) + threadIdx.x;
    FourSums* own = mine + slice * (step / 4);
#pragma unroll
    for (int i = 0; i < SUMS / 4; i++) {
      FourSums four;
#pragma unroll
      for (int j = 0; j < 4; j++) four.at[j] = sums[4 * i + j];
      own[i * THREADS] = four;
    }
    if (!arrives_last(tickets + tile, count)) return false;
#pragma unroll
    for (int i = 0; i < SUMS; i++) sums[i] = 0;
#pragma unroll(64 / SUMS)  // loads of 64 numbers are on their way at once
    for (int other = 0; other < count; other++, mine += step / 4) {
#pragma unroll
      for (int i = 0; i < SUMS / 4; i++) {
        // Past the first cache, which is not coherent between multiprocessors.
        const uint4 bits = __ldcg(reinterpret_cast<const uint4*>(mine + i * THREADS));
        const FourSums& four = reinterpret_cast<const FourSums&>(bits);
#pragma unroll
        for (int j = 0; j < 4; j++) sums[4 * i + j] += four.at[j];
      }
    }
    return true;
  }
};

// For products that one block sums alone.
struct OneSlice {
  template <int THREADS, int SUMS>
  __device__ __forceinline__ bool gather(Accumulator*) const { return true; }
};
