// What operations share that select elements: parts count what they select, and sums of the counts say where each part's results
// go. So the results have one order, whatever the order in which blocks run.
#pragma once
#include "scan.cuh"

// The counts of `parts` parts become the sums of those before them, followed by the sum of all, which is stored at `total` too if
// that is not null. One block.
extern "C" __global__ void __launch_bounds__(1024) selected_before(unsigned* counts, unsigned parts, unsigned* total) {
  __shared__ unsigned shared[32];
  unsigned before = 0;
  for (unsigned start = 0; start < parts; start += blockDim.x) {
    const unsigned i = start + threadIdx.x;
    const unsigned count = i < parts ? counts[i] : 0;
    unsigned whole;
    const unsigned within = exclusive_scan(count, shared, whole);
    if (i < parts) counts[i] = before + within;
    before += whole;
  }
  if (threadIdx.x == 0) {
    counts[parts] = before;
    if (total) *total = before;
  }
}
