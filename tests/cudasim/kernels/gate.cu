// Kernels with known static facts, for test_gate.py.
#include <cuda_fp16.h>

extern "C" __global__ void gate_copy_vectors(const float4* __restrict__ x, float4* __restrict__ y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i];
}
extern "C" __global__ void gate_copy_scalars(const float* __restrict__ x, float* __restrict__ y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i];
}
// One warp, one 16x8 tile; the instruction needs sm_80.
extern "C" __global__ void gate_matrix_product(const unsigned* a, const unsigned* b, float* d) {
  int lane = threadIdx.x;
#if __CUDA_ARCH__ >= 800
  float r[4] = {};
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(r[0]), "+f"(r[1]), "+f"(r[2]), "+f"(r[3])
      : "r"(a[lane]), "r"(a[lane + 32]), "r"(a[lane + 64]), "r"(a[lane + 96]), "r"(b[lane]), "r"(b[lane + 32]));
  for (int i = 0; i < 4; i++) d[lane * 4 + i] = r[i];
#else
  for (int i = 0; i < 4; i++) d[lane * 4 + i] = __uint_as_float(a[lane] * b[lane]);
#endif
}
// 32 nibbles (one group) per thread -> 32 halves; low nibble first, one scale and zero point per group.
extern "C" __global__ void gate_dequantise_u4(const uint4* w, const __half* scale, const unsigned char* zero,
                                              uint4* out, int groups) {
  int g = blockIdx.x * blockDim.x + threadIdx.x;
  if (g >= groups) return;
  uint4 packed = w[g];
  __half s = scale[g];
  int z = (zero[g >> 1] >> ((g & 1) * 4)) & 15;
  unsigned words[4] = {packed.x, packed.y, packed.z, packed.w};
#pragma unroll
  for (int k = 0; k < 4; k++) {
    __half h[8];
#pragma unroll
    for (int j = 0; j < 8; j++) h[j] = __float2half((float)((int)(words[k] >> (4 * j) & 15) - z)) * s;
    out[g * 4 + k] = *(uint4*)h;
  }
}
// Tiled f32 product: C[m, n] = A[m, k] B[k, n].
#define TILE 16
extern "C" __global__ void gate_shared_tile(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float sa[TILE][TILE + 1], sb[TILE][TILE + 1];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * TILE + ty, column = blockIdx.x * TILE + tx;
  float sum = 0;
  for (int k0 = 0; k0 < k; k0 += TILE) {
    sa[ty][tx] = row < m && k0 + tx < k ? a[row * k + k0 + tx] : 0.f;
    sb[ty][tx] = column < n && k0 + ty < k ? b[(k0 + ty) * n + column] : 0.f;
    __syncthreads();
    for (int i = 0; i < TILE; i++) sum += sa[ty][i] * sb[i][tx];
    __syncthreads();
  }
  if (row < m && column < n) c[row * n + column] = sum;
}
