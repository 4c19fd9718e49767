// Depthwise convolutions of one to three spatial dimensions: each output channel reads one input channel. Layout NC(spatial).
//
// They do little with what they read. A thread computes a strip of outputs that lie side by side: it loads what the strip needs
// of a row of the data once, 16 bytes at a time where rows are aligned, and applies all taps of the row from registers. So the
// windows along a row are compiled in, which models hardly ever take from their inputs: their size TAPS, their STRIDE, and the
// PADDING before aligned rows. What is across rows is not.
#include "epilogue.cuh"
#include "storage.cuh"

struct DepthwiseShape {
  unsigned strips;  // of all planes of the result
  int in[3], out[3];
  int kernel[2], stride[2], dilation[2];  // across rows
  int pad[3];
  int out_vector;  // a strip of results is one access, and all are whole
  Divisor by_plane, by_slice, by_row;  // strips of a plane, of out[1] rows and of a row
  Divisor by_channels, by_multiplier;  // of the result, and those of one input channel
};

// Strips of COUNT results. LEFT: rows are of COUNT elements that are aligned, so that all are inside of a row or all are outside,
// and the first window starts LEFT places before such ones; -1: nothing is known about rows.
template <int COUNT, int LEFT>
struct Strip {
  static constexpr int NEEDED = (COUNT - 1) * STRIDE + TAPS;
  struct __align__(COUNT * sizeof(Element)) Side {
    Element at[COUNT];
  };
  Accumulator sums[COUNT];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < COUNT; i++) sums[i] = 0;
  }

  static __device__ __forceinline__ void load_strip(const Element* p, Accumulator* values) {
    if constexpr (COUNT == PER_16_BYTES) {
      load_16_bytes(p, values);
    } else {
      load_four(p, values);
    }
  }

  // Elements of a row from first_x on, 0 where there are none.
  static __device__ __forceinline__ void load(const Element* row, int first_x, int size, Accumulator (&values)[NEEDED]) {
    constexpr int AT_ONCE = LEFT < 0 ? 1 : COUNT, BEFORE = LEFT < 0 ? 0 : (COUNT - LEFT % COUNT) % COUNT;
#pragma unroll
    for (int start = -BEFORE; start < NEEDED; start += AT_ONCE) {
      const int from = max(start, 0), to = min(start + AT_ONCE, NEEDED);
      // A single element is not worth the registers of the others.
      const int x = first_x + (to - from > 1 ? start : from);
      const bool inside = static_cast<unsigned>(x) < static_cast<unsigned>(size);
      if (to - from > 1) {
        Accumulator group[COUNT] = {};
        if (inside) load_strip(row + x, group);
#pragma unroll
        for (int i = 0; i < COUNT; i++)
          if (start + i >= 0 && start + i < NEEDED) values[start + i] = group[i];
      } else {
        values[from] = inside ? widen(row[x]) : Accumulator(0);
      }
    }
  }

  // A tap after the other for each of the sums: their order is that of convolution_direct.
  __device__ __forceinline__ void add(const Accumulator (&values)[NEEDED], const Filter* weights) {
#pragma unroll
    for (int tap = 0; tap < TAPS; tap++) {
      const Accumulator weight = widen(weights[tap]);
#pragma unroll
      for (int i = 0; i < COUNT; i++) sums[i] += values[i * STRIDE + tap] * weight;
    }
  }

  __device__ __forceinline__ void store(Element* out, const Element* residual, Accumulator summand, int left, bool whole) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) sums[i] += summand;
    if (whole) {
#if defined(WITH_RESIDUAL)
      const Side more = *reinterpret_cast<const Side*>(residual);
#define NEXT_TO(i) +widen(more.at[i])
#else
#define NEXT_TO(i)
#endif
      Side results;
#pragma unroll
      for (int i = 0; i < COUNT; i++) results.at[i] = narrow(ACTIVATE((sums[i] NEXT_TO(i))));
      *reinterpret_cast<Side*>(out) = results;
      return;
    }
#pragma unroll
    for (int i = 0; i < COUNT; i++)
      if (i < left) out[i] = narrow(ACTIVATE((sums[i] RESIDUAL(i))));
  }
};

template <int COUNT, int LEFT>
__device__ __forceinline__ void depthwise(const Element* data, const Filter* filters, const Summand* bias,
                                          const Element* residual, Element* out, const DepthwiseShape& s) {
  for (unsigned n = blockIdx.x * blockDim.x + threadIdx.x; n < s.strips; n += gridDim.x * blockDim.x) {
    unsigned in_plane, in_slice, in_row, channel;
    const unsigned plane = s.by_plane.split(n, in_plane);
    const int z = s.by_slice.split(in_plane, in_slice), y = s.by_row.split(in_slice, in_row);
    const int x = in_row * COUNT;
    s.by_channels.split(plane, channel);
    const int first_z = z * s.stride[0] - s.pad[0], first_y = y * s.stride[1] - s.pad[1], first_x = x * STRIDE - s.pad[2];
    const Element* source = data + static_cast<long long>(s.by_multiplier.quotient(plane)) * s.in[0] * s.in[1] * s.in[2];
    const Filter* weights = filters + static_cast<long long>(channel) * s.kernel[0] * s.kernel[1] * TAPS;
    Strip<COUNT, LEFT> strip;
    strip.clear();
    for (int tap_z = 0; tap_z < s.kernel[0]; tap_z++) {
      const int from_z = first_z + tap_z * s.dilation[0];
      const bool z_inside = static_cast<unsigned>(from_z) < static_cast<unsigned>(s.in[0]);
#pragma unroll 1
      for (int tap_y = 0; tap_y < s.kernel[1]; tap_y++, weights += TAPS) {
        const int from_y = first_y + tap_y * s.dilation[1];
        if (!z_inside || static_cast<unsigned>(from_y) >= static_cast<unsigned>(s.in[1])) continue;
        Accumulator values[Strip<COUNT, LEFT>::NEEDED];
        strip.load(source + (static_cast<long long>(from_z) * s.in[1] + from_y) * s.in[2], first_x, s.in[2], values);
        strip.add(values, weights);
      }
    }
    const long long at = ((static_cast<long long>(plane) * s.out[0] + z) * s.out[1] + y) * s.out[2] + x;
    strip.store(out + at, residual + at, bias ? widen(bias[channel]) : Accumulator(0), s.out[2] - x, s.out_vector);
  }
}

#define STRIPS(NAME, COUNT, LEFT)                                                                                            \
  extern "C" __global__ void __launch_bounds__(256)                                                                          \
      NAME(const Element* data, const Filter* filters, const Summand* bias, const Element* residual, Element* out,           \
           DepthwiseShape s) {                                                                                               \
    depthwise<COUNT, LEFT>(data, filters, bias, residual, out, s);                                                           \
  }
// Rows that nothing is known about: neighbouring threads read and write neighbouring places.
STRIPS(depthwise_pairs, 2, -1)
STRIPS(depthwise_16, PER_16_BYTES, PADDING)
#if defined(STORAGE_F16) || defined(STORAGE_BF16)
STRIPS(depthwise_8, 4, PADDING)
#endif
