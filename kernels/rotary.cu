// Rotary position embedding: halves of a head are turned by an angle of each position (Su et al., "RoFormer", 2021).
//
// Query and key, perhaps the value too (which is only put where it belongs), are parts of one launch.
#include "storage.cuh"

constexpr int MOST_ROTARY_PARTS = 3;

// Strides in elements; those inside a head are 1.
struct RotaryPart {
  const Element* x;
  Element* out;
  int first;   // head of the launch that is the first one of this part; behind all heads for a part that is not there
  int turned;  // 0: copied
  long long x_batch, x_head, x_row, out_batch, out_head, out_row;
};

struct RotaryShape {
  int heads, length, half, unused;  // heads of all parts; elements of half a head
  long long count;                  // groups of elements: batch * heads * length * half / width
  long long angle_batch, angle_head, angle_row;
  RotaryPart parts[MOST_ROTARY_PARTS];
};

// A thread turns WIDTH (1 or PER_16_BYTES) elements of the first half of a head and those WIDTH of the second half that belong to them.
template <int WIDTH>
__device__ __forceinline__ void turn(const Element* cosine, const Element* sine, const RotaryShape& s) {
  const int groups = s.half / WIDTH;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < s.count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const int e = static_cast<int>(i % groups) * WIDTH;
    long long rest = i / groups;
    int head = static_cast<int>(rest % s.heads);
    rest /= s.heads;
    const int row = static_cast<int>(rest % s.length);
    const long long batch = rest / s.length;
    // Chosen by comparisons: an index would bring the parts to local memory.
    RotaryPart part = s.parts[0];
#pragma unroll
    for (int n = 1; n < MOST_ROTARY_PARTS; n++)
      if (head >= s.parts[n].first) part = s.parts[n];
    head -= part.first;
    const Element* from = part.x + batch * part.x_batch + head * part.x_head + row * part.x_row + e;
    Element* to = part.out + batch * part.out_batch + head * part.out_head + row * part.out_row + e;
    Accumulator first[WIDTH], second[WIDTH];
    if constexpr (WIDTH > 1) {
      load_16_bytes(from, first);
      load_16_bytes(from + s.half, second);
    } else {
      first[0] = widen(from[0]);
      second[0] = widen(from[s.half]);
    }
    if (part.turned) {
      const long long angle = batch * s.angle_batch + head * s.angle_head + row * s.angle_row + e;
      Accumulator c1[WIDTH], c2[WIDTH], s1[WIDTH], s2[WIDTH];
      if constexpr (WIDTH > 1) {
        load_16_bytes(cosine + angle, c1);
        load_16_bytes(cosine + angle + s.half, c2);
        load_16_bytes(sine + angle, s1);
        load_16_bytes(sine + angle + s.half, s2);
      } else {
        c1[0] = widen(cosine[angle]);
        c2[0] = widen(cosine[angle + s.half]);
        s1[0] = widen(sine[angle]);
        s2[0] = widen(sine[angle + s.half]);
      }
#pragma unroll
      for (int j = 0; j < WIDTH; j++) {
        const Accumulator turned = first[j] * c1[j] - second[j] * s1[j];
        second[j] = second[j] * c2[j] + first[j] * s2[j];
        first[j] = turned;
      }
    }
    if constexpr (WIDTH > 1) {
      store_16_bytes(to, first);
      store_16_bytes(to + s.half, second);
    } else {
      to[0] = narrow(first[0]);
      to[s.half] = narrow(second[0]);
    }
  }
}

extern "C" __global__ void rotary_single(const Element* cosine, const Element* sine, RotaryShape s) { turn<1>(cosine, sine, s); }
extern "C" __global__ void rotary_16(const Element* cosine, const Element* sine, RotaryShape s) { turn<PER_16_BYTES>(cosine, sine, s); }
