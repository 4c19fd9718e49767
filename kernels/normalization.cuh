// Softmax and normalisations: one or two statistics of a row, then a formula of each element and them. A kernel file is generated for
// one operation and type: NORMALIZATION(name, operation, storage type).
#pragma once
#include "groups.cuh"

// ---- operations ------------------------------------------------------------------------------------------------------
// a is made of the first statistic, b of the second one; `count` elements make a row.
template <class X> struct NoFirst {
  static constexpr bool has_first = false;
  typedef Plus First;
  static __device__ __forceinline__ X first_initial() { return 0; }
  static __device__ __forceinline__ X a(X total, X count) { return 0; }
};
template <class X> struct MeanFirst {
  static constexpr bool has_first = true;
  typedef Plus First;
  static __device__ __forceinline__ X first_initial() { return 0; }
  static __device__ __forceinline__ X a(X total, X count) { return total / count; }
};
template <class X> struct LargestFirst {
  static constexpr bool has_first = true;
  typedef Larger First;
  static __device__ __forceinline__ X first_initial() { return -infinity(); }
  static __device__ __forceinline__ X a(X total, X count) { return total; }
};

template <class X> struct Softmax : LargestFirst<X> {
  static constexpr bool has_second = true;
  static __device__ __forceinline__ X second(X x, X a) { return formula::exp(x - a); }
  static __device__ __forceinline__ X b(X total, X count, X epsilon) { return X(1) / total; }
  static __device__ __forceinline__ X result(X x, X a, X b) { return formula::exp(x - a) * b; }
};
template <class X> struct LogSoftmax : Softmax<X> {
  static __device__ __forceinline__ X b(X total, X count, X epsilon) { return formula::log(total); }
  static __device__ __forceinline__ X result(X x, X a, X b) { return x - a - b; }
};
template <class X> struct Centre : MeanFirst<X> {
  static constexpr bool has_second = false;
  static __device__ __forceinline__ X second(X x, X a) { return 0; }
  static __device__ __forceinline__ X b(X total, X count, X epsilon) { return 0; }
  static __device__ __forceinline__ X result(X x, X a, X b) { return x - a; }
};
// Variances are of the differences from the mean, not of squares, which would cancel.
template <class X> struct DeviationInside : MeanFirst<X> {
  static constexpr bool has_second = true;
  static __device__ __forceinline__ X second(X x, X a) { return (x - a) * (x - a); }
  static __device__ __forceinline__ X b(X total, X count, X epsilon) {
    return X(1) / formula::sqrt(total / count + epsilon);
  }
  static __device__ __forceinline__ X result(X x, X a, X b) { return (x - a) * b; }
};
template <class X> struct DeviationOutside : DeviationInside<X> {
  static __device__ __forceinline__ X b(X total, X count, X epsilon) {
    return X(1) / (formula::sqrt(total / count) + epsilon);
  }
};
template <class X> struct MeanSquare : NoFirst<X> {
  static constexpr bool has_second = true;
  static __device__ __forceinline__ X second(X x, X a) { return x * x; }
  static __device__ __forceinline__ X b(X total, X count, X epsilon) {
    return X(1) / formula::sqrt(total / count + epsilon);
  }
  static __device__ __forceinline__ X result(X x, X a, X b) { return x * b; }
};
template <class X> struct NormAdd : MeanSquare<X> {
  static __device__ __forceinline__ X b(X total, X count, X epsilon) { return X(1) / formula::sqrt(total + epsilon); }
};
template <class X> struct NormMax : MeanSquare<X> {
  static __device__ __forceinline__ X b(X total, X count, X epsilon) {
    return X(1) / formula::sqrt(formula::maximum<X>(total, epsilon));
  }
};

// ---- contiguous rows -------------------------------------------------------------------------------------------------
// result * gamma + beta. An element's place in gamma is its column, or with `per_channel` (row % groups) * channels + column / spatial.
struct Affine {
  unsigned per_channel, groups, channels;
  Divisor spatial;
};

template <class X, class T, int V>
__device__ __forceinline__ void scale_and_shift(X (&x)[V], const T* gamma, const T* beta, const Affine& affine,
                                                unsigned row, unsigned column) {
  if (!gamma) return;
  if constexpr (V == 1) {
    // Without branches: the registers of 1024 threads do not hold both ways at once.
    const unsigned channel = row % affine.groups * affine.channels + affine.spatial.quotient(column);
    const unsigned at = affine.per_channel ? channel : column;
    x[0] = x[0] * unpack(gamma[at]) + (beta ? X(unpack(beta[at])) : X(0));
    return;
  }
  T g[V], b[V];
  if (affine.per_channel) {
    const unsigned first = row % affine.groups * affine.channels;
#pragma unroll
    for (int e = 0; e < V; e++) {
      const unsigned channel = first + affine.spatial.quotient(column + e);
      g[e] = gamma[channel];
      b[e] = beta ? beta[channel] : pack<T>(X(0));
    }
  } else {
    load_vector<V>(gamma + column, g);
    if (beta) load_vector<V>(beta + column, b);
#pragma unroll
    for (int e = 0; e < V; e++)
      if (!beta) b[e] = pack<T>(X(0));
  }
#pragma unroll
  for (int e = 0; e < V; e++) x[e] = x[e] * unpack(g[e]) + unpack(b[e]);
}

// The threads of one threadIdx.y share a row of `width` elements, a multiple of V. CACHE > 0: each thread keeps its up to CACHE vectors
// in registers, so that memory is read once. CACHE = 0: the row is read again for each statistic.
template <class N, class T, int V, int CACHE>
__device__ __forceinline__ void normalize_rows(unsigned rows, unsigned width, const T* x, T* y, const T* gamma,
                                               const T* beta, const Affine& affine,
                                               typename Arithmetic<T>::type epsilon) {
  typedef typename Arithmetic<T>::type X;
  __shared__ X shared[32];
  const unsigned vectors = width / V, step = gridDim.x * blockDim.y;
  for (unsigned base = blockIdx.x * blockDim.y; base < rows; base += step) {
    const unsigned row = base + threadIdx.y;
    const unsigned mine = row < rows ? vectors : 0;
    const T* source = x + (unsigned long long)row * width;
    T* target = y + (unsigned long long)row * width;
    X a = 0, b = 0;
    if constexpr (CACHE > 0) {
      X cache[CACHE][V];
#pragma unroll
      for (int k = 0; k < CACHE; k++) {
        const unsigned v = threadIdx.x + k * blockDim.x;
        if (v < mine) {
          T part[V];
          load_vector<V>(source + v * V, part);
#pragma unroll
          for (int e = 0; e < V; e++) cache[k][e] = unpack(part[e]);
        }
      }
      if constexpr (N::has_first) {
        X total = N::first_initial();
#pragma unroll
        for (int k = 0; k < CACHE; k++)
          if (threadIdx.x + k * blockDim.x < mine)
#pragma unroll
            for (int e = 0; e < V; e++) total = N::First::combine(total, cache[k][e]);
        a = N::a(reduce_group<typename N::First>(total, N::first_initial(), shared), X(width));
      }
      if constexpr (N::has_second) {
        X total = 0;
#pragma unroll
        for (int k = 0; k < CACHE; k++)
          if (threadIdx.x + k * blockDim.x < mine)
#pragma unroll
            for (int e = 0; e < V; e++) total += N::second(cache[k][e], a);
        b = N::b(reduce_group<Plus>(total, X(0), shared), X(width), epsilon);
      }
#pragma unroll
      for (int k = 0; k < CACHE; k++) {
        const unsigned v = threadIdx.x + k * blockDim.x;
        if (v < mine) {
#pragma unroll
          for (int e = 0; e < V; e++) cache[k][e] = N::result(cache[k][e], a, b);
          scale_and_shift(cache[k], gamma, beta, affine, row, v * V);
          T part[V];
#pragma unroll
          for (int e = 0; e < V; e++) part[e] = pack<T>(cache[k][e]);
          store_vector<V>(target + v * V, part);
        }
      }
    } else {
      T part[V];
      if constexpr (N::has_first) {
        X total = N::first_initial();
        for (unsigned v = threadIdx.x; v < mine; v += blockDim.x) {
          load_vector<V>(source + v * V, part);
#pragma unroll
          for (int e = 0; e < V; e++) total = N::First::combine(total, X(unpack(part[e])));
        }
        a = N::a(reduce_group<typename N::First>(total, N::first_initial(), shared), X(width));
      }
      if constexpr (N::has_second) {
        X total = 0;
        for (unsigned v = threadIdx.x; v < mine; v += blockDim.x) {
          load_vector<V>(source + v * V, part);
#pragma unroll
          for (int e = 0; e < V; e++) total += N::second(unpack(part[e]), a);
        }
        b = N::b(reduce_group<Plus>(total, X(0), shared), X(width), epsilon);
      }
      for (unsigned v = threadIdx.x; v < mine; v += blockDim.x) {
        load_vector<V>(source + v * V, part);
        X result[V];
#pragma unroll
        for (int e = 0; e < V; e++) result[e] = N::result(unpack(part[e]), a, b);
        scale_and_shift(result, gamma, beta, affine, row, v * V);
#pragma unroll
        for (int e = 0; e < V; e++) part[e] = pack<T>(result[e]);
        store_vector<V>(target + v * V, part);
      }
    }
  }
}

// ---- any axes --------------------------------------------------------------------------------------------------------
// The last dimension is kept: threads of one threadIdx.x share V neighbouring rows, whose elements lie apart.
template <class N, class T, int V>
__device__ __forceinline__ void normalize_columns(const Reduced& shape, const T* x, T* y,
                                                  typename Arithmetic<T>::type epsilon) {
  typedef typename Arithmetic<T>::type X;
  __shared__ X shared[256];
  const unsigned step = gridDim.x * blockDim.x;
  for (unsigned base = blockIdx.x * blockDim.x; base < shape.outputs; base += step) {
    const unsigned item = base + threadIdx.x;
    const unsigned count = item < shape.outputs ? shape.count : 0;
    const unsigned long long start = count ? shape.kept.offset(item) : 0;
    X a[V], b[V], total[V];
    T part[V];
#pragma unroll
    for (int e = 0; e < V; e++) a[e] = b[e] = 0;
    if constexpr (N::has_first) {
#pragma unroll
      for (int e = 0; e < V; e++) total[e] = N::first_initial();
      for (unsigned i = threadIdx.y; i < count; i += blockDim.y) {
        load_vector<V>(x + start + shape.gone.offset(i), part);
#pragma unroll
        for (int e = 0; e < V; e++) total[e] = N::First::combine(total[e], X(unpack(part[e])));
      }
#pragma unroll
      for (int e = 0; e < V; e++)
        a[e] = N::a(reduce_column<typename N::First>(total[e], shared), X(shape.count));
    }
    if constexpr (N::has_second) {
#pragma unroll
      for (int e = 0; e < V; e++) total[e] = 0;
      for (unsigned i = threadIdx.y; i < count; i += blockDim.y) {
        load_vector<V>(x + start + shape.gone.offset(i), part);
#pragma unroll
        for (int e = 0; e < V; e++) total[e] += N::second(unpack(part[e]), a[e]);
      }
#pragma unroll
      for (int e = 0; e < V; e++) b[e] = N::b(reduce_column<Plus>(total[e], shared), X(shape.count), epsilon);
    }
    for (unsigned i = threadIdx.y; i < count; i += blockDim.y) {
      const unsigned long long at = start + shape.gone.offset(i);
      load_vector<V>(x + at, part);
#pragma unroll
      for (int e = 0; e < V; e++) part[e] = pack<T>(N::result(unpack(part[e]), a[e], b[e]));
      store_vector<V>(y + at, part);
    }
  }
}

// The last dimension is reduced, and others before kept ones: a block for each row.
template <class N, class T>
__device__ __forceinline__ void normalize_scattered(const Reduced& shape, const T* x, T* y,
                                                    typename Arithmetic<T>::type epsilon) {
  typedef typename Arithmetic<T>::type X;
  __shared__ X shared[32];
  for (unsigned row = blockIdx.x; row < shape.outputs; row += gridDim.x) {
    const unsigned long long start = shape.kept.offset(row);
    X a = 0, b = 0;
    if constexpr (N::has_first) {
      X total = N::first_initial();
      for (unsigned i = threadIdx.x; i < shape.count; i += blockDim.x)
        total = N::First::combine(total, X(unpack(x[start + shape.gone.offset(i)])));
      a = N::a(reduce_group<typename N::First>(total, N::first_initial(), shared), X(shape.count));
    }
    if constexpr (N::has_second) {
      X total = 0;
      for (unsigned i = threadIdx.x; i < shape.count; i += blockDim.x)
        total += N::second(unpack(x[start + shape.gone.offset(i)]), a);
      b = N::b(reduce_group<Plus>(total, X(0), shared), X(shape.count), epsilon);
    }
    for (unsigned i = threadIdx.x; i < shape.count; i += blockDim.x) {
      const unsigned long long at = start + shape.gone.offset(i);
      y[at] = pack<T>(N::result(unpack(x[at]), a, b));
    }
  }
}

#define ROW_KERNEL(name, T, V, CACHE)                                                                              \
  extern "C" __global__ void __launch_bounds__(1024, 1)                                                               \
      name(unsigned rows, unsigned width, const T* x, T* y, const T* gamma, const T* beta, const Affine affine,    \
           Arithmetic<T>::type epsilon) {                                                                          \
    normalize_rows<Operation, T, V, CACHE>(rows, width, x, y, gamma, beta, affine, epsilon);                       \
  }
#define NORMALIZATION_ROWS(name, OPERATION, T)                                                                     \
  typedef OPERATION<Arithmetic<T>::type> Operation;                                                                \
  ROW_KERNEL(name##_rows, T, 16 / sizeof(T), sizeof(T) < 4 ? 3 : 4)                                                \
  ROW_KERNEL(name##_rows_single, T, 1, 6)                                                                          \
  ROW_KERNEL(name##_long_rows, T, 16 / sizeof(T), 0)                                                               \
  ROW_KERNEL(name##_long_rows_single, T, 1, 0)
#define NORMALIZATION_AXES(name, OPERATION, T)                                                                     \
  typedef OPERATION<Arithmetic<T>::type> Operation;                                                                \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      name##_columns(const Reduced shape, const T* x, T* y, Arithmetic<T>::type epsilon) {                         \
    normalize_columns<Operation, T, 16 / sizeof(T)>(shape, x, y, epsilon);                                         \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      name##_columns_single(const Reduced shape, const T* x, T* y, Arithmetic<T>::type epsilon) {                  \
    normalize_columns<Operation, T, 1>(shape, x, y, epsilon);                                                      \
  }                                                                                                                \
  extern "C" __global__ void __launch_bounds__(512)                                                                \
      name##_scattered(const Reduced shape, const T* x, T* y, Arithmetic<T>::type epsilon) {                       \
    normalize_scattered<Operation, T>(shape, x, y, epsilon);                                                       \
  }

// ---- LRN -------------------------------------------------------------------------------------------------------------
// x / (bias + scale * sum of squares in the window)^power; the window extends `before` and `after` along each of the axes.
struct Window {
  unsigned total, rank;
  int before, after;
  Divisor dims[MAX_RANK];
  unsigned over;  // bit d: the window extends along dimension d
  unsigned long long strides[MAX_RANK];
};

template <class T>
__device__ __forceinline__ void local_response(const Window& w, const T* x, T* y, typename Arithmetic<T>::type scale,
                                               typename Arithmetic<T>::type power,
                                               typename Arithmetic<T>::type bias) {
  typedef typename Arithmetic<T>::type X;
  for (unsigned item = blockIdx.x * blockDim.x + threadIdx.x; item < w.total; item += gridDim.x * blockDim.x) {
    unsigned rest = item;
    int low[MAX_RANK], high[MAX_RANK], at[MAX_RANK];
    long long start = item;
#pragma unroll
    for (int d = MAX_RANK - 1; d >= 0; d--) {
      low[d] = high[d] = at[d] = 0;
      if (d >= int(w.rank)) continue;
      const unsigned outer = d > 0 ? w.dims[d].quotient(rest) : 0;
      const int index = int(rest - outer * w.dims[d].divisor), size = int(w.dims[d].divisor);
      rest = outer;
      if (w.over >> d & 1) {
        low[d] = index < w.before ? -index : -w.before;
        high[d] = index + w.after < size ? w.after : size - 1 - index;
      }
      at[d] = low[d];
      start += (long long)low[d] * (long long)w.strides[d];
    }
    X sum = 0;
    while (true) {  // an odometer over the window
      const X value = unpack(x[start]);
      sum += value * value;
      bool done = true;
#pragma unroll
      for (int d = MAX_RANK - 1; d >= 0; d--) {
        if (!done) continue;
        if (at[d] < high[d]) {
          at[d]++;
          start += (long long)w.strides[d];
          done = false;
        } else {
          start -= (long long)(at[d] - low[d]) * (long long)w.strides[d];
          at[d] = low[d];
        }
      }
      if (done) break;
    }
    y[item] = pack<T>(unpack(x[item]) / formula::real_power(bias + scale * sum, power));
  }
}
#define LOCAL_RESPONSE(name, T)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256)                                                                \
      name(const Window w, const T* __restrict__ x, T* __restrict__ y, Arithmetic<T>::type scale,                  \
           Arithmetic<T>::type power, Arithmetic<T>::type bias) {                                                  \
    local_response<T>(w, x, y, scale, power, bias);                                                                \
  }
