// Pooling over windows of one to three spatial axes: maxima with positions, means, fixed and adaptive windows. A thread computes one
// window; blockIdx.y is (image, channel).
#include "storage.cuh"

struct PoolingShape {
  int planes, channels, in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
  int windows;
  int high[3];      // places behind the data that count as elements of a mean
  int include_pad;  // whether padding counts in means
  Divisor by_plane, by_row;
  long long channel_step, image_step;  // what a channel and an image add to positions
  long long position_modulus;          // 0 for none
};

__device__ __forceinline__ void place_of(const PoolingShape& s, int window, int (&place)[3]) {
  unsigned in_plane, x;
  place[0] = s.by_plane.split(window, in_plane);
  place[1] = s.by_row.split(in_plane, x);
  place[2] = x;
}

// What the maximum of a window without elements is.
#if defined(STORAGE_I32)
__device__ __forceinline__ Accumulator lowest() { return -2147483647 - 1; }
__device__ __forceinline__ bool is_nan(Accumulator) { return false; }
#elif defined(STORAGE_F16)
__device__ __forceinline__ Accumulator lowest() { return -65504.f; }
__device__ __forceinline__ bool is_nan(Accumulator x) { return x != x; }
#elif defined(STORAGE_BF16)
__device__ __forceinline__ Accumulator lowest() { return __int_as_float(0xff7f0000); }
__device__ __forceinline__ bool is_nan(Accumulator x) { return x != x; }
#else
__device__ __forceinline__ Accumulator lowest() { return __int_as_float(0xff7fffff); }
__device__ __forceinline__ bool is_nan(Accumulator x) { return x != x; }
#endif

// The largest element of every window; with POSITIONS the index of the first one. A NaN is larger than everything.
template <class Position, bool POSITIONS>
__device__ __forceinline__ void largest_of_windows(const Element* data, Element* out, Position* positions, const PoolingShape& s) {
  const long long in_size = static_cast<long long>(s.in[0]) * s.in[1] * s.in[2];
  for (int plane = blockIdx.y; plane < s.planes; plane += gridDim.y) {
    const Element* source = data + plane * in_size;
    for (int window = blockIdx.x * blockDim.x + threadIdx.x; window < s.windows; window += gridDim.x * blockDim.x) {
      int place[3], first[3];
      place_of(s, window, place);
#pragma unroll
      for (int axis = 0; axis < 3; axis++) first[axis] = place[axis] * s.stride[axis] - s.pad[axis];
      Accumulator best = lowest();
      long long where = 0;
      bool found = false;
      for (int i = 0; i < s.kernel[0]; i++) {
        const int z = first[0] + i * s.dilation[0];
        for (int j = 0; j < s.kernel[1]; j++) {
          const int y = first[1] + j * s.dilation[1];
          if (static_cast<unsigned>(z) >= static_cast<unsigned>(s.in[0])) continue;
          if (static_cast<unsigned>(y) >= static_cast<unsigned>(s.in[1])) continue;
          const long long row = (static_cast<long long>(z) * s.in[1] + y) * s.in[2];
          for (int k = 0; k < s.kernel[2]; k++) {
            const int x = first[2] + k * s.dilation[2];
            if (static_cast<unsigned>(x) >= static_cast<unsigned>(s.in[2])) continue;
            const Accumulator value = widen(source[row + x]);
            if (!found || value > best || (is_nan(value) && !is_nan(best))) {
              best = value;
              where = row + x;
              found = true;
            }
          }
        }
      }
      const long long at = static_cast<long long>(plane) * s.windows + window;
      out[at] = narrow(best);
      if (POSITIONS) {
        where += plane % s.channels * s.channel_step + plane / s.channels * s.image_step;
        if (s.position_modulus) where %= s.position_modulus;
        positions[at] = static_cast<Position>(where);
      }
    }
  }
}

extern "C" __global__ void __launch_bounds__(256, 1) max_pool(const Element* data, Element* out, PoolingShape s) {
  largest_of_windows<int, false>(data, out, nullptr, s);
}
extern "C" __global__ void __launch_bounds__(256, 1) max_pool_i32(const Element* data, Element* out, int* positions, PoolingShape s) {
  largest_of_windows<int, true>(data, out, positions, s);
}
extern "C" __global__ void __launch_bounds__(256, 1)
    max_pool_i64(const Element* data, Element* out, long long* positions, PoolingShape s) {
  largest_of_windows<long long, true>(data, out, positions, s);
}

#if !defined(STORAGE_I32)
extern "C" __global__ void __launch_bounds__(256, 1) average_pool(const Element* data, Element* out, PoolingShape s) {
  const long long in_size = static_cast<long long>(s.in[0]) * s.in[1] * s.in[2];
  for (int plane = blockIdx.y; plane < s.planes; plane += gridDim.y) {
    const Element* source = data + plane * in_size;
    for (int window = blockIdx.x * blockDim.x + threadIdx.x; window < s.windows; window += gridDim.x * blockDim.x) {
      int place[3], first[3];
      place_of(s, window, place);
      int counted = 1;
#pragma unroll
      for (int axis = 0; axis < 3; axis++) {
        first[axis] = place[axis] * s.stride[axis] - s.pad[axis];
        const int low = s.include_pad ? -s.pad[axis] : 0, high = s.in[axis] + (s.include_pad ? s.high[axis] : 0);
        int inside = 0;
        for (int i = 0; i < s.kernel[axis]; i++) {
          const int at = first[axis] + i * s.dilation[axis];
          inside += at >= low && at < high;
        }
        counted *= inside;
      }
      float sum = 0.f;
      for (int i = 0; i < s.kernel[0]; i++) {
        const int z = first[0] + i * s.dilation[0];
        for (int j = 0; j < s.kernel[1]; j++) {
          const int y = first[1] + j * s.dilation[1];
          if (static_cast<unsigned>(z) >= static_cast<unsigned>(s.in[0])) continue;
          if (static_cast<unsigned>(y) >= static_cast<unsigned>(s.in[1])) continue;
          const Element* row = source + (static_cast<long long>(z) * s.in[1] + y) * s.in[2];
          for (int k = 0; k < s.kernel[2]; k++) {
            const int x = first[2] + k * s.dilation[2];
            if (static_cast<unsigned>(x) < static_cast<unsigned>(s.in[2])) sum += widen(row[x]);
          }
        }
      }
      out[static_cast<long long>(plane) * s.windows + window] = narrow(sum / max(counted, 1));
    }
  }
}

// Bounds of window `index` when `size` elements are divided into `count` windows.
__device__ __forceinline__ void adaptive_bounds(int index, int size, int count, int& start, int& stop) {
  start = static_cast<int>(static_cast<long long>(index) * size / count);
  stop = static_cast<int>((static_cast<long long>(index + 1) * size + count - 1) / count);
}

// A warp per window: windows of global pooling are whole planes.
extern "C" __global__ void __launch_bounds__(256, 1) adaptive_average_pool(const Element* data, Element* out, PoolingShape s) {
  const int lane = threadIdx.x % 32, warp = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  const long long in_size = static_cast<long long>(s.in[0]) * s.in[1] * s.in[2];
  const long long count = static_cast<long long>(s.planes) * s.windows;
  for (long long at = warp; at < count; at += static_cast<long long>(gridDim.x) * (blockDim.x / 32)) {
    int place[3], start[3], size[3];
    place_of(s, static_cast<int>(at % s.windows), place);
    int elements = 1;
#pragma unroll
    for (int axis = 0; axis < 3; axis++) {
      int stop;
      adaptive_bounds(place[axis], s.in[axis], s.out[axis], start[axis], stop);
      size[axis] = stop - start[axis];
      elements *= size[axis];
    }
    const Element* source = data + at / s.windows * in_size;
    float sum = 0.f;
    for (int i = lane; i < elements; i += 32) {
      const int x = start[2] + i % size[2], y = start[1] + i / size[2] % size[1], z = start[0] + i / size[2] / size[1];
      sum += widen(source[(static_cast<long long>(z) * s.in[1] + y) * s.in[2] + x]);
    }
    sum = warp_sum(sum);
    if (lane == 0) out[at] = narrow(sum / max(elements, 1));
  }
}
#endif

// Windows of AdaptiveMaxPool, as a fixed window whose bounds depend on the place.
template <class Position>
__device__ __forceinline__ void adaptive_largest(const Element* data, Element* out, Position* positions, const PoolingShape& s) {
  const long long in_size = static_cast<long long>(s.in[0]) * s.in[1] * s.in[2];
  for (int plane = blockIdx.y; plane < s.planes; plane += gridDim.y) {
    for (int window = blockIdx.x * blockDim.x + threadIdx.x; window < s.windows; window += gridDim.x * blockDim.x) {
      int place[3], start[3], stop[3];
      place_of(s, window, place);
#pragma unroll
      for (int axis = 0; axis < 3; axis++) {
        start[axis] = static_cast<int>(static_cast<long long>(place[axis]) * s.in[axis] / s.out[axis]);
        stop[axis] = static_cast<int>((static_cast<long long>(place[axis] + 1) * s.in[axis] + s.out[axis] - 1) / s.out[axis]);
      }
      Accumulator best = 0;
      long long where = -1;
      for (int z = start[0]; z < stop[0]; z++)
        for (int y = start[1]; y < stop[1]; y++)
          for (int x = start[2]; x < stop[2]; x++) {
            const long long at = (static_cast<long long>(z) * s.in[1] + y) * s.in[2] + x;
            const Accumulator value = widen(data[plane * in_size + at]);
            if (where < 0 || value > best || (is_nan(value) && !is_nan(best))) {
              best = value;
              where = at;
            }
          }
      const long long at = static_cast<long long>(plane) * s.windows + window;
      out[at] = narrow(best);
      positions[at] = static_cast<Position>(where);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256, 1)
    adaptive_max_pool_i32(const Element* data, Element* out, int* positions, PoolingShape s) {
  adaptive_largest(data, out, positions, s);
}
extern "C" __global__ void __launch_bounds__(256, 1)
    adaptive_max_pool_i64(const Element* data, Element* out, long long* positions, PoolingShape s) {
  adaptive_largest(data, out, positions, s);
}
