// Gated rows: activation(first half) * second half, for products of more rows than matmul.cu gates by itself (GATED).
#include "epilogue.cuh"
#include "storage.cuh"

// product [rows, 2 * half], out [rows, half]; ``count`` threads' worth of WIDTH results that lie side by side.
template <int WIDTH>
__device__ __forceinline__ void gate(const Element* product, Element* out, long long count, int half) {
  const int groups = half / WIDTH;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const Element* first = product + i / groups * 2 * half + i % groups * WIDTH;
    Accumulator x[WIDTH], factor[WIDTH];
    if (WIDTH == 4) {
      load_four(first, x);
      load_four(first + half, factor);
    } else {
      x[0] = widen(first[0]);
      factor[0] = widen(first[half]);
    }
#pragma unroll
    for (int j = 0; j < WIDTH; j++) x[j] = ACTIVATE(x[j]) * factor[j];
    if (WIDTH == 4) {
      store_four(out + i * WIDTH, x);
    } else {
      out[i] = narrow(x[0]);
    }
  }
}

extern "C" __global__ void gate_four(const Element* product, Element* out, long long count, int half) {
  gate<4>(product, out, count, half);
}
extern "C" __global__ void gate_single(const Element* product, Element* out, long long count, int half) {
  gate<1>(product, out, count, half);
}
