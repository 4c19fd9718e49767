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
  for (int i = 0; i < 8; i += PER_16_BYTES) {
    SixteenBytes part;
#pragma unroll
    for (int j = 0; j < PER_16_BYTES; j++) part.at[j] = narrow(values[i + j]);
    *reinterpret_cast<uint4*>(p + i) = reinterpret_cast<const uint4&>(part);
  }
}

// Eight elements of a row per thread, which lie in one group.
extern "C" __global__ void __launch_bounds__(256) compressed_gather_eight(const unsigned char* weights, const INDEX* indices,
                                                                          const Element* scales, const Element* zeros,
                                                                          Element* out, const CompressedRows s) {
  DECODER(decode);
  FOR_ALL(i, s.count) {
    unsigned eight;
    long long row = static_cast<long long>(indices[s.depth.split(unsigned(i), eight)]);
    float values[8] = {};
    if (normalize(row, s.rows)) {
      EightCodes codes;
      codes.load(weights, (row * s.depth.divisor + eight) * 8);
      const long long group = row * s.groups + s.group.quotient(eight * 8);
      const float scale = widen(scales[group]), zero = zero_at(zeros, group);
#pragma unroll
      for (int j = 0; j < 8; j++) values[j] = (decode(codes.at(j)) - zero) * scale;
    }
    store_eight(out + i * 8, values);
  }
}

// An element per thread, for rows and groups of any length.
extern "C" __global__ void __launch_bounds__(256) compressed_gather_single(const unsigned char* weights, const INDEX* indices,
                                                                           const Element* scales, const Element* zeros,
                                                                           Element* out, const CompressedRows s) {
  DECODER(decode);
  FOR_ALL(i, s.count) {
    unsigned k;
    long long row = static_cast<long long>(indices[s.depth.split(unsigned(i), k)]);
    float value = 0;
    if (normalize(row, s.rows)) {
      const long long group = row * s.groups + s.group.quotient(k);
      value = (decode(code_at(weights, row * s.depth.divisor + k)) - zero_at(zeros, group)) * widen(scales[group]);
    }
    out[i] = narrow(value);
  }
}
