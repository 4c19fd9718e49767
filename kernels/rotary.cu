// Rotary position embedding: halves of a head are turned by an angle of each position (Su et al., "RoFormer", 2021).
#include "storage.cuh"

struct RotaryShape {
  int heads, length, half;  // elements of half a head
  long long count;          // groups of elements: batch * heads * length * half / width
  // Strides in elements; those inside a head are 1.
  long long x_batch, x_head, x_row, angle_batch, angle_head, angle_row, out_batch, out_head, out_row;
};

// A thread turns WIDTH elements of the first half of a head and those WIDTH of the second half that belong to them.
template <int WIDTH>
__device__ __forceinline__ void turn(const Element* x, const Element* cosine, const Element* sine, Element* out,
                                     const RotaryShape& s) {
  const int groups = s.half / WIDTH;
  for (long long i = blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x; i < s.count;
       i += static_cast<long long>(gridDim.x) * blockDim.x) {
    const int e = static_cast<int>(i % groups) * WIDTH;
    long long rest = i / groups;
    const int head = static_cast<int>(rest % s.heads);
    rest /= s.heads;
    const int row = static_cast<int>(rest % s.length);
    const long long batch = rest / s.length;
    const Element* from = x + batch * s.x_batch + head * s.x_head + row * s.x_row + e;
    const long long angle = batch * s.angle_batch + head * s.angle_head + row * s.angle_row + e;
    Element* to = out + batch * s.out_batch + head * s.out_head + row * s.out_row + e;
    Accumulator first[WIDTH], second[WIDTH], c1[WIDTH], c2[WIDTH], s1[WIDTH], s2[WIDTH];
    if constexpr (WIDTH == 4) {
      load_four(from, first);
      load_four(from + s.half, second);
      load_four(cosine + angle, c1);
      load_four(cosine + angle + s.half, c2);
      load_four(sine + angle, s1);
      load_four(sine + angle + s.half, s2);
    } else {
      first[0] = widen(from[0]);
      second[0] = widen(from[s.half]);
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
    if constexpr (WIDTH == 4) {
      store_four(to, first);
      store_four(to + s.half, second);
    } else {
      to[0] = narrow(first[0]);
      to[s.half] = narrow(second[0]);
    }
  }
}

extern "C" __global__ void rotary_single(const Element* x, const Element* cosine, const Element* sine, Element* out,
                                         RotaryShape s) {
  turn<1>(x, cosine, sine, out, s);
}
extern "C" __global__ void rotary_four(const Element* x, const Element* cosine, const Element* sine, Element* out,
                                       RotaryShape s) {
  turn<4>(x, cosine, sine, out, s);
}
