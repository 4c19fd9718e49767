// Tiled products of f16 and bf16 on tensor cores, with the same fetching and storing as tile_product.cuh and sums in f32.
//
// A warp computes ROWS / WARPS_DOWN x COLUMNS / WARPS_ACROSS results by mma.m16n8k16 (two mma.m16n8k8 before sm_80, f16 only).
// Tiles lie in shared memory as [k][row]; ldmatrix transposes them on the way into registers.
#pragma once
#include "storage.cuh"

#if defined(STORAGE_F16) || defined(STORAGE_BF16)
#define HAS_TENSOR_PRODUCT

__device__ __forceinline__ void load_transposed(unsigned (&registers)[4], const Element* p) {
  unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(p));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(address)
               : "memory");
}

__device__ __forceinline__ void multiply_add(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if __CUDA_ARCH__ >= 800
#if defined(STORAGE_F16)
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
#else
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
#endif
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#elif defined(STORAGE_F16)
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(b0));
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[2]), "r"(a[3]), "r"(b1));
#else
  __trap();  // there is no bf16 in hardware; lowerings take the other kernels
#endif
}

template <int ROWS, int COLUMNS, int DEPTH, int WARPS_DOWN, int WARPS_ACROSS, class TileA, class TileB, class Store>
__device__ __forceinline__ void tensor_product(int first_k, int end_k, const TileA& a, const TileB& b, const Store& store) {
  constexpr int PITCH_A = ROWS + 8, PITCH_B = COLUMNS + 8;  // rows 16 bytes apart in banks
  constexpr int WARP_ROWS = ROWS / WARPS_DOWN, WARP_COLUMNS = COLUMNS / WARPS_ACROSS;
  constexpr int DOWN = WARP_ROWS / 16, ACROSS = WARP_COLUMNS / 8;
  __shared__ __align__(16) Element tile_a[2][DEPTH][PITCH_A];
  __shared__ __align__(16) Element tile_b[2][DEPTH][PITCH_B];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_row = warp / WARPS_ACROSS * WARP_ROWS, warp_column = warp % WARPS_ACROSS * WARP_COLUMNS;

  float sums[DOWN][ACROSS][4] = {};
  float from_a[TileA::COUNT][4], from_b[TileB::COUNT][4];
  a.fetch(first_k, from_a);
  b.fetch(first_k, from_b);
  a.put(from_a, tile_a[0]);
  b.put(from_b, tile_b[0]);
  __syncthreads();
  int stage = 0;
  for (int k0 = first_k; k0 < end_k; k0 += DEPTH) {
    const bool more = k0 + DEPTH < end_k;
    if (more) {
      a.fetch(k0 + DEPTH, from_a);
      b.fetch(k0 + DEPTH, from_b);
    }
#pragma unroll
    for (int k = 0; k < DEPTH; k += 16) {
      unsigned left[DOWN][4], right[ACROSS / 2][4];
#pragma unroll
      for (int i = 0; i < DOWN; i++)
        load_transposed(left[i], &tile_a[stage][k + lane % 8 + lane / 16 * 8][warp_row + i * 16 + lane / 8 % 2 * 8]);
#pragma unroll
      for (int j = 0; j < ACROSS / 2; j++)
        load_transposed(right[j], &tile_b[stage][k + lane % 16][warp_column + j * 16 + lane / 16 * 8]);
#pragma unroll
      for (int i = 0; i < DOWN; i++)
#pragma unroll
        for (int j = 0; j < ACROSS; j++) multiply_add(sums[i][j], left[i], right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]);
    }
    if (more) {
      stage ^= 1;
      a.put(from_a, tile_a[stage]);
      b.put(from_b, tile_b[stage]);
      __syncthreads();
    }
  }
  // A lane holds two neighbours in each of two rows; it swaps with the lane beside it for four neighbours in one row.
  const bool odd = lane % 2;
#pragma unroll
  for (int i = 0; i < DOWN; i++)
#pragma unroll
    for (int j = 0; j < ACROSS; j++) {
      const float* own = sums[i][j];
      const float first = __shfl_xor_sync(ALL_LANES, odd ? own[0] : own[2], 1);
      const float second = __shfl_xor_sync(ALL_LANES, odd ? own[1] : own[3], 1);
      const float four[4] = {odd ? first : own[0], odd ? second : own[1], odd ? own[2] : first, odd ? own[3] : second};
      store(warp_row + i * 16 + lane / 4 + (odd ? 8 : 0), warp_column + j * 8 + lane % 4 / 2 * 4, four);
    }
  __syncthreads();
}

// As Tiles of tile_product.cuh.
template <int EDGE_, int WARPS_DOWN, int WARPS_ACROSS>
struct TensorTiles {
  static constexpr int EDGE = EDGE_, DEPTH = 32, THREADS = 32 * WARPS_DOWN * WARPS_ACROSS;
  template <class TileA, class TileB, class Store>
  static __device__ __forceinline__ void multiply(int first_k, int end_k, const TileA& a, const TileB& b, const Store& store) {
    tensor_product<EDGE, EDGE, DEPTH, WARPS_DOWN, WARPS_ACROSS>(first_k, end_k, a, b, store);
  }
};
typedef TensorTiles<128, 2, 4> TensorTiles128;
typedef TensorTiles<64, 2, 2> TensorTiles64;
#endif
