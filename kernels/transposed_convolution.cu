// Transposed convolutions. Output places whose index leaves the same remainder by the stride see the same taps: each such phase is
// an ordinary product of its taps' weights with gathered data, and no multiplication by a zero between elements is done.
#include "epilogue.cuh"
#include "storage.cuh"
#include "tile_product.cuh"

struct TransposedShape {
  int images, groups, group_channels, group_rows;  // channels read and made by one group
  int in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
  int tap_step[3];  // distance of the taps that one phase sees
};

// One phase: its taps and output places along each axis.
struct Phase {
  int remainder[3], first_tap[3], taps[3], places[3], depth, columns;

  __device__ __forceinline__ Phase(const TransposedShape& s, int index) {
    int all_taps = 1, all_places = 1;
#pragma unroll
    for (int axis = 2; axis >= 0; axis--) {
      remainder[axis] = index % s.stride[axis];
      index /= s.stride[axis];
      int tap = 0;
      while (tap < s.kernel[axis] && (remainder[axis] + s.pad[axis] - tap * s.dilation[axis]) % s.stride[axis] != 0) tap++;
      first_tap[axis] = tap;
      taps[axis] = (s.kernel[axis] - tap + s.tap_step[axis] - 1) / s.tap_step[axis];
      places[axis] = max((s.out[axis] - remainder[axis] + s.stride[axis] - 1) / s.stride[axis], 0);
      all_taps *= taps[axis];
      all_places *= places[axis];
    }
    depth = s.group_channels * all_taps;
    columns = s.images * all_places;
  }

  // Splits k into a channel and the tap on each axis.
  __device__ __forceinline__ int tap_of(const TransposedShape& s, int k, int (&tap)[3]) const {
#pragma unroll
    for (int axis = 2; axis >= 0; axis--) {
      tap[axis] = first_tap[axis] + k % taps[axis] * s.tap_step[axis];
      k /= taps[axis];
    }
    return k;
  }

  // Splits a column into an image and an output place.
  __device__ __forceinline__ int place_of(const TransposedShape& s, int column, int (&place)[3]) const {
#pragma unroll
    for (int axis = 2; axis >= 0; axis--) {
      place[axis] = remainder[axis] + column % places[axis] * s.stride[axis];
      column /= places[axis];
    }
    return column;
  }
};

// Filters of a phase as the left side: rows are output channels, k is (input channel, tap).
template <int ROWS, int DEPTH, int THREADS>
struct TapTile {
  static constexpr int COUNT = ROWS * DEPTH / 4 / THREADS, QUARTER = ROWS / 4;
  const Element* filters;  // [channels, rows, taps] of the group
  const TransposedShape& s;
  const Phase& phase;
  int first_row;

  __device__ __forceinline__ void fetch(int k0, Accumulator (&values)[COUNT][4]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      int index = threadIdx.x + c * THREADS, k = k0 + index / QUARTER;
      int tap[3] = {0, 0, 0}, channel = 0;
      if (k < phase.depth) channel = phase.tap_of(s, k, tap);
      int position = (tap[0] * s.kernel[1] + tap[1]) * s.kernel[2] + tap[2];
      int all_taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        int row = first_row + index % QUARTER + i * QUARTER;
        bool inside = k < phase.depth && row < s.group_rows;
        values[c][i] =
            inside ? widen(filters[(static_cast<long long>(channel) * s.group_rows + row) * all_taps + position]) : Accumulator(0);
      }
    }
  }

  template <class T, int PITCH>
  __device__ __forceinline__ void put(const Accumulator (&values)[COUNT][4], T (*tile)[PITCH]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      int index = threadIdx.x + c * THREADS;
#pragma unroll
      for (int i = 0; i < 4; i++) put_element(tile[index / QUARTER][index % QUARTER + i * QUARTER], values[c][i]);
    }
  }
};

// Data under the taps of COLUMNS output places of a phase.
template <int COLUMNS, int DEPTH, int THREADS>
struct SourceTile {
  static constexpr int COUNT = COLUMNS * DEPTH / 4 / THREADS, QUARTER = COLUMNS / 4;
  const Element* data;
  const TransposedShape& s;
  const Phase& phase;
  long long image[4];
  int place[4][3];  // output place + padding; far below zero for columns behind the last one

  __device__ __forceinline__ SourceTile(const Element* data, const TransposedShape& s, const Phase& phase, int first_column)
      : data(data), s(s), phase(phase) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int column = first_column + threadIdx.x % QUARTER + j * QUARTER;
      bool inside = column < phase.columns;
      int n = phase.place_of(s, inside ? column : 0, place[j]);
      image[j] = static_cast<long long>(n) * s.groups * s.group_channels * s.in[0] * s.in[1] * s.in[2];
#pragma unroll
      for (int axis = 0; axis < 3; axis++) place[j][axis] = inside ? place[j][axis] + s.pad[axis] : -(1 << 30);
    }
  }

  __device__ __forceinline__ void fetch(int k0, Accumulator (&values)[COUNT][4]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      int k = k0 + (threadIdx.x + c * THREADS) / QUARTER;
      int tap[3] = {0, 0, 0}, channel = 0;
      if (k < phase.depth) channel = phase.tap_of(s, k, tap);
      const Element* plane = data + static_cast<long long>(channel) * s.in[0] * s.in[1] * s.in[2];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        bool inside = k < phase.depth;
        long long at = 0;
#pragma unroll
        for (int axis = 0; axis < 3; axis++) {
          int offset = place[j][axis] - tap[axis] * s.dilation[axis];
          int source = offset / s.stride[axis];
          inside = inside && offset >= 0 && source < s.in[axis];
          at = at * s.in[axis] + source;
        }
        values[c][j] = inside ? widen(plane[image[j] + at]) : Accumulator(0);
      }
    }
  }

  template <class T, int PITCH>
  __device__ __forceinline__ void put(const Accumulator (&values)[COUNT][4], T (*tile)[PITCH]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++)
#pragma unroll
      for (int j = 0; j < 4; j++)
        put_element(tile[(threadIdx.x + c * THREADS) / QUARTER][threadIdx.x % QUARTER + j * QUARTER], values[c][j]);
  }
};

struct StorePhase {
  Element* out;
  const Element* bias;
  const TransposedShape& s;
  const Phase& phase;
  int group, first_row, first_column;

  __device__ __forceinline__ void operator()(int row, int column, const Accumulator* sums) const {
    row += first_row;
    column += first_column;
    if (row >= s.group_rows) return;
    const long long channel = group * s.group_rows + row;
    const Accumulator summand = bias ? widen(bias[channel]) : Accumulator(0);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (column + j >= phase.columns) return;
      int place[3];
      long long n = phase.place_of(s, column + j, place);
      long long at = n * s.groups * s.group_rows + channel;
#pragma unroll
      for (int axis = 0; axis < 3; axis++) at = at * s.out[axis] + place[axis];
      out[at] = narrow(ACTIVATE((sums[j] + summand)));
    }
  }
};

// grid (row tiles * column tiles of the largest phase, phases, groups).
extern "C" __global__ void __launch_bounds__(256)
    transposed_convolution(const Element* data, const Element* filters, const Element* bias, Element* out, TransposedShape s) {
  constexpr int TILE = 64, DEPTH = 16, THREADS = 256;
  const Phase phase(s, blockIdx.y);
  const int down = (s.group_rows + TILE - 1) / TILE;
  const int first_row = blockIdx.x % down * TILE, first_column = blockIdx.x / down * TILE;
  if (first_column >= phase.columns) return;
  const int taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  for (int group = blockIdx.z; group < s.groups; group += gridDim.z) {
    const Element* weights = filters + static_cast<long long>(group) * s.group_channels * s.group_rows * taps;
    const Element* channels = data + static_cast<long long>(group) * s.group_channels * s.in[0] * s.in[1] * s.in[2];
    TapTile<TILE, DEPTH, THREADS> tile_a = {weights, s, phase, first_row};
    SourceTile<TILE, DEPTH, THREADS> tile_b(channels, s, phase, first_column);
    StorePhase store = {out, bias, s, phase, group, first_row, first_column};
    tile_product<TILE, TILE, DEPTH, 4, 4>(0, phase.depth, tile_a, tile_b, store);
  }
}
