// TopK of rows that lie `inner` elements apart. ELEMENT is the storage type (types.cuh), INDEX that of the resulting indices.
//
// Every element becomes a key of its value and its index; no two keys are equal, so equal values keep their order and the
// result does not depend on the order of threads. Short rows are sorted in shared memory. Of long rows a radix selection
// finds the k-th key first; rows of which too many are wanted are sorted in global memory.
#ifndef ELEMENT
#define ELEMENT float
#endif
#include "places.cuh"
#include "types.cuh"

typedef Arithmetic<ELEMENT>::type Number;

template <int BYTES> struct BitsOf { typedef unsigned type; };
template <> struct BitsOf<8> { typedef unsigned long long type; };
typedef BitsOf<sizeof(Number)>::type Bits;

struct Key {
  Bits value;     // larger is better
  // ~index in 32 bits: of equal values the first one is better. 0 for no element at all. As wide as the value, so that
  // no bytes lie between keys, which are copied whole.
  Bits rank;
};

__device__ __forceinline__ bool operator<(const Key& a, const Key& b) {
  return a.value < b.value || (a.value == b.value && a.rank < b.rank);
}

// Numbers as unsigned integers of the same order; NaN is above all, -0 equals 0.
__device__ __forceinline__ unsigned ordered(float x) {
  if (x != x) return ~0u;
  unsigned bits = __float_as_uint(x);
  if (bits << 1 == 0) bits = 0;  // a comparison with 0 might take subnormal numbers for zeros
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ unsigned long long ordered(double x) {
  if (x != x) return ~0ull;
  unsigned long long bits = (unsigned long long)(__double_as_longlong(x == 0 ? 0. : x));
  return bits >> 63 ? ~bits : bits | (1ull << 63);
}
template <class T> __device__ __forceinline__ Bits ordered(T x) {
  constexpr Bits half = Bits(1) << (8 * sizeof(Bits) - 1);
  return Facts<T>::is_signed ? Bits(x) ^ half : Bits(x);
}

struct TopK {
  unsigned rows, size, k, smallest, by_index;
  unsigned capacity;  // keys in shared memory, a power of two
  Divisor inner;
};

__device__ __forceinline__ unsigned long long row_start(const TopK& t, unsigned row, unsigned size) {
  unsigned within;
  unsigned long long outer = t.inner.split(row, within);
  return outer * size * t.inner.divisor + within;
}

__device__ __forceinline__ Key key_of(const ELEMENT* row, unsigned i, const TopK& t) {
  Key key;
  key.value = ordered(unpack(row[(unsigned long long)(i)*t.inner.divisor]));
  if (t.smallest) key.value = ~key.value;
  key.rank = static_cast<unsigned>(~i);
  return key;
}

// The best keys first; `count` is a power of two. All threads of the block take part.
__device__ void sort_keys(Key* keys, unsigned count, bool by_index) {
  for (unsigned run = 2; run <= count; run *= 2) {
    for (unsigned distance = run / 2; distance > 0; distance /= 2) {
      for (unsigned pair = threadIdx.x; pair < count / 2; pair += blockDim.x) {
        unsigned first = 2 * distance * (pair / distance) + pair % distance, second = first + distance;
        bool descending = (first & run) == 0;
        Key a = keys[first], b = keys[second];
        bool less = by_index ? a.rank < b.rank : a < b;
        if (less == descending) {
          keys[first] = b;
          keys[second] = a;
        }
      }
      __syncthreads();
    }
  }
}

// ---- the k-th key of a long row --------------------------------------------------------------------------------------
#define DIGITS (int(sizeof(Bits)) + 4)  // bytes of a key

__device__ __forceinline__ unsigned digit_of(const Key& key, int place) {
  if (place < int(sizeof(Bits))) return unsigned(key.value >> (8 * (sizeof(Bits) - 1 - place))) & 255;
  return key.rank >> (8 * (DIGITS - 1 - place)) & 255;
}

// Whether the first `places` digits of two keys agree.
__device__ __forceinline__ bool agree(const Key& a, const Key& b, int places) {
  if (places == 0) return true;
  if (places < int(sizeof(Bits))) return ((a.value ^ b.value) >> (8 * (sizeof(Bits) - places))) == 0;
  if (a.value != b.value) return false;
  int rest = places - int(sizeof(Bits));
  return rest == 0 || ((a.rank ^ b.rank) >> (8 * (4 - rest))) == 0;
}

// A key that exactly k keys of the row are not below.
__device__ Key select_limit(const ELEMENT* row, const TopK& t) {
  __shared__ unsigned histogram[256];
  __shared__ unsigned chosen, missing, finished;
  Key limit;
  limit.value = 0;
  limit.rank = 0;
  unsigned wanted = t.k;
  for (int place = 0; place < DIGITS; place++) {
    for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) histogram[i] = 0;
    __syncthreads();
    for (unsigned i = threadIdx.x; i < t.size; i += blockDim.x) {
      Key key = key_of(row, i, t);
      if (agree(key, limit, place)) atomicAdd(histogram + digit_of(key, place), 1);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      unsigned above = 0;
      int digit = 255;
      while (digit > 0 && above + histogram[digit] < wanted) above += histogram[digit--];
      chosen = unsigned(digit);
      missing = wanted - above;
      finished = histogram[digit] == wanted - above;
    }
    __syncthreads();
    unsigned digit = chosen;
    bool done = finished != 0;
    wanted = missing;
    __syncthreads();
    if (place < int(sizeof(Bits)))
      limit.value |= Bits(digit) << (8 * (sizeof(Bits) - 1 - place));
    else
      limit.rank |= digit << (8 * (DIGITS - 1 - place));
    if (done) break;
  }
  return limit;
}

__device__ __forceinline__ void write_result(ELEMENT* values, INDEX* indices, const ELEMENT* row, unsigned number,
                                             unsigned place, const Key& key, const TopK& t) {
  unsigned index = ~key.rank;
  unsigned long long target = row_start(t, number, t.k) + (unsigned long long)(place)*t.inner.divisor;
  values[target] = row[(unsigned long long)(index)*t.inner.divisor];
  indices[target] = (INDEX)index;
}

// A block for each row; at most `capacity` of its elements are sorted.
extern "C" __global__ void topk_rows(ELEMENT* values, INDEX* indices, const ELEMENT* source, const TopK t) {
  extern __shared__ unsigned long long shared[];
  __shared__ unsigned found;
  Key* keys = reinterpret_cast<Key*>(shared);
  for (unsigned number = blockIdx.x; number < t.rows; number += gridDim.x) {
    const ELEMENT* row = source + row_start(t, number, t.size);
    Key nothing;
    nothing.value = 0;
    nothing.rank = 0;
    if (t.size <= t.capacity) {
      for (unsigned i = threadIdx.x; i < t.capacity; i += blockDim.x) keys[i] = i < t.size ? key_of(row, i, t) : nothing;
    } else {
      Key limit = select_limit(row, t);
      for (unsigned i = threadIdx.x; i < t.capacity; i += blockDim.x) keys[i] = nothing;
      if (threadIdx.x == 0) found = 0;
      __syncthreads();
      for (unsigned i = threadIdx.x; i < t.size; i += blockDim.x) {
        Key key = key_of(row, i, t);
        if (!(key < limit)) keys[atomicAdd(&found, 1)] = key;
      }
    }
    __syncthreads();
    sort_keys(keys, t.capacity, false);
    if (t.by_index) {
      for (unsigned i = t.k + threadIdx.x; i < t.capacity; i += blockDim.x) keys[i] = nothing;
      __syncthreads();
      sort_keys(keys, t.capacity, true);
    }
    for (unsigned i = threadIdx.x; i < t.k; i += blockDim.x) write_result(values, indices, row, number, i, keys[i], t);
    __syncthreads();
  }
}

// ---- sorting in global memory ----------------------------------------------------------------------------------------
// Rows of `padded` keys, a power of two. Runs up to `capacity` keys are sorted in shared memory by a block each, the wider
// steps of the bitonic network are launches of their own.
extern "C" __global__ void topk_keys(Key* keys, const ELEMENT* source, const Divisor padded, const TopK t) {
  FOR_ALL(i, (unsigned long long)(t.rows) * padded.divisor) {
    unsigned place;
    unsigned number = padded.split(unsigned(i), place);
    Key key;
    key.value = 0;
    key.rank = 0;
    if (place < t.size) key = key_of(source + row_start(t, number, t.size), place, t);
    keys[i] = key;
  }
}

__device__ __forceinline__ bool exchange(Key& a, Key& b, bool descending) {
  if ((a < b) != descending) return false;
  Key c = a;
  a = b;
  b = c;
  return true;
}

// The steps of distances below `capacity` of runs from `first_run` to `last_run`; count: keys of all rows.
extern "C" __global__ void topk_sort_parts(Key* keys, unsigned first_run, unsigned last_run, unsigned capacity,
                                           unsigned padded, unsigned count) {
  extern __shared__ unsigned long long shared[];
  Key* part = reinterpret_cast<Key*>(shared);
  for (unsigned start = blockIdx.x * capacity; start < count; start += gridDim.x * capacity) {
    for (unsigned i = threadIdx.x; i < capacity; i += blockDim.x) part[i] = keys[start + i];
    __syncthreads();
    for (unsigned run = first_run; run <= last_run; run *= 2) {
      for (unsigned distance = min(run, capacity) / 2; distance > 0; distance /= 2) {
        for (unsigned pair = threadIdx.x; pair < capacity / 2; pair += blockDim.x) {
          unsigned first = 2 * distance * (pair / distance) + pair % distance;
          exchange(part[first], part[first + distance], ((start + first) & (padded - 1) & run) == 0);
        }
        __syncthreads();
      }
    }
    for (unsigned i = threadIdx.x; i < capacity; i += blockDim.x) keys[start + i] = part[i];
    __syncthreads();
  }
}

extern "C" __global__ void topk_sort_step(Key* keys, unsigned run, unsigned distance, unsigned padded,
                                          unsigned pairs) {
  FOR_ALL(i, pairs) {
    unsigned pair = unsigned(i);
    unsigned first = 2 * distance * (pair / distance) + pair % distance;
    Key a = keys[first], b = keys[first + distance];
    if (exchange(a, b, (first & (padded - 1) & run) == 0)) {
      keys[first] = a;
      keys[first + distance] = b;
    }
  }
}

extern "C" __global__ void topk_write(ELEMENT* values, INDEX* indices, const ELEMENT* source, const Key* keys,
                                      unsigned padded, const Divisor k, const TopK t) {
  FOR_ALL(i, (unsigned long long)(t.rows) * t.k) {
    unsigned place;
    unsigned number = k.split(unsigned(i), place);
    const ELEMENT* row = source + row_start(t, number, t.size);
    write_result(values, indices, row, number, place, keys[(unsigned long long)(number)*padded + place], t);
  }
}
