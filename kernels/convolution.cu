// Convolutions of one to three spatial dimensions as products of the filters with windows of the data that are gathered on the
// fly (implicit GEMM), with groups, dilation, padding, bias and activation. Layout NC(spatial).
#include "epilogue.cuh"
#include "storage.cuh"
#include "tensor_product.cuh"
#include "tile_product.cuh"

struct ConvolutionShape {
  int images, groups, group_channels, group_rows;  // channels read and made by one group
  int in[3], out[3], kernel[3], stride[3], dilation[3], pad[3];
  int depth, columns;  // channels * taps; images * windows
  int windows;         // of one channel
  int filters_vector, out_vector;
  int slices, slice_depth;
  Divisor by_windows, by_plane, by_row;  // windows of a channel, of a plane and of a row
  Divisor by_taps, by_tap_plane, by_tap_row;
};

// Windows of COLUMNS output places, as the right side of the product. Element k of a window is (channel, tap).
template <int COLUMNS, int DEPTH, int THREADS>
struct WindowTile {
  static constexpr int QUARTER = COLUMNS / 4;
  static constexpr int COUNT = COLUMNS * DEPTH / 4 / THREADS;
  static_assert(THREADS % QUARTER == 0, "a thread keeps its columns");
  typedef Accumulator Values[COUNT][4];
  const Element* data;  // the first channel of the group in the first image
  const ConvolutionShape& s;
  int end_k;
  // A thread fetches every QUARTER-th column, so that neighbouring threads read neighbouring places.
  long long image[4];
  int first[4][3];

  __device__ __forceinline__ WindowTile(const Element* data, const ConvolutionShape& s, int first_column, int end_k)
      : data(data), s(s), end_k(end_k) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      int column = first_column + threadIdx.x % QUARTER + j * QUARTER;
      unsigned place, in_plane, x;
      unsigned n = s.by_windows.split(min(column, s.columns - 1), place);
      unsigned z = s.by_plane.split(place, in_plane), y = s.by_row.split(in_plane, x);
      image[j] = static_cast<long long>(n) * s.groups * s.group_channels * s.in[0] * s.in[1] * s.in[2];
      first[j][0] = z * s.stride[0] - s.pad[0];
      first[j][1] = y * s.stride[1] - s.pad[1];
      // A column behind the last one reads nothing.
      first[j][2] = column < s.columns ? static_cast<int>(x * s.stride[2]) - s.pad[2] : -(1 << 30);
    }
  }

  __device__ __forceinline__ void fetch(int k0, Accumulator (&values)[COUNT][4]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++) {
      int k = k0 + (threadIdx.x + c * THREADS) / QUARTER;
      unsigned tap, in_plane, tap_x;
      unsigned channel = s.by_taps.split(k, tap);
      unsigned tap_z = s.by_tap_plane.split(tap, in_plane), tap_y = s.by_tap_row.split(in_plane, tap_x);
      const Element* plane = data + static_cast<long long>(channel) * s.in[0] * s.in[1] * s.in[2];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        int z = first[j][0] + tap_z * s.dilation[0], y = first[j][1] + tap_y * s.dilation[1];
        int x = first[j][2] + tap_x * s.dilation[2];
        bool inside = k < end_k && static_cast<unsigned>(z) < static_cast<unsigned>(s.in[0]) &&
                      static_cast<unsigned>(y) < static_cast<unsigned>(s.in[1]) &&
                      static_cast<unsigned>(x) < static_cast<unsigned>(s.in[2]);
        values[c][j] = inside ? widen(plane[image[j] + (static_cast<long long>(z) * s.in[1] + y) * s.in[2] + x]) : Accumulator(0);
      }
    }
  }

  // As a tile for tensor cores: [k][column].
  __device__ __forceinline__ bool along_k() const { return false; }
  __device__ __forceinline__ void put(const Values& values, Element* tile) const {
    put(values, reinterpret_cast<Element(*)[COLUMNS + 8]>(tile));
  }

  template <class T, int PITCH>
  __device__ __forceinline__ void put(const Values& values, T (*tile)[PITCH]) const {
#pragma unroll
    for (int c = 0; c < COUNT; c++)
#pragma unroll
      for (int j = 0; j < 4; j++)
        put_element(tile[(threadIdx.x + c * THREADS) / QUARTER][threadIdx.x % QUARTER + j * QUARTER], values[c][j]);
  }
};

struct StoreChannels {
  Element* out;
  const Summand* bias;
  const Element* residual;
  const ConvolutionShape& s;
  int group, first_row, first_column;

  __device__ __forceinline__ void operator()(int row, int column, const Accumulator* sums) const {
    row += first_row;
    column += first_column;
    if (row >= s.group_rows || column >= s.columns) return;
    const int channel = group * s.group_rows + row;
    const Accumulator summand = bias ? widen(bias[channel]) : Accumulator(0);
    unsigned place;
    long long n = s.by_windows.split(column, place);
    long long at = (n * s.groups * s.group_rows + channel) * s.windows + place;
    Accumulator results[4];
#if defined(WITH_RESIDUAL)
    if (s.out_vector && column + 4 <= s.columns) {
      load_four(residual + at, results);
#pragma unroll
      for (int j = 0; j < 4; j++) results[j] = ACTIVATE((sums[j] + summand + results[j]));
      store_four(out + at, results);
      return;
    }
#endif
#pragma unroll
    for (int j = 0; j < 4; j++) results[j] = ACTIVATE((sums[j] + summand));
    if (s.out_vector && column + 4 <= s.columns) {
      store_four(out + at, results);
      return;
    }
#pragma unroll
    for (int j = 0; j < 4; j++) {
      if (column + j >= s.columns) return;
      if (place == s.windows) {
        place = 0;
        at += static_cast<long long>(s.groups * s.group_rows - 1) * s.windows;
      }
#if defined(WITH_RESIDUAL)
      out[at] = narrow(ACTIVATE((sums[j] + summand + widen(residual[at]))));
#else
      out[at] = narrow(results[j]);
#endif
      place++;
      at++;
    }
  }
};

#if !defined(WIDE_FILTERS)
template <class Tiles>
__device__ __forceinline__ void convolution_tiles(const Element* data, const Element* filters, const Summand* bias,
                                                  const Element* residual, Element* out, Accumulator* partials,
                                                  unsigned* tickets, const ConvolutionShape& s) {
  constexpr int ROWS = Tiles::EDGE, COLUMNS = Tiles::EDGE, DEPTH = Tiles::DEPTH, THREADS = Tiles::THREADS;
  const int down = (s.group_rows + ROWS - 1) / ROWS;
  // Tiles of the same windows follow each other: the gathered data is still in the cache.
  const int first_row = blockIdx.x % down * ROWS, first_column = blockIdx.x / down * COLUMNS;
  const int first_k = blockIdx.y * s.slice_depth, end_k = min(s.depth, first_k + s.slice_depth);
  for (int group = blockIdx.z; group < s.groups; group += gridDim.z) {
    const Element* weights = filters + static_cast<long long>(group) * s.group_rows * s.depth;
    const Element* channels = data + static_cast<long long>(group) * s.group_channels * s.in[0] * s.in[1] * s.in[2];
    typename Tiles::OperandTile tile_a = {{weights, s.depth, 1, s.group_rows, end_k, s.filters_vector}, first_row};
    WindowTile<COLUMNS, DEPTH, THREADS> tile_b(channels, s, first_column, end_k);
    StoreChannels store = {out, bias, residual, s, group, first_row, first_column};
    const int tiles = gridDim.x, slice = blockIdx.y, tile = blockIdx.x;
    Slices slices = {partials, tickets, s.slices, slice, tiles * s.groups, tiles * group + tile};
    Tiles::multiply(first_k, end_k, tile_a, tile_b, store, slices);
  }
}

// grid (row tiles * column tiles, slices of the depth, groups).
#define CONVOLUTION_TILES(NAME, TILES)                                                                                       \
  extern "C" __global__ void __launch_bounds__(TILES::THREADS, TILES::BLOCKS)                                                  \
      NAME(const Element* data, const Element* filters, const Summand* bias, const Element* residual, Element* out,          \
           Accumulator* partials, unsigned* tickets, ConvolutionShape s) {                                                   \
    convolution_tiles<TILES>(data, filters, bias, residual, out, partials, tickets, s);                                      \
  }
CONVOLUTION_TILES(convolution_128x128, Tiles128)
CONVOLUTION_TILES(convolution_64x64, Tiles64)
CONVOLUTION_TILES(convolution_32x32, Tiles32)
#if defined(HAS_TENSOR_PRODUCT)
CONVOLUTION_TILES(convolution_tensor_128x128, TensorTiles128)
CONVOLUTION_TILES(convolution_tensor_64x64, TensorTiles64)
#endif
#endif

// Groups that make few channels, and sums whose order matters: a thread sums one window, by tap and channel; blockIdx.y is
// (image, channel). Those that read one channel have depthwise.cu, but for windows with gaps or large steps.
extern "C" __global__ void __launch_bounds__(256, 1)
    convolution_direct(const Element* data, const Filter* filters, const Summand* bias, const Element* residual, Element* out,
                       ConvolutionShape s) {
  const int channels = s.groups * s.group_rows, planes = s.images * channels;
  const int in_size = s.in[0] * s.in[1] * s.in[2], taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  for (int plane = blockIdx.y; plane < planes; plane += gridDim.y) {
    const int channel = plane % channels, group = channel / s.group_rows;
    const Filter* weights = filters + static_cast<long long>(channel) * s.group_channels * taps;
    const Element* source =
        data + (static_cast<long long>(plane / channels) * s.groups + group) * s.group_channels * in_size;
    const Accumulator summand = bias ? widen(bias[channel]) : Accumulator(0);
    for (int place = blockIdx.x * blockDim.x + threadIdx.x; place < s.windows; place += gridDim.x * blockDim.x) {
      unsigned in_plane, column;
      const int first_z = static_cast<int>(s.by_plane.split(place, in_plane)) * s.stride[0] - s.pad[0];
      const int first_y = static_cast<int>(s.by_row.split(in_plane, column)) * s.stride[1] - s.pad[1];
      const int first_x = static_cast<int>(column) * s.stride[2] - s.pad[2];
      Accumulator sum = 0;
      for (int tap_z = 0, tap = 0; tap_z < s.kernel[0]; tap_z++) {
        const int z = first_z + tap_z * s.dilation[0];
        const bool z_inside = static_cast<unsigned>(z) < static_cast<unsigned>(s.in[0]);
        for (int tap_y = 0; tap_y < s.kernel[1]; tap_y++) {
          const int y = first_y + tap_y * s.dilation[1];
          const bool row_inside = z_inside && static_cast<unsigned>(y) < static_cast<unsigned>(s.in[1]);
          for (int tap_x = 0; tap_x < s.kernel[2]; tap_x++, tap++) {
            const int x = first_x + tap_x * s.dilation[2];
            if (!row_inside || static_cast<unsigned>(x) >= static_cast<unsigned>(s.in[2])) continue;
            const Element* value = source + (static_cast<long long>(z) * s.in[1] + y) * s.in[2] + x;
#pragma unroll 2
            for (int c = 0; c < s.group_channels; c++)
              sum += widen(value[static_cast<long long>(c) * in_size]) * widen(weights[c * taps + tap]);
          }
        }
      }
      sum += summand;
      const long long at = static_cast<long long>(plane) * s.windows + place;
      out[at] = narrow(ACTIVATE((sum RESIDUAL(at))));
    }
  }
}
