// Interpolate and GridSample. ELEMENT is the storage type (types.cuh). Positions are computed in f32 as the operations'
// specification does, here and not in tables, so that a new shape needs no memory.
#ifndef ELEMENT
#define ELEMENT float
#endif
#include "places.cuh"
#include "types.cuh"

typedef Arithmetic<ELEMENT>::type Number;

// Floats are summed in f32, f64 and integers (which are rounded at the end) in f64.
template <class T> struct Summing { typedef double type; };
template <> struct Summing<float> { typedef float type; };
typedef Summing<Number>::type Sum;

template <class T> struct Range { static constexpr double least = 0, most = 0; };
#define RANGE(T, LEAST, MOST) \
  template <> struct Range<T> { static constexpr double least = LEAST, most = MOST; };
RANGE(signed char, -128, 127)
RANGE(unsigned char, 0, 255)
RANGE(short, -32768, 32767)
RANGE(unsigned short, 0, 65535)
RANGE(int, -2147483648.0, 2147483647.0)
RANGE(unsigned, 0, 4294967295.0)

// Integers: to the nearest, halves away from zero, within the range of the type.
__device__ __forceinline__ Sum rounded(Sum x) {
  if (Facts<Number>::real) return x;
  double nearest = copysign(floor(fabs(double(x)) + 0.5), double(x));
  return Sum(fmin(fmax(nearest, Range<Number>::least), Range<Number>::most));
}

template <class T> __device__ __forceinline__ T cubic_filter(T distance, T a) {
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
  return 0;
}

// ---- Interpolate -----------------------------------------------------------------------------------------------------
enum Mode { NEAREST, LINEAR, LINEAR_ONNX, CUBIC, BILINEAR_PILLOW, BICUBIC_PILLOW };
enum Coordinates { HALF_PIXEL, PYTORCH_HALF_PIXEL, ASYMMETRIC, TF_HALF_PIXEL_FOR_NN, ALIGN_CORNERS };
enum Nearest { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, FLOOR, CEIL, SIMPLE };

struct Axis {
  int out, padded, size, before;  // sizes of the result, of the padded source, of the source; zeros before it
  float scale;
  int reach;       // LINEAR: neighbours on each side that may count
  int identity;    // positions stay as they are (a padded axis that is not resampled)
  int unused;
  double factor;   // LINEAR: how much the filter is stretched (1 / factor); Pillow: source elements per result
  long long stride;
};

struct Resampling {
  unsigned count, rank;
  Divisor dims[PLACE_RANK];
  int slots[PLACE_RANK];          // which of the axes a dimension is, -1 for none
  long long strides[PLACE_RANK];  // of the source, for the others
  Axis axes[3];
  unsigned mode, coordinates, nearest, rounds_each;
  float cube;
};

// Source elements that count for one position of an axis.
struct Taps {
  int first, count;
  double centre;  // position in the source (Pillow: of the filter's middle)
  Sum total;      // of the weights, by which they are divided

  __device__ __forceinline__ int index(int k, const Axis& axis) const {
    return min(max(first + k, 0), axis.padded - 1);
  }
};

__device__ __forceinline__ float source_position(int i, const Axis& axis, unsigned coordinates) {
  float x = float(i);
  if (coordinates == ALIGN_CORNERS) return axis.out == 1 ? 0.f : x * float(axis.padded - 1) / float(axis.out - 1);
  if (coordinates == ASYMMETRIC) return x / axis.scale;
  if (coordinates == TF_HALF_PIXEL_FOR_NN) return (x + 0.5f) / axis.scale;
  if (coordinates == PYTORCH_HALF_PIXEL && axis.out <= 1) return 0.f;
  return (x + 0.5f) / axis.scale - 0.5f;
}

__device__ __forceinline__ float nearest_position(float x, const Axis& axis, unsigned nearest) {
  if (nearest == ROUND_PREFER_FLOOR) return ceilf(x - 0.5f);
  if (nearest == ROUND_PREFER_CEIL) return floorf(x + 0.5f);
  if (nearest == FLOOR) return floorf(x);
  if (nearest == CEIL || axis.scale < 1) return ceilf(x);
  return truncf(x);
}

// Weight of tap k before the division by the total.
__device__ __forceinline__ Sum raw_weight(const Taps& taps, int k, const Axis& axis, const Resampling& r) {
  int index = taps.first + k;
  if (axis.identity || r.mode == NEAREST) return 1;
  if (r.mode == LINEAR_ONNX) {
    Sum share = Sum(taps.centre - taps.first);
    return k == 0 ? 1 - share : share;
  }
  if (r.mode == CUBIC) return cubic_filter<Sum>(Sum(fabs(index - taps.centre)), r.cube);
  if (r.mode == LINEAR) {
    if (index < 0 || index >= axis.padded) return 0;
    return Sum(fmax(1 - fabs(axis.factor * (taps.centre - index)), 0.));
  }
  Sum distance = Sum(fabs(index - taps.centre + 0.5) / fmax(axis.factor, 1.));
  if (r.mode == BICUBIC_PILLOW) return cubic_filter<Sum>(distance, r.cube);
  return distance < 1 ? 1 - distance : 0;
}

__device__ __forceinline__ Taps taps_of(int i, const Axis& axis, const Resampling& r) {
  Taps taps;
  taps.total = 1;
  taps.count = 1;
  taps.first = i;
  taps.centre = i;
  if (axis.identity) return taps;
  if (r.mode >= BILINEAR_PILLOW) {  // the filter is stretched by the reduction, so that it never skips elements
    double radius = (r.mode == BICUBIC_PILLOW ? 2 : 1) * fmax(axis.factor, 1.);
    taps.centre = (i + 0.5) * axis.factor;
    taps.first = max(int(taps.centre - radius + 0.5), 0);
    taps.count = min(int(taps.centre + radius + 0.5), axis.padded) - taps.first;
  } else {
    float x = source_position(i, axis, r.coordinates);
    taps.centre = x;
    if (r.mode == NEAREST) {
      taps.first = int(nearest_position(x, axis, r.nearest));
    } else if (r.mode == LINEAR_ONNX) {  // positions outside are moved to the border
      float inside = fminf(fmaxf(x, 0.f), float(axis.padded - 1));
      taps.centre = inside;
      taps.first = min(int(inside), axis.padded - 1);
      taps.count = 2;
    } else if (r.mode == CUBIC) {
      taps.first = int(floorf(x)) - 1;
      taps.count = 4;
    } else {
      taps.first = int(floorf(x + 0.5f)) - axis.reach;
      taps.count = 2 * axis.reach + 1;
    }
  }
  if (r.mode == LINEAR || r.mode >= BILINEAR_PILLOW) {
    Sum total = 0;
    for (int k = 0; k < taps.count; k++) total += raw_weight(taps, k, axis, r);
    taps.total = total;
  }
  return taps;
}

__device__ __forceinline__ Sum weight(const Taps& taps, int k, const Axis& axis, const Resampling& r) {
  Sum raw = raw_weight(taps, k, axis, r);
  return taps.total == 0 ? Sum(0) : raw / taps.total;
}

// Offset of a tap in the source; false: it lies in the padding, where all is zero.
__device__ __forceinline__ bool offset_of(const Taps& taps, int k, const Axis& axis, long long& offset) {
  int at = taps.index(k, axis) - axis.before;
  offset = at * axis.stride;
  return at >= 0 && at < axis.size;
}

extern "C" __global__ void interpolate(ELEMENT* target, const ELEMENT* source, const Resampling r) {
  FOR_ALL(i, r.count) {
    unsigned rest = unsigned(i);
    long long from = 0;
    int a = 0, b = 0, c = 0;
#pragma unroll
    for (int d = PLACE_RANK - 1; d >= 0; d--) {
      if (d >= int(r.rank)) continue;
      unsigned at = rest;
      if (d > 0) rest = r.dims[d].split(rest, at);
      if (r.slots[d] == 0) a = int(at);
      if (r.slots[d] == 1) b = int(at);
      if (r.slots[d] == 2) c = int(at);
      if (r.slots[d] < 0) from += at * r.strides[d];
    }
    Taps first = taps_of(a, r.axes[0], r), second = taps_of(b, r.axes[1], r), third = taps_of(c, r.axes[2], r);
    if (r.mode == NEAREST) {
      long long x, y, z;
      bool inside = offset_of(first, 0, r.axes[0], x);
      inside &= offset_of(second, 0, r.axes[1], y);
      inside &= offset_of(third, 0, r.axes[2], z);
      ELEMENT element = pack<ELEMENT>(Number(0));
      if (inside) element = source[from + x + y + z];
      target[i] = element;
      continue;
    }
    Sum outer = 0;
    for (int k = 0; k < first.count; k++) {
      Sum outer_weight = weight(first, k, r.axes[0], r);
      long long x;
      if (!offset_of(first, k, r.axes[0], x) || outer_weight == 0) continue;
      Sum middle = 0;
      for (int l = 0; l < second.count; l++) {
        Sum middle_weight = weight(second, l, r.axes[1], r);
        long long y;
        if (!offset_of(second, l, r.axes[1], y) || middle_weight == 0) continue;
        Sum inner = 0;
        for (int m = 0; m < third.count; m++) {
          long long z;
          Sum inner_weight = weight(third, m, r.axes[2], r);
          if (offset_of(third, m, r.axes[2], z) && inner_weight != 0)
            inner += inner_weight * Sum(unpack(source[from + x + y + z]));
        }
        middle += middle_weight * (r.rounds_each ? rounded(inner) : inner);
      }
      outer += outer_weight * (r.rounds_each ? rounded(middle) : middle);
    }
    target[i] = pack<ELEMENT>(Number(rounded(outer)));
  }
}

// ---- GridSample ------------------------------------------------------------------------------------------------------
enum GridMode { GRID_NEAREST, GRID_BILINEAR, GRID_BICUBIC };
enum GridPadding { GRID_ZEROS, GRID_BORDER, GRID_REFLECTION };

struct Grid {
  unsigned count, mode, padding, align_corners;
  Divisor channels, points;
  int height, width;
};

__device__ __forceinline__ float pixel_position(float x, int size, unsigned align_corners) {
  return align_corners ? (x + 1) / 2 * (size - 1) : ((x + 1) * size - 1) / 2;
}

// A pixel's number with the rule for those outside; -1: it counts as zero.
__device__ __forceinline__ long long inside(long long at, long long size, const Grid& g) {
  if (g.padding == GRID_ZEROS) return at >= 0 && at < size ? at : -1;
  if (g.padding == GRID_BORDER) return min(max(at, 0ll), size - 1);
  if (g.align_corners) {  // mirrored at the centres of the border pixels
    if (size == 1) return 0;
    long long period = 2 * (size - 1), folded = (at < 0 ? -at : at) % period;
    return folded >= size ? period - folded : folded;
  }
  long long folded = (at % (2 * size) + 2 * size) % (2 * size);  // mirrored at their outer edges
  return folded >= size ? 2 * size - 1 - folded : folded;
}

extern "C" __global__ void grid_sample(ELEMENT* target, const ELEMENT* images, const ELEMENT* grid, const Grid g) {
  FOR_ALL(i, g.count) {
    unsigned point;
    unsigned plane = g.points.split(unsigned(i), point);
    unsigned batch = g.channels.quotient(plane);
    const ELEMENT* position = grid + ((unsigned long long)(batch)*g.points.divisor + point) * 2;
    const ELEMENT* image = images + (unsigned long long)(plane)*g.height * g.width;
    float x = pixel_position(unpack(position[0]), g.width, g.align_corners);
    float y = pixel_position(unpack(position[1]), g.height, g.align_corners);
    if (g.mode == GRID_NEAREST) {
      long long row = inside((long long)(rintf(y)), g.height, g), column = inside((long long)(rintf(x)), g.width, g);
      ELEMENT element = pack<ELEMENT>(0.f);
      if (row >= 0 && column >= 0) element = image[row * g.width + column];
      target[i] = element;
      continue;
    }
    float top = floorf(y), left = floorf(x), sum = 0;
    int first = g.mode == GRID_BICUBIC ? -1 : 0, last = g.mode == GRID_BICUBIC ? 2 : 1;
    for (int down = first; down <= last; down++) {
      long long row = inside((long long)(top) + down, g.height, g);
      float distance = fabsf(down - (y - top));
      float weight_y = g.mode == GRID_BICUBIC ? cubic_filter(distance, -0.75f) : 1 - distance;
      if (row < 0) continue;
      for (int right = first; right <= last; right++) {
        long long column = inside((long long)(left) + right, g.width, g);
        float apart = fabsf(right - (x - left));
        float weight_x = g.mode == GRID_BICUBIC ? cubic_filter(apart, -0.75f) : 1 - apart;
        if (column >= 0) sum += unpack(image[row * g.width + column]) * (weight_y * weight_x);
      }
    }
    target[i] = pack<ELEMENT>(sum);
  }
}
