// One bug per kernel, for test_checkers.py. n is always the number of valid
// elements; blocks are one-dimensional.
#define INLINE __device__ __forceinline__
INLINE unsigned shared_address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }

// ---------------------------------------------------------------- out of bounds, alignment
extern "C" __global__ void bound_off_by_one(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) y[i] = x[i];
}
extern "C" __global__ void read_before_begin(const float* x, float* y, int n) {
  int i = threadIdx.x;
  if (i < n) y[i] = x[i] - x[i - 1];
}
extern "C" __global__ void vector_tail(const float4* x, float4* y, int n) {  // n is no multiple of 4
  int i = threadIdx.x;
  if (i < (n + 3) / 4) y[i] = x[i];
}
extern "C" __global__ void misaligned_vector(const float* x, float4* y, int n) {
  y[threadIdx.x] = *(const float4*)(x + 1 + 4 * threadIdx.x);
}
extern "C" __global__ void negative_stride(const float* x, float* y, int n) {
  unsigned i = threadIdx.x;
  y[i] = x[(i - 1) % (unsigned)(n + 1)];  // wraps to a huge unsigned number first
}
extern "C" __global__ void shared_overrun(const float* x, float* y, int n) {
  __shared__ float s[32];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = s[31 - (threadIdx.x & 31)];
}
extern "C" __global__ void runs_into_neighbour(const float* x, float* y, int n) {  // a[33] is b[1] without a gap
  __shared__ float a[32], b[32];
  int t = threadIdx.x;
  a[t] = x[t];
  b[t] = -1;
  __syncthreads();
  y[t] = a[t + 1] + b[t];
}
extern "C" __global__ void dynamic_too_small(const float* x, float* y, int n) {
  extern __shared__ float dynamic[];
  dynamic[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = dynamic[blockDim.x - 1 - threadIdx.x];
}
extern "C" __global__ void local_overrun(const float* x, float* y, int n) {
  float window[4];
#pragma unroll 1
  for (int i = 0; i <= n; i++) window[i] = x[i];
  y[threadIdx.x] = window[threadIdx.x & 3] + window[n & 3];
}
// ---------------------------------------------------------------- uninitialised memory
extern "C" __global__ void reads_unwritten_shared(float* y, int n) {
  __shared__ float s[64];
  if (threadIdx.x < 32) s[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void accumulates_into_garbage(const float* x, float* y, int n) {
  y[threadIdx.x] += x[threadIdx.x];  // y was never cleared
}
// ---------------------------------------------------------------- races in shared memory
extern "C" __global__ void missing_barrier(const float* x, float* y, int n) {
  __shared__ float s[256];
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}
extern "C" __global__ void missing_second_barrier(const float* x, float* y, int n) {  // write after read, in a loop
  __shared__ float s[64];
  float sum = 0;
  for (int k = 0; k < 3; k++) {
    s[threadIdx.x] = x[threadIdx.x] + k;
    __syncthreads();
    sum += s[63 - threadIdx.x];
  }
  y[threadIdx.x] = sum;
}
extern "C" __global__ void missing_syncwarp(const float* x, float* y, int n) {
  volatile __shared__ float s[32];
  int t = threadIdx.x;
  s[t] = x[t];
  if (t < 16) s[t] += s[t + 16];
  if (t < 8) s[t] += s[t + 8];
  if (t == 0) y[0] = s[0] + s[1];
}
extern "C" __global__ void syncwarp_for_two_warps(const float* x, float* y, int n) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  __syncwarp();
  y[threadIdx.x] = s[63 - threadIdx.x];
}
extern "C" __global__ void byte_race(const float* x, unsigned char* y, int n) {  // neighbours write one byte
  __shared__ unsigned char s[16];
  s[threadIdx.x / 2] = (unsigned char)threadIdx.x;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x / 2];
}
extern "C" __global__ void plain_write_against_atomic(const int* x, int* y, int n) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  if (x[threadIdx.x] > 0) atomicAdd(&count, 1);  // may come before the zero
  __syncthreads();
  if (threadIdx.x == 0) *y = count;
}
extern "C" __global__ void result_read_before_barrier(const int* x, int* y, int n) {
  __shared__ int count;
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  if (x[threadIdx.x] > 0) atomicAdd(&count, 1);
  if (threadIdx.x == 0) *y = count;
}
extern "C" __global__ void counted_barrier_too_small(const float* x, float* y, int n) {  // 64 of 96 threads wait
  __shared__ float s[96];
  int t = threadIdx.x;
  s[t] = x[t];
  if (t < 64) asm volatile("bar.sync 1, 64;" ::: "memory");
  y[t] = s[95 - t];
}
// ---------------------------------------------------------------- cp.async
extern "C" __global__ void async_without_wait(const float4* x, float4* y, int n) {
  __shared__ float4 s[32];
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(&s[threadIdx.x])),
               "l"(x + threadIdx.x));
  asm volatile("cp.async.commit_group;");
  __syncthreads();
  y[threadIdx.x] = s[31 - threadIdx.x];
}
extern "C" __global__ void async_waits_for_the_wrong_group(const float4* x, float4* y, int n) {
  __shared__ float4 s[2][32];
  for (int i = 0; i < 2; i++) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(&s[i][threadIdx.x])),
                 "l"(x + threadIdx.x));
    asm volatile("cp.async.commit_group;");
  }
  asm volatile("cp.async.wait_group 1;");
  __syncthreads();
  y[threadIdx.x] = s[1][31 - threadIdx.x];
}
extern "C" __global__ void async_overwrites_what_is_read(const float4* x, float4* y, int n) {
  __shared__ float4 s[64];
  int t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  float4 v = s[63 - t];
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(&s[t])), "l"(x + t));
  asm volatile("cp.async.wait_all;");
  __syncthreads();
  y[t] = make_float4(v.x + s[t].x, v.y, v.z, v.w);
}
// ---------------------------------------------------------------- races in global memory
extern "C" __global__ void histogram_without_atomic(const int* x, int* y, int n) { y[x[threadIdx.x] & 3] += 1; }
extern "C" __global__ void blocks_write_the_same(const float* x, float* y, int n) {
  y[threadIdx.x] = x[threadIdx.x] * blockIdx.x;
}
extern "C" __global__ void overlapping_halves(const float* x, unsigned short* y, int n) {  // element t and t + 1
  y[threadIdx.x] = 1;
  y[threadIdx.x + 1] = 2;
}
extern "C" __global__ void last_block_without_fence(const float* x, float* y, int n) {
  __shared__ bool last;
  int* counter = (int*)(y + gridDim.x + 1);
  if (threadIdx.x == 0) {
    y[blockIdx.x] = x[blockIdx.x];
    last = atomicAdd(counter, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float sum = 0;
    for (int i = 0; i < gridDim.x; i++) sum += y[i];
    y[gridDim.x] = sum;
  }
}
// ---------------------------------------------------------------- collectives
extern "C" __global__ void divergent_barrier(float* y, int n) {
  if (threadIdx.x < 16) {
    __syncthreads();
    y[threadIdx.x] = 1;
  } else {
    y[threadIdx.x] = 2;
    __syncthreads();
    y[threadIdx.x] += 1;
  }
}
extern "C" __global__ void barrier_that_some_never_reach(float* y, int n) {
  if (threadIdx.x < 32) {
    asm volatile("bar.sync 1, 64;" ::: "memory");
  } else {
    asm volatile("bar.sync 2, 64;" ::: "memory");
  }
  y[threadIdx.x] = 1;
}
extern "C" __global__ void shuffle_from_exited_lane(float* y, int n) {
  float v = threadIdx.x;
  if (threadIdx.x >= 20) return;
  y[threadIdx.x] = v + __shfl_down_sync(0xffffffffu, v, 1);
}
extern "C" __global__ void mask_without_caller(float* y, int n) {
  y[threadIdx.x] = __shfl_sync(0x0000ffffu, (float)threadIdx.x, 0);
}
extern "C" __global__ void mma_by_half_a_warp(float* y, int n) {
  if (threadIdx.x >= 16) return;
  float d0, d1, d2, d3;
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%4}, {%4}, {%5,%5,%5,%5};"
               : "=f"(d0), "=f"(d1), "=f"(d2), "=f"(d3)
               : "r"(0), "f"(0.f));
  y[threadIdx.x] = d0 + d1 + d2 + d3;
}
extern "C" __global__ void waits_for_another_block(volatile int* y, int n) {
  if (blockIdx.x == 0) {
    while (y[0] == 0) {}
  } else {
    y[0] = 1;
  }
}
extern "C" __global__ void failed_assertion(float* y, int n) {
  if (threadIdx.x == 3) asm volatile("trap;");
  y[threadIdx.x] = 0;
}
extern "C" __global__ void dereferences_host_pointer(const float* x, float* y, int n) {
  y[threadIdx.x] = x[threadIdx.x];
}
