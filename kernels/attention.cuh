// Attention as all its kernels see it: sizes and strides, one batch of it, scores and the weights they become.
#pragma once
#include "storage.cuh"

constexpr int LARGEST_BATCH_RANK = 6;

struct AttentionShape {
  int rows, columns, head, value_head;  // queries, keys, elements of a query, elements of a value
  int causal;
  int mask_kind;  // 0 none, 1 boolean (0 hides), 2 added
  int batch, batch_rank;
  int batch_dims[LARGEST_BATCH_RANK];
  float scale;  // when there is no tensor with it
  int slices, slice_columns;  // parts of the keys that different blocks look at, and keys of one of them
  int unused;
  // Strides in elements; those of a row's elements are 1.
  long long query_row, key_row, value_row, out_row, mask_row, mask_column;
  long long query_batch[LARGEST_BATCH_RANK], key_batch[LARGEST_BATCH_RANK], value_batch[LARGEST_BATCH_RANK];
  long long out_batch[LARGEST_BATCH_RANK], mask_batch[LARGEST_BATCH_RANK];
};

struct AttentionBatch {
  const Element *query, *key, *value;
  Element* out;
  const void* mask;
  const AttentionShape& s;

  __device__ __forceinline__ AttentionBatch(const Element* query, const Element* key, const Element* value, const void* mask,
                                            Element* out, const AttentionShape& s, int batch)
      : query(query), key(key), value(value), out(out), mask(mask), s(s) {
    long long mask_offset = 0;
    for (int axis = s.batch_rank - 1; axis >= 0; axis--) {
      int index = batch % s.batch_dims[axis];
      batch /= s.batch_dims[axis];
      this->query += index * s.query_batch[axis];
      this->key += index * s.key_batch[axis];
      this->value += index * s.value_batch[axis];
      this->out += index * s.out_batch[axis];
      mask_offset += index * s.mask_batch[axis];
    }
    if (s.mask_kind == 1) this->mask = static_cast<const unsigned char*>(mask) + mask_offset;
    if (s.mask_kind == 2) this->mask = static_cast<const Element*>(mask) + mask_offset;
  }

  // A score with scale and mask; -infinity where the row may not look.
  __device__ __forceinline__ float masked(float score, int row, int column) const {
    const float hidden = __int_as_float(0xff800000);
    if (row >= s.rows || column >= s.columns || (s.causal && column > row)) return hidden;
    if (s.mask_kind == 1)
      return static_cast<const unsigned char*>(mask)[row * s.mask_row + column * s.mask_column] ? score : hidden;
    if (s.mask_kind == 2) score += widen(static_cast<const Element*>(mask)[row * s.mask_row + column * s.mask_column]);
    return score;
  }
};

// exp(x - maximum) where a row that sees nothing has the maximum -infinity.
__device__ __forceinline__ float weight_of(float x, float maximum) {
  return __expf(x - (maximum == __int_as_float(0xff800000) ? 0.f : maximum));
}
