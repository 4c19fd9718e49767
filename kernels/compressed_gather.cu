// Rows of a table of packed weights, unpacked on their way: an embedding whose table is never stored unpacked.
//
// out[i, k] = (weight[index[i], k] - zero[index[i], g]) * scale[index[i], g], with g = k / group; zeros for an index outside.
// WEIGHTS_... as in weights.cuh, INDEX is the type of the indices.
#include "places.cuh"
#include "weights.cuh"

struct CompressedRows {
  unsigned count;  // eights of the result, or elements
  int groups;
  long long rows;  // of the table
  Divisor depth;   // of a row, in eights or elements
  Divisor group;   // in elements
};

__device__ __forceinline__ void store_eight(Element* p, const float (&values)[8]) {
#pragma unroll
  for (int i = 0; i < 8; i += PER_16_BYTES) store_16_bytes(p + i, values + i);
}

// EACH elements of a row per thread, which lie in one group.
template <int EACH>
__device__ __forceinline__ void gather_rows(const unsigned char* weights, const INDEX* indices, const Element* scales,
                                            const Element* zeros, Element* out, const CompressedRows& s) {
  DECODER(decode);
  FOR_ALL(i, s.count) {
    unsigned part;
    long long row = static_cast<long long>(indices[s.depth.split(unsigned(i), part)]);
    float values[EACH] = {};
    if (normalize(row, s.rows)) {
      const long long first = (row * s.depth.divisor + part) * EACH, group = row * s.groups + s.group.quotient(part * EACH);
      const float scale = widen(scales[group]), zero = zero_at(zeros, group);
      if constexpr (EACH == 8) {
        EightCodes codes;
        codes.load(weights, first);
#pragma unroll
        for (int j = 0; j < 8; j++) values[j] = (decode(codes.at(j)) - zero) * scale;
      } else {
        values[0] = (decode(code_at(weights, first)) - zero) * scale;
      }
    }
    if constexpr (EACH == 8)
      store_eight(out + i * 8, values);
    else
      out[i] = narrow(values[0]);
  }
}

#define GATHER_ROWS(NAME, EACH)                                                                                           \
  extern "C" __global__ void __launch_bounds__(256) NAME(const unsigned char* weights, const INDEX* indices,                 \
                                                         const Element* scales, const Element* zeros, Element* out,         \
                                                         const CompressedRows s) {                                          \
    gather_rows<EACH>(weights, indices, scales, zeros, out, s);                                                             \
  }
GATHER_ROWS(compressed_gather_eight, 8)
GATHER_ROWS(compressed_gather_single, 1)  // for rows and groups of any length
