// The past of a cache in another order of the batch, as beam search asks for it.
#include "words.cuh"

struct ReorderShape {
  int batch;   // sequences of the source
  int blocks;  // blocks of rows of a sequence (heads)
  int wide;    // whether the order is given in 64 bits
  int unused;
  long long words;  // of the rows of a block
  long long count;  // words of the result
  long long source_pitch, target_pitch;  // words from one block of rows to the next
};

// order [sequences of the result]: a number below zero counts from the end; rows of one that does not exist are zero.
#define REORDER(BYTES, W)                                                                                           \
  extern "C" __global__ void reorder_##BYTES(const W* source, const void* order, W* target, ReorderShape s) {        \
    for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < s.count;                  \
         i += static_cast<long long>(gridDim.x) * blockDim.x) {                                                     \
      const long long block = i / s.words, word = i % s.words, sequence = block / s.blocks;                         \
      long long from = s.wide ? static_cast<const long long*>(order)[sequence] : static_cast<const int*>(order)[sequence]; \
      if (from < 0) from += s.batch;                                                                                \
      W value = {};                                                                                                 \
      if (from >= 0 && from < s.batch) value = source[(from * s.blocks + block % s.blocks) * s.source_pitch + word];  \
      target[block * s.target_pitch + word] = value;                                                                \
    }                                                                                                               \
  }
FOR_EACH_WORD(REORDER)
