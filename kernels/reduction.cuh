// Reductions over any axes. A kernel file is generated for one operation and type: REDUCTION(name, operation, storage type).
#pragma once
#include "groups.cuh"

// ---- operations: what is accumulated, how, and what becomes of it ----------------------------------------------------
template <class X> struct Sum : Plus {
  typedef typename Total<X>::type A;
  static __device__ __forceinline__ A initial() { return 0; }
  static __device__ __forceinline__ A load(X x) { return x; }
  static __device__ __forceinline__ X finish(A a, unsigned count) { return X(a); }
};
template <class X> struct Mean : Sum<X> {
  typedef typename Sum<X>::A A;
  static __device__ __forceinline__ X finish(A a, unsigned count) {
    if constexpr (Facts<X>::real) return count ? a / X(count) : a;
    else return formula::convert<X>(double(a) / double(count ? count : 1));
  }
};
template <class X> struct L1 : Sum<X> {
  typedef typename Sum<X>::A A;
  static __device__ __forceinline__ A load(X x) { return formula::abs<X>(x); }
};
template <class X, bool REAL = Facts<X>::real> struct L2 : Plus {
  typedef X A;
  static __device__ __forceinline__ A initial() { return 0; }
  static __device__ __forceinline__ A load(X x) { return x * x; }
  static __device__ __forceinline__ X finish(A a, unsigned count) { return formula::sqrt(a); }
};
template <class X> struct L2<X, false> : Plus {
  typedef double A;
  static __device__ __forceinline__ A initial() { return 0; }
  static __device__ __forceinline__ A load(X x) { return double(x) * double(x); }
  static __device__ __forceinline__ X finish(A a, unsigned count) { return formula::rounded<X>(::sqrt(a)); }
};
template <class X> struct Product {
  typedef typename Total<X>::type A;
  static __device__ __forceinline__ A initial() { return 1; }
  static __device__ __forceinline__ A load(X x) { return x; }
  static __device__ __forceinline__ A combine(A a, A b) { return formula::multiply<A>(a, b); }
  static __device__ __forceinline__ X finish(A a, unsigned count) { return X(a); }
};
template <class X> __device__ __forceinline__ X largest() {
  if constexpr (Facts<X>::real) return infinity();
  else if constexpr (Facts<X>::is_signed) return X((1ull << (sizeof(X) * 8 - 1)) - 1);
  else return X(~X(0));
}
template <class X> struct Max : Larger {
  typedef typename Wide<X>::type A;
  static __device__ __forceinline__ A initial() {
    if constexpr (Facts<X>::real) return -infinity();
    else return Facts<X>::is_signed ? X(-largest<X>() - 1) : X(0);
  }
  static __device__ __forceinline__ A load(X x) { return x; }
  static __device__ __forceinline__ X finish(A a, unsigned count) { return X(a); }
};
template <class X> struct Min {
  typedef typename Wide<X>::type A;
  static __device__ __forceinline__ A initial() { return largest<X>(); }
  static __device__ __forceinline__ A load(X x) { return x; }
  static __device__ __forceinline__ A combine(A a, A b) { return formula::minimum<A>(a, b); }
  static __device__ __forceinline__ X finish(A a, unsigned count) { return X(a); }
};
template <class X> struct And {
  typedef int A;
  static __device__ __forceinline__ A initial() { return 1; }
  static __device__ __forceinline__ A load(X x) { return x != X(0); }
  static __device__ __forceinline__ A combine(A a, A b) { return a & b; }
  static __device__ __forceinline__ X finish(A a, unsigned count) { return X(a); }
};
template <class X> struct Or : And<X> {
  static __device__ __forceinline__ int initial() { return 0; }
  static __device__ __forceinline__ int combine(int a, int b) { return a | b; }
};

// ---- kernels ---------------------------------------------------------------------------------------------------------
// The reduced dimensions include the last one: the threads of one threadIdx.y share an output.
template <class R, class T, int V>
__device__ __forceinline__ void reduce_rows(const Reduced& shape, const T* x, T* y, typename R::A* partial) {
  typedef typename R::A A;
  __shared__ A shared[32];
  const unsigned first = blockIdx.y * shape.slice, rest = shape.count - first;
  const unsigned count = rest < shape.slice ? rest : shape.slice;
  const unsigned step = gridDim.x * blockDim.y;
  for (unsigned base = blockIdx.x * blockDim.y; base < shape.outputs; base += step) {
    const unsigned output = base + threadIdx.y;
    A sum = R::initial();
    if (output < shape.outputs) {
      const T* row = x + shape.kept.offset(output);
      if (shape.gone.rank == 1) {
        row += first;
        unsigned done = 0;
        if ((unsigned long long)row % (sizeof(T) * V) == 0) {
          const unsigned vectors = count / V;
          for (unsigned i = threadIdx.x; i < vectors; i += blockDim.x) {
            T part[V];
            load_vector<V>(row + i * V, part);
#pragma unroll
            for (int e = 0; e < V; e++) sum = R::combine(sum, R::load(unpack(part[e])));
          }
          done = vectors * V;
        }
        for (unsigned i = done + threadIdx.x; i < count; i += blockDim.x)
          sum = R::combine(sum, R::load(unpack(row[i])));
      } else {
        for (unsigned i = threadIdx.x; i < count; i += blockDim.x)
          sum = R::combine(sum, R::load(unpack(row[shape.gone.offset(first + i)])));
      }
    }
    sum = reduce_group<R>(sum, R::initial(), shared);
    if (threadIdx.x == 0 && output < shape.outputs) {
      if (gridDim.y == 1) y[output] = pack<T>(R::finish(sum, shape.count));
      else partial[(unsigned long long)blockIdx.y * shape.outputs + output] = sum;
    }
  }
}

// The last dimension is kept: each thread has V neighbouring outputs, the threads of one threadIdx.x share them.
template <class R, class T, int V>
__device__ __forceinline__ void reduce_columns(const Reduced& shape, const T* x, T* y, typename R::A* partial) {
  typedef typename R::A A;
  __shared__ A shared[256];
  const unsigned first = blockIdx.y * shape.slice, rest = shape.count - first;
  const unsigned count = rest < shape.slice ? rest : shape.slice;
  const unsigned step = gridDim.x * blockDim.x;
  for (unsigned base = blockIdx.x * blockDim.x; base < shape.outputs; base += step) {
    const unsigned item = base + threadIdx.x;
    const bool inside = item < shape.outputs;
    A sum[V];
#pragma unroll
    for (int e = 0; e < V; e++) sum[e] = R::initial();
    if (inside) {
      const T* column = x + shape.kept.offset(item);
      for (unsigned i = threadIdx.y; i < count; i += blockDim.y) {
        T part[V];
        load_vector<V>(column + shape.gone.offset(first + i), part);
#pragma unroll
        for (int e = 0; e < V; e++) sum[e] = R::combine(sum[e], R::load(unpack(part[e])));
      }
    }
#pragma unroll
    for (int e = 0; e < V; e++) sum[e] = reduce_column<R>(sum[e], shared);
    if (threadIdx.y == 0 && inside) {
      if (gridDim.y == 1) {
        T result[V];
#pragma unroll
        for (int e = 0; e < V; e++) result[e] = pack<T>(R::finish(sum[e], shape.count));
        store_vector<V>(y + (unsigned long long)item * V, result);
      } else {
#pragma unroll
        for (int e = 0; e < V; e++) partial[((unsigned long long)blockIdx.y * shape.outputs + item) * V + e] = sum[e];
      }
    }
  }
}

// Second pass: a warp combines the partial results of an output.
template <class R, class T>
__device__ __forceinline__ void reduce_partial(const typename R::A* partial, T* y, unsigned outputs, unsigned slices,
                                               unsigned count) {
  typedef typename R::A A;
  const unsigned step = gridDim.x * blockDim.y;
  for (unsigned base = blockIdx.x * blockDim.y; base < outputs; base += step) {
    const unsigned output = base + threadIdx.y;
    A sum = R::initial();
    if (output < outputs)
      for (unsigned s = threadIdx.x; s < slices; s += 32)
        sum = R::combine(sum, partial[(unsigned long long)s * outputs + output]);
    sum = reduce_group<R>(sum, R::initial(), (A*)0);
    if (threadIdx.x == 0 && output < outputs) y[output] = pack<T>(R::finish(sum, count));
  }
}

#define REDUCTION(name, OPERATION, T)                                                                                    \
  typedef OPERATION<Arithmetic<T>::type> Operation;                                                                      \
  constexpr int lanes = sizeof(T) < 2 ? 8 : 16 / sizeof(T);                                                              \
  extern "C" __global__ void __launch_bounds__(512)                                                                      \
      name##_rows(const Reduced shape, const T* __restrict__ x, T* __restrict__ y, Operation::A* __restrict__ partial) { \
    reduce_rows<Operation, T, lanes>(shape, x, y, partial);                                                              \
  }                                                                                                                      \
  extern "C" __global__ void __launch_bounds__(256)                                                                      \
      name##_columns(const Reduced shape, const T* __restrict__ x, T* __restrict__ y,                                    \
                     Operation::A* __restrict__ partial) {                                                               \
    reduce_columns<Operation, T, lanes>(shape, x, y, partial);                                                           \
  }                                                                                                                      \
  extern "C" __global__ void __launch_bounds__(256)                                                                      \
      name##_columns_single(const Reduced shape, const T* __restrict__ x, T* __restrict__ y,                             \
                            Operation::A* __restrict__ partial) {                                                        \
    reduce_columns<Operation, T, 1>(shape, x, y, partial);                                                               \
  }                                                                                                                      \
  extern "C" __global__ void __launch_bounds__(256)                                                                      \
      name##_partial(const Operation::A* __restrict__ partial, T* __restrict__ y, unsigned outputs, unsigned slices,     \
                     unsigned count) {                                                                                   \
    reduce_partial<Operation, T>(partial, y, outputs, slices, count);                                                    \
  }
