// Pooling over windows of one to three spatial axes: maxima with positions, means, fixed and adaptive windows. A thread computes one
// window, or 16 bytes of neighbouring windows; blockIdx.y is (image, channel).
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

__device__ __forceinline__ bool is_larger(Accumulator x, Accumulator best) { return x > best || (is_nan(x) && !is_nan(best)); }

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
            if (!found || is_larger(value, best)) {
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

// Places along an axis that count in the mean of a window that begins at `first`.
__device__ __forceinline__ int counted_places(const PoolingShape& s, int axis, int first) {
  const int low = s.include_pad ? -s.pad[axis] : 0, high = s.in[axis] + (s.include_pad ? s.high[axis] : 0);
  int counted = 0;
  for (int i = 0; i < s.kernel[axis]; i++) {
    const int at = first + i * s.dilation[axis];
    counted += at >= low && at < high;
  }
  return counted;
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
        counted *= counted_places(s, axis, first[axis]);
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
#endif

// What strips make of the elements of a window. `outside` changes nothing.
struct Largest {
#if defined(STORAGE_I32)
  static __device__ __forceinline__ Accumulator outside() { return lowest(); }
#else
  static __device__ __forceinline__ Accumulator outside() { return __int_as_float(0xff800000); }
#endif
  static __device__ __forceinline__ void add(Accumulator& best, Accumulator x) {
    if (is_larger(x, best)) best = x;
  }
  static __device__ __forceinline__ Accumulator result(Accumulator best, int rows, int) { return rows ? best : lowest(); }
};
struct Mean {
  static __device__ __forceinline__ Accumulator outside() { return 0; }
  static __device__ __forceinline__ void add(Accumulator& sum, Accumulator x) { sum += x; }
  static __device__ __forceinline__ Accumulator result(Accumulator sum, int, int counted) { return sum / max(counted, 1); }
};

// Strips of neighbouring windows along the last axis, where in[2] = STRIDE * out[2] and both are whole 16 bytes. Window w of a strip
// has the elements at w * STRIDE + d, with d from -1 (pad[2] is 0 or 1) to STRIDE at most; d = 0 is always one of them. They come
// in the order of the kernels above, so that results are the same.
template <int STRIDE, class Fold>
__device__ __forceinline__ void pool_strips(const Element* data, Element* out, const PoolingShape& s) {
  constexpr int READ = STRIDE * PER_16_BYTES;
  const long long in_size = static_cast<long long>(s.in[0]) * s.in[1] * s.in[2];
  const int before = s.pad[2], behind = s.kernel[2] - s.pad[2];  // d is at least -before and less than behind
  for (int plane = blockIdx.y; plane < s.planes; plane += gridDim.y) {
    for (int strip = blockIdx.x * blockDim.x + threadIdx.x; strip < s.windows / PER_16_BYTES; strip += gridDim.x * blockDim.x) {
      int place[3], first[3];
      place_of(s, strip * PER_16_BYTES, place);
#pragma unroll
      for (int axis = 0; axis < 3; axis++) first[axis] = place[axis] * s.stride[axis] - s.pad[axis];
      const int x = place[2] * STRIDE;
      const Element* source = data + plane * in_size + x;
      Accumulator folded[PER_16_BYTES];
#pragma unroll
      for (int w = 0; w < PER_16_BYTES; w++) folded[w] = Fold::outside();
      int rows = 0;
      for (int i = 0; i < s.kernel[0]; i++) {
        const int z = first[0] + i * s.dilation[0];
        for (int j = 0; j < s.kernel[1]; j++) {
          const int y = first[1] + j * s.dilation[1];
          if (static_cast<unsigned>(z) >= static_cast<unsigned>(s.in[0])) continue;
          if (static_cast<unsigned>(y) >= static_cast<unsigned>(s.in[1])) continue;
          const Element* row = source + (static_cast<long long>(z) * s.in[1] + y) * s.in[2];
          Accumulator values[READ + 2];  // from one place before the strip to one behind it
          values[0] = before > 0 && x > 0 ? widen(row[-1]) : Fold::outside();
#pragma unroll
          for (int n = 0; n < READ; n += PER_16_BYTES) load_16_bytes(row + n, values + 1 + n);
          values[READ + 1] = behind > STRIDE && x + READ < s.in[2] ? widen(row[READ]) : Fold::outside();
#pragma unroll
          for (int d = -1; d <= STRIDE; d++) {
            if (d < -before || d >= behind) continue;
#pragma unroll
            for (int w = 0; w < PER_16_BYTES; w++) Fold::add(folded[w], values[w * STRIDE + d + 1]);
          }
          rows++;
        }
      }
      const int counted = counted_places(s, 0, first[0]) * counted_places(s, 1, first[1]);
      const int low = s.include_pad ? -before : 0, high = s.in[2] + (s.include_pad ? s.high[2] : 0);
#pragma unroll
      for (int w = 0; w < PER_16_BYTES; w++) {
        const int begin = first[2] + w * STRIDE;
        folded[w] = Fold::result(folded[w], rows, counted * (min(begin + s.kernel[2], high) - max(begin, low)));
      }
      store_16_bytes(out + static_cast<long long>(plane) * s.windows + strip * PER_16_BYTES, folded);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256, 1) max_pool_16(const Element* data, Element* out, PoolingShape s) {
  if (s.stride[2] == 1) {
    pool_strips<1, Largest>(data, out, s);
  } else {
    pool_strips<2, Largest>(data, out, s);
  }
}

#if !defined(STORAGE_I32)
extern "C" __global__ void __launch_bounds__(256, 1) average_pool_16(const Element* data, Element* out, PoolingShape s) {
  if (s.stride[2] == 1) {
    pool_strips<1, Mean>(data, out, s);
  } else {
    pool_strips<2, Mean>(data, out, s);
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
            if (where < 0 || is_larger(value, best)) {
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
