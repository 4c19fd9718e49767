// Tiled products of f16 and bf16 on tensor cores, with the same fetching and storing as tile_product.cuh and sums in f32.
//
// A warp computes ROWS / WARPS_DOWN x COLUMNS / WARPS_ACROSS results by mma.m16n8k16 (two mma.m16n8k8 before sm_80, f16 only).
// Tiles lie in shared memory as [row][k] where an operand is dense along k, else as [k][row]; then ldmatrix transposes them on the
// way into registers.
#pragma once
#include "storage.cuh"
#include "tile_product.cuh"

#if defined(STORAGE_F16) || defined(STORAGE_BF16)
#define HAS_TENSOR_PRODUCT

__device__ __forceinline__ void load_matrices(unsigned (&registers)[4], const Element* p, bool transposed) {
  unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(p));
  if (transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
}

// Fetches ROWS x DEPTH elements of an Operand as they are, 16 bytes per thread and step, along the direction in which they are dense.
template <int ROWS, int DEPTH, int THREADS>
struct DenseTile {
  static constexpr int COUNT = ROWS * DEPTH / 8 / THREADS;
  static_assert(COUNT * 8 * THREADS == ROWS * DEPTH, "threads share a tile evenly");
  typedef uint4 Values[COUNT];
  Operand matrix;  // `vector` is about groups of eight
  int first_row;

  __device__ __forceinline__ bool along_k() const { return matrix.k_stride == 1; }

  __device__ __forceinline__ void fetch(int k0, Values& values) const {
    const long long step = along_k() ? matrix.k_stride : matrix.row_stride;
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const int index = threadIdx.x + c * THREADS;
      const int row = first_row + (along_k() ? index / (DEPTH / 8) : index % (ROWS / 8) * 8);
      const int k = k0 + (along_k() ? index % (DEPTH / 8) * 8 : index / (ROWS / 8));
      const Element* p = matrix.data + row * matrix.row_stride + k * matrix.k_stride;
      const int inside = along_k() ? (row < matrix.rows ? matrix.depth - k : 0) : (k < matrix.depth ? matrix.rows - row : 0);
      if (matrix.vector && inside >= 8) {
        values[c] = *reinterpret_cast<const uint4*>(p);
      } else {
        unsigned pairs[4];
#pragma unroll
        for (int i = 0; i < 4; i++) pairs[i] = bits_at(p, 2 * i, inside, step) | bits_at(p, 2 * i + 1, inside, step) << 16;
        values[c] = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
      }
    }
  }

  static __device__ __forceinline__ unsigned bits_at(const Element* p, int i, int inside, long long step) {
    return i < inside ? reinterpret_cast<const unsigned short*>(p)[i * step] : 0;
  }

  __device__ __forceinline__ void put(const Values& values, Element* tile) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      const int index = threadIdx.x + c * THREADS;
      const int place = along_k() ? index / (DEPTH / 8) * (DEPTH + 8) + index % (DEPTH / 8) * 8
                                  : index / (ROWS / 8) * (ROWS + 8) + index % (ROWS / 8) * 8;
      *reinterpret_cast<uint4*>(tile + place) = values[c];
    }
  }
};

// Where the matrices of 16 x 16 elements of a tile begin for a lane, and how far they lie apart. Rows are 16 bytes apart in banks.
// `rows_first`: the lane's four matrices go down the rows and then along k (left operands), or along k first (right operands).
template <int ROWS, int DEPTH>
struct Matrices {
  static constexpr int SIZE = ROWS * (DEPTH + 8) > DEPTH * (ROWS + 8) ? ROWS * (DEPTH + 8) : DEPTH * (ROWS + 8);
  bool along_k;
  int first, row_step, k_step;  // of 16 rows, of one k

  __device__ __forceinline__ Matrices(bool along_k, int first_row, bool rows_first) : along_k(along_k) {
    const int lane = threadIdx.x % 32, second = lane / 8 % 2 * 8, third = lane / 16 * 8;
    const int row = first_row + (rows_first ? second : third) + (along_k ? lane % 8 : 0);
    const int k = (rows_first ? third : second) + (along_k ? 0 : lane % 8);
    first = along_k ? row * (DEPTH + 8) + k : k * (ROWS + 8) + row;
    row_step = along_k ? 16 * (DEPTH + 8) : 16;
    k_step = along_k ? 1 : ROWS + 8;
  }

  __device__ __forceinline__ void load(unsigned (&registers)[4], const Element* tile, int group, int k) const {
    load_matrices(registers, tile + first + group * row_step + k * k_step, !along_k);
  }
};

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
__device__ __forceinline__ void tensor_product(int first_k, int end_k, const TileA& a, const TileB& b, const Store& store,
                                               const Slices& slices) {
  constexpr int WARP_ROWS = ROWS / WARPS_DOWN, WARP_COLUMNS = COLUMNS / WARPS_ACROSS;
  constexpr int DOWN = WARP_ROWS / 16, ACROSS = WARP_COLUMNS / 8;
  typedef Matrices<ROWS, DEPTH> MatricesA;
  typedef Matrices<COLUMNS, DEPTH> MatricesB;
  __shared__ __align__(16) Element tile_a[2][MatricesA::SIZE];
  __shared__ __align__(16) Element tile_b[2][MatricesB::SIZE];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_row = warp / WARPS_ACROSS * WARP_ROWS, warp_column = warp % WARPS_ACROSS * WARP_COLUMNS;
  const MatricesA matrices_a(a.along_k(), warp_row, true);
  const MatricesB matrices_b(b.along_k(), warp_column, false);

  float sums[DOWN][ACROSS][4] = {};
  typename TileA::Values from_a;
  typename TileB::Values from_b;
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
      for (int i = 0; i < DOWN; i++) matrices_a.load(left[i], tile_a[stage], i, k);
#pragma unroll
      for (int j = 0; j < ACROSS / 2; j++) matrices_b.load(right[j], tile_b[stage], j, k);
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
  if (!slices.template gather<32 * WARPS_DOWN * WARPS_ACROSS, DOWN * ACROSS * 4>(&sums[0][0][0])) return;
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
template <int EDGE_, int WARPS_DOWN, int WARPS_ACROSS, int BLOCKS_>
struct TensorTiles {
  static constexpr int EDGE = EDGE_, DEPTH = 32, THREADS = 32 * WARPS_DOWN * WARPS_ACROSS, BLOCKS = BLOCKS_;
  typedef DenseTile<EDGE, DEPTH, THREADS> OperandTile;
  template <class TileA, class TileB, class Store>
  static __device__ __forceinline__ void multiply(int first_k, int end_k, const TileA& a, const TileB& b, const Store& store,
                                                  const Slices& slices) {
    tensor_product<EDGE, EDGE, DEPTH, WARPS_DOWN, WARPS_ACROSS>(first_k, end_k, a, b, store, slices);
  }
};
typedef TensorTiles<128, 2, 4, 1> TensorTiles128;
typedef TensorTiles<64, 2, 2, 2> TensorTiles64;
#endif
