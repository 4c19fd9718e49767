// Copies between strided places, transpositions, padding and reversed sequences, for elements of 1 to 16 bytes.
#include "divisor.cuh"
#include "words.cuh"

// ---- strided copies --------------------------------------------------------------------------------------------------
// A box of words that lies in two places. Dimension 0 is the slowest in the target.
template <int RANK> struct Box {
  unsigned long long target, source;
  unsigned count, rank;  // words, fewer than 2^31; dimensions
  Divisor dims[RANK];
  long long target_strides[RANK], source_strides[RANK];  // in bytes

  __device__ __forceinline__ void locate(unsigned index, long long& to, long long& from) const {
    unsigned rest = index;
    to = from = 0;
#pragma unroll
    for (int d = RANK - 1; d >= 0; d--) {
      if (d >= int(rank)) continue;
      unsigned place = rest;
      if (d > 0) rest = dims[d].split(rest, place);
      to += place * target_strides[d];
      from += place * source_strides[d];
    }
  }
};

template <int RANK, int PARTS> struct Boxes {
  Box<RANK> parts[PARTS];
};

// Words that a thread has in flight at a time.
#define IN_FLIGHT 4

template <class W, int RANK> __device__ __forceinline__ void copy_box(const Box<RANK>& box) {
  char* target = reinterpret_cast<char*>(box.target);
  const char* source = reinterpret_cast<const char*>(box.source);
  unsigned long long step = (unsigned long long)(gridDim.x) * blockDim.x * IN_FLIGHT;
  for (unsigned long long first = (unsigned long long)(blockIdx.x) * blockDim.x * IN_FLIGHT + threadIdx.x;
       first < box.count; first += step) {
    W words[IN_FLIGHT];
    long long places[IN_FLIGHT];
#pragma unroll
    for (int i = 0; i < IN_FLIGHT; i++) {
      unsigned long long index = first + i * blockDim.x;
      if (index >= box.count) continue;
      long long from;
      box.locate(unsigned(index), places[i], from);
      words[i] = *reinterpret_cast<const W*>(source + from);
    }
#pragma unroll
    for (int i = 0; i < IN_FLIGHT; i++)
      if (first + i * blockDim.x < box.count) *reinterpret_cast<W*>(target + places[i]) = words[i];
  }
}

// Several copies at once: block row y does part y.
#define COPY(BYTES, W)                                                                                       \
  extern "C" __global__ void copy_##BYTES(const Box<10> box) { copy_box<W>(box); }                           \
  extern "C" __global__ void copy_parts_##BYTES(const Boxes<5, 16> boxes) { copy_box<W>(boxes.parts[blockIdx.y]); }
FOR_EACH_WORD(COPY)

// ---- transposition ---------------------------------------------------------------------------------------------------
// The fastest dimension of the target (``columns``) is another one than that of the source (``rows``).
struct Transposition {
  unsigned long long target, source;
  unsigned rows, columns;
  long long target_row, source_column;  // strides in bytes
  Divisor row_tiles, column_tiles;
  unsigned long long tiles;  // of all the rest together
  unsigned rank;             // the rest
  Divisor dims[6];
  long long target_strides[6], source_strides[6];
};

#define TILE 32
#define TILE_ROWS 8

// A block of 32 x 8 threads moves tiles of 32 x 32 words through shared memory: both sides are walked along their fastest
// dimension. The extra column spreads a column of a tile over all banks.
template <class W> __device__ __forceinline__ void transpose_tiles(const Transposition& t) {
  __shared__ W tile[TILE][TILE + 1];
  for (unsigned long long number = blockIdx.x; number < t.tiles; number += gridDim.x) {
    unsigned column_tile, row_tile;
    unsigned rest = t.row_tiles.split(t.column_tiles.split(unsigned(number), column_tile), row_tile);
    const char* source = reinterpret_cast<const char*>(t.source);
    char* target = reinterpret_cast<char*>(t.target);
#pragma unroll
    for (int d = 5; d >= 0; d--) {
      if (d >= int(t.rank)) continue;
      unsigned place = rest;
      if (d > 0) rest = t.dims[d].split(rest, place);
      target += place * t.target_strides[d];
      source += place * t.source_strides[d];
    }
    unsigned row = row_tile * TILE + threadIdx.x;
#pragma unroll
    for (int i = 0; i < TILE; i += TILE_ROWS) {
      unsigned column = column_tile * TILE + threadIdx.y + i;
      if (row < t.rows && column < t.columns)
        tile[threadIdx.y + i][threadIdx.x] = reinterpret_cast<const W*>(source + column * t.source_column)[row];
    }
    __syncthreads();
    unsigned column = column_tile * TILE + threadIdx.x;
#pragma unroll
    for (int i = 0; i < TILE; i += TILE_ROWS) {
      unsigned target_row = row_tile * TILE + threadIdx.y + i;
      if (target_row < t.rows && column < t.columns)
        reinterpret_cast<W*>(target + target_row * t.target_row)[column] = tile[threadIdx.x][threadIdx.y + i];
    }
    __syncthreads();
  }
}

#define TRANSPOSE(BYTES, W) \
  extern "C" __global__ void transpose_##BYTES(const Transposition t) { transpose_tiles<W>(t); }
FOR_EACH_WORD(TRANSPOSE)

// ---- padding ---------------------------------------------------------------------------------------------------------
enum PadMode { CONSTANT, EDGE, REFLECT, SYMMETRIC };

struct Padding {
  unsigned count, rank, mode;
  Divisor dims[8];      // of the target
  int before[8];        // words added before the source, negative: removed
  int sizes[8];         // of the source
  long long strides[8]; // of the source, in words
};

// Where position ``at`` (in the source's coordinates) is copied from; size is at least 1.
__device__ __forceinline__ int padded_from(int at, int size, unsigned mode) {
  if (mode == EDGE) return min(max(at, 0), size - 1);
  if (mode == REFLECT) {  // the edge itself is not repeated
    if (size == 1) return 0;
    int period = 2 * (size - 1);
    at = abs(at) % period;
    return min(at, period - at);
  }
  int period = 2 * size;
  at = (at % period + period) % period;
  return min(at, period - 1 - at);
}

template <class W>
__device__ __forceinline__ void pad_words(W* target, const W* source, const W* value, const Padding& p) {
  W fill = W();
  if (value != nullptr) fill = *value;
  for (unsigned long long i = (unsigned long long)(blockIdx.x) * blockDim.x + threadIdx.x; i < p.count;
       i += (unsigned long long)(gridDim.x) * blockDim.x) {
    unsigned rest = unsigned(i);
    long long from = 0;
    bool inside = true;
#pragma unroll
    for (int d = 7; d >= 0; d--) {
      if (d >= int(p.rank)) continue;
      unsigned place = rest;
      if (d > 0) rest = p.dims[d].split(rest, place);
      int at = int(place) - p.before[d];
      if (unsigned(at) >= unsigned(p.sizes[d])) {
        if (p.mode == CONSTANT)
          inside = false;
        else
          at = padded_from(at, p.sizes[d], p.mode);
      }
      from += at * p.strides[d];
    }
    W word = fill;
    if (inside) word = source[from];
    target[i] = word;
  }
}

#define PAD(BYTES, W)                                                                                              \
  extern "C" __global__ void pad_##BYTES(W* target, const W* source, const W* value, const Padding p) {            \
    pad_words<W>(target, source, value, p);                                                                        \
  }
FOR_EACH_WORD(PAD)

// ---- reversed sequences ----------------------------------------------------------------------------------------------
// The tensor as [outer, first, middle, second, inner]: one of first and second is the batch, the other one the sequence.
struct Sequences {
  unsigned count;
  Divisor first, middle, second, inner;
  unsigned batch_first, same;  // same: batch and sequence are one axis (first), second is 1
};

template <class W, class I>
__device__ __forceinline__ void reverse_words(W* target, const W* source, const I* lengths, const Sequences& s) {
  for (unsigned long long i = (unsigned long long)(blockIdx.x) * blockDim.x + threadIdx.x; i < s.count;
       i += (unsigned long long)(gridDim.x) * blockDim.x) {
    unsigned inner, second, middle, first;
    unsigned outer =
        s.first.split(s.middle.split(s.second.split(s.inner.split(unsigned(i), inner), second), middle), first);
    unsigned batch = s.same || s.batch_first ? first : second;
    unsigned step = s.same || !s.batch_first ? first : second;
    long long length = (long long)(lengths[batch]);
    unsigned size = s.same || !s.batch_first ? s.first.divisor : s.second.divisor;
    long long from = step < length ? length - 1 - step : step;
    from = min(max(from, 0ll), (long long)(size)-1);
    if (s.same || !s.batch_first)
      first = unsigned(from);
    else
      second = unsigned(from);
    unsigned long long place = (unsigned long long)(outer) * s.first.divisor + first;
    place = (place * s.middle.divisor + middle) * s.second.divisor + second;
    target[i] = source[place * s.inner.divisor + inner];
  }
}

#define REVERSE(BYTES, W)                                                                                          \
  extern "C" __global__ void reverse_sequence_##BYTES##_i32(W* target, const W* source, const int* lengths,        \
                                                            const Sequences s) {                                   \
    reverse_words(target, source, lengths, s);                                                                     \
  }                                                                                                                \
  extern "C" __global__ void reverse_sequence_##BYTES##_i64(W* target, const W* source, const long long* lengths,  \
                                                            const Sequences s) {                                   \
    reverse_words(target, source, lengths, s);                                                                     \
  }
FOR_EACH_WORD(REVERSE)
