// Gated rows: activation(first half) * second half, for products of more rows than matmul.cu gates by itself (GATED).
#include "epilogue.cuh"
#include "storage.cuh"

// product [rows, 2 * half], out [rows, half]; ``count`` threads' worth of WIDTH results that lie side by side: 1 or PER_16_BYTES.
template <int WIDTH>
__device__ __forceinline__ void gate(const Element* product, Element* out, long long count, int half) {
  const int groups = half / WIDTH;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const Element* first = product + i / groups * 2 * half + i % groups * WIDTH;
    Accumulator x[WIDTH], factor[WIDTH];
    if constexpr (WIDTH > 1) {
      load_16_bytes(first, x);
      load_16_bytes(first + half, factor);
    } else {
      x[0] = widen(first[0]);
      factor[0] = widen(first[half]);
    }
#pragma unroll
    for (int j = 0; j < WIDTH; j++) x[j] = ACTIVATE(x[j]) * factor[j];
    if constexpr (WIDTH > 1) {
      store_16_bytes(out + i * WIDTH, x);
    } else {
      out[i] = narrow(x[0]);
    }
  }
}

extern "C" __global__ void gate_16(const Element* product, Element* out, long long count, int half) {
  gate<PER_16_BYTES>(product, out, count, half);
}
extern "C" __global__ void gate_single(const Element* product, Element* out, long long count, int half) {
  gate<1>(product, out, count, half);
}
